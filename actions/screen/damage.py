"""Wait for what a display tells of its drawing, instead of capturing it again and again (`Told`)."""

from collections.abc import Callable
from typing import Final, Protocol

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.screen.watch import SettleLimits, Watch

__all__ = ["Damage", "Told"]

_LULL_S: Final = 0.008
"""Seconds without drawing after which what was drawn is captured: toolkits draw a change in several parts."""
_LEAST_S: Final = 0.001
_LAST_LOOK_S: Final = 0.03
"""How many seconds before the screen counts as quiet it is captured for the last time, at the earliest."""
_ASKED_S: Final = 0.15
"""How old an application's answer may be, in seconds."""
_HELD_UP_S: Final = 0.03
"""An application that answers later than this was held up, and is going to draw what came of it."""


class Damage(Protocol):
    """Tells when something is drawn on a screen, and whether applications have handled their events.

    All methods may raise a DesktopError.
    """

    @property
    def told(self) -> int:
        """How often `wait` has returned True."""

    def wait(self, seconds: float) -> bool:
        """Wait until something is drawn, at most for so many seconds.

        Returns:
            True if something was drawn since this last returned True, at once if it was already; False if
            not, maybe early because an application has answered.
        """

    def ask(self) -> None:
        """Ask the applications that input goes to for an answer after their events so far."""

    def busy(self) -> bool:
        """Return whether one of them is still expected to answer."""

    def missed(self) -> None:
        """Note that the screen changed and nothing was told."""


class Told:
    """Decides when to capture, by what the display and the applications tell. Times are as in `Watch`.

    Attributes:
        due: whether the screen is to be captured after a pause. If not, the last capture shows all.
    """

    def __init__(
        self,
        damage: Damage,
        watch: Watch,
        limits: SettleLimits,
        elapsed: Callable[[], float],
        told_before: int | None,
    ) -> None:
        """Store what is listened to.

        Args:
            damage: tells when something is drawn.
            watch: compares the captures.
            limits: the times of waiting.
            elapsed: returns the seconds from the start.
            told_before: `damage.told` when the watch's first frame was the screen; None if it isn't known.
        """
        self.due = True
        self._damage = damage
        self._watch = watch
        self._limits = limits
        self._elapsed = elapsed
        self._told_before = told_before
        self._began = False
        self._last_look = False
        self._since: float | None = None  # the first drawing that no capture shows yet
        self._last = 0.0
        self._paused_at = 0.0
        self._cost_s = 0.0
        self._captured_at = -limits.poll_s
        self._asked_at = -_ASKED_S
        self._held_since: float | None = None
        self._look_at = 0.0

    def pause(self, stop: Callable[[], bool]) -> bool:
        """Wait until a capture is due, or the screen may be quiet.

        Returns:
            False if nothing is told any more.
        """
        try:
            if not self._began:
                self._begin()
            while not stop() and (left := self._next() - self._elapsed()) > 0:
                self._note(self._damage.wait(min(max(left, _LEAST_S), self._limits.poll_s)))
                if self._held_since is not None and not self._damage.busy():
                    break
        except DesktopError:
            return False
        self._paused_at = self._elapsed()
        self.due = self._since is not None or (self._held_since is None and not self._last_look)
        return True

    def _begin(self) -> None:
        self._began = True
        other = self._told_before is not None and self._told_before != self._damage.told
        self._note(self._damage.wait(0.0) or other)

    def _note(self, drawn: bool) -> None:
        if drawn:
            self._last = self._elapsed()
            self._since = self._last if self._since is None else self._since

    def _next(self) -> float:
        if self._since is not None:
            lull = min(self._last + _LULL_S, self._since + self._limits.poll_s)
            return max(lull, self._captured_at + self._limits.poll_s)
        if self._held_since is not None:
            return self._look_at
        quiet_at = self._watch.due()
        return quiet_at if self._last_look else quiet_at - min(self._cost_s, _LAST_LOOK_S)

    def see(self, frame: Frame, elapsed: float) -> bool:
        """Have a capture compared; False if it shows what wasn't told."""
        since, self._since = self._since, None
        can_judge = self._watch.polls > 0 or self._told_before is not None
        self._captured_at, self._cost_s = elapsed, elapsed - self._paused_at
        changed, counts = self._watch.see(frame, elapsed if since is None else self._last)
        self._last_look = elapsed >= self._watch.due() - _LAST_LOOK_S
        try:
            if counts:
                self._held_since = None
                self._ask(elapsed)
            if changed and since is None and can_judge:
                self._note(self._damage.wait(0.0))  # it may have been drawn just before the capture
                if self._since is None:
                    self._damage.missed()
                    return False
        except DesktopError:
            return False
        return True

    def _ask(self, elapsed: float) -> None:
        self._damage.ask()
        self._asked_at = elapsed

    def unfinished(self, elapsed: float) -> bool:
        """Return whether an application still has events to handle, or will draw what came of them."""
        try:
            if elapsed - self._asked_at >= _ASKED_S and self._held_since is None:
                self._ask(elapsed)
            if self._damage.busy():
                self._held_since = elapsed if self._held_since is None else self._held_since
                self._look_at = elapsed + self._limits.poll_s
                return True
        except DesktopError:
            return False
        since, self._held_since = self._held_since, None
        if since is None or elapsed - since < _HELD_UP_S:
            return False
        self._watch.changed(elapsed)
        return True
