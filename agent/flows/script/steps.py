"""The steps of a flow: a class for each kind, named by the one key that a step has of its kind."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from qvl_agent.actions.planning.action import MAX_SCROLL, MAX_TEXT, MAX_WAIT_S, Button
from qvl_agent.agent.flows.script.targets import (
    DEFAULT_WITHIN_S,
    ONE_IS_MANY,
    Condition,
    Duration,
    Expectation,
    Name,
    Node,
    Target,
    Text,
    Then,
    duration_schema,
    seconds,
)

__all__ = [
    "MOST_USES",
    "STEP_CLASSES",
    "STEP_KINDS",
    "Acting",
    "ActingStep",
    "Ask",
    "Check",
    "Click",
    "Do",
    "Drag",
    "ForEach",
    "Hover",
    "Input",
    "NextItem",
    "Press",
    "Read",
    "Reject",
    "Retry",
    "Scroll",
    "Step",
    "Type",
    "Use",
    "Wait",
    "When",
    "While",
]


class _Step(Node):
    """What every step may have."""

    name: Text | None = None
    """What it does, in words, for the report."""


class Acting(_Step):
    """What every step that sends input may have."""

    once: bool = False
    """It must never be done twice: after an unknown fate its item is parked."""
    then: Then = ()
    """What has to be so afterwards."""
    within: Duration = DEFAULT_WITHIN_S
    """How long the target may take to appear."""


class Click(Acting):
    """Click a target."""

    click: Target
    """What is clicked."""
    button: Button = "left"
    """The mouse's button."""
    count: Annotated[int, Field(ge=1, le=3)] = 1
    """2 for a double click."""
    keys: Text | None = None
    """Keys that are held meanwhile: ctrl, shift."""


class Hover(Acting):
    """Put the pointer on a target."""

    hover: Target
    """Where the pointer goes."""


class Drag(Acting):
    """Press on a target, move to another and let go."""

    class Way(Node):
        """From where to where."""

        from_: Annotated[Target, Field(alias="from")]
        """What is dragged."""
        to: Target
        """Where it is let go."""

    drag: Way
    """What is dragged, and where to."""


class Input(Node):
    """A text, and the field that it goes into; without one, into the field with the focus."""

    text: Annotated[str, Field(max_length=MAX_TEXT)]
    """What is typed; ${…} is filled in, and {{secret:name}} is typed and never shown."""
    into: Target | None = None
    """The field."""
    clear: bool = False
    """Replace what stands in the field."""
    enter: bool = False
    """Press Enter afterwards."""
    lines: bool = False
    """The text may have line breaks, each of which presses Enter; without this they are refused."""


class Type(Acting):
    """Type a text."""

    type: Input
    """The text and its field."""


class Press(Acting):
    """Press a key or a chord: ctrl+s."""

    press: Text
    """A key's name, or several with + between."""
    count: Annotated[int, Field(ge=1, le=20)] = 1
    """How often."""


class Scroll(Acting):
    """Turn the wheel over a target, or where the pointer is."""

    class Way(Node):
        """Where, and how far."""

        over: Target | None = None
        """What is scrolled; without it what the pointer is on."""
        down: Annotated[int, Field(ge=-MAX_SCROLL, le=MAX_SCROLL)] = 0
        """Notches of the wheel; negative ones scroll up."""
        right: Annotated[int, Field(ge=-MAX_SCROLL, le=MAX_SCROLL)] = 0
        """Notches to the right; negative ones scroll to the left."""
        until: Target | None = None
        """Go on until this is found, as long as anything moves."""

        @model_validator(mode="after")
        def _turns(self) -> "Scroll.Way":
            if not self.down and not self.right:
                raise ValueError(
                    "it isn't said how far; give down or right in notches, negative ones for up or left"
                )
            return self

    scroll: Way
    """Where, and how far."""


ActingStep: TypeAlias = Click | Hover | Drag | Type | Press | Scroll
"""The steps that send input."""


class Wait(_Step):
    """Wait for something, or for a time."""

    wait: Annotated[
        Annotated[
            float,
            BeforeValidator(seconds),
            Field(ge=0, le=MAX_WAIT_S, allow_inf_nan=False),
            duration_schema(MAX_WAIT_S),
            Tag("time"),
        ]
        | Annotated[Expectation, Tag("expectation")],
        Discriminator(lambda value: "expectation" if isinstance(value, dict | Expectation) else "time"),
    ]
    """A time such as 2s, or what has to come, such as {see: "Ready"}."""


class Check(_Step):
    """Check that something is so; a soft check is noted, and the flow goes on."""

    check: Expectation
    """What has to be so."""
    soft: bool = False
    """Note it if it isn't so, and go on; the flow fails at its end."""


class Read(_Step):
    """Read a text from the screen into a variable."""

    class What(Node):
        """What is read, and into which variable."""

        near: Text | None = None
        """The words beside the text that is read."""
        target: Target | None = None
        """The target whose text is read."""
        as_: Annotated[Name, Field(alias="as")]
        """The variable that gets it."""
        pattern: Text | None = None
        """A regular expression; its first group, or all that it matches, is taken."""

        @model_validator(mode="after")
        def _somewhere(self) -> "Read.What":
            if (self.near is None) == (self.target is None):
                raise ValueError("what is read isn't named; give near or target, and not both")
            return self

    read: What
    """What is read, and into which variable."""


class When(_Step):
    """Do steps if something is so."""

    when: Condition
    """The condition: an expression, or what is to be seen."""
    steps: Annotated[tuple["Step", ...], Field(min_length=1)]
    """What is done if it is so."""
    else_: Annotated[tuple["Step", ...], Field(alias="else")] = ()
    """What is done if it isn't."""


class While(_Step):
    """Do steps as long as something is so."""

    while_: Annotated[Condition, Field(alias="while")]
    """The condition: an expression, or what is to be seen."""
    steps: Annotated[tuple["Step", ...], Field(min_length=1)]
    """What is done again and again."""
    at_most: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How often; then the step fails."""


class ForEach(_Step):
    """Do steps for each row of the data; with `in`, for each value of a list."""

    for_each: Name
    """The name that each row has in the steps: row.number is its column number."""
    in_: Annotated[Text | tuple[Any, ...] | None, Field(alias="in")] = None
    """An expression, or a list; without it the flow's data, each row an item of the queue."""
    steps: Annotated[tuple["Step", ...], Field(min_length=1)]
    """What is done for each."""
    on_error: tuple["Step", ...] = ()
    """Steps that bring the application back, after an item failed."""


class Retry(_Step):
    """Do steps again if they fail; nothing in them may be `once`."""

    retry: Annotated[int, Field(ge=1, le=20)]
    """How often it is tried again."""
    steps: Annotated[tuple["Step", ...], Field(min_length=1)]
    """What is tried."""
    pause: Duration = 1.0
    """How long it waits before each further try."""


MOST_USES: Final = 8
"""How many flows may use one another."""


class Use(_Step):
    """Do the steps of another flow, with variables of its own."""

    use: Text
    """The file, from this flow's folder."""
    with_: Annotated[dict[Name, Any], Field(alias="with")] = Field(default_factory=dict)
    """The values of the other flow's variables; it sees none of this one's."""


class Ask(_Step):
    """Ask the person, and keep the answer in a variable."""

    class Question(Node):
        """A question to the person; in a file a text alone stands for `question`."""

        question: Text
        """What is asked."""
        as_: Annotated[Name | None, Field(alias="as")] = None
        """The variable that gets the answer."""

        @model_validator(mode="before")
        @classmethod
        def _plain(cls, value: Any) -> Any:
            return {"question": value} if isinstance(value, str) else value

    ask: Question
    """What is asked."""


class Do(_Step):
    """Hand one task to the model; only where the run has one."""

    do: Text
    """The task, in words."""
    then: Annotated[tuple[Expectation, ...], Field(min_length=1), ONE_IS_MANY]
    """What has to be so afterwards: the model's word isn't enough."""


class Reject(_Step):
    """End this item as a business error: its data is wrong, and doing it again wouldn't help."""

    reject: Text
    """What is wrong with its data."""


class NextItem(_Step):
    """End this item here and go on with the next; written as the word next_item alone."""

    next_item: Literal[True]
    """Only true."""


STEP_CLASSES: Final[dict[str, type[_Step]]] = {
    "click": Click,
    "hover": Hover,
    "drag": Drag,
    "type": Type,
    "press": Press,
    "scroll": Scroll,
    "wait": Wait,
    "check": Check,
    "read": Read,
    "when": When,
    "while": While,
    "for_each": ForEach,
    "retry": Retry,
    "use": Use,
    "ask": Ask,
    "do": Do,
    "reject": Reject,
    "next_item": NextItem,
}
STEP_KINDS: Final = tuple(STEP_CLASSES)
"""The keys that name what a step does, in the order of the documentation."""
_BY_CLASS: Final = {cls: kind for kind, cls in STEP_CLASSES.items()}


def _kind_of(value: Any) -> str | None:
    if isinstance(value, _Step):
        return _BY_CLASS.get(type(value))
    if value == "next_item":
        return "next_item"
    found = [kind for kind in STEP_CLASSES if isinstance(value, dict) and kind in value]
    return found[0] if len(found) == 1 else None


def _word(value: Any) -> Any:
    return {"next_item": True} if value == "next_item" else value


Step = Annotated[
    Annotated[Click, Tag("click")]
    | Annotated[Hover, Tag("hover")]
    | Annotated[Drag, Tag("drag")]
    | Annotated[Type, Tag("type")]
    | Annotated[Press, Tag("press")]
    | Annotated[Scroll, Tag("scroll")]
    | Annotated[Wait, Tag("wait")]
    | Annotated[Check, Tag("check")]
    | Annotated[Read, Tag("read")]
    | Annotated[When, Tag("when")]
    | Annotated[While, Tag("while")]
    | Annotated[ForEach, Tag("for_each")]
    | Annotated[Retry, Tag("retry")]
    | Annotated[Use, Tag("use")]
    | Annotated[Ask, Tag("ask")]
    | Annotated[Do, Tag("do")]
    | Annotated[Reject, Tag("reject")]
    | Annotated[NextItem, Tag("next_item")],
    Discriminator(
        _kind_of,
        custom_error_type="step_kind",
        custom_error_message=f"expected a step with exactly one of {', '.join(STEP_CLASSES)}",
    ),
    BeforeValidator(_word),
]
"""One step of a flow."""


for _class in (When, While, ForEach, Retry):
    _class.model_rebuild()
