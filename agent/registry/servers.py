"""Models behind an OpenAI-compatible server."""

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.models.choice.presets import is_cloud, is_qwen3_vl, sampling, thinks
from qvl_agent.agent.models.openai.address import is_loopback
from qvl_agent.agent.registry.checkpoints import reply_limit
from qvl_agent.agent.registry.kinds import ModelKind
from qvl_agent.agent.settings import AUTO_NAMES, Settings

if TYPE_CHECKING:
    from qvl_agent.agent.models.openai.server import OpenAIModel

__all__ = ["SERVER", "open_served", "open_server"]

_URL: Final = ("http://", "https://")


def open_server(settings: Settings) -> "OpenAIModel":
    """Open the server that the settings name; where it has one model, or one Qwen3-VL, no name is needed.

    Raises:
        SettingsError: the server has several models and none was named.
        ModelError: it has to be asked what it has, and doesn't say.
    """
    url, name = _address_and_model(settings)
    if name:
        return open_served(settings, url, name)
    asked = open_served(settings, url, "")
    known = asked.models()
    asked.close()
    likely = known if len(known) == 1 else [one for one in known if is_qwen3_vl(one)]
    if len(likely) != 1:
        raise SettingsError(
            f"name one of the server's models with --server-model: {', '.join(known) or 'it has none'}"
        )
    return open_served(settings, url, likely[0])


def open_served(settings: Settings, url: str, name: str) -> "OpenAIModel":
    """Open a server's model by its name; nothing is asked of the server yet.

    Raises:
        SettingsError: the model runs elsewhere, and screens may not leave this machine.
    """
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
        max_new_tokens=reply_limit(settings, thinking=thinks(name)),
        temperature=settings.temperature,
        timeout_s=settings.timeout,
        allow_remote=settings.allow_remote,
        extra=sampled,
    )


def _address_and_model(settings: Settings) -> tuple[str, str]:
    """The server is `server`, or a `model` that is a URL; its model `server_model`, or `model`."""
    if not settings.model.startswith(_URL):
        return settings.server, settings.server_model or (
            "" if settings.model in AUTO_NAMES else settings.model
        )
    if settings.server:
        raise SettingsError(f"both --model and --server are a URL ({settings.model}, {settings.server})")
    return settings.model, settings.server_model


def _sent_to(settings: Settings) -> str:
    """Name the machine that pictures of the screen go to, if it isn't this one; "" if they stay here."""
    url = settings.server or (settings.model if settings.model.startswith(_URL) else "")
    host = urlsplit(url).hostname or ""
    if host and not is_loopback(host):
        return host
    name = settings.server_model or settings.model
    return f"{name}'s provider" if is_cloud(name) else ""


def _examine(settings: Settings) -> str:
    server = open_server(settings)
    try:
        known = server.models()
    finally:
        server.close()
    url = settings.server or settings.model
    if server.name not in known:
        raise ModelError(f"{url} has no model '{server.name}'; it has {', '.join(known) or 'none'}")
    return f"{url} answers and has {server.name}"


SERVER: Final = ModelKind(
    name="server",
    usage="a server's URL",
    claims=lambda settings: bool(settings.server) or settings.model.startswith(_URL),
    open=lambda settings, _desktop, _chooser: open_server(settings),
    examine=_examine,
    sent_to=_sent_to,
)
