"""The commands of `qvl-agent secret`; their work is done in `secret_values.py`, imported when one runs."""

import click

from qvl_agent.agent.exit_codes import errors_to_codes

__all__ = ["secret"]


@click.group()
def secret() -> None:
    """Keep secrets in the system's keyring, for {{secret:NAME}} in a task.

    A secret is typed into its one application and stands nowhere else: the model never sees it, and no
    record holds it. Without a keyring it may be in the environment, as QVL_AGENT_SECRET_NAME, or is asked
    for before a run.
    """


@secret.command("set")
@click.argument("name")
@click.option("--app", required=True, metavar="APP", help="The one application that it may be typed into.")
@errors_to_codes
def secret_set(name: str, app: str) -> None:
    """Ask for the value of NAME, and keep it."""
    from qvl_agent.agent.cli.secret_values import set_secret

    set_secret(name, app)


@secret.command("list")
@errors_to_codes
def secret_list() -> None:
    """List the names, never the values."""
    from qvl_agent.agent.cli.secret_values import list_secrets

    list_secrets()


@secret.command("delete")
@click.argument("name")
@errors_to_codes
def secret_delete(name: str) -> None:
    """Forget NAME."""
    from qvl_agent.agent.cli.secret_values import delete_secret

    delete_secret(name)
