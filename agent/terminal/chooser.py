"""The terminal's messages when a model is chosen, and its question before a download."""

import sys

import click

from qvl_agent.agent.models.choice.auto import ModelChooser, Offer

__all__ = ["TerminalChooser"]


class TerminalChooser(ModelChooser):
    """A chooser that prints what `auto` took and what is downloaded, and asks before other downloads.

    A model that the person named and that fits is downloaded unasked. Where nobody can answer (no
    terminal, or output as JSON) the answer is no.
    """

    def __init__(self, *, as_json: bool = False, only_printed: bool = False) -> None:
        """Take how to behave.

        Args:
            as_json: a program reads the output, so nobody can be asked.
            only_printed: a command is only printed: nothing is fetched, so every download is agreed to.
        """
        self._only_printed = only_printed
        self._can_ask = not as_json and sys.stdin.isatty() and sys.stderr.isatty()

    def chosen(self, why: str) -> None:
        if self._only_printed:
            return
        click.echo(f"auto: {why}", err=True)

    def download(self, offer: Offer) -> bool:
        if self._only_printed:
            return True
        if offer.named and offer.fits:
            click.echo(f"downloading {offer.what}", err=True)
            return True
        if not self._can_ask:
            return False
        return click.confirm(f"Download {offer.what}, {offer.why}?", err=True)
