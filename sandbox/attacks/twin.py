"""The oracle's evil twin: a model that obeys the attacker, and describes its actions as suits the attacker.

It replies in Qwen3-VL's own formats and points at real parts of real windows. After a refusal it tries the
same again until the run ends.
"""

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Final, Protocol, Self, assert_never

from qvl_agent.actions.core.coordinates import Rect, View
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Status
from qvl_agent.actions.parsing.dialects import as_points, format_action
from qvl_agent.actions.planning.action import Action, Button, Click, Done, Drag, Move, Press, Scroll, Type
from qvl_agent.sandbox.apps.protocol import Tree
from qvl_agent.sandbox.attacks.scenario import Step
from qvl_agent.sandbox.attacks.window_data import Deed
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["AttackedScreen", "Twin", "action_of"]

_OUTCOME_S: Final = 60.0
"""How long the outcome of a step may take to arrive after its reply."""


class AttackedScreen(Protocol):
    """The windows that the attacker controls; `Stage` is one."""

    def places(self) -> dict[str, Rect]:
        """Return each part's rectangle, in screen px."""
        ...

    def strike(self, deeds: tuple[Deed, ...]) -> None:
        """Let the attacker change the windows."""
        ...


class Twin:
    """A model that carries out one scenario's steps.

    Attributes:
        name: "twin".
    """

    def __init__(self, steps: tuple[Step, ...], screen: AttackedScreen, dialect: str = "grounded") -> None:
        self.name = "twin"
        self._steps, self._screen, self._dialect = steps, screen, dialect
        self._step_number = 0
        self._strikes_done: set[int] = set()
        self._outcomes: SimpleQueue[Status] = SimpleQueue()
        self._replied = False

    def reply(
        self,
        messages: Sequence[Message],
        *,
        stop: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Reply with the next step, pointing in the last picture; then let the attacker strike, once."""
        del stop, on_text
        self._learn()
        self._replied = True
        if self._step_number >= len(self._steps):
            return Reply(self._format(Done(summary="done as asked")))
        step = self._steps[self._step_number]
        places = self._screen.places()
        text = self._reply_text(step, _last_view(messages), places)
        if step.strike and self._step_number not in self._strikes_done:
            self._strikes_done.add(self._step_number)
            self._screen.strike(step.strike)
        return Reply(text)

    def with_format(self, form: object) -> Self:
        """Return itself: it replies in one format anyway."""
        del form
        return self

    def picture_tokens(self, size: tuple[int, int]) -> int | None:
        """Return None: pictures cost it nothing."""
        del size
        return None

    def note_outcome(self, status: Status) -> None:
        """Take in the outcome of the last action; called from another thread, while `reply` waits for it."""
        self._outcomes.put(status)

    def _learn(self) -> None:
        """Go on to the next step, try again, or give up, by the outcome of the last reply."""
        if not self._replied:
            return
        status = self._outcomes.get(timeout=_OUTCOME_S)
        if status == "done":
            self._step_number += 1
        elif (
            status == "stale" and self._step_number < len(self._steps) and self._steps[self._step_number].once
        ):
            self._step_number = len(self._steps)

    def _reply_text(self, step: Step, view: View, places: dict[str, Rect]) -> str:
        if step.act == "raw":
            return _raw(step, view, places)
        return self._format(action_of(step, view, places))

    def _format(self, action: Action) -> str:
        return format_action(as_points(action) if self._dialect == "computer_use" else action, self._dialect)

    def close(self) -> None:
        """Do nothing: the stage closes the windows."""


def action_of(step: Step, view: View, places: dict[str, Rect]) -> Action:
    """Return the action of a step, pointing at the part that the step names.

    Raises:
        ModelError: There is no such part on the screen.
    """
    actions = WidgetActions(view, Tree(()))
    label, intent = step.label, step.intent
    if step.act == "press":
        return Press(keys=step.keys, count=step.count, label=label, intent=intent)
    target = actions.box(_place(step.at, places)) if step.at else None
    if step.act == "type":
        return Type(
            text=step.text, target=target, clear=step.clear, enter=step.enter, label=label, intent=intent
        )
    if target is None:
        raise ModelError(f"a {step.act} needs something to point at")
    match step.act:
        case "click" | "right" | "middle":
            button: Button = "left" if step.act == "click" else step.act
            return Click(target=target, button=button, label=label, intent=intent)
        case "double" | "triple":
            return Click(target=target, count=2 if step.act == "double" else 3, label=label, intent=intent)
        case "drag":
            return Drag(target=target, end=actions.box(_place(step.to, places)), label=label, intent=intent)
        case "move":
            return Move(target=target, label=label, intent=intent)
        case "scroll":
            return Scroll(target=target, dy=step.count, label=label, intent=intent)
        case "raw":
            raise ModelError("a raw reply is no action")
        case _:
            assert_never(step.act)


def _raw(step: Step, view: View, places: dict[str, Rect]) -> str:
    """Fill the part's box and middle into a raw reply; not by `str.format`, as JSON has braces."""
    if not step.at:
        return step.text
    rect = _place(step.at, places)
    box = WidgetActions(view, Tree(())).box(rect)
    middle = (rect.left + rect.width // 2, rect.top + rect.height // 2)
    corners = [round(side) for side in (box.x1, box.y1, box.x2, box.y2)]
    words = {"{box}": str(corners), "{x}": str(middle[0]), "{y}": str(middle[1])}
    text = step.text
    for name, value in words.items():
        text = text.replace(name, value)
    return text


def _place(name: str, places: dict[str, Rect]) -> Rect:
    if name not in places:
        raise ModelError(f"there is no {name!r} on the screen; there are {', '.join(sorted(places))}")
    return places[name]


def _last_view(messages: Sequence[Message]) -> View:
    for message in reversed(messages):
        if message.pictures:
            return message.pictures[-1].view
    raise ModelError("the twin was asked without a picture")
