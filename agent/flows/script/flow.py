"""A whole flow: what it is for, its variables and data, its steps."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from qvl_agent.agent.flows.script.steps import Step
from qvl_agent.agent.flows.script.targets import Name, Node, Text

__all__ = ["FORMAT", "Data", "Flow", "Handler", "Output", "Variable"]

FORMAT: Final = 1
"""The version of the format."""


class Handler(Node):
    """Steps that close something that may come at any time."""

    see: Text
    """Words by which it is known."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """The steps that close it."""
    at_most: Annotated[int, Field(ge=1, le=1000)] = 20
    """How often it may come in one item; then the item fails."""


class Data(Node):
    """The file with the rows that a flow goes over. In a file a text alone stands for `file`."""

    file: Text
    """CSV, Excel or JSON Lines, from the flow's folder; --data names another."""
    key: Text | None = None
    """The column whose value names an item; each is unique. Without it the rows are numbered."""
    sheet: Text | None = None
    """The sheet of an Excel file; by default the first."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value


class Output(Node):
    """The file that gets a line for each item: columns of the data, variables that were read, status."""

    file: Text
    """CSV, Excel or JSON Lines, in the flow's folder."""
    columns: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Names of columns or variables, and status, message, key, row, where."""


def _plain_value(value: Any) -> Any:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise ValueError("a variable's value is one text or number; write it without brackets")
    return value


Value = Annotated[str | int | float | bool | None, BeforeValidator(_plain_value)]


class Variable(Node):
    """A value that --set gives. In a file a text or number alone stands for `default`."""

    default: Value = None
    """Its value if --set gives none; without it --set has to."""
    about: Text | None = None
    """What it is for, in words."""
    one_of: tuple[Value, ...] = ()
    """The only values that it may have."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"default": value}


SecretName = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]


class Flow(Node):
    """A whole flow."""

    flow: Text
    """What it does, in words."""
    version: Literal[1] = FORMAT
    """The version of the format; needn't be written."""
    app: Text | None = None
    """The application's or the program's name; the search for targets stays in its windows."""
    window: Text | None = None
    """A part of its window's title."""
    variables: dict[Name, Variable] = Field(default_factory=dict)
    """Values by their names, which the steps use as ${name}; --set changes them."""
    data: Data | None = None
    """The file with the rows that for_each goes over."""
    secrets: tuple[SecretName, ...] = ()
    """The names of the secrets that it types, as {{secret:name}}."""
    aliases: dict[Text, tuple[Text, ...]] = Field(default_factory=dict)
    """Other words for the same target: translations, a new name."""
    on_popup: tuple[Handler, ...] = ()
    """What may come up at any time, and how it is closed."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """What is done, in this order."""
    output: Output | None = None
    """The file that gets a line for each row."""
