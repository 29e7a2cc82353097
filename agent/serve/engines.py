"""The engines (programs that serve models), and how each is started: command line, environment, port.

An agent needs of an engine: a cache of prompts (each step's prompt begins with the last one's), room
for a run's screenshots, pictures that aren't shrunk, a context that holds a run, and replies that can be
kept to a schema.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.models.choice.presets import Preset, thinks
from qvl_agent.agent.models.llama.child import KEY_VARIABLE
from qvl_agent.agent.models.llama.files import INSTALL, gguf_repository, is_gguf, vision_tower
from qvl_agent.agent.models.llama.model import IMAGE_MIN_TOKENS
from qvl_agent.agent.models.pictures import MIN_TOKENS, TILE
from qvl_agent.agent.serve.names import check_checkpoint, served_name

__all__ = ["ENGINES", "Command", "Engine", "Wanted"]

PICTURES: Final = 32
"""The most pictures in a prompt: a run has ten screenshots and a close-up or two, a video 32 frames."""
CONTEXT: Final = 32_768
"""Tokens of context: room for ten screenshots of 2048 tokens, the words about them, and the reply."""
THINKING_CONTEXT: Final = 40_960
_MOST_PIXELS: Final = 4096 * TILE**2
"""The largest picture, for which the engines reserve memory; a run's own budget is half of this."""
_PICTURE_SIZE: Final = {"shortest_edge": MIN_TOKENS * TILE**2, "longest_edge": _MOST_PIXELS}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A model to serve, and how to serve it.

    Attributes:
        model: a hub id, perhaps with a quantisation behind a colon; a checkpoint's folder, or a .gguf file.
        preset: the preset of the model's short name, if it was given by one.
        mmproj: the .gguf file of the vision tower; "" to look for it beside the model's.
        image_min_tokens: llama.cpp enlarges pictures of fewer tokens.
        host: the address to listen at.
        port: the port to listen at; None for the engine's usual one.
        key: whether an API key is set; it is passed to the engine only through its environment.
        tensor_parallel: the number of GPUs over which each layer is split.
        pipeline_parallel: the number of machines over which the layers are divided.
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
        return served_name(self.model)

    @property
    def repository(self) -> tuple[str, str]:
        """Return the hub id of the model's GGUF files, and the quantisation to take."""
        eight_bits = self.preset is not None and self.preset.weights in ("fp8", "q8")
        return gguf_repository(self.model, "Q8_0" if eight_bits else "Q4_K_M")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that starts a server.

    Attributes:
        arguments: the program and its arguments; they never hold a key.
        port: the port at which the server will listen.
        served_name: the model's name at the server.
        environment: variables to set, in addition to this process's own.
        key_variable: the variable in which the engine looks for the API key; "" if it takes none.
        first: a command that has to be run once while the server runs, to get the model; "" for none.
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
        name: the value of --engine that chooses it.
        install: how to install it.
        command: makes the command that starts it.
        program: the program that must be on the PATH; "" if the engine is a module.
        module: the module that must be importable; "" if the engine is a program.
        many_gpus: whether it can split a model by tensor parallelism.
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
        # Each GPU has the whole small vision tower and some of the pictures: splitting it costs more than it
        # gains.
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
    if is_gguf(wanted.model):
        files = ["-m", wanted.model, "--mmproj", vision_tower(wanted.model, wanted.mmproj)]
    else:
        files = ["-hf", ":".join(wanted.repository)]
    arguments = [
        *("llama-server", *files, "--alias", wanted.served_name),
        *("--host", wanted.host, "--port", str(port)),
        *("-c", str(wanted.context), "--parallel", "1"),
        *("--image-min-tokens", str(wanted.image_min_tokens), "--jinja"),
    ]
    return Command(tuple(arguments), port, wanted.served_name, key_variable=KEY_VARIABLE)


def _ollama(wanted: Wanted) -> Command:
    if wanted.preset is None:
        raise SettingsError(
            f"ollama serves models of its own library, not {wanted.model}; give a short name such as 8b"
        )
    port = wanted.port or 11434
    kind = "thinking" if wanted.thinking else "instruct"
    quantised = "-q8_0" if wanted.preset.weights in ("fp8", "q8") else ""
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
    if not is_gguf(wanted.model):
        repository, quantisation = wanted.repository
        raise SettingsError(
            "xllamacpp serves GGUF files; give one with --model FILE.gguf: "
            f"hf download {repository} --include '*{quantisation}*' --include '*mmproj*F16*'"
        )
    port = wanted.port or 8080
    arguments = [
        *(sys.executable, "-m", "qvl_agent.agent.models.llama.child"),
        *(
            "--model",
            wanted.model,
            "--mmproj",
            vision_tower(wanted.model, wanted.mmproj),
            "--alias",
            wanted.served_name,
        ),
        *("--host", wanted.host, "--port", str(port), "--context", str(wanted.context)),
        *("--image-min-tokens", str(wanted.image_min_tokens)),
    ]
    return Command(tuple(arguments), port, wanted.served_name, key_variable=KEY_VARIABLE)


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
        Engine("xllamacpp", INSTALL, _xllamacpp, module="xllamacpp"),
    )
}
"""In the order in which they are preferred."""


def _whole_weights(wanted: Wanted, engine: str) -> None:
    check_checkpoint(wanted.model, engine)
    if wanted.preset and wanted.preset.weights == "4bit":
        raise SettingsError(
            f"{wanted.preset.name} is quantised while transformers loads it; for {engine} take "
            f"{wanted.preset.name.replace('4bit', 'fp8')}, or --engine llama.cpp"
        )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
