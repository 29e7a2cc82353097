"""A call as a reply spells it: the tool's name, and the arguments before anything is checked."""

from dataclasses import dataclass

from qvl_agent.actions.parsing.strict_json import Value

__all__ = ["Call"]


@dataclass(frozen=True, slots=True)
class Call:
    """What a model wants called.

    Attributes:
        tool: the name beside the arguments: "computer_use", "midscene", or "" for a bare object.
        arguments: unchecked.
        end: where the call ends in the text; 0 if it came out of a JSON value.
    """

    tool: str
    arguments: dict[str, Value]
    end: int = 0
