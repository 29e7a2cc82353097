"""The exit codes of the command line, and how errors and ends of runs map to them.

Only the command line uses this module.
"""

import logging
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec

import click

from qvl_agent.actions.core.errors import (
    CoordinateError,
    DesktopError,
    DisplayBusyError,
    FlowError,
    ModelError,
    NoScreenError,
    QvlError,
    RecordingError,
    RunBusyError,
    SettingsError,
    Stopped,
)

if TYPE_CHECKING:
    from qvl_agent.agent.recording.format import RunResult

__all__ = ["EXIT_CODES", "errors_to_codes", "exit_code"]

P = ParamSpec("P")

EXIT_CODES: Final = """\b
Exit codes:
  0   done, and verified where something could verify it (or replayed: no difference)
  1   the agent says it failed; a replay differs
  2   wrong usage, a wrong setting, a broken recording or flow
  3   claimed done, but not verified
  4   stopped by the guard, stuck, or a question was answered no
  5   the model or its server failed
  6   out of steps, time, tokens or questions
  7   parked: nobody answered a question in time
  69  no usable screen, permission or package
  70  the program itself failed, or memory ran out
  75  another agent holds this display, or goes on with this run
  130 stopped by the person
"""
_ERROR_CODES: Final[dict[type[QvlError], int]] = {
    SettingsError: 2,
    FlowError: 2,
    RunBusyError: 75,
    RecordingError: 2,
    CoordinateError: 2,
    ModelError: 5,
    NoScreenError: 69,
    DesktopError: 69,
    DisplayBusyError: 75,
    Stopped: 130,
}
_STATUS_CODES: Final = {
    "done": 0,
    "failed": 1,
    "refused": 4,
    "stuck": 4,
    "model-error": 5,
    "budget": 6,
    "parked": 7,
    "desktop-error": 69,
    "crashed": 70,
    "stopped": 130,
    "dry-run": 0,
}
_NOT_VERIFIED: Final = 3
_CRASHED: Final = 70


def exit_code(result: "RunResult") -> int:
    """Return the exit code for the end of a run, as `--help` lists the codes.

    A claim isn't verified if the model, asked whether the claim holds, gave no usable answer.
    """
    asked = result.verified_by == "model"
    if result.status == "done" and (result.verified is False or (asked and result.verified is None)):
        return _NOT_VERIFIED
    return _STATUS_CODES[result.status]


def _set_up_log(verbose: object, file: object) -> None:
    """Send the log where `-vv` and `--log-file` say; without them drop it, and import nothing for it."""
    shown = isinstance(verbose, int) and verbose > 1
    if not shown and file is None:
        logging.getLogger("qvl_agent").addHandler(logging.NullHandler())
        return
    from qvl_agent.agent.logs import configure

    configure(verbose=shown, file=file if isinstance(file, Path) else None)


def errors_to_codes(command: Callable[P, int | None]) -> Callable[P, None]:
    """Wrap a command so that an error is printed in one line and ends the program with its exit code.

    With `-v` a `QvlError` passes through, so that its traceback is shown.
    """

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            _set_up_log(kwargs.get("verbose"), kwargs.pop("log_file", None))
            code = command(*args, **kwargs)
        except QvlError as error:
            if kwargs.get("verbose"):
                raise
            from qvl_agent.agent.wording import visible

            click.echo(f"qvl-agent: {visible(str(error))}", err=True)
            code = next(code for kind, code in _ERROR_CODES.items() if isinstance(error, kind))
        except KeyboardInterrupt:
            code = _ERROR_CODES[Stopped]
        except MemoryError:
            click.echo("qvl-agent: memory ran out; close other programs, or take a smaller model", err=True)
            code = _CRASHED
        sys.exit(code or 0)

    return guarded
