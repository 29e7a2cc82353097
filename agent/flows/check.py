"""Find everything that is wrong with a flow before it is run, each with its line and a remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import FlowError, RecordingError
from qvl_agent.agent.flows.checks.evidence import check_evidence
from qvl_agent.agent.flows.checks.files import check_files, sub_flows
from qvl_agent.agent.flows.checks.names import check_names
from qvl_agent.agent.flows.checks.order import check_order
from qvl_agent.agent.flows.checks.sensitive import check_secrets
from qvl_agent.agent.flows.checks.subject import Subject, header
from qvl_agent.agent.flows.lock import Lock, lock_folder
from qvl_agent.agent.flows.reading import Loaded, Mistake, beside, read
from qvl_agent.agent.flows.tree import nodes

__all__ = ["Mistake", "check"]

_CHECKS: Final = (check_names, check_order, check_evidence, check_secrets, check_files)


def check(path: Path, *, data: Path | None = None) -> list[Mistake]:
    """Return every mistake in a flow, in its lock, and in the flows that it uses; notes are among them.

    Args:
        path: the flow's file.
        data: the file with the rows, if it isn't the one that the flow names.

    Raises:
        FlowError: the library that reads YAML isn't installed.
    """
    return _checked(path, data, in_loop=False, seen=set())


def _checked(path: Path, data: Path | None, *, in_loop: bool, seen: set[Path]) -> list[Mistake]:
    seen.add(path.resolve())
    loaded = read(path)
    if not isinstance(loaded, Loaded):
        return loaded
    mistakes = list(_beside(loaded, data, in_loop=in_loop))
    for _, _, found, looped in sub_flows(loaded):
        if isinstance(found, Loaded) and found.path.resolve() not in seen:
            mistakes += _checked(found.path, None, in_loop=looped or in_loop, seen=seen)
    return sorted(dict.fromkeys(mistakes), key=lambda each: (each.path != path, each))


def _beside(loaded: Loaded, data: Path | None, *, in_loop: bool) -> Iterator[Mistake]:
    """Look at what lies beside a flow, then check it."""
    folder = lock_folder(loaded.path)
    columns, lock = None, None
    declared = loaded.flow.data
    if declared is not None:
        try:
            file = data or beside(loaded.path, declared.file)
            if file.is_file():
                columns = header(file, declared.sheet)
            elif data is not None:
                yield loaded.mistake(
                    "data.file", f"there is no file {data}", "check the name given with --data"
                )
        except FlowError as error:
            message, _, remedy = str(error).partition("; ")
            yield loaded.mistake("data.file", message, remedy or "mend the file")
    if (folder / "lock.json").exists():
        try:
            lock = Lock.load(folder)
        except RecordingError as error:
            message, _, remedy = str(error).partition("; ")
            yield Mistake(folder / "lock.json", 1, 1, message, remedy)
    subject = Subject(loaded, columns, lock, folder, used_in_loop=in_loop)
    for one in _CHECKS:
        yield from one(subject)
    for _, node in nodes(loaded.tree):
        if node.cut:
            message = f"what stands behind # isn't part of {node.written!r}"
            remedy = "put the text in quotes if it belongs to it, else put a blank behind #"
            yield Mistake(loaded.path, *node.place, message, remedy, note=True)
