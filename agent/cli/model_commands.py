"""The commands about models: `doctor`, `ask` and `serve`; the code behind each is imported when it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qvl_agent.agent.cli.options import COMMON_OPTIONS, DESKTOP_OPTIONS, MODEL_OPTIONS, RUN_OPTIONS
from qvl_agent.agent.cli.runner import settings_of
from qvl_agent.agent.exit_codes import EXIT_CODES, errors_to_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qvl_agent.agent.doctor.environment import Finding

__all__ = ["ask", "doctor", "serve"]


@click.command(epilog=EXIT_CODES)
@click.option("--quick", is_flag=True, help="Ask the model for five targets, not twelve.")
@click.option(
    "--pointing/--no-pointing",
    default=None,
    help="Ask the model for known targets on drawn screens, or don't; by default, if one is configured.",
)
@click.option(
    "--budgets",
    is_flag=True,
    help="Ask with pictures of several sizes too, and say which to take. On a CPU it takes minutes.",
)
@click.option(
    "--hands",
    is_flag=True,
    help="Click, scroll and type once, in a small window that it opens, and say what arrived.",
)
@DESKTOP_OPTIONS
@RUN_OPTIONS
@MODEL_OPTIONS
@COMMON_OPTIONS
@errors_to_codes
def doctor(quick: bool, pointing: bool | None, budgets: bool, hands: bool, **options: Any) -> int:
    """Check display, permissions, packages, GPU, model and server, and name what to do.

    With --model or --server it also asks the model where things are on screens it draws, and says whether
    it points right, what it sees of a picture, how long a step takes, and the likely fault if it doesn't.
    No input is sent, but with --hands.
    """
    from qvl_agent.agent.cli.doctor import configured, figures, show_budgets, watched
    from qvl_agent.agent.doctor.environment import examine
    from qvl_agent.agent.terminal.reporter import print_findings

    settings = settings_of(options)
    show = _print_json_findings if options["as_json"] else print_findings
    found = examine(settings)
    show(found)
    code = 69 if any(finding.state == "bad" for finding in found) else 0
    if hands:
        from qvl_agent.agent.doctor.hands import try_hands

        tried = try_hands(settings)
        show(tried)
        code = code or (69 if any(finding.state == "bad" for finding in tried) else 0)
    if pointing is None:
        pointing = configured(settings)
    if pointing:
        examined = watched(settings, quick=quick)
        show(examined.findings)
        if options["as_json"] and (line := figures(examined)):
            click.echo(line)
        if any(finding.state == "bad" for finding in examined.findings):
            code = code or 5
    if budgets:
        show_budgets(settings, quick=quick, as_json=options["as_json"], echo=click.echo)
    return code


def _print_json_findings(findings: "Sequence[Finding]") -> None:
    for finding in findings:
        click.echo(finding.model_dump_json())


@click.command(epilog=EXIT_CODES)
@click.argument("question")
@click.argument("files", nargs=-1, metavar="[PICTURE|VIDEO|RUN]...", type=click.Path(path_type=Path))
@click.option("--region", metavar="X,Y,W,H", help="Only this part of the screen, in its logical pixels.")
@click.option("--pages", metavar="N,N-M", help="These pages of a picture that has several (the first 8).")
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
    from qvl_agent.agent.cli.ask import AskOptions, ask_in_terminal

    own = AskOptions(**{name: options.pop(name) for name in AskOptions.names()})
    return ask_in_terminal(question, files, own, settings_of(options), as_json=options["as_json"])


@click.command()
@click.option("--model", default="auto", metavar="NAME", help="A short name, hub id, folder or .gguf file.")
@click.option(
    "--engine",
    type=click.Choice(["vllm", "sglang", "llama.cpp", "ollama", "xllamacpp"]),
    help="By default the first that is installed.",
)
@click.option(
    "--mmproj", default="", metavar="FILE", help="The vision tower's .gguf, if not beside the model."
)
@click.option(
    "--image-min-tokens",
    type=click.IntRange(1, 4096),
    default=1024,
    metavar="N",
    help="llama.cpp enlarges pictures of fewer (1024).",
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
    from qvl_agent.agent.serve.engines import Wanted
    from qvl_agent.agent.serve.start import choose_engine, choose_model, line, plan, run
    from qvl_agent.agent.terminal.chooser import TerminalChooser

    taken_from_environment()  # a server needs no secrets, and mustn't inherit them
    chosen = choose_engine(engine or "", only_print=only_print)
    model, preset = choose_model(wanted["model"], chosen, TerminalChooser(only_printed=only_print))
    command = plan(chosen, Wanted(**{**wanted, "model": model}, preset=preset, key=bool(api_key)))
    if only_print and command.first:
        click.echo(f"# once the server runs: {command.first}")
    click.echo(line(command, key=bool(api_key)), err=not only_print)
    if only_print:
        return 0
    return run(command, wanted["host"], key=api_key, say=lambda text: click.echo(text, err=True))
