"""The work of `qvl-agent flow`: a run with its queue and output, compiling, trust, the items."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.planning.placeholders import placeholder
from qvl_agent.agent.cli.runner import settings_of
from qvl_agent.agent.cli.secret_values import secrets_of
from qvl_agent.agent.cli.signals import stop_on_signals
from qvl_agent.agent.exit_codes import exit_code
from qvl_agent.agent.flows.queue import Queue
from qvl_agent.agent.flows.reading import load, walk
from qvl_agent.agent.flows.script.described import described
from qvl_agent.agent.flows.script.steps import Acting
from qvl_agent.agent.flows.trust import TrustStore
from qvl_agent.agent.flows.work import Wish, data_file, fingerprint_of, open_output, open_queue, queue_file
from qvl_agent.agent.wording import visible

if TYPE_CHECKING:
    from qvl_agent.agent.flows.heal.store import ProposalStore

__all__ = ["compile_flow", "heal_flow", "play_flow", "settle_proposals", "show_items", "trust_flow"]

_OWN: Final = frozenset(
    {"assignments", "data", "queue", "resume", "fresh", "only", "only_failed", "trusted", "heal", "proposed"}
)
"""The options of `flow run` that are no settings."""


_OF_ROWS: Final = {
    "data": "--data",
    "resume": "--resume",
    "only": "--items",
    "only_failed": "--only-failed",
}
"""The options that mean something for a flow with rows alone."""


def play_flow(file: Path, options: dict[str, Any], *, output: bool = True) -> int:
    """Run a flow, report it in the terminal, and return the exit code.

    Args:
        file: the flow.
        options: the command line's.
        output: whether the flow's output is written.
    """
    from qvl_agent.agent.flows.consequences import trust_in
    from qvl_agent.agent.flows.run.runner import FlowAgent, NoModel, asks_model, needs_items
    from qvl_agent.agent.logs import log_event
    from qvl_agent.agent.opening import agent_for, open_desktop_for, open_model_for
    from qvl_agent.agent.registry.lookup import fitted
    from qvl_agent.agent.terminal.question import TerminalPerson
    from qvl_agent.agent.terminal.reporter import JsonReporter, TerminalReporter

    loaded = load(file)
    if not needs_items(loaded.flow) and (named := next((each for each in _OF_ROWS if options[each]), None)):
        flag = _OF_ROWS[named]
        raise FlowError(
            f"{file.name} goes over no rows, so {flag} means nothing to it; run it without {flag}"
        )
    settings = settings_of({name: value for name, value in options.items() if name not in _OWN})
    as_json = options["as_json"]
    variables = _assigned(options["assignments"])
    secrets = secrets_of(" ".join(map(placeholder, loaded.flow.secrets)), settings, as_json=as_json)
    wish = Wish(*(options[name] for name in ("data", "queue", "resume", "fresh", "only", "only_failed")))
    store_trust = trust_in(loaded) if options["trusted"] else TrustStore().of(fingerprint_of(loaded))
    healing = options.get("heal") is not None
    model_wanted = bool(options["model"] or options["server"]) and (healing or asks_model(loaded.flow))
    with ExitStack() as stack:
        queue = written = None
        if needs_items(loaded.flow):
            queue = stack.enter_context(open_queue(loaded, wish, redact=secrets.redactor.text))
            written = open_output(loaded, queue, wish.data) if output else None
        stop = stack.enter_context(stop_on_signals())
        desktop = stack.enter_context(open_desktop_for(settings))
        model = stack.enter_context(open_model_for(fitted(settings), desktop)) if model_wanted else NoModel()
        person = stack.enter_context(TerminalPerson.here(as_json=as_json))
        reporter = JsonReporter() if as_json else TerminalReporter(verbose=bool(options["verbose"]))
        agent = agent_for(
            settings,
            desktop,
            model,
            secrets=secrets,
            person=person,
            subscribers=(reporter, log_event),
            stop=stop,
        )
        flows = replace(
            FlowAgent.of(agent, trust=store_trust),
            heal=options.get("heal"),
            proposed=bool(options.get("proposed")),
        )
        done = flows.run(loaded, variables=variables, queue=queue, output=written, worker=desktop.name)
    return exit_code(done.result)


def heal_flow(file: Path, options: dict[str, Any]) -> int:
    """Run a flow with healing, then once more with its proposals; print them and return the exit code."""
    from qvl_agent.agent.flows.heal.store import ProposalStore

    store, known = ProposalStore(file), load(file)
    once = next((step for _, step in walk(known.flow) if isinstance(step, Acting) and step.once), None)
    with TemporaryDirectory() as folder:  # an open queue of the flow is left as it is
        rest = {"queue": Path(folder, "q.sqlite"), "resume": False, "fresh": True, "only_failed": False}
        code = play_flow(file, {**options, **rest, "heal": "auto", "proposed": False}, output=False)
        proposals = [each for each in store.all() if each.proved]
        if code == 0 and proposals and once is not None:
            click.echo(visible(f"not done a second time, as it may be done once only: {described(once)}"))
        elif code == 0 and proposals:
            click.echo("once more, with what was found:")
            code = play_flow(file, {**options, **rest, "heal": None, "proposed": True}, output=False)
            if code == 0:
                store.mark({each.key for each in proposals}, clean=True)
    _print_proposals(store)
    return code


def settle_proposals(file: Path, proposal: str | None, *, everything: bool, accepted: bool) -> None:
    """Accept or reject a proposal, all that are proved, or print them."""
    from qvl_agent.agent.flows.heal.store import ProposalStore

    store = ProposalStore(file)
    if proposal is None and not everything:
        _print_proposals(store)
        return
    chosen = [each for each in store.all() if each.proved] if everything else [store.find(str(proposal))]
    for each in chosen:
        if accepted:
            store.accept(each)
            click.echo(visible(f"{each.id}: “{each.key}” is found by what it looks like now"))
        else:
            store.reject(each)
            click.echo(visible(f"{each.id}: rejected, and not proposed again"))


def _print_proposals(store: "ProposalStore") -> None:
    proposals = store.all()
    for each in proposals:
        state = (
            "proved" if each.proved and each.clean else "proved on pictures" if each.proved else "not proved"
        )
        click.echo(visible(f"{each.id}  “{each.key}”: {each.why} ({state})"))
        for trial in each.trials:
            if not trial.held:
                click.echo(visible(f"          {trial.name}: {trial.what}"))
    if not proposals:
        click.echo("no proposals")


def compile_flow(recording: Path, output: Path, *, name: str, force: bool, unverified: bool) -> int:
    """Make a flow of a recorded run, print what it is made of, and return the exit code."""
    from qvl_agent.actions.reading.rapidocr import open_reader
    from qvl_agent.agent.flows.compile.compiled import write
    from qvl_agent.agent.flows.compile.compiling import compile_run

    if output.exists() and not force:
        raise FlowError(f"{output} is there; name another file, or write over it with --force")
    compiled = compile_run(recording, name=name, reader=open_reader(), allow_unverified=unverified)
    write(compiled, output)
    console = Console(highlight=False, markup=False)
    console.print(f"{output}: {len(compiled.flow.steps)} steps")
    for number, step in enumerate(compiled.flow.steps, 1):
        console.print(f"{number:>3}  {visible(described(step))}", soft_wrap=True)
    for left_out in compiled.left_out:
        console.print(f"left out: {visible(str(left_out))}", soft_wrap=True, style="dim")
    for problem in compiled.problems:
        console.print(f"not safe: {visible(str(problem))}", soft_wrap=True, style="red")
    return 3 if compiled.problems else 0


def trust_flow(file: Path, *, yes: bool, revoke: bool) -> int:
    """List a flow's consequences, ask for a yes, and keep it; return the exit code."""
    from qvl_agent.agent.flows.consequences import consequences, trust_in

    loaded = load(file)
    store, name = TrustStore(), fingerprint_of(loaded)
    if revoke:
        click.echo("no longer trusted" if store.revoke(name) else "it wasn't trusted")
        return 0
    found = consequences(loaded)
    if not found:
        click.echo(f"{file}: nothing in it sends, deletes, pays or installs, as far as its words tell")
        return 0
    for each in found:
        line, _ = loaded.where(each.path)
        click.echo(visible(f"line {line}: {each.words}: {each.reason}"))
    if not yes and not click.confirm("Shall it do this without asking each time?"):
        return 4
    store.trust(name, loaded.flow.flow, trust_in(loaded).steps)
    click.echo("trusted, until the flow or its lock changes; `qvl-agent flow trust --revoke` takes it back")
    return 0


def show_items(
    file: Path, *, data: Path | None, queue: Path | None, done: str | None, again: str | None, as_json: bool
) -> None:
    """Print the items of a queue that aren't done, or settle a parked one."""
    loaded = load(file)
    path = queue or queue_file(loaded, data_file(loaded, data))
    with Queue.open(path) as opened:
        opened.recover()  # of workers that died, so that what they left can be settled
        for key, answer in ((done, "done"), (again, "again")):
            if key is not None:
                opened.resolve(key, answer)  # type: ignore[arg-type]
                click.echo(f"item {visible(key)}: settled as {answer}")
        if done is not None or again is not None:
            return
        for entry in opened.items():
            if as_json:
                facts = {
                    "key": entry.key,
                    "row": entry.number,
                    "status": entry.status,
                    "message": entry.message,
                }
                click.echo(json.dumps({**facts, "where": entry.where}))
            elif entry.status not in {"done", "skipped"}:
                why = f": {entry.message}" if entry.message else ""
                click.echo(visible(f"row {entry.number}  {entry.key}  {entry.status}{why}"))
        if not as_json:
            click.echo(
                ", ".join(f"{number} {status}" for status, number in opened.counts().items() if number)
            )


def _assigned(assignments: tuple[str, ...]) -> dict[str, str]:
    """Read each NAME=VALUE.

    Raises:
        click.UsageError: one isn't written so.
    """
    values: dict[str, str] = {}
    for each in assignments:
        name, equals, value = each.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"--set: expected NAME=VALUE, got {each!r}")
        values[name.strip()] = value
    return values
