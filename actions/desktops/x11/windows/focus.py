"""The window that a plan's keys are for: looked at before and while they are sent."""

from typing import Any

from qvl_agent.actions.core.errors import FocusLostError
from qvl_agent.actions.desktops.x11.windows.tree import focused_window, process_of, window_under_pointer

__all__ = ["Focus"]


class Focus:
    """Where the focus was when a plan began; after a click, where the click has put it.

    Keys go wherever the server's focus is when they arrive. A window that opens or is raised in the middle
    of a text would get the rest of it, so it is asked for again and again while a text is typed. Another
    window of the same process (a list that completes what is typed) takes nothing away from it.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._window = focused_window(display)
        self._id = self._raw()

    def clicked(self) -> None:
        """After a click and the wait for the focus: it is the clicked window's, or where it was.

        Raises:
            FocusLostError: it is a third window's.
        """
        if self._raw() == self._id:
            return
        now, under = focused_window(self._display), window_under_pointer(self._display)
        if now is None or not any(self._same(now, each) for each in (under, self._window)):
            raise FocusLostError(
                "the window that was clicked didn't get the keyboard's focus, so nothing was typed"
            )
        self._window, self._id = now, self._raw()

    def check(self) -> None:
        """Look whether the keys still go where they went.

        Raises:
            FocusLostError: they would go elsewhere.
        """
        if self._raw() == self._id:
            return
        now = focused_window(self._display)
        if not self._same(now, self._window):
            raise FocusLostError(
                "another window took the keyboard's focus in the middle, so the rest wasn't typed"
            )
        self._id = self._raw()

    def _raw(self) -> int:
        focus = self._display.get_input_focus().focus
        return int(focus) if isinstance(focus, int) else int(focus.id)

    def _same(self, one: Any | None, other: Any | None) -> bool:
        if one is None or other is None:
            return one is other
        if one.id == other.id:
            return True
        process = process_of(self._display, one)
        return process is not None and process == process_of(self._display, other)
