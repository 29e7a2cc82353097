"""Read the widget tree of this process's windows, and find the widget that a point of the screen hits.

A node is listed only if a click in the middle of its visible part would hit it: `target_at` decides both.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QPlainTextEdit,
    QRadioButton,
    QSlider,
    QStyle,
    QStyleOptionButton,
    QStyleOptionSlider,
    QTabBar,
    QWidget,
)

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.sandbox.apps.protocol import PASSIVE, Node, Offscreen, Role, Tree

__all__ = ["reachable_windows", "read_tree", "target_at"]

_MIN_VISIBLE_PX = 4
"""How many px of a node must be visible, across and down, for it to be listed."""
_LINES_PER_NOTCH = 3
_ENDS = {"start", "stop"}
"""What a slider's state has in px of the screen."""

State = dict[str, bool | int | str]
"""`Node.state`."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A node to be, before it is placed on the screen: `rect` is in the px of its own widget."""

    id: str
    role: Role
    label: str
    rect: QRect
    state: State


def read_tree(shift: Callable[[QWidget], QPoint] = lambda _window: QPoint()) -> Tree:
    """Return all widgets that can be seen and reached now.

    Args:
        shift: returns what has to be added to Qt's global coordinates of a window for those of the screen.
    """
    nodes: list[Node] = []
    offscreen: list[Offscreen] = []
    for window in reachable_windows():
        off = shift(window)
        for widget in _visible_descendants(window):
            for part in _parts(widget):
                visible = _visible_rect(widget, part.rect, off)
                if area := _scroll_area(widget):
                    offscreen.extend(_offscreen(area, widget, part))
                if visible is None:
                    continue
                if part.role in PASSIVE or target_at(visible.center() - off) == part.id:
                    rect = Rect(visible.x(), visible.y(), visible.width(), visible.height())
                    ends: State = {end: int(part.state[end]) + off.x() for end in _ENDS & part.state.keys()}
                    nodes.append(Node(part.id, part.role, part.label, rect, part.state | ends))
    return Tree(tuple(nodes), tuple(offscreen))


def target_at(point: QPoint) -> str:
    """Return the id of the node that a click at a point, in Qt's coordinates, would hit; "" for none."""
    for window in reachable_windows():
        if not QRect(window.mapToGlobal(QPoint()), window.size()).contains(point):
            continue
        widget: QWidget | None = window.childAt(window.mapFromGlobal(point)) or window
        while widget is not None:
            for part in _parts(widget):
                if part.role not in PASSIVE and part.rect.contains(widget.mapFromGlobal(point)):
                    return part.id
            widget = None if widget.isWindow() else widget.parentWidget()
        return ""
    return ""


def reachable_windows() -> list[QWidget]:
    """Return the windows that take clicks now, the topmost first: popups, else the modal dialog, else all."""
    popups = [
        window
        for window in QApplication.topLevelWidgets()
        if window.isVisible() and window.windowType() == Qt.WindowType.Popup
    ]
    if popups:
        active = QApplication.activePopupWidget()
        return sorted(popups, key=lambda window: window is not active)
    modal = QApplication.activeModalWidget()
    if modal is not None:
        return [modal]
    return [
        window
        for window in QApplication.topLevelWidgets()
        if window.isVisible() and window.windowType() == Qt.WindowType.Window
    ]


def _visible_descendants(widget: QWidget) -> Iterator[QWidget]:
    if not widget.isVisible() or not widget.isEnabled():
        return
    yield widget
    for child in widget.children():
        if isinstance(child, QWidget) and not child.isWindow():
            yield from _visible_descendants(child)


def _visible_rect(widget: QWidget, rect: QRect, off: QPoint) -> QRect | None:
    region = widget.visibleRegion().boundingRect()
    if isinstance(widget, QAbstractItemView):
        region &= widget.viewport().geometry()
    visible = rect & region
    visible = QRect(widget.mapToGlobal(visible.topLeft()) + off, visible.size()) & widget.screen().geometry()
    if visible.width() < _MIN_VISIBLE_PX or visible.height() < _MIN_VISIBLE_PX:
        return None
    return visible


def _parts(widget: QWidget) -> list[_Part]:
    """Return the nodes that a widget stands for: itself, or its tabs, items or slider handle."""
    name = widget.objectName()
    if not name or name.startswith("qt_"):
        return []
    match widget:
        case QMenu():
            return _menu(name, widget)
        case QTabBar():
            return _tabs(name, widget)
        case QListView():
            return [*_items(name, widget), _scroll_area_part(name, widget)]
        case QSlider():
            return _slider(name, widget)
        case QAbstractScrollArea() if not isinstance(widget, QPlainTextEdit):
            return [_scroll_area_part(name, widget)]
    role = widget.property("role") or _role(widget)
    if role is None:
        return []
    return [_Part(name, role, _label(widget), _hit_rect(widget), _state(widget))]


def _hit_rect(widget: QWidget) -> QRect:
    """Return the part that takes clicks: of a stretched check box only its mark and text do."""
    match widget:
        case QCheckBox():
            element = QStyle.SubElement.SE_CheckBoxClickRect
        case QRadioButton():
            element = QStyle.SubElement.SE_RadioButtonClickRect
        case _:
            return widget.rect()
    option = QStyleOptionButton()
    widget.initStyleOption(option)
    return widget.style().subElementRect(element, option, widget) & widget.rect()


def _role(widget: QWidget) -> Role | None:
    match widget:
        case QCheckBox():
            return "check box"
        case QRadioButton():
            return "radio button"
        case QAbstractButton():
            return "button"
        case QLineEdit() | QPlainTextEdit():
            return "text field"
        case QComboBox():
            return "drop-down"
        case QLabel():
            return "text"
    return None


def _label(widget: QWidget) -> str:
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton | QLabel):
        return widget.text()
    return ""


def _state(widget: QWidget) -> State:
    state: State = dict(widget.property("state") or {})
    match widget:
        case QAbstractButton() if widget.isCheckable():
            state["checked"] = widget.isChecked()
        case QLineEdit():
            state["value"] = widget.text()
        case QPlainTextEdit():
            state["value"] = widget.toPlainText()
            state["all"] = widget.textCursor().selectedText() == widget.toPlainText() != ""
        case QComboBox():
            state["value"] = widget.currentText()
    if widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
        state["focused"] = widget.hasFocus()
    return state


def _menu(name: str, menu: QMenu) -> list[_Part]:
    return [
        _Part(f"{name}/{action.objectName()}", "menu item", action.text(), menu.actionGeometry(action), {})
        for action in menu.actions()
        if action.isEnabled() and action.isVisible() and not action.isSeparator()
    ]


def _tabs(name: str, bar: QTabBar) -> list[_Part]:
    return [
        _Part(
            f"{name}/{bar.tabData(index)}",
            "tab",
            bar.tabText(index),
            bar.tabRect(index),
            {"selected": index == bar.currentIndex()},
        )
        for index in range(bar.count())
        if bar.isTabEnabled(index)
    ]


def _items(name: str, view: QListView) -> list[_Part]:
    model, parts = view.model(), []
    in_popup = view.window().windowType() == Qt.WindowType.Popup
    for row in range(model.rowCount()):
        index = model.index(row, 0)
        rect = view.visualRect(index).translated(view.viewport().pos())
        parts.append(
            _Part(
                f"{name}/{index.data(Qt.ItemDataRole.UserRole)}",
                "option" if in_popup else "list item",
                str(index.data()),
                rect,
                {"selected": view.selectionModel().isSelected(index)},
            )
        )
    return parts


def _slider(name: str, slider: QSlider) -> list[_Part]:
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    control, style = QStyle.ComplexControl.CC_Slider, slider.style()
    handle = style.subControlRect(control, option, QStyle.SubControl.SC_SliderHandle, slider)
    groove = style.subControlRect(control, option, QStyle.SubControl.SC_SliderGroove, slider)
    half = handle.width() // 2
    ends = (groove.left() + half, groove.right() - handle.width() + 1 + half)
    factor = slider.property("factor") or 1
    state: State = {
        "value": slider.value() * factor,
        "least": slider.minimum() * factor,
        "most": slider.maximum() * factor,
        "start": slider.mapToGlobal(QPoint(ends[0], 0)).x(),
        "stop": slider.mapToGlobal(QPoint(ends[1], 0)).x(),
    }
    label = slider.accessibleName()
    return [
        _Part(f"{name}/handle", "slider handle", label, handle, state),
        _Part(name, "slider", label, slider.rect(), state),
    ]


def _scroll_area_part(name: str, area: QAbstractScrollArea) -> _Part:
    bar = area.verticalScrollBar()
    notch = max(1, bar.singleStep() * _LINES_PER_NOTCH)
    state: State = {
        "above": bar.value() - bar.minimum(),
        "below": bar.maximum() - bar.value(),
        "notch": notch,
    }
    return _Part(name, "scroll area", area.accessibleName(), area.viewport().geometry(), state)


def _scroll_area(widget: QWidget) -> QAbstractScrollArea | None:
    """Return the area that scrolls the widget's parts: the widget itself if a list, else one around it."""
    area: QWidget | None = widget
    if not isinstance(widget, QAbstractItemView):
        area = None if widget.isWindow() else widget.parentWidget()
    while area is not None and not area.isWindow():
        if isinstance(area, QAbstractScrollArea) and area.objectName():
            return area
        area = area.parentWidget()
    return None


def _offscreen(area: QAbstractScrollArea, widget: QWidget, part: _Part) -> Iterator[Offscreen]:
    if part.role == "scroll area":
        return
    port = area.viewport()
    seen = QRect(port.mapToGlobal(QPoint(0, 0)), port.size())
    rect = QRect(widget.mapToGlobal(part.rect.topLeft()), part.rect.size())
    if rect.top() < seen.top():
        yield Offscreen(part.id, area.objectName(), rect.top() - seen.top())
    elif rect.bottom() > seen.bottom():
        yield Offscreen(part.id, area.objectName(), rect.bottom() - seen.bottom())
