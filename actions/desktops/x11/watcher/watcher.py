"""The watchdog's work, in its own process: it watches an X display, and releases what is left down.

It gets every press and motion as a raw event. An event that the agent noted beforehand is the agent's; any
other is a person's, or another program's. Events are read before the notes, so the notes of all events that
were read have arrived by then.
"""

import os
import select
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from Xlib import X
from Xlib.ext import xtest

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError, NoScreenError, Stopped
from qvl_agent.actions.desktops.watchdog.channel import (
    ARMED,
    BEAT_S,
    READY,
    TAKEOVER,
    Kind,
    Note,
    NoteReader,
    Pulse,
)
from qvl_agent.actions.desktops.watchdog.takeover_rules import CORNER_S, TAKEOVERS, PersonRules, corners
from qvl_agent.actions.desktops.x11.connection import connect, monitors
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.desktops.x11.keyboard.barrier import Barrier
from qvl_agent.actions.desktops.x11.keyboard.keymap import Keymap, key_keysym
from qvl_agent.actions.desktops.x11.watcher.raw_input import RawEvent, RawInput

__all__ = ["watch"]

_HANG_S: Final = 15.0
"""Seconds after which an agent that holds something down without a note hangs; at work it waits at most
10 s, for a slow application."""
_GRACE_S: Final = 1.0
"""Seconds of a pause in which the kill switch counts: its first Esc or motion may have begun the pause."""
_RELEASE_PAUSES_S: Final = (0.0, 0.002, 0.01, 0.05)
"""The pauses in seconds before each release after the agent was killed: the server may still have unread
requests of the agent, so everything is released several times."""
_LATE_S: Final = 2.0
"""Seconds within which an announced event comes; a window manager that grabs the mouse holds it back."""
_ASKED: Final = "`qvl-agent stop` was called"
_HUNG: Final = f"the agent stood still for {_HANG_S:g} s with something held down"
_PRESSES: Final = {Kind.KEY: "key", Kind.BUTTON: "button", Kind.MOTION: "motion"}
_RELEASES: Final = {Kind.KEY_UP: Kind.KEY, Kind.BUTTON_UP: Kind.BUTTON}
_FAKED: Final = {Kind.KEY: X.KeyRelease, Kind.BUTTON: X.ButtonRelease}


def watch(name: str, notes: int, pulse: int, say: Callable[[str], None], *, takeover: bool) -> None:
    """Watch a display until the agent ends in any way; release everything that it left down.

    Args:
        name: the display.
        notes: the file descriptor that the notes come from.
        pulse: the file descriptor of the memory for the sign of life, as in `shared_memory`.
        say: sends a line to the agent: "ready" once, "armed" after each ARM, the reason to stop the run, or
            "takeover: " and the reason to pause it.
        takeover: whether other input than the kill switch stops the run.

    Raises:
        NoScreenError: the display can't be watched.
    """
    wake, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    with Pulse(pulse) as alive:
        watcher = _Watcher(connect(name), notes, wake, say, takeover=takeover)
        say(READY)
        watcher.run(alive)


class _Watcher:
    def __init__(
        self, display: Any, notes: int, wake: int, say: Callable[[str], None], *, takeover: bool
    ) -> None:
        if not display.has_extension(xtest.extname):
            raise NoScreenError("this X server has no XTEST extension")
        self._display = display
        self._notes, self._wake, self._say = notes, wake, say
        self._takeover = takeover
        self._reader = NoteReader()
        self._raw = RawInput(display)
        self._rules = PersonRules(self._pointer())
        self._corners = corners(monitors(display))
        self._held: list[tuple[Kind, int]] = []
        self._locks: Note | None = None
        self._announced: dict[tuple[str, int], deque[int]] = {}
        self._round = 0
        self._taken: deque[tuple[int, float]] = deque()
        self._said_stop = self._said_takeover = False
        self._resting_from: float | None = None
        self._noted = time.monotonic()
        self._parent = os.getppid()

    def run(self, alive: Pulse) -> None:
        """Judge all events until END, the end of the pipe, or the end of the parent process."""
        while True:
            alive.beat()
            # Events that came together with an answer are in the library's queue, which select doesn't see.
            events = self._raw.pending()
            if not events:
                self._wait()
                events = self._raw.pending()
            if self._wake in select.select([self._wake], [], [], 0)[0]:
                os.read(self._wake, 64)
                self._stop(_ASKED)
            notes = self._read_notes()
            self._announce(notes or ())
            self._judge(events)
            self._arm_if_asked(notes or ())
            self._forget_late_events()
            self._look_at_corner()
            self._look_for_hang(notes or ())
            if notes is None or os.getppid() != self._parent:
                self._clean_up()
                return
            if any(note.kind is Kind.END for note in notes):
                self._release()
                return

    def _wait(self) -> None:
        limit = BEAT_S if self._rules.corner_since is None else CORNER_S / 4
        select.select([self._display.fileno(), self._notes, self._wake], [], [], limit)

    def _read_notes(self) -> list[Note] | None:
        """Return the notes that have come so far; None at the end of the pipe."""
        notes: list[Note] = []
        while self._notes in select.select([self._notes], [], [], 0)[0]:
            data = os.read(self._notes, 65536)
            if not data:
                return notes or None
            notes += self._reader.read(data)
        return notes

    def _announce(self, notes: Sequence[Note]) -> None:
        """Store what the notes announce: what may be down, and which events will be ours."""
        for note in notes:
            if note.kind in _PRESSES:
                what = (_PRESSES[note.kind], note.code)
                self._announced.setdefault(what, deque()).append(self._round)
            if note.kind in _FAKED:
                self._held.append((note.kind, note.code))
            elif note.kind in _RELEASES:
                with suppress(ValueError):
                    self._held.remove((_RELEASES[note.kind], note.code))
            elif note.kind is Kind.MOTION:
                self._rules.agent_moved(note.at)
            elif note.kind is Kind.TAKEN:
                self._round += 1
                self._taken.append((self._round, time.monotonic() + _LATE_S))
            elif note.kind is Kind.DISARM:
                self._rules.armed = False  # before the events are judged: they may have come after DISARM
            elif note.kind is Kind.REST:
                self._rules.armed = self._said_takeover = False
                self._resting_from = time.monotonic() + _GRACE_S
            elif note.kind is Kind.LOCKS:
                self._locks = note
            elif note.kind is Kind.LOCKS_BACK:
                self._locks = None

    def _arm_if_asked(self, notes: Sequence[Note]) -> None:
        """Arm the rules if a note asks for it, once the events from before it are judged."""
        kinds = [note.kind for note in notes]
        switch = next((kind for kind in reversed(kinds) if kind in (Kind.ARM, Kind.DISARM)), None)
        if switch is Kind.ARM:
            self._display.sync()
            self._judge(self._raw.pending())
            self._corners = corners(monitors(self._display))
            self._resting_from = None
            self._said_takeover = False
            if self._takeover:
                self._rules.arm(self._pointer())
            self._say(ARMED)

    def _forget_late_events(self) -> None:
        """Forget announced events that haven't come within `_LATE_S` after the server took the requests."""
        while self._taken and self._taken[0][1] < time.monotonic():
            finished, _ = self._taken.popleft()
            for rounds in self._announced.values():
                while rounds and rounds[0] < finished:
                    rounds.popleft()

    def _judge(self, events: Sequence[RawEvent]) -> None:
        moved = False
        resting = self._resting_from is not None and time.monotonic() > self._resting_from
        for event in events:
            if (event.by_program and self._is_ours(event)) or resting:
                continue
            if event.kind == "motion":
                moved = True
            elif event.kind == "button":
                self._stop(self._rules.button())
            else:
                self._stop(self._rules.key(escape=self._is_escape(event.code), time_s=event.time_s))
        if moved:
            self._stop(self._rules.moved(self._pointer(), self._corners, time.monotonic()))

    def _is_ours(self, event: RawEvent) -> bool:
        rounds = self._announced.get((event.kind, event.code))
        if rounds:
            rounds.popleft()
            return True
        return False

    def _is_escape(self, keycode: int) -> bool:
        (row,) = self._display.get_keyboard_mapping(keycode, 1)
        return bool(len(row) and row[0] == key_keysym("esc"))

    def _look_at_corner(self) -> None:
        if self._rules.corner_since is not None:
            self._stop(self._rules.held(self._pointer(), self._corners, time.monotonic()))

    def _look_for_hang(self, notes: Sequence[Note]) -> None:
        now = time.monotonic()
        if notes or not self._held:
            self._noted = now
        elif now - self._noted > _HANG_S:
            self._stop(_HUNG)

    def _pointer(self) -> DesktopPoint:
        at = self._display.screen().root.query_pointer()
        return DesktopPoint(at.root_x, at.root_y)

    def _stop(self, why: str) -> None:
        """Release everything at once, as the agent may be busy, and tell it; a stop may follow a takeover."""
        takeover = why in TAKEOVERS
        if not why or self._said_stop or (takeover and self._said_takeover):
            return
        self._said_takeover, self._said_stop = True, not takeover
        self._release()
        self._say(TAKEOVER + why if takeover else why)

    def _release(self) -> None:
        for kind, code in reversed(self._held):
            self._display.xtest_fake_input(_FAKED[kind], code)
        self._display.sync()

    def _clean_up(self) -> None:
        """Release everything after the agent's death, and restore the locks and the keyboard map."""
        for pause in _RELEASE_PAUSES_S:
            time.sleep(pause)
            self._release()
            self._display.sync()
        if self._locks is not None:
            locked, group, filters = self._locks.code, self._locks.x, self._locks.y
            xkb.restore(self._display, xkb.KeyboardState(0, locked, group, filters=filters))
        with suppress(DesktopError, Stopped):
            limit = time.monotonic() + 0.3
            Barrier(self._display).wait(lambda: time.monotonic() > limit)
        Keymap(self._display).restore()
        self._display.sync()
