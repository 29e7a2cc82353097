"""The data of the chat client, and how a seed fills it. No Qt here."""

import random
from typing import Literal

from pydantic import BaseModel, ConfigDict

from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.apps.words import DIALOGUES, GROUPS, PEOPLE

__all__ = ["Chat", "ChatMessage", "ChatState", "ChatView"]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, validate_assignment=False)


class ChatMessage(_State):
    """One message. `time` is the text shown with it."""

    mine: bool
    text: str
    time: str
    liked: bool = False


class Chat(_State):
    """A conversation.

    Attributes:
        group: Whether it is a group chat.
        hue: The avatar's colour, 0-359.
        checked: Whether it may notify.
        unread: How many messages are not seen yet.
        notes: Its messages, the oldest first.
    """

    id: str
    name: str
    group: bool
    hue: int
    pinned: bool = False
    checked: bool = False
    muted: bool = False
    unread: int = 0
    notes: list[ChatMessage]


class ChatView(_State):
    """What is open on the screen; no task depends on it. `open`: a chat's id, or ""."""

    open: str = ""
    search: str = ""


class ChatState(_State):
    """All of the client's data. `draft` is the text in the message box."""

    language: Language
    chats: list[Chat]
    draft: str = ""
    view: ChatView = ChatView()

    def chat(self, chat_id: str) -> Chat:
        """Return the chat with this id.

        Raises:
            KeyError: There is none (any more).
        """
        for chat in self.chats:
            if chat.id == chat_id:
                return chat
        raise KeyError(chat_id)

    def shown(self) -> list[Chat]:
        """Return the chats that match the search, in the list's order: the pinned ones first."""
        found = [chat for chat in self.chats if self.view.search.casefold() in chat.name.casefold()]
        return sorted(found, key=lambda chat: not chat.pinned)

    @classmethod
    def from_seed(cls, seed: int, language: Language) -> "ChatState":
        """Fill the client at random; the same seed gives the same chats."""
        rng = random.Random(f"chat/{seed}")
        which: Literal[0, 1] = 1 if language == "zh" else 0
        people = [(pair[which], False) for pair in rng.sample(PEOPLE, rng.randint(8, 14))]
        groups = [(pair[which], True) for pair in rng.sample(GROUPS, rng.randint(2, 4))]
        names = people + groups
        rng.shuffle(names)
        chats = [_chat(rng, number, name, which) for number, name in enumerate(names)]
        for chat in rng.sample(chats, rng.randint(1, 3)):
            chat.pinned = True
        for chat in rng.sample(chats, rng.randint(1, 4)):
            chat.unread = rng.randint(1, 9)
        state = cls(language=language, chats=chats)
        state.view = ChatView(open=rng.choice(chats).id)
        state.chat(state.view.open).unread = 0
        return state


def _chat(rng: random.Random, number: int, name: tuple[str, bool], which: Literal[0, 1]) -> Chat:
    notes: list[ChatMessage] = []
    minute = rng.randint(8 * 60, 14 * 60)
    for dialogue in rng.sample(DIALOGUES, rng.randint(1, 3)):
        mine = rng.random() < 0.5
        for line in dialogue:
            notes.append(ChatMessage(mine=mine, text=line[which], time=f"{minute // 60:02}:{minute % 60:02}"))
            minute += rng.randint(1, 45)
            mine = not mine
    return Chat(
        id=f"c{number}",
        name=name[0],
        group=name[1],
        hue=rng.randrange(0, 360, 30),
        checked=rng.random() < 0.6,
        muted=rng.random() < 0.2,
        notes=notes,
    )
