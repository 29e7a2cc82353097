"""Which of a run's steps a flow needs. What was tried in vain, looked at or waited for is left out.

In doubt a step stays: a click on "+" ten times is work, and a key that shows nothing may have done
something. Only what had no visible effect, and was then done again, is a miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from rapidfuzz import fuzz

from qvl_agent.actions.core.coordinates import FramePoint
from qvl_agent.actions.planning.action import (
    FINAL,
    MAX_SCROLL,
    Action,
    Ask,
    Click,
    Drag,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.agent.flows.compile.screens import Moment, Screens, moment_of
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import RecordedStep

__all__ = ["Kept", "LeftOut", "Sifted", "in_words", "sift"]

_ALIKE: Final = 80.0
"""rapidfuzz's ratio (0-100) of two labels or reasons that mean the same try."""
_NEARBY: Final = 150
"""Logical pixels between a click that missed and the one that hit."""
_SAME_PLACE: Final = 6
_SOON: Final = 4
"""Steps in which a miss is tried again."""
_SILENT_KEYS: Final = frozenset(
    (
        "tab",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pageup",
        "pagedown",
        "space",
        "backspace",
        "delete",
    )
)
"""Keys that may do their work without a sign of it, so that pressing them again isn't trying again."""
_NOT_SENT: Final = {
    "refused": "it was refused, so nothing was sent",
    "stale": "the screen had changed, so nothing was sent",
    "dry-run": "nothing was sent in a dry run",
    "parked": "nobody answered the question about it, so nothing was sent",
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A recorded step that the flow doesn't have.

    Attributes:
        step: its number in the recording, from 1.
        what: what it was, in words.
        why: why the flow can do without it.
    """

    step: int
    what: str
    why: str

    def __str__(self) -> str:
        return f"step {self.step}, {self.what}: {self.why}"


@dataclass(frozen=True, slots=True)
class Kept:
    """A recorded step that the flow needs.

    Attributes:
        moment: what was done, where and on which screen.
        after: the settled screen before the next step that is kept; None if none was recorded.
        waited: seconds that the run waited after it.
    """

    moment: Moment
    after: FrameRef | None
    waited: float = 0.0


@dataclass(slots=True)
class Sifted:
    """What came of a run's steps.

    Attributes:
        kept: the steps that a flow needs, in order.
        left_out: all others, in order.
        unsure: the steps of which a part may have been sent.
        final: the place of the step that ended the run; None if no step did.
    """

    kept: list[Kept] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    unsure: list[LeftOut] = field(default_factory=list)
    final: int | None = None


def in_words(action: Action | None) -> str:
    """Return what a step was, in a few words. The model's label stands in it, as nothing else names it."""
    match action:
        case None:
            return "a reply that couldn't be read"
        case Zoom():
            return "a closer look"
        case Wait():
            return f"wait {action.seconds:g} s"
        case Press():
            return f"press {'+'.join(action.keys)}"
        case Type():
            return "type" + (f" into “{action.label}”" if action.label else "")
        case Ask():
            return "a question to the person"
    return f"{action.kind} “{action.label}”" if action.label else action.kind


def sift(recording: Recording, screens: Screens) -> Sifted:
    """Sort a run's steps into those that a flow needs and those that it doesn't.

    Raises:
        RecordingError: a screen can't be read.
    """
    sifted = Sifted()
    acts: list[int] = []
    for index, step in enumerate(recording.steps):
        action = step.intent.action
        if isinstance(action, FINAL) and step.outcome.outcome.status == "done":
            sifted.final = index
        elif why := _does_nothing(step):
            sifted.left_out.append(_left_out(recording, index, why))
        elif step.outcome.outcome.status != "done":
            unsure = f"it ended as “{step.outcome.outcome.status}”: a part of it may have been sent"
            sifted.left_out.append(_left_out(recording, index, unsure))
            sifted.unsure.append(sifted.left_out[-1])
        else:
            acts.append(index)
    trial = _Trial(recording, screens, acts)
    kept, dropped = trial.result()
    sifted.left_out += [_left_out(recording, index, why) for index, why in dropped.items()]
    sifted.left_out.sort(key=lambda left: left.step)
    sifted.kept = _with_screens(recording, kept, sifted.final)
    return sifted


def _left_out(recording: Recording, index: int, why: str) -> LeftOut:
    intent = recording.steps[index].intent
    return LeftOut(intent.step, in_words(intent.action), why)


def _does_nothing(step: RecordedStep) -> str:
    action, status = step.intent.action, step.outcome.outcome.status
    if action is None:
        return "no action could be read in it"
    if status in _NOT_SENT:
        return _NOT_SENT[status]
    match action:
        case Zoom():
            return "a closer look sends nothing"
        case Wait():
            return "a flow waits for what has to be seen, not for a time"
        case Ask():
            return "the answer is in what was done then; add an ask: if it differs from run to run"
    return "it ended the run, and the run went on" if isinstance(action, FINAL) else ""


class _Trial:
    """Judges the steps that were carried out, each by what it changed and what came after it."""

    def __init__(self, recording: Recording, screens: Screens, acts: Sequence[int]) -> None:
        self._screens = screens
        self._recording = recording
        self._moments: dict[int, Moment] = {}
        for index in acts:
            action = recording.steps[index].intent.action
            if action is not None:
                self._moments[index] = moment_of(recording, index, action)
        self._dropped: dict[int, str] = {}

    def result(self) -> tuple[list[Moment], dict[int, str]]:
        self._drop_closed_again()
        self._drop_idle_scrolls()
        self._drop_repeats()
        self._drop_misses()
        self._join_scrolls()
        return self._left(), self._dropped

    def _left(self) -> list[Moment]:
        return [moment for index, moment in self._moments.items() if index not in self._dropped]

    def _number(self, moment: Moment) -> int:
        return self._recording.steps[moment.index].intent.step

    def _drop(self, moment: Moment, why: str) -> None:
        self._dropped[moment.index] = why

    def _had_effect(self, moment: Moment) -> bool:
        """Return whether anything changed; where nothing was compared, it may have."""
        change = self._recording.steps[moment.index].outcome.outcome.change
        if change is not None:
            return bool(change)
        if moment.after is None:
            return True
        return bool(self._screens.changes(moment.screen, moment.after))

    def _drop_closed_again(self) -> None:
        """Drop what Escape closed at once, where the screen is as it was before."""
        left = self._left()
        for first, second in pairwise(left):
            opened = isinstance(first.action, (Click, Move)) and self._had_effect(first)
            closed = isinstance(second.action, Press) and second.action.keys in {("escape",), ("esc",)}
            if opened and closed and second.after and second.after.sha256 == first.screen.sha256:
                self._drop(first, f"step {self._number(second)} closed again what it had opened")
                self._drop(second, f"it closed again what step {self._number(first)} had opened")

    def _drop_idle_scrolls(self) -> None:
        for moment in self._left():
            if isinstance(moment.action, (Scroll, Move)) and not self._had_effect(moment):
                self._drop(moment, "nothing changed after it")
        for run in self._scroll_runs():
            last = run[-1].after
            window = self._screens.window_box(run[0].screen, run[0].window)
            if len(run) > 1 and last and not self._screens.differs(run[0].screen, last, window):
                for moment in run:
                    self._drop(moment, "it was scrolled back, and the screen is as it was before")

    def _scroll_runs(self) -> list[list[Moment]]:
        runs: list[list[Moment]] = [[]]
        for moment in self._left():
            if isinstance(moment.action, Scroll):
                if runs[-1] and not _one_place(runs[-1][-1], moment):
                    runs.append([])
                runs[-1].append(moment)
            elif runs[-1]:
                runs.append([])
        return [run for run in runs if run]

    def _drop_repeats(self) -> None:
        left = self._left()
        for first, second in pairwise(left):
            if isinstance(first.action, Scroll) or not _same(first, second):
                continue
            if not self._had_effect(first):
                self._drop(first, f"nothing changed after it, and step {self._number(second)} did the same")
            elif not self._had_effect(second) and first.index not in self._dropped:
                self._drop(second, f"step {self._number(first)} had done it; nothing changed this time")

    def _drop_misses(self) -> None:
        left = self._left()
        for place, moment in enumerate(left):
            if self._had_effect(moment):
                continue
            for later in left[place + 1 : place + 1 + _SOON]:
                if self._tried_again(moment, later) and self._had_effect(later):
                    number = self._number(later)
                    self._drop(moment, f"nothing changed after it, and step {number} did it elsewhere")
                    break

    def _tried_again(self, moment: Moment, later: Moment) -> bool:
        match moment.action, later.action:
            case Type() as first, Type() as second:
                return first.text == second.text
            case (Click() as first, Click() as second):
                alike = (first.button, first.count, first.modifiers) == (
                    second.button,
                    second.count,
                    second.modifiers,
                )
            case (Drag() as first, Drag() as second):
                alike = first.button == second.button
            case _:
                return False
        return alike and (
            _alike(first.label, second.label)
            or _alike(first.intent, second.intent)
            or _apart(moment, later) <= _NEARBY * moment.screen.view.scale
        )

    def _join_scrolls(self) -> None:
        """Join scrolls over one place into one; it is turned by what they come to together."""
        for run in self._scroll_runs():
            scrolls = [moment.action for moment in run if isinstance(moment.action, Scroll)]
            down, right = sum(one.dy for one in scrolls), sum(one.dx for one in scrolls)
            fits = max(abs(down), abs(right)) <= MAX_SCROLL and (down or right)
            if len(run) < 2 or not fits:
                continue
            whole = scrolls[0].model_copy(update={"dy": down, "dx": right})
            self._moments[run[0].index] = replace(run[0], action=whole, after=run[-1].after)
            for moment in run[1:]:
                self._drop(moment, f"step {self._number(run[0])} scrolls for it too")


def _alike(first: str, second: str) -> bool:
    return bool(first and second) and fuzz.ratio(first.casefold(), second.casefold()) >= _ALIKE


def _apart(first: Moment, second: Moment) -> float:
    if not first.points or not second.points:
        return float("inf")
    return _distance(first.points[0], second.points[0])


def _distance(first: FramePoint, second: FramePoint) -> float:
    return float(max(abs(first.x - second.x), abs(first.y - second.y)))


def _one_place(first: Moment, second: Moment) -> bool:
    if not first.points or not second.points:
        return not first.points and not second.points
    return _apart(first, second) <= _NEARBY * first.screen.view.scale


def _same(first: Moment, second: Moment) -> bool:
    """Return whether two steps are one action on one place; keys that may work without a sign never are."""
    one, other = first.action, second.action
    plain = {"label": "", "intent": "", "target": None, "end": None}
    if type(one) is not type(other) or len(first.points) != len(second.points):
        return False
    if isinstance(one, Press) and (set(one.keys) & _SILENT_KEYS or len(one.keys[-1]) == 1 == len(one.keys)):
        return False
    near = _SAME_PLACE * first.screen.view.scale
    places = zip(first.points, second.points, strict=True)
    alike = one.model_dump(exclude=set(plain)) == other.model_dump(exclude=set(plain))
    return alike and all(_distance(*pair) <= near for pair in places)


def _with_screens(recording: Recording, moments: Sequence[Moment], final: int | None) -> list[Kept]:
    """Give each step the screen after it: that which the next one was decided on, or the run's last."""
    kept = []
    for place, moment in enumerate(moments):
        following = moments[place + 1] if place + 1 < len(moments) else None
        until = following.index if following else (final if final is not None else len(recording.steps))
        last = moment_of(recording, final, moment.action).screen if final is not None else None
        after = following.screen if following else last or moment.after
        between = (step.intent.action for step in recording.steps[moment.index + 1 : until])
        waited = sum(action.seconds for action in between if isinstance(action, Wait))
        kept.append(Kept(moment, after, waited))
    return kept
