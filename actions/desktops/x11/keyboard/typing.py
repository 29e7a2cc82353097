"""Type any text exactly on any layout, or refuse it.

A character that the layout has on a key, plain or with Shift, is typed with that key. All others are lent
spare keycodes (a plain Xvfb has 19), as many at a time as there are; before a keycode gets another meaning,
the application must have read the presses so far (`barrier.py`).

A text is refused if it has a character that the application takes for something else, although a key means
exactly this character. libX11 and xkbcommon make two letters of four Arabic ligatures (by their Compose
files), Qt drops the byte order mark, and GTK 3 keeps only 16 bits of a keysym when it looks for accents and
the Compose key: so ＠ and the small forms vanish there, along with the next character. These were found by
typing random Unicode into real fields: benchmarks/typing_exact.py.
"""

from collections.abc import Iterable
from typing import Any, Final

from qvl_agent.actions.core.errors import DesktopError, TypingError
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.desktops.keysyms import MISREAD, MISREAD_BY_GTK
from qvl_agent.actions.desktops.x11.applications import forwards_keys, input_method_on, is_gtk3
from qvl_agent.actions.desktops.x11.input import XInput, check_stop
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.desktops.x11.keyboard.barrier import Barrier
from qvl_agent.actions.desktops.x11.keyboard.keymap import Keymap, Place, character_keysym, key_keysym
from qvl_agent.actions.desktops.x11.windows.focus import Focus
from qvl_agent.actions.desktops.x11.windows.tree import focused_window

__all__ = ["LOCK_KEYS", "Keyboard"]

LOCK_KEYS: Final = frozenset({"capslock", "numlock", "scrolllock"})
"""The keys that change a lock."""

_CHUNK: Final = 20
"""Characters that are typed between two checks of `stop`, the focus and the layout."""


class Keyboard:
    """Presses keys by name and types text by character, over one connection, until `finish`."""

    def __init__(self, display: Any, hands: XInput, focus: Focus) -> None:
        self._display = display
        self._hands = hands
        self._focus = focus
        self._keymap = Keymap(display)
        self._barrier = Barrier(display)
        self._shift = self._keymap.find(key_keysym("shift"))
        self._shifted: set[int] = set()
        self._changed = False
        self._unread = False
        """Whether lent keycodes were pressed that the application may not have read yet."""
        self._locks = self._locks_now()

    def key(self, name: str, stop: StopCheck, *, down: bool) -> None:
        """Press or release a key; Shift is pressed and released with it if this layout needs that.

        Raises:
            TypingError: the layout was switched, so the key would mean something else; it isn't pressed.
        """
        keysym = key_keysym(name)
        place = self._keymap.find_key(keysym) or self._lend_letter(keysym) or self._place(keysym, (), stop)
        if not down:
            self._release(place)
            if name in LOCK_KEYS:
                self._locks = self._locks_now()
            return
        if not self._hands.holds_keys:
            self._check_layout()
        self._switch_group(place.group)
        if place.shift and self._shift is not None and not self._hands.holds(self._shift.keycode):
            self._hands.key(self._shift.keycode, down=True)
            self._shifted.add(place.keycode)
        self._hands.key(place.keycode, down=True)

    def _lend_letter(self, keysym: int) -> Place | None:
        """Give a letter of a chord a place on a layout without Latin letters."""
        place = self._keymap.lend_letter(keysym)
        if place is not None:
            self._changed = self._unread = True
        return place

    def _locks_now(self) -> tuple[int, int]:
        """Return the modifiers that are locked, and the layout's group."""
        state = xkb.state(self._display)
        return state.locked, state.group

    def _switch_group(self, group: int) -> None:
        locked, now = self._locks
        if group != now:
            xkb.lock(self._display, locked, group)
            self._locks = locked, group

    def _release(self, place: Place) -> None:
        self._hands.key(place.keycode, down=False)
        if place.keycode in self._shifted and self._shift is not None:
            self._shifted.remove(place.keycode)
            self._hands.key(self._shift.keycode, down=False)

    def type(self, text: str, stop: StopCheck, *, looks: int = _CHUNK) -> None:
        """Type a text; nothing of it is typed if one of its characters can't be.

        Args:
            text: a text without line breaks and control characters.
            stop: returns True to end the typing.
            looks: characters that are typed between two checks of `stop`, the focus and the layout.

        Raises:
            Stopped: `stop` returned True; the rest isn't typed.
            FocusLostError: the focus moved to another window; the rest isn't typed.
            TypingError: the application would take a character for something else, so nothing is typed; or
                the layout was switched, so the rest isn't typed.
            DesktopError: a character can't be typed, or the application hangs.
        """
        self._switch_group(0)
        refuse_taken(self._display, text)
        keysyms = [character_keysym(character) for character in text]
        self._refuse_lost(text)
        for at, keysym in enumerate(keysyms):
            if at % looks == 0:
                self._hands.sync()
                check_stop(stop)
                self._focus.check()
                self._check_layout()
            self._tap(self._place(keysym, keysyms[at:], stop))
        self._hold_shift(down=False)
        self._hands.sync()
        if self._unread:
            self.await_reading(stop)
        self._check_layout()

    def _refuse_lost(self, text: str) -> None:
        """Refuse characters without a key where the application sends the keys' numbers on elsewhere.

        Raises:
            TypingError: there are such characters; the message names them.
        """
        lost = dict.fromkeys(each for each in text if not self._keymap.fixed(character_keysym(each)))
        name = forwards_keys(self._display, focused_window(self._display)) if lost else ""
        if name:
            raise TypingError(
                f"nothing was typed: {name} sends the numbers of keys on, and there is no key for "
                f"{' '.join(lost)} on this keyboard's layout; leave them out, or work inside it"
            )

    def _check_layout(self) -> None:
        """Check that the keys still have the same meaning, as nobody has switched the layout.

        Raises:
            TypingError: the layout, its group or CapsLock has changed.
        """
        if self._locks_now() != self._locks or self._keymap.changed():
            raise TypingError(
                "the keyboard's layout was switched in the middle of the text, so the rest wasn't typed, and "
                "the last characters may be others; look at what stands there"
            )

    def _tap(self, place: Place) -> None:
        self._hold_shift(down=place.shift)
        self._hands.key(place.keycode, down=True)
        self._hands.key(place.keycode, down=False)

    def _hold_shift(self, *, down: bool) -> None:
        """Press or release Shift if it isn't so yet; it stays down over a run of characters that need it."""
        if self._shift is not None and self._hands.holds(self._shift.keycode) != down:
            self._hands.key(self._shift.keycode, down=down)

    def _place(self, keysym: int, following: Iterable[int], stop: StopCheck) -> Place:
        """Return a keysym's place; if it has none, lend keycodes to it and to those that follow it."""
        place = self._keymap.find(keysym)
        if place is None:
            self._lend(self._lacking(keysym, following), stop)
            place = self._keymap.find(keysym)
            if place is None:
                raise DesktopError("the keyboard map was changed by another program while we typed")
        self._unread = self._unread or self._keymap.lent(keysym)
        return place

    def _lacking(self, keysym: int, following: Iterable[int]) -> list[int]:
        wanted = {keysym: None}
        for other in following:
            if len(wanted) >= self._keymap.spare:
                break
            if not self._keymap.fixed(other):
                wanted[other] = None
        return list(wanted)

    def _lend(self, wanted: list[int], stop: StopCheck) -> None:
        if self._keymap.spare == 0:
            raise DesktopError(
                "every keycode of this keyboard layout is in use; none is spare for other characters"
            )
        if self._unread and self._keymap.takes_back(wanted):
            self.await_reading(stop)
        self._keymap.lend(wanted)
        self._changed = True

    def await_reading(self, stop: StopCheck) -> None:
        """Wait until the application has read all keys that were pressed so far."""
        self._hands.sync()
        self._barrier.wait(stop)
        self._unread = False

    def finish(self, stop: StopCheck) -> None:
        """Put the keyboard map back, once the application has read what was typed."""
        if self._unread:
            self.await_reading(stop)
        self._keymap.restore()
        if self._changed:
            self._barrier.wait_for_window_manager(stop)
        self._hands.sync()


def refuse_taken(display: Any, text: str) -> None:
    """Refuse a text of which the application with the focus, or an input method, makes something else.

    Raises:
        TypingError: there is such a character, of which the message names the first one; or an input method
            is on.
    """
    window = focused_window(display)
    for character in text:
        if character in MISREAD or (character in MISREAD_BY_GTK and is_gtk3(display, window)):
            code = f"U+{ord(character):04X}"
            raise TypingError(
                f"nothing was typed: the application would take {code} for something else; leave it out"
            )
    if any("!" <= character <= "~" for character in text) and (method := input_method_on(display)):
        raise TypingError(
            f"nothing was typed: the input method {method} is on and would make something else of the text; "
            "switch it off first, mostly by ctrl+space or shift"
        )
