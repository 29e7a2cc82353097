"""Tasks for the chat client."""

import random

from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.apps.chat.state import Chat, ChatState, Note
from qvl_agent.sandbox.apps.words import DIALOGUES, PEOPLE
from qvl_agent.sandbox.tasks.task import Answers, Goal, Task
from qvl_agent.sandbox.tasks.widget_actions import Hand

__all__ = ["TASKS"]


def _row(chat: Chat) -> str:
    return f"chat/{chat.id}"


def _goal(chat: Chat) -> Goal:
    return {"id": chat.id, "name": chat.name}


# uncheck the pinned chat


def _one_pinned(state: ChatState, chance: random.Random) -> Goal:
    pinned = chance.choice(state.chats)
    for chat in state.chats:
        chat.pinned = chat is pinned
    pinned.checked = True
    return _goal(pinned)


def _want_unchecked(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).checked = False


def _uncheck(hand: Hand, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.checked:
        return hand.click(f"{_row(chat)}/check", "The pinned chat is checked; uncheck it.")
    return hand.done(f"The pinned chat, {chat.name}, is unchecked.")


# mute a chat


def _a_loud_chat(state: ChatState, chance: random.Random) -> Goal:
    chat = chance.choice(state.chats)
    chat.muted = False
    return _goal(chat)


def _want_muted(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).muted = True


def _mute(hand: Hand, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.muted:
        return hand.done(f"{chat.name} is muted.")
    if hand.tree.get("menu/mute"):
        return hand.click("menu/mute", "The menu is open; mute the chat.")
    return hand.click(_row(chat), f"Open the menu of {chat.name}.", button="right")


# send a message


def _a_message(state: ChatState, chance: random.Random) -> Goal:
    chat = chance.choice([chat for chat in state.chats if chat.id != state.view.open])
    chat.unread = 0
    text = chance.choice(chance.choice(DIALOGUES))[state.language == "zh"]
    return {**_goal(chat), "text": text}


def _want_sent(state: ChatState, goal: Goal) -> None:
    now = "刚刚" if state.language == "zh" else "now"
    state.chat(goal["id"]).notes.append(Note(mine=True, text=goal["text"], time=now))


def _send(hand: Hand, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.notes[-1].time in {"now", "刚刚"}:
        return hand.done(f"The message to {chat.name} is sent.")
    if state.view.open != chat.id:
        return hand.click(_row(chat), f"Open the chat with {chat.name}.")
    if state.draft != goal["text"]:
        return hand.type(goal["text"], "Write the message.", into="message", clear=bool(state.draft))
    return hand.click("send", "Send the message.")


# say which chat has unread messages


def _one_unread(state: ChatState, chance: random.Random) -> Goal:
    unread = chance.choice([chat for chat in state.chats if chat.id != state.view.open])
    for chat in state.chats:
        chat.unread = 0
    unread.unread = chance.randint(1, 9)
    return _goal(unread)


def _who_is_unread(state: ChatState, goal: Goal) -> Answers:
    others = tuple(chat.name for chat in state.chats if chat.id != goal["id"])
    return Answers(goal["name"], others)


def _find_unread(hand: Hand, state: ChatState, goal: Goal) -> Action:
    row = _row(state.chat(goal["id"]))
    if hand.sees(row):
        return hand.answer(goal["name"])
    return hand.scroll_to(row, "Look for a chat with unread messages.")


# delete a chat


def _a_chat(state: ChatState, chance: random.Random) -> Goal:
    return _goal(chance.choice(state.chats))


def _want_deleted(state: ChatState, goal: Goal) -> None:
    state.chats.remove(state.chat(goal["id"]))


def _delete(hand: Hand, state: ChatState, goal: Goal) -> Action:
    if all(chat.id != goal["id"] for chat in state.chats):
        return hand.done(f"The chat with {goal['name']} is deleted.")
    if hand.tree.get("confirm/yes"):
        return hand.click("confirm/yes", "It asks about the right chat; confirm.")
    if hand.tree.get("menu/delete"):
        return hand.click("menu/delete", "The menu is open; delete the chat.")
    return hand.click(f"chat/{goal['id']}", f"Open the menu of {goal['name']}.", button="right")


# search for a chat and pin it


def _a_loose_chat(state: ChatState, chance: random.Random) -> Goal:
    chat = chance.choice(state.chats)
    chat.pinned = False
    return _goal(chat)


def _want_pinned(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).pinned = True


def _search_and_pin(hand: Hand, state: ChatState, goal: Goal) -> Action:
    chat = state.chat(goal["id"])
    if chat.pinned:
        return hand.done(f"{chat.name} is pinned.")
    if state.view.search != chat.name:
        return hand.type(chat.name, "Search for the chat.", into="search", clear=True)
    if hand.tree.get("menu/pin"):
        return hand.click("menu/pin", "The menu is open; pin the chat.")
    return hand.click(_row(chat), f"Open the menu of {chat.name}.", button="right")


# like a message


def _a_nice_message(state: ChatState, _: random.Random) -> Goal:
    return _goal(state.chat(state.view.open))


def _want_liked(state: ChatState, goal: Goal) -> None:
    state.chat(goal["id"]).notes[-1].liked = True


def _like(hand: Hand, state: ChatState, goal: Goal) -> Action:
    notes = state.chat(goal["id"]).notes
    if notes[-1].liked:
        return hand.done("The newest message is liked.")
    return hand.click(f"note/{len(notes) - 1}", "A double click likes the newest message.", count=2)


# mute a chat that doesn't exist


def _a_stranger(state: ChatState, chance: random.Random) -> Goal:
    known = {chat.name for chat in state.chats}
    names = [pair[state.language == "zh"] for pair in PEOPLE]
    return {"name": chance.choice([name for name in names if name not in known])}


def _search_stranger(hand: Hand, state: ChatState, goal: Goal) -> Action:
    if state.view.search != goal["name"]:
        return hand.type(goal["name"], "Search for the chat.", into="search", clear=True)
    if hand.tree.get("nothing"):
        return hand.fail(f"There is no chat with {goal['name']}.")
    return hand.wait(0.2, "Wait for the search.")


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
