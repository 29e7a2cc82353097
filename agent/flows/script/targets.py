"""Targets and expectations, as a flow file writes them."""

import re
from typing import Annotated, Any, Final, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)

__all__ = [
    "ONE_IS_MANY",
    "Condition",
    "Duration",
    "Expectation",
    "Name",
    "Node",
    "Target",
    "Text",
    "Then",
    "duration_schema",
    "seconds",
]

DEFAULT_WITHIN_S: Final = 10.0
"""Seconds in which something that is expected has to be seen, and a target to be found."""
MAX_WITHIN_S: Final = 3600.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "": 1.0}
_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|)\s*")


def seconds(value: Any) -> Any:
    """Turn "20s", "500 ms", "2m" or a number into seconds; leave what isn't one to the validator."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if found is None:
            raise ValueError(f"{value!r} is no duration; write one such as 20s, 500ms or 2m")
        return float(found[1]) * _UNITS[found[2]]
    if isinstance(value, bool):
        raise ValueError("true and false are no durations; write one such as 20s, 500ms or 2m")  # noqa: TRY004 - pydantic's kind
    return value


def duration_schema(most: float) -> WithJsonSchema:
    """Return how a duration of at most so many seconds is written in a file."""
    text = {"type": "string", "pattern": rf"^{_DURATION.pattern}$"}
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": most}, text]})


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    Field(ge=0, le=MAX_WITHIN_S, allow_inf_nan=False),
    duration_schema(MAX_WITHIN_S),
]
"""Seconds; written 20s, 500ms, 2m or a number."""

Text = Annotated[str, Field(min_length=1, max_length=1000)]
"""A text on the screen, or a sentence; `${…}` is filled in."""
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
"""The name of a variable."""


class Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Target(Node):
    """Something on the screen: by the words on it, or by what is near it.

    In a file a text alone stands for `text`.
    """

    text: Text | None = None
    """The words on it, or the label of the field."""
    near: Text | None = None
    """The words beside it: for an icon, a check box, a value."""
    row: Text | None = None
    """The words that name its row, where a list or table has many alike."""
    window: Text | None = None
    """A part of the title of the window that it is in; by default the flow's."""
    image: Text | None = None
    """The file of a picture of it, beside the flow."""
    region: tuple[int, int, int, int] | None = None
    """Left, top, right, bottom in logical pixels from its window's top left. Only for what has no looks."""
    describe: Text | None = None
    """What it is, for the model to find; only where the run has one."""
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] | None = None
    """Which evidence in the lock is its own, where two targets have the same words."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_words(self) -> "Target":
        if not any((self.text, self.near, self.image, self.region, self.describe)):
            raise ValueError("the target isn't named; give it text, near, image, region or describe")
        if self.region and not (self.region[0] < self.region[2] and self.region[1] < self.region[3]):
            raise ValueError("the region is empty; write its left, top, right and bottom, in this order")
        return self

    @property
    def key(self) -> str:
        """Its name in the lock: the id, or its words; a target with `${…}` keeps them."""
        if self.id:
            return self.id
        words = [self.text, *(f"{name} {said}" for name, said in self._beside()), self.image, self.describe]
        return " · ".join(word for word in words if word) or f"region {self.region}"

    def _beside(self) -> list[tuple[str, str]]:
        said = (("near", self.near), ("row", self.row), ("window", self.window))
        return [(name, words) for name, words in said if words]


class Expectation(Node):
    """Something that has to be so, within a time. In a file a text alone stands for `see`."""

    see: Text | None = None
    """Words that stand on the screen, in the flow's window."""
    gone: Text | None = None
    """Words that don't stand there."""
    target: Target | None = None
    """A target that is found."""
    value: Text | None = None
    """What stands in `target`: a field's text."""
    window: Text | None = None
    """A part of the title of the window in front."""
    changed: bool | None = None
    """The step's input changed something on the screen, beside what moves by itself: the weakest proof."""
    file: Text | None = None
    """A file that exists, from the flow's folder; with `contains`, one with that text in it."""
    contains: Text | None = None
    """A text that stands in `file`."""
    that: Text | None = None
    """An expression over the variables that is true."""
    within: Duration = DEFAULT_WITHIN_S
    """How long it may take."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"see": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_something(self) -> "Expectation":
        said = (self.see, self.gone, self.target, self.window, self.changed, self.file, self.that)
        if not any(said):
            raise ValueError("nothing is expected; give see, gone, target, window, changed, file or that")
        if self.contains and not self.file:
            raise ValueError("contains is said of a file; add file")
        if self.value and not self.target:
            raise ValueError("value is said of a target; add target")
        return self


def _kind(value: Any) -> str:
    return "expression" if isinstance(value, str) else "expectation"


def _bare(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


Condition: TypeAlias = Annotated[
    Annotated[Text, Tag("expression")] | Annotated[Expectation, Tag("expectation")],
    Discriminator(_kind),
    BeforeValidator(_bare),
]
"""An expression over variables, such as row.amount > 10000, or something that is to be seen."""


def _many(value: Any) -> Any:
    """Make a list of one expectation that stands alone."""
    return value if isinstance(value, (list, tuple)) else [value]


ONE_IS_MANY: Final = BeforeValidator(_many)
Then: TypeAlias = Annotated[tuple[Expectation, ...], ONE_IS_MANY]
"""What has to be so after a step: one expectation, or a list."""
