"""The options that several commands share; each is a setting of the same name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from qvl_agent.actions.core import limits

__all__ = ["COMMON_OPTIONS", "DESKTOP_OPTIONS", "MODEL_OPTIONS", "RUN_OPTIONS"]


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _bindings(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, dict[str, str]] | None:
    """Read each NAME=APP into the form that a settings file has; None if there is none.

    Raises:
        click.BadParameter: one isn't written so.
    """
    found = {}
    for each in given:
        name, _, application = (part.strip() for part in each.partition("="))
        if not name or not application:
            raise click.BadParameter(
                f"expected NAME=APP, as in bank-pin=firefox, got {each!r}", context, option
            )
        found[name] = {"application": application}
    return found or None


MODEL_OPTIONS: Final = _options(
    click.option(
        "--model",
        metavar="NAME",
        help="auto (what is here), 2b|4b|8b|30b-a3b|32b|235b-a22b with -thinking, -fp8 or -4bit, "
        "a checkpoint's hub id or folder, a server's URL, or, in the sandbox alone, nano (a small one "
        "that ships with it) or oracle.",
    ),
    click.option("--server", metavar="URL", help="An OpenAI-compatible server: http://127.0.0.1:8000/v1."),
    click.option(
        "--server-model", metavar="NAME", help="What the server calls its model, if it has several."
    ),
    click.option("--allow-remote", is_flag=True, default=None, help="Let screens leave this machine."),
    click.option("--dialect", type=click.Choice(["grounded", "computer_use"]), help="How the model answers."),
    click.option("--device", metavar="DEVICE", help="auto, cuda, cuda:1, mps or cpu."),
    click.option(
        "--device-map", metavar="MAP", help="Over several GPUs: auto, balanced, sequential, or a JSON object."
    ),
    click.option("--quantize", type=click.Choice(["none", "4bit"]), help="Load a checkpoint in 4 bits."),
    click.option(
        "--attention", type=click.Choice(["auto", "flash_attention_2", "sdpa", "eager"]), help="Its kernels."
    ),
    click.option("--mmproj", metavar="FILE", help="The vision tower of a .gguf model, if not beside it."),
    click.option("--adapter", metavar="NAME", help="A LoRA adapter over it: a folder or a hub id."),
    click.option(
        "--max-picture-tokens",
        type=int,
        metavar="N",
        help=f"Tokens a screenshot may cost ({limits.PICTURE_TOKENS}).",
    ),
    click.option(
        "--hurry", is_flag=True, help="Smaller pictures: --max-picture-tokens 1024, for a slow machine."
    ),
    click.option(
        "--careful-look",
        is_flag=True,
        help="Larger pictures and a close-up each time: --max-picture-tokens 4096 --look-closer always.",
    ),
    click.option("--temperature", type=float, metavar="T", help="Sampling temperature (0: greedy)."),
    click.option(
        "--constrain", type=click.Choice(["auto", "never"]), help="Keep replies to the format (auto)."
    ),
    click.option(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help=f"How long one reply may take ({limits.REPLY_TIMEOUT_S:g}).",
    ),
)
DESKTOP_OPTIONS: Final = _options(
    click.option(
        "--desktop",
        metavar="NAME",
        help="local, an X display (:1), a Wayland session (wayland-1), vnc://HOST[:PORT], "
        "rdp://USER@HOST[:PORT], or sandbox[-wayland]:APP[/TASK][?seed=N].",
    ),
    click.option("--monitor", type=int, metavar="N", help="Which monitor to look at (1)."),
)
RUN_OPTIONS: Final = _options(
    click.option(
        "--runs", type=click.Path(path_type=Path), metavar="FOLDER", help="Where runs are recorded."
    ),
    click.option(
        "--look-closer",
        type=click.Choice(["auto", "never", "always"]),
        help="Point again in a close-up: at small targets (auto), never, or always.",
    ),
    click.option(
        "--verify",
        type=click.Choice(["auto", "checker", "never"]),
        help="Check a claim of done: by a checker or else the model (auto), only by a checker, or never.",
    ),
    click.option("--no-verify", "verify", flag_value="never", help="The same as --verify never."),
    click.option("--profile", type=click.Choice(["standard", "careful", "unattended"]), help="The guard's."),
    click.option(
        "--ocr", type=click.Choice(["auto", "never"]), help="Read targets' text from the pixels too (auto)."
    ),
    click.option(
        "--app",
        "apps",
        multiple=True,
        callback=lambda _context, _option, names: names or None,
        metavar="NAME",
        help="Keep to this application, and ask elsewhere; may be given several times.",
    ),
    click.option(
        "--secret",
        "secrets",
        multiple=True,
        callback=_bindings,
        metavar="NAME=APP",
        help="Type {{secret:NAME}} of the task into this application alone; may be given several times.",
    ),
    click.option(
        "--watchdog/--no-watchdog", default=None, help="On X11: kill switch, and release after a crash (on)."
    ),
    click.option(
        "--takeover",
        type=click.Choice(["pause", "stop", "ignore"]),
        help="If you move the mouse or type meanwhile (pause; ignore in a sandbox).",
    ),
    click.option(
        "--max-steps", type=int, metavar="N", help=f"Steps before it gives up ({limits.MAX_STEPS})."
    ),
    click.option(
        "--max-seconds", type=float, metavar="S", help=f"Seconds before it gives up ({limits.MAX_SECONDS:g})."
    ),
    click.option(
        "--max-tokens", type=int, metavar="N", help=f"Tokens before it gives up ({limits.MAX_TOKENS})."
    ),
    click.option(
        "--max-approvals",
        type=int,
        metavar="N",
        help=f"Questions to you before it gives up ({limits.MAX_APPROVALS}).",
    ),
)
COMMON_OPTIONS: Final = _options(
    click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Your settings file, instead of your own qvl-agent.toml.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line."),
    click.option(
        "-v", "--verbose", count=True, help="Show the replies, and an error's traceback; -vv the log too."
    ),
    click.option(
        "--log-file",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Write the log of what goes wrong or is slow inside to this file.",
    ),
)
