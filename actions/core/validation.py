"""What pydantic finds wrong, for a message of one line."""

from typing import Any, NamedTuple

from pydantic import ValidationError

__all__ = ["FirstError", "first_error"]


class FirstError(NamedTuple):
    """The first thing that is wrong with a value.

    Attributes:
        where: the field, with dots between the levels: "scene.view.scale"; "" for the whole value.
        message: what is wrong with it, in pydantic's words.
        given: the value that stands there.
        path: the field's levels, as pydantic has them: names, and indices from 0.
    """

    where: str
    message: str
    given: Any
    path: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


def first_error(error: ValidationError) -> FirstError:
    """Return the first of the errors that a validation found."""
    first = error.errors(include_url=False, include_context=False)[0]
    path = first["loc"]
    return FirstError(".".join(map(str, path)), first["msg"], first["input"], path)
