"""What this process prints from now on, without the values of secrets: tracebacks too."""

import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO

from qvl_agent.actions.secrets.redactor import Redactor

__all__ = ["hide_in_output"]

_STREAMS: Final = ("stdout", "stderr")


class _Hiding:
    """A text stream before another. What is flushed is written; until then a value may still be going on."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redacted = redactor.stream()

    def write(self, text: str) -> int:
        self._stream.write(self._redacted.feed(text))
        if text.endswith("\n"):
            self._stream.write(self._redacted.end())
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._stream.write(self._redacted.end())
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def hide_in_output(redactor: Redactor) -> None:
    """Take secrets out of all that goes to standard output and standard error, to this process's end."""
    if not redactor:
        return
    for name in _STREAMS:
        setattr(sys, name, _Hiding(getattr(sys, name), redactor))
