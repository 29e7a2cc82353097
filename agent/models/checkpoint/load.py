"""The loading of a Qwen3-VL checkpoint, with a LoRA adapter or without, by the classes of transformers.

torchvision isn't used: transformers' Qwen3VLProcessor needs it for videos, and the wheel on PyPI breaks a
CPU build of torch. So the parts are loaded one by one: model, tokenizer, image processor.
"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.chat import IMAGE_PAD
from qvl_agent.agent.models.checkpoint.files import chat_template, check
from qvl_agent.agent.models.checkpoint.options import PLAIN, LoadOptions, attention, four_bits, placement
from qvl_agent.agent.models.pictures import MIN_TOKENS, TILE

__all__ = ["Loaded", "fast_bfloat16", "in_words", "load"]

_ADAPTER_FILES: Final = ("adapter_config.json", "adapter_model.safetensors")
"""The files of a LoRA adapter."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint in memory. transformers' types are dynamic, hence Any.

    Attributes:
        model: Qwen3VLForConditionalGeneration or its mixture-of-experts counterpart, in eval mode.
        tokenizer: the tokenizer; its `chat_template` is the checkpoint's, or None.
        image_processor: has the mean, deviation and patch sizes of the checkpoint.
        image_id: the token that stands for one image token.
        end_ids: the tokens that end a reply.
        context: the most tokens that the model can hold.
        token_kinds: whether the model needs the kinds of tokens to find positions: from transformers 5 on.
        cache_keyword: what its forward pass calls the cache: "cache" from transformers 5.24 on.
    """

    model: Any
    tokenizer: Any
    image_processor: Any
    image_id: int
    end_ids: tuple[int, ...]
    context: int
    token_kinds: bool
    cache_keyword: str


def load(
    folder: Path, *, device: str, dtype: str, max_picture_tokens: int, options: LoadOptions = PLAIN
) -> Loaded:
    """Load a checkpoint's folder.

    Args:
        folder: the checkpoint's folder, as `checkpoint.files.find` returns it.
        device: "auto" (CUDA, else MPS, else the CPU) or torch's name for one.
        dtype: "auto" (bfloat16 where it is fast, else float32; float16 on a GPU without bfloat16) or torch's
            name for one.
        max_picture_tokens: the most image tokens of a picture, to which the image processor's limit is set.
        options: 4 bits, an adapter, attention, several devices.

    Raises:
        ModelError: torch or transformers is missing, the checkpoint is broken or isn't a Qwen3-VL, or
            it doesn't fit the memory.
    """
    config = check(folder)
    torch, transformers = _libraries()
    _check_age(transformers, config, folder)
    place = _device(torch, device)
    kind = "auto" if "quantization_config" in config and dtype == "auto" else _dtype(torch, dtype, place)
    try:
        with _quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
            processor = _image_processor(transformers, folder, max_picture_tokens)
            arguments = {
                "dtype": kind,
                "device_map": placement(options.device_map, place),
                "attn_implementation": attention(transformers, torch, options.attention, place, kind),
            }
            if options.four_bits:
                arguments["quantization_config"] = four_bits(transformers, torch, config, kind)
            model = _model(transformers, folder, arguments)
            if options.adapter:
                model = adapted(model, options.adapter)
    except ModelError:
        raise
    except Exception as error:  # tokenizers and safetensors raise plain Exceptions
        raise ModelError(in_words(error, f"can't load {folder}")) from error
    tokenizer.chat_template = tokenizer.chat_template or chat_template(folder)
    end_ids = _end_ids(model, tokenizer)
    ends = {"eos_token_id": list(end_ids), "pad_token_id": end_ids[0]}
    model.generation_config = transformers.GenerationConfig(**ends, do_sample=False)
    names = signature(model.forward).parameters
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        image_processor=processor,
        image_id=_image_id(model, tokenizer, folder),
        end_ids=end_ids,
        context=int(model.config.text_config.max_position_embeddings),
        token_kinds="mm_token_type_ids" in signature(model.model.get_rope_index).parameters,
        cache_keyword="cache" if "cache" in names else "past_key_values",
    )


def _libraries() -> tuple[Any, Any]:
    """Import torch and transformers, which are heavy, and an extra."""
    try:
        import torch  # noqa: PLC0415
        import transformers  # noqa: PLC0415
    except ImportError as error:
        raise ModelError(
            f"the transformers backend needs torch and transformers ({error}); "
            "pip install 'qvl-agent[transformers]'"
        ) from error
    return torch, transformers


def adapted(model: Any, name: str) -> Any:
    """Put an adapter onto a model.

    Into an unquantised model it is merged, and costs nothing afterwards; beside a quantised one it stays a
    part of its own.

    Args:
        model: the model as transformers loaded it.
        name: the adapter's folder, or its hub id.

    Raises:
        ModelError: PEFT is missing, there is no such adapter, or it belongs to another model.
    """
    try:
        import peft  # noqa: PLC0415 - heavy, and an extra
    except ImportError as error:
        raise ModelError(f"an adapter needs PEFT ({error}); pip install 'qvl-agent[lora]'") from error
    folder = _adapter_folder(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about weights that don't fit, which are an error below
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


def in_words(error: Exception, what: str) -> str:
    """Describe a failure of torch or transformers in one line; lack of memory gets a remedy."""
    why = " ".join(str(error).split())[:300]
    memory = ("out of memory", "can't allocate memory", "not enough memory", "failed to allocate")
    if any(sign in why.lower() for sign in memory) or type(error).__name__ == "OutOfMemoryError":
        return (
            f"{what}: out of memory; lower max_picture_tokens, take a smaller checkpoint, or a quantised "
            f"one behind a server ({why})"
        )
    return f"{what}: {type(error).__name__}: {why}"


def _check_age(transformers: Any, config: Mapping[str, Any], folder: Path) -> None:
    """Refuse a checkpoint that was saved with transformers 5 if an older one is installed.

    The older one doesn't know the new names in config.json, and would take its own defaults for them; and the
    experts' weights are stored the other way round.
    """
    text = config.get("text_config")
    newer = isinstance(text, dict) and "rope_parameters" in text and "rope_scaling" not in text
    if newer and int(transformers.__version__.partition(".")[0]) < 5:
        raise ModelError(
            f"{folder} was saved with transformers 5, and {transformers.__version__} is installed; "
            "pip install -U 'transformers>=5'"
        )


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep the progress bar of the weights off the terminal; only the command line prints."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _device(torch: Any, device: str) -> str:
    if device != "auto":
        try:
            return str(torch.device(device))
        except RuntimeError as error:
            raise ModelError(f"no device {device!r}; choose auto, cuda, cuda:1, mps or cpu") from error
    if torch.cuda.is_available():
        return "cuda" if torch.cuda.device_count() == 1 else "auto"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _dtype(torch: Any, dtype: str, device: str) -> Any:
    if dtype != "auto":
        if not isinstance(kind := getattr(torch, dtype, None), torch.dtype) or not kind.is_floating_point:
            raise ModelError(f"no dtype {dtype!r}; choose auto, bfloat16, float16 or float32")
        return kind
    if device.startswith("cpu"):
        return torch.bfloat16 if fast_bfloat16(torch) else torch.float32
    if device.startswith("mps"):
        return torch.bfloat16
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def fast_bfloat16(torch: Any) -> bool:
    """Return whether this CPU multiplies bfloat16 in hardware; on other CPUs float32 is faster."""
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16") or capabilities.get("bf16"))


def _image_processor(transformers: Any, folder: Path, max_picture_tokens: int) -> Any:
    """Load the image processor that works without torchvision; transformers 5 renamed it.

    Raises:
        ValueError: its patches aren't a Qwen3-VL's.
    """
    name = "Qwen2VLImageProcessorPil"
    kind = getattr(transformers, name if hasattr(transformers, name) else "Qwen2VLImageProcessor")
    smallest = min(MIN_TOKENS, max_picture_tokens)
    size = {"shortest_edge": smallest * TILE**2, "longest_edge": max_picture_tokens * TILE**2}
    processor = kind.from_pretrained(folder, local_files_only=True, size=size)
    if processor.patch_size * processor.merge_size != TILE:
        raise ValueError(
            f"preprocessor_config.json says patches of {processor.patch_size} merged by "
            f"{processor.merge_size}; a Qwen3-VL has 16 and 2"
        )
    return processor


def _model(transformers: Any, folder: Path, arguments: Mapping[str, Any]) -> Any:
    model, info = transformers.AutoModelForImageTextToText.from_pretrained(
        folder,
        **arguments,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    if missing := sorted(info["missing_keys"]):
        # transformers would go on with random numbers in their place
        raise ValueError(f"{len(missing)} weights are missing, {missing[0]} first; download it again")
    return model.eval()


def _end_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    named = model.generation_config.eos_token_id
    ids = [tokenizer.convert_tokens_to_ids(name) for name in ("<|im_end|>", "<|endoftext|>")]
    ids += named if isinstance(named, list) else [named]
    return tuple(dict.fromkeys(number for number in ids if number is not None))


def _image_id(model: Any, tokenizer: Any, folder: Path) -> int:
    number = int(model.config.image_token_id)
    if tokenizer.convert_tokens_to_ids(IMAGE_PAD) != number:
        raise ModelError(f"the tokenizer in {folder} isn't the model's: {IMAGE_PAD} isn't token {number}")
    return number


def _adapter_folder(name: str) -> Path:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _downloaded_adapter(name)
    missing = [file for file in _ADAPTER_FILES if not (folder / file).is_file()]
    if missing:
        raise ModelError(f"expected a LoRA adapter, but {folder} has no {missing[0]}")
    return folder


def _downloaded_adapter(name: str) -> Path:
    import huggingface_hub.constants  # noqa: PLC0415 - heavy, and an extra

    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(_ADAPTER_FILES)))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"there is no adapter's folder {name}, and the hub didn't give it ({type(error).__name__}); "
            "check the name and the network"
        ) from error
