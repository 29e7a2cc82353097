"""The windows that a flow's targets are looked for in: those of its application, as they lie now."""

from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, Rect, View, rect_to_frame_box
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.agent.flows.finding.wanted import Place
from qvl_agent.agent.flows.lock import WindowSeen

__all__ = ["OpenWindow", "open_windows", "places_for"]

_SAMPLES = (0.5, 0.1, 0.9)
"""Where in a window it is asked whose it is, as shares of its width and height."""


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that is shown.

    Attributes:
        info: whose it is.
        box: where it lies, its frame included, in pixels of the screen's frame.
        covered: what lies over it, in the same pixels.
    """

    info: WindowInfo
    box: FrameBox
    covered: tuple[FrameBox, ...] = ()


def open_windows(desktop: Desktop, observation: Observation) -> tuple[OpenWindow, ...] | None:
    """Return the windows that are shown, the topmost first; None if the desktop knows of no windows."""
    layout = observation.layout
    if layout is None or not desktop.capabilities.windows:
        return None
    view = observation.screen.view
    found: list[OpenWindow] = []
    above: list[FrameBox] = []
    for number, rect in layout.windows:
        box = _on_screen(rect, view)
        if box is None:
            continue
        info = _owner(desktop, layout, number, rect)
        if info is not None and not info.ours:
            whole = _on_screen(info.rect, view) if info.rect else None
            found.append(OpenWindow(info, whole or box, tuple(over for over in above if over.meets(box))))
        above.append(box)
    return tuple(found)


def places_for(
    windows: tuple[OpenWindow, ...] | None,
    observation: Observation,
    *,
    app: str = "",
    title: str = "",
    seen: WindowSeen | None = None,
) -> tuple[Place, ...]:
    """Return where a target is looked for.

    Args:
        windows: from `open_windows`.
        observation: the screen.
        app: the flow's application; "" for any.
        title: a part of the window's title that the script names; "" for any.
        seen: the window that the target was in when it was recorded; if windows with exactly its title
            are open, only those count.
    """
    frame = observation.screen
    if windows is None:
        return (Place(frame, frame.box),)
    chosen = [window for window in windows if not app or _belongs(window.info, app, seen)]
    if title:
        named = [window for window in chosen if title.casefold() in window.info.title.casefold()]
        chosen = _with_menus(named, chosen)
    elif seen is not None and seen.title:
        same = [window for window in chosen if window.info.title == seen.title]
        chosen = same or chosen
    if not app and not title and seen is None:
        focused = [window for window in chosen if window.info.focused]
        chosen = _with_menus(focused, chosen) or chosen
    known = bool(app or title)
    return tuple(Place(frame, window.box, window.covered, known) for window in chosen)


def _with_menus(windows: list[OpenWindow], everything: list[OpenWindow]) -> list[OpenWindow]:
    """Add the open menus of the windows' programs, which have no title of their own."""
    programs = {window.info.program for window in windows} - {""}
    return [
        window
        for window in everything
        if window in windows or (window.info.menu and window.info.program in programs)
    ]


def _belongs(info: WindowInfo, app: str, seen: WindowSeen | None) -> bool:
    if info.goes_by(app):
        return True
    return seen is not None and seen.program != "" and info.program == seen.program


def _owner(desktop: Desktop, layout: Layout, number: int, rect: Rect) -> WindowInfo | None:
    """Ask whose a window is, at a point of it that no other window covers; None if it is all covered."""
    for down in _SAMPLES:
        for across in _SAMPLES:
            point = DesktopPoint(rect.left + int(rect.width * across), rect.top + int(rect.height * down))
            if layout.at(point) == number:
                return desktop.window_at(point)
    return None


def _on_screen(rect: Rect, view: View) -> FrameBox | None:
    """Return the part of a rectangle that is on the captured monitor, in the frame's pixels."""
    monitor = view.monitor
    left, top = max(rect.left, monitor.left), max(rect.top, monitor.top)
    right = min(rect.left + rect.width, monitor.left + monitor.width)
    bottom = min(rect.top + rect.height, monitor.top + monitor.height)
    if left >= right or top >= bottom:
        return None
    try:
        return rect_to_frame_box(Rect(left, top, right - left, bottom - top), view)
    except CoordinateError:
        return None
