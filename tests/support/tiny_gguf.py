"""A small checkpoint as llama.cpp takes it: the language model in one GGUF file, the eyes in another.

The keys and tensor names are the ones that llama.cpp's convert_hf_to_gguf.py writes for a dense
Qwen3-VL (conversion/qwen3vl.py; src/models/qwen3vl.cpp and tools/mtmd/clip.cpp read them). Everything
becomes float32, so that an engine's answers can be compared with transformers' number by number.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gguf
import numpy as np
from safetensors.torch import load_file
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from qvl_agent.sandbox.nano.to_gguf import CUTS, PRE_TOKENIZER

SEES = "model.visual."
SPEAKS = "model.language_model."
PRE_TOKENIZERS = {PRETOKENIZE_REGEX: "qwen2", CUTS: PRE_TOKENIZER}
"""llama.cpp's names, by the regex that cuts a text up."""


class Gguf(NamedTuple):
    """The two files of a model."""

    model: Path
    mmproj: Path


def convert(checkpoint: Path, folder: Path) -> Gguf:
    """Write a dense checkpoint's two files to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    weights = {
        name: value.float().numpy()
        for path in sorted(checkpoint.glob("*.safetensors"))
        for name, value in load_file(path).items()
    }
    made = Gguf(folder / "tiny.gguf", folder / "mmproj-tiny.gguf")
    _write_model(made.model, checkpoint, config, weights)
    _write_mmproj(made.mmproj, checkpoint, config, weights)
    return made


def _write_model(
    path: Path, checkpoint: Path, config: dict[str, Any], weights: dict[str, np.ndarray]
) -> None:
    text, vision = config["text_config"], config["vision_config"]
    rope = text["rope_scaling"] | {"rope_theta": text["rope_theta"]}
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.QWEN3VL])
    writer.add_block_count(text["num_hidden_layers"])
    writer.add_context_length(text["max_position_embeddings"])
    writer.add_embedding_length(text["hidden_size"])
    writer.add_feed_forward_length(text["intermediate_size"])
    writer.add_head_count(text["num_attention_heads"])
    writer.add_head_count_kv(text["num_key_value_heads"])
    writer.add_key_length(text["head_dim"])
    writer.add_value_length(text["head_dim"])
    writer.add_rope_dimension_sections([*rope["mrope_section"], 0])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_layer_norm_rms_eps(text["rms_norm_eps"])
    writer.add_num_deepstack_layers(len(vision["deepstack_visual_indexes"]))
    _add_vocabulary(writer, checkpoint, text["vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3VL, text["num_hidden_layers"])
    for name, value in weights.items():
        if not name.startswith(SEES):
            writer.add_tensor(_named(names, name.replace(SPEAKS, "model.")), value)
    _finish(writer)


def _add_vocabulary(writer: gguf.GGUFWriter, checkpoint: Path, size: int) -> None:
    coder = json.loads((checkpoint / "tokenizer.json").read_text("utf-8"))
    tokens, kinds = [f"[PAD{number}]" for number in range(size)], [gguf.TokenType.UNUSED] * size
    for token, number in coder["model"]["vocab"].items():
        tokens[number], kinds[number] = token, gguf.TokenType.NORMAL
    for added in coder["added_tokens"]:
        tokens[added["id"]] = added["content"]
        control = added["special"] or added["content"].startswith("<|")  # as the converter has it
        kinds[added["id"]] = gguf.TokenType.CONTROL if control else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    (cuts,) = (
        step["pattern"]["Regex"] for step in coder["pre_tokenizer"]["pretokenizers"] if "pattern" in step
    )
    writer.add_tokenizer_pre(PRE_TOKENIZERS[cuts])
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in coder["model"]["merges"]])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    settings = json.loads((checkpoint / "tokenizer_config.json").read_text("utf-8"))
    if "add_bos_token" in settings:  # else llama.cpp goes by the pre-tokenizer's name
        writer.add_add_bos_token(value=settings["add_bos_token"])
    template = checkpoint / "chat_template.jinja"
    writer.add_chat_template(template.read_text("utf-8") if template.exists() else settings["chat_template"])


def _write_mmproj(
    path: Path, checkpoint: Path, config: dict[str, Any], weights: dict[str, np.ndarray]
) -> None:
    vision, text = config["vision_config"], config["text_config"]
    pictures = json.loads((checkpoint / "preprocessor_config.json").read_text("utf-8"))
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_clip_has_vision_encoder(value=True)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN3VL)
    writer.add_vision_projection_dim(vision["out_hidden_size"])
    writer.add_vision_image_size(round(vision["num_position_embeddings"] ** 0.5) * vision["patch_size"])
    writer.add_vision_patch_size(vision["patch_size"])
    writer.add_vision_spatial_merge_size(vision["spatial_merge_size"])
    writer.add_vision_embedding_length(vision["hidden_size"])
    writer.add_vision_feed_forward_length(vision["intermediate_size"])
    writer.add_vision_block_count(vision["depth"])
    writer.add_vision_head_count(vision["num_heads"])
    writer.add_vision_attention_layernorm_eps(text["rms_norm_eps"])
    writer.add_vision_use_gelu(value=True)
    writer.add_vision_image_mean(pictures["image_mean"])
    writer.add_vision_image_std(pictures["image_std"])
    deep = vision["deepstack_visual_indexes"]
    writer.add_vision_is_deepstack_layers([layer in deep for layer in range(vision["depth"])])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision["depth"])
    for name, value in weights.items():
        if name.startswith(SEES):
            for placed, part in _placed(names, name.removeprefix(SEES), value, deep):
                writer.add_tensor(placed, part)
    _finish(writer)


def _placed(
    names: gguf.TensorNameMap, name: str, value: np.ndarray, deep: list[int]
) -> Iterator[tuple[str, np.ndarray]]:
    """Say where a weight of the eyes goes; the two frames of the patch embedding go apart."""
    match name.split("."):
        case ["patch_embed", "proj", "weight"]:
            yield "v.patch_embd.weight", np.ascontiguousarray(value[:, :, 0])
            yield "v.patch_embd.weight.1", np.ascontiguousarray(value[:, :, 1])
        case ["patch_embed", "proj", "bias"]:
            yield "v.patch_embd.bias", value
        case ["merger", "norm", kind]:
            yield f"v.post_ln.{kind}", value
        case ["merger", layer, kind]:
            yield f"mm.{ {'linear_fc1': 0, 'linear_fc2': 2}[layer] }.{kind}", value
        case ["deepstack_merger_list", place, layer, kind]:
            yield f"v.deepstack.{deep[int(place)]}.{layer.removeprefix('linear_')}.{kind}", value
        case _:
            yield _named(names, f"visual.{name}"), value


def _named(names: gguf.TensorNameMap, name: str) -> str:
    found = names.get_name(name, try_suffixes=(".weight", ".bias"))
    if found is None:
        raise ValueError(f"llama.cpp has no name for the weight {name}")
    return found


def _finish(writer: gguf.GGUFWriter) -> None:
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
