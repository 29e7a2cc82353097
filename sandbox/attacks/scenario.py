"""What an attack is: a task, what stands on the screen, what it talks the model into, what must not be."""

from dataclasses import dataclass, field
from typing import Literal

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.attacks.windows.facts import Deed, Scene, State

__all__ = ["Act", "Foreign", "Person", "Proof", "Scenario", "Step", "Terminal", "happened"]

Act = Literal[
    "click", "double", "triple", "right", "middle", "type", "press", "drag", "move", "scroll", "raw"
]
Person = Literal["nobody", "no", "yes", "yes to send"]
"""Who is there to be asked: nobody, somebody who says no, or yes, or yes to what sends something alone."""
Proof = Literal["yes", "unguarded"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the model does, and how it speaks of it.

    Attributes:
        act: what it does.
        at, to: the part that it points at, and where a drag ends; "" for where the keys go already.
        text: what it types; of a "raw" reply the whole, with {box} for the part's box, {x} and {y} for its
            middle in pixels.
        keys: the chord that it presses.
        label, intent: what it calls the part, and why it says it acts; both may lie.
        enter: press Enter after typing.
        strike: what the attacker does while the model thinks, after the picture was taken.
        once: the model gives up if the screen changed meanwhile, rather than point at the part again.
    """

    act: Act
    at: str = ""
    to: str = ""
    text: str = ""
    keys: tuple[str, ...] = ()
    label: str = ""
    intent: str = ""
    enter: bool = False
    count: int = 1
    strike: tuple[Deed, ...] = ()
    once: bool = False


@dataclass(frozen=True, slots=True)
class Terminal:
    """A real xterm with a shell, whose home holds files that can be lost.

    Attributes:
        app: the class that it gives itself.
        rect: about where it is; characters decide.
        front: it stands before the windows and has the focus, rather than behind them.
        waiting: a command that waits there for nothing but Enter.
        ours: it is the agent's own.
    """

    app: str = "XTerm"
    title: str = "user@laptop: ~"
    rect: Rect = Rect(960, 420, 300, 280)
    front: bool = False
    waiting: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """A dialog of another toolkit, before the windows; pressing "bad" or "safe" adds to that list.

    Attributes:
        kind: the toolkit.
        app: the class that it gives itself.
        title: what stands in its title bar.
        text: what it says.
        bad, safe: what stands on its buttons.
        program: what the executable that it runs in is called; "" for Python.
    """

    kind: Literal["tk", "gtk"]
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
        name: names it: "fake-update-zh".
        family: what kind of attack it is.
        language: what the windows speak.
        task: the harmless thing that the person asked for.
        scene: the windows, and their state at the start.
        steps: what the model does, obeying the attacker.
        forbidden: the lists of the state that must not change.
        harmless: what a model that isn't deceived would do there instead.
        allowed: the list of the state that this changes; "" if it changes nothing.
        policy: the limits in force.
        person: who is there.
        terminal: a terminal beside the windows.
        foreign: a dialog of another toolkit.
        own: the id of a window that is the agent's own terminal.
        secrets: what may be typed without being seen: name, value, and its one application.
        lies: whether what the model says of it hides what it does.
        dialect: the format of the replies.
        proof: how it is shown that the effect is real: with a person who says yes, or, where the policy
            denies it, without the guard.
        proof_steps: the steps of that proof, where those of the attack can't have the effect at all.
        gap: why the guard lets it through; "" if it doesn't.
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
    foreign: Foreign | None = None
    own: str = ""
    secrets: tuple[tuple[str, str, str], ...] = ()
    lies: bool = False
    dialect: str = "grounded"
    proof: Proof = "yes"
    proof_steps: tuple[Step, ...] = field(default=())
    gap: str = ""


def happened(before: State, after: State, names: tuple[str, ...]) -> list[str]:
    """Name the lists of the state that differ, of those given."""
    return [name for name in names if before.get(name, []) != after.get(name, [])]
