"""A window over the whole screen that keeps every input event it gets."""

from contextlib import closing
from typing import Any, Self

from Xlib import X

from qvl_agent.actions.desktops.x11.connection import connect

NAMES = {
    X.KeyPress: "key down",
    X.KeyRelease: "key up",
    X.ButtonPress: "button down",
    X.ButtonRelease: "button up",
    X.MotionNotify: "motion",
}


class EventWindow:
    """Over everything, and with the keyboard's focus; a context manager.

    `place` is its left, top, width and height (the whole screen), `colour` as 0xRRGGBB.
    """

    def __init__(
        self,
        name: str,
        *,
        focus: bool = True,
        place: tuple[int, int, int, int] | None = None,
        colour: int = 0xFFFFFF,
    ) -> None:
        self._display = connect(name)
        screen = self._display.screen()
        self._window = screen.root.create_window(
            *(place or (0, 0, screen.width_in_pixels, screen.height_in_pixels)),
            0,
            X.CopyFromParent,
            override_redirect=True,
            background_pixel=colour,
            event_mask=X.KeyPressMask
            | X.KeyReleaseMask
            | X.ButtonPressMask
            | X.ButtonReleaseMask
            | X.PointerMotionMask
            | X.StructureNotifyMask,
        )
        self._window.map()
        while self._display.next_event().type != X.MapNotify:
            pass
        if focus:
            self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.events()

    def events(self) -> list[Any]:
        """All that came since the last call, motions and key map notices included."""
        self._display.sync()
        return [self._display.next_event() for _ in range(self._display.pending_events())]

    def inputs(self, *, motions: bool = False) -> list[tuple[str, int]]:
        """The keys and buttons that came since the last call: ("button down", 1)."""
        return [
            (NAMES[event.type], event.detail)
            for event in self.events()
            if event.type in NAMES and (motions or event.type != X.MotionNotify)
        ]

    def fill(self, left: int, top: int, width: int, height: int, colour: int) -> None:
        """Draw a rectangle on it."""
        context = self._window.create_gc(foreground=colour)
        self._window.fill_rectangle(context, left, top, width, height)
        context.free()
        self._display.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._display.close()


def held(name: str) -> tuple[list[int], int]:
    """What is down on a display, asked over a connection of its own: keycodes, and a mask of buttons."""
    with closing(connect(name)) as display:
        keys = display.query_keymap()
        down = [8 * at + bit for at, byte in enumerate(keys) for bit in range(8) if byte >> bit & 1]
        buttons = X.Button1Mask | X.Button2Mask | X.Button3Mask | X.Button4Mask | X.Button5Mask
        return down, display.screen().root.query_pointer().mask & buttons
