"""Compare a model with the oracle step by step: the oracle acts, and the model is asked at each step too."""

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

__all__ = ["ComparingOracle", "clicked_node", "compare_replies"]

_WORDS = {"label", "intent", "summary", "reason", "seconds"}
"""The fields in which two replies may differ and still do the same."""
_END_TOLERANCE = 4
"""How far apart two drags may end on the 0–1000 grid: less than half a step of the sandbox's sliders."""


class ComparingOracle(Model):
    """The oracle as a model, which also asks another model for a reply to the same conversation and screen.

    Attributes:
        name: "oracle".
        steps: The other model's replies, compared with the oracle's.
    """

    def __init__(self, asked: Model, sandbox: Sandbox) -> None:
        self.name = "oracle"
        self.steps: list[Step] = []
        self._asked, self._sandbox, self._oracle = asked, sandbox, Oracle(sandbox)

    def reply(self, messages: Sequence[Message], *, stop: StopCheck, on_text: OnText | None = None) -> Reply:
        """Ask both models, note the comparison, and return the oracle's reply."""
        try:
            said: Reply | ModelError = self._asked.reply(messages, stop=stop)
        except ModelError as error:
            said = error
        tree = self._sandbox.tree()
        wanted = self._oracle.reply(messages, stop=stop, on_text=on_text)
        view = next(message.pictures[-1].view for message in reversed(messages) if message.pictures)
        target_id = self._oracle.target_ids[-1]
        self.steps.append(compare_replies(wanted.text, said, target_id[0] if target_id else "", tree, view))
        return wanted

    def close(self) -> None:
        """Do nothing: whoever opened the model closes it."""


def compare_replies(wanted: str, said: Reply | ModelError, target_id: str, tree: Tree, view: View) -> Step:
    """Compare a reply with the oracle's.

    Args:
        wanted: The oracle's reply.
        said: The other reply, or the error if there is none.
        target_id: The id of the node that the oracle presses; "" if it presses none.
        tree: The widgets on the screen.
        view: The picture in which both point.
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
        hit = _hits(action, right, target_id, tree, view)
    return Step(
        wanted=wanted,
        action=right.kind,
        said=text,
        same_kind=action.kind == right.kind,
        hit=hit,
        same=hit is not False and _effect(action) == _effect(right) and _same_end(action, right),
    )


def clicked_node(tree: Tree, point: DesktopPoint) -> str:
    """Return the id of the node that a click would hit: the smallest that takes clicks; "" for none."""
    there = [node for node in tree.nodes if node.role not in PASSIVE and point in node.rect]
    return min(there, key=lambda node: node.rect.width * node.rect.height).id if there else ""


def _hits(action: Action, right: Action, target_id: str, tree: Tree, view: View) -> bool:
    target, wanted = _target(action), _target(right)
    if target is None or wanted is None:
        return False
    point = model_to_desktop(target.centre, view)
    if target_id:
        return clicked_node(tree, point) == target_id
    middle = target.centre  # a scroll or a zoom: anywhere in what the oracle names will do
    return wanted.x1 <= middle.x <= wanted.x2 and wanted.y1 <= middle.y <= wanted.y2


def _target(action: Action) -> ModelBox | None:
    return action.target if isinstance(action, (*POINTING, Type)) else None


def _same_end(action: Action, right: Action) -> bool:
    """Whether two drags end at the same value; True for other actions."""
    if not (isinstance(action, Drag) and isinstance(right, Drag)):
        return True
    return abs(action.end.centre.x - right.end.centre.x) <= _END_TOLERANCE


def _effect(action: Action) -> dict[str, Any]:
    """Return what an action does, without its place and words; of a scroll only the direction."""
    does = action.model_dump(exclude=_WORDS | {"target", "end"})
    if isinstance(action, Scroll):
        does |= {"dx": (action.dx > 0) - (action.dx < 0), "dy": (action.dy > 0) - (action.dy < 0)}
    return does
