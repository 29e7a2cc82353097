"""The files of a Qwen3-VL checkpoint: found, and checked before anything heavy is loaded."""

import json
import re
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import ModelError

__all__ = ["QWEN3_VL", "chat_template", "check", "find", "is_hub_id"]

QWEN3_VL: Final = frozenset({"qwen3_vl", "qwen3_vl_moe"})
"""The `model_type` of the dense and the mixture-of-experts checkpoints."""
_OLDER: Final = frozenset({"qwen2_vl", "qwen2_5_vl"})
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_FILES: Final = ["*.json", "*.safetensors", "*.jinja", "*.txt"]
_INSTALL: Final = "pip install 'qvl-agent[transformers]'"


def is_hub_id(name: str) -> bool:
    """Return whether a name is written as OWNER/NAME, and no file or folder has that path."""
    return bool(_HUB_ID.fullmatch(name)) and not Path(name).expanduser().exists()


def find(path_or_id: str, *, local_files_only: bool) -> Path:
    """Find the folder of a checkpoint by its path, or by its hub id in the hub's cache.

    A checkpoint that is whole in the cache is used as it is, without asking the hub; else it is downloaded,
    unless `local_files_only`.

    Raises:
        ModelError: there is no such folder or id, or the download failed.
    """
    path = Path(path_or_id).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(
            f"{path_or_id} is a file, expected a checkpoint's folder or a hub id; "
            "a .gguf file is for llama-server: start one, and use the openai backend"
        )
    if not _HUB_ID.fullmatch(path_or_id):
        raise ModelError(
            f"there is no folder {path_or_id}; expected a checkpoint's folder, "
            "or a hub id such as Qwen/Qwen3-VL-4B-Instruct"
        )
    return _cached(path_or_id) or _downloaded(path_or_id, local_files_only=local_files_only)


def _cached(hub_id: str) -> Path | None:
    hub = _hub()
    try:
        folder = Path(hub.snapshot_download(hub_id, local_files_only=True))
        check(folder)
    except (OSError, ValueError, ModelError):  # absent, or a download that was broken off
        return None
    return folder


def _downloaded(hub_id: str, *, local_files_only: bool) -> Path:
    hub = _hub()
    if local_files_only:
        raise ModelError(
            f"there is no folder {hub_id}, and the hub's cache doesn't hold it whole; "
            f"run `hf download {hub_id}`, or allow the download"
        )
    try:
        return Path(hub.snapshot_download(hub_id, allow_patterns=_FILES))
    except (OSError, ValueError) as error:  # huggingface_hub's errors are OSErrors; an odd id a ValueError
        why = " ".join(str(error).split())[:200]
        raise ModelError(
            f"there is no folder {hub_id}, and the hub didn't give it ({type(error).__name__}: {why}); "
            "check the name and the network, or download it elsewhere and give the folder"
        ) from error


def _hub() -> Any:
    try:
        import huggingface_hub.constants  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise ModelError(f"a hub id needs huggingface_hub; {_INSTALL}") from error
    # No telemetry: without this, the hub's client also asks for a list of agents to name in its headers.
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub


def check(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's config, and check that it is a Qwen3-VL whose weights are all there.

    Raises:
        ModelError: it isn't a Qwen3-VL, or a file is missing or can't be read.
    """
    if not (folder / "config.json").is_file():
        adapter = (folder / "adapter_config.json").is_file()
        what = (
            "is an adapter; give its base with --model and it with --adapter"
            if adapter
            else "has no config.json"
        )
        raise ModelError(f"expected a Qwen3-VL checkpoint, but {folder} {what}")
    config = _read(folder / "config.json")
    kind = config.get("model_type")
    if kind in _OLDER:
        raise ModelError(
            f"{folder} is a {kind}, which answers in pixels of a resized picture; "
            "expected a Qwen3-VL, such as Qwen/Qwen3-VL-4B-Instruct"
        )
    if kind not in QWEN3_VL:
        raise ModelError(
            f"{folder} is a {kind!r}; expected a Qwen3-VL ({', '.join(sorted(QWEN3_VL))}), "
            "such as Qwen/Qwen3-VL-4B-Instruct"
        )
    _check_weights(folder)
    return config


def _check_weights(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        names = {"model.safetensors"}
    elif isinstance(weights := _read(index).get("weight_map"), dict):
        names = {str(name) for name in weights.values()}
    else:
        raise ModelError(f"{index} has no weight_map; download the checkpoint again")
    missing = sorted(name for name in names if not (folder / name).is_file())
    if missing:
        raise ModelError(
            f"{folder} lacks {missing[0]} ({len(missing)} missing); download the checkpoint again"
        )


def chat_template(folder: Path) -> str | None:
    """Read the template from chat_template.json, where older checkpoints keep it; None if there is none."""
    path = folder / "chat_template.json"
    template = _read(path).get("chat_template") if path.is_file() else None
    return template if isinstance(template, str) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"can't read {path} ({error}); download the checkpoint again") from error
    if not isinstance(value, dict):
        raise ModelError(f"expected a JSON object in {path}; download the checkpoint again")
    return value
