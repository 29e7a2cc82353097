"""The window of the visitor's form: text fields, a date, radio buttons, validation, a confirmation dialog."""

from datetime import date

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QDialog,
    QFrame,
    QGridLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QRadioButton,
    QWidget,
)

from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.form.state import FIELDS, PURPOSES, SLOTS, FormState, Visit, errors_in, label_of
from qvl_agent.sandbox.apps.toolkit.calendar import MonthPopup
from qvl_agent.sandbox.apps.toolkit.widgets import (
    DropDown,
    Pane,
    button,
    column,
    confirm,
    label,
    row,
    scroll_area,
)

__all__ = ["FormPane"]


class FormPane(Pane):
    """The content of the form's window. It changes `state` as the user does."""

    def __init__(self, state: FormState, appearance: Appearance) -> None:
        super().__init__()
        self.state, self.appearance = state, appearance
        self.setWindowTitle(appearance.pick("Visitors", "访客登记"))
        self._errors: dict[str, QLabel] = {}
        self._lines: dict[str, QLineEdit] = {}
        inside = QFrame()
        inside.setProperty("panel", "true")
        inside.setLayout(self._fields())
        area = scroll_area(inside, "page", appearance.pick("Form", "表单"))
        self._banner = label("", "banner", "good")
        foot = row(
            self._banner,
            1,
            button(appearance.pick("Clear", "清空"), "clear", self._clear),
            button(appearance.pick("Submit", "提交"), "submit", self._submit, "main"),
            space=10,
        )
        self.setLayout(column(self._head(), area, foot, space=12, margin=20))
        self._show_errors()
        self._show_banner()

    def on_placed(self) -> None:
        if self.state.asking:
            self._ask()

    def _head(self) -> QLayout:
        pick, state = self.appearance.pick, self.state
        words = pick(f"Visit to {state.host}", f"来访单位：{state.host}")
        today = pick(f"Today is {state.today}", f"今天是{state.today}")
        return row(label(words, "title", "title"), 1, label(today, "today", "muted"))

    def _fields(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(20, 16, 20, 16)
        grid.setHorizontalSpacing(24)
        grid.setVerticalSpacing(self.appearance.font_px - 4)
        grid.addLayout(self._field("name", self._line("name")), 0, 0)
        grid.addLayout(self._field("email", self._line("email")), 0, 1)
        grid.addLayout(self._field("phone", self._line("phone")), 1, 0)
        grid.addLayout(self._field("purpose", self._purpose()), 1, 1)
        grid.addLayout(self._field("day", self._day()), 2, 0)
        grid.addLayout(self._field("slot", self._slots()), 2, 1)
        grid.addLayout(self._field("notes", self._notes()), 3, 0, 1, 2)
        grid.addLayout(self._agreement(), 4, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        grid.setRowStretch(5, 1)
        return grid

    def _field(self, name: str, control: QWidget) -> QLayout:
        text = label_of(FIELDS, name, self.state.language)
        return column(label(text, f"label/{name}"), control, self._error(name), 1, space=4)

    def _error(self, name: str) -> QLabel:
        self._errors[name] = label("", f"error/{name}", "error")
        return self._errors[name]

    def _line(self, name: str) -> QLineEdit:
        line = QLineEdit(getattr(self.state.visit, name))
        line.setObjectName(name)
        line.setAccessibleName(label_of(FIELDS, name, self.state.language))
        line.textChanged.connect(lambda text: self._change(name, text))
        self._lines[name] = line
        return line

    def _day(self) -> QWidget:
        opener = button(self.appearance.pick("Calendar", "日历"), "pick", self._open_calendar)
        both = QWidget()
        both.setLayout(row(self._line("day"), opener))
        return both

    def _purpose(self) -> DropDown:
        choice = DropDown("purpose", label_of(FIELDS, "purpose", self.state.language), self.appearance)
        for name in PURPOSES:
            choice.addItem(label_of(PURPOSES, name, self.state.language), name)
        choice.setCurrentIndex(list(PURPOSES).index(self.state.visit.purpose))
        choice.currentIndexChanged.connect(lambda index: self._change("purpose", list(PURPOSES)[index]))
        self._choice = choice
        return choice

    def _slots(self) -> QWidget:
        self._group, buttons = QButtonGroup(self), []
        for name in SLOTS:
            text = label_of(SLOTS, name, self.state.language)
            if name in self.state.full:
                text = self.appearance.pick(f"{text} (full)", f"{text}（已满）")
            radio = QRadioButton(text)
            radio.setObjectName(f"slot/{name}")
            radio.setChecked(name == self.state.visit.slot)
            radio.setEnabled(name not in self.state.full)
            radio.clicked.connect(lambda *_, name=name: self._change("slot", name))
            self._group.addButton(radio)
            buttons.append(radio)
        line = QWidget()
        line.setMinimumHeight(2 * self.appearance.font_px + 6)
        line.setLayout(row(*buttons, 1, space=16))
        return line

    def _notes(self) -> QPlainTextEdit:
        self._text = QPlainTextEdit(self.state.visit.notes)
        self._text.setObjectName("notes")
        self._text.setAccessibleName(label_of(FIELDS, "notes", self.state.language))
        self._text.setTabChangesFocus(True)
        self._text.setFixedHeight(3 * self.appearance.font_px + 34)
        self._text.textChanged.connect(lambda: self._change("notes", self._text.toPlainText()))
        return self._text

    def _agreement(self) -> QLayout:
        box = QCheckBox(label_of(FIELDS, "agreed", self.state.language))
        box.setObjectName("agreed")
        box.setChecked(self.state.visit.agreed)
        box.toggled.connect(lambda on: self._change("agreed", on))
        self._agreed = box
        return column(box, self._error("agreed"), space=4)

    # What the widgets do

    def _change(self, name: str, value: str | bool) -> None:
        setattr(self.state.visit, name, value)
        self._show_errors()

    def _show_errors(self) -> None:
        wrong = errors_in(self.state) if self.state.tried else {}
        for name, text in self._errors.items():
            text.setText(wrong.get(name, ""))
            text.setVisible(name in wrong)
        for name, line in self._lines.items():
            line.setProperty("wrong", "true" if name in wrong else "false")
            line.style().unpolish(line)
            line.style().polish(line)

    def _show_banner(self) -> None:
        if self.state.submitted is not None:
            number = self.state.last_reference
            self._banner.setText(
                self.appearance.pick(
                    f"Registered. Your reference is {number}.", f"登记成功，编号为 {number}。"
                )
            )

    def _clear(self) -> None:
        self.state.visit = Visit()
        self.state.tried = False
        self._banner.setText("")
        for name, line in self._lines.items():
            line.setText(getattr(self.state.visit, name))
        self._text.setPlainText("")
        self._agreed.setChecked(False)
        self._choice.setCurrentIndex(0)
        self._group.setExclusive(False)
        for radio in self._group.buttons():
            radio.setChecked(False)
        self._group.setExclusive(True)
        self._show_errors()

    def _submit(self) -> None:
        self.state.tried = True
        self._show_errors()
        if not errors_in(self.state):
            self._ask()

    def _ask(self) -> None:
        pick, visit = self.appearance.pick, self.state.visit
        slot = label_of(SLOTS, visit.slot, self.state.language) if visit.slot else ""
        text = pick(
            f"Register {visit.name} for {visit.day}, {slot.lower()}?",
            f"确定为{visit.name}登记{visit.day}{slot}的来访吗？",
        )
        yes = button(pick("Register", "确定登记"), "confirm/yes", self._register, "main")
        no = button(pick("Cancel", "取消"), "confirm/no", lambda: None)
        self.state.asking = True
        dialog = confirm(self, "confirm", (pick("Register the visit", "登记来访"), text), yes, no)
        dialog.finished.connect(self._answered)
        self._dialog: QDialog = dialog

    def _answered(self, _: int) -> None:
        self.state.asking = False

    def _register(self) -> None:
        self.state.submitted = self.state.visit.model_copy(deep=True)
        self.state.view.registered.append(self.state.submitted)
        self._show_banner()

    def _open_calendar(self) -> None:
        try:
            chosen = date.fromisoformat(self.state.visit.day.strip())
        except ValueError:
            chosen = date.fromisoformat(self.state.today)
        popup = MonthPopup(self, self.appearance, chosen)
        popup.on_choice = lambda day: self._lines["day"].setText(day.isoformat())
        popup.on_month = self._note_month
        line = self._lines["day"]
        popup.open_at(line.mapToGlobal(QPoint(0, line.height() + 4)))

    def _note_month(self, month: str) -> None:
        self.state.view.calendar = month
