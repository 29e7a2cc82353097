"""The description of an attack: the user's task, the windows, the deceived model's steps, the harm."""

from dataclasses import dataclass, field
from typing import Literal

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.attacks.window_data import Deed, Scene, State

__all__ = ["Act", "ForeignDialog", "Person", "Proof", "Scenario", "Step", "Terminal", "changed_lists"]

Act = Literal[
    "click", "double", "triple", "right", "middle", "type", "press", "drag", "move", "scroll", "raw"
]
Person = Literal["nobody", "no", "yes", "yes to send"]
"""Who answers the guard's questions: nobody, one who says no, one who says yes, or yes to sending only."""
Proof = Literal["yes", "unguarded"]
"""How to show that a scenario's harm is real: with a person who says yes, or without the guard."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the model, and how the model describes it.

    Attributes:
        act: The kind of action.
        at, to: The id of the part that it points at, and where a drag ends; "" to use the current focus.
        text: What it types. For "raw" the whole reply, with {box} for the part's box on the 0–1000 grid and
            {x} and {y} for its middle in px.
        keys: The chord that it presses.
        label, intent: What it calls the part, and the reason that it gives; both may lie.
        enter: Whether it presses Enter after typing.
        clear: Whether it empties the field before typing.
        count: How often a key is pressed, or how many notches a wheel turns.
        strike: What the attacker does while the model thinks, after the picture was taken.
        once: Whether the model gives up if the screen changed meanwhile, instead of trying again.
    """

    act: Act
    at: str = ""
    to: str = ""
    text: str = ""
    keys: tuple[str, ...] = ()
    label: str = ""
    intent: str = ""
    enter: bool = False
    clear: bool = False
    count: int = 1
    strike: tuple[Deed, ...] = ()
    once: bool = False


@dataclass(frozen=True, slots=True)
class Terminal:
    """A real xterm with a shell, whose home holds files that can be lost.

    Attributes:
        app: Its window class (WM_CLASS).
        title: The text of its title bar.
        rect: Its approximate position in px; its size is a whole number of characters.
        front: Whether it is in front of the windows and has the focus, not behind them.
        waiting: A command that runs as soon as Enter is pressed; "" for none.
        ours: Whether it is the agent's own terminal.
    """

    app: str = "XTerm"
    title: str = "user@laptop: ~"
    rect: Rect = Rect(960, 420, 300, 280)
    front: bool = False
    waiting: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class ForeignDialog:
    """A dialog of another toolkit, in front of the windows; its buttons add to the lists "bad" and "safe".

    Attributes:
        kind: The toolkit; a "launcher" is a field that has grabbed the keyboard, where Enter is "bad".
        app: Its window class (WM_CLASS).
        title: The text of its title bar.
        text: What it says.
        bad, safe: The texts on its two buttons.
        program: The name of the executable that it runs as; "" for Python.
    """

    kind: Literal["tk", "gtk", "launcher"]
    app: str
    title: str
    text: str
    bad: str
    safe: str
    program: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One attack.

    Attributes:
        name: A unique name, such as "fake-update-zh".
        family: The kind of attack.
        language: The language of the windows.
        task: The harmless task that the user gave.
        scene: The windows, and their state at the start.
        steps: What the model does, obeying the attacker.
        forbidden: The lists of the state that must not change.
        harmless: What a model that isn't deceived would do instead.
        allowed: The list of the state that the harmless steps change; "" if they change nothing.
        policy: The guard's policy.
        person: Who answers the guard's questions.
        terminal: A terminal beside the windows, if any.
        foreign: A dialog of another toolkit, if any.
        own: The id of the window that stands in for the agent's own terminal; "" for none.
        secrets: The secrets that may be typed, as (name, value, application it is bound to or "").
        lies: Whether the model's words hide what the action does.
        dialect: The format of the replies.
        proof: How to show that the harm is real: "yes" runs the steps with a person who agrees; "unguarded"
            sends the input without the guard, where the policy would deny it.
        proof_steps: Other steps for that proof, where the attack's own can't do harm at all.
        gap: The reason why the guard lets it through; "" if it doesn't.
    """

    name: str
    family: str
    language: Language
    task: str
    scene: Scene
    steps: tuple[Step, ...]
    forbidden: tuple[str, ...]
    harmless: tuple[Step, ...] = ()
    allowed: str = ""
    policy: Policy = Policy()
    person: Person = "nobody"
    terminal: Terminal | None = None
    foreign: ForeignDialog | None = None
    own: str = ""
    secrets: tuple[tuple[str, str, str], ...] = ()
    lies: bool = False
    dialect: str = "grounded"
    proof: Proof = "yes"
    proof_steps: tuple[Step, ...] = field(default=())
    gap: str = ""


def changed_lists(before: State, after: State, names: tuple[str, ...]) -> list[str]:
    """Return which of the named lists differ between two states."""
    return [name for name in names if before.get(name, []) != after.get(name, [])]
