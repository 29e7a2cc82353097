"""Select the text of a field before other text replaces it, and look whether that is what is selected.

A chord that selects everything means everything in whatever has the focus: in a file manager all files, in a
spreadsheet the sheet. In other programs it means something else: the beginning of the line in Tk, readline
and Emacs. So no key that deletes is sent before the screen shows what is selected. It has to be one stretch
of text where the action points: inside the box that the model gave, or one line high. The text to type then
replaces it, as typing over a selection does; the Delete key isn't used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

import numpy as np

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, FramePoint, desktop_to_frame
from qvl_agent.actions.core.errors import CoordinateError, FocusLostError, TypingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, Plan
from qvl_agent.actions.screen.changes import Mask, difference
from qvl_agent.actions.screen.settle import Settled, settle
from qvl_agent.actions.screen.watch import LIMITS

__all__ = ["Clearing", "Field", "Parts", "Seen", "judge_selection", "old_text_stays", "split_plan"]

Seen = Literal["selected", "nothing", "moved", "elsewhere"]
"""What a chord that selects was seen to do: it selected a stretch of text, nothing, it moved the caret, or it
selected something else than the field's text."""

_FOCUS_S: Final = 0.5
_POLL_S: Final = 0.02
_LOOK: Final = replace(LIMITS, idle_s=0.2, hard_s=1.0)
_LINE: Final = 48
"""The greatest height of a selected line of text, in logical pixels."""
_MARGIN: Final = 12
"""How far a selection may reach beyond the model's box, in logical pixels."""
_CARET: Final = 4
"""Changes less wide than this, in logical pixels, are those of a caret."""
_LEAST_INK: Final = 12
"""Fewer pixels of another colour than a field's own are no text."""
_OVERWRITTEN: Final = 0.1
"""The share of a text's pixels that changes at least if other text takes its place."""
_ELSEWHERE: Final = (
    "nothing was typed: selecting the old text selected something else than the text of one field; point at "
    "the field with a box around all of it, or click into it, select its text and look"
)
_NOT_SELECTED: Final = (
    "nothing was typed: the old text couldn't be selected by keys; select it by a triple click or a drag, or "
    "remove it with backspace, and look"
)


class Parts(NamedTuple):
    """A plan that empties a field, in the parts between which the screen is looked at; see `split_plan`."""

    click: Plan
    select: Plan
    rest: Plan


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field is, as far as the action says.

    Attributes:
        box: the model's box of it, in pixels of the screen; None if it gave none.
        at: where the click into it went; None if there was none.
        moving: areas of the screen that move by themselves.
        deleted: whether a key deletes the selection, as there is no text to type over it; then only what lies
            in the box counts as the field's text.
    """

    box: FrameBox | None = None
    at: DesktopPoint | None = None
    moving: tuple[FrameBox, ...] = ()
    deleted: bool = False

    def is_tall(self, scale: float) -> bool:
        """Return whether its box has room for several lines."""
        return self.box is not None and self.box.height > _LINE * scale


class _Looks:
    """Sends chords, and says what each has done by the screen before and after it."""

    def __init__(self, clearing: "Clearing", window: WindowInfo | None, field: Field, screen: Frame) -> None:
        self._clearing, self._window, self._field, self._screen = clearing, window, field, screen

    def after(self, chord: Approved) -> Seen:
        before = self._screen
        self._screen = self._clearing.send_and_look(chord, self._window, before)
        return judge_selection(before, self._screen, self._field)


class Clearing:
    """Replaces the text of a field, for one action."""

    def __init__(
        self,
        desktop: Desktop,
        approve: Callable[[Plan], Approved],
        *,
        stop: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Store the desktop, and what approves the chords that aren't in the action's plan."""
        self._desktop, self._approve = desktop, approve
        self._stop, self._clock, self._sleep = stop, clock, sleep

    def replace_text(
        self,
        parts: Parts,
        approved: Sequence[Approved],
        window: WindowInfo | None,
        screen: Frame,
        field: Field,
    ) -> Frame | None:
        """Click into the field, select its text, and type over it once the screen shows that it's selected.

        Args:
            parts: the action's plan.
            approved: the approvals of the parts.
            window: the window that was judged to get the keys; None if it isn't known.
            screen: the screen before the click.
            field: where the field is.

        Returns:
            The screen before the typing, if the field seemed to have no text; else None.

        Raises:
            TypingError: the text couldn't be selected, or something else was; nothing was typed.
            FocusLostError: another window than the judged one has the focus.
            Stopped, DesktopError, ApprovalError: as `Desktop.perform`.
        """
        click, select, rest = approved
        if parts.click:
            self._desktop.perform(click, self._stop)
        seen = self.select(select, window, screen, field)
        before = self._desktop.grab_to_compare() if seen == "nothing" else None
        if before is not None and field.deleted:
            left = _without_deleting(parts.rest)
            if not left:
                return before
            rest = self._approve(left)
        if rest.plan:
            self._await_focus(window)
            self._desktop.perform(rest, self._stop)
        return before

    def select(self, chord: Approved, window: WindowInfo | None, screen: Frame, field: Field) -> Seen:
        """Select the field's text, after the click into it; a field without text is left as it is.

        Args:
            chord: what selects all on this system.
            window: the window that is to have the focus; None if it isn't known.
            screen: the screen before the click.
            field: where the field is.

        Returns:
            "selected", or "nothing" if there seems to be no text.

        Raises:
            TypingError: something else was selected, or the text couldn't be; nothing was typed.
        """
        settled = self._quiet(screen)
        if field.box is not None:  # what moves before any key is sent, and isn't the field, moves by itself
            others = tuple(area for area in settled.moving if not area.meets(field.box))
            field = replace(field, moving=field.moving + others)
        look = _Looks(self, window, field, settled.frame)
        first = look.after(chord)
        if first == "elsewhere" and look.after(self._chord(*self._line_end)) == "selected":
            # More than the selection had changed: a text that was selected elsewhere lost its colour.
            first = look.after(self._approve(chord.plan))
        if first not in ("nothing", "moved"):
            return _only_selected(first)
        second = self._select_backwards(look, tall=field.is_tall(screen.scale))
        if second not in ("nothing", "moved"):
            return _only_selected(second)
        if "moved" in (first, second):
            raise TypingError(_NOT_SELECTED)
        return "nothing"

    def _select_backwards(self, look: "_Looks", *, tall: bool) -> Seen:
        """Select a text from its end to its beginning, where the system's chord has another meaning.

        Only a field with a box of several lines is taken for a text of several lines. In any other one there
        must be nothing to select after the end of the line; Ctrl+End isn't used there, as it sets a number to
        its greatest in GTK.
        """
        mac = self._desktop.platform == "darwin"
        held = ("shift", "meta") if mac else ("ctrl", "shift")
        to_end = (("meta", "down") if mac else ("ctrl", "end")) if tall else self._line_end
        look.after(self._chord(*to_end))
        if not tall and look.after(self._chord(*held, "down" if mac else "end")) in ("selected", "elsewhere"):
            return "elsewhere"
        to_start = (*held, "up" if mac else "home")
        seen = look.after(self._chord(*to_start))
        if seen == "elsewhere" and look.after(self._chord(*to_end)) == "selected":
            seen = look.after(self._chord(*to_start))
        return seen

    @property
    def _line_end(self) -> tuple[str, ...]:
        return ("meta", "right") if self._desktop.platform == "darwin" else ("end",)

    def _chord(self, *keys: str) -> Approved:
        down = tuple(KeyEvent(key, down=True) for key in keys)
        return self._approve((*down, *(KeyEvent(key, down=False) for key in reversed(keys))))

    def send_and_look(self, chord: Approved, window: WindowInfo | None, before: Frame) -> Frame:
        """Send a chord to the window that has the focus, and return the screen once it is quiet."""
        self._await_focus(window)
        self._desktop.perform(chord, self._stop)
        return self._quiet(before).frame

    def _await_focus(self, expected: WindowInfo | None) -> None:
        """Wait until the window that was judged has the focus; on some desktops nothing is known of it."""
        end = self._clock() + _FOCUS_S
        while expected is not None and self._desktop.capabilities.windows:
            found = self._desktop.focused()
            if found is not None and _same_window(found, expected):
                return
            if self._stop() or self._clock() > end:
                raise FocusLostError("another window than the field's has the focus, so nothing was typed")
            self._sleep(_POLL_S)

    def _quiet(self, before: Frame) -> Settled:
        return settle(
            self._desktop.grab_to_compare,
            before,
            target=None,
            stop=self._stop,
            clock=self._clock,
            sleep=self._sleep,
            limits=_LOOK,
            damage=self._desktop.damage(),
        )


def _same_window(one: WindowInfo, other: WindowInfo) -> bool:
    """Return whether two descriptions are of one window: an application may have several."""
    return (one.app, one.program, one.rect) == (other.app, other.program, other.rect)


def split_plan(plan: Plan) -> Parts:
    """Split the plan of a Type action with `clear`: its click, the chord that selects, and what is typed."""
    start = next(at for at, event in enumerate(plan) if isinstance(event, KeyEvent))
    held: set[str] = set()
    end = start
    for event in plan[start:]:
        if not isinstance(event, KeyEvent):
            break
        held ^= {event.key}
        end += 1
        if not held:
            break
    return Parts(plan[:start], plan[start:end], plan[end:])


def judge_selection(before: Frame, after: Frame, field: Field) -> Seen:
    """Return what a chord that selects text has done, by what has changed from `before` to `after` it."""
    if before.view != after.view:
        return "elsewhere"
    changed = difference(before, after).copy()
    for area in field.moving:
        changed[area.top : area.bottom, area.left : area.right] = False
    scale = after.scale
    found = _bounds(_wide(changed, round(_CARET * scale)))
    if found is None:
        caret = _bounds(changed)
        still = caret is None or (caret.width <= _CARET * scale and caret.height <= _LINE * scale)
        return "nothing" if still else "moved"
    if field.box is not None and _within(found, field.box.grown(round(_MARGIN * scale), after.size)):
        return "selected"
    if field.deleted:
        return "elsewhere"
    one_line, at = found.height <= _LINE * scale, _point(field.at, after)
    beside = at is None or found.top - _MARGIN * scale <= at.y <= found.bottom + _MARGIN * scale
    return "selected" if one_line and beside else "elsewhere"


def old_text_stays(before: Frame, after: Frame, box: FrameBox | None) -> bool:
    """Return whether what stood in a box still stands there, although its text was to be replaced."""
    if box is None or before.view != after.view:
        return False
    area = np.s_[box.top : box.bottom, box.left : box.right]
    was = before.pixels[area].reshape(-1, 3)
    if not len(was):
        return False
    colours, counts = np.unique(was, axis=0, return_counts=True)
    ink = (was != colours[counts.argmax()]).any(axis=1)
    changed = difference(before, after)[area].reshape(-1)
    return bool(ink.sum() >= _LEAST_INK and (ink & changed).sum() < _OVERWRITTEN * ink.sum())


def _wide(changed: Mask, least: int) -> Mask:
    """Return the changed pixels that begin a run of at least so many in their row; a caret has none."""
    runs = changed.copy()
    for step in range(1, least):
        runs[:, :-step] &= changed[:, step:]
        runs[:, -step:] = False
    return runs


def _bounds(mask: Mask) -> FrameBox | None:
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    if not len(rows):
        return None
    return FrameBox(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _within(inner: FrameBox, outer: FrameBox) -> bool:
    across = outer.left <= inner.left and inner.right <= outer.right
    return across and outer.top <= inner.top and inner.bottom <= outer.bottom


def _point(at: DesktopPoint | None, frame: Frame) -> FramePoint | None:
    try:
        return None if at is None else desktop_to_frame(at, frame.view)
    except CoordinateError:
        return None


def _without_deleting(rest: Plan) -> Plan:
    """Return what is left of a plan without the key that deletes, as nothing is selected.

    Raises:
        TypingError: more than one key is left.
    """
    left = rest[2:]
    if len(left) > len(("down", "up")) or any(not isinstance(event, KeyEvent) for event in left):
        raise TypingError(_NOT_SELECTED)
    return left


def _only_selected(seen: Seen) -> Seen:
    if seen != "selected":
        raise TypingError(_ELSEWHERE)
    return seen
