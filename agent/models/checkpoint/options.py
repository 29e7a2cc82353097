"""The options for loading a checkpoint: 4 bits, attention, and devices."""

import json
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

from qvl_agent.actions.core.errors import ModelError

__all__ = ["PLAIN", "LoadOptions", "attention", "four_bits", "placement"]

_NAMED_MAPS: Final = ("auto", "balanced", "balanced_low_0", "sequential")
_FLASH: Final = "flash_attention_2"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """The options for loading a checkpoint, beside device and dtype.

    Attributes:
        four_bits: quantise the language model's layers to 4 bits while loading.
        adapter: a LoRA adapter's folder or hub id; "" for none.
        attention: "auto", "flash_attention_2", "sdpa" or "eager".
        device_map: "auto", "balanced", "sequential" or a JSON object; "" to go by the device.
    """

    four_bits: bool = False
    adapter: str = ""
    attention: str = "auto"
    device_map: str = ""


PLAIN: Final = LoadOptions()
"""The options that load a checkpoint as it is, on one device."""


def four_bits(transformers: Any, torch: Any, config: dict[str, Any], dtype: Any) -> Any:
    """Make the config of bitsandbytes: NF4 with double quantisation, but not for vision tower and head.

    Raises:
        ModelError: bitsandbytes isn't installed, or this checkpoint can't be quantised so.
    """
    if config.get("model_type") == "qwen3_vl_moe":
        raise ModelError(
            "bitsandbytes can't quantise a mixture of experts; take its -fp8 checkpoint, or a 4-bit GGUF "
            "file behind llama.cpp (qvl-agent serve --engine llama.cpp)"
        )
    if "quantization_config" in config:
        raise ModelError("this checkpoint is quantised already; load it without 4bit")
    if find_spec("bitsandbytes") is None:
        raise ModelError("loading in 4 bits needs bitsandbytes; pip install 'qvl-agent[4bit]'")
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype if isinstance(dtype, torch.dtype) else torch.bfloat16,
        # Where a click goes depends on fine detail: the tower that sees it is 5-20 % of the weights.
        llm_int8_skip_modules=["model.visual", "lm_head"],
    )


def attention(transformers: Any, torch: Any, wanted: str, place: str, dtype: Any) -> str:
    """Choose the implementation of attention: the one that is named, or for "auto" the fastest that works.

    Raises:
        ModelError: FlashAttention is named, and isn't installed or can't work here.
    """
    if wanted not in ("auto", _FLASH):
        return wanted
    installed = transformers.utils.is_flash_attn_2_available()
    half = dtype in (torch.bfloat16, torch.float16, "auto")  # "auto": as a quantised checkpoint says
    usable = installed and half and not place.startswith(("cpu", "mps"))
    if wanted == _FLASH and not usable:
        raise ModelError(
            "flash_attention_2 needs the package flash-attn, an NVIDIA GPU, and bfloat16 or float16; "
            "pip install flash-attn, or leave it to --attention auto"
        )
    return _FLASH if usable else "sdpa"


def placement(device_map: str, device: str) -> Any:
    """Read the setting `device_map` for transformers: a strategy's name, or {module: device}.

    Raises:
        ModelError: the setting is neither.
    """
    if not device_map:
        return "auto" if device == "auto" else {"": device}
    if device_map in _NAMED_MAPS:
        return device_map
    try:
        placed = json.loads(device_map)
    except ValueError:
        placed = None
    if not isinstance(placed, dict) or not all(isinstance(value, str | int) for value in placed.values()):
        raise ModelError(
            f"expected a device map such as auto, balanced, sequential or "
            f'{{"model.visual": 0, "model.language_model": 1, "lm_head": 1}}, got {device_map!r}'
        )
    return placed
