"""The checks of this machine before a run: what is missing or wrong, and the remedy. They send no input."""

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from qvl_agent.actions.core.errors import QvlError
from qvl_agent.actions.desktops import Desktop, ExactText
from qvl_agent.actions.reading.rapidocr import installed
from qvl_agent.agent.models.choice.memory import total_memory
from qvl_agent.agent.opening import look_at_desktop
from qvl_agent.agent.registry.desktops import SANDBOX
from qvl_agent.agent.registry.lookup import desktop_kind, model_kind
from qvl_agent.agent.registry.models import AUTO
from qvl_agent.agent.registry.nano import in_megabytes, lacking
from qvl_agent.agent.settings import Settings

__all__ = ["Finding", "examine"]

State = Literal["ok", "warn", "bad"]
_GIB: Final = 2**30
_LITTLE_MEMORY: Final = 8 * _GIB
"""Less memory than this is a warning: a 2B checkpoint in bfloat16 takes 4 GiB, and pictures come on top."""
_TYPING: Final[dict[ExactText, tuple[State, str]]] = {
    "any": ("ok", "any text is typed exactly as it is given, or refused"),
    "ascii": ("warn", "only printable ASCII is typed exactly as it is given"),
    "unknown": ("warn", "nobody has tested whether text is typed exactly as it is given"),
}


class Finding(BaseModel):
    """The result of one check.

    Attributes:
        name: what was checked.
        state: "ok", "warn" (some command won't work) or "bad" (the main job won't work).
        fact: what was found.
        remedy: what to do; "" if nothing.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    state: State
    fact: str
    remedy: str = ""


def examine(settings: Settings) -> tuple[Finding, ...]:
    """Check everything that a run needs; what can't be checked is a finding too."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _program, _screen, _sandbox, _nano, _ocr, _transformers, _accelerator, _model, _pictures, _records
    )  # fmt: skip
    return tuple(finding for check in checks for finding in check(settings))


def _program(_settings: Settings) -> Iterator[Finding]:
    yield Finding(
        name="program",
        state="ok",
        fact=f"qvl-agent {version('qvl-agent')}, Python {platform.python_version()}, {platform.platform()}",
    )


def _screen(settings: Settings) -> Iterator[Finding]:
    """Look at the desktop that the settings name; a sandbox would only show its own."""
    try:
        if desktop_kind(settings.desktop) is SANDBOX:
            return
        with look_at_desktop(settings.desktop, monitor=settings.monitor) as desktop:
            yield from _looked_at(desktop, settings.monitor)
    except QvlError as error:
        remedy = "see above, or use --desktop sandbox:chat"
        yield Finding(name="screen", state="bad", fact=str(error), remedy=remedy)


def _looked_at(desktop: Desktop, monitor: int) -> Iterator[Finding]:
    frame = desktop.grab()
    width, height = frame.size
    which = f"{desktop.name}, monitor {monitor} of {len(desktop.geometry().monitors)}"
    fact = f"{which}: {width}x{height}, scale {frame.scale:g}"
    if (frame.pixels == frame.pixels[0, 0]).all():
        yield Finding(
            name="screen",
            state="warn",
            fact=f"{fact}, all one colour",
            remedy="unlock the screen; on macOS allow screen recording for the terminal",
        )
    else:
        yield Finding(name="screen", state="ok", fact=fact)
    able = desktop.capabilities
    if able.pointer:
        pointer = desktop.pointer()
        yield Finding(name="input", state="ok", fact=f"open; the pointer is at ({pointer.x}, {pointer.y})")
    if not able.windows:
        yield Finding(
            name="windows",
            state="warn",
            fact=f"{desktop.name} can't tell applications apart, so rules about them ask or refuse",
        )
    yield Finding(name="typing", state=_TYPING[able.exact_text][0], fact=_TYPING[able.exact_text][1])
    if not able.watchdog:
        yield Finding(name="watchdog", state="warn", fact="none here: Ctrl+C is the only way to stop a run")


def _sandbox(_settings: Settings) -> Iterator[Finding]:
    if not sys.platform.startswith("linux"):
        yield Finding(name="sandbox", state="warn", fact="needs Linux: it is a virtual X display")
        return
    missing = [program for program in ("Xvfb", "openbox") if not shutil.which(program)]
    if missing:
        yield Finding(
            name="sandbox",
            state="warn",
            fact=f"not found: {', '.join(missing)}",
            remedy="sudo apt-get install xvfb openbox",
        )
    yield _package("PySide6", "PySide6-Essentials", "sandbox", "the sandbox's applications")
    if not missing and find_spec("PySide6"):
        yield Finding(name="sandbox", state="ok", fact="Xvfb, openbox and PySide6 are here")


def _nano(_settings: Settings) -> Iterator[Finding]:
    why, _, remedy = lacking().partition("; ")
    fact = f"a small Qwen3-VL for the sandbox ({in_megabytes():.0f} MB): qvl-agent demo --model nano"
    yield Finding(name="nano", state="warn" if why else "ok", fact=why or fact, remedy=remedy)


def _ocr(settings: Settings) -> Iterator[Finding]:
    if settings.ocr == "never":
        yield Finding(
            name="ocr",
            state="warn",
            fact="off: the guard has only the model's word for what a target is",
            remedy="leave out --ocr never",
        )
    elif installed():
        yield Finding(name="ocr", state="ok", fact=f"rapidocr {version('rapidocr')} reads targets' text")
    else:
        yield Finding(
            name="ocr",
            state="warn",
            fact="not installed; the guard has only the model's word for what a target is",
            remedy="pip install 'qvl-agent[ocr]'",
        )


def _transformers(_settings: Settings) -> Iterator[Finding]:
    yield _package("xllamacpp", "xllamacpp", "llama", "running GGUF files in this program")
    for module in ("torch", "transformers"):
        yield _package(module, module, "transformers", "running a checkpoint in this program")
    yield _package("llguidance", "llguidance", "constrained", "keeping a checkpoint's replies to the format")


def _package(module: str, distribution: str, extra: str, purpose: str) -> Finding:
    try:
        return Finding(name=distribution, state="ok", fact=version(distribution))
    except PackageNotFoundError:
        pass
    return Finding(
        name=distribution if find_spec(module) is None else module,
        state="warn",
        fact=f"not installed; only {purpose} needs it",
        remedy=f"pip install 'qvl-agent[{extra}]'",
    )


def _accelerator(_settings: Settings) -> Iterator[Finding]:
    memory = total_memory()
    low = memory < _LITTLE_MEMORY
    yield Finding(
        name="memory",
        state="warn" if low else "ok",
        fact=f"{memory / _GIB:.1f} GiB",
        remedy="too little for a checkpoint here; use a server on another machine of yours" if low else "",
    )
    if find_spec("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            yield Finding(name="gpu", state="ok", fact=f"{about.name}, {about.total_memory / _GIB:.1f} GiB")
    elif torch.backends.mps.is_available():
        yield Finding(name="gpu", state="ok", fact="Apple's Metal (mps)")
    else:
        yield Finding(
            name="gpu",
            state="warn",
            fact=f"none that torch {torch.__version__} can use",
            remedy="a CPU takes 10 s to minutes a step with a 2B; llama.cpp is the lightest: --model 2b-q4",
        )


def _model(settings: Settings) -> Iterator[Finding]:
    kind = model_kind(settings)
    if kind is AUTO:
        yield from _auto()
        return
    try:
        yield Finding(name="model", state="ok", fact=kind.examine(settings))
    except QvlError as error:
        yield Finding(name="model", state="bad", fact=str(error), remedy="then run doctor again")


def _pictures(settings: Settings) -> Iterator[Finding]:
    """Name the machine that pictures of the screen would go to."""
    if place := model_kind(settings).sent_to(settings):
        yield Finding(
            name="pictures",
            state="warn",
            fact=f"pictures of the screen would leave this machine: they go to {place}",
        )
    else:
        yield Finding(name="pictures", state="ok", fact="pictures of the screen stay on this machine")


def _auto() -> Iterator[Finding]:
    """Find which model `--model auto` would take, and why, and what each other one would."""
    from qvl_agent.agent.models.choice.auto import (
        Checkpoint,
        Gguf,
        Offer,
        Served,
        look_around,
        other_models,
    )

    found = look_around()
    if isinstance(found, Served | Checkpoint | Gguf):
        yield Finding(name="model", state="ok", fact=f"auto would take this: {found.why}")
    elif isinstance(found, Offer):
        yield Finding(
            name="model",
            state="warn",
            fact=f"none is here; auto would offer to download {found.what}, {found.why}",
            remedy=f"{found.command}, or start a server: qvl-agent serve; the demo needs neither",
        )
    else:
        yield Finding(
            name="model",
            state="warn",
            fact=f"none: {found.why}",
            remedy="start a server (qvl-agent serve), or name one with --model; the demo needs neither",
        )
    for name, engine, needed, fits in other_models(found.why):
        room = "" if fits else ", which auto doesn't take here"
        yield Finding(
            name="also here",
            state="ok",
            fact=f"{name}, by {engine}: {needed / _GIB:.1f} GiB with a conversation{room}",
        )


def _records(settings: Settings) -> Iterator[Finding]:
    folder = _existing(settings.runs)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding(
            name="records",
            state="bad",
            fact=f"{folder} can't be written: {error.strerror}; nothing is done without a record",
            remedy="name another folder with --runs",
        )
        return
    free = shutil.disk_usage(folder).free
    yield Finding(
        name="records",
        state="ok" if free > _GIB else "warn",
        fact=f"{settings.runs}, {free / _GIB:.0f} GiB free",
        remedy="" if free > _GIB else "make room: a run takes 5-50 MiB",
    )


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
