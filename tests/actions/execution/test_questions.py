"""What is asked of a person in a run, what counts as a yes, and what isn't asked twice."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.person import (
    QUESTION_S,
    CallablePerson,
    Consent,
    Nobody,
    Person,
    Question,
    Said,
)
from qvl_agent.actions.execution.questions import Questions
from qvl_agent.actions.guard.policy import Profile
from qvl_agent.actions.planning.action import Click, Press, Type

TARGET = ModelBox.of(100, 100, 200, 200)
SEND = Question(
    Click(target=TARGET, label="Send"),
    Verdict(Level.ASK_ONCE, "consequence-send", "this may send something"),
    Frame(np.zeros((100, 100, 3), np.uint8), Rect(0, 0, 100, 100)),
    None,
    (FrameBox(10, 10, 20, 20),),
    WindowInfo("Mail"),
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def asking(
    desktop: Desktop,
    person: Person,
    profile: Profile = "standard",
    clock: Callable[[], float] = lambda: 0.0,
    stop: Callable[[], bool] = lambda: False,
) -> Questions:
    return Questions(person, profile, desktop=desktop, stop=stop, clock=clock)


class Says:
    """Answers the same to all, and counts; `takes_s` pass meanwhile."""

    def __init__(self, said: Said, clock: Clock | None = None, takes_s: float = 0.0) -> None:
        self.asked: list[Question] = []
        self._said, self._clock, self._takes_s = said, clock, takes_s

    def approve(self, question: Question) -> Consent:
        self.asked.append(question)
        if self._clock:
            self._clock.now += self._takes_s
        return Consent(self._said)

    def answer(self, question: str, *, stop: object) -> str | None:
        return None


@pytest.mark.parametrize(("takes_s", "said"), [(QUESTION_S - 1, "yes"), (QUESTION_S, "late")])
def test_a_yes_counts_for_as_long_as_the_question_stands(
    takes_s: float, said: Said, desktop: Desktop
) -> None:
    clock = Clock()
    consent = asking(desktop, Says("yes", clock, takes_s), clock=clock).ask(SEND)
    assert (consent.said, consent.seconds) == (said, takes_s)


def test_a_yes_after_a_stop_is_none(desktop: Desktop) -> None:
    assert asking(desktop, Says("yes"), stop=lambda: True).ask(SEND).said == "stop"


def test_a_yes_for_the_run_is_one_only_where_once_is_enough(desktop: Desktop) -> None:
    every = replace(SEND, verdict=replace(SEND.verdict, level=Level.ASK_EVERY))
    for question, granted in ((SEND, {"consequence-send"}), (every, set())):
        questions = asking(desktop, Says("yes-for-run"))
        assert questions.ask(question).yes
        assert questions.granted == granted


def test_unattended_asks_nobody(desktop: Desktop) -> None:
    person = Says("yes")
    questions = asking(desktop, person, "unattended")
    assert questions.ask(SEND).said == "late"
    assert questions.ask(replace(SEND, verdict=replace(SEND.verdict, level=Level.NOTICE))).yes
    assert person.asked == []


@pytest.mark.parametrize(
    ("again", "times"),
    [
        (SEND, 1),
        (replace(SEND, action=Click(target=TARGET, label="Submit")), 1),
        (replace(SEND, boxes=(FrameBox(15, 15, 40, 40),), action=Click(target=TARGET, label="OK")), 1),
        (replace(SEND, boxes=(FrameBox(60, 60, 70, 70),)), 1),
        (replace(SEND, boxes=(FrameBox(60, 60, 70, 70),), action=Click(target=TARGET, label="OK")), 2),
        (replace(SEND, window=WindowInfo("Chat")), 2),
        (replace(SEND, verdict=replace(SEND.verdict, rule="consequence-pay")), 2),
        (replace(SEND, action=Type(target=TARGET, text="hello", label="Send")), 2),
        (replace(SEND, action=Press(keys=("enter",)), boxes=()), 2),
    ],
)
def test_what_was_refused_is_not_asked_again(again: Question, times: int, desktop: Desktop) -> None:
    """By the name of its target, or by its place: another label for the same button doesn't help."""
    person = Says("no")
    questions = asking(desktop, person)
    assert questions.ask(SEND) == Consent("no")
    assert questions.ask(again).said == "no"
    assert (len(person.asked), questions.count) == (times, times)


def test_it_says_what_was_asked_most_and_the_remedy(desktop: Desktop) -> None:
    questions = asking(desktop, Says("yes"))
    assert questions.most() == ""
    questions.ask(replace(SEND, verdict=replace(SEND.verdict, rule="other-app")))
    for _ in range(3):
        questions.ask(SEND)
    assert questions.most().startswith("most by consequence-send in Mail (3 of 4)")
    assert "say in the task what to send" in questions.most()


@pytest.mark.parametrize(
    ("returns", "said"),
    [(True, "yes"), (False, "no"), (Consent("yes-for-run"), "yes-for-run"), ("yes", "no")],
)
def test_a_program_may_answer(returns: Consent | bool, said: Said) -> None:
    assert CallablePerson(lambda _: returns).approve(SEND).said == said


def test_a_program_is_not_asked_about_notices_and_nobody_lets_them_pass() -> None:
    notice = replace(SEND, verdict=replace(SEND.verdict, level=Level.NOTICE))
    assert CallablePerson(lambda _: False).approve(notice).yes
    assert Nobody().approve(notice).yes
    assert Nobody().approve(SEND).said == "absent"
