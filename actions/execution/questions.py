"""Ask the person, for one run, and remember the questions and the refusals.

A question is put once and is open for a limited time; only a yes in that time counts. Something that the
person refused isn't asked again. This state is kept here, so that the guard stays a pure function.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.execution.person import QUESTION_S, Consent, Person, Question
from qvl_agent.actions.guard.policy import Profile
from qvl_agent.actions.planning.action import Action, Click, Drag, Press, Type

__all__ = ["Questions"]

_ONCE: Final = frozenset(f"consequence-{kind}" for kind in ("send", "publish", "delete", "install", "final"))
"""The rules about consequences that may be allowed for a whole run."""
_PLACE_AND_REASON: Final = frozenset({"label", "intent", "target", "end"})
"""The fields of an action that hold its place and its reason, not what is done."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """The subject of a refusal: the rule, the application, what would be done, and where."""

    rule: str
    app: str
    what: str
    label: str
    box: FrameBox | None

    def again(self, other: "_Refused") -> bool:
        """Return whether two subjects are the same: the same act, and the same place or name."""
        if (self.rule, self.app, self.what) != (other.rule, other.app, other.what):
            return False
        if self.box is None or other.box is None:
            return self.label == other.label and self.box is other.box
        return (self.label == other.label != "") or self.box.meets(other.box)


class Questions:
    """The questions of one run.

    Attributes:
        count: questions put so far; notices aren't questions.
        granted: rules that the person allowed for the whole run.
    """

    def __init__(
        self,
        person: Person,
        profile: Profile,
        *,
        desktop: Desktop,
        stop: StopCheck,
        clock: Callable[[], float],
    ) -> None:
        self.count = 0
        self.granted: frozenset[str] = frozenset()
        self._person, self._profile, self._desktop = person, profile, desktop
        self._stop, self._clock = stop, clock
        self._put: Counter[tuple[str, str]] = Counter()
        self._refused: list[_Refused] = []

    def ask(self, question: Question) -> Consent:
        """Ask the person, unless the answer is known: from the profile, or from an earlier refusal.

        A yes that comes after `QUESTION_S`, or after the run was asked to stop, doesn't count.
        """
        verdict = question.verdict
        notice = verdict.level is Level.NOTICE
        if self._profile == "unattended":
            return Consent("yes" if notice else "late")
        about = _about(question)
        if any(about.again(refused) for refused in self._refused):
            return Consent("no", remembered=True)
        if not notice:
            self.count += 1
            self._put[verdict.rule, about.app] += 1
        asked = self._clock()
        give_back_focus = self._desktop.keep_focus()
        consent = self._person.approve(replace(question, limit_s=QUESTION_S, stop=self._stop))
        give_back_focus()
        consent = replace(consent, seconds=self._clock() - asked, remembered=False)
        if consent.yes and (consent.seconds >= QUESTION_S or self._stop()):
            return replace(consent, said="stop" if self._stop() else "late")
        if consent.said == "yes-for-run" and verdict.level is Level.ASK_ONCE:
            self.granted |= {verdict.rule}
        if consent.said == "no":
            self._refused.append(about)
        return consent

    def most(self) -> str:
        """Return which rule asked most, and how to need fewer questions; "" if nothing was asked."""
        if not self._put:
            return ""
        ((rule, app), times), *_ = self._put.most_common(1)
        where = f" in {app}" if app else ""
        return f"most by {rule}{where} ({times} of {self.count}); {_remedy(rule)}"


def _remedy(rule: str) -> str:
    """Return the advice that makes a rule's questions fewer."""
    if rule == "other-app":
        return "name the application too, with --app"
    if rule in _ONCE:
        kind = rule.removeprefix("consequence-").replace("final", "press")
        return f"answer “for this run”, or say in the task what to {kind}"
    if rule.startswith(("window-", "consequence-", "dangerous-")):
        return "this is asked every time by design: do that part yourself, or give smaller tasks"
    return "answer “for this run” where that is offered"


def _about(question: Question) -> _Refused:
    action, window = question.action, question.window
    return _Refused(
        rule=question.verdict.rule,
        app=window.called if window else "",
        what=_what(action),
        label=action.label.strip().casefold(),
        box=question.boxes[0] if question.boxes else None,
    )


def _what(action: Action) -> str:
    """Return what an action does as a text, without its place, label and intent."""
    match action:
        case Click() | Drag() | Type() | Press():
            return repr((action.kind, [field for field in action if field[0] not in _PLACE_AND_REASON]))
        case _:
            return action.kind
