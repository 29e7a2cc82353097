"""Somebody else at the machine: input that the agent didn't announce, over a connection of its own."""

from contextlib import closing
from typing import Any

from Xlib import XK, X
from Xlib.display import Display


class OtherHands:
    """What a person does, as far as an X server without a real mouse can show it."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)

    def move(self, x: int, y: int) -> None:
        self._send(X.MotionNotify, x=x, y=y)

    def nudge(self, dx: int, dy: int) -> None:
        self._send(X.MotionNotify, detail=1, x=dx, y=dy)

    def click(self, button: int = 1) -> None:
        self._send(X.ButtonPress, button)
        self._send(X.ButtonRelease, button)

    def keycode(self, keysym: str) -> int:
        return int(self._display.keysym_to_keycode(XK.string_to_keysym(keysym)))

    def press(self, keycode: int) -> None:
        self._send(X.KeyPress, keycode)

    def release(self, keycode: int) -> None:
        self._send(X.KeyRelease, keycode)

    def tap(self, keysym: str) -> None:
        keycode = self.keycode(keysym)
        self._send(X.KeyPress, keycode)
        self._send(X.KeyRelease, keycode)

    def _send(self, kind: int, detail: int = 0, **at: Any) -> None:
        self._display.xtest_fake_input(kind, detail, **at)
        self._display.sync()

    def close(self) -> None:
        self._display.close()


def other_hands(name: str) -> "closing[OtherHands]":
    return closing(OtherHands(name))
