"""Keyboards as people have them: several layouts, other layouts than XTEST's, and accessibility settings."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from event_window import EventWindow, held
from held_input import click, perform
from persons_keyboard import persons_layout, press_as_person, set_persons_layout
from text_fields import KINDS, TextField, wait_until
from Xlib import X

from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.desktops.x11.connection import connect
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.desktops.x11.keyboard.xkb import KeyboardState
from qvl_agent.actions.planning.events import KeyEvent, TextEvent
from qvl_agent.sandbox.display import VirtualDisplay

SHIFT, KEY_A, KEY_C = 50, 38, 54
"""Keycodes of every PC's keyboard."""
SLOW, BOUNCE, STICKY = 0b0010, 0b0100, 0b1000
FEW = {("gtk", "ru"), ("gtk", "us,ru"), ("qt", "il"), ("qt", "ru,us")}
"""Toolkits and layouts for every day."""
TEXT = "Quiz-42 (wow), Amazing zebra: żółw 你好"


def chord(*keys: str) -> tuple[KeyEvent, ...]:
    return (*(KeyEvent(key, down=True) for key in keys), *(KeyEvent(key, down=False) for key in keys[::-1]))


def state(screen: VirtualDisplay) -> KeyboardState:
    with closing(connect(screen.name)) as display:
        return xkb.state(display)


def set_state(screen: VirtualDisplay, wanted: KeyboardState) -> None:
    with closing(connect(screen.name)) as display:
        xkb.restore(display, wanted)
        display.sync()


@pytest.mark.parametrize("kind", KINDS)
def test_the_persons_keyboard_has_another_layout(
    screen: VirtualDisplay, hands: Desktop, kind: str, tmp_path: Path
) -> None:
    set_persons_layout(screen.name, "fr")
    before = persons_layout(screen.name)
    select = (*chord("end"), *chord("shift", "home")) if kind == "tk" else chord("ctrl", "a")
    with TextField(kind, screen.environment(), tmp_path) as field:
        for text in (TEXT, "wz,;a!m"):
            press_as_person(screen.name, SHIFT)
            field.clear()
            perform(hands, TextEvent(text))
            assert field.settled(text) == text
            if kind != "xterm":
                press_as_person(screen.name, SHIFT)
                perform(hands, *select, *chord("backspace"))
                wait_until(lambda: field.text() == "", "the chord, which on the person's keyboard is another")
    assert persons_layout(screen.name) == before


@pytest.mark.parametrize(
    ("kind", "layout"),
    [
        pytest.param(kind, layout, marks=[] if (kind, layout) in FEW else pytest.mark.nightly)
        for kind in ("gtk", "qt")
        for layout in ("ru", "gr", "il", "ara", "us,ru", "ru,us")
    ],
)
def test_shortcuts_arrive_on_layouts_without_latin_letters(
    screen: VirtualDisplay, hands: Desktop, kind: str, layout: str, tmp_path: Path
) -> None:
    subprocess.run(["setxkbmap", layout], env=screen.environment(), check=True)
    before = persons_layout(screen.name)
    with TextField(kind, screen.environment(), tmp_path) as field:
        perform(hands, TextEvent("один two"))
        assert field.settled("один two") == "один two"
        perform(hands, *chord("ctrl", "a"))
        perform(hands, *chord("ctrl", "c"), *chord("end"), *chord("ctrl", "v"), *chord("shift", "a"))
        wait_until(lambda: field.text() == "один twoодин twoA", "the pasted text")
    assert persons_layout(screen.name) == before


@pytest.mark.parametrize("layout", ["ru", "ru,us", "us"])
def test_a_shortcuts_letter_comes_from_its_position(
    screen: VirtualDisplay, hands: Desktop, layout: str
) -> None:
    """Chromium takes Ctrl+C on a Russian layout from the key's position, whatever the map says."""
    subprocess.run(["setxkbmap", layout], env=screen.environment(), check=True)
    with EventWindow(screen.name) as window:
        perform(hands, *chord("ctrl", "a"))
        perform(hands, *chord("ctrl", "c"))
        down = [code for what, code in window.inputs() if what == "key down"]
    assert down[1::2] == [KEY_A, KEY_C]


@pytest.mark.parametrize(
    "setting",
    [
        KeyboardState(0, X.ControlMask, 0),
        KeyboardState(0, X.ShiftMask | X.LockMask, 0),
        KeyboardState(0, X.Mod1Mask | X.Mod4Mask, 0),
        KeyboardState(0, X.Mod5Mask, 0),
        KeyboardState(0, 0, 0, filters=SLOW),
        KeyboardState(0, 0, 0, filters=BOUNCE | STICKY),
        KeyboardState(0, X.ControlMask, 0, filters=SLOW | BOUNCE | STICKY),
    ],
    ids=str,
)
def test_locked_modifiers_and_filters_are_put_aside_and_come_back(
    screen: VirtualDisplay, hands: Desktop, setting: KeyboardState, tmp_path: Path
) -> None:
    text = "Hello Mississippi, 42!"
    with TextField("gtk", screen.environment(), tmp_path) as field:
        set_state(screen, setting)
        perform(hands, TextEvent(text))
        assert field.settled(text) == text
    assert state(screen) == setting
    assert held(screen.name) == ([], 0)


def test_a_click_has_no_locked_modifier(screen: VirtualDisplay, hands: Desktop) -> None:
    with EventWindow(screen.name) as window:
        set_state(screen, KeyboardState(0, X.ControlMask, 0))
        perform(hands, *click(100, 100))
        (press, *_) = [event for event in window.events() if event.type == X.ButtonPress]
    assert press.state & X.ControlMask == 0
    assert state(screen).locked == X.ControlMask


def test_a_latched_modifier_doesnt_change_the_first_key(
    screen: VirtualDisplay, hands: Desktop, tmp_path: Path
) -> None:
    with TextField("gtk", screen.environment(), tmp_path) as field, closing(connect(screen.name)) as display:
        xkb._LatchLockState(  # no public function latches
            display=display.display,
            opcode=xkb._opcode(display),
            device=0x100,
            affect_mod_locks=0,
            mod_locks=0,
            lock_group=0,
            group_lock=0,
            affect_mod_latches=X.ShiftMask,
            mod_latches=X.ShiftMask,
            latch_group=0,
            group_latch=0,
        )
        display.sync()
        assert xkb.state(display).latched == X.ShiftMask
        perform(hands, TextEvent("abc"))
        assert field.settled("abc") == "abc"


def test_a_window_with_a_layout_of_its_own(screen: VirtualDisplay, hands: Desktop, tmp_path: Path) -> None:
    """xxkb gives each window the layout that it had when it was left, some moments after its click."""
    setting = Path("/etc/X11/app-defaults/XXkb").read_text() + "\nXXkb.mainwindow.type: normal\n"
    (tmp_path / ".xxkbrc").write_text(setting)
    environment = screen.environment() | {"HOME": str(tmp_path)}
    subprocess.run(["setxkbmap", "us,ru"], env=environment, check=True)
    daemon = subprocess.Popen(["xxkb"], env=environment, stderr=subprocess.DEVNULL)
    try:
        with (
            TextField("gtk", environment, tmp_path) as russian,
            TextField("tk", environment, tmp_path) as english,
        ):
            places = {}
            for name, app in (("gtk", "gtk field"), ("tk", "tk field")):
                window = subprocess.run(
                    ["xdotool", "search", "--name", f"^{app}$"],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                ).stdout.split()[-1]
                top = 40 if name == "gtk" else 300
                move = ["xdotool", "windowmove", "--sync", window, "40", str(top)]
                subprocess.run(move, env=environment, check=True)
                places[name] = click(200, top + (35 if name == "gtk" else 60))
            perform(hands, *places["gtk"])
            wait_until(lambda: (w := hands.focused()) is not None and w.title == "gtk field", "the focus")
            set_state(screen, KeyboardState(0, 0, 1))  # the person chooses Russian in this window
            perform(hands, *places["tk"])
            wait_until(lambda: state(screen).group == 0, "the other window's own layout")
            perform(hands, *places["gtk"])
            wait_until(lambda: state(screen).group == 1, "the Russian window's layout")
            perform(hands, *places["tk"])
            wait_until(lambda: state(screen).group == 0, "the other window's own layout again")
            perform(hands, *places["gtk"], TextEvent("Meet at noon"))
            assert russian.settled("Meet at noon") == "Meet at noon"
            assert english.text() == ""
            assert state(screen).group == 1, "and the window is Russian still"
    finally:
        daemon.terminate()
        daemon.wait()
