"""What is known of windows: whose one is and what it is called, and how they lie. Plain data."""

from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect

__all__ = ["Layout", "WindowInfo"]


@dataclass(frozen=True, slots=True)
class WindowInfo:
    """An application's window. A part that isn't known is empty.

    Attributes:
        app: the application as the window names it; on X11 the class in WM_CLASS.
        title: what stands in its title bar; a page or a file may have chosen the words.
        program: the name of the executable that owns it, which the window can't choose.
        rect: where it is, its frame included, in logical pixels.
        focused: whether the keys go to it.
        ours: whether it is this agent's own, or the terminal that it runs in.
        dialog: where its inside is, without the frame, if it is a dialog; None for other windows.
    """

    app: str = ""
    title: str = ""
    program: str = ""
    rect: Rect | None = None
    focused: bool = False
    ours: bool = False
    dialog: Rect | None = None

    @property
    def names(self) -> frozenset[str]:
        """The names it goes by, in small letters: "org.gnome.Terminal" is also "terminal"."""
        app, program = self.app.casefold(), self.program.casefold().removesuffix(".exe")
        return frozenset({app, app.rpartition(".")[2], program}) - {""}

    def goes_by(self, name: str) -> bool:
        """Whether this is one of its names."""
        return name.casefold().removesuffix(".exe") in self.names

    @property
    def called(self) -> str:
        """What to call it in a sentence."""
        return self.app or self.program or self.title or "a window"


@dataclass(frozen=True, slots=True)
class Layout:
    """How windows lie over each other at a moment; it is compared, never recorded.

    Attributes:
        windows: the system's number of each that is shown and where it is, the topmost first; those too that
            nobody can see, but that take the clicks.
        focus: the numbers of the window that the keys go to, and of the application's window around it.
    """

    windows: tuple[tuple[int, Rect], ...]
    focus: frozenset[int]

    def at(self, point: DesktopPoint) -> int:
        """Say which window is on top at a point; 0 for none."""
        return next((number for number, rect in self.windows if point in rect), 0)
