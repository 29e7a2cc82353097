"""The detection of a server's kind, version and context: asked once, with little time, and not required."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.openai.http import Server
from qvl_agent.agent.models.openai.quirks import QUIRKS, Quirks, ServerName, whole
from qvl_agent.agent.models.openai.refused import Refused, one_line
from qvl_agent.agent.models.openai.stream import bounded, load_object

__all__ = ["About", "identify"]

_SECONDS: Final = 3.0
"""Seconds for all questions together, so that a server that is slow to tell what it is costs little time."""
_OWNERS: Final[Mapping[str, ServerName]] = {
    "vllm": "vLLM",
    "sglang": "SGLang",
    "llamacpp": "llama.cpp",
    "library": "Ollama",
    "organization_owner": "LM Studio",
    "docker": "Docker Model Runner",
}
"""The server by its models' field `owned_by`."""
_PORTS: Final[Mapping[int, ServerName]] = {1234: "LM Studio", 11434: "Ollama", 12434: "Docker Model Runner"}
"""The ports that only one server uses by default; 8000 and 8080 are used by several."""


@dataclass(frozen=True, slots=True)
class About:
    """The facts that a server tells of itself.

    Attributes:
        name: the kind of server; "" if that isn't known.
        version: in the server's own words; "" if it doesn't tell.
        context: the most tokens of a conversation; None if it doesn't tell.
    """

    name: ServerName = ""
    version: str = ""
    context: int | None = None

    @property
    def quirks(self) -> Quirks:
        return QUIRKS[self.name]

    def check_room(self, picture_tokens: int, characters: int) -> None:
        """Refuse a conversation that this server would cut without saying so.

        Args:
            picture_tokens: the image tokens of all pictures together.
            characters: the characters of all texts together; a token has eight of them at most.

        Raises:
            ModelError: the conversation certainly doesn't fit.
        """
        least = picture_tokens + characters // 8
        if self.quirks.drops and self.context is not None and least > self.context:
            raise ModelError(
                f"the conversation has {least} tokens or more, and {self.name} holds {self.context} and "
                f"drops the rest without a word; {self.quirks.more_context}, or lower max_picture_tokens"
            )


async def identify(server: Server, model: str) -> About | None:
    """Find out what a server is; None if it isn't ready to tell, so that it can be asked again later."""
    try:
        async with asyncio.timeout(_SECONDS):
            return await _identify(server, model)
    except (TimeoutError, httpx2.HTTPError):
        return None


async def _identify(server: Server, model: str) -> About | None:
    try:
        async with server.request("GET", "/models") as response:
            header = response.headers.get("server", "")
            listed = load_object(b"".join([chunk async for chunk in bounded(response)]))
    except Refused as refused:
        if refused.status >= 500:
            return None
        header, listed = "", {}
    except ModelError:
        header, listed = "", {}
    entry = _entry(listed.get("data"), model)
    name = _named(server.base_url, header, entry) or await _probed(server)
    return await _more(server, name, entry, model)


def _named(base_url: str, header: str, entry: Mapping[str, Any]) -> ServerName:
    """Find the kind of server by the address, the list of models and the Server header; "" if unknown."""
    if "/engines" in urlsplit(base_url).path:
        return "Docker Model Runner"
    owner = entry.get("owned_by")
    if isinstance(owner, str) and owner in _OWNERS:
        return _OWNERS[owner]
    return "llama.cpp" if header.lower().startswith("llama.cpp") else ""


async def _probed(server: Server) -> ServerName:
    """Find the kind of server by pages that only one kind has, and last by the port; "" if unknown."""
    if "default_generation_settings" in await _get(server, "/props"):
        return "llama.cpp"
    if "version" in await _get(server, "/api/version"):
        return "Ollama"
    if isinstance((await _get(server, "/api/v0/models")).get("data"), list):
        return "LM Studio"
    return _PORTS.get(urlsplit(server.base_url).port or 0, "")


async def _more(server: Server, name: ServerName, entry: Mapping[str, Any], model: str) -> About:
    """Ask for the version and the context, where this kind of server tells them."""
    match name:
        case "llama.cpp":
            props = await _get(server, "/props")
            settings = props.get("default_generation_settings")
            context = whole(settings.get("n_ctx")) if isinstance(settings, dict) else None
            return About(name, _words(props.get("build_info")), context)
        case "Ollama":
            version = _words((await _get(server, "/api/version")).get("version"))
            loaded = _entry((await _get(server, "/api/ps")).get("models"), model)
            return About(name, version, whole(loaded.get("context_length")))
        case "LM Studio":
            known = _entry((await _get(server, "/api/v0/models")).get("data"), model)
            return About(name, "", whole(known.get("loaded_context_length")))
        case "vLLM":
            version = _words((await _get(server, "/version")).get("version"))
            return About(name, version, whole(entry.get("max_model_len")))
        case _:
            return About(name, "", whole(entry.get("max_model_len")))


async def _get(server: Server, path: str) -> Mapping[str, Any]:
    """Fetch a JSON object from a page outside the OpenAI API; empty if there is none."""
    try:
        async with server.request("GET", path, beside=True) as response:
            return load_object(b"".join([chunk async for chunk in bounded(response)]))
    except (Refused, ModelError, httpx2.HTTPError):
        return {}


def _entry(listed: object, model: str) -> Mapping[str, Any]:
    """Return the model's entry in a list, else the first one, else an empty one."""
    entries = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    ours = [item for item in entries if model in (item.get("id"), item.get("name"), item.get("model"))]
    return (ours or entries or [{}])[0]


def _words(value: object) -> str:
    return one_line(value, 60) if isinstance(value, str) else ""
