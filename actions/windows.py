"""What is known of a window: whose it is and what it is called. Plain data, recorded in the scene."""

from dataclasses import dataclass

from qvl_agent.actions.coordinates import Rect

__all__ = ["WindowInfo"]


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
    """

    app: str = ""
    title: str = ""
    program: str = ""
    rect: Rect | None = None
    focused: bool = False
    ours: bool = False

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
