"""Where a run's answer stood on its last screen, and how a flow reads it there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import fuzz

from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.reading.target_text import Read as Line
from qvl_agent.agent.flows.compile.naming import Named, name_target
from qvl_agent.agent.flows.compile.screens import Screens, inside, meaningful
from qvl_agent.agent.flows.compile.stable import is_volatile, respelt, stable_part
from qvl_agent.agent.flows.finding.words import normal, says
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.recording.format import FrameRef

__all__ = ["Reading", "readings_of"]

_ALIKE: Final = 90.0
"""rapidfuzz's ratio (0-100) of an answer and the line that it was taken from."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to read an answer.

    Attributes:
        near: the words beside it; "" if `named` says where it is.
        named: what it stands on.
        pattern: a regular expression whose group is the answer; None if all that is read is.
    """

    near: str = ""
    named: Named | None = None
    pattern: str | None = None


def readings_of(
    screens: Screens, ref: FrameRef, window: WindowInfo | None, answer: str
) -> tuple[Reading, ...] | None:
    """Return the ways to read an answer, the best first; None if its text isn't on the screen.

    Raises:
        ReadingError: the reader failed.
    """
    box = screens.window_box(ref, window)
    lines = [line for line in inside(screens.texts(ref), box) if meaningful(line)]
    line = _line_of(lines, answer)
    if line is None:
        return None
    constant = respelt(stable_part(line.text), (answer,))
    if label := _label_in(line.text):
        return (Reading(near=label),)
    if beside := _beside(lines, line):
        return (Reading(near=beside),)
    if not constant or normal(constant) == normal(line.text):
        return ()
    # The line says what it is, and then the value: "Your reference is D-9078."
    pattern = rf"{_loosely(constant)}\W*([^\s.,;。，；]+)"
    if line.text.startswith(stable_part(line.text)) is False and not re.search(pattern, line.text):
        pattern = rf"(\S+)\W*{_loosely(constant)}"
    named = name_target(screens, ref, window, line.box, "")
    by_words = replace(named, target=Target(text=constant), nameless=False)
    return (Reading(named=by_words, pattern=pattern), Reading(named=_placed(named), pattern=pattern))


def _placed(named: Named) -> Named:
    """Return a target by its place alone; a pattern has to make sure of what is read there."""
    scale = named.screen.view.scale
    box, window = named.box, named.window
    edges = (box.left - window.left, box.top - window.top, box.right - window.left, box.bottom - window.top)
    left, top, right, bottom = (round(edge / scale) for edge in edges)
    return replace(named, target=Target(region=(left, top, right, bottom)), nameless=True)


def _loosely(text: str) -> str:
    """Return a regular expression for a text whose blanks and look-alikes may be read otherwise."""
    alike = {"i": "[iIl1|]", "l": "[iIl1|]", "o": "[oO0]", "0": "[oO0]", "1": "[iIl1|]"}
    parts = (
        r"\s*" if letter.isspace() else alike.get(letter.casefold(), re.escape(letter)) for letter in text
    )
    return "".join(parts)


def _line_of(lines: Sequence[Line], answer: str) -> Line | None:
    """Return the line that is the answer, or has it in it, or that the answer has in it."""
    wanted = normal(answer)
    exact = [line for line in lines if says(line.text, answer) is True]
    like = [line for line in lines if fuzz.ratio(normal(line.text), wanted) >= _ALIKE]
    holding = [line for line in lines if wanted in normal(line.text)]
    part = [line for line in lines if len(normal(line.text)) > 2 and normal(line.text) in wanted]
    for found in (exact, like, holding, part):
        if found:
            return max(found, key=lambda line: len(line.text))
    return None


def _label_in(text: str) -> str:
    """Return the label of a line such as "Version: 4.13"; "" if it has none."""
    found = re.fullmatch(r"(.{2,40}?)\s*[:：=]\s*\S.*", text)
    return found[1] if found and not is_volatile(found[1]) else ""


def _beside(lines: Sequence[Line], line: Line) -> str:
    """Return the words left of a line or close above it; "" if there are none that stay."""
    height = line.box.height
    level = [one for one in lines if abs(one.box.top - line.box.top) < height // 2]
    left = [one for one in level if one.box.right <= line.box.left]
    above = [
        one
        for one in lines
        if 0 <= line.box.top - one.box.bottom < height and abs(one.box.left - line.box.left) < height
    ]
    nearest = sorted(left, key=lambda one: -one.box.right)[:1]
    if not nearest:
        # What is read is first looked for right of a label, so one with something there isn't this one's.
        above = [one for one in above if not _right_of(lines, one)]
        nearest = sorted(above, key=lambda one: -one.box.bottom)[:1]
    # "Version 4.6.2" has its own value, and is no label of the next line.
    whole = (one.text for one in nearest if normal(stable_part(one.text)) == normal(one.text))
    return next((text for text in whole if not is_volatile(text)), "")


def _right_of(lines: Sequence[Line], line: Line) -> bool:
    height = line.box.height
    return any(
        one.box.left >= line.box.right and abs(one.box.top - line.box.top) < height // 2 for one in lines
    )
