"""The names by which a person gives a model to serve: a GGUF file, a checkpoint's folder, or a hub id.

A hub id may have a quantisation behind a colon, as llama.cpp takes it: Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0.
"""

import os
import re
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.models.choice.presets import is_qwen3_vl

__all__ = [
    "check_checkpoint",
    "check_files",
    "expanded",
    "gguf_repository",
    "is_gguf",
    "served_name",
    "vision_tower",
]

_HUB_ID: Final = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?::([\w.-]*))?")
_GGUF: Final = re.compile(r"(?<![a-z])gguf(?![a-z])", re.IGNORECASE)
_RELEASED_FP8: Final = re.compile(r"(Qwen/.+)-FP8", re.IGNORECASE)
"""Qwen releases GGUF files beside each checkpoint, but none beside its FP8 form."""
_FOREIGN: Final = re.compile(
    r"(?<![a-z0-9])(awq|gptq|fp8|nvfp4|mxfp4|bnb|mlx|exl[23]|hqq|autoround|onnx|openvino|w\d+a\d+|int[48]|[48]-?bit)"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
"""Forms of weights that llama.cpp can't load, as the names of repositories have them."""


def expanded(path: str) -> str:
    """Put the home folder for a ~ that the shell left, as it does within quotes."""
    return os.path.expanduser(path)  # noqa: PTH111 - it leaves a ~ of nobody as it is, where Path raises


def is_gguf(model: str) -> bool:
    """Return whether a model is given as a GGUF file."""
    return model.lower().endswith(".gguf")


def served_name(model: str) -> str:
    """Return the model's name at the server; a file's or folder's says Qwen3-VL, so that `auto` knows it."""
    if not Path(model).exists():
        return model
    name = Path(os.path.abspath(model)).name  # noqa: PTH100 - a link of a hub's cache has the better name
    return name if is_qwen3_vl(name) else f"qwen3-vl-{name}"


def check_files(model: str, mmproj: str) -> None:
    """Refuse a vision tower in the model's place, and the model in the tower's.

    Raises:
        SettingsError: it is so.
    """
    if is_gguf(model) and _is_tower(model):
        raise SettingsError(
            f"{model} is the vision tower, not the model; give the model's .gguf file with --model, and this "
            "one with --mmproj"
        )
    if mmproj and mmproj == model:
        raise SettingsError(f"--mmproj is the model itself, {model}; give the vision tower's .gguf file")


def check_checkpoint(model: str, engine: str) -> None:
    """Refuse GGUF files for an engine that serves checkpoints.

    Raises:
        SettingsError: the model is a GGUF file, a repository of such, or has a quantisation behind a colon.
    """
    named = None if Path(model).exists() else _HUB_ID.fullmatch(model)
    if is_gguf(model) or (named and (_GGUF.search(named[1].split("/")[1]) or named[2] is not None)):
        raise SettingsError(f"{engine} serves checkpoints; for {model} take --engine llama.cpp")


def gguf_repository(model: str, quantisation: str) -> tuple[str, str]:
    """Return the hub id of a model's GGUF files, and the quantisation to take of them.

    Args:
        model: a hub id, of GGUF files or of the checkpoint that they were made of.
        quantisation: the one to take if the model names none.

    Raises:
        SettingsError: the model is a folder, no hub id, or of weights that llama.cpp can't load.
    """
    if Path(model).is_dir():
        raise SettingsError(
            f"llama.cpp needs GGUF files, and {model} is a checkpoint's folder; give a .gguf file, "
            "a short name or a hub id, or take --engine vllm"
        )
    if Path(model).exists():
        raise SettingsError(
            f"{model} is no .gguf file, and llama.cpp needs one; take --engine vllm for others"
        )
    named = _HUB_ID.fullmatch(model)
    if named is None:
        raise SettingsError(
            f"expected a .gguf file, a hub id such as Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0, or a short name "
            f"such as 8b, got {model}"
        )
    repository, quantisation = named[1], named[2] or quantisation
    if _GGUF.search(repository.split("/")[1]):
        return repository, quantisation
    if released := _RELEASED_FP8.fullmatch(repository):
        repository = released[1]
    if foreign := _FOREIGN.search(repository.split("/")[1]):
        raise SettingsError(
            f"llama.cpp can't load {model} ({foreign[1]} weights); take --engine vllm, or a repository of "
            "GGUF files, whose name ends in -GGUF"
        )
    return f"{repository}-GGUF", quantisation


def vision_tower(model: str, mmproj: str) -> str:
    """Return the vision tower's file: the one that is named, or the only one beside the model's file.

    Raises:
        SettingsError: there isn't exactly one.
    """
    if mmproj:
        return mmproj
    if not Path(model).exists():
        raise SettingsError(f"there is no {model}; give a .gguf file, a short name or a hub id")
    beside = sorted(str(file) for file in Path(model).parent.iterdir() if _is_tower(file.name))
    if len(beside) != 1:
        raise SettingsError(
            f"expected one mmproj*.gguf (the vision tower) beside {model}, found {len(beside)}; "
            "name it with --mmproj"
        )
    return beside[0]


def _is_tower(path: str) -> bool:
    return is_gguf(path) and "mmproj" in Path(path).name.lower()
