"""What applications do with input: games that look once a frame, tooltips in the way, nested servers."""

import json
import os
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from event_window import EventWindow
from held_input import click, perform
from text_fields import TextField, wait_until
from Xlib import X
from Xlib.display import Display

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox
from qvl_agent.actions.core.errors import DesktopError, TypingError
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Drag
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, MoveEvent, TextEvent
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

GAME = """
# A program that looks at the pointer and the keyboard once a frame, as games and canvas pages do.
import json, sys, time
from Xlib import X, display
server = display.Display()
root = server.screen().root
window = root.create_window(0, 0, 400, 300, 0, X.CopyFromParent, event_mask=X.ExposureMask)
window.set_wm_name("game"); window.map(); server.sync()
seen, was = {"clicks": 0, "keys": 0}, (False, False)
print("shown", flush=True)
while True:
    button = bool(root.query_pointer().mask & X.Button1Mask)
    key = bool(server.query_keymap()[65 // 8] >> 65 % 8 & 1)
    seen["clicks"] += button and not was[0]
    seen["keys"] += key and not was[1]
    was = button, key
    open(sys.argv[1], "w").write(json.dumps(seen))
    time.sleep(1 / 30)
"""
TIPS = """
# Three buttons in a column; the tooltip of each lies over the next one.
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
app = QApplication([])
window = QWidget(); window.setWindowTitle("tips"); window.move(40, 40); window.resize(400, 160)
column = QVBoxLayout(window); column.setContentsMargins(0, 0, 0, 0); column.setSpacing(4)
for number in range(3):
    button = QPushButton(f"Button {number}"); button.setMinimumHeight(44)
    button.setToolTip("This explains at some length what the button does,\\nin two lines.\\n\\n")
    button.clicked.connect(lambda *_, number=number: print(number, flush=True))
    column.addWidget(button)
window.show()

def report():
    middles = [each.mapToGlobal(each.rect().center()) for each in window.findChildren(QPushButton)]
    print([[each.x(), each.y()] for each in middles], flush=True)

QTimer.singleShot(400, report)  # once the window manager has placed it
app.exec()
"""


def test_a_game_notices_each_click_and_key(screen: VirtualDisplay, hands: Desktop, tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    command = [sys.executable, "-c", GAME, str(seen)]
    with subprocess.Popen(command, env=screen.environment(), stdout=subprocess.PIPE) as game:
        try:
            assert game.stdout is not None
            game.stdout.readline()
            wait_until(lambda: (w := hands.focused()) is not None and w.title == "game", "the game's window")
            area = hands.focused().rect
            for number in range(6):
                perform(hands, *click(area.left + 100 + 20 * number, area.top + 150))
                perform(hands, KeyEvent("space", down=True), KeyEvent("space", down=False))
            wait_until(lambda: '"keys": 6' in seen.read_text(), "the last key", 5)
            assert json.loads(seen.read_text()) == {"clicks": 6, "keys": 6}
        finally:
            game.kill()


def test_a_tooltip_over_the_target_is_waited_for(screen: VirtualDisplay, hands: Desktop) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TIPS], env=screen.environment(), stdout=subprocess.PIPE, text=True
    ) as app:
        try:
            assert app.stdout is not None
            (x, first), (_, second), _ = json.loads(app.stdout.readline())
            with closing(Display(screen.name)) as display:
                kind = display.get_atom("_NET_WM_WINDOW_TYPE")

                def tooltip() -> bool:
                    place = display.screen().root.translate_coords(display.screen().root, x + 30, second)
                    said = place.child and place.child.get_full_property(kind, X.AnyPropertyType)
                    return bool(said) and "TOOLTIP" in display.get_atom_name(said.value[0])

                perform(hands, MoveEvent(DesktopPoint(x - 1, first)))
                perform(hands, MoveEvent(DesktopPoint(x, first + 1)))
                wait_until(tooltip, "the tooltip over the second button")
                perform(hands, *click(x + 30, second))
            assert app.stdout.readline() == "1\n"
        finally:
            app.terminate()


def test_another_programs_window_under_a_tooltip_isnt_clicked(screen: VirtualDisplay, hands: Desktop) -> None:
    """A tooltip of ours over xterm, which goes once the pointer comes."""
    with (
        subprocess.Popen(["xterm", "-geometry", "80x30+0+0"], env=screen.environment()) as terminal,
        closing(Display(screen.name)) as display,
    ):
        try:
            wait_until(lambda: hands.window_at(DesktopPoint(100, 100)) is not None, "xterm")
            tip = display.screen().root.create_window(
                50, 80, 200, 60, 0, X.CopyFromParent, override_redirect=True, event_mask=X.EnterWindowMask
            )
            kind = display.get_atom("_NET_WM_WINDOW_TYPE_TOOLTIP")
            tip.change_property(display.get_atom("_NET_WM_WINDOW_TYPE"), 4, 32, [kind])
            tip.map()
            display.sync()
            asked = iter(range(1000))

            def stop() -> bool:
                if next(asked) == 4:
                    tip.unmap()
                    display.sync()
                return False

            plan = Approved(click(100, 100), "frame", hands.geometry())
            with pytest.raises(DesktopError, match="under it is another window"):
                hands.perform(plan, stop)
        finally:
            terminal.terminate()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Click, Drag),
        pytest.param(Drag, Drag, marks=pytest.mark.nightly),
        (Drag, Click),
    ],
)
def test_two_presses_at_one_place_are_no_double_click(
    screen: VirtualDisplay, hands: Desktop, first: type[Action], second: type[Action]
) -> None:
    place, end = ModelBox.of(200, 200, 210, 210), ModelBox.of(500, 500, 510, 510)

    def act(kind: type[Action]) -> Action:
        return Drag(target=place, end=end) if kind is Drag else Click(target=place)

    with EventWindow(screen.name) as window:
        executor = Executor(hands, Policy(actions_per_second=100, burst=100))
        for kind in (first, second):
            frame = hands.grab()
            result = executor.execute(act(kind), Observation(frame, frame), Facts(1, 1.0), lambda _: None)
            assert result.outcome.status == "done"
        presses = [event.time for event in window.events() if event.type == X.ButtonPress]
    assert presses[1] - presses[0] > 500, "Windows and Tk take less for a double click"


def test_a_nested_server_gets_only_what_has_a_key(screen: VirtualDisplay, hands: Desktop) -> None:
    """Xephyr sends the numbers of keys on to the server inside, which knows nothing of lent ones."""
    read, write = os.pipe()
    command = ["Xephyr", "-displayfd", str(write), "-screen", "400x300"]
    with subprocess.Popen(
        command, env=screen.environment(), pass_fds=[write], stderr=subprocess.DEVNULL
    ) as nested:
        os.close(write)
        try:
            with os.fdopen(read) as said:
                inside = f":{said.readline().strip()}"
            wait_until(lambda: (w := hands.focused()) is not None and w.program == "Xephyr", "Xephyr")
            with EventWindow(inside) as window:
                area = hands.focused().rect
                perform(hands, *click(area.left + 200, area.top + 150), TextEvent("aB1"))
                wait_until(lambda: len(window.events()) >= 0, "the keys")
                with pytest.raises(TypingError, match=r"Xephyr sends the numbers .* no key for ż 中 on"):
                    perform(hands, TextEvent("aż中ż"))
        finally:
            nested.terminate()


@pytest.mark.parametrize(
    ("state", "on"),
    [
        pytest.param(("@server=fcitx", "fcitx5-remote", "2"), True, marks=pytest.mark.nightly),
        (("@server=fcitx5", "fcitx5-remote", "2"), True),
        (("@server=fcitx", "fcitx5-remote", "1"), False),
        (("@server=fcitx", "fcitx-remote", "2"), True),
        (("@server=ibus", "ibus", "libpinyin"), True),
        (("@server=ibus", "ibus", "xkb:us::eng"), False),
        pytest.param(("@server=ibus", "ibus", ""), False, marks=pytest.mark.nightly),
        (("@server=other", "ibus", "libpinyin"), False),
    ],
)
def test_an_input_method_that_is_on_is_said(
    hands: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: tuple[str, str, str], on: bool
) -> None:
    """The commands are stand-ins, as the input methods and their dictionaries weigh 100 MB.

    With fcitx5 5.0.21 and its Pinyin it was tried by hand.
    """
    server, command, says = state
    program = tmp_path / command
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = os.environ | {"DISPLAY": hands.display}
    with closing(Display(hands.display)) as display, TextField("gtk", environment, tmp_path) as field:
        atom = display.intern_atom(server)
        display.screen().root.change_property(display.intern_atom("XIM_SERVERS"), 4, 32, [atom])
        display.sync()
        if on:
            with pytest.raises(TypingError, match="nothing was typed: the input method"):
                perform(hands, TextEvent("Hello"))
            assert field.text() == ""
            perform(hands, TextEvent("你好"))
            assert field.settled("你好") == "你好"
        else:
            perform(hands, TextEvent("Hello"))
            assert field.settled("Hello") == "Hello"
