"""Tasks for the chat client."""

import random

from qvl_agent.actions.schema import Action
from qvl_agent.sandbox.apps.chat_state import Chat, ChatState
from qvl_agent.sandbox.tasks.hand import Hand
from qvl_agent.sandbox.tasks.task import Goal, Task

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


TASKS: tuple[Task[ChatState], ...] = (
    Task(
        "uncheck-pinned-chat",
        ("uncheck the pinned chat", "取消勾选置顶的聊天"),
        _one_pinned,
        _uncheck,
        _want_unchecked,
    ),
)
