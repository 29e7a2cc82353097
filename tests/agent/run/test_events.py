"""The stream of a run's events: each subscriber by itself, in order, whatever the others do."""

import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from qvl_agent.actions.core import Frame, Level, Rect, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.execution import CallablePerson, Consent, Question
from qvl_agent.actions.planning import Wait
from qvl_agent.actions.secrets.redactor import Redactor
from qvl_agent.agent.run import Asked, Looked, Paused, RunEvent, TextReceived, Thinking, Warned
from qvl_agent.agent.run.events import AnnouncedPerson, EventStream

FRAME = Frame(np.zeros((4, 4, 3), np.uint8), Rect(0, 0, 4, 4))
QUESTION = Question(Wait(seconds=0), Verdict(Level.ASK_ONCE, "rule", "reason"), FRAME, None)


def test_every_subscriber_gets_every_event_in_order_on_a_thread_of_its_own() -> None:
    threads: list[set[str]] = [set(), set()]
    heard: list[list[RunEvent]] = [[], []]

    def subscriber(number: int, event: RunEvent) -> None:
        threads[number].add(threading.current_thread().name)
        heard[number].append(event)

    given = [Thinking(step) for step in range(500)]
    with EventStream([lambda event: subscriber(0, event), lambda event: subscriber(1, event)]) as events:
        for event in given:
            events.publish(event)
    assert heard == [given, given]
    assert all(len(names) == 1 for names in threads)
    assert threading.current_thread().name not in threads[0] | threads[1]


def test_publishing_never_waits_for_a_subscriber() -> None:
    released = threading.Event()
    with EventStream([lambda _: released.wait(60)]) as events:
        for step in range(1000):
            events.publish(Thinking(step))
        assert not events.flush(timeout_s=0.05), "it is behind, and that is known"
        released.set()
        assert events.flush(timeout_s=30)


def test_one_that_is_far_behind_misses_progress_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()
    heard: list[RunEvent] = []

    def slow(event: RunEvent) -> None:
        released.wait(60)
        heard.append(event)

    quick: list[RunEvent] = []
    with EventStream([slow, quick.append]) as events:
        for step in range(200):
            events.publish(Thinking(step))
            events.publish(Looked(step, FRAME))
            events.publish(TextReceived("x"))
            while len(quick) < 3 * (step + 1):
                time.sleep(0)  # this one keeps up
        released.set()
        assert events.flush(timeout_s=30)
    assert [event.step for event in heard if isinstance(event, Thinking)] == list(range(200))
    assert sum(isinstance(event, Looked | TextReceived) for event in heard) < 100
    assert len(quick) == 600, "the other one missed nothing"
    assert caplog.text.count("is far behind") == 1


def test_a_question_waits_until_the_terminal_has_ended_what_it_draws() -> None:
    order: list[str] = []

    def terminal(event: RunEvent) -> None:
        time.sleep(0.05)
        order.append(type(event).__name__)

    def approve(_: Question) -> Consent:
        order.append("the person is asked")
        return Consent("yes")

    with EventStream([terminal]) as events:
        person = AnnouncedPerson(
            CallablePerson(approve, pause=lambda *_: order.append("pause") or True), events
        )
        events.publish(Thinking(1))
        assert person.approve(QUESTION).yes
        assert person.pause("the screen went blank", lambda: False)
    assert order == ["Thinking", "Asked", "the person is asked", "Paused", "pause"]


def test_a_question_is_asked_although_a_subscriber_hangs() -> None:
    released = threading.Event()
    heard: list[RunEvent] = []
    try:
        with EventStream([lambda _: released.wait(60), heard.append]) as events:
            person = AnnouncedPerson(CallablePerson(lambda _: True), events)
            assert person.approve(QUESTION).yes
            assert not person.pause("why", lambda: False)
    finally:
        released.set()
    assert heard == [Asked(QUESTION), Paused("why")]


def test_without_subscribers_there_is_no_thread() -> None:
    before = threading.active_count()
    with EventStream() as events:
        events.publish(Warned("nobody listens"))
        assert events.flush()
        assert threading.active_count() == before


def test_one_that_ends_its_thread_misses_nothing_and_its_close_is_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Leaving:
        heard: list[RunEvent] = []  # noqa: RUF012 - of this test alone
        closed = 0

        def __call__(self, event: RunEvent) -> None:
            self.heard.append(event)
            sys.exit("no")

        def close(self) -> None:
            self.closed += 1
            raise ValueError("nor at the end")

    leaving = Leaving()
    with EventStream([leaving]) as events:
        for step in range(5):
            events.publish(Thinking(step))
        assert events.flush(timeout_s=30)
    assert leaving.heard == [Thinking(step) for step in range(5)]
    assert leaving.closed == 1
    assert "failed at Thinking" in caplog.text
    assert "failed at the end" in caplog.text


def test_a_question_quotes_no_secret_from_the_screen() -> None:
    heard: list[RunEvent] = []
    verdict = Verdict(Level.ASK_ONCE, "label-mismatch", "“hunter2-swordfish Delete” stands on the target")
    window = WindowInfo(app="firefox", title="hunter2-swordfish - Notes")
    with EventStream([heard.append], Redactor({"pin": "hunter2-swordfish"})) as events:
        events.publish(Asked(replace(QUESTION, verdict=verdict, window=window)))
    (asked,) = heard
    assert isinstance(asked, Asked)
    assert asked.question.verdict.reason == "“⟦secret pin⟧ Delete” stands on the target"
    assert asked.question.window == WindowInfo(app="firefox", title="⟦secret pin⟧ - Notes")
