"""The reply formats ("dialects"): a module each, with a reader for each action's name.

The formats that the prompts ask for have a writer too.
"""

from collections.abc import Callable, Mapping
from typing import Final

from qvl_agent.actions.parsing.dialects import computer_use, grounded
from qvl_agent.actions.parsing.dialects.computer_use import as_points
from qvl_agent.actions.planning.action import Action

__all__ = ["DIALECTS", "as_points", "format_action"]

_WRITERS: Final[Mapping[str, Callable[[Action], str]]] = {
    "grounded": grounded.write,
    "computer_use": computer_use.write,
}
DIALECTS: Final = tuple(_WRITERS)
"""The formats that the prompts ask for; `prompts` has a `system_<dialect>` for each."""


def format_action(action: Action, dialect: str) -> str:
    """Write an action as a model answers it; `parse_action` reads the same action from the text.

    Raises:
        ValueError: there is no such dialect, or it can't express this action: see each `write`.
    """
    try:
        writer = _WRITERS[dialect]
    except KeyError:
        raise ValueError(f"No dialect {dialect!r}; choose {' or '.join(DIALECTS)}.") from None
    return writer(action)
