"""The program in this process, with an environment and a folder of its own: it spares a second a call.

What a process adds, such as its exit, its signals and its terminal, is looked at where it is meant.
"""

import os
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from subprocess import CompletedProcess

from click.testing import CliRunner

from qvl_agent.agent.cli.main import main


def called(
    words: list[str], cwd: Path, environment: Mapping[str, str], said: str = ""
) -> CompletedProcess[str]:
    """Call `qvl-agent` with the words behind its name; the environment is these variables and no other.

    Raises:
        BaseException: what the program let through, which a process would end with a traceback for.
    """
    variables = dict.fromkeys(os.environ) | dict(environment)
    with chdir(cwd):
        done = CliRunner(env=variables).invoke(main, words, input=said, prog_name="qvl-agent")
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return CompletedProcess(words, done.exit_code, done.stdout, done.stderr)
