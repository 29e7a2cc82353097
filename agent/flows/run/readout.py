"""Read a value from the screen: beside its label, or on a target."""

import re

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.looks import surface_at, text_line
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.flows.finding.words import says
from qvl_agent.agent.flows.run.sight import Sight
from qvl_agent.agent.flows.run.watching import Eyes

__all__ = ["value_near", "value_on"]

_AFTER_LABEL = re.compile(r"(?:[\s:：=.,–-]+|(?=\d))(?P<value>.+)")
"""A recogniser loses blanks: "Version4.6.2"."""
_SAME_LINE = 0.5
"""The least share of the lower of two texts' heights by which they overlap on one line."""


def value_on(eyes: Eyes, finding: Finding, sight: Sight, pattern: str | None) -> tuple[str | None, str]:
    """Return the text on a target that was found, and "" or why there is none."""
    if finding.box is None:
        return None, finding.reason
    text = eyes.values_in(finding.box, sight)[0]
    if not text:
        return None, "nothing stands on it that can be read"
    return _by_pattern(text, pattern)


def value_near(eyes: Eyes, label: str, sight: Sight, pattern: str | None) -> tuple[str | None, str]:
    """Return the text to the right of a label, or else below it, and "" or why there is none.

    What stands in a field close below the label comes before what is right of it, which then labels the next
    field. The label stands in one place only, alone or with the value behind a colon; else nothing is read.
    """
    values: list[str | None] = []
    for _, texts in eyes.read(sight):
        for read in texts:
            if says(read.text, label):
                values.append(_beside(read, texts, sight.frame.pixels))
            elif (rest := _behind(label, read.text)) is not None:
                values.append(rest)
    if not values:
        return None, f"“{label}” isn't to be seen"
    if len(values) > 1:
        return None, f"“{label}” stands in {len(values)} places"
    if values[0] is None:
        return None, f"nothing stands beside “{label}” or below it"
    return _by_pattern(values[0], pattern)


def _behind(label: str, text: str) -> str | None:
    """Return what follows a label and a colon in one text; None if it doesn't begin with the label."""
    head, rest = text[: len(label)], text[len(label) :]
    found = _AFTER_LABEL.fullmatch(rest)
    return found["value"] if found and says(head, label) else None


def _beside(label: Read, texts: tuple[Read, ...], pixels: Pixels) -> str | None:
    right = sorted(
        (
            each
            for each in texts
            if each is not label and _on_line(label, each) and each.box.left >= label.box.right
        ),
        key=lambda each: each.box.left,
    )
    below = _below(label, texts)
    if right and below is not None and _is_in_field(below, label, pixels):
        return below.text if not _in_edges(right[0], pixels) else right[0].text
    if right:
        return right[0].text
    return below.text if below is not None else None


def _in_edges(text: Read, pixels: Pixels) -> FrameBox | None:
    """Return the field or button that a text stands on; None if it stands on the page."""
    letters = text_line(pixels, text.box)
    return surface_at(pixels, max(0, letters.left - 3), (letters.top + letters.bottom) // 2)


def _is_in_field(text: Read, label: Read, pixels: Pixels) -> bool:
    """Return whether a text stands in a field that begins where its label begins, right below it."""
    field, high = _in_edges(text, pixels), label.box.height
    if field is None or field.width < 3 * field.height:
        return False
    return abs(field.left - label.box.left) <= high and abs(field.top - label.box.bottom) <= high // 2


def _below(label: Read, texts: tuple[Read, ...]) -> Read | None:
    height = label.box.height
    below = [
        each
        for each in texts
        if label.box.bottom <= each.box.top + height // 4 <= label.box.bottom + 2 * height
        and each.box.left < label.box.right
        and label.box.left < each.box.right
    ]
    return min(below, key=lambda each: each.box.top, default=None)


def _on_line(one: Read, other: Read) -> bool:
    shared = min(one.box.bottom, other.box.bottom) - max(one.box.top, other.box.top)
    return shared >= _SAME_LINE * min(one.box.height, other.box.height)


def _by_pattern(text: str, pattern: str | None) -> tuple[str | None, str]:
    if pattern is None:
        return text, ""
    found = _matched(pattern, text)
    return found, "" if found is not None else f"“{text}” doesn't match {pattern}"


def _matched(pattern: str, text: str) -> str | None:
    """Return what a pattern's first group matches in a text, or all of it; None if nothing does."""
    found = re.search(pattern, text)
    if found is None:
        return None
    return found[1] if found.groups() else found[0]
