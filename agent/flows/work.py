"""Prepare what a run of a flow goes over: its queue, new or gone on with, and its output."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from platformdirs import user_state_path

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.lock import Lock, lock_folder
from qvl_agent.agent.flows.queue import Output, Queue, Status, checksum, delimiter, rows
from qvl_agent.agent.flows.reading import Loaded, beside, load, walk
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import Use
from qvl_agent.agent.flows.trust import fingerprint

__all__ = ["Wish", "fingerprint_of", "open_output", "open_queue", "queue_file"]

_OPEN: Final[tuple[Status, ...]] = ("waiting", "working", "application-error", "parked")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks of a queue.

    Attributes:
        data: the data file; None for the flow's own.
        file: the queue's file; None for the one that belongs to flow and data.
        resume: go on with a queue that is there.
        fresh: put a queue that is there aside, and begin anew.
        only: keys and rows, such as "4711,4712" or "3-10"; None for all.
        only_failed: those that failed before, again.
    """

    data: Path | None = None
    file: Path | None = None
    resume: bool = False
    fresh: bool = False
    only: str | None = None
    only_failed: bool = False


def fingerprint_of(loaded: Loaded) -> str:
    """Return the checksum of a flow, its lock, and those of the flows that it uses.

    A queue and a person's trust are bound to it.

    Raises:
        FlowError: a flow that it uses can't be read.
        RecordingError: a lock is broken.
    """
    flows = [loaded]
    for each in flows:  # grows meanwhile
        known = {flow.path.resolve() for flow in flows}
        uses = [step.use for _, step in walk(each.flow) if isinstance(step, Use)]
        files = {beside(each.path, name).resolve() for name in uses} - known
        flows += [load(file) for file in sorted(files)]
    folders = [lock_folder(flow.path) for flow in flows]
    locks = [Lock.load(folder) if folder.is_dir() else Lock() for folder in folders]
    return fingerprint("\n".join(flow.digest for flow in flows), "\n".join(lock.digest() for lock in locks))


def data_file(loaded: Loaded, given: Path | None) -> Path:
    """Return the data file of a flow.

    Raises:
        FlowError: neither the flow nor the person names one.
    """
    if given is not None:
        return given
    if loaded.flow.data is None:
        raise FlowError(f"{loaded.path.name} names no data; give a file with --data")
    return beside(loaded.path, loaded.flow.data.file)


def queue_file(loaded: Loaded, data: Path) -> Path:
    """Return where the queue of a flow and its data lies, outside the project."""
    name = hashlib.sha256(f"{loaded.path.resolve()}\n{data.resolve()}".encode()).hexdigest()[:12]
    return user_state_path("qvl-agent") / "queues" / f"{_stem(loaded.path)}-{name}.sqlite"


def open_queue(loaded: Loaded, wish: Wish, *, redact: Callable[[str], str] = str) -> Queue:
    """Make a flow's queue, or go on with the one that is there.

    Raises:
        FlowError: the data can't be used; there is a queue with open items and the person didn't say whether
            to go on with it; or there is none to go on with.
    """
    data = data_file(loaded, wish.data)
    path = wish.file or queue_file(loaded, data)
    flow, digest = loaded.flow, fingerprint_of(loaded)
    if path.exists() and not (wish.fresh or wish.resume or wish.only_failed):
        with Queue.open(path) as old:
            counts = old.counts()
        still = sum(counts.get(status, 0) for status in _OPEN)
        if still:
            raise FlowError(
                f"{still} of {sum(counts.values())} items are open from an earlier run; go on with --resume, "
                "do the failed ones again with --only-failed, or begin anew with --fresh"
            )
    if path.exists() and (wish.resume or wish.only_failed):
        queue = Queue.open(path, flow_digest=digest, data_digest=checksum(data), redact=redact)
        queue.choose(wish.only)
        if wish.only_failed:
            queue.again()
        return queue
    if wish.resume or wish.only_failed:
        raise FlowError(f"there is no queue of {loaded.path.name} and {data.name} to go on with")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists():
        path.replace(path.with_name(f"{path.stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}{path.suffix}"))
    source = flow.data
    return Queue.create(
        path,
        rows(data, source.key if source else None, source.sheet or "" if source else ""),
        flow_digest=digest,
        data_digest=checksum(data),
        only=wish.only,
        redact=redact,
    )


def open_output(loaded: Loaded, queue: Queue, data: Path | None) -> Output | None:
    """Return the output file of a flow; None if it has none.

    Raises:
        FlowError: it can't be written so.
    """
    flow: Flow = loaded.flow
    if flow.output is None:
        return None
    source = data_file(loaded, data)
    return Output(queue, beside(loaded.path, flow.output.file), flow.output.columns, delimiter(source))


def _stem(path: Path) -> str:
    return path.name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".flow")
