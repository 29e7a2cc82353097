"""How a seed looks: its language, colours, font and place on the screen. Knows nothing of Qt."""

import random
from dataclasses import dataclass
from typing import Literal

from qvl_agent.actions.core.coordinates import Rect

__all__ = ["FONTS", "FONT_SIZES", "THEMES", "Language", "Look", "Theme", "language_of"]

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Theme:
    """A palette, as #rrggbb.

    Attributes:
        window: behind everything; panel: what stands on it; field: what is written into.
        text, muted: first and second voice; line: borders.
        accent, on_accent: what is chosen or checked, and the text on it.
        hover, chosen: a row under the pointer, and the open one.
        danger: errors and what can't be undone.
    """

    name: str
    dark: bool
    window: str
    panel: str
    field: str
    text: str
    muted: str
    line: str
    accent: str
    on_accent: str
    hover: str
    chosen: str
    danger: str


THEMES = (
    Theme("sky", False, "#eef2f7", "#ffffff", "#f5f7fa", "#1c2430", "#5c6878", "#c9d2de",
          "#1f6feb", "#ffffff", "#f0f4fa", "#dfeafc", "#c62f2f"),
    Theme("mint", False, "#edf3ef", "#fbfdfb", "#f1f6f2", "#18261d", "#56665b", "#c4d3c8",
          "#12784c", "#ffffff", "#ecf4ee", "#d8ecdf", "#b53030"),
    Theme("plum", False, "#f4f0f6", "#fffdff", "#f7f3f9", "#291d30", "#6b5d73", "#d8cbdf",
          "#8039b3", "#ffffff", "#f5eff9", "#ebdcf5", "#c0304f"),
    Theme("sand", False, "#f3efe7", "#fffdf8", "#f8f4ec", "#2b2419", "#6d624f", "#d9cfbd",
          "#a34f10", "#ffffff", "#f7f1e6", "#f3e2cd", "#b3261e"),
    Theme("graphite", True, "#16181c", "#1f2227", "#282c33", "#e8eaed", "#a2a9b4", "#424954",
          "#5ea0ff", "#0b1420", "#272b32", "#2b3b54", "#ff7b72"),
    Theme("midnight", True, "#0e1526", "#162036", "#1d2942", "#e3e9f6", "#98a6c2", "#35446a",
          "#7aa2ff", "#0a1330", "#1d2945", "#26396a", "#ff8a80"),
    Theme("forest", True, "#121a17", "#1a2520", "#22302a", "#e2ece6", "#98ab9f", "#3a4d44",
          "#4fd08f", "#06180f", "#213029", "#25483a", "#ff8a7a"),
)  # fmt: skip
FONT_SIZES = (13, 14, 15, 16, 18)
"""Pixels."""
FONTS = ("WenQuanYi Micro Hei", "DejaVu Sans")
_FRAME = 32
"""Room that a window manager's title bar and borders may need, in pixels."""


@dataclass(frozen=True, slots=True)
class Look:
    """Everything about a window but what it holds.

    Attributes:
        window: the window without its frame, in pixels of the screen.
        font_px: the height of the font.
    """

    language: Language
    theme: Theme
    font: str
    font_px: int
    window: Rect

    @classmethod
    def of(cls, app: str, seed: int, screen: tuple[int, int]) -> "Look":
        """Draw a look: the language as `language_of` says, all else by chance.

        Args:
            app: the application's name.
            seed: the same seed looks the same.
            screen: the display's width and height in pixels.
        """
        chance = random.Random(f"look/{app}/{seed}")
        font_px = chance.choice(FONT_SIZES)
        least = cls.least_size(font_px)
        width = _between(chance, least[0], 1180, screen[0] - _FRAME)
        height = _between(chance, least[1], 740, screen[1] - 2 * _FRAME)
        return cls(
            language=language_of(seed),
            theme=chance.choice(THEMES),
            font=chance.choice(FONTS),
            font_px=font_px,
            window=Rect(
                chance.randint(_FRAME // 2, max(_FRAME // 2, screen[0] - width - _FRAME // 2)),
                chance.randint(_FRAME, max(_FRAME, screen[1] - height - _FRAME)),
                width,
                height,
            ),
        )

    def say(self, english: str, chinese: str) -> str:
        """Choose the words in the look's language."""
        return chinese if self.language == "zh" else english

    @staticmethod
    def least_size(font_px: int) -> tuple[int, int]:
        """The smallest window that a font of this height is given on a screen that has the room."""
        return 46 * font_px + 180, 34 * font_px + 90


def language_of(seed: int) -> Language:
    """Two seeds in English, two in Chinese, and so on: 0 and 1 speak English."""
    return "zh" if seed % 4 >= 2 else "en"


def _between(chance: random.Random, least: int, most: int, room: int) -> int:
    return min(room, chance.randint(least, max(least, most)))
