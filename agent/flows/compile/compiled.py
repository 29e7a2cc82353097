"""What compiling a run gives: the flow, its lock, what was left out, and what a person still has to add."""

from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.compile.detours import LeftOut
from qvl_agent.agent.flows.compile.writing import as_yaml
from qvl_agent.agent.flows.lock import Lock, lock_folder, replace_file
from qvl_agent.agent.flows.script.flow import Flow

__all__ = ["Compiled", "LeftOut", "Problem", "write"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that can't be made safe from the recording alone.

    Attributes:
        step_path: the step that it is about, as `steps[2]`; "" for the whole flow.
        what: what is wrong, in a clause.
        what_to_add: what makes it safe.
    """

    step_path: str
    what: str
    what_to_add: str

    def __str__(self) -> str:
        where = f"{self.step_path}: " if self.step_path else ""
        return f"{where}{self.what}; {self.what_to_add}"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A flow that was made of a recorded run.

    Attributes:
        flow: the flow.
        lock: what its targets looked like.
        pictures: the lock's PNG files by their checksum.
        left_out: the recorded steps that it does without, in order.
        problems: what to look at before it is trusted; () if all was found, and proved.
    """

    flow: Flow
    lock: Lock
    pictures: dict[str, bytes]
    left_out: tuple[LeftOut, ...] = ()
    problems: tuple[Problem, ...] = ()

    def text(self) -> str:
        """Return the flow's file, with comments on what was left out and on what to check.

        Raises:
            FlowError: the library that writes YAML isn't installed.
        """
        notes = [f"Made from the run {self.lock.made_from}." if self.lock.made_from else "Made from a run."]
        notes += [f"Left out: {one}." for one in self.left_out]
        notes += [f"Check: {one.what}; {one.what_to_add}." for one in self.problems if not one.step_path]
        comments: dict[int, list[str]] = {}
        for place in range(len(self.flow.steps)):
            mine = [one for one in self.problems if one.step_path == f"steps[{place}]"]
            if mine:
                comments[place] = [f"Check: {one.what}; {one.what_to_add}." for one in mine]
        return as_yaml(self.flow, notes, comments)


def write(compiled: Compiled, path: Path) -> None:
    """Write a flow and, beside it, its lock, over those that are there.

    Args:
        compiled: what to write.
        path: `x.flow.yaml`; the lock becomes `x.lock/`.

    Raises:
        FlowError: the name isn't a flow's, or it can't be written.
        RecordingError: the lock can't be written; the flow isn't written then.
    """
    if not path.name.endswith((".flow.yaml", ".flow.yml")):
        raise FlowError(f"expected a name such as x.flow.yaml, got {path.name}")
    text = compiled.text()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        compiled.lock.save(lock_folder(path), compiled.pictures)
        replace_file(path, text.encode())
    except OSError as error:
        raise FlowError(f"can't write {path}: {error.strerror}; name another file") from error
