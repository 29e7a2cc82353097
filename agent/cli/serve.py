"""The work of `qvl-agent serve`: choose engine and model, then start the server or print its command."""

from collections.abc import Mapping
from typing import Any

import click

from qvl_agent.agent.models.choice.auto import ModelChooser, Offer
from qvl_agent.agent.serve.engines import Wanted
from qvl_agent.agent.serve.start import choose_engine, choose_model, line, plan, run
from qvl_agent.agent.terminal.chooser import TerminalChooser

__all__ = ["serve_in_terminal"]


class _OnlyPrinted(ModelChooser):
    """A chooser for `--print`: it agrees to every download, as nothing is fetched for a printed command."""

    def download(self, offer: Offer) -> bool:
        del offer
        return True


def serve_in_terminal(engine_name: str, options: Mapping[str, Any], *, key: str, only_print: bool) -> int:
    """Start the server and wait until it ends, or print the command that would start it.

    Args:
        engine_name: one of the engines; "" for the first that is installed.
        options: the fields of `Wanted` that the command line sets.
        key: the API key that clients must give; "" for none.
        only_print: print the command, start nothing.

    Returns:
        The exit code.

    Raises:
        SettingsError, ModelError: see `qvl_agent.agent.serve.start`.
    """
    engine = choose_engine(engine_name, only_print=only_print)
    chooser = _OnlyPrinted() if only_print else TerminalChooser()
    model, preset = choose_model(options["model"], engine, chooser)
    wanted = Wanted(**{**options, "model": model}, preset=preset, key=bool(key))
    command = plan(engine, wanted)
    if only_print:
        if command.first:
            click.echo(f"# once the server runs: {command.first}")
        click.echo(line(command, key=bool(key)))
        return 0
    click.echo(f"{line(command, key=bool(key))}", err=True)
    return run(command, wanted.host, key=key, say=lambda text: click.echo(text, err=True))
