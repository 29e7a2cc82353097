"""The pytest plugin: `*.flow.yaml` files and recorded runs are tests, by default without a screen.

    pytest flows/                                  every flow, on its recorded pictures
    pytest flows/ --flow-mode=replay --flow-desktop=:1     live

A flow with data is a test for each row. Nothing is imported before a flow is collected, as every session of
pytest loads this module.
"""

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from qvl_agent.agent.testing.settings import FlowSettings, settings_key

if TYPE_CHECKING:
    from qvl_agent.actions.desktops import Desktop
    from qvl_agent.agent.flows.run.runner import FlowRun
    from qvl_agent.agent.flows.session import Session

__all__: list[str] = []

_SUFFIXES: Final = (".flow.yaml", ".flow.yml")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; each has its place in a settings file too where it makes sense."""
    group = parser.getgroup("flows", "flows of qvl-agent")
    group.addoption(
        "--flow-mode",
        choices=["offline", "replay", "heal"],
        default=None,
        help="offline: on the recorded pictures, nothing is sent (default); replay: on a desktop; "
        "heal: on a desktop, and propose what to change where a target moved.",
    )
    group.addoption("--flow-desktop", metavar="NAME", help="Where live tests act: local, :1, sandbox:APP.")
    group.addoption("--flow-report", metavar="DIR", help="Write a page about the whole session there.")
    group.addoption(
        "--flow-set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="A value for the flows' variable.",
    )
    group.addoption(
        "--flow-trust", action="store_true", help="Live flows may send, delete, pay as they list."
    )
    parser.addini("flow_mode", "the default of --flow-mode", default="")
    parser.addini("flow_desktop", "the default of --flow-desktop", default="")
    parser.addini("flow_collect", "collect flows and recorded runs as tests", type="bool", default=True)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and read the options."""
    config.addinivalue_line("markers", "flow: a flow of qvl-agent, or a recorded run")
    config.stash[settings_key] = FlowSettings(config)
    config.pluginmanager.register(_Reports(config), "qvl-agent-flow-reports")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close the desktop."""
    if (settings := config.stash.get(settings_key, None)) is not None:
        settings.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect flows, and recorded runs by their manifest."""
    if not parent.config.getini("flow_collect"):
        return None
    is_flow = file_path.name.endswith(_SUFFIXES)
    is_run = file_path.name == "manifest.json" and (file_path.parent / "journal.jsonl").exists()
    if not is_flow and not is_run:
        return None
    from qvl_agent.agent.testing.items import FlowFile, RunFile  # noqa: PLC0415 - heavy

    kind = FlowFile if is_flow else RunFile
    return kind.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give the report of a flow's test what the session's page needs; xdist carries it to the controller."""
    report = yield
    facts = getattr(item, "facts", None)
    if facts is not None and call.when == "call":
        vars(report)["qvl_flow"] = facts
        pictures = [picture for picture in facts["pictures"] if picture]
        if pictures and not report.passed:
            lines = "\n".join(f"[[ATTACHMENT|{picture}]]" for picture in pictures)
            report.sections.append(("pictures", lines))
    return report


class _Reports:
    """What the tests of a session say about flows, where the reports of all workers arrive."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._reports = config, list[dict[str, Any]]()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the page needs, and attach the pictures in a JUnit file, once it has the test."""
        facts = getattr(report, "qvl_flow", None)
        if facts is None or hasattr(self._config, "workerinput"):
            return
        said = {"name": report.nodeid, "outcome": report.outcome, "seconds": report.duration}
        if report.skipped and isinstance(report.longrepr, tuple):
            said["message"] = str(report.longrepr[2])
        self._reports.append({**facts, **said})
        pictures = [picture for picture in facts["pictures"] if picture]
        if pictures and not report.passed:
            self._attach(report, pictures)

    def _attach(self, report: pytest.TestReport, pictures: list[str]) -> None:
        """Put pictures into the test's system-out, where CI servers look for `[[ATTACHMENT|…]]`."""
        plugins = self._config.pluginmanager.get_plugins()
        junit = next((each for each in plugins if type(each).__name__ == "LogXML"), None)
        if junit is None:
            return
        import xml.etree.ElementTree as ET  # noqa: PLC0415 - it only writes

        element = ET.Element("system-out")
        element.text = "\n".join(f"[[ATTACHMENT|{picture}]]" for picture in pictures)
        junit.node_reporter(report).append(element)

    def pytest_sessionfinish(self) -> None:
        """Write the page; not in a worker of xdist."""
        settings = self._config.stash[settings_key]
        if settings.report is not None and not hasattr(self._config, "workerinput"):
            from qvl_agent.agent.testing.page import write_page  # noqa: PLC0415 - heavy

            write_page(settings.report, self._reports)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was found otherwise, and where the page is."""
        moved = [(each["name"], words) for each in self._reports for words in each["moved"]]
        if moved:
            terminalreporter.section("found otherwise than recorded")
            for name, words in moved:
                terminalreporter.line(f"{name}: {words}")
        settings = self._config.stash[settings_key]
        if settings.report is not None:
            terminalreporter.line(f"flows: {settings.report / 'index.html'}")


@pytest.fixture(scope="session")
def desktop(pytestconfig: pytest.Config) -> "Desktop":
    """The desktop of --flow-desktop, open for the whole session."""
    return pytestconfig.stash[settings_key].desktop


@pytest.fixture
def flow_session(desktop: "Desktop", tmp_path: Path) -> "Iterator[Session]":
    """A session on the desktop: `flow_session.click("Save")`; it ends with the test."""
    from qvl_agent.agent.flows.session import session  # noqa: PLC0415 - heavy

    with session(desktop, runs=tmp_path / "runs") as opened:
        yield opened


@pytest.fixture
def flow_run(desktop: "Desktop", tmp_path: Path) -> "Callable[..., FlowRun]":
    """A function that runs a flow file on the desktop and returns its `FlowRun`; see `Flow.run`."""
    from qvl_agent.agent.flows.api import Flow  # noqa: PLC0415 - heavy

    def run(path: str | Path, **options: Any) -> "FlowRun":
        return Flow.load(path).run(desktop, runs=tmp_path / "runs", **options)

    return run
