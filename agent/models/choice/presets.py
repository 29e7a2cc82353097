"""The released Qwen3-VL checkpoints by short names, and the memory and sampling of each.

The numbers of weights follow from the released shapes (config.json of each checkpoint); a test builds
every model on torch's meta device and counts. The sampling is that of the model cards.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, get_args

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.errors import SettingsError

__all__ = [
    "PRESETS",
    "Preset",
    "Sampling",
    "Size",
    "find_preset",
    "is_cloud",
    "is_qwen3_vl",
    "reply_tokens",
    "sampling",
    "size_in",
    "thinks",
]

Weights = Literal["bfloat16", "fp8", "4bit", "q4", "q8"]

_GIB: Final = 2**30
CONVERSATION: Final = 24_576
"""The most tokens that a run keeps: ten screenshots of 2048 tokens, and the words about them."""
_WORKING: Final = 3 * _GIB // 2
"""Bytes for activations and the GPU's own needs."""
_LAYER_BYTES: Final[dict[Weights, float]] = {
    "bfloat16": 2.0,
    "fp8": 1.0 + 4 / 128**2,  # a float32 scale for each block of 128x128
    "4bit": 0.5 + 1 / 64 + 4 / (64 * 256),  # nf4; a scale for each 64 weights, itself in 8 bits
    "q4": 4.9 / 8,
    "q8": 8.5 / 8,
}
"""Bytes for one weight in a layer's matrices. Embeddings, head and vision tower stay in bfloat16.

A GGUF file's are less by the embeddings, which are quantised too."""
GGUF_WEIGHTS: Final[dict[Weights, str]] = {"q4": "Q4_K_M", "q8": "Q8_0"}
"""The quantisations of the released GGUF files, as llama.cpp calls them."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """The parameters by which a reply is sampled; a temperature of 0 decodes greedily."""

    temperature: float
    top_p: float
    top_k: int
    presence_penalty: float


_INSTRUCT: Final = Sampling(0.7, 0.8, 20, 1.5)
_THINKING: Final = Sampling(1.0, 0.95, 20, 0.0)


@dataclass(frozen=True, slots=True)
class Size:
    """One of the released sizes.

    Attributes:
        name: the short name, such as "30b-a3b".
        released: the name on the hub, such as "30B-A3B".
        parameters: the number of all weights, tied ones counted once, with the vision tower's.
        layer_weights: the number of those in the matrices of the language model's layers, which FP8 and
            4 bits shrink.
        kv_bytes: bytes that one token of the conversation takes in the cache of keys and values, in bfloat16.
        moe: whether it is a mixture of experts.
    """

    name: str
    released: str
    parameters: int
    layer_weights: int
    kv_bytes: int
    moe: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """A released checkpoint, and how it is loaded.

    Attributes:
        size: one of the released sizes.
        thinking: whether it is the Thinking checkpoint, which reasons before it answers, and whose template
            opens <think>.
        weights: "bfloat16"; "fp8", a checkpoint of its own; "4bit", the bfloat16 one quantised on loading;
            "q4" and "q8", GGUF files for llama.cpp.
        picture_tokens: the most image tokens for one picture; models point best with 1024-2048.
    """

    size: Size
    thinking: bool = False
    weights: Weights = "bfloat16"
    picture_tokens: int = limits.PICTURE_TOKENS

    @property
    def name(self) -> str:
        suffixes = ("-thinking" if self.thinking else "", "" if self.weights == "bfloat16" else self.weights)
        return self.size.name + suffixes[0] + (f"-{suffixes[1]}" if suffixes[1] else "")

    @property
    def hub_id(self) -> str:
        kind = "Thinking" if self.thinking else "Instruct"
        form = "-FP8" if self.weights == "fp8" else "-GGUF" if self.is_gguf else ""
        return f"Qwen/Qwen3-VL-{self.size.released}-{kind}{form}"

    @property
    def is_gguf(self) -> bool:
        return self.weights in GGUF_WEIGHTS

    @property
    def quantisation(self) -> str:
        """Return what llama.cpp calls the weights of its GGUF file; "" for a checkpoint."""
        return GGUF_WEIGHTS.get(self.weights, "")

    @property
    def weight_bytes(self) -> int:
        """Return the bytes that the weights take in memory."""
        return self._bytes(self.weights)

    @property
    def download_bytes(self) -> int:
        """Return the bytes to download: for 4 bits the whole bfloat16 checkpoint, quantised on loading."""
        return self._bytes("bfloat16" if self.weights == "4bit" else self.weights)

    @property
    def memory_bytes(self) -> int:
        """Return the bytes that a run takes: weights, the longest conversation it keeps, and working room."""
        return self.weight_bytes + CONVERSATION * self.size.kv_bytes + _WORKING

    @property
    def sampling(self) -> Sampling:
        """Return the released sampling, which is for prose; actions are decoded greedily, without penalty."""
        return sampling(thinking=self.thinking)

    @property
    def reply_tokens(self) -> int:
        """Return the most tokens of a reply, with a thinking model's thoughts before it."""
        return reply_tokens(thinking=self.thinking)

    def _bytes(self, weights: Weights) -> int:
        rest = 2 * (self.size.parameters - self.size.layer_weights)
        return int(rest + self.size.layer_weights * _LAYER_BYTES[weights])


SIZES: Final = (
    Size("2b", "2B", 2_127_532_032, 1_409_286_144, 114_688),
    Size("4b", "4B", 4_437_815_808, 3_633_315_840, 147_456),
    Size("8b", "8B", 8_767_123_696, 6_945_767_424, 147_456),
    Size("30b-a3b", "30B-A3B", 31_070_754_032, 29_896_998_912, 98_304, moe=True),
    Size("32b", "32B", 33_357_390_064, 31_205_621_760, 262_144),
    Size("235b-a22b", "235B-A22B", 235_670_022_896, 233_798_893_568, 192_512, moe=True),
)
"""The released sizes, from the smallest to the largest."""
PRESETS: Final = {
    preset.name: preset
    for size in SIZES
    for thinking in (False, True)
    for weights in get_args(Weights)
    # bitsandbytes quantises linear layers; transformers keeps experts in one tensor, so they'd stay large.
    if not (size.moe and weights == "4bit")
    for preset in (Preset(size, thinking, weights),)
}
"""Every preset by its name."""

_PRESET_NAME: Final = re.compile(r"(\d+b(?:-a\d+b)?)((?:-(?:instruct|thinking|fp8|4bit|q4|q8))*)")
_FAMILY: Final = re.compile(r"qwen[-_. ]?3[-_. ]?vl")
_NOT_CHAT: Final = ("embedding", "reranker")
_CLOUD: Final = re.compile(r"[:-]cloud$")
_SIZE: Final = re.compile(r"(?<![\d.])(\d+)b(?![a-z])")
_PLAIN_TAG: Final = re.compile(r"qwen3-vl(?::(?:latest|\d+b(?:-a\d+b)?))?")


def find_preset(name: str) -> Preset | None:
    """Find the preset of a short name such as "8b" or "30b-a3b-thinking-fp8"; None for other names.

    Raises:
        SettingsError: the name is written as a short name, and there is no such preset.
    """
    match = _PRESET_NAME.fullmatch(name.lower())
    if not match:
        return None
    size, suffixes = match[1], match[2].split("-")[1:]
    kept = [word for word in ("thinking", "fp8", "4bit", "q4", "q8") if word in suffixes]
    if preset := PRESETS.get("-".join([size, *kept])):
        return preset
    if "4bit" in kept and "fp8" not in kept and size in PRESETS:
        raise SettingsError(
            f"no preset '{name}': a mixture of experts can't be loaded in 4 bits here; take {size}-fp8, or "
            f"{size}-q4 by llama.cpp"
        )
    raise SettingsError(
        f"no preset '{name}'; choose {', '.join(size.name for size in SIZES)}, "
        "with -thinking, and -fp8 or -4bit, or -q4 or -q8 for llama.cpp"
    )


def is_cloud(model: str) -> bool:
    """Whether a local server would pass the pictures on: Ollama's cloud models end in -cloud."""
    return bool(_CLOUD.search(model))


def is_qwen3_vl(name: str) -> bool:
    """Return whether a server's or a cache's name for a model looks like a Qwen3-VL that can chat."""
    lower = name.lower()
    return bool(_FAMILY.search(lower)) and not any(word in lower for word in _NOT_CHAT)


def size_in(name: str) -> Size | None:
    """Find the size in a model's name: "qwen/qwen3-vl-30b" is the 30B-A3B; None if there is none in it."""
    lower = _FAMILY.sub("", name.lower())
    numbers = {int(number) for number in _SIZE.findall(lower)}
    return next((size for size in SIZES if int(size.name.split("b")[0]) in numbers), None)


def thinks(name: str) -> bool:
    """Return whether a model's name means that it reasons first; Ollama's plain tags (qwen3-vl:8b) do too."""
    lower = name.lower()
    return "thinking" in lower or bool(_PLAIN_TAG.fullmatch(lower))


def sampling(*, thinking: bool) -> Sampling:
    """Return the released sampling of the Thinking or the Instruct checkpoints."""
    return _THINKING if thinking else _INSTRUCT


def reply_tokens(*, thinking: bool) -> int:
    """Return the most tokens of a reply, with the thoughts before it."""
    return 8192 if thinking else 1024
