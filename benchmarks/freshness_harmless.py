"""Actions beside what moves and means nothing."""

from typing import Final

HARMLESS: Final[dict[str, tuple[str, str | None]]] = {
    "a button beside a blinking caret": ("apply", None),
    "a field with a caret in it": ("entry", None),
    "typing into a field with a caret in it": ("entry", "some text"),
    "typing where the focus is, a video playing": ("", "more"),
    "a button beside a clock": ("next", None),
    "a button beside a video": ("save", None),
    "a row of a list": ("list", None),
    "the first of three buttons that light up": ("one", None),
    "the second of three buttons that light up": ("two", None),
    "the third of three buttons that light up": ("three", None),
}
"""Which part is clicked, or typed into if there is a text."""
