"""Answers that must fit the person's JSON schema: the checks of the schema and of the answer."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from qvl_agent.actions.core.errors import ParseError, SettingsError

__all__ = ["AnswerSchema", "code_in"]

_MAX_BYTES: Final = 2**20
_FENCE: Final = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n`]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """A valid JSON schema.

    Attributes:
        schema: the schema as it stands in the file.
    """

    schema: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a schema of any draft; one without "$schema" is read as 2020-12.

        Raises:
            SettingsError: the file can't be read, has over 1 MiB, isn't JSON, or isn't a valid schema.
        """
        import jsonschema  # noqa: PLC0415 - only where a schema is given

        try:
            if path.stat().st_size > _MAX_BYTES:
                raise SettingsError(f"{path} has more than {_MAX_BYTES} bytes; expected a JSON schema")
            schema = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"can't read the schema {path}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"the schema {path} isn't JSON: {error}") from error
        if not isinstance(schema, dict):
            raise SettingsError(f"the schema {path} is a {type(schema).__name__}; expected a JSON object")
        try:
            _validator(schema).check_schema(schema)
        except jsonschema.SchemaError as error:
            raise SettingsError(f"{path} isn't a valid JSON schema: {_said(error)}") from error
        return cls(schema)

    def read(self, text: str) -> Any:
        """Read the JSON value of an answer, in a code block or not, and check it against the schema.

        Raises:
            ParseError: the answer isn't JSON, or doesn't fit; the message is written for the model.
            SettingsError: the schema refers to another document, which is never fetched.
        """
        import jsonschema  # noqa: PLC0415 - only where a schema is given
        import referencing  # noqa: PLC0415 - as jsonschema

        try:
            value = json.loads(code_in(text), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise ParseError(f"it is not JSON: {error}.") from error
        try:
            # An empty registry: jsonschema's own would fetch what a "$ref" names.
            checker = _validator(self.schema)(self.schema, registry=referencing.Registry())
            errors = sorted(checker.iter_errors(value), key=lambda error: list(map(str, error.path)))
        except referencing.exceptions.Unresolvable as error:
            raise SettingsError(f"the schema refers to {error.ref}, which isn't in it") from error
        except RecursionError as error:
            raise ParseError("it is nested too deeply.") from error
        if errors and isinstance(errors[0], jsonschema.ValidationError):
            raise ParseError(_said(errors[0]))
        return value


def code_in(text: str) -> str:
    """Return the content of an answer's only code block; the whole answer if there isn't exactly one."""
    blocks = _FENCE.findall(text)
    return str(blocks[0][1]) if len(blocks) == 1 else text.strip()


def _validator(schema: Mapping[str, Any]) -> Any:
    from jsonschema.validators import Draft202012Validator, validator_for  # noqa: PLC0415 - as above

    return validator_for(schema, default=Draft202012Validator)


def _said(error: Any) -> str:
    """Describe a schema error in one line: where it is, and at most 300 characters of what it is."""
    where = "/".join(map(str, error.absolute_path))
    message = " ".join(str(error.message).split())
    return f"at {where}: {message[:300]}" if where else message[:300]


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
