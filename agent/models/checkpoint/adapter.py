"""LoRA adapters: a fine-tune that changes a few weights of a released checkpoint."""

import warnings
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import ModelError

__all__ = ["adapted"]

_FILES: Final = ("adapter_config.json", "adapter_model.safetensors")


def adapted(model: Any, name: str) -> Any:
    """Put an adapter onto a model.

    Over a whole model it is merged, and costs nothing afterwards; over a quantised one it stays beside.

    Args:
        model: as transformers loaded it.
        name: the adapter's folder, or its hub id.

    Raises:
        ModelError: PEFT is missing, there is no such adapter, or it is of another model.
    """
    try:
        import peft  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise ModelError(f"an adapter needs PEFT ({error}); pip install 'qvl-agent[lora]'") from error
    folder = _folder(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of weights that don't fit, which is an error below
        config = peft.PeftConfig.from_pretrained(str(folder))
        config.inference_mode = True
        wrapped = peft.PeftModel(model, config)
        found = wrapped.load_adapter(str(folder), "default", torch_device="cpu", use_safetensors=True)
    if wrong := [key for key in (*found.missing_keys, *found.unexpected_keys) if "lora" in key]:
        raise ModelError(
            f"{name} isn't an adapter of this model: {len(wrong)} weights don't fit, {wrong[0]} first; "
            f"it says its base is {config.base_model_name_or_path}"
        )
    if getattr(model, "is_quantized", False):
        inner: Any = wrapped.base_model.model
        return inner.eval()
    merged: Any = wrapped.merge_and_unload()
    return merged.eval()


def _folder(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _downloaded(name)
    missing = [file for file in _FILES if not (folder / file).is_file()]
    if missing:
        raise ModelError(f"expected a LoRA adapter, but {folder} has no {missing[0]}")
    return folder


def _downloaded(name: str) -> Path:
    import huggingface_hub.constants  # noqa: PLC0415 - heavy, and an extra

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(_FILES)))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"there is no adapter's folder {name}, and the hub didn't give it ({type(error).__name__}); "
            "check the name and the network"
        ) from error
