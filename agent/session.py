"""Open what a run needs: a desktop by its name, and the model that the settings choose."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.lock import hold_display
from qvl_agent.actions.errors import SettingsError
from qvl_agent.actions.messages import Reply
from qvl_agent.agent.history import compacted
from qvl_agent.agent.models import Model
from qvl_agent.agent.settings import Settings, load_settings
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.recording import RecordedStep, Recording
from qvl_agent.sandbox.replay import Think
from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox, parse_sandbox_name

if TYPE_CHECKING:
    from qvl_agent.agent.models.openai_server import OpenAIModel

__all__ = ["open_desktop", "open_model", "open_model_for", "open_server", "open_thinker"]

_SANDBOX: Final = "sandbox:"
_NO_MODEL: Final = (
    "no model is set: --model FOLDER_OR_HUB_ID runs a Qwen3-VL here, "
    "--server URL --model NAME asks a server; or see it work with `qvl-agent demo`"
)


@contextmanager
def open_desktop(name: str = "local", *, monitor: int = 1) -> Iterator[Desktop]:
    """Open a desktop, and hold its display so that no second agent acts on it.

    Args:
        name: "local", an X display such as ":1", or "sandbox:APP[/TASK][?seed=N]".
        monitor: which monitor to look at, from 1.

    Raises:
        SettingsError: no such desktop.
        NoScreenError: there is no usable screen.
        DisplayBusyError: another agent holds the display.
    """
    with ExitStack() as stack:
        if name.startswith(_SANDBOX):
            app, task, seed = parse_sandbox_name(name)
            sandbox = stack.enter_context(open_sandbox(app, task=task, seed=seed))
            stack.enter_context(hold_display(sandbox.display.name))
            yield SandboxDesktop(sandbox, name)
            return
        if name != "local" and not name.startswith(":"):
            raise SettingsError(f"no desktop '{name}'; choose local, an X display like :1, or sandbox:chat")
        desktop = open_local(None if name == "local" else name, monitor=monitor)
        stack.callback(desktop.close)
        stack.enter_context(hold_display(desktop.name))
        yield desktop


@contextmanager
def open_model(name: str = "", *, desktop: Desktop | None = None, **settings: object) -> Iterator[Model]:
    """Open a model for a script.

    Args:
        name: a checkpoint's folder or hub id; with `server=` a server's model; or "oracle", which
            works on a sandbox's `desktop` alone.
        desktop: the sandbox's desktop, for the oracle.
        settings: anything in `Settings`: server, device, max_picture_tokens and so on.

    Raises:
        SettingsError: a setting that doesn't exist or doesn't fit.
        ModelError: the model can't be loaded or reached.
    """
    with open_model_for(load_settings({"model": name or None, **settings}), desktop) as model:
        yield model


@contextmanager
def open_model_for(
    settings: Settings, desktop: Desktop | None = None, *, stand_in: bool = False
) -> Iterator[Model]:
    """Open the model that the settings choose; `stand_in` allows the oracle where they choose none."""
    model = _choose(settings, desktop, stand_in=stand_in)
    try:
        yield model
    finally:
        model.close()


def _choose(settings: Settings, desktop: Desktop | None, *, stand_in: bool) -> Model:
    unset = not settings.model and not settings.server
    if settings.model == "oracle" or (unset and stand_in):
        if not isinstance(desktop, SandboxDesktop):
            raise SettingsError("the oracle reads a sandbox's widgets; use it with --desktop sandbox:chat")
        return Oracle(desktop.sandbox, settings.dialect)
    if unset:
        raise SettingsError(_NO_MODEL)
    return open_server(settings) if settings.server else _open_checkpoint(settings)


def _open_checkpoint(settings: Settings) -> Model:
    from qvl_agent.agent.models.transformers_local import TransformersModel

    return TransformersModel(
        settings.model,
        device=settings.device,
        dtype=settings.dtype,
        max_picture_tokens=settings.max_picture_tokens,
        max_new_tokens=settings.max_reply_tokens,
        temperature=settings.temperature,
    )


def open_server(settings: Settings) -> "OpenAIModel":
    """Open the server that the settings name; where it serves one model alone, no name is needed.

    Raises:
        SettingsError: the server serves several models and none was named.
        ModelError: it has to be asked what it serves, and doesn't say.
    """
    model = _server_model(settings, settings.model)
    if settings.model:
        return model
    known = model.models()
    model.close()
    if len(known) != 1:
        raise SettingsError(
            f"name one of the server's models with --model: {', '.join(known) or 'it has none'}"
        )
    return _server_model(settings, known[0])


def _server_model(settings: Settings, name: str) -> "OpenAIModel":
    from qvl_agent.agent.models.openai_server import OpenAIModel

    return OpenAIModel(
        settings.server,
        name,
        api_key=settings.api_key.get_secret_value() if settings.api_key else None,
        max_picture_tokens=settings.max_picture_tokens,
        max_new_tokens=settings.max_reply_tokens,
        temperature=settings.temperature,
        timeout_s=settings.timeout,
        allow_remote=settings.allow_remote,
    )


@contextmanager
def open_thinker(settings: Settings) -> Iterator[Think]:
    """Open a model that answers recorded steps: it gets the words and screens that were recorded."""
    with open_model_for(settings) as model:

        def think(step: RecordedStep, recording: Recording) -> Reply:
            messages = compacted(recording.messages(step))
            return model.reply(messages, stop=lambda: False)

        yield think
