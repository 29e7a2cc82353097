"""A wait for a model's work that can be stopped at any time: the work runs in a thread of its own."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import Final, TypeVar

from qvl_agent.actions.core.errors import Stopped

__all__ = ["POLL_S", "wait_for"]

POLL_S: Final = 0.03
"""Seconds between two calls of `stop`; `Model.reply` promises at most 0.1."""

T = TypeVar("T")


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
    # Not a SimpleQueue: in CPython 3.11 its `get` waits for ever if a signal's handler takes longer than the
    # time-out, and Ctrl+C would be heard only when the model has answered.
    said: queue.Queue[str | None] = queue.Queue()
    result: Future[T] = Future()
    Thread(target=_run, args=(work, said, result), name="qvl-agent model", daemon=True).start()
    try:
        while (piece := _next(said, stop)) is not None:
            if on_text is not None:
                on_text(piece)
    except BaseException:  # Ctrl+C and an on_text that fails end the wait as `stop` does
        drop()
        raise
    return result.result()


def _run(
    work: Callable[[Callable[[str], None]], T],
    said: "queue.Queue[str | None]",
    result: "Future[T]",
) -> None:
    try:
        result.set_result(work(said.put))
    except BaseException as error:  # noqa: BLE001 - handed on to the thread that waits
        result.set_exception(error)
    finally:
        said.put(None)


def _next(said: "queue.Queue[str | None]", stop: Callable[[], bool]) -> str | None:
    while True:
        if stop():
            raise Stopped("stopped while the model was at work")
        try:
            return said.get(timeout=POLL_S)
        except queue.Empty:
            continue
