"""Open what a run needs: a desktop by its name, and the model that the settings choose."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.display_lock import hold_display
from qvl_agent.actions.desktops.watchdog.client import Takeover, Watchdog
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.choice.auto import (
    SILENT,
    Checkpoint,
    Choosing,
    Offer,
    Served,
    look_around,
    named,
    nothing_here,
)
from qvl_agent.agent.models.choice.found import is_cloud, on_disk
from qvl_agent.agent.models.choice.presets import find_preset, is_qwen3_vl, reply_tokens, sampling, thinks
from qvl_agent.agent.models.openai.address import is_loopback
from qvl_agent.agent.nano import NANO, is_nano, only_in_a_sandbox, place, suited
from qvl_agent.agent.recording.recording import RecordedStep, Recording
from qvl_agent.agent.recording.replay.replay import Think
from qvl_agent.agent.run.history import compacted
from qvl_agent.agent.settings import Settings, load_settings
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox, parse_sandbox_name

if TYPE_CHECKING:
    from qvl_agent.agent.models.openai.server import OpenAIModel

__all__ = ["open_desktop", "open_model", "open_model_for", "open_server", "open_thinker", "sent_to"]

_SANDBOX: Final = "sandbox:"
_URL: Final = ("http://", "https://")
_AUTO: Final = ("", "auto")


@contextmanager
def open_desktop(
    name: str = "local", *, monitor: int = 1, watchdog: bool = True, takeover: Takeover | None = None
) -> Iterator[Desktop]:
    """Open a desktop, and hold its display so that no second agent acts on it.

    Args:
        name: "local", an X display such as ":1", or "sandbox:APP[/TASK][?seed=N]".
        monitor: which monitor to look at, from 1.
        watchdog: on X11, let a process beside this one hold the kill switch and release what is down.
        takeover: whether the person's own mouse and keys stop a run; by default not in a sandbox.

    Raises:
        SettingsError: no such desktop.
        NoScreenError: there is no usable screen.
        DisplayBusyError: another agent holds the display.
    """
    with ExitStack() as stack:
        if name.startswith(_SANDBOX):
            app, task, seed = parse_sandbox_name(name)
            sandbox = stack.enter_context(open_sandbox(app, task=task, seed=seed))
            desktop: Desktop = SandboxDesktop(sandbox, name)
            hold = stack.enter_context(hold_display(sandbox.display.name))
        else:
            desktop = _open_real(name, monitor)
            stack.callback(desktop.close)
            hold = stack.enter_context(hold_display(desktop.name))
        if watchdog and desktop.capabilities.watchdog:
            reaction = takeover or ("ignore" if name.startswith(_SANDBOX) else "pause")
            desktop.watchdog = stack.enter_context(
                Watchdog(desktop.display, takeover=reaction, started=hold.watched_by)
            )
        yield desktop


def _open_real(name: str, monitor: int) -> Desktop:
    if name != "local" and not name.startswith(":"):
        raise SettingsError(f"no desktop '{name}'; choose local, an X display like :1, or sandbox:chat")
    return open_local(None if name == "local" else name, monitor=monitor)


@contextmanager
def open_model(name: str = "", *, desktop: Desktop | None = None, **settings: object) -> Iterator[Model]:
    """Open a model for a script.

    Args:
        name: "auto"; a short name such as "8b"; a checkpoint's folder or hub id; a server's URL; with
            `server=` a server's model; or "nano" or "oracle", which work on a sandbox's `desktop` alone.
            What is named is downloaded if it isn't here; "auto" never downloads.
        desktop: the sandbox's desktop, for nano and the oracle.
        settings: anything in `Settings`: server, device, max_picture_tokens and so on.

    Raises:
        SettingsError: a setting that doesn't exist or doesn't fit.
        ModelError: the model can't be loaded or reached.
    """
    wanted = load_settings({"model": name or None, **settings})
    only_in_a_sandbox(wanted, desktop.name if desktop else "")
    with open_model_for(wanted, desktop) as model:
        yield model


@contextmanager
def open_model_for(
    settings: Settings,
    desktop: Desktop | None = None,
    *,
    choosing: Choosing = SILENT,
) -> Iterator[Model]:
    """Open the model that the settings choose.

    Args:
        settings: they name it, or leave it to "auto".
        desktop: the sandbox's desktop, for the oracle.
        choosing: told what "auto" takes, and asked before a download.
    """
    model = _choose(settings, desktop, choosing)
    try:
        yield model
    finally:
        model.close()


def _choose(settings: Settings, desktop: Desktop | None, choosing: Choosing) -> Model:
    if settings.server or settings.model.startswith(_URL):
        return open_server(settings)
    if settings.model == "oracle":
        return _oracle(settings, desktop)
    if is_nano(settings):
        return _open_checkpoint(suited(settings), place(), called=NANO)
    if settings.model not in _AUTO:
        return _open_named(settings, choosing)
    match found := look_around():
        case Served():
            choosing.chosen(found.why)
            return _server_model(settings, found.url, found.model)
        case Checkpoint():
            choosing.chosen(found.why)
            return _open_checkpoint(settings, found.found.place, thinking=found.found.thinking)
        case Offer() if choosing.download(found):
            return _open_checkpoint(settings, found.hub_id)
        case _:
            raise nothing_here(found)


def _oracle(settings: Settings, desktop: Desktop | None) -> Model:
    if not isinstance(desktop, SandboxDesktop):
        raise SettingsError("the oracle reads a sandbox's widgets; use it with --desktop sandbox:chat")
    return Oracle(desktop.sandbox, settings.dialect)


def _open_named(settings: Settings, choosing: Choosing) -> Model:
    """Open the checkpoint of a short name, a hub id or a folder; what isn't here is fetched if it may be."""
    preset = find_preset(settings.model)
    name = preset.hub_id if preset else settings.model
    four_bits = preset is not None and preset.weights == "4bit"
    thinking = preset.thinking if preset else thinks(name)
    if preset and "max_picture_tokens" not in settings.model_fields_set:
        settings = settings.model_copy(update={"max_picture_tokens": preset.picture_tokens})
    here = on_disk(name)
    if here is None:
        offer = named(name, preset)
        if not choosing.download(offer):
            raise nothing_here(offer)
    return _open_checkpoint(settings, here or name, thinking=thinking, four_bits=four_bits)


def _open_checkpoint(
    settings: Settings,
    place: str,
    *,
    thinking: bool = False,
    four_bits: bool = False,
    called: str = "",
) -> Model:
    from qvl_agent.agent.models.checkpoint.model import TransformersModel
    from qvl_agent.agent.models.checkpoint.options import LoadOptions

    return TransformersModel(
        place,
        called=called,
        device=settings.device,
        dtype=settings.dtype,
        options=LoadOptions(
            four_bits=four_bits or settings.quantize == "4bit",
            adapter=settings.adapter,
            attention=settings.attention,
            device_map=settings.device_map,
        ),
        max_picture_tokens=settings.max_picture_tokens,
        max_new_tokens=_reply_tokens(settings, thinking=thinking),
        temperature=settings.temperature,
        top_p=sampling(thinking=thinking).top_p,
    )


def _reply_tokens(settings: Settings, *, thinking: bool) -> int:
    """What the person set, or what the kind of model needs."""
    given = "max_reply_tokens" in settings.model_fields_set
    return settings.max_reply_tokens if given else reply_tokens(thinking=thinking)


def open_server(settings: Settings) -> "OpenAIModel":
    """Open the server that the settings name; where it has one model, or one Qwen3-VL, no name is needed.

    Raises:
        SettingsError: the server has several models and none was named.
        ModelError: it has to be asked what it has, and doesn't say.
    """
    url, name = _server_and_model(settings)
    if name:
        return _server_model(settings, url, name)
    asked = _server_model(settings, url, "")
    known = asked.models()
    asked.close()
    likely = known if len(known) == 1 else [one for one in known if is_qwen3_vl(one)]
    if len(likely) != 1:
        raise SettingsError(
            f"name one of the server's models with --server-model: {', '.join(known) or 'it has none'}"
        )
    return _server_model(settings, url, likely[0])


def sent_to(settings: Settings) -> str:
    """Name the machine that pictures of the screen go to, if it isn't this one; "" if they stay here."""
    url = settings.server or (settings.model if settings.model.startswith(_URL) else "")
    host = urlsplit(url).hostname or ""
    if host and not is_loopback(host):
        return host
    name = settings.server_model or settings.model
    return f"{name}'s provider" if is_cloud(name) else ""


def _server_and_model(settings: Settings) -> tuple[str, str]:
    """The server is `server`, or a `model` that is a URL; its model `server_model`, or `model`."""
    if not settings.model.startswith(_URL):
        return settings.server, settings.server_model or ("" if settings.model in _AUTO else settings.model)
    if settings.server:
        raise SettingsError(f"both --model and --server are a URL ({settings.model}, {settings.server})")
    return settings.model, settings.server_model


def _server_model(settings: Settings, url: str, name: str) -> "OpenAIModel":
    from qvl_agent.agent.models.openai.server import OpenAIModel

    if is_cloud(name) and not settings.allow_remote:
        raise SettingsError(
            f"{name} runs elsewhere, and pictures of your screen would leave this machine; "
            "take a local model, or allow it with --allow-remote"
        )
    # A key is for the server that was named with it, never for one that was found.
    released = sampling(thinking=thinks(name))
    sampled = {"top_p": released.top_p, "top_k": released.top_k} if settings.temperature > 0 else None
    key = settings.api_key if url in (settings.server, settings.model) else None
    return OpenAIModel(
        url,
        name,
        api_key=key.get_secret_value() if key else None,
        max_picture_tokens=settings.max_picture_tokens,
        max_new_tokens=_reply_tokens(settings, thinking=thinks(name)),
        temperature=settings.temperature,
        timeout_s=settings.timeout,
        allow_remote=settings.allow_remote,
        extra=sampled,
    )


@contextmanager
def open_thinker(settings: Settings) -> Iterator[Think]:
    """Open a model that answers recorded steps: it gets the words and screens that were recorded."""
    with open_model_for(settings) as model:

        def think(step: RecordedStep, recording: Recording) -> Reply:
            messages = compacted(recording.messages(step))
            asked = model
            if settings.constrain == "auto":
                asked = model.with_format(reply_format(recording.manifest.dialect))
            return asked.reply(messages, stop=lambda: False)

        yield think
