"""The window of the chat client: a list with pinned chats, a conversation, a message box."""

from PySide6.QtCore import QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QContextMenuEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QLabel, QLineEdit, QMenu, QSizePolicy, QWidget

from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.chat.row import ChatRow
from qvl_agent.sandbox.apps.chat.state import Chat, ChatMessage, ChatState
from qvl_agent.sandbox.apps.toolkit.widgets import (
    Avatar,
    Pane,
    button,
    column,
    confirm,
    label,
    row,
    scroll_area,
)

__all__ = ["ChatPane"]


class ChatPane(Pane):
    """The content of the chat client's window. It changes `state` as the user does."""

    def __init__(self, state: ChatState, appearance: Appearance) -> None:
        super().__init__()
        self.state, self.appearance = state, appearance
        self.setWindowTitle(appearance.pick("Parley", "叙话"))
        self._rows: list[ChatRow] = []
        self._attic = QWidget(self)
        self._attic.hide()
        self._list = QWidget()
        self._list.setLayout(column(space=2, margin=6))
        self._notes = QWidget()
        self._notes.setLayout(column(space=8, margin=16))
        self._notes_area = scroll_area(self._notes, "notes", appearance.pick("Messages", "消息"))
        self._avatar, self._name, self._about = (
            Avatar(appearance, 38),
            label("", "open/name", "heading"),
            label(""),
        )
        self._about.setProperty("voice", "small")
        layout = row(self._left(), self._right(), space=0)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._fill_list()
        self._open(self.state.view.open)

    def _left(self) -> QWidget:
        pick = self.appearance.pick
        search = QLineEdit(self.state.view.search)
        search.setObjectName("search")
        search.setPlaceholderText(pick("Search chats", "搜索聊天"))
        search.setAccessibleName(pick("Search chats", "搜索聊天"))
        search.textChanged.connect(self._search)
        hint = label(pick("Checked chats notify you", "勾选的聊天会发送通知"), "hint", "small")
        hint.setAlignment(Qt.AlignmentFlag.AlignRight)
        area = scroll_area(self._list, "chats", pick("Chats", "聊天列表"))
        frame = QFrame()
        frame.setProperty("panel", "flat")
        top = column(label(pick("Chats", "聊天"), "title", "title"), search, hint, space=8)
        top.setContentsMargins(16, 14, 16, 2)
        frame.setLayout(column(top, area, space=4))
        frame.setFixedWidth(_list_width(self.appearance))
        return frame

    def _right(self) -> QWidget:
        pick = self.appearance.pick
        self._draft = QLineEdit(self.state.draft)
        self._draft.setObjectName("message")
        self._draft.setPlaceholderText(pick("Write a message", "输入消息"))
        self._draft.setAccessibleName(pick("Write a message", "输入消息"))
        self._draft.textChanged.connect(self._write)
        self._draft.returnPressed.connect(self._send)
        send = button(pick("Send", "发送"), "send", self._send, "main")
        send.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        head = QFrame()
        head.setProperty("panel", "flat")
        names = column(self._name, self._about, space=1)
        line = row(self._avatar, names, 1, space=10)
        line.setContentsMargins(16, 10, 16, 10)
        head.setLayout(line)
        foot = QFrame()
        foot.setProperty("panel", "flat")
        foot.setLayout(row(self._draft, send, space=10, margin=12))
        right = QWidget()
        right.setLayout(column(head, self._notes_area, foot, space=0))
        return right

    def _fill_list(self) -> None:
        layout = _empty_page(self._list, self._attic)
        shown, self._rows = self.state.shown(), []
        for heading, chats in (
            (self.appearance.pick("Pinned", "置顶"), [chat for chat in shown if chat.pinned]),
            (self.appearance.pick("All chats", "全部聊天"), [chat for chat in shown if not chat.pinned]),
        ):
            if chats:
                caption = label(heading, f"section/{heading}", "small")
                caption.setContentsMargins(10, 6, 10, 2)
                layout.addWidget(caption)
            for chat in chats:
                layout.addWidget(self._row(chat))
        if not shown:
            nothing = label(self.appearance.pick("No chats found", "没有找到聊天"), "nothing", "muted")
            nothing.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            nothing.setContentsMargins(0, 24, 0, 0)
            layout.addWidget(nothing)
        layout.addStretch(1)

    def _row(self, chat: Chat) -> ChatRow:
        made = ChatRow(chat, self.appearance)
        made.chosen = chat.id == self.state.view.open
        made.on_open = lambda chosen: self._open(chosen.id)
        made.on_menu = self._menu
        made.refresh()
        self._rows.append(made)
        return made

    def _search(self, text: str) -> None:
        self.state.view.search = text
        self._fill_list()

    def _open(self, chat_id: str) -> None:
        self.state.view.open = chat_id
        for line in self._rows:
            line.chosen = line.chat.id == chat_id
            if line.chosen:
                line.chat.unread = 0
            line.refresh()
        self._show_notes()

    def _show_notes(self) -> None:
        layout = _empty_page(self._notes, self._attic)
        open_id = self.state.view.open
        chat = next((chat for chat in self.state.chats if chat.id == open_id), None)
        self._name.setText(chat.name if chat else "")
        self._avatar.setVisible(chat is not None)
        self._draft.setEnabled(chat is not None)
        self._about.setText("")
        layout.addStretch(1)
        if chat is not None:
            self._avatar.show_name(chat.name, chat.hue)
            self._about.setText(self._kind(chat))
            for number, note in enumerate(chat.notes):
                bubble = Bubble(note, f"note/{number}", self.appearance)
                layout.addLayout(row(1, bubble) if note.mine else row(bubble, 1))
        QTimer.singleShot(0, self._to_the_end)

    def _kind(self, chat: Chat) -> str:
        if chat.group:
            return self.appearance.pick("Group", "群聊")
        return self.appearance.pick("Last seen today", "今天在线")

    def _to_the_end(self) -> None:
        bar = self._notes_area.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _write(self, text: str) -> None:
        self.state.draft = text

    def _send(self) -> None:
        text, open_id = self.state.draft.strip(), self.state.view.open
        if not text or not open_id:
            return
        self.state.chat(open_id).notes.append(
            ChatMessage(mine=True, text=text, time=self.appearance.pick("now", "刚刚"))
        )
        self._draft.clear()
        for line in self._rows:
            line.refresh()
        self._show_notes()

    def _menu(self, chat: Chat, event: QContextMenuEvent) -> None:
        pick = self.appearance.pick
        menu = QMenu(self)
        menu.setObjectName("menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        entries = (
            ("pin", pick("Unpin", "取消置顶") if chat.pinned else pick("Pin", "置顶"), self._pin),
            ("mute", pick("Unmute", "取消静音") if chat.muted else pick("Mute", "静音"), self._mute),
            ("unread", pick("Mark as unread", "标为未读"), self._mark_unread),
            ("", "", None),
            ("delete", pick("Delete…", "删除…"), self._ask_delete),
        )
        for name, text, act in entries:
            if act is None:
                menu.addSeparator()
                continue
            action = menu.addAction(text)
            action.setObjectName(name)
            action.triggered.connect(lambda *_, act=act: act(chat))
        menu.popup(event.globalPos())

    def _pin(self, chat: Chat) -> None:
        chat.pinned = not chat.pinned
        self._fill_list()

    def _mute(self, chat: Chat) -> None:
        chat.muted = not chat.muted
        self._fill_list()

    def _mark_unread(self, chat: Chat) -> None:
        chat.unread = max(1, chat.unread)
        self._fill_list()

    def _ask_delete(self, chat: Chat) -> None:
        pick = self.appearance.pick
        question = pick(
            f"Delete the chat with {chat.name}? This can't be undone.",
            f"确定删除与“{chat.name}”的聊天吗？此操作无法撤销。",
        )
        yes = button(pick("Delete", "删除"), "confirm/yes", lambda: self._delete(chat), "danger")
        no = button(pick("Cancel", "取消"), "confirm/no", lambda: None)
        confirm(self, "confirm", (pick("Delete chat", "删除聊天"), question), yes, no)

    def _delete(self, chat: Chat) -> None:
        self.state.chats.remove(chat)
        if self.state.view.open == chat.id:
            self.state.view.open = ""
        self._fill_list()
        self._show_notes()


def _empty_page(page: QWidget, attic: QWidget) -> QBoxLayout:
    """Move all of a page's widgets into the hidden `attic`; return the page's empty layout.

    Nothing is destroyed: with PySide 6.11 on Python 3.11 that ended the application now and then, in
    Shiboken's releaseWrapper, for a cause that isn't known. The attic goes with its window.
    """
    for child in page.findChildren(QWidget, options=Qt.FindChildOption.FindDirectChildrenOnly):
        child.setParent(attic)
    layout = page.layout()
    if not isinstance(layout, QBoxLayout):
        raise TypeError("a page has a box layout")
    while layout.takeAt(0) is not None:
        pass
    return layout


def _list_width(appearance: Appearance) -> int:
    return 15 * appearance.font_px + 130


class Bubble(QWidget):
    """One message in its bubble; a double click likes it or takes the like back."""

    def __init__(self, note: ChatMessage, name: str, appearance: Appearance) -> None:
        super().__init__()
        self.note, self.appearance = note, appearance
        self.setObjectName(name)
        self.setProperty("role", "list item")
        self.setAccessibleName(note.text)
        self._text = QLabel(note.text)
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        natural = self._text.fontMetrics().horizontalAdvance(note.text) + 4
        room = (appearance.window.width - _list_width(appearance)) * 3 // 5
        self._text.setFixedWidth(max(3 * appearance.font_px, min(natural, room)))
        mine = note.mine
        colour = appearance.theme.on_accent if mine else appearance.theme.text
        self._text.setStyleSheet(f"color: {colour};")
        self._foot = label("")
        self._foot.setStyleSheet(f"color: {colour}; font-size: {appearance.font_px - 3}px;")
        self._foot.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._foot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        inside = column(self._text, self._foot, space=2)
        inside.setContentsMargins(13, 8, 13, 6)
        self.setLayout(inside)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.refresh()

    def refresh(self) -> None:
        """Show the message's current data."""
        self._foot.setText(("♥  " if self.note.liked else "") + self.note.time)
        self.setProperty("state", {"mine": self.note.mine, "liked": self.note.liked})

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton:
            self.note.liked = not self.note.liked
            self.refresh()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's signature
        theme = self.appearance.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen if self.note.mine else QColor(theme.line))
        painter.setBrush(QColor(theme.accent if self.note.mine else theme.panel))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 12, 12)
        painter.end()
