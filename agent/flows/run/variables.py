"""The values of a flow's variables: what is given, else their defaults."""

from collections.abc import Mapping
from typing import Any

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.script.flow import Flow

__all__ = ["given"]


def given(flow: Flow, values: Mapping[str, Any], how: str) -> dict[str, Any]:
    """Return the values of a flow's variables.

    Args:
        flow: the flow.
        values: what is given.
        how: how one is given, with `{name}` in it, for the message.

    Raises:
        FlowError: one isn't the flow's, isn't one of its choices, or is missing.
    """
    if unknown := sorted(values.keys() - flow.variables.keys()):
        known = ", ".join(flow.variables) or "none"
        raise FlowError(f"the flow has no variable {unknown[0]!r}; its variables: {known}")
    found: dict[str, Any] = {}
    for name, variable in flow.variables.items():
        value = values.get(name, variable.default)
        if value is None:
            raise FlowError(f"the variable {name!r} has no value; give it with {how.format(name=name)}")
        if variable.one_of and value not in variable.one_of and str(value) not in map(str, variable.one_of):
            choices = ", ".join(map(str, variable.one_of))
            raise FlowError(f"the variable {name!r} is one of {choices}, not {value!r}")
        found[name] = value
    return found
