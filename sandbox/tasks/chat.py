"""Tasks for the chat client.

For each task: a set-up that returns the goal, `_want_…` that applies the wanted change to a copy of the
starting state, and the oracle's policy. `TASKS` puts them together.
"""

import random

from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.apps.chat.state import Chat, ChatMessage, ChatState
from qvl_agent.sandbox.apps.words import DIALOGUES, PEOPLE
from qvl_agent.sandbox.tasks.task import ExpectedAnswer, Goal, Task
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["TASKS"]


def _row(chat: Chat) -> str:
    return f"chat/{chat.id}"


def _goal(chat: Chat) -> Goal:
    return {"id": chat.id, "name": chat.name}


# uncheck the pinned chat


def _one_pinned(state: ChatState, rng: random.Random) -> Goal:
    pinned = rng.choice(state.chats)
    for chat in state.chats:
        chat.pinned = chat is pinned
    pinned.checked = True
    return _goal(pinned)


def _want_unchecked(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).checked = False


def _uncheck(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.checked:
        return actions.click(f"{_row(chat)}/check", "The pinned chat is checked; uncheck it.")
    return actions.done(f"The pinned chat, {chat.name}, is unchecked.")


# mute a chat


def _a_loud_chat(state: ChatState, rng: random.Random) -> Goal:
    chat = rng.choice(state.chats)
    chat.muted = False
    return _goal(chat)


def _want_muted(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).muted = True


def _mute(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.muted:
        return actions.done(f"{chat.name} is muted.")
    if actions.tree.get("menu/mute"):
        return actions.click("menu/mute", "The menu is open; mute the chat.")
    return actions.click(_row(chat), f"Open the menu of {chat.name}.", button="right")


# send a message


def _a_message(state: ChatState, rng: random.Random) -> Goal:
    chat = rng.choice([chat for chat in state.chats if chat.id != state.view.open])
    chat.unread = 0
    text = rng.choice(rng.choice(DIALOGUES))[state.language == "zh"]
    return {**_goal(chat), "text": text}


def _want_sent(state: ChatState, goal: Goal) -> None:
    now = "刚刚" if state.language == "zh" else "now"
    state.chat(goal["id"]).notes.append(ChatMessage(mine=True, text=goal["text"], time=now))


def _send(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.notes[-1].time in {"now", "刚刚"}:
        return actions.done(f"The message to {chat.name} is sent.")
    if state.view.open != chat.id:
        return actions.click(_row(chat), f"Open the chat with {chat.name}.")
    if state.draft != goal["text"]:
        return actions.type(goal["text"], "Write the message.", into="message", clear=bool(state.draft))
    return actions.click("send", "Send the message.")


# say which chat has unread messages


def _one_unread(state: ChatState, rng: random.Random) -> Goal:
    unread = rng.choice([chat for chat in state.chats if chat.id != state.view.open])
    for chat in state.chats:
        chat.unread = 0
    unread.unread = rng.randint(1, 9)
    return _goal(unread)


def _who_is_unread(state: ChatState, goal: Goal) -> ExpectedAnswer:
    others = tuple(chat.name for chat in state.chats if chat.id != goal["id"])
    return ExpectedAnswer(goal["name"], others)


def _find_unread(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    row = _row(state.chat(goal["id"]))
    if actions.is_in_view(row):
        return actions.answer(goal["name"])
    return actions.scroll_to(row, "Look for a chat with unread messages.")


# delete a chat


def _a_chat(state: ChatState, rng: random.Random) -> Goal:
    return _goal(rng.choice(state.chats))


def _want_deleted(state: ChatState, goal: Goal) -> None:
    state.chats.remove(state.chat(goal["id"]))


def _delete(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    if all(chat.id != goal["id"] for chat in state.chats):
        return actions.done(f"The chat with {goal['name']} is deleted.")
    if actions.tree.get("confirm/yes"):
        return actions.click("confirm/yes", "It asks about the right chat; confirm.")
    if actions.tree.get("menu/delete"):
        return actions.click("menu/delete", "The menu is open; delete the chat.")
    return actions.click(f"chat/{goal['id']}", f"Open the menu of {goal['name']}.", button="right")


# search for a chat and pin it


def _a_loose_chat(state: ChatState, rng: random.Random) -> Goal:
    chat = rng.choice(state.chats)
    chat.pinned = False
    return _goal(chat)


def _want_pinned(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).pinned = True


def _search_and_pin(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.pinned:
        return actions.done(f"{chat.name} is pinned.")
    if state.view.search != chat.name:
        return actions.type(chat.name, "Search for the chat.", into="search", clear=True)
    if actions.tree.get("menu/pin"):
        return actions.click("menu/pin", "The menu is open; pin the chat.")
    return actions.click(_row(chat), f"Open the menu of {chat.name}.", button="right")


# like a message


def _a_nice_message(state: ChatState, _: random.Random) -> Goal:
    return _goal(state.chat(state.view.open))


def _want_liked(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).notes[-1].liked = True


def _like(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    notes = state.chat(goal["id"]).notes
    if notes[-1].liked:
        return actions.done("The newest message is liked.")
    return actions.click(f"note/{len(notes) - 1}", "A double click likes the newest message.", count=2)


# mute a chat that doesn't exist


def _a_stranger(state: ChatState, rng: random.Random) -> Goal:
    known = {chat.name for chat in state.chats}
    names = [pair[state.language == "zh"] for pair in PEOPLE]
    return {"name": rng.choice([name for name in names if name not in known])}


def _search_stranger(actions: WidgetActions, state: ChatState, goal: Goal) -> Action:
    if state.view.search != goal["name"]:
        return actions.type(goal["name"], "Search for the chat.", into="search", clear=True)
    if actions.tree.get("nothing"):
        return actions.fail(f"There is no chat with {goal['name']}.")
    return actions.wait(0.2, "Wait for the search.")


TASKS: tuple[Task[ChatState], ...] = (
    Task(
        "uncheck-pinned-chat",
        ("uncheck the pinned chat", "取消勾选置顶的聊天"),
        _one_pinned,
        _uncheck,
        _want_unchecked,
    ),
    Task(
        "mute-chat", ("mute the chat with {name}", "把与“{name}”的聊天静音"), _a_loud_chat, _mute, _want_muted
    ),
    Task(
        "send-message",
        ('send "{text}" to {name}', "给“{name}”发送消息：{text}"),
        _a_message,
        _send,
        _want_sent,
    ),
    Task(
        "find-unread",
        ("which chat has unread messages?", "哪个聊天有未读消息？"),
        _one_unread,
        _find_unread,
        answers=_who_is_unread,
    ),
    Task(
        "delete-chat",
        ("delete the chat with {name}", "删除与“{name}”的聊天"),
        _a_chat,
        _delete,
        _want_deleted,
    ),
    Task(
        "search-and-pin",
        ("search for {name} and pin the chat", "搜索“{name}”并将聊天置顶"),
        _a_loose_chat,
        _search_and_pin,
        _want_pinned,
    ),
    Task(
        "like-message",
        ("like the newest message with a double click", "双击最新的一条消息来点赞"),
        _a_nice_message,
        _like,
        _want_liked,
    ),
    Task(
        "mute-stranger",
        ("search for {name} and mute the chat", "搜索“{name}”并将聊天静音"),
        _a_stranger,
        _search_stranger,
        possible=False,
    ),
)
