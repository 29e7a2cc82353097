"""What may change between the model's look and the input: windows, dialogs, lists, the focus. Real ones."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from living_window import PLAIN, Living, Rectangle
from Xlib import X
from Xlib.display import Display

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.sandbox.display import VirtualDisplay

_MAIN_AT: Final = (120, 90)
_OTHER_AT: Final = (650, 420)
_SEEN_S: Final = 3.0
_POLL_S: Final = 0.004
_TIP: Final = (110, 24)
_FAINT: Final = "#d9dce0"
"""One step from the window's own colour, in one of three channels."""


class Scene:
    """Two programs on a display, and eyes of their own to see that what was asked for stands; a context."""

    def __init__(
        self, display: VirtualDisplay, desktop: X11Desktop, main: str, other: str, dice: random.Random
    ) -> None:
        self.dice = dice
        self.places: dict[str, Rectangle] = {}
        self._display, self._desktop = display, desktop
        self._kinds = main, other
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        environment = self._display.environment()
        self.eyes = Display(self._display.name)
        self._stack.callback(self.eyes.close)
        self.other = self._stack.enter_context(Living(self._kinds[1], environment, at=_OTHER_AT))
        self.main = self._stack.enter_context(Living(self._kinds[0], environment, at=_MAIN_AT))
        self.thief = self._make_thief()
        self.ghost = self._make_ghost()
        self.rest()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _make_thief(self) -> Any:
        screen = self.eyes.screen()
        return screen.root.create_window(
            *(1100, 700, 120, 40, 0, X.CopyFromParent), override_redirect=True, background_pixel=0x777777
        )

    def _make_ghost(self) -> Any:
        """A window that can't be seen, and takes the clicks."""
        screen = self.eyes.screen()
        return screen.root.create_window(
            *(0, 0, 300, 200, 0, 0), X.InputOnly, X.CopyFromParent, override_redirect=True
        )

    def play(self, *, on: bool) -> None:
        self.main.do("play", on=on)

    def rest(self) -> None:
        """Everything as it is at first, and still."""
        self.thief.unmap()
        self.ghost.unmap()
        self.eyes.sync()
        self.other.do("gone")
        self.main.do("gone")
        self.main.do("move", x=_MAIN_AT[0], y=_MAIN_AT[1])
        self.main.do("scroll", row=10)
        self.main.do("focus")
        self.main.do("play", on=False)
        time.sleep(0.1)
        self.still()
        self.places = self.main.do("places")

    def still(self) -> None:
        """Wait until the screen is the same for a while, but for a caret."""
        deadline, last, since = time.monotonic() + _SEEN_S, self._desktop.grab(), time.monotonic()
        while time.monotonic() - since < 0.15 and time.monotonic() < deadline:
            time.sleep(0.02)
            now = self._desktop.grab()
            if np.count_nonzero((now.pixels != last.pixels).any(axis=2)) > 100:
                since = time.monotonic()
            last = now

    def centre(self, part: str) -> tuple[int, int]:
        left, top, width, height = self.places[part]
        return left + width // 2, top + height // 2

    def top_at(self, part: str) -> int:
        """Which window of the root's is on top at a part's middle."""
        root = self.eyes.screen().root
        child = root.translate_coords(root, *self.centre(part)).child
        return int(child.id) if child else 0

    def focus(self) -> int:
        focus = self.eyes.get_input_focus().focus
        return focus if isinstance(focus, int) else int(focus.id)

    def until(self, holds: Callable[[], bool]) -> bool:
        """Wait until something is so; False if it never is."""
        deadline = time.monotonic() + _SEEN_S
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def differs(self, frame: Frame, at: Rectangle) -> bool:
        """Whether a place looks otherwise than in a frame."""
        left, top, width, height = at
        before = frame.crop(FrameBox(left, top, left + width, top + height)).pixels
        after = self._desktop.grab().crop(FrameBox(left, top, left + width, top + height)).pixels
        return not np.array_equal(before, after)

    def around(self, part: str, width: int, height: int) -> Rectangle:
        """A place of that size whose middle is nearly a part's."""
        x, y = self.centre(part)
        return [
            x - width // 2 + self.dice.randint(-width // 4, width // 4),
            y - height // 2 + self.dice.randint(-height // 4, height // 4),
            width,
            height,
        ]


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    Attributes:
        part: what is clicked; "" to type where the focus is.
        begin: brings it about.
        stands: whether it is on the screen, of the frame that was seen before.
        before: what must stand before the model looks.
    """

    name: str
    part: str
    begin: Callable[[Scene], None]
    stands: Callable[[Scene, Frame], bool]
    before: Callable[[Scene], None] = lambda _: None

    def prepare(self, scene: Scene) -> None:
        self.before(scene)

    def happen(self, scene: Scene, frame: Frame) -> bool:
        """Let it come about, and say whether it did."""
        self.begin(scene)
        return scene.until(lambda: self.stands(scene, frame))

    def undo(self, scene: Scene) -> None:
        scene.rest()


def _over(part: str, size: tuple[int, int], *, by: str, managed: bool, colour: str, text: str) -> Change:
    kind = f"{'a window' if managed else 'a pop-up'} of {size[0]}x{size[1]}"
    looks = {"#ffffcc": "", PLAIN: ", in the same colour", _FAINT: ", in nearly the same colour"}[colour]
    whose = "another program" if by == "other" else "the program itself"

    def begin(scene: Scene) -> None:
        source = scene.other if by == "other" else scene.main
        source.do("over", at=scene.around(part, *size), colour=colour, managed=managed, text=text)

    def stands(scene: Scene, frame: Frame) -> bool:
        here = scene.places[part]
        return _top_changed(part)(scene, frame) if colour == PLAIN else scene.differs(frame, here)

    return Change(f"{kind} over it, by {whose}{looks}", part, begin, stands, _remember_top(part))


_top_before: dict[Scene, int] = {}
_focus_before: dict[Scene, int] = {}
_DIALOG_AT: Final = [300, 300]


def _dialog_before(scene: Scene) -> None:
    scene.main.do("dialog", at=_DIALOG_AT, text="Keep the file?")
    time.sleep(0.15)
    scene.still()
    scene.places = scene.main.do("places")


def _swap(scene: Scene) -> None:
    scene.main.do("dialog", at=_DIALOG_AT, text="Delete all files for good?")


def _reword(scene: Scene) -> None:
    scene.main.do("reword", text="Delete all files for good?")


def _scrolled(scene: Scene) -> None:
    scene.main.do("scroll", row=10 + scene.dice.randint(1, 60))


def _moved(scene: Scene) -> None:
    x, y = (at + scene.dice.choice((-1, 1)) * scene.dice.randint(12, 80) for at in _MAIN_AT)
    scene.main.do("move", x=x, y=y)


def _steal(by: str) -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        source = scene.other if by == "other" else scene.main
        at = [scene.dice.randint(760, 1000), scene.dice.randint(20, 200), 130, 40]
        source.do("over", at=at, colour="#ffffcc", managed=True, text="x")

    return begin


def _grasp(scene: Scene) -> None:
    """A window that no window manager knows takes the keys."""
    scene.thief.map()
    scene.eyes.sync()
    scene.thief.set_input_focus(X.RevertToParent, X.CurrentTime)
    scene.eyes.sync()


def _haunt(scene: Scene) -> None:
    left, top, _, _ = scene.around("one", 300, 200)
    scene.ghost.configure(x=left, y=top, stack_mode=X.Above)
    scene.ghost.map()
    scene.eyes.sync()


def _top_changed(part: str) -> Callable[[Scene, Frame], bool]:
    return lambda scene, _: scene.top_at(part) != _top_before[scene]


def _remember_top(part: str) -> Callable[[Scene], None]:
    def remember(scene: Scene) -> None:
        _top_before[scene] = scene.top_at(part)

    return remember


def _refocus(scene: Scene) -> None:
    scene.other.do("focus")


def _remember_focus(scene: Scene) -> None:
    _focus_before[scene] = scene.focus()


def _focus_moved(scene: Scene, _: Frame) -> bool:
    return scene.focus() not in (_focus_before[scene], X.PointerRoot, X.NONE)


def _looks_other(part: str) -> Callable[[Scene, Frame], bool]:
    return lambda scene, frame: scene.differs(frame, scene.places[part])


_LIST: Final = (
    *(
        _over(part, size, by=by, managed=managed, colour="#ffffcc", text="Hello")
        for part, size, managed in (
            ("save", (260, 140), True),
            ("next", (260, 140), False),
            ("two", _TIP, False),
        )
        for by in ("other", "main")
    ),
    *(
        _over("plain", size, by=by, managed=managed, colour=colour, text="")
        for size, managed in (((170, 100), True), (_TIP, False))
        for by in ("other", "main")
        for colour in (_FAINT, PLAIN)
    ),
    Change(
        "a dialog gives way to another at its place", "ok", _swap, _looks_other("message"), _dialog_before
    ),
    Change("a dialog says something else", "ok", _reword, _looks_other("message"), _dialog_before),
    Change(
        "a window that can't be seen comes over it", "one", _haunt, _top_changed("one"), _remember_top("one")
    ),
    Change("a list is scrolled", "list", _scrolled, _looks_other("list")),
    Change("the window is moved", "one", _moved, _looks_other("one")),
    Change(
        "the focus goes to another program's new window", "", _steal("other"), _focus_moved, _remember_focus
    ),
    Change(
        "the focus goes to the same program's new window", "", _steal("main"), _focus_moved, _remember_focus
    ),
    Change("the focus goes to a window that was there", "", _refocus, _focus_moved, _remember_focus),
    Change("the focus goes to a window of no window manager", "", _grasp, _focus_moved, _remember_focus),
)
CHANGES: Final[dict[str, Change]] = {change.name: change for change in _LIST}
