"""The conversation of a run, as the model sees it: only appended to, so that every prefix can be cached.

Only `compact` changes what was said before, rarely and in one go: it takes out all pictures but the last
few and leaves the words.
"""

from collections.abc import Sequence
from typing import Final

from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Part, Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.planning.action import POINTING, Action, Type
from qvl_agent.prompts import render

__all__ = [
    "KEEP_PICTURES",
    "MAX_PICTURES",
    "History",
    "compacted",
    "describe",
    "dropped",
    "without_pictures",
]

MAX_PICTURES: Final = 10
"""The most pictures that a conversation holds before it is compacted; the models are trained on fewer."""
KEEP_PICTURES: Final = 4
"""The pictures that are left when it is compacted."""
_DROPPED: Final = "[an earlier screenshot, no longer shown]"


class History:
    """The conversation of one run."""

    def __init__(self, task: str, dialect: str, *, language: str = "", rules: Sequence[str] = ()) -> None:
        self._task = task
        self._rules = tuple(rules)
        system = render(f"system_{dialect}", language=language)
        self._messages: list[Message] = [Message("system", (system,))]
        self._marked = 0

    def go_on(self, messages: Sequence[Message]) -> None:
        """Replace this new conversation by an earlier one; if that is empty, keep the new one."""
        self._messages = list(messages) or self._messages
        self._marked = len(messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    @property
    def begun(self) -> bool:
        """Return whether the model was shown the task."""
        return len(self._messages) > 1

    def take_new(self) -> tuple[Message, ...]:
        """Return the messages since the last call, without the model's own replies."""
        new = self._messages[self._marked :]
        self._marked = len(self._messages)
        return tuple(message for message in new if message.role != "assistant")

    def show(self, frame: Frame, outcome: str = "", note: str = "") -> None:
        """Show a screen: the first with the task, a later one with the last action's outcome and a note."""
        if not self.begun:
            text = render("task", task=self._task, rules=self._rules)
        else:
            text = render("step", task=self._task, outcome=outcome, note=note)
        self._say(frame, text)

    def show_again(self, frame: Frame, happened: str) -> None:
        """Show the screen after an interruption, with what is known of the last action."""
        self._say(frame, render("resumed", task=self._task, happened=happened))

    def show_close_up(self, frame: Frame, label: str, note: str = "") -> None:
        """Show a close-up of the region that the model asked for, at full resolution."""
        region = f'"{label}" and what is around it' if label else "the region you asked for"
        self._say(frame, render("zoomed", region=region, note=note))

    def heard(self, reply: Reply) -> None:
        """Add the model's reply without its reasoning, which the models' templates drop too."""
        self._messages.append(Message("assistant", (reply.text,)))

    def mend(self, error: str) -> None:
        """Tell the model why its reply couldn't be used, without a new picture."""
        self._say(render("mend", error=error))

    def refuse(self, frame: Frame, reason: str) -> None:
        """Tell the model that its action was refused, with a fresh screen."""
        self._say(frame, render("refused", reason=reason))

    def compact(self) -> None:
        """Take out old pictures, if there are more than `MAX_PICTURES`."""
        self._messages = compacted(self._messages)

    def _say(self, *parts: Part) -> None:
        self._messages.append(Message("user", parts))


def compacted(messages: Sequence[Message]) -> list[Message]:
    """Replace all pictures but the last few by words, if more than `MAX_PICTURES` messages have any."""
    gone = dropped([bool(message.pictures) for message in messages])
    return [
        Message(message.role, without_pictures(message.parts)) if at in gone else message
        for at, message in enumerate(messages)
    ]


def dropped(held: Sequence[bool]) -> set[int]:
    """Return the indices of the messages that lose their pictures now.

    Args:
        held: for each message, whether it has a picture.
    """
    places = [at for at, holds in enumerate(held) if holds]
    return set() if len(places) <= MAX_PICTURES else set(places[:-KEEP_PICTURES])


def without_pictures(parts: Sequence[object]) -> tuple[str, ...]:
    """Return a message's parts with words in the place of each part that isn't text."""
    return tuple(part if isinstance(part, str) else _DROPPED for part in parts)


def describe(action: Action, outcome: Outcome) -> str:
    """Describe an action's outcome in a sentence for the model."""
    name = f'{action.kind} on "{action.label}"' if action.label else action.kind
    match outcome.status:
        case "done" if outcome.detail:
            return f"{name}: done, but {outcome.detail}."
        case "done":
            return f"{name}: done. {_change(action, outcome)}"
        case "stale":
            return f"{name}: not done, because {outcome.detail}. Look again."
        case _:
            return f"{name}: {outcome.status}. {outcome.detail}".rstrip()


def _change(action: Action, outcome: Outcome) -> str:
    change = outcome.change
    if change is None:
        return ""
    pointing = isinstance(action, (*POINTING, Type))
    if change and pointing and change.near_target is False:
        unseen = ": nothing of the typed text is to be seen there" if _stays_in_place(action) else ""
        return f"The screen changed, but not near the target{unseen}."
    if change:
        return "The screen changed."
    nothing = "Nothing changed on the screen"
    if change.by_itself:
        nothing += " but what moves by itself, like a clock"
    if isinstance(action, Type) and action.text.strip():
        if action.clear:
            return f"{nothing}: the text stood there before, or it went nowhere."
        return f"{nothing}: nothing of the typed text is to be seen."
    return f"{nothing}."


def _stays_in_place(action: Action) -> bool:
    """Return whether a typed text should be seen where it was typed, as it isn't sent off by Enter."""
    if not isinstance(action, Type):
        return False
    return bool(action.text.strip()) and not (action.enter or action.clear or "\n" in action.text)
