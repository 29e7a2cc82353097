"""The list of faults in docs/faults.md, and what a test run says of each: `pytest --faults table`."""

import re
from collections import defaultdict
from typing import Final

import pytest
from project import ROOT

LIST: Final = ROOT / "docs" / "faults.md"
_ROW: Final = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \|$", re.MULTILINE)
_SHOWN: Final = 3


def faults() -> dict[int, str]:
    """Each fault's number and what it is."""
    return {int(number): what for number, what, _ in _ROW.findall(LIST.read_text(encoding="utf-8"))}


def numbers(item: pytest.Item) -> set[int]:
    """The faults that a test shows."""
    return {number for mark in item.iter_markers("fault") for number in mark.args}


class FaultTable:
    """Collects what came of each marked test, from every worker; `style` is "table" or "line"."""

    def __init__(self, style: str) -> None:
        self._style = style
        self._ran: dict[int, dict[str, str]] = defaultdict(dict)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """With --collect-only, count the faults that have tests."""
        if session.config.option.collectonly:
            for item in session.items:
                for number in numbers(item):
                    self._ran[number][item.nodeid] = "passed"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of a test's three phases; one that was skipped shows nothing."""
        for name, number in report.user_properties:
            if name == "fault" and isinstance(number, int):
                came = self._ran[number].get(report.nodeid, "passed")
                self._ran[number][report.nodeid] = came if came != "passed" else report.outcome

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._good() != len(faults()):
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        write = terminalreporter.write_line
        for number, what in faults().items():
            came = self._came(number)
            if self._style == "table" or came != "passed":
                write(f"fault {number:2}: {what} — {came}{self._tests(number)}")
        collected = terminalreporter.config.option.collectonly
        write(
            f"{self._good()} of {len(faults())} faults {'have tests' if collected else 'behave as specified'}"
        )

    def _came(self, number: int) -> str:
        """Say what came of a fault: one of its tests has to pass, and none may fail."""
        outcomes = set(self._ran.get(number, {}).values())
        return next((came for came in ("failed", "passed", "skipped") if came in outcomes), "missing")

    def _good(self) -> int:
        return sum(self._came(number) == "passed" for number in faults())

    def _tests(self, number: int) -> str:
        names = [
            node.rsplit("/", 1)[-1] + (f" ({came})" if came != "passed" else "")
            for node, came in self._ran.get(number, {}).items()
        ]
        names.sort(key=lambda name: name.endswith("]"))  # a case of many last
        more = len(names) - _SHOWN
        return "".join(f"\n    {name}" for name in names[:_SHOWN]) + (
            f"\n    and {more} more" if more > 0 else ""
        )
