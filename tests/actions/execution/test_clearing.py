"""Emptying a field: it empties that field and nothing else, in real programs of each kind, or refuses."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import pytest
from text_fields import wait_until

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, ModelBox, Rect
from qvl_agent.actions.core.errors import ApprovalError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.outcome import Level, Outcome
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.execution.clearing import Field, judge_selection, old_text_stays, split_plan
from qvl_agent.actions.execution.executor import Decision, Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Type
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.planning.plan import plan
from qvl_agent.sandbox.display import VirtualDisplay

WIDTH, HEIGHT = 800, 600

# Each program prints its fields' places once, as [left, top, width, height] of the screen by name, and their
# texts, by name, in a line for each line that it reads.
TK = """
import json, sys, tkinter as tk
from tkinter import ttk
root = tk.Tk(); root.geometry("500x420+60+40")
made = {"entry": tk.Entry(root), "ttk": ttk.Entry(root), "spin": tk.Spinbox(root, from_=0, to=99),
        "combo": ttk.Combobox(root, values=["a", "b"]), "password": tk.Entry(root, show="*"),
        "text": tk.Text(root, height=6)}
old = {"spin": "42", "text": "old value\\nwith three\\nlines"}
for at, (name, field) in enumerate(made.items()):
    field.place(x=20, y=10 + 45 * at, width=400, height=120 if name == "text" else 28)
    field.insert("1.0" if name == "text" else 0, old.get(name, "old value"))
made["spin"].delete(0, "end"); made["spin"].insert(0, "42")
get = lambda field: field.get("1.0", "end-1c") if isinstance(field, tk.Text) else field.get()
def answer(*_):
    if not sys.stdin.readline(): root.destroy()
    else: print(json.dumps({name: get(field) for name, field in made.items()}), flush=True)
def places():
    print(json.dumps({n: [f.winfo_rootx(), f.winfo_rooty(), f.winfo_width(), f.winfo_height()]
                      for n, f in made.items()}), flush=True)
root.createfilehandler(sys.stdin, tk.READABLE, answer)
root.after(500, places); root.mainloop()
"""
GTK = """
import json, sys, gi
gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk
if "emacs" in sys.argv: Gtk.Settings.get_default().set_property("gtk-key-theme-name", "Emacs")
window = Gtk.Window(title="fields", default_width=500, default_height=300)
column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=12); window.add(column)
buffer = Gtk.TextBuffer(); buffer.set_text("old value\\nwith three\\nlines")
made = {"entry": Gtk.Entry(text="old value"), "empty": Gtk.Entry(placeholder_text="Search"),
        "spin": Gtk.SpinButton(adjustment=Gtk.Adjustment(value=42, upper=99, step_increment=1)),
        "text": Gtk.TextView(buffer=buffer, height_request=90)}
for field in made.values(): column.pack_start(field, False, False, 0)
get = lambda f: f.get_text() if isinstance(f, Gtk.Entry) else buffer.get_property("text")
def places():
    found = {}
    _, left, top = window.get_window().get_origin()
    for name, field in made.items():
        x, y = field.translate_coordinates(window, 0, 0)
        found[name] = [left + x, top + y, field.get_allocated_width(), field.get_allocated_height()]
    print(json.dumps(found), flush=True)
def answer(*_):
    if not sys.stdin.readline(): Gtk.main_quit(); return False
    print(json.dumps({name: get(field) for name, field in made.items()}), flush=True); return True
window.show_all(); GLib.timeout_add(500, places)
GLib.io_add_watch(sys.stdin, GLib.PRIORITY_LOW, GLib.IO_IN | GLib.IO_HUP, answer); Gtk.main()
"""
QT = """
import json, sys
from PySide6.QtCore import QSocketNotifier, QTimer
from PySide6.QtWidgets import *
app = QApplication([])
window = QWidget(); window.resize(500, 400); column = QVBoxLayout(window)
made = {"line": QLineEdit("old value"), "empty": QLineEdit(placeholderText="Search"),
        "text": QPlainTextEdit("old value\\nwith\\nmany\\nlines"), "list": QListWidget()}
made["list"].setSelectionMode(QAbstractItemView.ExtendedSelection)
made["list"].addItems([f"file {n}.txt" for n in range(12)])
table = made["table"] = QTableWidget(4, 3)
table.setSelectionMode(QAbstractItemView.ExtendedSelection)
for at in range(12): table.setItem(at // 3, at % 3, QTableWidgetItem(f"cell {at}"))
def delete(event, of=made["list"]):
    from PySide6.QtCore import Qt
    if event.key() in (Qt.Key_Delete, Qt.Key_Backspace):
        for item in of.selectedItems(): of.takeItem(of.row(item))
    else: QListWidget.keyPressEvent(of, event)
made["list"].keyPressEvent = delete
for field in made.values(): column.addWidget(field)
if "video" in sys.argv:
    video = QLabel(); video.setFixedHeight(90); column.addWidget(video); shown = [0]
    def play():
        shown[0] += 37
        video.setStyleSheet(f"background: rgb({shown[0] % 256}, {shown[0] * 3 % 256}, 90)")
    playing = QTimer(); playing.timeout.connect(play); playing.start(40)
def get(field):
    if isinstance(field, QLineEdit): return field.text()
    if isinstance(field, QPlainTextEdit): return field.toPlainText()
    if isinstance(field, QListWidget): return field.count()
    return " ".join(field.item(at // 3, at % 3).text() for at in range(12))
def place(field):
    at = field.mapToGlobal(field.rect().topLeft())
    return [at.x(), at.y(), field.width(), field.height()]
def answer():
    if not sys.stdin.readline(): app.quit()
    else: print(json.dumps({name: get(field) for name, field in made.items()}), flush=True)
notifier = QSocketNotifier(0, QSocketNotifier.Type.Read); notifier.activated.connect(answer)
def places(): print(json.dumps({name: place(field) for name, field in made.items()}), flush=True)
window.show(); QTimer.singleShot(500, places)
app.exec()
"""


class Form:
    """A program with fields, and an executor that types into them."""

    def __init__(self, screen: VirtualDisplay, desktop: Desktop, program: subprocess.Popen[str]) -> None:
        self.desktop, self._program = desktop, program
        self.decided: list[Decision] = []
        assert program.stdout is not None
        self.places: dict[str, list[int]] = json.loads(program.stdout.readline())

    def texts(self) -> dict[str, str]:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write("\n")
        self._program.stdin.flush()
        found: dict[str, str] = json.loads(self._program.stdout.readline())
        return found

    def write(
        self, text: str, into: str, *, tight: bool = False, box: ModelBox | None = None, enter: bool = False
    ) -> Outcome:
        """Replace a field's text; a tight box is one around the field's middle alone."""
        left, top, width, height = self.places[into]
        if tight:
            left, top, width, height = left + width // 2, top + height // 2 - 4, 8, 8
        target = box or ModelBox.of(
            left / WIDTH * 1000,
            top / HEIGHT * 1000,
            (left + width) / WIDTH * 1000,
            (top + height) / HEIGHT * 1000,
        )
        action = Type(text=text, target=target, clear=True, enter=enter)
        executor = Executor(self.desktop, Policy(actions_per_second=100, burst=100))
        frame = self.desktop.grab()
        observation = Observation(frame, frame, self.desktop.layout())
        return executor.execute(action, observation, Facts(1, 1.0), self.decided.append).outcome


@pytest.fixture(scope="module")
def screen() -> Iterator[VirtualDisplay]:
    with VirtualDisplay((WIDTH, HEIGHT)) as running:
        yield running


@contextmanager
def form(screen: VirtualDisplay, python: str, source: str, *options: str) -> Iterator[Form]:
    environment = screen.environment() | {"GTK_IM_MODULE": "gtk-im-context-simple", "QT_IM_MODULE": "simple"}
    with (
        subprocess.Popen(
            [python, "-c", source, *options],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program,
        closing(open_local(screen.name)) as desktop,
    ):
        try:
            yield Form(screen, desktop, program)
        finally:
            program.terminate()


@pytest.fixture
def tk(screen: VirtualDisplay) -> Iterator[Form]:
    with form(screen, "/usr/bin/python3", TK) as found:
        yield found


@pytest.fixture(params=["plain", "emacs"])
def gtk(screen: VirtualDisplay, request: pytest.FixtureRequest) -> Iterator[Form]:
    with form(screen, "/usr/bin/python3", GTK, request.param) as found:
        yield found


@pytest.fixture
def qt(screen: VirtualDisplay) -> Iterator[Form]:
    with form(screen, sys.executable, QT) as found:
        yield found


def expect(form: Form, name: str, text: str) -> None:
    wait_until(lambda: form.texts()[name] == text, f"{text!r} in {name}, not {form.texts()[name]!r}", 3)


def at_night(name: str) -> Any:
    return pytest.param(name, marks=pytest.mark.nightly)


class TestFieldsAreReplaced:
    @pytest.mark.parametrize("name", ["entry", "text", *map(at_night, ("ttk", "spin", "combo", "password"))])
    def test_in_tk_where_ctrl_a_goes_to_the_beginning(self, tk: Form, name: str) -> None:
        assert tk.write("7", name).status == "done"
        expect(tk, name, "7")
        assert tk.write("", name).status == "done"
        expect(tk, name, "")

    @pytest.mark.parametrize("name", ["entry", "text", *map(at_night, ("empty", "spin"))])
    def test_in_gtk_with_emacs_keys_too(self, gtk: Form, name: str) -> None:
        assert gtk.write("7", name).status == "done"
        expect(gtk, name, "7")

    @pytest.mark.parametrize("name", ["line", "empty", "text"])
    def test_in_qt(self, qt: Form, name: str) -> None:
        assert qt.write("new text", name).status == "done"
        expect(qt, name, "new text")

    def test_beside_a_video_that_never_rests(self, screen: VirtualDisplay) -> None:
        with form(screen, sys.executable, QT, "video") as playing:
            assert playing.write("new text", "line").status == "done"
            expect(playing, "line", "new text")

    @pytest.mark.parametrize("name", ["line", "empty"])
    def test_a_box_around_the_middle_will_do_for_a_line(self, qt: Form, name: str) -> None:
        assert qt.write("new", name, tight=True).status == "done"
        expect(qt, name, "new")
        assert qt.write("newer", name, tight=True).status == "done"
        expect(qt, name, "newer")


class TestNothingElseIsLost:
    def test_a_list_keeps_its_entries(self, qt: Form) -> None:
        """The model means a field, but its box lies over the list: what happened in a file manager."""
        for text in ("/tmp", ""):
            outcome = qt.write(text, "list", tight=True)
            assert outcome.status == "broken-off"
            assert "selected something else than the text of one field" in outcome.detail
        assert qt.texts()["list"] == 12

    def test_an_empty_field_gets_no_key_that_deletes(self, qt: Form) -> None:
        """Nothing shows that anything is selected, so what has the focus may be no field at all."""
        assert qt.write("", "empty").status == "done"
        assert qt.write("", "empty", enter=True).status == "done"
        assert qt.texts()["empty"] == ""
        outcome = qt.write("\nx\ny", "empty")
        assert outcome.status == "broken-off"

    def test_a_sheet_keeps_its_cells(self, qt: Form) -> None:
        before = qt.texts()["table"]
        assert qt.write("", "table", tight=True).status == "broken-off"
        assert qt.texts()["table"] == before

    def test_a_text_of_many_lines_needs_a_box_around_it(self, qt: Form) -> None:
        before = qt.texts()["text"]
        assert qt.write("x", "text", tight=True).status == "broken-off"
        assert qt.texts()["text"] == before

    def test_nor_is_one_line_of_it_taken_for_all_in_tk(self, tk: Form) -> None:
        before = tk.texts()["text"]
        assert tk.write("x", "text", tight=True).status == "broken-off"
        assert tk.texts()["text"] == before

    def test_no_key_deletes_where_a_text_is_typed(self, qt: Form) -> None:
        qt.write("x", "line")
        assert not {event.key for event in qt.decided[0].plan if isinstance(event, KeyEvent)} & {
            "delete",
            "backspace",
        }

    def test_a_terminal_has_no_field(self, screen: VirtualDisplay) -> None:
        with (
            subprocess.Popen(["xterm", "-geometry", "60x10+50+50"], env=screen.environment()) as terminal,
            closing(open_local(screen.name)) as desktop,
        ):
            try:
                wait_until(lambda: (w := desktop.focused()) is not None and w.program == "xterm", "xterm")
                decided: list[Decision] = []
                frame = desktop.grab()
                Executor(desktop, Policy()).execute(
                    Type(text="ls", clear=True), Observation(frame, frame), Facts(1, 1.0), decided.append
                )
                verdict = decided[0].verdict
                assert (verdict.level, verdict.rule) == (Level.DENY, "clear-terminal")
                assert "ctrl+u" in verdict.reason
            finally:
                terminal.terminate()


def drawn(*areas: tuple[int, int, int, int], colour: int = 80) -> Frame:
    pixels = np.full((300, 400, 3), 255, np.uint8)
    for left, top, width, height in areas:
        pixels[top : top + height, left : left + width] = colour
    return Frame(pixels, Rect(0, 0, 400, 300))


LINE, CARET, END_CARET = (50, 100, 120, 18), (50, 100, 2, 18), (168, 100, 2, 18)
BOX, AT = FrameBox(40, 95, 300, 125), DesktopPoint(170, 109)


class TestWhatIsSelected:
    @pytest.mark.parametrize(
        ("areas", "field", "seen"),
        [
            ([LINE], Field(BOX, AT), "selected"),
            ([LINE], Field(FrameBox(165, 105, 175, 113), AT), "selected"),
            ([LINE], Field(), "selected"),
            ([LINE], Field(BOX, AT, deleted=True), "selected"),
            ([LINE], Field(FrameBox(165, 105, 175, 113), AT, deleted=True), "elsewhere"),
            ([LINE], Field(deleted=True), "elsewhere"),
            ([LINE], Field(None, DesktopPoint(170, 250)), "elsewhere"),
            ([(10, 50, 380, 200)], Field(BOX, AT), "elsewhere"),
            ([(10, 50, 380, 200)], Field(FrameBox(0, 40, 400, 260), AT), "selected"),
            ([LINE, (50, 200, 120, 18)], Field(BOX, AT), "elsewhere"),
            ([], Field(BOX, AT), "nothing"),
            ([CARET], Field(BOX, AT), "nothing"),
            ([CARET, END_CARET], Field(BOX, AT), "moved"),
            ([LINE, (350, 10, 40, 12)], Field(BOX, AT), "elsewhere"),
            ([LINE, (350, 10, 40, 12)], Field(BOX, AT, (FrameBox(340, 0, 400, 30),)), "selected"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_by_what_changed(self, areas: list[tuple[int, int, int, int]], field: Field, seen: str) -> None:
        assert judge_selection(drawn(), drawn(*areas), field) == seen

    def test_on_a_screen_that_has_another_size_now(self) -> None:
        other = Frame(np.zeros((200, 400, 3), np.uint8), Rect(0, 0, 400, 200))
        assert judge_selection(drawn(), other, Field(BOX, AT)) == "elsewhere"

    def test_old_text_that_still_stands_there_is_noticed(self) -> None:
        old = (60, 104, 80, 8)
        assert old_text_stays(drawn(old), drawn(old, (140, 104, 50, 8)), BOX)
        assert not old_text_stays(drawn(old), drawn((60, 104, 50, 8)), BOX)
        assert not old_text_stays(drawn(), drawn((60, 104, 50, 8)), BOX)
        assert not old_text_stays(drawn(old), drawn(old), None)


def test_an_approval_is_split_into_its_plans_parts_once() -> None:
    frame = drawn()
    events = plan(Type(text="x", target=ModelBox.of(100, 100, 200, 200), clear=True, enter=True), frame.view)
    geometry = Geometry((Rect(0, 0, 400, 300),))
    parts = split_plan(events)
    assert [len(part) for part in parts] == [3, 4, 3]
    approved = Approved(events, frame.id, geometry)
    assert [part.spend(geometry) for part in approved.split(*parts)] == list(parts)
    for late in (lambda: approved.split(*parts), lambda: approved.spend(geometry)):
        with pytest.raises(ApprovalError):
            late()
    with pytest.raises(ApprovalError):
        Approved(events, frame.id, geometry).split(parts.click, parts.rest)
