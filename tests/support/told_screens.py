"""A scripted screen that tells when something is drawn, and an application that answers, or doesn't."""

from collections.abc import Callable, Sequence

from screens import Bytes, Script

from qvl_agent.actions.core.errors import DesktopError


class ToldScript(Script):
    """A screen as a function of the time, which tells of drawing at some moments; a `screen.damage.Damage`.

    Attributes:
        told: how often it has told of something.
        missed_times: how often it was said to have missed something.
        asked: when the applications were asked, in seconds from the start.
    """

    def __init__(
        self,
        screen: Callable[[float], Bytes | None],
        drawn: Sequence[float],
        *,
        at_work: tuple[float, float] = (0.0, 0.0),
        gone_at: float = float("inf"),
    ) -> None:
        """Store what is drawn when.

        Args:
            screen: what is seen, by seconds from the start.
            drawn: when something is drawn, in order.
            at_work: from when to when the application handles no events.
            gone_at: when the connection breaks.
        """
        super().__init__(lambda now: screen(now + 1e-6))  # the clock rounds
        self.told = self.missed_times = 0
        self.asked: list[float] = []
        self._drawn = sorted(round(at, 6) for at in drawn)
        self._at_work = at_work
        self._gone_at = gone_at

    @property
    def _seconds(self) -> float:
        return round(self.now - 100.0, 6)

    def wait(self, seconds: float) -> bool:
        """Wait as a desktop's does; the clock moves on."""
        end = self._seconds + seconds
        if end >= self._gone_at:
            raise DesktopError("the connection broke")
        answer = self._at_work[1] if self.busy() else float("inf")
        self.now = 100.0 + max(self._seconds, min(end, answer, *self._drawn[:1]))
        if not self._drawn or self._drawn[0] > self._seconds:
            return False
        self._drawn = [at for at in self._drawn if at > self._seconds]
        self.told += 1
        return True

    def ask(self) -> None:
        """Note the question."""
        self.asked.append(self._seconds)

    def busy(self) -> bool:
        """Whether an answer is due: the application was asked, and is at work."""
        start, end = self._at_work
        return bool(self.asked) and start <= self._seconds < end and self.asked[-1] < end

    def missed(self) -> None:
        self.missed_times += 1
