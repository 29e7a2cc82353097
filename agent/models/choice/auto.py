"""The search of `--model auto`: a running server, else a checkpoint on this machine, else one to download.

A download is only offered: nothing is fetched unless the `ModelChooser` agrees.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.choice.found import (
    LOCAL_SERVERS,
    CachedCheckpoint,
    LocalServer,
    cached_checkpoints,
    running_servers,
)
from qvl_agent.agent.models.choice.memory import Memory, memory_here
from qvl_agent.agent.models.choice.presets import CONVERSATION, PRESETS, SIZES, Preset

__all__ = [
    "SILENT",
    "Checkpoint",
    "ModelChooser",
    "Nothing",
    "Offer",
    "Served",
    "look_around",
    "named",
    "nothing_here",
]

_GIB: Final = 2**30
_RESERVE: Final = 3 * _GIB // 2
"""Bytes of memory that must be left beside the weights and the conversation."""
_LARGEST_ON_CPU: Final = "4b"
"""The largest size that is taken on a CPU; each step of a larger one would take minutes."""
_RUNNABLE: Final = {
    "": "",
    "fp8": "",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed_tensors",
}
"""The quantisations that transformers can load here, and the package that each needs ("" for none)."""


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, and the model on it to use."""

    engine: str
    url: str
    model: str

    @property
    def why(self) -> str:
        return f"{self.engine} at {self.url} has {self.model}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint in a cache on this machine."""

    found: CachedCheckpoint

    @property
    def why(self) -> str:
        one = self.found
        return (
            f"{one.name} is in the {one.cache} cache ({one.weight_bytes / _GIB:.1f} GiB) and fits the memory"
        )


@dataclass(frozen=True, slots=True)
class Offer:
    """A checkpoint that could be downloaded.

    Attributes:
        hub_id: its id on the Hugging Face hub.
        size: the bytes to download; None if that isn't known.
        named: whether the person named this very checkpoint.
        why: the reason for this checkpoint.
        fits: whether the memory holds it, as far as that is known.
    """

    hub_id: str
    size: int | None
    named: bool
    why: str
    fits: bool = True

    @property
    def what(self) -> str:
        size = f"{self.size / _GIB:.1f} GiB" if self.size else "size unknown"
        return f"{self.hub_id} ({size}) from the Hugging Face hub"


@dataclass(frozen=True, slots=True)
class Nothing:
    """The result that no model is here, and none can be offered.

    Attributes:
        why: the reason.
    """

    why: str


class ModelChooser:
    """A listener that is told which model was chosen, and decides about downloads.

    This base class agrees only to a model that the person named and that fits the memory.
    """

    def chosen(self, why: str) -> None:
        """Take note that `auto` chose a model, and why."""

    def download(self, offer: Offer) -> bool:
        """Return whether to download what is offered."""
        return offer.named and offer.fits


SILENT: Final = ModelChooser()
"""The chooser for scripts: it shows nothing, and agrees to download a named model that fits."""


def look_around(
    *,
    offers: bool = True,
    places: Sequence[LocalServer] = LOCAL_SERVERS,
    memory: Callable[[], Memory] = memory_here,
) -> Served | Checkpoint | Offer | Nothing:
    """Find what `auto` would take, without taking it; only loopback addresses are asked, nothing is loaded.

    Args:
        offers: also look for a checkpoint to download.
        places: the addresses at which servers may listen.
        memory: measures the memory; only called when a checkpoint has to fit.
    """
    if servers := running_servers(places):
        first = servers[0]
        return Served(first.engine, first.url, first.models[0])
    if not (find_spec("torch") and find_spec("transformers")):
        return Nothing("no server with a Qwen3-VL runs on the usual ports, and transformers isn't installed")
    cached = cached_checkpoints()
    if not cached and not offers:
        return Nothing("no server with a Qwen3-VL runs on the usual ports, and no checkpoint is in a cache")
    here = memory()
    for found in cached:
        if _runs(found, here):
            return Checkpoint(found)
    best = next(_fitting(here), None)
    if best is None:
        return Nothing(f"the {here.most / _GIB:.1f} GiB of free memory hold no Qwen3-VL")
    kind = "GPU memory" if here.gpu else "memory, without a GPU"
    why = f"the largest that suits {here.most / _GIB:.0f} GiB of {kind}"
    return Offer(best.hub_id, best.download_bytes, named=False, why=why)


def named(name: str, preset: Preset | None, memory: Callable[[], Memory] = memory_here) -> Offer:
    """Make the offer of a checkpoint that the person named and that isn't on this machine.

    Raises:
        ModelError: torch or transformers isn't installed.
    """
    if not (find_spec("torch") and find_spec("transformers")):
        raise ModelError(f"{name} needs torch and transformers; pip install 'qvl-agent[transformers]'")
    if preset is None:
        return Offer(name, None, named=True, why="which you named")
    free = memory().most
    why = f"which needs {preset.memory_bytes / _GIB:.0f} GiB of memory ({free / _GIB:.0f} are free)"
    fits = preset.memory_bytes <= free
    return Offer(name, preset.download_bytes, named=True, why=why, fits=fits)


def nothing_here(found: Offer | Nothing) -> ModelError:
    """Make the error that no model is here; its message says what to do."""
    if isinstance(found, Nothing):
        return ModelError(
            f"no model: {found.why}; start a server (qvl-agent serve --print says how) and give its URL "
            "with --model, or pip install 'qvl-agent[transformers]'"
        )
    if found.named:
        return ModelError(f"not downloaded: {found.what}, {found.why}; take a smaller one, or -fp8 or -4bit")
    return ModelError(
        f"no model is here, and nothing is downloaded unasked: to fetch {found.what}, "
        f"{found.why}: hf download {found.hub_id}; or name a model with --model"
    )


def _runs(found: CachedCheckpoint, memory: Memory) -> bool:
    package = _RUNNABLE.get(found.quantization)
    if package is None or (package and not find_spec(package)):
        return False
    unpacked = 2 if found.quantization == "fp8" and not memory.fp8 else 1
    cache = CONVERSATION * (found.size.kv_bytes if found.size else 0)
    if unpacked * found.weight_bytes + cache + _RESERVE > memory.most:
        return False
    return bool(memory.gpu) or found.size is None or found.size in _sizes(memory)


def _sizes(memory: Memory) -> Sequence[object]:
    names = [size.name for size in SIZES]
    return SIZES if memory.gpu else SIZES[: names.index(_LARGEST_ON_CPU) + 1]


def _fitting(memory: Memory) -> Iterator[Preset]:
    """Yield the presets that fit, the best first: the larger before the smaller, bfloat16 before FP8."""
    for size in reversed(SIZES):
        if size not in _sizes(memory):
            continue
        for name in (size.name, f"{size.name}-fp8"):
            preset = PRESETS[name]
            if preset.memory_bytes <= memory.most and (preset.weights == "bfloat16" or memory.fp8):
                yield preset
