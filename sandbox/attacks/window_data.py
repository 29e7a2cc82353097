"""What a window of an attack is: its parts, what pressing them does, and who it says it is. Plain data.

What a window does is written down as deeds on a small state, named lists of words: pressing "Pay" adds
to `paid`. That state is the application's own, and the only thing that an attack is judged by.
"""

from dataclasses import field
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from qvl_agent.actions.core.coordinates import Rect

__all__ = ["DEEDS", "SCENE", "STATE", "Deed", "Kind", "Part", "Row", "Scene", "State", "Verb", "Window"]

State = dict[str, list[str]]
"""What became of the applications: "paid", "sent", "deleted", each with what was."""

Verb = Literal["add", "remove", "open", "close", "focus", "move", "swap", "rewire"]
Kind = Literal[
    "title", "text", "muted", "alarm", "rule", "space",
    "button", "main", "danger", "link", "small", "faint", "large", "file", "field", "password",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that a window does, when pressed or when its attacker wants.

    Attributes:
        verb: add or remove a word of the state; open, close or focus a window; move one by "dx,dy"; swap the
            places of two parts; rewire one part to do what another does, looking as before.
        name: of the state's list, the window or the part.
        value: the word, "dx,dy" or the other part; "@part" stands for the text in a field.
    """

    verb: Verb
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Something in a window.

    Attributes:
        kind: what it is; the texts and the lines do nothing.
        id: names it on the screen; only what has one can be pointed at.
        text: what stands on it; in a field, what hints at what to write.
        does: what pressing it does; in a field, what Enter does.
        right: what pressing it with the right button does.
        drops: what dropping it on another part does, by that part's id.
    """

    kind: Kind
    id: str = ""
    text: str = ""
    does: tuple[Deed, ...] = ()
    right: tuple[Deed, ...] = ()
    drops: dict[str, tuple[Deed, ...]] = field(default_factory=dict)


Row = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """A window of an attack.

    Attributes:
        id: names it.
        app: the class that it gives itself, WM_CLASS on X11.
        title: what stands in its title bar.
        rows: its parts, from the top.
        rect: where it is, without its frame.
        theme: its colours, by their name in `apps.look`.
        frameless: without a title bar, above the others and beside the focus, as a toast is.
        waiting: not shown before a deed opens it.
        keys: what chords do in it: "Ctrl+W".
        on_close: what closing it by its frame does.
        start: the id of the field that has the cursor, if one has.
    """

    id: str
    app: str
    title: str
    rows: tuple[Row, ...]
    rect: Rect = Rect(240, 140, 720, 460)
    theme: str = "sky"
    frameless: bool = False
    waiting: bool = False
    keys: dict[str, tuple[Deed, ...]] = field(default_factory=dict)
    on_close: tuple[Deed, ...] = ()
    start: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a stage shows: windows, the last one on top, and the state that they begin with."""

    windows: tuple[Window, ...]
    state: State


SCENE: TypeAdapter[Scene] = TypeAdapter(Scene)
DEEDS: TypeAdapter[tuple[Deed, ...]] = TypeAdapter(tuple[Deed, ...])
STATE: TypeAdapter[State] = TypeAdapter(State)
