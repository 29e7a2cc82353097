"""A wait for a model's work that can be stopped at any time: the work runs in another thread."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Final, TypeVar

from qvl_agent.actions.core.errors import Stopped

__all__ = ["POLL_S", "Said", "follow", "wait_for"]

POLL_S: Final = 0.03
"""Seconds between two calls of `stop`; `Model.reply` promises at most 0.1."""

T = TypeVar("T")


class Said(queue.Queue[str | None]):
    """The pieces of text that a work has said, with None behind the last.

    Not a SimpleQueue: in CPython 3.11 its `get` waits for ever if a signal's handler takes longer than the
    time-out, and Ctrl+C would be heard only when the model has answered.
    """


def wait_for(
    work: Callable[[Callable[[str], None]], T],
    *,
    drop: Callable[[], None],
    stop: Callable[[], bool],
    on_text: Callable[[str], None] | None,
) -> T:
    """Run `work(say)` in a thread and return its result; pieces of text go to `on_text` in this thread.

    Args:
        work: does the work; calls `say` with each piece of text.
        drop: tells the work that nobody waits for it any more; must return at once.
        stop: called every 30 ms, and before each piece.
        on_text: called with each piece; or None.

    Raises:
        Stopped: `stop` returned True. The thread ends by itself, soon after `drop`.
        ModelError: the work raised it.
    """
    said = Said()
    result: Future[T] = Future()
    Thread(target=_run, args=(work, said, result), name="qvl-agent model", daemon=True).start()
    return follow(said, result, drop=drop, stop=stop, on_text=on_text)


def follow(
    said: "Said",
    result: "Future[T]",
    *,
    drop: Callable[[], object],
    stop: Callable[[], bool],
    on_text: Callable[[str], None] | None,
) -> T:
    """Wait for the result of a work that runs; pieces of text that are put into `said` go to `on_text`.

    Arguments and errors are those of `wait_for`.
    """
    result.add_done_callback(lambda _: said.put(None))
    try:
        while (piece := _next(said, stop)) is not None:
            if on_text is not None:
                on_text(piece)
    except BaseException:  # Ctrl+C and an on_text that fails end the wait as `stop` does
        drop()
        raise
    return result.result()


def _run(work: Callable[[Callable[[str], None]], T], said: "Said", result: "Future[T]") -> None:
    try:
        value = work(said.put)
    except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits
        result.set_exception(error)
    else:
        result.set_result(value)


def _next(said: Said, stop: Callable[[], bool]) -> str | None:
    while True:
        if stop():
            raise Stopped("stopped while the model was at work")
        try:
            return said.get(timeout=POLL_S)
        except queue.Empty:
            continue
