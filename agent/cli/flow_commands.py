"""The commands of `qvl-agent flow`: scripts that run without a model. What each does is imported late."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from qvl_agent.agent.cli.options import COMMON_OPTIONS, DESKTOP_OPTIONS, MODEL_OPTIONS, RUN_OPTIONS
from qvl_agent.agent.exit_codes import EXIT_CODES, errors_to_codes

__all__ = ["flow"]

_PACKAGES: Final = ("cv2", "openpyxl", "python_calamine", "rapidfuzz", "rapidocr", "ruamel.yaml")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def flow() -> None:
    """Scripts that do a task without a model: readable, right or stopped, and tests.

    \b
    qvl-agent flow compile RUN -o x.flow.yaml    make one of a recorded run that succeeded
    qvl-agent flow check x.flow.yaml             every mistake, with its line
    qvl-agent flow show x.flow.yaml              see it, with pictures of what it looks for
    qvl-agent flow run x.flow.yaml               do it on a desktop
    qvl-agent flow trust x.flow.yaml             say yes once to what it sends, deletes or pays
    """  # noqa: D301 - click wants the backspace
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing and not {"-h", "--help"} & set(sys.argv):
        raise click.UsageError(
            f"flows need more packages ({', '.join(missing)}): pip install 'qvl-agent[flows]'"
        )


@flow.command("run", epilog=EXIT_CODES)
@click.argument("file", type=_FILE)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A variable's value.")
@click.option("--data", type=_FILE, metavar="FILE", help="Rows: CSV, Excel or JSON Lines.")
@click.option("--queue", type=_FILE, metavar="FILE", help="Keep the items' state in this file.")
@click.option(
    "--resume", is_flag=True, help="Go on with the items that are left, also beside another worker."
)
@click.option("--fresh", is_flag=True, help="Begin anew, although items are left from an earlier run.")
@click.option("--items", "only", metavar="KEYS", help="Only these: 4711,4712, or rows 3-10.")
@click.option("--only-failed", is_flag=True, help="Do those again that failed.")
@click.option(
    "--heal",
    type=click.Choice(["ask"]),
    help="Where a target isn't found, look more widely, and ask you whether it is what was found.",
)
@click.option("--trust", "trusted", is_flag=True, help="This once, as if you had said `flow trust`: for CI.")
@DESKTOP_OPTIONS
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def run(file: Path, **options: Any) -> int:
    """Do a flow on a desktop.

    No model is opened unless the flow asks one (`do`) and you name it with --model. A limit such as
    --max-steps holds for each item.
    """
    from qvl_agent.agent.cli.flow_runner import play_flow

    return play_flow(file, options)


@flow.command("compile")
@click.argument("recording", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=_FILE, metavar="FILE", required=True, help="The flow: x.flow.yaml.")
@click.option("--name", help="What it does, in words; by default the run's task.")
@click.option("--force", is_flag=True, help="Write over a flow that is there.")
@click.option("--unverified", is_flag=True, help="Also of a run whose end nothing verified.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def compile_run(
    recording: Path, output: Path, *, name: str | None, force: bool, unverified: bool, verbose: bool
) -> int:
    """Make a flow of a recorded run that succeeded, in seconds and without a model.

    Beside it comes a folder, x.lock, with what its targets look like; keep both together. What can't be made
    safe is named, with what to add; then the exit code is 3.
    """
    del verbose
    from qvl_agent.agent.cli.flow_runner import compile_flow

    return compile_flow(recording, output, name=name or "", force=force, unverified=unverified)


@flow.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--data", type=_FILE, metavar="FILE", help="Check the columns against this file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def check(files: tuple[Path, ...], data: Path | None, as_json: bool, verbose: bool) -> int:
    """Find every mistake in flows, with line, column and remedy. Exits 1 if there is one; notes are none."""
    del verbose
    from qvl_agent.agent.flows.check import check as mistakes_in
    from qvl_agent.agent.wording import visible

    wrong = 0
    for file in files:
        found = mistakes_in(file, data=data)
        wrong += sum(not mistake.note for mistake in found)
        for mistake in found:
            if as_json:
                facts = {
                    name: getattr(mistake, name) for name in ("line", "column", "message", "remedy", "note")
                }
                click.echo(json.dumps({"file": str(mistake.path), **facts}))
            else:
                click.echo(visible(str(mistake)))
        if not found and not as_json:
            click.echo(f"{file}: no mistakes")
    return 1 if wrong else 0


@flow.command()
@click.argument("file", type=_FILE)
@click.option("-o", "--output", type=_FILE, metavar="PAGE", help="The page to write [x.flow.html].")
@click.option("--data", type=_FILE, metavar="FILE", help="Take the columns from this file.")
@click.option("--open", "open_page", is_flag=True, help="Open it in the browser.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def show(file: Path, output: Path | None, data: Path | None, *, open_page: bool, verbose: bool) -> None:
    """Draw a flow as one self-contained HTML page: its steps in words, with pictures of their targets."""
    del verbose
    from qvl_agent.agent.report.flow_page import write_flow

    page = output or file.with_suffix(".html")
    write_flow(file, page, data=data)
    click.echo(page)
    if open_page:
        click.launch(str(page))


@flow.command()
def schema() -> None:
    """Print the JSON schema of a flow file, for editors that complete and explain it."""
    from qvl_agent.agent.flows.schema import schema as schema_of_flow

    click.echo(json.dumps(schema_of_flow(), indent=1, ensure_ascii=False))


@flow.command()
@click.argument("file", type=_FILE)
@click.option("--yes", is_flag=True, help="Trust it without being asked.")
@click.option("--revoke", is_flag=True, help="Trust it no longer.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def trust(file: Path, yes: bool, revoke: bool, verbose: bool) -> int:
    """List what a flow would send, delete, pay or install, and say yes to it once.

    The yes is kept outside the project, for exactly this flow with this lock: after any change you are
    asked again. Without it each such step asks, or is refused where nobody is.
    """
    del verbose
    from qvl_agent.agent.cli.flow_runner import trust_flow

    return trust_flow(file, yes=yes, revoke=revoke)


@flow.command(epilog=EXIT_CODES)
@click.argument("file", type=_FILE)
@click.option("--set", "assignments", multiple=True, metavar="NAME=VALUE", help="A variable's value.")
@click.option("--data", type=_FILE, metavar="FILE", help="Rows: CSV, Excel or JSON Lines.")
@click.option("--items", "only", metavar="KEYS", help="Only these: 4711,4712, or rows 3-10.")
@click.option("--trust", "trusted", is_flag=True, help="This once, as if you had said `flow trust`.")
@DESKTOP_OPTIONS
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def heal(file: Path, **options: Any) -> int:
    """Do a flow, and propose what to change where a target isn't found any more.

    What a wider search finds is proved on pictures before anything is clicked. The run goes on with it, and a
    second one has to find everything with it; there is none where a step may be done once only. Then `flow
    accept` takes a proposal over, and `flow reject` forgets it for good. The flow and its lock aren't changed
    before that.
    """
    from qvl_agent.agent.cli.flow_runner import heal_flow

    return heal_flow(file, options)


@flow.command()
@click.argument("file", type=_FILE)
@click.argument("proposal", required=False)
@click.option("--all", "everything", is_flag=True, help="Every proposal that is proved.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def accept(file: Path, proposal: str | None, everything: bool, verbose: bool) -> None:
    """Take a PROPOSAL over into the flow's lock; without one, list them."""
    del verbose
    from qvl_agent.agent.cli.flow_runner import settle_proposals

    settle_proposals(file, proposal, everything=everything, accepted=True)


@flow.command()
@click.argument("file", type=_FILE)
@click.argument("proposal", required=False)
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def reject(file: Path, proposal: str | None, verbose: bool) -> None:
    """Forget a PROPOSAL, and never make it again; without one, list them."""
    del verbose
    from qvl_agent.agent.cli.flow_runner import settle_proposals

    settle_proposals(file, proposal, everything=False, accepted=False)


@flow.command()
@click.argument("file", type=_FILE)
@click.option("--data", type=_FILE, metavar="FILE", help="The data that the queue was made of.")
@click.option("--queue", type=_FILE, metavar="FILE", help="The queue's file.")
@click.option("--done", metavar="KEY", help="Settle a parked item: its step was done, and with it the item.")
@click.option("--again", metavar="KEY", help="Settle a parked item: its step wasn't done; do it again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def items(
    file: Path,
    *,
    data: Path | None,
    queue: Path | None,
    done: str | None,
    again: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    """List the items of a flow's queue that aren't done, or settle a parked one."""
    del verbose
    from qvl_agent.agent.cli.flow_runner import show_items

    show_items(file, data=data, queue=queue, done=done, again=again, as_json=as_json)


@flow.command()
@errors_to_codes
def record() -> None:
    """Record a flow by doing it yourself. Not there yet."""
    raise click.UsageError(
        "recording by doing isn't there yet; let the model do it once and make a flow of that run: "
        'qvl-agent "TASK", then qvl-agent flow compile RUN -o x.flow.yaml'
    )
