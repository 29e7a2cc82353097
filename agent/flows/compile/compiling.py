"""Make a flow of a recorded run, in seconds and without a model.

The steps that were needed are sorted out (`detours`, `fields`), their targets are named by what is read
on them (`naming`) and kept in the lock (`evidence`), what was typed becomes variables (`literals`), and
what each step changed becomes its postcondition (`proofs`). Then it is tried on the run's own screens.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.planning import action as actions
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.compile.answers import readings_of
from qvl_agent.agent.flows.compile.compiled import Compiled, Problem
from qvl_agent.agent.flows.compile.detours import LeftOut, Sifted, sift
from qvl_agent.agent.flows.compile.evidence import Locked
from qvl_agent.agent.flows.compile.fields import folded
from qvl_agent.agent.flows.compile.literals import AskName, Literals
from qvl_agent.agent.flows.compile.making import Made, commonest, made_of, step_of, words_of
from qvl_agent.agent.flows.compile.naming import Named
from qvl_agent.agent.flows.compile.proofs import Passage
from qvl_agent.agent.flows.compile.proving import Prover
from qvl_agent.agent.flows.compile.screens import Screens, inside
from qvl_agent.agent.flows.finding.words import shows
from qvl_agent.agent.flows.lock import Lock, Picture
from qvl_agent.agent.flows.offline import verdict_on
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import (
    ActingStep,
    Check,
    Read,
    Scroll,
    Step,
    Type,
)
from qvl_agent.agent.flows.script.targets import Expectation, Target
from qvl_agent.agent.flows.values import Scope
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import screen_of

__all__ = ["compile_run"]

_MOST: Final = 1000
"""Characters of a typed text that can be a value to check."""
_ANSWER: Final = "answer"
"""The variable that an answer is read into."""
_PATIENCE: Final = 3
"""How many times as long as the run did a flow waits."""


def compile_run(
    folder: Path,
    *,
    name: str = "",
    reader: Reader | None,
    ask: AskName | None = None,
    allow_unverified: bool = False,
) -> Compiled:
    """Make a flow of a recorded run that succeeded.

    Args:
        folder: the run's folder.
        name: what the flow does, in words; by default the run's task.
        reader: reads text from the pixels; without one no target can be named by its words.
        ask: asks the person for the names of variables; without it they are named after their fields.
        allow_unverified: whether a run whose result was checked, and didn't hold, is taken as well.

    Raises:
        FlowError: the run didn't succeed, or there is nothing in it that a flow could do.
        RecordingError: the recording is broken.
        ReadingError: the reader failed.
    """
    recording = Recording.open(folder)
    _succeeded(recording, allow_unverified=allow_unverified)
    return _Compilation(recording, name, reader, Literals(ask)).result()


def _succeeded(recording: Recording, *, allow_unverified: bool) -> None:
    result = recording.result
    if result is None or result.status != "done":
        ended = f"ended as “{result.status}”" if result else "was cut off"
        raise FlowError(
            f"{recording.folder} {ended}; a flow is made of a run that was done: run the task again"
        )
    if result.verified is False and not allow_unverified:
        raise FlowError(
            f"{recording.folder} claims to be done, and that was checked and didn't hold; run the task again"
        )


class _Compilation:
    """The making of one flow."""

    def __init__(self, recording: Recording, name: str, reader: Reader | None, literals: Literals) -> None:
        self._recording = recording
        self._name = name or recording.manifest.task
        self._reader = reader
        self._literals = literals
        self._screens = Screens(recording, reader)
        self._locked = Locked(self._screens, reader, literals.filled)
        self._problems: list[Problem] = []
        self._steps: list[Step] = []
        self._frames: dict[str, tuple[Picture, ...]] = {}
        self._verdicts: dict[str, str] = {}

    def result(self) -> Compiled:
        sifted = sift(self._recording, self._screens)
        acts, led = folded(self._recording, sifted.kept, self._screens)
        left_out = sorted((*sifted.left_out, *led), key=lambda one: one.step)
        made = [made_of(self._recording, self._screens, act) for act in acts]
        for one in made:
            if isinstance(one.action, actions.Type):
                self._literals.taken(one.action.text, one.label)
        self._prover = Prover(
            recording=self._recording,
            screens=self._screens,
            literals=self._literals,
            locked=self._locked,
            made=made,
            main=commonest([one.window for one in made]),
            final=self._recording.steps[sifted.final].intent.action if sifted.final is not None else None,
        )
        for one in made:
            self._add(one)
        self._conclude(sifted)
        self._doubts(sifted)
        if not self._steps:
            raise FlowError(f"{self._recording.folder} did nothing that a flow could do; record another run")
        return self._compiled(left_out)

    def _add(self, one: Made) -> None:
        """Add a step, with its postcondition and its pictures."""
        path = f"steps[{len(self._steps)}]"
        targets = [self._target(place, path) for place in one.places]
        passage = self._prover.passage(one)
        step = step_of(one, targets, self._literals, self._until(one, path))
        if step is None:
            self._problem(path, f"a flow can't do what step {one.act.number} did", "add what it did by hand")
            return
        proof = self._proof(one, step, targets, passage, path)
        step = step.model_copy(update={"then": proof, "once": one.once})
        self._steps.append(step)
        if passage:
            self._frames[path] = (
                self._locked.kept_picture(passage.before, passage.window),
                self._locked.kept_picture(passage.after, passage.later),
            )
            self._verdicts[path] = self._judged(step, targets, passage)
        for place, target in zip(one.places, targets, strict=True):
            self._check_target(place, target, path, field=isinstance(step, Type))

    def _until(self, one: Made, path: str) -> Target | None:
        """Return what a scroll goes on for: the next step's target, if it only came into view by it."""
        following, moment = self._prover.after(one), one.act.kept.moment
        if not isinstance(one.action, actions.Scroll) or not following or not following.places:
            return None
        place = following.places[0]
        window = self._screens.window_box(moment.screen, moment.window)
        stood = shows(inside(self._screens.texts(moment.screen), window), words_of(place.target))
        return self._target(place, path) if not place.nameless and stood is False else None

    def _proof(
        self, one: Made, step: ActingStep, targets: Sequence[Target], passage: Passage | None, path: str
    ) -> tuple[Expectation, ...]:
        if isinstance(step, Scroll) and step.scroll.until is not None:
            return ()  # what it goes on for is the proof
        proof = self._prover.proof(one, targets, passage) if passage else ()
        if not proof:
            what = "nothing on the screen shows that it worked"
            self._problem(path, what, "add then: with what has to be so")
        elif one.once and proof[0].changed:
            what = "it has a consequence, and only a change shows that it worked"
            self._problem(path, what, "add then: see: with the words that confirm it")
        return proof

    def _judged(self, step: ActingStep, targets: Sequence[Target], passage: Passage) -> str:
        """Return how the guard judges a step on its recorded window, for a run without a screen."""
        part = self._screens.frame(passage.before).crop(passage.window)
        width, height = part.size
        monitor = Rect(0, 0, round(width / part.scale), round(height / part.scale))
        frame = Frame(np.ascontiguousarray(part.pixels), monitor, part.scale)
        evidence = [self._locked.targets[target.key] for target in targets]
        boxes = tuple(one.box for one in evidence)
        return verdict_on(
            step,
            Scope(variables=dict(self._literals.values())),
            frame=frame,
            boxes=boxes,
            evidence=evidence[0] if evidence else None,
            platform=self._recording.manifest.platform or "linux",
        )

    def _problem(self, path: str, what: str, what_to_add: str) -> None:
        self._problems.append(Problem(path, what, what_to_add))

    def _target(self, place: Named, path: str) -> Target:
        """Return a target with its variables, kept in the lock."""
        changes: dict[str, str | None] = {}
        for key in ("text", "near", "row"):
            if words := getattr(place.target, key):
                changes[key] = self._literals.put_into(words)
        if place.info is None:
            self._problem(path, "its window isn't known", "add window: with a part of the window's title")
        return self._locked.added(replace(place, target=place.target.model_copy(update=changes)))

    def _check_target(self, place: Named, target: Target, path: str, *, field: bool) -> None:
        if place.nameless:
            what = "nothing is read on its target or beside it, so it has only a place in its window"
            self._problem(path, what, "name it by near: or image: if anything of the kind is there")
        elif self._reader is not None and (doubt := self._locked.doubt(target, field=field)):
            self._problem(
                path, f"its target “{target.key}” isn't unique: {doubt}", "add near:, row: or image:"
            )

    def _conclude(self, sifted: Sifted) -> None:
        """Add what the last screen shows: a check for a claim, and a reading for an answer."""
        last = self._last_screen(sifted)
        if last is None:
            self._problem("", "the last screen wasn't recorded", "add a check: at the end")
            return
        expected = self._prover.last_check(last) or self._prover.last_state(self._steps, last)
        if expected is not None:
            self._steps.append(Check(check=expected))
        elif self._prover.made:
            what = "nothing on the last screen says that the task is done"
            self._problem("", what, "add a check: at the end, best of a file or a record (file:, that:)")
        if isinstance(self._prover.final, actions.Answer):
            self._read(self._prover.final.text, last)

    def _last_screen(self, sifted: Sifted) -> FrameRef | None:
        result = self._recording.result
        if sifted.final is not None:
            return screen_of(self._recording.steps, sifted.final)
        return result.frame if result else None

    def _read(self, answer: str, last: FrameRef) -> None:
        """Add a reading of the answer, where its text stands on the last screen."""
        path = f"steps[{len(self._steps)}]"
        readings = readings_of(self._screens, last, self._prover.main, answer)
        if readings is None:
            what = "the answer doesn't stand on the last screen as it was given"
            self._problem("", what, "add a read: with near: the words beside it")
            return
        for one in readings:
            if one.named is None:
                self._steps.append(Read(read=Read.What(near=one.near, as_=_ANSWER)))
                return
            target = self._locked.added(one.named)
            if self._locked.found(target, last, one.named.window, field=True).box is not None:
                self._steps.append(Read(read=Read.What(target=target, as_=_ANSWER, pattern=one.pattern)))
                if one.named.nameless:
                    self._problem(
                        path, "what it reads has only a place in its window", "add near: if you can"
                    )
                return
            self._locked.dropped(target)
        what = "nothing beside the answer names it, so it can't be read again"
        self._problem("", what, "add a read: with near: the words beside it")

    def _doubts(self, sifted: Sifted) -> None:
        """Name what is wrong with the flow as a whole."""
        if self._reader is None:
            what = "no reader of text is installed, so no target has words"
            self._problem("", what, "install it with pip install 'qvl-agent[ocr]' and compile the run again")
        for one in sifted.unsure:
            self._problem("", str(one), "look whether the flow needs it")
        for label in dict.fromkeys(self._literals.exposed):
            what = f"a password was typed into “{label}” as plain text, and isn't in the flow"
            self._problem("", what, "store it with qvl-agent secret set; the flow names it as a secret")

    def _compiled(self, left_out: Sequence[LeftOut]) -> Compiled:
        main, literals = self._prover.main, self._literals
        flow = Flow(
            flow=self._name,
            app=(main.app or main.program or None) if main else None,
            variables=literals.variables,
            secrets=tuple(literals.secrets),
            steps=tuple(self._steps),
        )
        lock = Lock(
            program=version("qvl-agent"),
            made_from=self._recording.folder.name,
            reader=self._reader.name if self._reader else "",
            targets=self._locked.targets,
            frames=self._frames,
            texts=self._locked.texts,
            verdicts=self._verdicts,
            platform=self._recording.manifest.platform or "linux",
        )
        problems = tuple(dict.fromkeys(self._problems))
        return Compiled(flow, lock, self._locked.pictures, tuple(left_out), problems)
