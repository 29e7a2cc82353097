"""Waiting for a model: who stops it is heard, whatever the program is doing in that moment."""

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from qvl_agent.actions.core.errors import Stopped
from qvl_agent.agent.models.waiting import POLL_S, wait_for


@pytest.mark.fault(52)
def test_a_slow_handler_of_a_signal_does_not_make_it_deaf() -> None:
    """On a busy machine the handler alone may take longer than the wait was to last."""
    asked, over = threading.Event(), threading.Event()

    def handle(*_: object) -> None:
        time.sleep(3 * POLL_S)
        asked.set()

    def think(_say: Callable[[str], None]) -> None:
        over.wait(60)

    before = signal.signal(signal.SIGUSR1, handle)
    threading.Timer(POLL_S / 3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    start = time.monotonic()
    try:
        with pytest.raises(Stopped):
            wait_for(think, drop=over.set, stop=asked.is_set, on_text=None)
    finally:
        over.set()
        signal.signal(signal.SIGUSR1, before)
    assert time.monotonic() - start < 30
