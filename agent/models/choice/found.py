"""What is on this machine already: servers that run, and checkpoints in the hubs' caches.

Only loopback addresses are asked, and only for the list of their models; the caches are folders that
are looked at. Nothing is started, and nothing leaves the machine.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.checkpoint.files import check, is_hub_id
from qvl_agent.agent.models.choice.presets import Size, is_cloud, is_qwen3_vl, size_in, thinks

__all__ = [
    "LOCAL_SERVERS",
    "CachedCheckpoint",
    "LocalServer",
    "RunningServer",
    "cached_checkpoints",
    "hugging_face_cache",
    "on_disk",
    "running_servers",
]

_log = logging.getLogger(__name__)

_FIRST_PERSON: Final = 1000
"""Linux gives system services the user ids below, and people those from here on."""
_HUB: Final = "Hugging Face"


@dataclass(frozen=True, slots=True)
class LocalServer:
    """Where an engine listens unless told otherwise."""

    engine: str
    url: str


LOCAL_SERVERS: Final = (
    LocalServer("vLLM", "http://127.0.0.1:8000/v1"),
    LocalServer("SGLang", "http://127.0.0.1:30000/v1"),
    LocalServer("llama.cpp", "http://127.0.0.1:8080/v1"),
    LocalServer("Ollama", "http://127.0.0.1:11434/v1"),
    LocalServer("LM Studio", "http://127.0.0.1:1234/v1"),
    LocalServer("Docker Model Runner", "http://127.0.0.1:12434/engines/v1"),
)
"""The usual ports, in the order in which they are preferred."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answered, and the Qwen3-VL models it has; the one to take first."""

    engine: str
    url: str
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CachedCheckpoint:
    """A whole checkpoint on the disk.

    Attributes:
        name: its hub id.
        cache: "Hugging Face" or "ModelScope".
        size: read from the name; None for a size that was never released.
        thinking: read from the name.
        quantization: "" or what config.json calls it, such as "fp8".
        weight_bytes: of its files.
    """

    name: str
    folder: Path
    cache: str
    size: Size | None
    thinking: bool
    quantization: str
    weight_bytes: int

    @property
    def place(self) -> str:
        """What to load: the hub id where the hub's client finds it, else the folder."""
        return self.name if self.cache == _HUB else str(self.folder)


def running_servers(
    places: Sequence[LocalServer] = LOCAL_SERVERS, *, timeout_s: float = 1.0
) -> tuple[RunningServer, ...]:
    """Ask all places at once which models they have; those with a Qwen3-VL come back, in the order given.

    A port that another person of this machine listens on is passed over: whoever answers there would
    see the screen and say what to do.
    """
    mine = [place for place in places if _is_trusted(urlsplit(place.url).port or 0)]
    with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop of its own
        listed = thread.submit(asyncio.run, _ask_all(mine, timeout_s)).result()
    return tuple(
        RunningServer(place.engine, place.url, names)
        for place, models in zip(mine, listed, strict=True)
        if (names := _best_first(models))
    )


async def _ask_all(places: Sequence[LocalServer], timeout_s: float) -> list[tuple[str, ...]]:
    return await asyncio.gather(*(_ask(place.url, timeout_s) for place in places))


async def _ask(url: str, timeout_s: float) -> tuple[str, ...]:
    from qvl_agent.agent.models.openai.http import Refused, Server  # noqa: PLC0415 - heavy

    server = Server(url, "", allow_remote=False)
    try:
        return await server.within(timeout_s, server.models)
    except (ModelError, Refused):  # nobody there, or something that isn't a model server
        return ()


def _best_first(models: Sequence[str]) -> tuple[str, ...]:
    """The Qwen3-VL models among a server's, the larger first; models that run elsewhere aren't among them."""
    seen = [name for name in models if is_qwen3_vl(name) and not is_cloud(name)]
    return tuple(sorted(seen, key=lambda name: -(size.parameters if (size := size_in(name)) else 0)))


def _is_trusted(port: int) -> bool:
    """Whether this person or a service of the system listens there; where Linux doesn't say, yes."""
    if not sys.platform.startswith("linux"):
        return True
    owners = _listeners(port)
    return all(owner < _FIRST_PERSON or owner == os.getuid() for owner in owners)


def _listeners(port: int, tables: Sequence[str] = ("/proc/net/tcp", "/proc/net/tcp6")) -> set[int]:
    """The user ids that listen on a port, from the kernel's tables of sockets (proc(5))."""
    found = set[int]()
    for table in tables:
        try:
            rows = Path(table).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:  # 0A: TCP_LISTEN
                found.add(int(fields[7]))
    return found


def cached_checkpoints() -> tuple[CachedCheckpoint, ...]:
    """Look into the caches for Qwen3-VL checkpoints that are whole, the larger first."""
    found = [
        checkpoint
        for cache, name, folder in (*hugging_face_cache(), *_modelscope())
        if is_qwen3_vl(name) and (checkpoint := _checkpoint(cache, name, folder))
    ]
    return tuple(sorted(found, key=lambda one: -(one.size.parameters if one.size else 0)))


def on_disk(name: str) -> str | None:
    """Say what to load for a folder or hub id: the name itself, or a cache's folder; None if not here."""
    if not is_hub_id(name):
        return name  # a folder, or no name at all: loading it says what is wrong
    for cache, cached, folder in (*hugging_face_cache(), *_modelscope()):
        if cached == name and (found := _checkpoint(cache, name, folder)):
            return found.place
    return None


def _checkpoint(cache: str, name: str, folder: Path) -> CachedCheckpoint | None:
    try:
        config = check(folder)
    except ModelError:  # broken off, or another kind of model
        return None
    quantized = config.get("quantization_config")
    method = str(quantized.get("quant_method", "unknown")) if isinstance(quantized, dict) else ""
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors"))
    return CachedCheckpoint(name, folder, cache, size_in(name), thinks(name), method, weights)


def hugging_face_cache() -> Iterator[tuple[str, str, Path]]:
    """List the models in the hub client's cache, each in the commit of its main branch."""
    try:
        from huggingface_hub import constants, scan_cache_dir  # noqa: PLC0415 - comes with transformers
        from huggingface_hub.errors import CacheNotFound  # noqa: PLC0415
    except ImportError:
        return
    try:
        cache = scan_cache_dir(constants.HF_HUB_CACHE)
    except (CacheNotFound, ValueError):  # there is none, or a file is in its place
        return
    for warning in cache.warnings:
        _log.info("the Hugging Face cache: %s", warning)
    for repository in sorted(cache.repos, key=lambda repository: repository.repo_id):
        if repository.repo_type == "model" and (revision := repository.refs.get("main")):
            yield _HUB, repository.repo_id, revision.snapshot_path


def _modelscope() -> Iterator[tuple[str, str, Path]]:
    """ModelScope's client wrote three layouts over time; a dot in a name may be three underscores."""
    set_by_person = os.environ.get("MODELSCOPE_CACHE")
    root = Path(set_by_person or "~/.cache/modelscope").expanduser()
    for below in (root, root / "hub"):
        for folder in sorted([*below.glob("*/*/"), *below.glob("models/*/*/")]):
            if (folder / "config.json").is_file():
                yield "ModelScope", f"{folder.parent.name}/{folder.name}".replace("___", "."), folder
        for folder in sorted(below.glob("models/*--*/snapshots/*/")):
            yield "ModelScope", folder.parent.parent.name.replace("--", "/"), folder
