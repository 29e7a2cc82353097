"""The entry point of the command line, `main`, and most of its commands.

Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

import difflib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.agent.cli.flow_commands import flow
from qvl_agent.agent.cli.model_commands import ask, doctor, serve
from qvl_agent.agent.cli.options import COMMON_OPTIONS, DESKTOP_OPTIONS, MODEL_OPTIONS, RUN_OPTIONS
from qvl_agent.agent.cli.runner import flags_of, play, replay_folder, settings_of
from qvl_agent.agent.cli.secret_commands import secret
from qvl_agent.agent.exit_codes import EXIT_CODES, errors_to_codes, exit_code

__all__ = ["exit_code", "main"]


class TaskGroup(click.Group):
    """A group of commands whose first word may be a task: that is then given to `run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else "--help"
        if first not in self.commands and first not in ("--help", "-h", "--version"):
            self._refuse_typo(first, ctx)
            args = ["run", *args]
        return super().parse_args(ctx, args or ["--help"])

    def _refuse_typo(self, word: str, ctx: click.Context) -> None:
        close = difflib.get_close_matches(word, self.commands, n=1, cutoff=0.75)
        if close and " " not in word:
            raise click.UsageError(
                f"No command '{word}'; did you mean '{close[0]}'? If it is a task: qvl-agent run '{word}'",
                ctx,
            )

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        formatter.write_usage("qvl-agent", '"TASK" [OPTIONS]')
        formatter.write_usage("qvl-agent", "COMMAND [ARGS]...", prefix="       ")


@click.group(
    cls=TaskGroup,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="qvl-agent")
def main() -> None:
    """Look at the screen, and do what you say, with a Qwen3-VL on this machine.

    \b
    qvl-agent "uncheck the pinned chat"             on this desktop
    qvl-agent "..." --desktop sandbox:chat          in a virtual display of its own
    qvl-agent "..." --dry-run                       say what it would do first, and do nothing
    qvl-agent demo                                  see it work, with no model of your own
    qvl-agent stop                                  end a run, from another terminal
    qvl-agent resume RUN                            go on with one that was cut off
    qvl-agent "log in with {{secret:bank-pin}}"     type what no model sees: see `qvl-agent secret`

    `qvl-agent run --help` lists the options of the main job.
    """  # noqa: D301 - click wants the backspace


for _command in (flow, secret, doctor, ask, serve):
    main.add_command(_command)


@main.command(epilog=EXIT_CODES)
@click.argument("task", required=False)
@click.option(
    "--dry-run",
    is_flag=False,
    flag_value="live",
    metavar="[RUN]",
    help="Send nothing: say what would be done on the live screen, or replay RUN.",
)
@DESKTOP_OPTIONS
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def run(task: str | None, dry_run: str | None, **options: Any) -> int:
    """Do TASK on a desktop."""
    if dry_run not in (None, "live"):
        if task is None and not (Path(str(dry_run)) / "manifest.json").exists():
            task = dry_run
        else:
            return replay_folder(Path(str(dry_run)), options)
    if task is None or not task.strip():
        raise click.UsageError('Say what to do: qvl-agent "uncheck the pinned chat"')
    settings = settings_of(options, **({"profile": "dry-run"} if dry_run else {}))
    return exit_code(play(task, settings, options).result)


@main.command(epilog=EXIT_CODES)
@click.argument("app", default="chat")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another window.")
@click.option("--open", "open_report", is_flag=True, help="Open the report in the browser.")
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def demo(app: str, seed: int, open_report: bool, **options: Any) -> int:
    """Show it in the sandbox: a real application in a virtual display.

    APP is chat, settings or form, or APP/TASK. Where no Qwen3-VL is configured, one of the program's own
    answers, and the first line says which: nano, a small Qwen3-VL for the sandbox, or the oracle, a
    stand-in that reads the application's widgets. --model chooses.
    """
    from qvl_agent.agent.registry.models import with_stand_in
    from qvl_agent.agent.report.page import ReportWriter

    settings, note = with_stand_in(settings_of(options, desktop=f"sandbox:{app}?seed={seed}"))
    report = ReportWriter()
    done = play(None, settings, options, note=note, subscribers=(report,))
    try:
        page = report.page()
    except RecordingError:
        if done.status == "done":
            raise
        return exit_code(done.result)  # it ended before its first step: there is nothing to show
    if options["as_json"]:
        click.echo(json.dumps({"event": "report", "path": str(page)}))
    else:
        click.echo(f"report: {page}")
    if open_report:
        click.launch(str(page))
    return exit_code(done.result)


@main.command(epilog=EXIT_CODES)
@click.argument("recording", metavar="RUN", type=click.Path(path_type=Path))
@DESKTOP_OPTIONS
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def resume(recording: Path, **options: Any) -> int:
    """Go on with a run that ended before its task was over: killed, stopped, stuck or out of budget.

    It goes on in its own folder, from its last sure step and over a fresh screen, on the desktop and by the
    limits that were recorded. An action of which nobody knows whether it was done is shown, and not
    done again by itself. A limit that you give counts from here: --max-steps 20 is 20 more.
    """
    from qvl_agent.agent.cli.resume import resuming

    again = resuming(recording, flags_of(options), file=options["config"])
    return exit_code(play(again.task, again.settings, options, again=again).result)


@main.command()
@click.argument("recording", metavar="RUN", type=click.Path(path_type=Path))
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def replay(recording: Path, **options: Any) -> int:
    """Run a recording again without a screen, and say what differs.

    With recorded replies everything must be the same; with --model or --server a live model answers
    over the recorded screens, and its target must overlap. Exits 0 only if every step agrees.
    """
    return replay_folder(recording, options)


@main.command()
@click.argument("recording", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page to write [RUN/report.html].")
@click.option("--open", "open_report", is_flag=True, help="Open it in the browser.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def show(recording: Path, output: Path | None, open_report: bool, verbose: bool) -> None:
    """Write a run, of a task or of a flow, as one self-contained HTML page."""
    del verbose
    from qvl_agent.agent.recording.recording import Recording
    from qvl_agent.agent.report.flow_run import is_flow_run, write_flow_run
    from qvl_agent.agent.report.page import write_report

    page = output or recording / "report.html"
    if is_flow_run(recording):
        write_flow_run(recording, page)
    else:
        write_report(Recording.open(recording), page)
    click.echo(page)
    if open_report:
        click.launch(str(page))


@main.command()
@click.option("--display", metavar=":N", help="Only the agent on this X display; by default all of yours.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def stop(display: str | None, verbose: bool) -> None:
    """Stop a run that goes on elsewhere on this machine, and let go of mouse and keys at once."""
    del verbose
    from qvl_agent.actions.desktops.display_lock import stop_agents

    stopped = stop_agents(display)
    for holder in stopped:
        click.echo(f"stopped the agent on {holder.display} (process {holder.pid})")
    if not stopped:
        click.echo("no agent is running" + (f" on {display}" if display else ""))


@main.command()
@RUN_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def policy(**options: Any) -> None:
    """Print the guard's policy in force, and where each line of it comes from.

    The options count as they would for a run. A file may only tighten the policy; flags and the
    environment may loosen it too.
    """
    from qvl_agent.agent.cli.policy import policy_lines, policy_text, rule_lines, rule_text

    lines = policy_lines(flags_of(options), file=options["config"])
    rules = rule_lines(flags_of(options), file=options["config"])
    if options["as_json"]:
        for line in (*map(asdict, lines), *map(asdict, rules)):
            click.echo(json.dumps(line))
    else:
        click.echo("\n".join((*policy_text(lines), *rule_text(rules))))
