"""The window of the settings panel: tabs, check boxes, drop-downs, sliders, colours, long lists."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QCheckBox,
    QFrame,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSlider,
    QTabWidget,
    QWidget,
)

from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.settings.state import (
    ACCENTS,
    DEVICES,
    STEP,
    SWITCHES,
    TABS,
    TEXT_SIZES,
    THEMES,
    Labels,
    SettingsState,
    label_of,
)
from qvl_agent.sandbox.apps.toolkit.widgets import DropDown, Pane, button, column, label, row, scroll_area

__all__ = ["SettingsPane"]

_CHECKING_MS = 700
"""How long a check for updates takes."""


class SettingsPane(Pane):
    """The content of the panel's window. It changes `state` as the user does."""

    def __init__(self, state: SettingsState, appearance: Appearance) -> None:
        super().__init__()
        self.state, self.appearance = state, appearance
        self.setWindowTitle(appearance.pick("Settings", "设置"))
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(False)
        bar = self._tabs.tabBar()
        bar.setObjectName("tab")
        bar.setDrawBase(False)
        bar.setExpanding(False)
        pages: dict[str, Callable[[], QWidget]] = {
            "general": self._general,
            "display": self._display,
            "sound": self._sound,
            "region": self._region,
            "notify": self._notify,
        }
        for index, name in enumerate(state.tabs):
            self._tabs.addTab(pages[name](), label_of(TABS, name, state.language))
            bar.setTabData(index, name)
        self._tabs.setCurrentIndex(state.tabs.index(state.view.tab))
        self._tabs.currentChanged.connect(self._turn)
        self.setLayout(
            column(
                label(appearance.pick("Settings", "设置"), "title", "title"), self._tabs, space=12, margin=20
            )
        )

    def _turn(self, index: int) -> None:
        self.state.view.tab = self.state.tabs[index]

    # The tabs' pages

    def _general(self) -> QWidget:
        pick = self.appearance.pick
        boxes = [
            self._check_box(
                f"switch/{switch.id}",
                label_of(SWITCHES, switch.id, self.state.language),
                switch.on,
                lambda on, switch=switch: setattr(switch, "on", on),  # type: ignore[misc]
            )
            for switch in self.state.switches
        ]
        self._update = label(self._update_text(), "update/status", "muted")
        version = label(pick(f"Version {self.state.version}", f"版本 {self.state.version}"), "version")
        check = button(pick("Check for updates", "检查更新"), "update/check", self._check_updates)
        self._update_button = check
        return self._page(
            "general",
            self._heading(pick("Behaviour", "行为")),
            *boxes,
            _rule(),
            self._heading(pick("About", "关于")),
            row(column(version, self._update, space=3), 1, check),
        )

    def _display(self) -> QWidget:
        pick, state = self.appearance.pick, self.state
        night = self._check_box(
            "night",
            pick("Night light", "夜间模式"),
            state.night_light,
            lambda on: setattr(state, "night_light", on),
        )
        night.setEnabled(state.night_light_works)
        items: list[QWidget] = [
            self._line(pick("Theme", "主题"), self._drop_down("theme", pick("Theme", "主题"), THEMES)),
            self._line(
                pick("Text size", "文字大小"),
                self._drop_down("text_size", pick("Text size", "文字大小"), TEXT_SIZES),
            ),
            self._slider("brightness", pick("Brightness", "亮度")),
            night,
        ]
        if not state.night_light_works:
            note = pick("This screen doesn't support night light.", "此屏幕不支持夜间模式。")
            items.append(label(note, "night/note", "small"))
        return self._page(
            "display", *items, _rule(), self._line(pick("Accent colour", "强调色"), self._swatches())
        )

    def _sound(self) -> QWidget:
        pick, state = self.appearance.pick, self.state
        return self._page(
            "sound",
            self._line(
                pick("Output device", "输出设备"),
                self._drop_down("device", pick("Output device", "输出设备"), DEVICES),
            ),
            self._slider("volume", pick("Volume", "音量")),
            self._check_box(
                "mute", pick("Mute all sounds", "全部静音"), state.mute, lambda on: setattr(state, "mute", on)
            ),
        )

    def _region(self) -> QWidget:
        pick = self.appearance.pick
        self._city = label(self._city_text(), "city/now", "heading")
        cities = QListWidget()
        cities.setObjectName("city")
        cities.setAccessibleName(pick("Time zones", "时区列表"))
        for city in self.state.cities:
            item = QListWidgetItem(city, cities)
            item.setData(Qt.ItemDataRole.UserRole, city)
        cities.verticalScrollBar().setSingleStep(self.appearance.font_px + 7)
        cities.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        cities.itemDoubleClicked.connect(self._choose_city)
        hint = label(
            pick("Double-click a city to use its time.", "双击城市即可使用该时区。"), "city/hint", "small"
        )
        page = QWidget()
        page.setLayout(column(self._city, hint, cities, space=8, margin=20))
        return page

    def _notify(self) -> QWidget:
        hint = self.appearance.pick("These programs may notify you:", "允许以下程序发送通知：")
        boxes = [
            self._check_box(
                f"program/{program.id}",
                program.name,
                program.on,
                lambda on, program=program: setattr(program, "on", on),  # type: ignore[misc]
            )
            for program in self.state.programs
        ]
        return self._page("notify", label(hint, "notify/hint", "muted"), *boxes)

    # The parts of the pages

    def _page(self, name: str, *items: object) -> QWidget:
        inside = QWidget()
        inside.setLayout(column(*items, 1, space=self.appearance.font_px, margin=20))  # type: ignore[arg-type]
        return scroll_area(inside, f"page/{name}", self.appearance.pick("Page", "页面"))

    def _heading(self, text: str) -> QLabel:
        return label(text, f"heading/{text}", "heading")

    def _line(self, text: str, control: QWidget) -> QWidget:
        line = QWidget()
        line.setLayout(row(label(text, f"label/{text}"), 1, control))
        return line

    def _check_box(self, name: str, text: str, on: bool, on_change: Callable[[bool], None]) -> QCheckBox:
        box = QCheckBox(text)
        box.setObjectName(name)
        box.setChecked(on)
        box.toggled.connect(on_change)
        return box

    def _drop_down(self, field: str, text: str, words: Labels) -> DropDown:
        choice = DropDown(field, text, self.appearance)
        for name in words:
            choice.addItem(label_of(words, name, self.state.language), name)
        choice.setCurrentIndex(list(words).index(getattr(self.state, field)))
        choice.currentIndexChanged.connect(lambda index: setattr(self.state, field, list(words)[index]))
        choice.setMinimumWidth(13 * self.appearance.font_px)
        return choice

    def _slider(self, field: str, text: str) -> QWidget:
        value: int = getattr(self.state, field)
        number = label(f"{value}%", f"{field}/value")
        number.setFixedWidth(number.fontMetrics().horizontalAdvance("100%") + 8)
        number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setObjectName(field)
        slider.setAccessibleName(text)
        slider.setRange(0, 100 // STEP)
        slider.setProperty("factor", STEP)
        slider.setValue(value // STEP)
        slider.setMinimumWidth(18 * self.appearance.font_px)
        slider.setFixedHeight(self.appearance.font_px + 14)

        def moved(step: int) -> None:
            setattr(self.state, field, step * STEP)
            number.setText(f"{step * STEP}%")

        slider.valueChanged.connect(moved)
        line = QWidget()
        line.setLayout(row(label(text, f"label/{text}"), 1, slider, number, space=12))
        return line

    def _swatches(self) -> QWidget:
        group, discs = QButtonGroup(self), []
        for name in self.state.accents:
            english, chinese, colour = ACCENTS[name]
            disc = Swatch(f"accent/{name}", self.appearance.pick(english, chinese), colour, self.appearance)
            disc.setChecked(name == self.state.accent)
            disc.clicked.connect(lambda *_, name=name: setattr(self.state, "accent", name))
            group.addButton(disc)
            discs.append(disc)
        line = QWidget()
        line.setObjectName("accents")
        line.setProperty("role", "text")
        line.setAccessibleName(self.appearance.pick("Accent colour", "强调色"))
        line.setLayout(row(*discs, space=4))
        return line

    # What the widgets do

    def _choose_city(self, item: QListWidgetItem) -> None:
        self.state.city = item.text()
        self._city.setText(self._city_text())

    def _city_text(self) -> str:
        return self.appearance.pick(f"Time zone: {self.state.city}", f"时区：{self.state.city}")

    def _check_updates(self) -> None:
        self._show_update("busy")
        self._update_button.setEnabled(False)
        QTimer.singleShot(_CHECKING_MS, self, self._found_update)

    def _found_update(self) -> None:
        self._update_button.setEnabled(True)
        self._show_update("done")

    def _show_update(self, progress: str) -> None:
        self.state.view.update = progress
        self._update.setText(self._update_text())

    def _update_text(self) -> str:
        pick = self.appearance.pick
        match self.state.view.update:
            case "busy":
                return pick("Checking for updates…", "正在检查更新…")
            case "done":
                newest = self.state.newest
                return pick(f"Version {newest} is available", f"发现新版本 {newest}")
            case _:
                return pick("Last checked a month ago", "上次检查：一个月前")


class Swatch(QAbstractButton):
    """A round button of one colour, with a ring when it is the chosen one."""

    def __init__(self, name: str, text: str, colour: str, appearance: Appearance) -> None:
        super().__init__()
        self._colour, self._ring = colour, appearance.theme.text
        self.setObjectName(name)
        self.setAccessibleName(text)
        self.setProperty("role", "swatch")
        self.setCheckable(True)
        self.setToolTip(text)
        self.setFixedSize(22, 22)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's signature
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colour))
        painter.drawEllipse(QRectF(4, 4, 14, 14))
        if self.isChecked():
            painter.setPen(QPen(QColor(self._ring), 1.6))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawEllipse(QRectF(1.2, 1.2, 19.6, 19.6))
        painter.end()


def _rule() -> QFrame:
    frame = QFrame()
    frame.setProperty("rule", "true")
    return frame
