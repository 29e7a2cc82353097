"""The steps of a flow in the making: what was done, its targets by name, and whether it has a consequence."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.consequence import consequence
from qvl_agent.actions.planning import action as actions
from qvl_agent.actions.reading.target_text import TargetText
from qvl_agent.agent.flows.compile.fields import Act
from qvl_agent.agent.flows.compile.literals import Literals
from qvl_agent.agent.flows.compile.naming import Named, name_area, name_target
from qvl_agent.agent.flows.compile.screens import Screens, inside
from qvl_agent.agent.flows.script.steps import ActingStep, Click, Drag, Hover, Input, Press, Scroll, Type
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.recording.recording import Recording

__all__ = ["Made", "commonest", "made_of", "step_of", "words_of"]


@dataclass(frozen=True, slots=True)
class Made:
    """A step in the making.

    Attributes:
        act: what was done.
        places: its targets by name: none, one, or two for a drag.
        once: it sends, pays, deletes or the like.
    """

    act: Act
    places: tuple[Named, ...]
    once: bool = False

    @property
    def action(self) -> actions.Action:
        return self.act.kept.moment.action

    @property
    def window(self) -> WindowInfo | None:
        return self.act.kept.moment.window

    @property
    def label(self) -> str:
        """The words for its first target; for a typing its field's label, or else the model's."""
        return words_of(self.places[0].target) if self.places else self.action.label


def made_of(recording: Recording, screens: Screens, act: Act) -> Made:
    """Name an act's targets; a scroll's is a text in what is scrolled.

    Raises:
        ReadingError: the reader failed.
    """
    places = _places(screens, act)
    return Made(act, places, _has_consequence(recording, screens, act, places))


def _places(screens: Screens, act: Act) -> tuple[Named, ...]:
    moment = act.kept.moment
    if isinstance(moment.action, actions.Type):
        return (act.field,) if act.field else ()
    if isinstance(moment.action, actions.Scroll) and moment.boxes:
        area = name_area(screens, moment.screen, moment.window, moment.boxes[0])
        if area is not None:
            return (area,)
    windows = (*moment.windows, *([None] * len(moment.boxes)))
    return tuple(
        name_target(screens, moment.screen, window, box, moment.action.label)
        for box, window in zip(moment.boxes, windows, strict=False)
    )


def _has_consequence(recording: Recording, screens: Screens, act: Act, places: Sequence[Named]) -> bool:
    """Return whether an act sends, pays, deletes or the like, whether or not the task asked for it."""
    intent = recording.steps[act.kept.moment.index].intent
    if intent.verdict is not None and intent.verdict.rule.startswith("consequence-"):
        return True
    if intent.scene is None or intent.action is None:
        return False
    texts = intent.scene.texts or tuple(
        TargetText(place.box, True, inside(screens.texts(place.screen), place.box)) for place in places
    )
    scene = replace(intent.scene, asked_for=frozenset(), granted=frozenset(), texts=texts)
    return consequence(Case(intent.action, intent.plan, scene, Policy())) is not None


def step_of(
    one: Made, targets: Sequence[Target], literals: Literals, until: Target | None = None
) -> ActingStep | None:
    """Return a step without its postcondition; None if a flow has none of its kind.

    Args:
        one: the step in the making.
        targets: its targets as the flow writes them.
        literals: what was typed.
        until: what a scroll goes on for.
    """
    action = one.action
    match action:
        case actions.Click():
            keys = "+".join(action.modifiers) or None
            return Click(click=targets[0], button=action.button, count=action.count, keys=keys)
        case actions.Move():
            return Hover(hover=targets[0])
        case actions.Drag(button="left", modifiers=()):
            return Drag(drag=Drag.Way(from_=targets[0], to=targets[1]))
        case actions.Type():
            text = literals.put_in_typed(action.text)
            into = targets[0] if targets else None
            lines = "\n" in action.text
            return Type(
                type=Input(text=text, into=into, clear=one.act.clear, enter=action.enter, lines=lines)
            )
        case actions.Press():
            return Press(press="+".join(action.keys), count=action.count)
        case actions.Scroll(modifiers=()):
            over = targets[0] if targets else None
            return Scroll(scroll=Scroll.Way(over=over, down=action.dy, right=action.dx, until=until))
        case _:
            return None


def commonest(windows: Sequence[WindowInfo | None]) -> WindowInfo | None:
    """Return the window with most steps in it; dialogs and pop-ups only if there is no other."""
    known = [window for window in windows if window is not None]
    plain = [one for one in known if one.dialog is None and one.title != one.app] or known
    titles = Counter(window.title for window in plain)
    return max(plain, key=lambda window: titles[window.title], default=None)


def words_of(target: Target) -> str:
    """Return the words that a target is known by; "" if it has only a place."""
    return target.text or target.near or ""
