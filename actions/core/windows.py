"""Facts about windows: a window's application, title and place, and how all windows lie. Plain data."""

from dataclasses import dataclass
from typing import Literal

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect

__all__ = ["Grab", "Layout", "WindowInfo"]

Grab = Literal["", "this", "unknown"]
"""Whether a program has grabbed the keyboard, so that all keys go to it wherever the focus is.

"": nobody has; "this": this window's has; "unknown": one has, and it can't be told whether this window's."""


@dataclass(frozen=True, slots=True)
class WindowInfo:
    """An application's window. A fact that isn't known is empty.

    Attributes:
        app: the application as the window names it; on X11 the class in WM_CLASS.
        title: the text in its title bar; a page or a file may have chosen the words.
        program: the name of the executable that owns it, which the window can't choose.
        rect: where it is, its frame included, in logical pixels.
        focused: whether it gets the keys.
        grabs: whether it gets them because its program has grabbed the keyboard, as a launcher does.
        ours: whether it is this agent's own, or the terminal that the agent runs in.
        dialog: if it is a dialog, where its content is, without the frame; None for other windows.
        menu: whether it is a menu, a drop-down list or the like, which the window manager doesn't manage.
    """

    app: str = ""
    title: str = ""
    program: str = ""
    rect: Rect | None = None
    focused: bool = False
    ours: bool = False
    dialog: Rect | None = None
    grabs: Grab = ""
    menu: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Its application's and program's names in small letters: "org.gnome.Terminal" is also "terminal"."""
        app, program = self.app.casefold(), self.program.casefold().removesuffix(".exe")
        return frozenset({app, app.rpartition(".")[2], program}) - {""}

    def goes_by(self, name: str) -> bool:
        """Return whether `name` is one of its names, in any case and with or without ".exe"."""
        return name.casefold().removesuffix(".exe") in self.names

    @property
    def called(self) -> str:
        """The name for it in a sentence."""
        return self.app or self.program or self.title or "a window"


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of all windows, one over another, at one moment; it is compared, never recorded.

    Attributes:
        windows: the system's number and the rectangle of each window that is shown, the topmost first;
            windows that can't be seen, but take clicks, are among them.
        focus: the numbers of the window that gets the keys, and of the application's window around it.
    """

    windows: tuple[tuple[int, Rect], ...]
    focus: frozenset[int]

    def at(self, point: DesktopPoint) -> int:
        """Return the number of the topmost window at a point; 0 for none."""
        return next((number for number, rect in self.windows if point in rect), 0)
