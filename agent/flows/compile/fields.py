"""Put together what one typing consisted of: the click into the field, the selecting, the text.

A flow names the field that it types into, as that can be checked; where the focus happened to be, can't. So
the field is looked for where the text appeared, and the steps that only led there are a part of the typing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.planning.action import Click, Press, Type
from qvl_agent.actions.planning.placeholders import Secret, split
from qvl_agent.agent.flows.compile.detours import Kept, LeftOut, in_words
from qvl_agent.agent.flows.compile.naming import Named, name_field
from qvl_agent.agent.flows.compile.screens import Screens, covers, inside, middle
from qvl_agent.agent.flows.finding.words import normal
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording

__all__ = ["Act", "folded", "value_in"]

_SELECTING: Final = frozenset({("ctrl", "a"), ("meta", "a"), ("cmd", "a")})
_EMPTYING: Final = frozenset({("delete",), ("backspace",)})
_GOING: Final = frozenset({("tab",), ("shift", "tab")})
_PADDING: Final = 4
"""Pixels between a text and its field's edge, at least."""
_TALLEST: Final = 240
"""Logical pixels that a field is high at most; what is higher is a page."""


@dataclass(frozen=True, slots=True)
class Act:
    """One step of the flow: what was done, and for a typing its field.

    Attributes:
        kept: the recorded step; for a typing with what led to it, on the screen before that.
        field: the field that was typed into; None if it isn't a typing, or the field can't be told.
        clear: whether the text took the place of what stood there.
        number: the recorded step's number.
    """

    kept: Kept
    number: int
    field: Named | None = None
    clear: bool = False


def folded(
    recording: Recording, kept: Sequence[Kept], screens: Screens
) -> tuple[tuple[Act, ...], tuple[LeftOut, ...]]:
    """Return the acts, and the steps that became a part of a typing.

    Raises:
        ReadingError: the reader failed.
        RecordingError: a screen can't be read.
    """
    acts: list[Act] = []
    left_out: list[LeftOut] = []
    for one in kept:
        number = recording.steps[one.moment.index].intent.step
        act = Act(one, number)
        if isinstance(one.moment.action, Type):
            act, before = _typing(act, one.moment.action, acts, screens)
            for other in before:
                acts.remove(other)
                what = in_words(other.kept.moment.action)
                left_out.append(LeftOut(other.number, what, f"step {number} names its field, and clicks it"))
        acts.append(act)
    return tuple(acts), tuple(left_out)


def _typing(act: Act, action: Type, acts: Sequence[Act], screens: Screens) -> tuple[Act, list[Act]]:
    """Return a typing with its field, and the acts before it that only led there."""
    field = _field_of(act.kept, action, screens)
    if field is None:
        return replace(act, clear=action.clear), []
    led, clear = _led_there(acts, field.box, aimed=action.target is not None)
    if led:
        first = led[0].kept.moment
        field = _on_screen(screens, first.screen, field, action.label)
        moment = replace(act.kept.moment, screen=field.screen)
        act = replace(act, kept=replace(act.kept, moment=moment))
    stood = value_in(screens, field, field.screen)
    replaced = bool(stood) and any(_goes(one) for one in led)
    return replace(act, field=field, clear=action.clear or clear or replaced), led


def _led_there(acts: Sequence[Act], box: FrameBox, *, aimed: bool) -> tuple[list[Act], bool]:
    """Return the last acts that only brought the focus into a field, and whether they emptied it."""
    led: list[Act] = []
    selected = emptied = False
    for act in reversed(acts):
        action = act.kept.moment.action
        if isinstance(action, Click) and action.button == "left" and covers(box, act.kept.moment.points[0]):
            selected = selected or action.count == 3
            return ([act, *led], selected) if selected or not emptied else ([], False)
        if isinstance(action, Press) and action.keys in _SELECTING:
            selected = True
        elif isinstance(action, Press) and action.keys in _EMPTYING and not selected:
            emptied = True  # one key empties a field only after all in it was selected
        elif _goes(act) and not aimed:
            led.insert(0, act)
            break
        else:
            break
        led.insert(0, act)
    # Before a typing that clicks its field, keys alone may have gone to another one.
    return ([], False) if aimed or (emptied and not selected) else (led, selected)


def _goes(act: Act) -> bool:
    action = act.kept.moment.action
    return isinstance(action, Press) and action.keys in _GOING


def _field_of(kept: Kept, action: Type, screens: Screens) -> Named | None:
    moment = kept.moment
    if moment.boxes:
        return name_field(screens, moment.screen, moment.window, moment.boxes[0], action.label)
    if kept.after is None:
        return None
    low = _TALLEST * moment.screen.view.scale
    found: list[Named] = []
    for point in _where_it_appeared(kept, action, screens):
        # Before the typing, what was selected there may look like a control of its own.
        aimed = FrameBox(point.x, point.y, point.x + 1, point.y + 1)
        field = name_field(screens, kept.after, moment.window, aimed, action.label)
        if not field.nameless and field.box.height <= low and field.box.width > field.box.height:
            found.append(field)
    if not found:
        return None
    return _on_screen(screens, moment.screen, max(found, key=lambda field: field.box.width), action.label)


def _on_screen(screens: Screens, screen: FrameRef, field: Named, hint: str) -> Named:
    """Return a field as it is named on an earlier screen, or else by its label on this one."""
    earlier = name_field(screens, screen, field.info, field.box, hint)
    if not earlier.nameless and covers(earlier.box, middle(field.box)) and earlier.box.meets(field.box):
        alike = abs(earlier.box.width - field.box.width) + abs(earlier.box.height - field.box.height)
        if alike <= field.box.height:
            return earlier
    return replace(field, screen=screen, text=value_in(screens, field, screen))


def _where_it_appeared(kept: Kept, action: Type, screens: Screens) -> tuple[FramePoint, ...]:
    """Return pixels of the field in which a typed text appeared, beside it and on it; () if unknown."""
    moment, after = kept.moment, kept.after
    if after is None:
        return ()
    window = screens.window_box(moment.screen, moment.window)
    pieces = list(split(action.text))
    if any(isinstance(piece, Secret) for piece in pieces):
        parts = [box for box in screens.changes(moment.screen, after) if box.meets(window)]
        extents = [screens.extent(moment.screen, after, box) for box in parts]
        found = [box for box in extents if box is not None]
        return (middle(max(found, key=lambda box: box.width)),) if found else ()
    typed = "".join(normal(piece, exact=True) for piece in pieces if isinstance(piece, str))
    for line in inside(screens.texts(after), window):
        read, box = normal(line.text, exact=True), line.box
        same = len(read) > 1 and (read in typed or typed in read)
        if same and screens.differs(moment.screen, after, box):
            level = middle(box).y
            beside = (box.left - _PADDING, box.right + 2 * _PADDING, box.left + 1)
            return tuple(FramePoint(x, level) for x in beside if window.left <= x < window.right)
    return ()


def value_in(screens: Screens, field: Named, screen: FrameRef) -> str:
    """Return the text that stands in a field on a screen, its lines joined by blanks."""
    lines = inside(screens.texts(screen), field.box)
    return " ".join(line.text for line in sorted(lines, key=lambda line: (line.box.top, line.box.left)))
