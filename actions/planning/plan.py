"""Turn an action on the model's grid into the exact events that a desktop would be sent. Pure functions."""

from typing import Final, assert_never

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox, View, model_to_desktop
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.planning.action import (
    Action,
    Answer,
    Ask,
    Button,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.actions.planning.events import (
    ButtonEvent,
    Event,
    KeyEvent,
    MoveEvent,
    Plan,
    SecretEvent,
    TextEvent,
    WheelEvent,
)
from qvl_agent.actions.planning.placeholders import Secret, split

__all__ = ["SELECT_ALL", "first_press", "plan", "pointer_goal", "select_all_on"]

SELECT_ALL: Final = ("ctrl", "a")
_KEY_CHARACTERS: Final = {"\n": "enter", "\t": "tab"}


def select_all_on(platform: str) -> tuple[str, ...]:
    """Return the chord that selects a field's whole text on a `sys.platform`."""
    return ("meta", "a") if platform == "darwin" else SELECT_ALL


def plan(
    action: Action,
    view: View,
    *,
    select_all: tuple[str, ...] = SELECT_ALL,
    scroll_at: DesktopPoint | None = None,
) -> Plan:
    """List the events that carry out an action; none for actions that send nothing.

    Args:
        action: the action, on the grid over the frame that `view` describes.
        view: how that frame lies on the desktop.
        select_all: the chord that selects a field's whole text on this system.
        scroll_at: where a scroll without a target goes; None if nobody knows.

    Raises:
        CoordinateError: the target can't be mapped into the captured monitor, or there is none to scroll at.
    """
    match action:
        case Click():
            return (
                _move(action.target, view),
                *_hold(action.modifiers, _clicks(action.button, action.count)),
            )
        case Move():
            return (_move(action.target, view),)
        case Drag():
            drag = (
                ButtonEvent(action.button, down=True),
                _move(action.end, view),
                ButtonEvent(action.button, down=False),
            )
            return (_move(action.target, view), *_hold(action.modifiers, drag))
        case Scroll():
            wheel = WheelEvent(action.dx, action.dy)
            return (_scroll_move(action, view, scroll_at), *_hold(action.modifiers, (wheel,)))
        case Type():
            return _typing(action, view, select_all)
        case Press():
            return _chord(action.keys) * action.count
        case Wait() | Zoom() | Ask() | Answer() | Done() | Fail():
            return ()
        case _:
            assert_never(action)


def pointer_goal(events: Plan) -> DesktopPoint | None:
    """Return where the pointer ends once the events are sent; None if they don't move it."""
    moves = [event.point for event in events if isinstance(event, MoveEvent)]
    return moves[-1] if moves else None


def first_press(events: Plan) -> DesktopPoint | None:
    """Return where a plan first presses a mouse button; None if it presses none."""
    place: DesktopPoint | None = None
    for event in events:
        if isinstance(event, MoveEvent):
            place = event.point
        elif isinstance(event, ButtonEvent):
            return place
    return None


def _move(target: ModelBox, view: View) -> MoveEvent:
    return MoveEvent(model_to_desktop(target.centre, view))


def _scroll_move(action: Scroll, view: View, scroll_at: DesktopPoint | None) -> MoveEvent:
    if action.target is not None:
        return _move(action.target, view)
    if scroll_at is None:
        raise CoordinateError(
            "a scroll without a place needs a window under the pointer, or one with the focus on this "
            "screen; give the place to scroll at"
        )
    return MoveEvent(scroll_at)


def _clicks(button: Button, count: int) -> Plan:
    return (ButtonEvent(button, down=True), ButtonEvent(button, down=False)) * count


def _hold(keys: tuple[str, ...], inner: Plan) -> Plan:
    down = tuple(KeyEvent(key, down=True) for key in keys)
    up = tuple(KeyEvent(key, down=False) for key in reversed(keys))
    return (*down, *inner, *up)


def _chord(keys: tuple[str, ...]) -> Plan:
    return _hold(keys, ())


def _typing(action: Type, view: View, select_all: tuple[str, ...]) -> Plan:
    events: list[Event] = []
    if action.target is not None:
        events += (_move(action.target, view), *_clicks("left", 1))
    if action.clear:
        # The text replaces what is selected. A key that deletes is sent only if there is no text that could.
        typed = action.text and action.text[0] not in _KEY_CHARACTERS and action.text[0] != "\r"
        events += (*_chord(select_all), *(() if typed else _chord(("backspace",))))
    for piece in split(action.text):
        events += [SecretEvent(piece.name)] if isinstance(piece, Secret) else _characters(piece)
    if action.enter:
        events += _chord(("enter",))
    return tuple(events)


def _characters(text: str) -> list[Event]:
    """Split text into runs to type, and the newlines and tabs between them, which are keys."""
    events: list[Event] = []
    run = ""
    for character in text.replace("\r\n", "\n"):
        key = _KEY_CHARACTERS.get(character)
        if key is None:
            run += character
            continue
        if run:
            events.append(TextEvent(run))
            run = ""
        events += _chord((key,))
    if run:
        events.append(TextEvent(run))
    return events
