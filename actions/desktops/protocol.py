"""The seam between the agent and a screen: grab a frame, take approved input.

`Desktop` is a protocol whose optional parts have defaults: a backend that subclasses it implements the
abstract methods and whatever else its platform can do, and says so in `capabilities`. `DesktopWrapper` is the
base of everything that stands before another desktop; it hands on whatever it doesn't change.
"""

import sys
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.outcome import Check
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.screen.damage import Damage

if TYPE_CHECKING:
    from qvl_agent.actions.desktops.trial import Trial
    from qvl_agent.actions.desktops.watchdog.client import Watchdog

__all__ = ["Capabilities", "Desktop", "DesktopWrapper", "ExactText", "StopCheck", "WindowlessDesktop"]

StopCheck = Callable[[], bool]
"""Returns True once the run was asked to stop; called between any two events."""

ExactText = Literal["any", "ascii", "unknown"]
"""Which text arrives exactly as given: any character, printable ASCII alone, or nobody has tested it."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a desktop can do beyond showing frames and taking input.

    Attributes:
        windows: `window_at`, `focused` and `layout` know which application is where; else they return None.
        pointer: `pointer` returns where the pointer really is; else it must not be called.
        clipboard: the clipboard can be read and set.
        exact_text: which text is typed exactly.
        checks_task: the desktop can check its own task, see `Desktop.check`.
        keeps_focus: a question in another window gives the focus back afterwards, see `Desktop.keep_focus`.
        watchdog: a watchdog process can hold the kill switch and release what is pressed.
        damage: `damage` tells when something is drawn; else the screen has to be captured to see it.
    """

    windows: bool = False
    pointer: bool = False
    clipboard: bool = False
    exact_text: ExactText = "unknown"
    checks_task: bool = False
    keeps_focus: bool = False
    watchdog: bool = False
    damage: bool = False


class Desktop(Protocol):
    """A screen, and its input.

    Attributes:
        name: what the record calls it: "local :0", "sandbox:chat", "replay".
        platform: the system that interprets the input: "linux", "win32" or "darwin", as `sys.platform`.
        capabilities: what it can do beyond that.
        display: which screen of this machine it is: an X display's name, a Wayland session's socket; "" if it
            has no such name.
    """

    name: str
    platform: str = sys.platform
    capabilities: Capabilities = Capabilities()
    display: str = ""

    @property
    def watchdog(self) -> "Watchdog | None":
        """The process that is told of each event and releases what is pressed if this one dies, if any."""
        return None

    @watchdog.setter
    def watchdog(self, watchdog: "Watchdog | None") -> None:
        """Take a watchdog, or go on without one.

        Raises:
            DesktopError: this desktop has no use for one; see `Capabilities.watchdog`.
        """
        if watchdog is not None:
            raise DesktopError(f"{self.name} can't have a watchdog")

    @abstractmethod
    def geometry(self) -> Geometry:
        """Return the monitors as they are now, in logical pixels."""

    @abstractmethod
    def grab(self, region: Rect | None = None) -> Frame:
        """Capture the monitor, or a region of it in logical pixels.

        A region's frame has the monitor's rectangle and scale, and its own origin, so points in it
        map to the desktop like any other.

        Raises:
            DesktopError: the screen can't be read, or the region isn't on the monitor.
        """

    def grab_to_compare(self) -> Frame:
        """Capture the monitor to see what an input changes, also where a secret is covered in other captures.

        Such a frame is compared with others in memory; it must not be stored, sent or shown.

        Raises:
            DesktopError: the screen can't be read.
        """
        return self.grab()

    def damage(self) -> Damage | None:
        """Return what tells when something is drawn; None if nothing does, or it can't be trusted."""
        return None

    @abstractmethod
    def pointer(self) -> DesktopPoint:
        """Return where the pointer is, in logical pixels."""

    @abstractmethod
    def off_limits(self) -> tuple[Rect, ...]:
        """Return the visible parts of this program's own window and terminal, in logical pixels."""

    @abstractmethod
    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        """Return the application's window under a point; None if there is none, or nobody knows."""

    @abstractmethod
    def focused(self) -> WindowInfo | None:
        """Return the application's window that gets the keys; None if there is none, or nobody knows."""

    @abstractmethod
    def layout(self) -> Layout | None:
        """Return how the windows lie over each other now; None if nobody knows."""

    def scroll_place(self, monitor: Rect) -> DesktopPoint | None:
        """Return where a scroll without a place goes: over the pointer, or over the window with the focus.

        Args:
            monitor: the captured monitor, in logical pixels.

        Returns:
            The pointer's place if it is on the monitor and a window is there, else the middle of the window
            with the focus; None if that isn't on the monitor either.
        """
        pointer = self.pointer() if self.capabilities.pointer else None
        there = not self.capabilities.windows or (pointer is not None and self.window_at(pointer) is not None)
        if pointer is not None and pointer in monitor and there:
            return pointer
        window = self.focused()
        if window is None or window.rect is None:
            return None
        middle = DesktopPoint(
            window.rect.left + window.rect.width // 2, window.rect.top + window.rect.height // 2
        )
        return middle if middle in monitor else None

    def keep_focus(self) -> Callable[[], None]:
        """Remember which window has the focus; call what is returned to give it back."""
        return lambda: None

    def trial(self) -> "Trial | None":
        """Show a window of our own that tells what input arrives; None if this desktop can't.

        Raises:
            DesktopError: it isn't shown.
        """
        return None

    def own_task(self) -> str:
        """Return the task that this desktop is set up for, in words; "" if it has none."""
        return ""

    def check(self, task: str, answer: str | None) -> Check | None:
        """Compare the application's real state with what a task asked for.

        Args:
            task: in the person's words.
            answer: what the agent answered; None if it didn't.

        Returns:
            The verdict; None if this isn't a task that the desktop can check.
        """
        del task, answer
        return None

    @abstractmethod
    def perform(self, approved: Approved, stop: StopCheck) -> None:
        """Spend the approval and send its plan.

        Whatever was pressed is released before this returns or raises.

        Raises:
            ApprovalError: the approval isn't valid; nothing was sent.
            Stopped: `stop` said so between two events.
            DesktopError: the input side failed.
        """

    @abstractmethod
    def release(self) -> None:
        """Release every key and button that this desktop still holds, and no other."""

    @abstractmethod
    def close(self) -> None:
        """Release, restore the keyboard map, and disconnect. May be called twice."""


class WindowlessDesktop(Desktop):
    """A desktop of which nobody tells where windows are, not even our own: rules about them ask or refuse.

    Where it stands before another class, what that one tells of windows isn't told either.
    """

    def off_limits(self) -> tuple[Rect, ...]:
        return ()

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        del point
        return None

    def focused(self) -> WindowInfo | None:
        return None

    def layout(self) -> Layout | None:
        return None


class DesktopWrapper(Desktop):
    """Another desktop, unchanged; a subclass overrides what it changes and loses nothing of the rest.

    Attributes:
        name: the other's.
    """

    def __init__(self, desktop: Desktop) -> None:
        self.name = desktop.name
        self.platform = desktop.platform
        self.capabilities = desktop.capabilities
        self.display = desktop.display
        self._desktop = desktop

    @property
    def watchdog(self) -> "Watchdog | None":
        return self._desktop.watchdog

    @watchdog.setter
    def watchdog(self, watchdog: "Watchdog | None") -> None:
        self._desktop.watchdog = watchdog

    def geometry(self) -> Geometry:
        return self._desktop.geometry()

    def grab(self, region: Rect | None = None) -> Frame:
        return self._desktop.grab(region)

    def grab_to_compare(self) -> Frame:
        return self._desktop.grab_to_compare()

    def damage(self) -> Damage | None:
        return self._desktop.damage()

    def pointer(self) -> DesktopPoint:
        return self._desktop.pointer()

    def off_limits(self) -> tuple[Rect, ...]:
        return self._desktop.off_limits()

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        return self._desktop.window_at(point)

    def focused(self) -> WindowInfo | None:
        return self._desktop.focused()

    def layout(self) -> Layout | None:
        return self._desktop.layout()

    def scroll_place(self, monitor: Rect) -> DesktopPoint | None:
        return self._desktop.scroll_place(monitor)

    def keep_focus(self) -> Callable[[], None]:
        return self._desktop.keep_focus()

    def trial(self) -> "Trial | None":
        return self._desktop.trial()

    def own_task(self) -> str:
        return self._desktop.own_task()

    def check(self, task: str, answer: str | None) -> Check | None:
        return self._desktop.check(task, answer)

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        self._desktop.perform(approved, stop)

    def release(self) -> None:
        self._desktop.release()

    def close(self) -> None:
        self._desktop.close()
