"""The loop: observe, think, act, until the task is done, failed, stopped or out of budget."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Final, Never

from qvl_agent.actions.core.errors import (
    CoordinateError,
    DesktopError,
    ModelError,
    ParseError,
    RecordingError,
    Stopped,
)
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.execution.executor import Decision, ExecutionResult, Executor, Facts
from qvl_agent.actions.parsing.closer_look import closer_target
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Action, Answer, Ask, Done, Fail, Zoom
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.planning.placeholders import NO_SECRETS, SecretTypist
from qvl_agent.agent.recording.format import CloserLook, RunResult, StepIntent
from qvl_agent.agent.recording.recording import Recorder, turns
from qvl_agent.agent.run.checks.circles import Circles
from qvl_agent.agent.run.checks.look_closer import look_closer, shrunk_by, worth_it
from qvl_agent.agent.run.checks.verification import Claim, verify
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.ending import RunEnded, ending_of, halted, no_screen, refusal_message, resumed
from qvl_agent.agent.run.events import (
    AnnouncedPerson,
    Ended,
    EventStream,
    Loading,
    Looked,
    TextReceived,
    Thinking,
    Verified,
)
from qvl_agent.agent.run.history import History, describe
from qvl_agent.agent.run.resume import PastRun
from qvl_agent.agent.run.screens import Screens
from qvl_agent.agent.run.step_log import StepLog, decided

__all__ = ["Episode"]

MAX_MISREAD: Final = 3
"""The run ends at this many replies in a row that hold no action."""
MAX_REFUSED: Final = 3
"""The run ends at this many refusals in a row."""
_ZOOM_MARGIN: Final = 32
_LOADING_S: Final = 0.5
"""Seconds between two events about a model that is being loaded."""
_NEW: Final = PastRun()


class Episode:
    """One run of one task: its conversation, its counters, and its loop.

    Args:
        setup: the desktop, the model, and the rules.
        task: in the person's words.
        recorder: writes the record.
        events: published as they happen.
        past: the past of a run that goes on; an empty one for a new run.
        typist: hands secrets to the desktop.
    """

    def __init__(
        self,
        setup: Setup,
        task: str,
        recorder: Recorder,
        events: EventStream,
        past: PastRun = _NEW,
        *,
        typist: SecretTypist = NO_SECRETS,
    ) -> None:
        self._setup = setup
        self._task = task
        self._recorder = recorder
        self._events = events
        self._history = History(task, setup.dialect, rules=setup.rules)
        self._history.go_on(past.messages)
        self._model = setup.model
        if setup.constrain == "auto":
            self._model = setup.model.with_format(reply_format(setup.dialect))
        self._person = AnnouncedPerson(setup.person, events)
        self._circles = Circles(setup)
        self._executor = Executor(
            setup.desktop,
            setup.policy,
            person=self._person,
            reader=setup.reader,
            task=task,
            secrets=typist,
            asked=past.asked,
            unsure=past.unsure,
            stop=setup.stop,
            motion=self._circles.motion,
        )
        self._start = time.monotonic() - past.seconds
        self._step = past.steps
        self._spent = replace(past.spent)
        self._misread = 0
        self._refused = 0
        self._happened, self._question = past.happened, past.question
        self._screens = Screens(setup, recorder, events)
        self._log = StepLog(recorder, self._history, events)

    def play(self) -> RunResult:
        """Take steps until the run is over, write the journal's last line, and return the result.

        Raises:
            RecordingError: the record can't be written, so it has no last line either.
        """
        try:
            while True:
                try:
                    self._begin()
                    self._steps()
                except (RunEnded, Stopped, DesktopError) as trouble:
                    self._pause(halted(trouble, self._setup.why_stopped()))
        except RunEnded as over:
            return self._finish(over)
        except ModelError as error:
            return self._finish(RunEnded("model-error", str(error)))
        except DesktopError as error:
            return self._finish(RunEnded("desktop-error", str(error)))
        except RecordingError:
            raise  # what can't be written has no last line either
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            self._finish(RunEnded("stopped" if stopped else "crashed", repr(error)))
            raise

    def _steps(self) -> Never:
        while True:
            self._step += 1
            self._act(self._think())

    def _pause(self, over: RunEnded) -> None:
        """Wait for the person, if the run can only go on with their help.

        Raises:
            RunEnded: the run can't go on, nobody is there, or the person ends it.
        """
        if self._log.open:
            self._log.outcome(self._step, Outcome("failed", over.message))
        if not over.pauses or self._setup.policy.profile == "unattended":
            raise over
        if gone := no_screen(self._setup.desktop):
            raise RunEnded("desktop-error", gone)
        with suppress(DesktopError):
            self._setup.desktop.release()
        start = time.monotonic()
        going_on = self._person.pause(over.message, self._setup.stop)
        self._start += time.monotonic() - start
        if not going_on:
            ended = RunEnded("stopped", f"ended while it was paused: {over.message}")
            raise ended if self._setup.stop() else over
        self._circles.start_anew()
        self._misread = self._refused = 0
        self._screens.start_anew()
        self._happened = " ".join(
            filter(None, (self._happened, over.message_to_model, resumed(over.message)))
        )

    def _begin(self) -> None:
        """Show the model the present screen, for the first time or after an interruption."""
        self._look()
        if not self._history.begun:
            self._history.show(self._observation.seen)
        elif self._question:
            self._ask_person(self._question)
        else:
            self._history.show_again(self._observation.seen, self._happened)
        self._happened = self._question = ""

    def _look(self, frame: Frame | None = None) -> None:
        """Take the settled frame, or capture one, as the screen that the model sees next."""
        start = time.monotonic()
        screen = self._screens.look(frame)
        self._log.times["capture"] = time.monotonic() - start
        self._observation = Observation(screen, screen, self._setup.desktop.layout())
        self._events.publish(Looked(self._step + 1, screen))

    def _think(self) -> Reply:
        """Ask the model for its next reply."""
        if self._setup.stop():
            raise Stopped("stopped by the person")
        start = time.monotonic()
        self._history.compact()
        messages = self._history.messages
        self._log.times["prompt"] = time.monotonic() - start
        self._events.publish(Thinking(self._step))
        start = time.monotonic()
        stop = self._telling(self._circles.while_thinking(self._observation))
        reply = self._model.reply(messages, stop=stop, on_text=self._publish_text)
        self._log.times["model"] = time.monotonic() - start
        self._spent.count(reply)
        return reply

    def _telling(self, stop: StopCheck) -> StopCheck:
        """Return a check that also publishes, now and then, how much of the model is loaded."""
        told = time.monotonic()

        def check() -> bool:
            nonlocal told
            if time.monotonic() - told >= _LOADING_S and (share := self._model.loading) is not None:
                told = time.monotonic()
                self._events.publish(Loading(share))
            return stop()

        return check

    def _publish_text(self, piece: str) -> None:
        self._events.publish(TextReceived(piece))

    def _act(self, reply: Reply) -> None:
        """Read the reply, do its action, and show the model the outcome."""
        start = time.monotonic()
        seen = self._recorder.ref(self._observation.seen)
        draft = StepIntent(step=self._step, frame=seen, said=(), reply=reply, action=None)
        self._log.times["record"] = time.monotonic() - start
        start = time.monotonic()
        try:
            action = read_reply(reply, pixel_space=self._setup.pixel_space)
            self._log.times["parse"] = time.monotonic() - start
            self._do(*self._look_closer(action, draft))
        except (ParseError, CoordinateError) as error:
            if self._log.open:  # the intent is recorded: a step has one intent and one outcome
                raise RunEnded("desktop-error", str(error)) from error
            self._log.times["parse"] = time.monotonic() - start
            self._mend(str(error), draft)

    def _look_closer(self, action: Action, draft: StepIntent) -> tuple[Action, StepIntent]:
        """Let the model point again, in a close-up, if its target is small; that stays out of the history."""
        setup, seen = self._setup, self._observation.seen
        shrunk = shrunk_by(setup.model, seen.view, setup.picture_tokens)
        if not worth_it(action, seen.view, shrunk, setup.look_closer):
            return action, draft
        start = time.monotonic()
        closer = look_closer(setup.model, action, seen, stop=setup.stop, pixel_space=setup.pixel_space)
        if closer is None:
            return action, draft
        self._spent.count_beside(closer.reply)
        self._log.times["closer"] = time.monotonic() - start
        look = CloserLook(
            frame=self._recorder.ref(closer.crop),
            said=turns(closer.messages, self._recorder),
            reply=closer.reply,
            target=None if closer.kept else closer_target(closer.action),
            kept=closer.kept,
        )
        return closer.action, draft.model_copy(update={"closer": look})

    def _mend(self, error: str, draft: StepIntent) -> None:
        """Tell the model what was wrong with its reply; it answers again over the same picture.

        Raises:
            RunEnded: too many replies in a row held no action.
        """
        self._log.intent(draft.model_copy(update={"error": error}))
        self._log.outcome(self._step, Outcome("refused", error))
        self._misread += 1
        if self._misread >= MAX_MISREAD:
            raise RunEnded("model-error", f"{MAX_MISREAD} replies in a row held no action; the last: {error}")
        self._history.mend(error)

    def _do(self, action: Action, draft: StepIntent) -> None:
        """Let the executor do an action, then show the model its outcome.

        Raises:
            RunEnded: the run is over.
        """
        facts = Facts(self._step, time.monotonic() - self._start, self._spent.tokens)
        acted = self._executor.execute(
            action, self._observation, facts, lambda decision: self._log.intent(decided(draft, decision))
        )
        self._misread = 0
        self._log.outcome(self._step, acted.outcome)
        match acted.outcome.status:
            case "refused" | "parked":
                self._refusal(acted.decision)
            case "stopped":
                raise RunEnded(
                    "stopped", acted.outcome.detail, message_to_model=describe(action, acted.outcome)
                )
            case "failed":
                raise RunEnded(
                    "desktop-error", acted.outcome.detail, message_to_model=describe(action, acted.outcome)
                )
            case "dry-run":
                raise RunEnded("dry-run", "a dry run ends where input would be sent")
            case _:
                self._refused = 0
                self._show(action, acted.outcome, acted.frame, self._dead_end(action, acted))

    def _dead_end(self, action: Action, acted: ExecutionResult) -> str:
        """Return a note for the model if it repeats itself in vain; "" if it doesn't.

        Raises:
            RunEnded: it went on so after it was told.
        """
        if acted.outcome.status != "done":
            return ""
        before = self._recorder.ref(self._observation.screen).sha256
        found = self._circles.after(action, self._observation, before, acted)
        if found and found.over:
            self._screens.last = acted.frame or self._screens.last
            raise RunEnded("stuck", found.sentence)
        return f"{found.sentence}. Go another way, or end the task as failed." if found else ""

    def _show(self, action: Action, outcome: Outcome, frame: Frame | None, note: str) -> None:
        match action:
            case Done():
                self._claim(action.summary)
            case Answer():
                self._claim(action.text, action.text)
            case Fail():
                raise RunEnded("failed", action.reason)
            case Zoom():
                self._close_up(action, note)
            case Ask():
                self._ask_person(action.question)
            case _:
                self._look(self._circles.newest or frame)
                if (newer := self._executor.newer(self._observation.screen)) is not None:
                    self._look(newer)
                self._history.show(self._observation.seen, describe(action, outcome), note)

    def _ask_person(self, question: str) -> None:
        """Ask the person the model's question, and show the model the answer with a fresh screen.

        Raises:
            RunEnded: nobody answered.
            Stopped: the run was stopped meanwhile.
        """
        answer = self._person.answer(question, stop=self._setup.stop)
        if self._setup.stop():
            raise Stopped("stopped by the person")
        self._circles.motion.acted(time.monotonic())  # the person may have worked meanwhile
        if answer is None:
            raise RunEnded("parked", f"the model asked, and nobody answered: {question}")
        self._look()
        self._history.show(self._observation.seen, f"The person answered: {answer}")

    def _claim(self, words: str, answer: str | None = None) -> Never:
        """Check the model's claim, and end the run with the result.

        Raises:
            RunEnded: always.
        """
        verified = verify(
            self._setup,
            Claim(self._task, words, answer),
            self._observation.screen,
            self._recorder,
            self._events,
        )
        self._events.publish(Verified(verified.holds, verified.found, verified.by))
        self._screens.last = verified.frame or self._screens.last
        raise RunEnded("done", words, answer, verified)

    def _close_up(self, action: Zoom, note: str) -> None:
        box = self._observation.box(action)
        if box is None:
            raise AssertionError("a zoom has a target")
        screen = self._observation.screen
        box = box.grown(_ZOOM_MARGIN, screen.size)
        self._observation = Observation(screen.crop(box), screen, self._observation.layout)
        self._recorder.keep(self._observation.seen)
        self._events.publish(Looked(self._step + 1, self._observation.seen))
        self._history.show_close_up(self._observation.seen, action.label, note)

    def _refusal(self, decision: Decision) -> None:
        if ending := ending_of(decision, self._executor.asked_most):
            raise RunEnded(*ending)
        self._refused += 1
        if self._refused >= MAX_REFUSED:
            raise RunEnded("refused", refusal_message(decision))
        self._look()
        self._history.refuse(self._observation.seen, refusal_message(decision))

    def _finish(self, over: RunEnded) -> RunResult:
        status, message = over.status, over.message
        if status == "stopped" and (halt := self._setup.why_stopped()):
            status, message, _ = halt
        result = RunResult(
            status=status,
            message=message,
            answer=over.answer,
            verified=over.verified.holds,
            check=over.verified.found,
            verified_by=over.verified.by,
            verification=over.verified.asked,
            steps=self._step,
            seconds=time.monotonic() - self._start,
            frame=self._recorder.ref(self._screens.last) if self._screens.last else None,
        )
        self._recorder.result(result)
        self._events.publish(Ended(result))
        return result
