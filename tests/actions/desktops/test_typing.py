"""Typing into real applications: what arrives is what was asked for, and the keyboard is as before."""

import random
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from event_window import EventWindow, held
from hypothesis import given
from hypothesis import strategies as st
from text_fields import KINDS, TextField
from Xlib import X
from Xlib.display import Display

from qvl_agent.actions.core.errors import DesktopError, Stopped, TypingError
from qvl_agent.actions.desktops import Desktop, StopCheck, open_local
from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.desktops.x11.keyboard.keymap import Keymap, character_keysym
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, TextEvent
from qvl_agent.sandbox.display import VirtualDisplay

TEXT = 'Ünïcode 中文 <tag> "quotes" €😀'
SCRIPTS = [
    (0x21, 0x7E),
    (0xA1, 0xAC),
    (0xAE, 0xFF),
    (0x100, 0x17F),
    (0x3B1, 0x3C9),
    (0x410, 0x44F),
    (0x4E00, 0x9F00),
]


def some_text(seed: int, length: int = 100) -> str:
    dice = random.Random(seed)
    return "".join(chr(dice.randint(*dice.choice(SCRIPTS))) for _ in range(length))


def type_text(desktop: Desktop, text: str, stop: StopCheck = lambda: False) -> None:
    desktop.perform(Approved((TextEvent(text),), "frame", desktop.geometry()), stop)


def keyboard(display: VirtualDisplay) -> tuple[object, str, xkb.KeyboardState]:
    """All there is to know of it: the core map, the XKB description, and the state."""
    with closing(Display(display.name)) as asker:
        core = asker.get_keyboard_mapping(8, 248)
    described = subprocess.run(["xkbcomp", display.name, "-"], capture_output=True, text=True, check=True)
    connection = Connection(display.name)
    with connection as asker:
        state = xkb.state(asker)
    connection.close()
    return core, described.stdout, state


def set_layout(display: VirtualDisplay, *layout: str) -> None:
    subprocess.run(["setxkbmap", *layout], env=display.environment(), check=True)


@pytest.fixture
def us(display: VirtualDisplay) -> Iterator[VirtualDisplay]:
    yield display
    set_layout(display, "us")


@pytest.mark.parametrize(
    ("kind", "layouts"),
    [("tk", ("us", "de", "fr")), *((kind, ("us", "de")) for kind in KINDS if kind != "tk")],
)
def test_any_text_arrives_exactly_on_every_layout(
    us: VirtualDisplay, desktop: Desktop, kind: str, layouts: tuple[str, ...], tmp_path: Path
) -> None:
    with TextField(kind, us.environment(), tmp_path) as field:
        for number, layout in enumerate(layouts):
            set_layout(us, layout)
            before = keyboard(us)
            for text in (TEXT, some_text(number)):
                field.clear()
                type_text(desktop, text)
                assert field.settled(text) == text
            assert keyboard(us) == before


@pytest.mark.fault(75)
@pytest.mark.parametrize("kind", KINDS)
def test_capslock_and_a_second_layout_change_nothing(
    us: VirtualDisplay, desktop: Desktop, kind: str, tmp_path: Path
) -> None:
    text = "Straße yz YZ {[]}\\ @ ~ Привет"
    with TextField(kind, us.environment(), tmp_path) as field:
        set_layout(us, "us,ru")
        connection = Connection(us.name)
        for group in (0, 1):
            with connection as server:
                xkb.lock(server, X.LockMask, group)
                server.sync()
            before = keyboard(us)
            field.clear()
            type_text(desktop, text)
            assert field.settled(text) == text
            assert keyboard(us) == before
            assert before[2].caps
            assert before[2].group == group
        with connection as server:
            xkb.lock(server, 0, 0)
            server.sync()
        connection.close()


def test_a_long_text_of_many_characters(us: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> None:
    text = some_text(7, 600)
    with TextField("qt", us.environment(), tmp_path) as field:
        type_text(desktop, text)
        assert field.settled(text) == text


def test_stopped_in_the_middle_the_rest_is_not_typed(
    us: VirtualDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    text = some_text(3, 200)
    before = keyboard(us)
    with TextField("gtk", us.environment(), tmp_path) as field:
        asked = iter([False] * 5)
        with pytest.raises(Stopped):
            type_text(desktop, text, lambda: next(asked, True))
        typed = field.settled(text, limit_s=0.3)
        assert 0 < len(typed) < len(text)
        assert text.startswith(typed)
    assert keyboard(us) == before
    assert held(us.name) == ([], 0)


@pytest.mark.fault(75)
def test_a_layout_that_is_switched_in_the_middle_is_said_and_left_alone(
    us: VirtualDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    asked = iter(["", "", "de"])
    wanted: list[object] = []

    def stop() -> bool:
        if layout := next(asked, ""):
            set_layout(us, layout)
            wanted.append(keyboard(us))
        return False

    with TextField("tk", us.environment(), tmp_path) as field:
        with pytest.raises(TypingError, match="layout was switched"):
            type_text(desktop, "yz中" * 100, stop)
        typed = field.settled("yz中" * 100, limit_s=0.3)
        assert 0 < len(typed) < 300
    assert [keyboard(us)] == wanted
    assert held(us.name) == ([], 0)


@pytest.mark.fault(75)
def test_a_switch_to_the_second_layout_in_the_middle_is_said(
    us: VirtualDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    set_layout(us, "us,ru")
    connection = Connection(us.name)
    asked = iter([False, False, True])

    def stop() -> bool:
        if next(asked, False):
            with connection as server:
                xkb.lock(server, 0, 1)
                server.sync()
        return False

    with TextField("tk", us.environment(), tmp_path), pytest.raises(TypingError, match="layout was switched"):
        type_text(desktop, "yz" * 100, stop)
    with connection as server:
        xkb.lock(server, 0, 0)
        server.sync()
    connection.close()


def test_what_gtk_takes_for_a_dead_key_is_refused_there_and_typed_elsewhere(
    us: VirtualDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    text = "you＠home"
    with TextField("gtk", us.environment(), tmp_path) as field:
        with pytest.raises(TypingError, match=r"U\+FF20"):
            type_text(desktop, text)
        assert field.settled("", limit_s=0.1) == ""
        type_text(desktop, "you？home")
        assert field.settled("you？home") == "you？home"
    with TextField("qt", us.environment(), tmp_path) as field:
        type_text(desktop, text)
        assert field.settled(text) == text


def test_a_ligature_that_would_arrive_as_two_letters_is_refused(us: VirtualDisplay, desktop: Desktop) -> None:
    with EventWindow(us.name) as window:
        with pytest.raises(TypingError, match=r"U\+FEFB"):
            type_text(desktop, "\ufefb")
        assert window.inputs() == []


@pytest.mark.parametrize("text", ["a\nb", "tab\t", "\x1b[31m", "nul\0", "\x7f", "half \ud83d"])
def test_what_is_no_text_is_refused_whole(us: VirtualDisplay, desktop: Desktop, text: str) -> None:
    with EventWindow(us.name) as window:
        with pytest.raises(DesktopError, match="no character that can be typed"):
            type_text(desktop, text)
        assert window.inputs() == []


def test_what_a_killed_run_left_on_the_keyboard_is_found_and_put_back(us: VirtualDisplay) -> None:
    before = keyboard(us)
    connection = Connection(us.name)
    with connection as server:
        killed = Keymap(server)
        spare = killed.spare
        killed.lend([character_keysym(character) for character in "中文é"])
        server.sync()
    assert keyboard(us) != before
    with closing(open_local(us.name)) as desktop, EventWindow(us.name) as window:
        type_text(desktop, "x")
        assert window.inputs() == [("key down", 53), ("key up", 53)]
    assert keyboard(us) == before
    with connection as server:
        assert Keymap(server).spare == spare
    connection.close()


@pytest.mark.fault(75)
def test_a_layout_set_while_keycodes_were_lent_is_left_alone(us: VirtualDisplay) -> None:
    connection = Connection(us.name)
    with connection as server:
        keymap = Keymap(server)
        keymap.lend([character_keysym("中")])
        server.sync()
        set_layout(us, "de")
        fresh = keyboard(us)
        keymap.restore()
        server.sync()
    connection.close()
    assert keyboard(us) == fresh


def test_keys_of_the_layout_are_used_where_it_has_them(us: VirtualDisplay, desktop: Desktop) -> None:
    set_layout(us, "de")
    with EventWindow(us.name) as window:
        type_text(desktop, "zY/")
        notices = [event for event in window.events() if event.type == X.MappingNotify]
        desktop.perform(
            Approved((KeyEvent("z", down=True), KeyEvent("z", down=False)), "frame", desktop.geometry()),
            lambda: False,
        )
        assert window.inputs() == [("key down", 29), ("key up", 29)]
        assert notices == []


@given(st.characters(exclude_categories=["Cc", "Cs"]))
def test_every_character_has_a_keysym_of_its_own(character: str) -> None:
    keysym = character_keysym(character)
    assert keysym in (ord(character), 0x01000000 + ord(character))
    assert keysym < 0x100 or keysym >= 0x01000100
