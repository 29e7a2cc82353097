"""Make a flow of a recorded run, in seconds and without a model.

The steps that were needed are sorted out (`detours`, `fields`), their targets are named by what is read
on them (`naming`) and kept in the lock (`evidence`), what was typed becomes variables (`literals`), and
what each step changed becomes its postcondition (`proofs`). Then it is tried on the run's own screens.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, get_args

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.consequence import consequence
from qvl_agent.actions.planning import action as actions
from qvl_agent.actions.reading.target_text import Reader, TargetText
from qvl_agent.agent.flows.compile.answers import readings_of
from qvl_agent.agent.flows.compile.compiled import Compiled, Problem
from qvl_agent.agent.flows.compile.detours import LeftOut, Sifted, sift
from qvl_agent.agent.flows.compile.evidence import Locked
from qvl_agent.agent.flows.compile.fields import Act, folded, value_in
from qvl_agent.agent.flows.compile.literals import AskName, Literals
from qvl_agent.agent.flows.compile.naming import Named, name_area, name_target
from qvl_agent.agent.flows.compile.proofs import Passage, Proofs
from qvl_agent.agent.flows.compile.screens import Screens, inside, joined
from qvl_agent.agent.flows.compile.stable import respelt, stable_part
from qvl_agent.agent.flows.finding.words import CachedReader, normal, says
from qvl_agent.agent.flows.lock import Lock, Picture
from qvl_agent.agent.flows.offline import verdict_on
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import (
    ActingStep,
    Check,
    Click,
    Drag,
    Hover,
    Input,
    Press,
    Read,
    Scroll,
    Step,
    Type,
)
from qvl_agent.agent.flows.script.targets import DEFAULT_WITHIN_S, Expectation, Target
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
    cached = CachedReader(reader) if reader is not None else None
    return _Compilation(recording, name, cached, Literals(ask)).result()


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


@dataclass(slots=True)
class _Made:
    """A step in the making: what was done, its targets by name, and whether it has a consequence."""

    act: Act
    places: tuple[Named, ...]
    once: bool = False


class _Compilation:
    """The making of one flow."""

    def __init__(
        self, recording: Recording, name: str, reader: CachedReader | None, literals: Literals
    ) -> None:
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
        made = self._made = [self._named(act) for act in acts]
        self._main = _commonest([one.act.kept.moment.window for one in made])
        for one in made:
            self._take_literals(one)
        typed = list(self._literals.values().values())
        answer = self._final(sifted)
        said = answer.text if isinstance(answer, actions.Answer) else ""
        intents = [step.intent for step in self._recording.steps]
        actions_ = [intent.action for intent in intents if intent.action]
        summary = answer.summary if isinstance(answer, actions.Done) else said
        self._spellings = [*(one.label for one in actions_), summary, self._recording.manifest.task]
        self._proofs = Proofs(self._screens, self._recording.manifest.task, typed, said)
        for place, one in enumerate(made):
            self._add(one, made[place + 1] if place + 1 < len(made) else None, [m.act for m in made[:place]])
        self._conclude(made, sifted)
        self._doubts(sifted)
        if not self._steps:
            raise FlowError(f"{self._recording.folder} did nothing that a flow could do; record another run")
        return self._compiled(left_out)

    def _named(self, act: Act) -> _Made:
        """Name an act's targets. A scroll's is what lies under the pointer."""
        moment = act.kept.moment
        places: tuple[Named, ...]
        if isinstance(moment.action, actions.Type):
            places = (act.field,) if act.field else ()
        elif (
            isinstance(moment.action, actions.Scroll)
            and moment.boxes
            and (area := name_area(self._screens, moment.screen, moment.window, moment.boxes[0]))
        ):
            places = (area,)
        else:
            hint = moment.action.label
            places = tuple(
                name_target(self._screens, moment.screen, window, box, hint)
                for box, window in zip(moment.boxes, _windows(moment.windows, len(moment.boxes)), strict=True)
            )
        return _Made(act, places, self._has_consequence(act, places))

    def _has_consequence(self, act: Act, places: Sequence[Named]) -> bool:
        """Return whether an act sends, pays, deletes or the like, whether or not the task asked for it."""
        intent = self._recording.steps[act.kept.moment.index].intent
        if intent.verdict is not None and intent.verdict.rule.startswith("consequence-"):
            return True
        if intent.scene is None or intent.action is None:
            return False
        texts = intent.scene.texts or tuple(
            TargetText(place.box, True, inside(self._screens.texts(place.screen), place.box))
            for place in places
        )
        scene = replace(intent.scene, asked_for=frozenset(), granted=frozenset(), texts=texts)
        return consequence(Case(intent.action, intent.plan, scene, Policy())) is not None

    def _take_literals(self, one: _Made) -> None:
        action = one.act.kept.moment.action
        if isinstance(action, actions.Type):
            label = _label(one.places[0].target if one.places else None) or action.label
            self._literals.taken(action.text, label)

    def _add(self, one: _Made, following: _Made | None, earlier: Sequence[Act]) -> None:
        """Add a step, with its postcondition and its pictures."""
        path = f"steps[{len(self._steps)}]"
        targets = [self._target(place, path) for place in one.places]
        passage = self._passage(one, following)
        step = self._step(one, targets, following)
        if step is None:
            self._problem(path, f"a flow can't do what step {one.act.number} did", "add what it did by hand")
            return
        proof = self._proof(one, following, targets, passage, earlier) if passage else ()
        if isinstance(step, Scroll) and step.scroll.until is not None:
            proof = ()
        elif not proof:
            self._problem(
                path, "nothing on the screen shows that it worked", "add then: with what has to be so"
            )
        elif one.once and proof[0].changed:
            what = "it has a consequence, and only a change shows that it worked"
            self._problem(path, what, "add then: see: with the words that confirm it")
        self._steps.append(step.model_copy(update={"then": proof, "once": one.once}))
        if passage:
            self._frames[path] = (
                self._locked.kept_picture(passage.before, passage.window),
                self._locked.kept_picture(passage.after, passage.later),
            )
            self._verdicts[path] = self._judged(self._steps[-1], targets, passage)
        for place, target in zip(one.places, targets, strict=True):
            self._check_target(place, target, path, field=isinstance(step, Type))

    def _judged(self, step: Step, targets: Sequence[Target], passage: Passage) -> str:
        """Return how the guard judges a step on its recorded window, for a run without a screen."""
        assert isinstance(step, get_args(ActingStep))
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

    def _passage(self, one: _Made, following: _Made | None) -> Passage | None:
        kept = one.act.kept
        if kept.after is None:
            return None
        change = self._recording.steps[kept.moment.index].outcome.outcome.change
        window = self._screens.window_box(kept.moment.screen, kept.moment.window)
        next_window = following.act.kept.moment.window if following else self._main
        later = joined(window, self._screens.window_box(kept.after, next_window))
        return Passage(kept.moment.screen, kept.after, window, later, change.by_itself if change else ())

    def _proof(
        self,
        one: _Made,
        following: _Made | None,
        targets: Sequence[Target],
        passage: Passage,
        earlier: Sequence[Act],
    ) -> tuple[Expectation, ...]:
        """Return what shows that a step worked, the strongest that held after it and not before."""
        kept = one.act.kept
        within = max(DEFAULT_WITHIN_S, float(round(_PATIENCE * kept.waited)))
        if isinstance(kept.moment.action, actions.Type) and (
            typed := self._typed_proof(one, targets, passage, within)
        ):
            return (typed,)
        wanted = [_words(place.target) for place in following.places] if following else []
        preferred = [word for word in (*wanted, *self._literals.values().values()) if word]
        before = [act.kept.moment.screen for act in earlier]
        came = self._proofs.came(passage, preferred, before)
        new = [text for text in came if not self._proofs.stood_on(before, text)]
        went = self._proofs.went(passage, [place.text for place in one.places if place.text])
        title = self._new_title(one, following)
        if new:
            return (Expectation(see=self._written(new[0]), within=within),)
        if title:
            return (Expectation(window=title, within=within),)
        if went:
            return (Expectation(gone=self._written(went[0]), within=within),)
        if came:
            return (Expectation(see=self._written(came[0]), within=within),)
        return (Expectation(changed=True, within=within),) if self._proofs.changed(passage) else ()

    def _written(self, text: str) -> str:
        """Return a text that was read, as the flow writes it."""
        return self._literals.put_into(respelt(text, self._spellings))

    def _typed_proof(
        self, one: _Made, targets: Sequence[Target], passage: Passage, within: float
    ) -> Expectation | None:
        """Return that the field has the text that was typed; None if that isn't read there afterwards."""
        action = one.act.kept.moment.action
        if not isinstance(action, actions.Type):
            return None
        text = self._literals.put_in_typed(action.text)
        value = self._literals.filled(text)
        if "{{secret:" in text or not value.strip() or len(text) > _MOST:
            return None
        if targets and one.act.field is not None:
            field = one.act.field
            stood = value_in(self._screens, field, field.screen)
            # A caret may be read as a letter, so a later screen counts too.
            later = [passage.after, *(ref for ref in self._later(one) if ref.view == passage.after.view)]
            reads = any(says(value_in(self._screens, field, ref), value) for ref in later)
            found = self._locked.found(targets[0], passage.after, passage.window, field=True).box
            at_home = found is not None and found.meets(field.box)
            if at_home and reads and not says(stood, value):
                return Expectation(target=targets[0], value=text, within=within)
        if "\n" not in text and self._proofs.holds_only_after(passage, value):
            return Expectation(see=text, within=within)
        return None

    def _later(self, one: _Made) -> list[FrameRef]:
        """Return the screens after the two steps that follow one."""
        following = [made.act.kept for made in self._made if made.act.number > one.act.number][:2]
        return [kept.after for kept in following if kept.after is not None]

    def _new_title(self, one: _Made, following: _Made | None) -> str:
        """Return the title of a window that came to the front; "" if none did, or it has no name."""
        now, then = one.act.kept.moment.window, following.act.kept.moment.window if following else None
        if now is None or then is None or not then.focused or then.title in {now.title, "", then.app}:
            return ""
        return self._literals.put_into(stable_part(then.title))

    def _step(self, one: _Made, targets: Sequence[Target], following: _Made | None) -> Step | None:
        """Return a step without its postcondition; None if a flow has none of its kind."""
        action = one.act.kept.moment.action
        match action:
            case actions.Click():
                keys = "+".join(action.modifiers) or None
                return Click(click=targets[0], button=action.button, count=action.count, keys=keys)
            case actions.Move():
                return Hover(hover=targets[0])
            case actions.Drag(button="left", modifiers=()):
                return Drag(drag=Drag.Way(from_=targets[0], to=targets[1]))
            case actions.Type():
                text = self._literals.put_in_typed(action.text)
                into = targets[0] if targets else None
                lines = "\n" in action.text
                return Type(
                    type=Input(text=text, into=into, clear=one.act.clear, enter=action.enter, lines=lines)
                )
            case actions.Press():
                return Press(press="+".join(action.keys), count=action.count)
            case actions.Scroll(modifiers=()):
                return self._scroll(one, action, targets, following)
            case _:
                return None

    def _scroll(
        self, one: _Made, action: actions.Scroll, targets: Sequence[Target], following: _Made | None
    ) -> Scroll:
        """Return a scroll: until the next target is seen, if it was only seen then."""
        until = None
        if following and following.places and not following.places[0].nameless:
            place, moment = following.places[0], one.act.kept.moment
            window = self._screens.window_box(moment.screen, moment.window)
            words = _words(place.target)
            if self._proofs.shown(moment.screen, window, words) is False:
                until = self._target(place, f"steps[{len(self._steps)}]")
        over = targets[0] if targets else None
        return Scroll(scroll=Scroll.Way(over=over, down=action.dy, right=action.dx, until=until))

    def _conclude(self, made: Sequence[_Made], sifted: Sifted) -> None:
        """Add what the last screen shows: a check for a claim, and a reading for an answer."""
        last = self._last_screen(sifted)
        final = self._final(sifted)
        if last is None:
            self._problem("", "the last screen wasn't recorded", "add a check: at the end")
            return
        if made:
            self._check(made, last, final)
        if isinstance(final, actions.Answer):
            self._read(final.text, last)

    def _final(self, sifted: Sifted) -> actions.Action | None:
        return self._recording.steps[sifted.final].intent.action if sifted.final is not None else None

    def _last_screen(self, sifted: Sifted) -> FrameRef | None:
        result = self._recording.result
        if sifted.final is not None:
            return screen_of(self._recording.steps, sifted.final)
        return result.frame if result else None

    def _check(self, made: Sequence[_Made], last: FrameRef, final: actions.Action | None) -> None:
        first = made[0].act.kept.moment
        window = self._screens.window_box(first.screen, first.window)
        passage = Passage(first.screen, last, window, self._screens.window_box(last, self._main))
        said = [self._recording.manifest.task, *self._literals.values().values()]
        if isinstance(final, actions.Done):
            said.append(final.summary)
        ending = self._passage(made[-1], None)
        pressed = {normal(place.text) for one in made for place in one.places if place.text}
        came = [text for text in self._proofs.came(passage, [], []) if normal(text) not in pressed]
        late = [text for text in came if ending and self._proofs.holds_only_after(ending, text)]
        told = [text for text in came if any(normal(text) in normal(one) for one in said)]
        if best := [*(text for text in late if text in told), *late, *told]:
            self._steps.append(Check(check=Expectation(see=self._written(best[0]))))
        else:
            what = "nothing on the last screen says that the task is done"
            self._problem("", what, "add a check: at the end, best of a file or a record (file:, that:)")

    def _read(self, answer: str, last: FrameRef) -> None:
        """Add a reading of the answer, where its text stands on the last screen."""
        path = f"steps[{len(self._steps)}]"
        readings = readings_of(self._screens, last, self._main, answer)
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
        main, literals = self._main, self._literals
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


def _windows(windows: Sequence[WindowInfo | None], count: int) -> tuple[WindowInfo | None, ...]:
    """Return as many windows as there are places; those that weren't recorded are unknown."""
    return (*windows, *([None] * count))[:count]


def _commonest(windows: Sequence[WindowInfo | None]) -> WindowInfo | None:
    """Return the window with most steps in it; dialogs and pop-ups only if there is no other."""
    known = [window for window in windows if window is not None]
    plain = [one for one in known if one.dialog is None and one.title != one.app] or known
    titles = Counter(window.title for window in plain)
    return max(plain, key=lambda window: titles[window.title], default=None)


def _words(target: Target) -> str:
    return target.text or target.near or ""


def _label(target: Target | None) -> str:
    return _words(target) if target is not None else ""
