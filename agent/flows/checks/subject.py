"""A flow under check, with what lies beside it: its lock and the header of its data."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.expressions import calculate, references
from qvl_agent.agent.flows.lock import Lock
from qvl_agent.agent.flows.queue.data import columns
from qvl_agent.agent.flows.reading import Loaded, Mistake
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import Acting, Ask, Check, Do, Read, Step, Wait, When, While
from qvl_agent.agent.flows.script.targets import Expectation
from qvl_agent.agent.flows.script.walking import walk
from qvl_agent.agent.flows.values import pieces

__all__ = [
    "Subject",
    "constant",
    "expectations",
    "header",
    "is_read",
    "literal",
    "one_line",
    "parts",
    "plain_words",
]


@dataclass(frozen=True, slots=True)
class Subject:
    """A flow, and what is known of the files beside it.

    Attributes:
        loaded: the flow with its places.
        columns: the names of the data's columns; None if they aren't known.
        lock: the lock; None if there is none.
        folder: where the lock is, or would be.
        used_in_loop: whether another flow uses this one for each of its rows.
    """

    loaded: Loaded
    columns: tuple[str, ...] | None
    lock: Lock | None
    folder: Path
    used_in_loop: bool = False

    @property
    def flow(self) -> Flow:
        """What the file says."""
        return self.loaded.flow

    def mistake(self, path: str, error: FlowError | str, remedy: str = "", *, note: bool = False) -> Mistake:
        """Return a mistake at a path; an error's message has its remedy behind the semicolon."""
        message, _, told = str(error).partition("; ")
        return self.loaded.mistake(
            path, one_line(message), one_line(remedy or told or "change it"), note=note
        )


def header(path: Path, sheet: str | None) -> tuple[str, ...]:
    """Return the names of a data file's columns.

    Raises:
        FlowError: it can't be read.
    """
    return columns(path, sheet or "")


def one_line(text: str) -> str:
    """Return a text without line breaks."""
    return " ".join(text.split())


def plain_words(text: str) -> str:
    """Return a text as it is compared: in small letters, with single blanks, without marks at its ends."""
    return " ".join(text.casefold().split()).strip(" .…:*")


def is_read(words: str, texts: Sequence[str]) -> bool:
    """Return whether words were read somewhere, as a text of their own or within a longer one."""
    wanted = re.sub(r"\W+", "", plain_words(words))
    return any(wanted in re.sub(r"\W+", "", plain_words(text)) for text in texts) if wanted else True


def literal(text: str) -> str:
    """Return a text's own words, without what is filled in."""
    return " ".join(piece.text for piece in parts(text) if not piece.is_expression)


def parts(text: str) -> list[Any]:
    """Return a text's pieces; a text that can't be split has none."""
    try:
        return list(pieces(text))
    except FlowError:
        return []


def constant(expression: str) -> bool | None:
    """Return what an expression always comes to, true or false; None if it depends on something."""
    try:
        if references(expression) or "(" in expression:
            return None
        found = calculate(expression, {})
    except FlowError:
        return None
    return found if isinstance(found, bool) else None


def expectations(flow: Flow) -> Iterator[tuple[str, Step, Expectation]]:
    """Yield every expectation with its path and its step."""
    for path, step in walk(flow):
        match step:
            case Acting() | Do():
                for number, each in enumerate(step.then):
                    yield f"{path}.then[{number}]", step, each
            case Wait(wait=Expectation() as each) | Check(check=each):
                yield f"{path}.{'wait' if isinstance(step, Wait) else 'check'}", step, each
            case When(when=Expectation() as each):
                yield f"{path}.when", step, each
            case While(while_=Expectation() as each):
                yield f"{path}.while", step, each
            case Read() | Ask() | _:
                continue
