"""Heal during a run: propose where a target is now, prove it, ask or go on, and keep the proposal."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.execution.person import Person, Question
from qvl_agent.actions.planning import action as actions
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.finding.describe import read_picture, row_pitch
from qvl_agent.agent.flows.finding.wanted import Finding, Place, Wanted
from qvl_agent.agent.flows.heal.proof import prove
from qvl_agent.agent.flows.heal.search import Pointer, Suggestion, search_wider
from qvl_agent.agent.flows.heal.store import Proposal, ProposalStore, TrialSeen
from qvl_agent.agent.flows.lock import Evidence, WindowSeen, picture_of

__all__ = ["HealMode", "Healer", "Lost"]

HealMode = Literal["ask", "auto"]
"""ask: a person says yes before the run goes on · auto: it goes on with what was proved on pictures."""
_NAMED: Final = frozenset({"words", "label"})
"""The ways that go by what stands on it; another control may have come where it was."""
RULE: Final = "flow-heal"
"""The name under which the person is asked, as the guard's rules have names."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A target that wasn't found, and all that is needed to look for it once more.

    Attributes:
        key: its name in the lock.
        path, words: the step.
        wanted: what was looked for.
        finding: what came of the search.
        place: the window.
        window: whose it is.
        action: makes the action for a box of the screen, for the person's question.
    """

    key: str
    path: str
    words: str
    wanted: Wanted
    finding: Finding
    place: Place
    window: WindowSeen
    action: Callable[[FrameBox], actions.Action]


@dataclass
class Healer:
    """Heals the targets of one run.

    Attributes:
        store: keeps the proposals.
        reader: reads the window's texts.
        mode: whether the person is asked.
        person: who is asked.
        taken: the words of all targets of the flow.
        pointer: asks a model; None for none.
        healed: the keys of what was healed in this run.
    """

    store: ProposalStore
    reader: Reader
    mode: HealMode
    person: Person
    taken: tuple[str, ...] = ()
    pointer: Pointer | None = None
    healed: set[str] = field(default_factory=set)

    def heal(self, lost: Lost) -> tuple[Finding, Wanted] | str:
        """Return where a target is now, with its new evidence; or why it can't be healed, in a sentence.

        Raises:
            ReadingError: the reader can't be loaded or run.
        """
        suggestion = search_wider(
            lost.wanted, lost.finding, lost.place, self.reader, taken=self.taken, pointer=self.pointer
        )
        if suggestion is None:
            return "a wider search found nothing that is surely it"
        if self.mode == "auto" and not _NAMED & set(suggestion.by):
            return f"{suggestion.why}, which a person has to judge: run it with --heal ask"
        wanted, png = _evidence(lost, suggestion, self.reader)
        if wanted.evidence is None:
            raise AssertionError("evidence was made")
        if self.store.refused(lost.key, wanted.evidence):
            return f"“{suggestion.text}” was rejected as it before"
        trials = prove(wanted, self.reader)
        failed = [trial for trial in trials if trial.needed and not trial.held]
        if failed:
            return f"“{suggestion.text}” may be it, but isn't proved: {failed[0].name}: {failed[0].what}"
        if self.mode == "ask" and not self._yes(lost, suggestion):
            return f"the person said that “{suggestion.text}” isn't it"
        proposal = Proposal(
            key=lost.key,
            path=lost.path,
            words=lost.words,
            name=lost.wanted.words[0] if lost.wanted.words else "",
            evidence=wanted.evidence,
            why=suggestion.why,
            trials=tuple(
                TrialSeen(name=each.name, held=each.held, what=each.what, needed=each.needed)
                for each in trials
            ),
        )
        self.store.put(proposal, png)
        self.healed.add(lost.key)
        found = replace(lost.finding, box=suggestion.box, reason="", moved=f"healed: {suggestion.why}")
        return found, wanted

    def _yes(self, lost: Lost, suggestion: Suggestion) -> bool:
        box = suggestion.box
        reason = f"“{lost.key}” wasn't found; is it this? {suggestion.why}"
        question = Question(
            action=lost.action(box),
            verdict=Verdict(Level.ASK_EVERY, RULE, reason),
            frame=lost.place.frame,
            goal=None,
            boxes=(box,),
        )
        return self.person.approve(question).yes


def _evidence(lost: Lost, suggestion: Suggestion, reader: Reader) -> tuple[Wanted, bytes]:
    """Return the target with its new evidence, and the PNG of the window that it is on."""
    window = lost.place.window
    pixels = np.ascontiguousarray(lost.place.frame.crop(window).pixels)
    scale = lost.place.frame.scale
    texts = read_picture(pixels, reader, scale)
    box = FrameBox(
        suggestion.box.left - window.left,
        suggestion.box.top - window.top,
        suggestion.box.right - window.left,
        suggestion.box.bottom - window.top,
    )
    picture, png = picture_of(pixels, scale)
    old = lost.wanted.evidence
    evidence = Evidence(
        picture=picture,
        window=lost.window,
        box=box,
        text=suggestion.text if not lost.wanted.field else "",
        texts=texts,
        row=old.row if old is not None else "",
        text_varies=old.text_varies if old is not None else False,
        pitch=row_pitch(pixels, box) or 0.0,
    )
    words = lost.wanted.words
    if suggestion.text and suggestion.text not in words and not lost.wanted.field:
        words = (*words, suggestion.text)
    frame = Frame(pixels, lost.place.frame.monitor, scale)
    return replace(lost.wanted, words=words, evidence=evidence, picture=frame.pixels), png
