"""The desktop of Windows on Windows: what it sees, where the pointer goes, and what reaches a program."""

import ctypes
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import USER, Hands, Notepad, running_notepad, until

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError, Stopped
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, TextEvent, WheelEvent

assert sys.platform == "win32"
from ctypes import wintypes  # noqa: E402

TEXTS = {
    "latin": "The quick brown fox jumps over the lazy dog. 0123456789",
    "signs": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "german": "Grüße, äöüß €5 – „ja“",
    "polish": "Zażółć gęślą jaźń",
    "russian": "Привет, мир",
    "chinese": "你好，世界",
    "emoji": "😀 👍🏽 👩‍👩‍👧",
    "combining": "é vs e\u0301",
    "long": "0123456789 " * 60,
}
_MENU = "#32768"
"""The class of menus that are open."""


def cursor() -> tuple[int, int]:
    at = wintypes.POINT()
    assert USER.GetCursorPos(ctypes.byref(at))
    return at.x, at.y


def is_down(code: int) -> bool:
    return bool(USER.GetAsyncKeyState(code) & 0x8000)


def test_the_screen_is_as_large_as_windows_says(desktop: Desktop) -> None:
    assert desktop.geometry().monitors[0] == Rect(0, 0, USER.GetSystemMetrics(0), USER.GetSystemMetrics(1))


def test_a_picture_shows_what_is_there(desktop: Desktop, notepad: Notepad) -> None:
    field = notepad.rect(notepad.field)
    inner = Rect(field.left + 40, field.top + 40, 100, 60)
    until(lambda: bool((desktop.grab(inner).pixels == 255).all()), "an empty sheet")
    whole = desktop.grab()
    part = whole.pixels[inner.top : inner.top + inner.height, inner.left : inner.left + inner.width]
    assert np.array_equal(part, desktop.grab(inner).pixels)
    assert whole.scale == 1


@pytest.mark.parametrize("place", [(0, 0), (1, 799), (640, 400), (1279, 0), (1279, 799), (333, 77)])
def test_the_pointer_goes_exactly_there(desktop: Desktop, hands: Hands, place: tuple[int, int]) -> None:
    monitor = desktop.geometry().monitors[0]
    x, y = min(place[0], monitor.width - 1), min(place[1], monitor.height - 1)
    hands(MoveEvent(DesktopPoint(x, y)))
    assert cursor() == (x, y)
    assert desktop.pointer() == DesktopPoint(x, y)


def test_a_window_is_known_by_its_program_title_and_place(desktop: Desktop, notepad: Notepad) -> None:
    rect = notepad.rect()
    under = desktop.window_at(notepad.inside(30, 30))
    assert under is not None
    assert (under.program.lower(), under.rect, under.ours) == ("notepad.exe", rect, False)
    assert notepad.path.name in under.title
    assert under.focused
    assert desktop.focused() == under


@pytest.mark.parametrize("name", TEXTS)
def test_text_arrives_exactly(hands: Hands, notepad: Notepad, name: str) -> None:
    hands.click(notepad.inside(30, 30))
    hands(TextEvent(TEXTS[name]))
    units = len(TEXTS[name].encode("utf-16-le"))
    until(lambda: len(notepad.text.encode("utf-16-le", "surrogatepass")) >= units, "the text")
    assert notepad.text == TEXTS[name]


def test_lines_are_separated_by_enter(hands: Hands, notepad: Notepad) -> None:
    enter = KeyEvent("enter", down=True), KeyEvent("enter", down=False)
    hands.click(notepad.inside(30, 30))
    hands(TextEvent("one"), *enter, TextEvent("two"), *enter, *enter, TextEvent("three"))
    until(lambda: notepad.text.endswith("three"), "three lines")
    assert notepad.text == "one\ntwo\n\nthree"


def test_chords_select_copy_and_paste(hands: Hands, notepad: Notepad) -> None:
    hands.click(notepad.inside(30, 30))
    hands(TextEvent("twice "))
    for chord in (("ctrl", "a"), ("ctrl", "c"), ("end",), ("ctrl", "v")):
        hands.chord(*chord)
    until(lambda: notepad.text == "twice twice ", "the copy")
    hands.chord("shift", "home")
    until(lambda: notepad.selection == (0, 12), "a selection")
    hands.chord("delete")
    until(lambda: notepad.text == "", "an empty field")


@pytest.mark.parametrize("key", ["backspace", "delete", "home", "end", "left", "right", "up", "down", "tab"])
def test_keys_do_what_they_say(hands: Hands, tmp_path: Path, key: str) -> None:
    with running_notepad(tmp_path / "keys.txt", "abc\ndef\nghi") as notepad:
        hands.click(notepad.inside(30, 30))
        hands.chord("ctrl", "home")
        for press in ("down", "right"):
            hands.chord(press)
        until(lambda: notepad.selection == (6, 6), "the caret behind d")
        hands.chord(key)
        wanted = {
            "backspace": ("abc\nef\nghi", 5),
            "delete": ("abc\ndf\nghi", 6),
            "home": ("abc\ndef\nghi", 5),
            "end": ("abc\ndef\nghi", 8),
            "left": ("abc\ndef\nghi", 5),
            "right": ("abc\ndef\nghi", 7),
            "up": ("abc\ndef\nghi", 1),
            "down": ("abc\ndef\nghi", 11),
            "tab": ("abc\nd\tef\nghi", 7),
        }[key]
        until(lambda: (notepad.text, notepad.selection[1]) == wanted, f"{key}: {wanted}")


def test_a_double_click_takes_a_word_and_a_drag_takes_what_it_passes(hands: Hands, tmp_path: Path) -> None:
    with running_notepad(tmp_path / "words.txt", "somewhere over the rainbow\n" * 3) as notepad:
        hands.click(notepad.inside(30, 8), times=2)
        # The word's beginning is selected; Wine ends the selection at the pointer.
        until(lambda: notepad.selection[0] == 0 < notepad.selection[1], "the first word")
        time.sleep(1)  # else the next press is the third of a triple click
        down, up = ButtonEvent("left", down=True), ButtonEvent("left", down=False)
        hands(MoveEvent(notepad.inside(20, 8)), down, MoveEvent(notepad.inside(160, 24)), up)
        until(lambda: notepad.selection[1] - notepad.selection[0] > 25, "more than a line")


def test_the_wheel_scrolls_by_notches_in_both_directions(hands: Hands, tmp_path: Path) -> None:
    with running_notepad(tmp_path / "long.txt", "\n".join(f"line {n}" for n in range(400))) as notepad:
        hands(MoveEvent(notepad.inside(60, 60)), WheelEvent(dx=0, dy=3))
        until(lambda: notepad.first_line > 0, "lines further down")
        time.sleep(0.3)
        after = notepad.first_line
        hands(WheelEvent(dx=0, dy=3))
        until(lambda: notepad.first_line == 2 * after, "as many again")
        hands(WheelEvent(dx=0, dy=-6))
        until(lambda: notepad.first_line == 0, "the beginning")


def test_a_right_click_opens_a_menu_over_its_window(desktop: Desktop, hands: Hands, notepad: Notepad) -> None:
    hands.click(notepad.inside(60, 60), button="right")
    until(lambda: bool(USER.FindWindowW(_MENU, None)), "a menu")
    over = desktop.window_at(notepad.inside(80, 80))
    assert over is not None
    assert over.program.lower() == "notepad.exe"
    hands.chord("escape")


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_what_was_pressed_is_released_however_it_ends(hands: Hands, notepad: Notepad, how: str) -> None:
    asked = iter(range(20))

    def stop() -> bool:
        if next(asked) < 4:
            return False
        if how == "failed":
            raise RuntimeError("the listener failed")
        return True

    press = KeyEvent("shift", down=True), ButtonEvent("left", down=True)
    with pytest.raises(Stopped if how == "stopped" else RuntimeError):
        hands(MoveEvent(notepad.inside(30, 30)), *press, MoveEvent(notepad.inside(60, 60)), stop=stop)
    assert not is_down(0x10), "shift"
    assert not is_down(0x01), "the left button"


def test_a_key_that_windows_doesnt_have_is_refused_before_anything_is_pressed(hands: Hands) -> None:
    with pytest.raises(DesktopError, match="no key 'nosuchkey'"):
        hands(KeyEvent("shift", down=True), KeyEvent("nosuchkey", down=True))
    assert not is_down(0x10)
