"""The log of what goes wrong or is slow inside: the logger `qvl_agent`, its handlers and its redaction.

Nothing is shown unless it is asked for: `-vv` prints it to standard error, `--log-file` writes it to a file
that only its owner can read. Programs that use the package configure `logging` as they like.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor

if TYPE_CHECKING:
    from qvl_agent.agent.run.events import RunEvent

__all__ = ["NAME", "configure", "hide", "log_event"]

NAME: Final = "qvl_agent"
_FORMAT: Final = "%(asctime)s.%(msecs)03d %(levelname)-7s %(name)s: %(message)s"
_SLOW_S: Final = 1.0
"""A part of a step that takes longer is a warning; the model's own time isn't ours."""
_NOT_OURS: Final = frozenset({"model", "closer", "wait"})

_log = logging.getLogger(__name__)


class _RedactingFormatter(logging.Formatter):
    """Takes secrets' values out of whole lines, tracebacks too."""

    redactor: Redactor = NOTHING

    def format(self, record: logging.LogRecord) -> str:
        return self.redactor.text(super().format(record))


class _Stderr(logging.StreamHandler):  # type: ignore[type-arg]  # it has no stream of its own
    """Writes to what `sys.stderr` is at the time, which may be replaced while a program runs."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:
        return sys.stderr


def configure(*, verbose: bool = False, file: Path | None = None) -> None:
    """Direct the log: nowhere, to standard error, to a file, or to both. Replaces what was set up before.

    Raises:
        SettingsError: the file can't be written.
    """
    logger = logging.getLogger(NAME)
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    handlers: list[logging.Handler] = [_Stderr()] if verbose else []
    if file is not None:
        handlers.append(_private_file(file))
    for handler in handlers:
        handler.setFormatter(_RedactingFormatter(_FORMAT, "%H:%M:%S"))
    logger.propagate = False
    logger.setLevel(logging.DEBUG if handlers else logging.CRITICAL + 1)
    for handler in handlers or [logging.NullHandler()]:
        logger.addHandler(handler)


def _private_file(path: Path) -> logging.Handler:
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if hasattr(os, "fchmod"):
                os.fchmod(opened, 0o600)  # one that was there may have been open to others
        finally:
            os.close(opened)
        return logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SettingsError(
            f"can't write the log to {path}: {error.strerror}; name another with --log-file"
        ) from error


def hide(redactor: Redactor) -> None:
    """Take secrets' values out of everything that is logged from now on."""
    for handler in logging.getLogger(NAME).handlers:
        if isinstance(handler.formatter, _RedactingFormatter):
            handler.formatter.redactor = redactor


def log_event(event: "RunEvent") -> None:
    """Log a run's steps and how long their parts took, in milliseconds; a subscriber of its events."""
    from qvl_agent.agent.run.events import (  # noqa: PLC0415 - the log is set up before a run is imported
        Acted,
        Decided,
        Ended,
        Started,
        Thinking,
    )

    match event:
        case Started(manifest, folder):
            _log.info("run in %s: model %s, desktop %s", folder, manifest.model, manifest.desktop)
        case Thinking(step):
            _log.debug("step %d: asking the model", step)
        case Decided(intent):
            action = intent.action.kind if intent.action else f"no action ({intent.error})"
            verdict = (
                f"{intent.verdict.level.name} by {intent.verdict.rule}" if intent.verdict else "not judged"
            )
            _log.info("step %d: %s, %s; ms: %s", intent.step, action, verdict, _milliseconds(intent.times))
            _warn_if_slow(intent.step, intent.times)
        case Acted(outcome):
            done = outcome.outcome
            _log.info(
                "step %d: %s %s; ms: %s", outcome.step, done.status, done.detail, _milliseconds(done.times)
            )
            _warn_if_slow(outcome.step, done.times)
        case Ended(result):
            _log.info("run ended: %s %s", result.status, result.message)
        case _:
            pass


def _milliseconds(times: dict[str, float]) -> str:
    return ", ".join(f"{name} {1000 * seconds:.0f}" for name, seconds in times.items())


def _warn_if_slow(step: int, times: dict[str, float]) -> None:
    for name, seconds in times.items():
        if seconds > _SLOW_S and name not in _NOT_OURS:
            _log.warning("step %d: %s took %.1f s", step, name, seconds)
