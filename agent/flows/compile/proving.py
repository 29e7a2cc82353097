"""Choose each step's postcondition, and the flow's last check, from what the run's screens show."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.planning import action as actions
from qvl_agent.agent.flows.compile.evidence import Locked
from qvl_agent.agent.flows.compile.fields import value_in
from qvl_agent.agent.flows.compile.literals import Literals
from qvl_agent.agent.flows.compile.making import Made, words_of
from qvl_agent.agent.flows.compile.naming import Named
from qvl_agent.agent.flows.compile.proofs import Passage, Proofs
from qvl_agent.agent.flows.compile.screens import Screens, joined, middle
from qvl_agent.agent.flows.compile.stable import respelt, slug, stable_part
from qvl_agent.agent.flows.finding.looks import grey, peaks, thing_at
from qvl_agent.agent.flows.finding.words import normal, says
from qvl_agent.agent.flows.script.steps import Acting, Step
from qvl_agent.agent.flows.script.targets import DEFAULT_WITHIN_S, Expectation, Target
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording

__all__ = ["Prover"]

_MOST: Final = 1000
"""Characters of a typed text that can be a value to check."""
_MARK: Final = 26
"""Logical pixels that a check box, a radio button or a switch is high at most, and away from its words."""
_LEAST_MARK: Final = 9
_SAME_DRAWING: Final = 0.9
"""The correlation from which on a thing is the same drawing, whatever its ground."""
_PATIENCE: Final = 3
"""How many times as long as the run did a flow waits."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Chooses proofs for one run.

    Attributes:
        recording: the run.
        screens: its screens.
        literals: what was typed.
        locked: finds targets on the screens.
        made: the steps in the making, in order.
        main: the window with most steps; None if no window is known.
        final: what ended the run.
    """

    recording: Recording
    screens: Screens
    literals: Literals
    locked: Locked
    made: Sequence[Made]
    main: WindowInfo | None
    final: actions.Action | None

    @property
    def _proofs(self) -> Proofs:
        answer = self.final.text if isinstance(self.final, actions.Answer) else ""
        typed = list(self.literals.values().values())
        return Proofs(self.screens, self.recording.manifest.task, typed, answer)

    @property
    def _said(self) -> list[str]:
        """What the model and the person wrote: the best spelling of what was read."""
        said = [step.intent.action.label for step in self.recording.steps if step.intent.action]
        if isinstance(self.final, actions.Done):
            said.append(self.final.summary)
        return [*said, self.recording.manifest.task]

    def after(self, one: Made) -> Made | None:
        """Return the step after one; None if it is the last."""
        place = self.made.index(one) + 1
        return self.made[place] if place < len(self.made) else None

    def passage(self, one: Made) -> Passage | None:
        """Return the screens before and after a step; None if none was recorded after it."""
        kept, following = one.act.kept, self.after(one)
        if kept.after is None:
            return None
        change = self.recording.steps[kept.moment.index].outcome.outcome.change
        window = self.screens.window_box(kept.moment.screen, kept.moment.window)
        next_window = following.act.kept.moment.window if following else self.main
        later = joined(window, self.screens.window_box(kept.after, next_window))
        return Passage(kept.moment.screen, kept.after, window, later, change.by_itself if change else ())

    def proof(self, one: Made, targets: Sequence[Target], passage: Passage) -> tuple[Expectation, ...]:
        """Return what shows that a step worked, the strongest that held after it and not before."""
        kept, following, proofs = one.act.kept, self.after(one), self._proofs
        within = max(DEFAULT_WITHIN_S, float(round(_PATIENCE * kept.waited)))
        if isinstance(kept.moment.action, actions.Type) and (
            typed := self._typed_proof(one, targets, passage, within)
        ):
            return (typed,)
        wanted = [words_of(place.target) for place in following.places] if following else []
        preferred = [word for word in (*wanted, *self.literals.values().values()) if word]
        before = [other.act.kept.moment.screen for other in self.made[: self.made.index(one)]]
        came = proofs.came(passage, preferred, before)
        new = [text for text in came if not proofs.stood_on(before, text)]
        went = proofs.went(passage, [place.text for place in one.places if place.text])
        title = self._new_title(one, following)
        if new:
            return (Expectation(see=self.written(new[0]), within=within),)
        if title:
            return (Expectation(window=title, within=within),)
        if went:
            return (Expectation(gone=self.written(went[0]), within=within),)
        if came:
            return (Expectation(see=self.written(came[0]), within=within),)
        if (state := self._state(one, targets, passage)) is not None:
            return (Expectation(target=state, within=within),)
        near = one.places[0].box if one.places else None
        return (Expectation(changed=True, within=within),) if proofs.changed(passage, near) else ()

    def _state(self, one: Made, targets: Sequence[Target], passage: Passage) -> Target | None:
        """Return what was clicked, by its looks after it: a check box that isn't checked any more.

        It has to be found after the step, and not before it.
        """
        if not isinstance(one.action, actions.Click) or len(one.places) != 1:
            return None
        place: Named | None = replace(one.places[0], target=targets[0])
        if passage.before.view != passage.after.view:
            return None
        if place is not None and place.text:
            place = self._mark_beside(place)
        if place is None or place.nameless or self._is_only_shaded(passage, place.box):
            return None
        target = place.target
        if any(text and "${" in text for text in (target.near, target.row, target.window)):
            return None
        window = self.screens.window_box(passage.after, place.info)
        if window != place.window:
            return None
        base = "-".join(filter(None, (slug(target.near or "", "-"), "afterwards")))
        taken = sum(key.startswith(base) for key in self.locked.targets)
        own = base if not taken else f"{base}-{taken + 1}"
        named = replace(place, screen=passage.after, target=target.model_copy(update={"id": own}))
        after = self.locked.added(named)
        if self._is_found(after, passage.after, window) and not self._is_found(after, passage.before, window):
            return after
        self.locked.dropped(after)
        return None

    def _mark_beside(self, place: Named) -> Named | None:
        """Return the check box or radio button beside the words that were clicked, named by them."""
        pixels, scale = self.screens.frame(place.screen).pixels, place.screen.view.scale
        y, reach = middle(place.box).y, round(_MARK * scale)
        for x in (place.box.left - reach // 2, place.box.right + reach // 2):
            thing = thing_at(pixels, x, y, reach) if 0 <= x < pixels.shape[1] else None
            if thing is None or thing.meets(place.box) or not 0.7 <= thing.width / thing.height <= 2.4:
                continue
            if _LEAST_MARK * scale <= thing.height <= reach:
                named = Target(near=place.target.text, row=place.target.row, window=place.target.window)
                return replace(place, target=named, text="", box=thing.grown(1, pixels.shape[1::-1]))
        return None

    def _is_only_shaded(self, passage: Passage, box: FrameBox) -> bool:
        """Return whether the same is drawn in a box, be it on another ground: the pointer is on it."""
        before, after = (self.screens.frame(ref) for ref in (passage.before, passage.after))
        around = box.grown(2, after.size)
        then = grey(before.pixels[box.top : box.bottom, box.left : box.right])
        now = grey(after.pixels[around.top : around.bottom, around.left : around.right])
        best = next(iter(peaks(now, then, 0.0, most=1)), None)
        return best is not None and best.score >= _SAME_DRAWING

    def _is_found(self, target: Target, screen: FrameRef, window: FrameBox) -> bool:
        return self.locked.found(target, screen, window).box is not None

    def written(self, text: str) -> str:
        """Return a text that was read, as the flow writes it."""
        return self.literals.put_into(respelt(text, self._said))

    def _typed_proof(
        self, one: Made, targets: Sequence[Target], passage: Passage, within: float
    ) -> Expectation | None:
        """Return that the field has the text that was typed; None if that isn't read there afterwards."""
        action = one.act.kept.moment.action
        if not isinstance(action, actions.Type):
            return None
        text = self.literals.put_in_typed(action.text)
        value = self.literals.filled(text)
        if "{{secret:" in text or not value.strip() or len(text) > _MOST:
            return None
        if targets and one.act.field is not None:
            field = one.act.field
            stood = value_in(self.screens, field, field.screen)
            # A caret may be read as a letter, so a later screen counts too.
            later = [passage.after, *(ref for ref in self._later(one) if ref.view == passage.after.view)]
            reads = any(says(value_in(self.screens, field, ref), value) for ref in later)
            found = self.locked.found(targets[0], passage.after, passage.window, field=True).box
            at_home = found is not None and found.meets(field.box)
            if at_home and reads and not says(stood, value):
                return Expectation(target=targets[0], value=text, within=within)
        if "\n" not in text and self._proofs.holds_only_after(passage, value):
            return Expectation(see=text, within=within)
        return None

    def _later(self, one: Made) -> list[FrameRef]:
        """Return the screens after the two steps that follow one."""
        following = [made.act.kept for made in self.made if made.act.number > one.act.number][:2]
        return [kept.after for kept in following if kept.after is not None]

    def _new_title(self, one: Made, following: Made | None) -> str:
        """Return the title of a window that came to the front; "" if none did, or it has no name."""
        now, then = one.act.kept.moment.window, following.act.kept.moment.window if following else None
        if now is None or then is None or not then.focused or then.title in {now.title, "", then.app}:
            return ""
        title = stable_part(then.title)
        return "" if title.casefold() in now.title.casefold() else self.literals.put_into(title)

    def last_check(self, last: FrameRef) -> Expectation | None:
        """Return what the last screen shows and the first didn't, and what tells of the task; or None."""
        if not self.made:
            return None
        first, proofs = self.made[0].act.kept.moment, self._proofs
        window = self.screens.window_box(first.screen, first.window)
        passage = Passage(first.screen, last, window, self.screens.window_box(last, self.main))
        said = [self.recording.manifest.task, *self.literals.values().values()]
        if isinstance(self.final, actions.Done):
            said.append(self.final.summary)
        # What a scroll brought into view was there before.
        scrolled = isinstance(self.made[-1].action, actions.Scroll)
        ending = None if scrolled else self.passage(self.made[-1])
        pressed = {normal(place.text) for one in self.made for place in one.places if place.text}
        came = [text for text in proofs.came(passage, [], []) if normal(text) not in pressed]
        late = [text for text in came if ending and proofs.holds_only_after(ending, text)]
        told = [text for text in late if any(normal(text) in normal(one) for one in said)]
        # What a step on the way brought, such as a page's headings, doesn't tell that the task is done.
        typed = [text for text in came if "${" in self.written(text)]
        best = [*told, *late, *typed]
        return Expectation(see=self.written(best[0])) if best else None

    def last_state(self, steps: Sequence[Step], last: FrameRef) -> Expectation | None:
        """Return the looks that the last step gave its target, if it has them at the end too; or None."""
        proofs = steps[-1].then if steps and isinstance(steps[-1], Acting) else ()
        window = self.screens.window_box(last, self.main)
        for each in proofs:
            if each.target and not each.value and self._is_found(each.target, last, window):
                return Expectation(target=each.target)
        return None
