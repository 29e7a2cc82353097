"""Signals that stop a run: the first in good order, the second at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from qvl_agent.actions.desktops import StopCheck

__all__ = ["stop_on_signals"]

_NAMES: Final = ("SIGINT", "SIGTERM", "SIGHUP")


@contextmanager
def stop_on_signals() -> Iterator[StopCheck]:
    """Turn SIGINT, SIGTERM and SIGHUP into a flag while the block runs; yields a function that reads it.

    The first signal sets the flag, so that the work ends in good order: keys released, record written.
    The second raises KeyboardInterrupt wherever the main thread is. Only the main thread can set
    handlers; in another thread no signal sets the flag, and the program's handlers stay as they are.
    """
    asked = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, handle)
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
