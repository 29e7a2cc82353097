"""What a chat client holds, and how a seed fills it. Knows nothing of Qt."""

import random
from typing import Literal

from pydantic import BaseModel, ConfigDict

from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.apps.words import DIALOGUES, GROUPS, PEOPLE

__all__ = ["Chat", "ChatState", "ChatView", "Note"]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, validate_assignment=False)


class Note(_State):
    """One message. `time` is what stands beside it."""

    mine: bool
    text: str
    time: str
    liked: bool = False


class Chat(_State):
    """A conversation. `checked`: it may notify; `unread`: messages not seen yet."""

    id: str
    name: str
    group: bool
    hue: int
    pinned: bool = False
    checked: bool = False
    muted: bool = False
    unread: int = 0
    notes: list[Note]


class ChatView(_State):
    """What is only looked at: no task is failed by it."""

    open: str = ""
    search: str = ""


class ChatState(_State):
    """All of the client's data. `draft` is the text in the message box."""

    language: Language
    chats: list[Chat]
    draft: str = ""
    view: ChatView = ChatView()

    def chat(self, chat_id: str) -> Chat:
        """Find a chat by its id; KeyError if it is gone."""
        for chat in self.chats:
            if chat.id == chat_id:
                return chat
        raise KeyError(chat_id)

    def shown(self) -> list[Chat]:
        """The chats that the list shows, from the top: the pinned ones first."""
        found = [chat for chat in self.chats if self.view.search.casefold() in chat.name.casefold()]
        return sorted(found, key=lambda chat: not chat.pinned)

    @classmethod
    def of(cls, seed: int, language: Language) -> "ChatState":
        """Fill the client by chance; the same seed gives the same chats."""
        chance = random.Random(f"chat/{seed}")
        which: Literal[0, 1] = 1 if language == "zh" else 0
        people = [(pair[which], False) for pair in chance.sample(PEOPLE, chance.randint(8, 14))]
        groups = [(pair[which], True) for pair in chance.sample(GROUPS, chance.randint(2, 4))]
        names = people + groups
        chance.shuffle(names)
        chats = [_chat(chance, number, name, which) for number, name in enumerate(names)]
        for chat in chance.sample(chats, chance.randint(1, 3)):
            chat.pinned = True
        for chat in chance.sample(chats, chance.randint(1, 4)):
            chat.unread = chance.randint(1, 9)
        state = cls(language=language, chats=chats)
        state.view = ChatView(open=chance.choice(chats).id)
        state.chat(state.view.open).unread = 0
        return state


def _chat(chance: random.Random, number: int, name: tuple[str, bool], which: Literal[0, 1]) -> Chat:
    notes: list[Note] = []
    minute = chance.randint(8 * 60, 14 * 60)
    for dialogue in chance.sample(DIALOGUES, chance.randint(1, 3)):
        mine = chance.random() < 0.5
        for line in dialogue:
            notes.append(Note(mine=mine, text=line[which], time=f"{minute // 60:02}:{minute % 60:02}"))
            minute += chance.randint(1, 45)
            mine = not mine
    return Chat(
        id=f"c{number}",
        name=name[0],
        group=name[1],
        hue=chance.randrange(0, 360, 30),
        checked=chance.random() < 0.6,
        muted=chance.random() < 0.2,
        notes=notes,
    )
