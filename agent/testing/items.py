"""What pytest collects: a flow's check, the flow itself or each of its rows, and recorded runs."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from qvl_agent.actions.core.errors import QvlError
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.check import check
from qvl_agent.agent.flows.offline import OfflineStep, Recorded
from qvl_agent.agent.flows.queue import Item, rows
from qvl_agent.agent.flows.reading import Loaded, Mistake, read
from qvl_agent.agent.flows.run.hands import plain_path
from qvl_agent.agent.flows.run.record import ItemEnded, StepEnded, read_lines
from qvl_agent.agent.flows.run.runner import needs_items
from qvl_agent.agent.flows.work import data_file
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.report.candidates import draw_failure
from qvl_agent.agent.testing.live import Ran, run_once
from qvl_agent.agent.testing.settings import FlowSettings, settings_key
from qvl_agent.agent.wording import visible

__all__ = ["FlowFile", "RunFile"]


_latest = pytest.StashKey[tuple["FlowFile", Recorded]]()


class FlowFailedTest(Exception):  # noqa: N818 - how a test fails
    """A flow's test failed; the message has a line for each thing that is wrong."""


class _Item(pytest.Item):
    """A test that isn't a Python function.

    Attributes:
        facts: what the session's page shows of it.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.facts: dict[str, Any] = {"moved": [], "message": "", "pictures": [], "unseen": 0, "mode": ""}
        self.add_marker("flow")

    @property
    def settings(self) -> FlowSettings:
        return self.config.stash[settings_key]

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what is wrong with the flow, not a traceback of this program."""
        if isinstance(excinfo.value, (FlowFailedTest, QvlError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, 0, self.name

    def fail(self, lines: Iterable[str]) -> None:
        """End the test with what is wrong."""
        said = "\n".join(lines)
        self.facts["message"] = said
        raise FlowFailedTest(said)


class FlowFile(pytest.File):
    """One flow."""

    loaded: Loaded
    ran: Ran | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the check of the file, then the flow, or a test for each row of its data."""
        found = read(self.path)
        yield CheckItem.from_parent(self, name="check", mistakes=found if isinstance(found, list) else None)
        if isinstance(found, list):
            return
        self.loaded = found
        if not needs_items(found.flow):
            yield FlowItem.from_parent(self, name="flow", row=None)
            return
        data = found.flow.data
        try:
            items = list(
                rows(data_file(found, None), data.key if data else None, data.sheet or "" if data else "")
            )
        except QvlError as error:
            yield BrokenItem.from_parent(self, name="data", message=str(error))
            return
        for item in items:
            yield FlowItem.from_parent(self, name=visible(item.key), row=item)

    def recorded(self) -> Recorded:
        """Return the flow's recorded pictures; a session keeps those of its last flow."""
        latest = self.session.stash.get(_latest, None)
        if latest is None or latest[0] is not self:
            latest = self.session.stash[_latest] = self, Recorded(self.loaded, _reader(self.config))
        return latest[1]

    def run_once(self, settings: FlowSettings) -> Ran:
        """Run the flow live with all rows that are chosen, once for all of its tests."""
        if self.ran is None:
            chosen = [
                each.row.number
                for each in self.session.items
                if isinstance(each, FlowItem) and each.path == self.path and each.row is not None
            ]
            self.ran = run_once(self.loaded, chosen, settings)
        return self.ran


class CheckItem(_Item):
    """`flow check` of one file."""

    def __init__(self, *, mistakes: list[Mistake] | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._mistakes = mistakes

    def runtest(self) -> None:
        """Fail with every mistake."""
        found = self._mistakes if self._mistakes is not None else check(self.path)
        wrong = [str(mistake) for mistake in found if not mistake.note]
        if wrong:
            self.fail(wrong)


class BrokenItem(_Item):
    """A flow whose rows can't be read: a test that fails, so that the session's other tests are run."""

    def __init__(self, *, message: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._message = message

    def runtest(self) -> None:
        """Fail with the reason."""
        self.fail([self._message])


class FlowItem(_Item):
    """A flow, or one row of it."""

    parent: FlowFile

    def __init__(self, *, row: Item | None, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.row = row

    def runtest(self) -> None:
        """Run it in the session's mode."""
        self.facts["mode"] = self.settings.mode
        if self.row is not None and self.row.problem:
            self.fail([f"row {self.row.number}: {self.row.problem}"])
        if self.settings.mode == "offline":
            self._offline()
        else:
            self._live()

    def _offline(self) -> None:
        values: Mapping[str, Any] | None = self.row.values if self.row else None
        steps = list(self.parent.recorded().steps(variables=self._variables(), row=values))
        for step in steps:
            self.facts["moved"] += [f"{step.words}: {found.moved}" for found in step.found if found.moved]
        self.facts["unseen"] = sum(step.status == "unseen" for step in steps)
        failed = [step for step in steps if step.status == "failed"]
        self.facts["pictures"] = [self._picture(step) for step in failed]
        if failed:
            self.fail(self._line(step.path, step.words, step.message) for step in failed)
        if not any(step.status == "passed" for step in steps):
            pytest.skip("the flow has no recorded pictures to be checked on; compile it from a run")

    def _variables(self) -> dict[str, str]:
        """Return what --flow-set gives to this flow; other flows have other variables."""
        known = self.parent.loaded.flow.variables
        return {name: value for name, value in self.settings.variables.items() if name in known}

    def _live(self) -> None:
        done = self.parent.run_once(self.settings)
        if not done.folder:
            self.fail([done.error])
        key, folder = self.row.key if self.row else "", Path(done.folder)
        written = read_lines(folder)
        result = next((each for each in written if isinstance(each, ItemEnded) and each.key == key), None)
        lines = [each for each in written if isinstance(each, StepEnded) and each.key == key]
        self.facts["moved"] = [
            *done.healed,
            *(f"{line.words}: {found.moved}" for line in lines for found in line.found if found.moved),
        ]
        self.facts["attempts"] = [
            f"{line.words}: attempt {line.attempt}, {line.status}" for line in lines if line.attempt > 1
        ]
        wrong = [line for line in lines if line.status != "done"]
        self.facts["pictures"] = [
            draw_failure(
                folder / line.frame.file, line.found, self.settings.pictures / f"{folder.name}-{number}.png"
            )
            for number, line in enumerate(lines)
            if line in wrong and line.frame
        ]
        if result is None:
            self.fail([f"it wasn't run to its end: {done.status}: {done.message}", f"the run: {folder}"])
            return
        soft = [self._line(line.path, line.words, line.message) for line in lines if line.status == "noted"]
        if result.status not in {"done", "skipped"}:
            self.fail([*soft, self._ended(result), f"the run: {folder}"])
        if self.row is None and done.status != "done":
            self.fail([f"{done.status}: {done.message}", f"the run: {folder}"])

    def _ended(self, result: ItemEnded) -> str:
        if not result.path:
            return f"{result.status}: {result.message}"
        return f"{result.status}: {self._line(result.path, '', result.message)}"

    def _line(self, path: str, words: str, message: str) -> str:
        # The step of a flow that is used has no line in this file; the step that uses it has.
        line, column = self.parent.loaded.where(plain_path(path).split(".use[")[0])
        said = f" {words}:" if words else ""
        return f"{self.path.name}:{line}:{column}:{said} {message}"

    def _picture(self, step: OfflineStep) -> str:
        if step.picture is None:
            return ""
        # A row's key may be any text, and two folders may have flows of one name.
        name = f"{hashlib.sha256(f'{self.nodeid} {step.path}'.encode()).hexdigest()[:16]}.png"
        return draw_failure(step.picture, step.found, self.settings.pictures / name)


class RunFile(pytest.File):
    """The folder of a recorded run."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the run, as one test."""
        yield RunItem.from_parent(self, name=self.path.parent.name)


class RunItem(_Item):
    """A recorded run, taken through parser, planner and guard again."""

    def runtest(self) -> None:
        """Fail with every step that differs."""
        self.facts["mode"] = "replay"
        report = replay(Recording.open(self.path.parent))
        wrong = [
            f"step {step.step}: {difference.sentence}"
            for step in report.steps
            for difference in step.differences
        ]
        if wrong or not report.agreed:
            self.fail(wrong or ["the recording has no steps"])


_reader_key = pytest.StashKey["Reader | None"]()


def _reader(config: pytest.Config) -> Reader | None:
    """Return the session's reader; None if none is installed."""
    if _reader_key not in config.stash:
        config.stash[_reader_key] = open_reader()
    return config.stash[_reader_key]
