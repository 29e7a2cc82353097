"""What is looked for, where, and what was found: the types between a flow and the matcher."""

from dataclasses import dataclass, field
from typing import Literal

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.lock import Evidence

__all__ = ["Candidate", "Clue", "ClueKind", "Finding", "Place", "Wanted"]

ClueKind = Literal["looks", "words", "place", "row", "window", "structure"]
"""looks: its pixels · words: what is read on it · place: where it lies to its landmarks · row: the words that
name its row · window: the window's program and title · structure: what the application itself says."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A target with its variables filled in.

    Attributes:
        words: the texts any of which stands on it, or labels it, the preferred ones first; () if unknown.
        near: words beside it; "" for none.
        row: the words that name its row; "" for none.
        evidence: what it looked like; None where a target has only words.
        picture: the evidence's picture, RGB of shape (height, width, 3).
        field: something to type into or read from is wanted, so that `words` may be its label's.
        region: left, top, right and bottom from the window's top left, in logical pixels; None for none.
    """

    words: tuple[str, ...] = ()
    near: str = ""
    row: str = ""
    evidence: Evidence | None = None
    picture: Pixels | None = None
    region: tuple[int, int, int, int] | None = None
    field: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a target is looked for.

    Attributes:
        frame: the whole screen.
        window: the window's content in pixels of `frame`; the whole frame where no window is known.
        covered: parts of it that other windows lie over, in pixels of `frame`.
        named: the script names this window's application or title, so that it is known to be the right one.
    """

    frame: Frame
    window: FrameBox
    covered: tuple[FrameBox, ...] = ()
    named: bool = False


@dataclass(frozen=True, slots=True)
class Clue:
    """What one kind of evidence says about one candidate.

    Attributes:
        kind: the kind of evidence.
        says: True for this is it, False for this isn't it, None if it can't tell.
        score: how sure, 0-1.
        why: in a few words, for the person.
    """

    kind: ClueKind
    says: bool | None
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that might be the target, in pixels of the whole screen, and what speaks for and against it."""

    box: FrameBox
    clues: tuple[Clue, ...]

    @property
    def score(self) -> float:
        """How much speaks for it, for the order in which candidates are shown; it decides nothing."""
        return sum(clue.score for clue in self.clues if clue.says) / max(1, len(self.clues))


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a search.

    Attributes:
        box: the target, in pixels of the whole screen; None if it wasn't found for sure.
        reason: why it wasn't, in a sentence; "" if it was.
        absent: nothing like it is there; it may still come.
        ambiguous: more than one place could be it.
        candidates: what was looked at, the likeliest first.
        scale: how much larger things are drawn than they were then.
        moved: whether it lies elsewhere in its window than then, or looks otherwise: for the report.
        texts: what was read on the way, in pixels of the whole screen.
        seconds: how long it took.
    """

    box: FrameBox | None
    reason: str = ""
    absent: bool = False
    ambiguous: bool = False
    candidates: tuple[Candidate, ...] = ()
    scale: float = 1.0
    moved: str = ""
    texts: tuple[Read, ...] = field(default=(), repr=False)
    seconds: float = 0.0
