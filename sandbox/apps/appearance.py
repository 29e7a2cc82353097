"""What a window looks like: its language, colours, font and position, all drawn from a seed. No Qt here."""

import random
from dataclasses import dataclass
from typing import Literal

from qvl_agent.actions.core.coordinates import Rect

__all__ = ["FONTS", "FONT_SIZES", "THEMES", "Appearance", "Language", "Theme", "language_of"]

Language = Literal["en", "zh"]


@dataclass(frozen=True, slots=True)
class Theme:
    """A palette; each colour is written #rrggbb.

    Attributes:
        name, dark: the theme's name, and whether its background is dark.
        window, panel, field: the backgrounds of the window, of a panel on it and of an input field.
        text, muted, line: normal text, less important text, and borders.
        accent, on_accent: chosen or checked things, and the text on them.
        hover, chosen: the backgrounds of the row under the pointer and of the open row.
        danger: errors and buttons that can't be undone.
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
"""Heights in px."""
FONTS = ("WenQuanYi Micro Hei", "DejaVu Sans")
_FRAME_PX = 32
"""Room for the window manager's title bar and borders, in px."""


@dataclass(frozen=True, slots=True)
class Appearance:
    """Everything about a window except the data in it.

    Attributes:
        language, theme, font: of all its texts and widgets.
        font_px: the font's height in px.
        window: the window without its frame, in screen px.
    """

    language: Language
    theme: Theme
    font: str
    font_px: int
    window: Rect

    @classmethod
    def from_seed(cls, app: str, seed: int, screen: tuple[int, int]) -> "Appearance":
        """Draw an appearance at random, except for the language, which `language_of` chooses.

        Args:
            app: The application's name.
            seed: The same seed gives the same appearance.
            screen: The display's width and height in px.
        """
        rng = random.Random(f"look/{app}/{seed}")
        font_px = rng.choice(FONT_SIZES)
        least = cls.smallest_size(font_px)
        width = _between(rng, least[0], 1180, screen[0] - _FRAME_PX)
        height = _between(rng, least[1], 740, screen[1] - 2 * _FRAME_PX)
        return cls(
            language=language_of(seed),
            theme=rng.choice(THEMES),
            font=rng.choice(FONTS),
            font_px=font_px,
            window=Rect(
                rng.randint(_FRAME_PX // 2, max(_FRAME_PX // 2, screen[0] - width - _FRAME_PX // 2)),
                rng.randint(_FRAME_PX, max(_FRAME_PX, screen[1] - height - _FRAME_PX)),
                width,
                height,
            ),
        )

    def pick(self, english: str, chinese: str) -> str:
        """Return the text that is in this appearance's language."""
        return chinese if self.language == "zh" else english

    @staticmethod
    def smallest_size(font_px: int) -> tuple[int, int]:
        """Return the smallest size in px drawn for a font of this height, if the screen has room."""
        return 46 * font_px + 180, 34 * font_px + 90


def language_of(seed: int) -> Language:
    """Return a seed's language: two seeds English, the next two Chinese, and so on from 0."""
    return "zh" if seed % 4 >= 2 else "en"


def _between(rng: random.Random, least: int, most: int, room: int) -> int:
    return min(room, rng.randint(least, max(least, most)))
