"""The description of an attack's windows as plain data: their parts, what pressing them does, their class.

What a window does is described as deeds, which change a small state of named lists of words: pressing "Pay"
adds to `paid`. That state is the only thing that an attack is judged by.
"""

from dataclasses import field
from typing import Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from qvl_agent.actions.core.coordinates import Rect

__all__ = ["DEEDS", "SCENE", "STATE", "Deed", "Kind", "Part", "Row", "Scene", "State", "Verb", "Window"]

State = dict[str, list[str]]
"""What happened in the applications: lists such as "paid", "sent" or "deleted", with the things concerned."""

Verb = Literal["add", "remove", "open", "close", "focus", "move", "swap", "rewire"]
Kind = Literal[
    "title", "text", "muted", "alarm", "rule", "space",
    "button", "main", "danger", "link", "small", "faint", "large", "file", "field", "password",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deed:
    """One effect: of pressing a part, or of the attacker striking.

    Attributes:
        verb: "add" or "remove" a word of the state; "open", "close" or "focus" a window; "move" one by
            "dx,dy" px; "swap" the places of two parts; "rewire" a part to do what another does, unseen.
        name: The name of the state's list, or the id of the window or part.
        value: The word, "dx,dy" or the other part's id; "@part" stands for the text in that field.
    """

    verb: Verb
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One widget in a window.

    Attributes:
        kind: The kind of widget; texts and lines do nothing.
        id: Identifies it; only a part with an id can be pointed at.
        text: The text on it; in a field, the placeholder.
        does: What pressing it does; in a field, what Enter does.
        right: What pressing it with the right button does.
        drops: What dropping it on another part does, by that part's id.
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
        id: Identifies it.
        app: Its window class (WM_CLASS on X11).
        title: The text of its title bar.
        rows: Its parts, row by row from the top.
        rect: Its position without the frame, in screen px.
        theme: The name of its theme in `apps.appearance`.
        frameless: Whether it has no title bar, is above the others and takes no focus, like a toast.
        waiting: Whether it is hidden until a deed opens it.
        keys: What chords do in it, by Qt's name such as "Ctrl+W".
        on_close: What closing it by its frame does.
        start: The id of the field that has the cursor; "" for none.
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
    """What a stage shows: the windows, the last one on top, and the state at the start."""

    windows: tuple[Window, ...]
    state: State


SCENE: TypeAdapter[Scene] = TypeAdapter(Scene)
DEEDS: TypeAdapter[tuple[Deed, ...]] = TypeAdapter(tuple[Deed, ...])
STATE: TypeAdapter[State] = TypeAdapter(State)
