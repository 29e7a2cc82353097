"""How each engine is started for an agent: its command line, its environment, its address.

What an agent needs of an engine: a cache of prompts (each step's prompt begins with the last one's), room
for a run's screenshots, pictures that aren't shrunk, a context that holds a run, and replies that can be
kept to a schema.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.models.choice.presets import Preset, is_qwen3_vl, thinks
from qvl_agent.agent.models.pictures import MIN_TOKENS, TILE

__all__ = ["ENGINES", "Command", "Engine", "Wanted"]

PICTURES: Final = 32
"""A run keeps at most ten screenshots and a close-up or two; a question about a video shows 32 frames."""
CONTEXT: Final = 32_768
"""Ten screenshots of 2048 tokens, what was said about them, and the reply."""
THINKING_CONTEXT: Final = 40_960
IMAGE_MIN_TOKENS: Final = 1024
"""The released Qwen3-VL point badly in pictures of fewer; one that was trained on smaller ones needs less."""
_MOST_PIXELS: Final = 4096 * TILE**2
"""The engines set memory aside for the largest picture; a run's own budget is half of this."""
_PICTURE_SIZE: Final = {"shortest_edge": MIN_TOKENS * TILE**2, "longest_edge": _MOST_PIXELS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be served, and where.

    Attributes:
        model: a hub id, a checkpoint's folder, or a .gguf file.
        preset: what the model's short name stood for, if it had one.
        mmproj: the .gguf file of the vision tower; "" to look beside the model's.
        image_min_tokens: llama.cpp enlarges pictures of fewer tokens.
        host: the address to listen at.
        port: or None for the engine's usual one.
        key: whether an API key is set; it reaches the engine by its environment alone.
        tensor_parallel: over how many GPUs each layer is split.
        pipeline_parallel: over how many machines the layers are dealt.
        ray: run vLLM's workers on a Ray cluster.
    """

    model: str
    preset: Preset | None = None
    mmproj: str = ""
    image_min_tokens: int = IMAGE_MIN_TOKENS
    host: str = "127.0.0.1"
    port: int | None = None
    key: bool = False
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    ray: bool = False

    @property
    def thinking(self) -> bool:
        return self.preset.thinking if self.preset else thinks(self.model)

    @property
    def context(self) -> int:
        return THINKING_CONTEXT if self.thinking else CONTEXT

    @property
    def served_name(self) -> str:
        """What the server calls it: its own name, so that `auto` sees that it is a Qwen3-VL."""
        if not Path(self.model).expanduser().exists():
            return self.model
        name = Path(self.model).expanduser().resolve().name
        return name if is_qwen3_vl(name) else f"qwen3-vl-{name}"

    @property
    def gguf(self) -> bool:
        return self.model.endswith(".gguf")


@dataclass(frozen=True, slots=True)
class Command:
    """What starts a server.

    Attributes:
        arguments: the program and its arguments; never with a key in it.
        environment: beside this process's own.
        key_variable: where the engine looks for the API key; "" if it takes none.
        port: where it will listen.
        served_name: the model's name there.
        first: a command to run once beforehand or beside it, and why; "" for none.
    """

    arguments: tuple[str, ...]
    port: int
    served_name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    key_variable: str = ""
    first: str = ""


@dataclass(frozen=True, slots=True)
class Engine:
    """One engine.

    Attributes:
        name: what --engine takes.
        program: that must be on the PATH; or
        module: that must be importable.
        install: how to get it.
        command: makes the command.
        many_gpus: whether it splits a model by tensor parallelism.
    """

    name: str
    install: str
    command: Callable[[Wanted], Command]
    program: str = ""
    module: str = ""
    many_gpus: bool = False


def _vllm(wanted: Wanted) -> Command:
    _whole_weights(wanted, "vllm")
    port = wanted.port or 8000
    arguments = [
        *("vllm", "serve", wanted.model),
        *("--host", wanted.host, "--port", str(port), "--served-model-name", wanted.served_name),
        *("--max-model-len", str(wanted.context)),
        *("--limit-mm-per-prompt", _json({"image": PICTURES, "video": 0})),
        *("--mm-processor-kwargs", _json({"size": _PICTURE_SIZE})),
        *("--enable-prefix-caching", "--enable-prompt-tokens-details"),
        # Without this a schema leaves room for white space without end.
        *("--structured-outputs-config", _json({"backend": "xgrammar", "disable_any_whitespace": True})),
    ]
    if wanted.thinking:
        # The template opens <think>, so the reply holds its end alone: this parser reads that.
        arguments += ["--reasoning-parser", "deepseek_r1"]
    if wanted.tensor_parallel > 1:
        # The small vision tower is copied, and pictures are dealt out: splitting it costs more than it gains.
        arguments += ["--tensor-parallel-size", str(wanted.tensor_parallel), "--mm-encoder-tp-mode", "data"]
    if wanted.pipeline_parallel > 1:
        arguments += ["--pipeline-parallel-size", str(wanted.pipeline_parallel)]
    if wanted.ray:
        arguments += ["--distributed-executor-backend", "ray"]
    return Command(
        tuple(arguments), port, wanted.served_name, {"VLLM_NO_USAGE_STATS": "1"}, key_variable="VLLM_API_KEY"
    )


def _sglang(wanted: Wanted) -> Command:
    _whole_weights(wanted, "sglang")
    port = wanted.port or 30000
    arguments = [
        *(sys.executable, "-m", "sglang.launch_server", "--model-path", wanted.model),
        *("--host", wanted.host, "--port", str(port), "--served-model-name", wanted.served_name),
        *("--context-length", str(wanted.context), "--grammar-backend", "xgrammar"),
        "--enable-cache-report",
    ]
    if wanted.thinking:
        arguments += ["--reasoning-parser", "qwen3-thinking"]
    if wanted.tensor_parallel > 1:
        arguments += ["--tp", str(wanted.tensor_parallel)]
    environment = {"SGLANG_IMAGE_MAX_PIXELS": str(_MOST_PIXELS)}
    return Command(tuple(arguments), port, wanted.served_name, environment)


def _llama_cpp(wanted: Wanted) -> Command:
    port = wanted.port or 8080
    if wanted.gguf:
        files = ["-m", wanted.model, "--mmproj", _mmproj(wanted)]
    else:
        files = ["-hf", f"{_gguf_id(wanted)}:{_quantisation(wanted)}"]
    arguments = [
        *("llama-server", *files, "--alias", wanted.served_name),
        *("--host", wanted.host, "--port", str(port)),
        *("-c", str(wanted.context), "--parallel", "1"),
        *("--image-min-tokens", str(wanted.image_min_tokens), "--jinja"),
    ]
    return Command(tuple(arguments), port, wanted.served_name, key_variable="LLAMA_API_KEY")


def _ollama(wanted: Wanted) -> Command:
    if wanted.preset is None:
        raise SettingsError(
            f"ollama serves models of its own library, not {wanted.model}; give a short name such as 8b"
        )
    port = wanted.port or 11434
    kind = "thinking" if wanted.thinking else "instruct"
    quantised = "-q8_0" if wanted.preset.weights == "fp8" else ""
    tag = f"qwen3-vl:{wanted.preset.size.name}-{kind}{quantised}"
    environment = {
        "OLLAMA_HOST": f"{wanted.host}:{port}",
        "OLLAMA_CONTEXT_LENGTH": str(wanted.context),  # its own default of 4096 holds two screenshots
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_KEEP_ALIVE": "1h",
    }
    return Command(
        ("ollama", "serve"),
        port,
        tag,
        environment,
        first=f"OLLAMA_HOST={wanted.host}:{port} ollama pull {tag}",
    )


def _xllamacpp(wanted: Wanted) -> Command:
    if not wanted.gguf:
        raise SettingsError(
            "xllamacpp serves GGUF files; give one with --model FILE.gguf: "
            f"hf download {_gguf_id(wanted)} --include '*{_quantisation(wanted)}*' --include '*mmproj*F16*'"
        )
    port = wanted.port or 8080
    arguments = [
        *(sys.executable, "-m", "qvl_agent.agent.serve.xllamacpp"),
        *("--model", wanted.model, "--mmproj", _mmproj(wanted), "--alias", wanted.served_name),
        *("--host", wanted.host, "--port", str(port), "--context", str(wanted.context)),
        *("--image-min-tokens", str(wanted.image_min_tokens)),
    ]
    return Command(tuple(arguments), port, wanted.served_name)


ENGINES: Final = {
    engine.name: engine
    for engine in (
        Engine("vllm", "pip install 'vllm>=0.13' (NVIDIA or AMD GPU)", _vllm, program="vllm", many_gpus=True),
        Engine("sglang", "pip install 'sglang[all]'", _sglang, module="sglang", many_gpus=True),
        Engine(
            "llama.cpp",
            "brew install llama.cpp, or https://github.com/ggml-org/llama.cpp/releases",
            _llama_cpp,
            program="llama-server",
        ),
        Engine("ollama", "https://ollama.com/download", _ollama, program="ollama"),
        Engine("xllamacpp", "pip install xllamacpp", _xllamacpp, module="xllamacpp"),
    )
}
"""In the order in which they are preferred."""


def _whole_weights(wanted: Wanted, engine: str) -> None:
    if wanted.gguf:
        raise SettingsError(f"{engine} serves checkpoints; for {wanted.model} take --engine llama.cpp")
    if wanted.preset and wanted.preset.weights == "4bit":
        raise SettingsError(
            f"{wanted.preset.name} is quantised while transformers loads it; for {engine} take "
            f"{wanted.preset.name.replace('4bit', 'fp8')}, or --engine llama.cpp"
        )


def _gguf_id(wanted: Wanted) -> str:
    """The hub's GGUF files of a checkpoint: Qwen releases them beside it, without FP8 ones."""
    if Path(wanted.model).expanduser().is_dir():
        raise SettingsError(
            f"llama.cpp needs GGUF files, and {wanted.model} is a checkpoint's folder; give a .gguf file, "
            "a short name or a hub id, or take --engine vllm"
        )
    return wanted.model if wanted.model.endswith("-GGUF") else f"{wanted.model.removesuffix('-FP8')}-GGUF"


def _quantisation(wanted: Wanted) -> str:
    return "Q8_0" if wanted.preset and wanted.preset.weights == "fp8" else "Q4_K_M"


def _mmproj(wanted: Wanted) -> str:
    """The vision tower's file: as named, or the one beside the model."""
    if wanted.mmproj:
        return wanted.mmproj
    beside = sorted(Path(wanted.model).expanduser().parent.glob("*mmproj*.gguf"))
    if len(beside) != 1:
        raise SettingsError(
            f"expected one mmproj*.gguf (the vision tower) beside {wanted.model}, found {len(beside)}; "
            "name it with --mmproj"
        )
    return str(beside[0])


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
