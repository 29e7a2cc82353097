"""The command line: the only place that prints or exits.

Nothing heavy is imported before a command runs, so that `--help` is quick.
"""

import difflib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qvl_agent.actions.errors import RecordingError
from qvl_agent.agent.exit_codes import EXIT_CODES, errors_to_codes, exit_code
from qvl_agent.agent.options import COMMON_OPTIONS, DESKTOP_OPTIONS, MODEL_OPTIONS, RUN_OPTIONS
from qvl_agent.agent.secret_cli import secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qvl_agent.agent.agent import Run
    from qvl_agent.agent.doctor import Finding
    from qvl_agent.agent.resume_command import Resuming
    from qvl_agent.agent.settings import Settings

__all__ = ["exit_code", "main"]


class TaskGroup(click.Group):
    """A group whose first word may be a task instead of a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        first = args[0] if args else "--help"
        if first not in self.commands and first not in ("--help", "-h", "--version"):
            self._no_typo(first, ctx)
            args = ["run", *args]
        return super().parse_args(ctx, args or ["--help"])

    def _no_typo(self, word: str, ctx: click.Context) -> None:
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
    qvl-agent demo                                  see it work, without a model
    qvl-agent stop                                  end a run, from another terminal
    qvl-agent resume RUN                            go on with one that was cut off
    qvl-agent "log in with {{secret:bank-pin}}"     type what no model sees: see `qvl-agent secret`

    `qvl-agent run --help` lists the options of the main job.
    """  # noqa: D301 - click wants the backspace


main.add_command(secret)


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
            return _replay(Path(str(dry_run)), options)
    if task is None or not task.strip():
        raise click.UsageError('Say what to do: qvl-agent "uncheck the pinned chat"')
    return _run(task, options, profile="dry-run" if dry_run else None)


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

    APP is chat, settings or form, or APP/TASK. Where no Qwen3-VL is configured, a stand-in answers
    that reads the application's widgets; the first line says so.
    """
    from qvl_agent.agent.report import write_report

    settings = _settings(options, desktop=f"sandbox:{app}?seed={seed}")
    done = _play(None, settings, options, stand_in=True)
    page = done.folder / "report.html"
    try:
        write_report(done.recording(), page)
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
    from qvl_agent.agent.resume_command import resuming

    again = resuming(recording, _flags(options), file=options["config"])
    return exit_code(_play(again.task, again.settings, options, again=again).result)


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
    return _replay(recording, options)


@main.command()
@click.argument("recording", metavar="RUN", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page to write [RUN/report.html].")
@click.option("--open", "open_report", is_flag=True, help="Open it in the browser.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def show(recording: Path, output: Path | None, open_report: bool, verbose: bool) -> None:
    """Write a run as one self-contained HTML page."""
    del verbose
    from qvl_agent.agent.report import write_report
    from qvl_agent.sandbox.recording import Recording

    page = output or recording / "report.html"
    write_report(Recording.open(recording), page)
    click.echo(page)
    if open_report:
        click.launch(str(page))


@main.command(epilog=EXIT_CODES)
@click.option("--quick", is_flag=True, help="Ask the model for five targets, not twelve.")
@click.option(
    "--pointing/--no-pointing",
    default=None,
    help="Ask the model for known targets on drawn screens, or don't; by default, if one is configured.",
)
@DESKTOP_OPTIONS
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def doctor(quick: bool, pointing: bool | None, **options: Any) -> int:
    """Check display, permissions, packages, GPU, model and server, and name what to do.

    With --model or --server it also asks the model where things are on screens it draws, and says whether
    it points right, what it sees of a picture, how long a step takes, and the likely fault if it doesn't.
    No input is ever sent.
    """
    from qvl_agent.agent.doctor import examine
    from qvl_agent.agent.terminal import print_findings
    from qvl_agent.agent.terminal_pointing import configured, figures, watched

    settings = _settings(options)
    show = _print_json_findings if options["as_json"] else print_findings
    found = examine(settings)
    show(found)
    code = 69 if any(finding.state == "bad" for finding in found) else 0
    if pointing is None:
        pointing = configured(settings)
    if pointing:
        examined = watched(settings, quick=quick)
        show(examined.findings)
        if options["as_json"] and (line := figures(examined)):
            click.echo(line)
        if any(finding.state == "bad" for finding in examined.findings):
            code = code or 5
    return code


def _print_json_findings(findings: "Sequence[Finding]") -> None:
    for finding in findings:
        click.echo(finding.model_dump_json())


@main.command(epilog=EXIT_CODES)
@click.argument("question")
@click.argument("files", nargs=-1, metavar="[PICTURE|VIDEO|RUN]...", type=click.Path(path_type=Path))
@click.option("--region", metavar="X,Y,W,H", help="Only this part of the screen, in its logical pixels.")
@click.option("--schema", type=click.Path(path_type=Path), metavar="FILE", help="Answer as JSON that fits.")
@click.option("--code", is_flag=True, help="Print only what is inside the answer's code block.")
@click.option(
    "--fps",
    type=click.FloatRange(0, 60, min_open=True),
    default=2.0,
    metavar="N",
    help="Frames a second of a video (2).",
)
@click.option(
    "--max-frames", type=click.IntRange(1, 768), default=32, metavar="N", help="Frames in all, spread (32)."
)
@click.option("--times", type=click.Choice(["seconds", "hms"]), default="seconds", help="A video's times.")
@click.option("--max-reply-tokens", type=int, metavar="N", help="How long the answer may get (8192).")
@DESKTOP_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def ask(question: str, files: tuple[Path, ...], **options: Any) -> int:
    """Ask about the screen, pictures, a video or a recorded run.

    Nothing is clicked, typed or recorded. Without a file it is about the desktop as it is now.
    """
    from qvl_agent.agent.ask_command import AskOptions, ask_in_terminal

    own = AskOptions(**{name: options.pop(name) for name in AskOptions.names()})
    return ask_in_terminal(question, files, own, _settings(options), as_json=options["as_json"])


@main.command()
@click.option("--model", default="auto", metavar="NAME", help="A short name, hub id, folder or .gguf file.")
@click.option(
    "--engine",
    type=click.Choice(["vllm", "sglang", "llama.cpp", "ollama", "xllamacpp"]),
    help="By default the first that is installed.",
)
@click.option(
    "--mmproj", default="", metavar="FILE", help="The vision tower's .gguf, if not beside the model."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; others need a key.")
@click.option("--port", type=int, metavar="N", help="By default the engine's own.")
@click.option("--tensor-parallel", type=click.IntRange(1), default=1, metavar="N", help="Split over N GPUs.")
@click.option("--pipeline-parallel", type=click.IntRange(1), default=1, metavar="N", help="And N machines.")
@click.option("--ray", is_flag=True, help="Run vLLM's workers on a Ray cluster.")
@click.option("--api-key", envvar="QVL_AGENT_API_KEY", default="", metavar="KEY", help="Ask clients for it.")
@click.option("--print", "only_print", is_flag=True, help="Print the command instead of running it.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def serve(engine: str | None, only_print: bool, api_key: str, verbose: bool, **wanted: Any) -> int:
    """Start a server for Qwen3-VL, with the flags that an agent needs.

    It takes the engine that is installed, and listens on this machine alone. Ctrl+C ends it.
    """
    del verbose
    from qvl_agent.agent.secret_sources import taken_from_environment
    from qvl_agent.agent.serve_terminal import serve_in_terminal

    taken_from_environment()  # a server has no use for them

    return serve_in_terminal(engine or "", wanted, key=api_key, only_print=only_print)


@main.command()
@click.option("--display", metavar=":N", help="Only the agent on this X display; by default all of yours.")
@click.option("-v", "--verbose", is_flag=True, help="Show an error's traceback.")
@errors_to_codes
def stop(display: str | None, verbose: bool) -> None:
    """Stop a run that goes on elsewhere on this machine, and let go of mouse and keys at once."""
    del verbose
    from qvl_agent.agent.stop import stop_agents

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
    from qvl_agent.agent.policy_command import policy_lines, policy_text, rule_lines, rule_text

    lines = policy_lines(_flags(options), file=options["config"])
    rules = rule_lines(_flags(options), file=options["config"])
    if options["as_json"]:
        for line in (*map(asdict, lines), *map(asdict, rules)):
            click.echo(json.dumps(line))
    else:
        click.echo("\n".join((*policy_text(lines), *rule_text(rules))))


def _settings(options: dict[str, Any], **more: object) -> "Settings":
    from qvl_agent.agent.settings import load_settings

    return load_settings({**_flags(options), **more}, file=options["config"])


def _flags(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out what isn't a setting."""
    return {name: value for name, value in options.items() if name not in {"config", "as_json", "verbose"}}


def _run(task: str, options: dict[str, Any], profile: str | None) -> int:
    settings = _settings(options, **({"profile": profile} if profile else {}))
    return exit_code(_play(task, settings, options).result)


def _play(
    task: str | None,
    settings: "Settings",
    options: dict[str, Any],
    *,
    stand_in: bool = False,
    again: "Resuming | None" = None,
) -> "Run":
    """Run a task, or the sandbox's own if there is none; or go on with a run."""
    from qvl_agent.actions.desktops.signals import stop_on_signals
    from qvl_agent.actions.reading_rapidocr import open_reader
    from qvl_agent.agent.agent import Agent
    from qvl_agent.agent.question import TerminalPerson
    from qvl_agent.agent.secret_command import secrets_of
    from qvl_agent.agent.session import open_desktop, open_model_for, sent_to
    from qvl_agent.agent.terminal import JsonWatch, TerminalWatch
    from qvl_agent.agent.terminal_choosing import TerminalChoosing
    from qvl_agent.sandbox.session import SandboxDesktop

    secrets = secrets_of(task or "", settings, as_json=options["as_json"])
    choosing = TerminalChoosing(as_json=options["as_json"])
    watch = JsonWatch() if options["as_json"] else TerminalWatch(verbose=options["verbose"])
    if place := sent_to(settings):
        watch.warned(f"pictures of this screen leave this machine: they go to {place}")
    with (
        stop_on_signals() as stop,
        open_desktop(
            settings.desktop,
            monitor=settings.monitor,
            watchdog=settings.watchdog,
            takeover=settings.takeover,
        ) as desktop,
        open_model_for(settings, desktop, stand_in=stand_in, choosing=choosing) as model,
        TerminalPerson.here(as_json=options["as_json"]) as person,
    ):
        agent = Agent(
            desktop,
            model,
            runs=settings.runs,
            dialect=settings.dialect,
            policy=settings.policy.model_copy(update={"secrets": {}}),
            secrets=secrets,
            person=person,
            reader=open_reader(settings.ocr),
            watch=watch,
            stop=stop,
            verify=settings.verify,
            look_closer=settings.look_closer,
            constrain=settings.constrain,
            picture_tokens=settings.max_picture_tokens,
        )
        if again is not None:
            return agent.resume(again.folder, anew=again.anew)
        if task is None and isinstance(desktop, SandboxDesktop):
            task = desktop.sandbox.instruction
        return agent.run(task or "")


def _replay(folder: Path, options: dict[str, Any]) -> int:
    from qvl_agent.agent.session import open_thinker
    from qvl_agent.agent.terminal import print_replay
    from qvl_agent.sandbox.recording import Recording
    from qvl_agent.sandbox.replay import replay as compare

    recording = Recording.open(folder)
    live = options.get("model") or options.get("server")
    if live:
        with open_thinker(_settings(options)) as think:
            report = compare(recording, think)
    else:
        report = compare(recording)
    print_replay(report, as_json=options["as_json"])
    return 0 if report.agreed else 1
