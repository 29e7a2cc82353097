"""The search of `--model auto`: a running server, else a model on this machine, else one to download.

A download is only offered: nothing is fetched unless the `ModelChooser` agrees.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final, Literal

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.choice.found import (
    LOCAL_SERVERS,
    CachedCheckpoint,
    LocalServer,
    cached_checkpoints,
    running_servers,
)
from qvl_agent.agent.models.choice.ggufs import CachedGguf, cached_ggufs
from qvl_agent.agent.models.choice.memory import Memory, memory_here
from qvl_agent.agent.models.choice.presets import CONVERSATION, PRESETS, SIZES, Preset, Size, Weights
from qvl_agent.agent.models.llama.engine import is_installed, uses_a_gpu
from qvl_agent.agent.models.llama.files import INSTALL

__all__ = [
    "SILENT",
    "Checkpoint",
    "Gguf",
    "ModelChooser",
    "Nothing",
    "Offer",
    "Served",
    "look_around",
    "named",
    "nothing_here",
    "other_models",
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
class Gguf:
    """A GGUF model in a cache on this machine, for llama.cpp in this program."""

    found: CachedGguf

    @property
    def why(self) -> str:
        one = self.found
        return f"{one.name} is in the cache of {one.cache} ({one.bytes / _GIB:.1f} GiB) and fits the memory"


@dataclass(frozen=True, slots=True)
class Offer:
    """A checkpoint, or GGUF files, that could be downloaded.

    Attributes:
        hub_id: its id on the Hugging Face hub.
        size: the bytes to download; None if that isn't known.
        named: whether the person named this very checkpoint.
        why: the reason for this checkpoint.
        fits: whether the memory holds it, as far as that is known.
        quantisation: which of its GGUF files are meant, such as "Q4_K_M"; "" for a checkpoint.
    """

    hub_id: str
    size: int | None
    named: bool
    why: str
    fits: bool = True
    quantisation: str = ""

    @property
    def what(self) -> str:
        size = f"{self.size / _GIB:.1f} GiB" if self.size else "size unknown"
        files = f" in {self.quantisation}" if self.quantisation else ""
        return f"{self.hub_id}{files} ({size}) from the Hugging Face hub"

    @property
    def command(self) -> str:
        """Return the command by which the person fetches it."""
        files = f" --include '*{self.quantisation}*' --include '*mmproj*F16*'" if self.quantisation else ""
        return f"hf download {self.hub_id}{files}"


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
) -> Served | Checkpoint | Gguf | Offer | Nothing:
    """Find what `auto` would take, without taking it; only loopback addresses are asked, nothing is loaded.

    A running server comes first: it has its model loaded. With a GPU that torch can use, a checkpoint is
    next; without one a GGUF file, as llama.cpp writes several times faster there,
    in less memory.

    Args:
        offers: also look for a model to download.
        places: the addresses at which servers may listen.
        memory: measures the memory; only called when a model has to fit.
    """
    if servers := running_servers(places):
        first = servers[0]
        return Served(first.engine, first.url, first.models[0])
    torch, llama = bool(find_spec("torch") and find_spec("transformers")), is_installed()
    if not (torch or llama):
        return Nothing(
            "no server with a Qwen3-VL runs on the usual ports, and neither llama.cpp nor torch is here"
        )
    cached = cached_checkpoints() if torch else ()
    files = cached_ggufs() if llama else ()
    if not (cached or files or offers):
        return Nothing("no server with a Qwen3-VL runs on the usual ports, and no model is in a cache")
    here = memory()
    checkpoint = next((Checkpoint(one) for one in cached if _runs(one, here)), None)
    gguf = next((Gguf(one) for one in files if _holds(one, _for_llama(here))), None)
    in_order = (checkpoint, gguf) if here.gpu and torch else (gguf, checkpoint)
    if (best := next((one for one in in_order if one is not None), None)) is not None:
        return best
    return _best_offer(here, torch=torch, llama=llama)


def other_models(taken: str) -> Iterator[tuple[str, str, int, bool]]:
    """Yield what else is in the caches of this machine, beside what is taken.

    Args:
        taken: the reason that `look_around` gave for what it took.

    Yields:
        Its name, what runs it, the bytes of memory that it takes with a conversation, and whether that fits.
    """
    here = memory_here()
    if find_spec("torch") and find_spec("transformers"):
        for one in cached_checkpoints():
            if Checkpoint(one).why != taken:
                yield one.name, "transformers", _needed_by_torch(one, here), _runs(one, here)
    if is_installed():
        for file in cached_ggufs():
            if Gguf(file).why != taken:
                yield file.name, "llama.cpp", _needed_by_llama(file), _holds(file, _for_llama(here))


def _best_offer(here: Memory, *, torch: bool, llama: bool) -> Offer | Nothing:
    as_gguf = llama and not (torch and here.gpu)
    here = _for_llama(here) if as_gguf else here
    ggufs: tuple[Weights, ...] = ("q8", "q4") if here.gpu else ("q4",)  # a CPU writes by its memory's speed
    best = next(_fitting(here, ggufs if as_gguf else ("", "fp8")), None)
    if best is None:
        return Nothing(f"the {here.most / _GIB:.1f} GiB of free memory hold no Qwen3-VL")
    kind = "GPU memory" if here.gpu else "memory, without a GPU"
    why = f"the largest that suits {here.most / _GIB:.0f} GiB of {kind}"
    return Offer(best.hub_id, best.download_bytes, named=False, why=why, quantisation=best.quantisation)


def named(name: str, preset: Preset | None, memory: Callable[[], Memory] = memory_here) -> Offer:
    """Make the offer of a model that the person named and that isn't on this machine.

    Args:
        name: the hub id, for GGUF files with the quantisation behind a colon.
        preset: its preset, if it has one.
        memory: measures the memory.

    Raises:
        ModelError: what would run it isn't installed.
    """
    hub_id, _, quantisation = name.partition(":")
    if quantisation:
        if not is_installed():
            raise ModelError(f"{name} needs llama.cpp; {INSTALL}")
    elif not (find_spec("torch") and find_spec("transformers")):
        raise ModelError(f"{name} needs torch and transformers; pip install 'qvl-agent[transformers]'")
    if preset is None:
        return Offer(hub_id, None, named=True, why="which you named", quantisation=quantisation)
    free = memory().most
    why = f"which needs {preset.memory_bytes / _GIB:.0f} GiB of memory ({free / _GIB:.0f} are free)"
    fits = preset.memory_bytes <= free
    return Offer(hub_id, preset.download_bytes, named=True, why=why, fits=fits, quantisation=quantisation)


def nothing_here(found: Offer | Nothing) -> ModelError:
    """Make the error that no model is here; its message says what to do."""
    if isinstance(found, Nothing):
        return ModelError(
            f"no model: {found.why}; {INSTALL}, or give a server's URL with --model (qvl-agent serve --print "
            "says how to start one)"
        )
    if found.named:
        smaller = "a smaller one, or -q4" if found.quantisation else "a smaller one, or -fp8, -4bit or -q4"
        return ModelError(f"not downloaded: {found.what}, {found.why}; take {smaller}")
    return ModelError(
        f"no model is here, and nothing is downloaded unasked: to fetch {found.what}, "
        f"{found.why}: {found.command}; or name a model with --model"
    )


def _for_llama(here: Memory) -> Memory:
    """Return the memory that llama.cpp could use: a GPU's only where its build can use one."""
    return here if not here.gpu or uses_a_gpu() else replace(here, gpu=0)


def _holds(found: CachedGguf, memory: Memory) -> bool:
    if _needed_by_llama(found) > memory.most:
        return False
    return bool(memory.gpu) or found.size is None or found.size in _sizes(memory)


def _runs(found: CachedCheckpoint, memory: Memory) -> bool:
    package = _RUNNABLE.get(found.quantization)
    if package is None or (package and not find_spec(package)):
        return False
    if _needed_by_torch(found, memory) > memory.most:
        return False
    return bool(memory.gpu) or found.size is None or found.size in _sizes(memory)


def _needed_by_llama(found: CachedGguf) -> int:
    return found.bytes + _conversation(found.size) + _RESERVE


def _needed_by_torch(found: CachedCheckpoint, memory: Memory) -> int:
    unpacked = 2 if found.quantization == "fp8" and not memory.fp8 else 1
    return unpacked * found.weight_bytes + _conversation(found.size) + _RESERVE


def _conversation(size: Size | None) -> int:
    return CONVERSATION * (size.kv_bytes if size else 0)


def _sizes(memory: Memory) -> Sequence[object]:
    names = [size.name for size in SIZES]
    return SIZES if memory.gpu else SIZES[: names.index(_LARGEST_ON_CPU) + 1]


def _fitting(memory: Memory, forms: Sequence[Weights | Literal[""]]) -> Iterator[Preset]:
    """Yield the presets that fit, the best first: the larger before the smaller, then as `forms` has them."""
    for size in reversed(SIZES):
        if size not in _sizes(memory):
            continue
        for form in forms:
            preset = PRESETS[f"{size.name}-{form}" if form else size.name]
            if preset.memory_bytes <= memory.most and (preset.weights != "fp8" or memory.fp8):
                yield preset
