"""Single steps: the oracle acts, and at each of its steps another model is asked for the same."""

from collections.abc import Sequence
from typing import Any

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox, View, model_to_desktop
from qvl_agent.actions.core.errors import CoordinateError, ModelError, ParseError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.parsing.reply import parse_action, read_reply
from qvl_agent.actions.planning.action import POINTING, Action, Drag, Scroll, Type
from qvl_agent.agent.models import Model, OnText
from qvl_agent.sandbox.apps.protocol import PASSIVE, Tree
from qvl_agent.sandbox.nano.making.evaluation.figures import Step
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import Sandbox

__all__ = ["Beside", "compared", "struck"]

_WORDS = {"label", "intent", "summary", "reason", "seconds"}
"""What two replies may say differently and still do the same."""
_END_OFF = 4
"""How far a drag's ends may lie apart, of the grid's 1000: less than half a step of the sandbox's sliders."""


class Beside:
    """The oracle, with another model asked beside it over the same conversation and screen.

    Attributes:
        steps: what the other one said to each.
    """

    def __init__(self, asked: Model, sandbox: Sandbox) -> None:
        self.name = "oracle"
        self.steps: list[Step] = []
        self._asked, self._sandbox, self._oracle = asked, sandbox, Oracle(sandbox)

    def reply(self, messages: Sequence[Message], *, stop: StopCheck, on_text: OnText | None = None) -> Reply:
        """Ask both, and answer as the oracle does."""
        try:
            said: Reply | ModelError = self._asked.reply(messages, stop=stop)
        except ModelError as error:
            said = error
        tree = self._sandbox.tree()
        wanted = self._oracle.reply(messages, stop=stop, on_text=on_text)
        view = next(message.pictures[-1].view for message in reversed(messages) if message.pictures)
        aimed = self._oracle.target_ids[-1]
        self.steps.append(compared(wanted.text, said, aimed[0] if aimed else "", tree, view))
        return wanted

    def close(self) -> None:
        """Do nothing: the model is its owner's to close."""


def compared(wanted: str, said: Reply | ModelError, aimed: str, tree: Tree, view: View) -> Step:
    """Compare a reply with the oracle's.

    Args:
        wanted: the oracle's reply.
        said: the other one, or why there is none.
        aimed: the id of the node that the oracle would press on; "" where it presses on none.
        tree: what is on the screen.
        view: the picture that both point in.
    """
    right = parse_action(wanted)
    hit = None if _target(right) is None else False
    text = said.text if isinstance(said, Reply) else ""
    try:
        if isinstance(said, ModelError):
            raise said
        action = read_reply(said)
    except (ParseError, CoordinateError, ModelError) as error:
        return Step(wanted=wanted, action=right.kind, said=text, error=str(error), hit=hit)
    if hit is not None:
        hit = _hits(action, right, aimed, tree, view)
    return Step(
        wanted=wanted,
        action=right.kind,
        said=text,
        same_kind=action.kind == right.kind,
        hit=hit,
        same=hit is not False and _does(action) == _does(right) and _ends(action, right),
    )


def struck(tree: Tree, point: DesktopPoint) -> str:
    """Name what a click at a point would hit: the smallest node there that takes clicks; "" for none."""
    there = [node for node in tree.nodes if node.role not in PASSIVE and point in node.rect]
    return min(there, key=lambda node: node.rect.width * node.rect.height).id if there else ""


def _hits(action: Action, right: Action, aimed: str, tree: Tree, view: View) -> bool:
    target, wanted = _target(action), _target(right)
    if target is None or wanted is None:
        return False
    point = model_to_desktop(target.centre, view)
    if aimed:
        return struck(tree, point) == aimed
    middle = target.centre  # a scroll or a zoom: anywhere in what the oracle names will do
    return wanted.x1 <= middle.x <= wanted.x2 and wanted.y1 <= middle.y <= wanted.y2


def _target(action: Action) -> ModelBox | None:
    return action.target if isinstance(action, (*POINTING, Type)) else None


def _ends(action: Action, right: Action) -> bool:
    """Whether two drags end at the same value; other actions have no end."""
    if not (isinstance(action, Drag) and isinstance(right, Drag)):
        return True
    return abs(action.end.centre.x - right.end.centre.x) <= _END_OFF


def _does(action: Action) -> dict[str, Any]:
    """What an action does, but for where: of a scroll the direction alone."""
    does = action.model_dump(exclude=_WORDS | {"target", "end"})
    if isinstance(action, Scroll):
        does |= {"dx": (action.dx > 0) - (action.dx < 0), "dy": (action.dy > 0) - (action.dy < 0)}
    return does
