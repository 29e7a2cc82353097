"""A calendar popup that opens below a date field."""

import calendar
from collections.abc import Callable
from datetime import date
from typing import Final

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QWidget

from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.toolkit.widgets import button, column, label, row

__all__ = ["MonthPopup"]

_WEEK: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_WEEK_ZH: Final = ("一", "二", "三", "四", "五", "六", "日")


class MonthPopup(QFrame):
    """Shows one month. A click on a day calls `on_choice` and closes it; `on_month` gets each shown month."""

    def __init__(self, parent: QWidget, appearance: Appearance, chosen: date) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("calendar")
        self.setProperty("panel", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._appearance, self._chosen = appearance, chosen
        self.month = chosen.replace(day=1)
        self.on_choice: Callable[[date], None] = lambda _: None
        self.on_month: Callable[[str], None] = lambda _: None
        self._title = label("", "calendar/title", "heading")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        back = button("‹", "calendar/back", lambda: self._turn(-1), "bare")
        forth = button("›", "calendar/forth", lambda: self._turn(1), "bare")
        back.setAccessibleName(appearance.pick("Previous month", "上个月"))
        forth.setAccessibleName(appearance.pick("Next month", "下个月"))
        self._days: list[QPushButton] = []
        head = row(back, self._title, forth)
        head.setStretch(1, 1)
        self.setLayout(column(head, self._grid(), space=6, margin=10))
        self._show()

    def _grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2)
        side = 2 * self._appearance.font_px + 6
        for weekday in range(7):
            name = QLabel(self._appearance.pick(_WEEK[weekday], _WEEK_ZH[weekday]))
            name.setProperty("voice", "small")
            name.setAlignment(Qt.AlignmentFlag.AlignCenter)
            grid.addWidget(name, 0, weekday)
        for cell in range(42):
            day = button("", f"day/{cell}", lambda cell=cell: self._choose(cell), "day")  # type: ignore[misc]
            day.setCheckable(True)
            day.setFixedSize(side, side - 6)
            self._days.append(day)
            grid.addWidget(day, 1 + cell // 7, cell % 7)
        return grid

    def _first(self) -> int:
        """Return the grid cell of the month's first day, 0-6."""
        return self.month.weekday()

    def _show(self) -> None:
        self._title.setText(
            self._appearance.pick(
                f"{calendar.month_name[self.month.month]} {self.month.year}",
                f"{self.month.year}年{self.month.month}月",
            )
        )
        length = calendar.monthrange(self.month.year, self.month.month)[1]
        for cell, day in enumerate(self._days):
            number = cell - self._first() + 1
            inside = 1 <= number <= length
            day.setVisible(inside)
            if inside:
                when = self.month.replace(day=number)
                day.setText(str(number))
                day.setObjectName(f"day/{when.isoformat()}")
                day.setChecked(when == self._chosen)

    def _turn(self, by: int) -> None:
        months = self.month.year * 12 + self.month.month - 1 + by
        self.month = date(months // 12, months % 12 + 1, 1)
        self._show()
        self.on_month(self.month.isoformat()[:7])

    def _choose(self, cell: int) -> None:
        self.on_choice(self.month.replace(day=cell - self._first() + 1))
        self.close()

    def open_at(self, corner: QPoint) -> None:
        """Open with the top left corner at a screen position, moved so that all of it is on the screen."""
        self.adjustSize()
        screen = self.screen().geometry()
        self.move(
            max(screen.left(), min(corner.x(), screen.right() - self.width())),
            max(screen.top(), min(corner.y(), screen.bottom() - self.height())),
        )
        self.show()
        self.on_month(self.month.isoformat()[:7])

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        self.on_month("")
