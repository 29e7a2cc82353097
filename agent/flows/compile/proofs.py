"""What shows that a step worked: texts that came or went with it, a window's title, or that anything changed.

A proof holds on the settled screen after the step, and didn't hold before it: one that was so already
(vacuous) proves nothing. What changes by itself, such as a clock, is no proof either.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.actions.screen.changes import NEAR
from qvl_agent.agent.flows.compile.screens import Screens, inside, meaningful
from qvl_agent.agent.flows.compile.stable import is_volatile, stable_part
from qvl_agent.agent.flows.finding.words import normal, says, shows
from qvl_agent.agent.recording.format import FrameRef

__all__ = ["Passage", "Proofs"]

_LIKE, _EQUAL = 85.0, 100.0
"""rapidfuzz's ratios (0-100) between which a text is a typed one that was misread."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The screens before and after a step, and where to look on them.

    Attributes:
        before: the screen before it.
        after: the settled screen after it.
        window: the window's box before, in pixels of `before`.
        later: the windows' box after, in pixels of `after`.
        restless: parts that changed by themselves.
    """

    before: FrameRef
    after: FrameRef
    window: FrameBox
    later: FrameBox
    restless: tuple[FrameBox, ...] = ()


class Proofs:
    """Finds what a step changed that a flow can look for."""

    def __init__(self, screens: Screens, task: str, typed: Sequence[str], answer: str = "") -> None:
        """Store the screens, and the texts that tell what will be the same next time.

        Args:
            screens: the run's screens.
            task: the person's words; a number in them is expected again.
            typed: what was typed. A text that is only like it was misread.
            answer: the run's answer, which is another one next time.
        """
        self._screens = screens
        self._known = (task, *typed)
        self._typed = tuple(normal(text) for text in typed)
        self._answer = normal(answer)

    def shown(self, ref: FrameRef, box: FrameBox, text: str) -> bool | None:
        """Return whether a text stands in a part of a screen; None if it may."""
        return shows(inside(self._screens.texts(ref), box), text)

    def came(self, passage: Passage, preferred: Sequence[str], earlier: Sequence[FrameRef]) -> list[str]:
        """Return texts that stand after a step and didn't before, the best first.

        Args:
            passage: the screens.
            preferred: words that are looked for next, or that were typed: the best proof if they came.
            earlier: the screens before the step; what stood on one of them comes last.
        """
        lines = [line for line in self._changed(passage, passage.after) if self._stands_still(line, passage)]
        texts = {
            text: line
            for line in lines
            if (text := stable_part(line.text, self._known)) and self._is_sure(text)
        }
        new = [text for text in texts if self._only_after(passage, text)]
        seen = {text for text in new if any(self._stood(ref, text) for ref in earlier)}

        def rank(text: str) -> tuple[bool, bool, bool, int, int]:
            box = texts[text].box
            named = any(normal(one) and normal(one) in normal(text) for one in preferred)
            return text in seen, not named, is_volatile(text), -(box.height // 4), box.top

        return sorted(new, key=rank)

    def went(self, passage: Passage, preferred: Sequence[str]) -> list[str]:
        """Return texts that stood before a step and don't after it, the best first."""
        lines = self._changed(passage, passage.before)
        texts = {
            text: line
            for line in lines
            if (text := stable_part(line.text, self._known)) and not is_volatile(text)
        }
        gone = [
            text
            for text in texts
            if self.shown(passage.before, passage.window, text)
            and self.shown(passage.after, self._everywhere(passage), text) is False
        ]

        def rank(text: str) -> tuple[bool, int, int]:
            box = texts[text].box
            return not any(says(text, one) for one in preferred), -(box.height // 4), box.top

        return sorted(gone, key=rank)

    def stood_on(self, screens: Sequence[FrameRef], text: str) -> bool:
        """Return whether a text stood, or may have stood, on any of some screens."""
        return any(self._stood(ref, text) for ref in screens)

    def changed(self, passage: Passage, near: FrameBox | None = None) -> bool:
        """Return whether anything changed in the windows, or near a target, and not by itself."""
        size = passage.before.view.width, passage.before.view.height
        part = near.grown(NEAR, size) if near else self._everywhere(passage)
        boxes = self._screens.changes(passage.before, passage.after)
        return any(
            box.meets(part) and not any(still.holds(box) for still in passage.restless) for box in boxes
        )

    def holds_only_after(self, passage: Passage, text: str) -> bool:
        """Return whether a text stands after a step, and surely didn't before."""
        return self._only_after(passage, text)

    def _is_sure(self, text: str) -> bool:
        """Return whether a text is neither a part of the answer nor something typed that was misread."""
        plain = normal(text)
        if self._answer and (plain in self._answer or self._answer in plain):
            return False
        likest = max((fuzz.ratio(plain, typed) for typed in self._typed), default=0.0)
        return not _LIKE <= likest < _EQUAL

    def _changed(self, passage: Passage, ref: FrameRef) -> list[Read]:
        window = passage.window if ref == passage.before else passage.later
        return [
            line
            for line in inside(self._screens.texts(ref), window)
            if meaningful(line) and self._screens.differs(passage.before, passage.after, line.box)
        ]

    def _stands_still(self, line: Read, passage: Passage) -> bool:
        return not any(line.box.meets(box) for box in passage.restless)

    def _only_after(self, passage: Passage, text: str) -> bool:
        return (
            self.shown(passage.after, passage.later, text) is True
            and self.shown(passage.before, self._everywhere(passage), text) is False
        )

    def _stood(self, ref: FrameRef, text: str) -> bool:
        return shows(self._screens.texts(ref), text) is not False

    def _everywhere(self, passage: Passage) -> FrameBox:
        return FrameBox(
            min(passage.window.left, passage.later.left),
            min(passage.window.top, passage.later.top),
            max(passage.window.right, passage.later.right),
            max(passage.window.bottom, passage.later.bottom),
        )
