"""Text: no characters that act instead of being read, and no flood of them.

The same holds for what is typed and for what is shown to the person, whose terminal would obey an
escape sequence too. A newline or tab in typed text is a key press, and judged as one.
"""

import re
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.planning.action import Type

__all__ = ["LONG_TEXT", "clean_text", "long_text"]

LONG_TEXT: Final = 5_000
"""Characters past which typing is asked about."""

_CONTROL: Final = re.compile(r"(?!\t|\n|\r\n)[\x00-\x1f\x7f-\x9f]")
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Bidirectional embeddings, overrides and isolates: the text reads otherwise than it is stored."""
_UNSEEN: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)
"""Characters without a shape. The joiners U+200C and U+200D aren't among them: Persian, Hindi and
emoji are written with them."""
_LOST: Final = "\ufffd"
"""What a decoder writes for bytes that are no character: the model said something else there."""


def clean_text(case: Case) -> Verdict | None:
    """Refuse control, direction-changing and lost characters; ask before typing invisible ones."""
    for name, text in case.action:
        if not isinstance(text, str):
            continue
        if found := _CONTROL.search(text) or _TURNING.search(text):
            kind = "a control character" if _CONTROL.match(found[0]) else "a character that turns text around"
            return deny("text-control", f"the {name} holds {kind} (U+{ord(found[0]):04X}); leave it out")
    if isinstance(case.action, Type) and _LOST in case.action.text:
        return deny("text-lost", "the text to type holds U+FFFD, in the place of a character that was lost")
    if isinstance(case.action, Type) and (found := _UNSEEN.search(case.action.text)):
        reason = f"the text to type holds an invisible character (U+{ord(found[0]):04X})"
        return Verdict(Level.ASK_ONCE, "text-invisible", reason)
    return None


def long_text(case: Case) -> Verdict | None:
    """Ask before a long text is typed."""
    if isinstance(case.action, Type) and len(case.action.text) > LONG_TEXT:
        reason = f"the text to type has {len(case.action.text):,} characters"
        return Verdict(Level.ASK_ONCE, "text-long", reason)
    return None
