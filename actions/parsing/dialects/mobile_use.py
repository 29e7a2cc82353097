"""Qwen's tool call for phones, which some models fall back to; read where a desktop has the same action.

Its clicks and swipes are refused: models were trained on this format in pixels (Qwen2.5-VL) as well as
on a grid (Qwen3-VL), and a number below 1000 doesn't show which of the two it is.
"""

from collections.abc import Mapping
from typing import Final

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects import computer_use, grounded
from qvl_agent.actions.parsing.dialects.arguments import Arguments
from qvl_agent.actions.parsing.dialects.grounded import Reader
from qvl_agent.actions.planning.action import Action, Press

__all__ = ["READERS"]

_REMEDIES: Final[Mapping[str, str]] = {
    "click": "click in the format described, on the 0-1000 grid",
    "long_press": "right-click in the format described",
    "swipe": "scroll or drag in the format described",
    "key": "press a key of the keyboard in the format described",
    "open": "click what opens it",
}


def _refused(args: Arguments) -> Action:
    raise ParseError(
        f"Expected an action of a desktop, got mobile_use {args.action}, which is for phones; "
        f"{_REMEDIES[args.action]}."
    )


def _system_button(args: Arguments) -> Action:
    args.choice("button", {"enter": "enter"})
    return Press(keys=("enter",), label=args.label, intent=args.intent)


READERS: Final[Mapping[str, Reader]] = {
    **dict.fromkeys(_REMEDIES, _refused),
    "type": grounded.READERS["type"],
    "system_button": _system_button,
    "wait": computer_use.READERS["wait"],
    "answer": grounded.READERS["answer"],
    "interact": computer_use.READERS["interact"],
    "terminate": computer_use.terminate,
}
