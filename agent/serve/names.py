"""The names by which a person gives a model to serve: a GGUF file, a checkpoint's folder, or a hub id.

A hub id may have a quantisation behind a colon, as llama.cpp takes it: Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0.
"""

import os
from pathlib import Path

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.models.choice.presets import is_qwen3_vl
from qvl_agent.agent.models.llama.files import is_gguf, is_gguf_repository, is_tower

__all__ = ["check_checkpoint", "check_files", "expanded", "served_name"]


def expanded(path: str) -> str:
    """Put the home folder for a ~ that the shell left, as it does within quotes."""
    return os.path.expanduser(path)  # noqa: PTH111 - it leaves a ~ of nobody as it is, where Path raises


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
    if is_gguf(model) and is_tower(model):
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
    if is_gguf(model) or is_gguf_repository(model):
        raise SettingsError(f"{engine} serves checkpoints; for {model} take --engine llama.cpp")
