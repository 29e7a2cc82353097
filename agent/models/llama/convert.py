"""GGUF files of a small checkpoint: the language model in one, the vision tower in the other.

The keys and the tensors' names are those that llama.cpp's convert_hf_to_gguf.py writes for a dense Qwen3-VL
(conversion/qwen3vl.py; src/models/qwen3vl.cpp and tools/mtmd/clip.cpp read them). All weights become float32,
so that an engine's answers are those of transformers. The released checkpoints have GGUF files of their own,
quantised with care: this is for nano, whose weights ship once, and for models that tests make.
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.llama.files import INSTALL, GgufFiles

if TYPE_CHECKING:
    import gguf

__all__ = ["LLAMA_3_CUTS", "QWEN_2_CUTS", "convert", "converted", "main"]

LLAMA_3_CUTS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Llama 3's regex for splitting texts, as in its tokenizer.json; nano splits them so too."""
QWEN_2_CUTS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Qwen 2's, which the released Qwen3-VL have."""
_PRE_TOKENIZERS: Final = {QWEN_2_CUTS: "qwen2", LLAMA_3_CUTS: "llama-bpe"}
"""llama.cpp's names of the ways to split a text, by their regex: it can't tell them by a new vocabulary."""
_SEES: Final = "model.visual."
_SPEAKS: Final = "model.language_model."
_BLOCK: Final = 32
"""Weights of a row that share a scale in Q8_0."""
_POSITIONS: Final = "v.position_embd.weight"
"""Stays exact: it is stretched to a picture's size, which llama.cpp does with floats alone."""
_MADE: Final = "made.json"
_FORM: Final = "1"
"""Changes when the same checkpoint would make other files."""


def converted(checkpoint: Path, cache: Path, name: str) -> GgufFiles:
    """Return a checkpoint's GGUF files, made once for these very weights and kept.

    Args:
        checkpoint: the checkpoint's folder.
        cache: the folder where they are kept; what can't be kept there is made anew each time.
        name: what the files are called.

    Raises:
        ModelError: a package is missing, the checkpoint is of another kind, or the files can't be written.
    """
    digest = _digest(checkpoint)
    kept = cache / f"{name}-{digest[:16]}"
    files = GgufFiles(kept / f"{name}.gguf", kept / f"mmproj-{name}.gguf")
    if _is_whole(files):
        return files
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=kept.parent))
    except OSError as error:
        raise ModelError(f"can't write {cache}: {error.strerror}; set XDG_CACHE_HOME to a folder") from error
    try:
        new = convert(checkpoint, made, name)
        sums = {file.name: _sha256(file) for file in (new.model, new.mmproj)}
        (made / _MADE).write_text(json.dumps(sums))
        shutil.rmtree(kept, ignore_errors=True)
        try:
            made.rename(kept)
        except OSError:
            if not _is_whole(files):  # else another process was faster
                raise
    except OSError as error:
        raise ModelError(
            f"can't write {kept}: {error.strerror}; make room, or set XDG_CACHE_HOME to another folder"
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return files


def convert(
    checkpoint: Path,
    folder: Path,
    name: str = "model",
    *,
    eight_bits: bool = False,
    tower_eight_bits: bool = False,
) -> GgufFiles:
    """Write a dense checkpoint's two files, `name`.gguf and mmproj-`name`.gguf, to a folder.

    Args:
        checkpoint: the checkpoint's folder.
        folder: where the files go.
        name: what they are called.
        eight_bits: quantise the language model's matrices to Q8_0; else they become float32.
        tower_eight_bits: the same for the vision tower.

    Raises:
        ModelError: a package is missing, or the checkpoint has something that llama.cpp doesn't know.
        OSError: a file can't be written.
    """
    if not (find_spec("gguf") and find_spec("safetensors")):
        raise ModelError(f"{name} needs gguf and safetensors; {INSTALL}")
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((checkpoint / "config.json").read_text("utf-8"))
    weights = dict(sorted(_weights(checkpoint)))  # safetensors gives them in any order
    made = GgufFiles(folder / f"{name}.gguf", folder / f"mmproj-{name}.gguf")
    _write_model(made.model, checkpoint, config, weights, eight_bits=eight_bits)
    _write_mmproj(made.mmproj, checkpoint, config, weights, eight_bits=tower_eight_bits)
    return made


def main() -> None:
    """Convert the checkpoint that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m qvl_agent.agent.models.llama.convert",
        description="Make GGUF files of a small dense Qwen3-VL, all weights in float32.",
    )
    parser.add_argument("checkpoint", type=Path, help="the checkpoint's folder")
    parser.add_argument("folder", type=Path, help="where the two files go")
    parser.add_argument("--name", default="model", help="what they are called (default: model)")
    given = parser.parse_args()
    try:
        made = convert(given.checkpoint, given.folder, given.name)
    except (ModelError, OSError) as error:
        parser.error(str(error))
    print(made.model, made.mmproj, sep=os.linesep)  # noqa: T201 - a program's result


def _digest(checkpoint: Path) -> str:
    """Return the SHA-256 of all files of a checkpoint that the GGUF files are made of."""
    total = hashlib.sha256(_FORM.encode())
    for file in sorted(checkpoint.iterdir()):
        if file.suffix in {".json", ".jinja", ".safetensors"}:
            total.update(f"{file.name}\0{_sha256(file)}\0".encode())
    return total.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _is_whole(files: GgufFiles) -> bool:
    """Return whether both files are those that were made."""
    try:
        sums = json.loads(files.model.with_name(_MADE).read_text())
        return bool(sums == {file.name: _sha256(file) for file in (files.model, files.mmproj)})
    except (OSError, ValueError):
        return False


def _weights(checkpoint: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a checkpoint's weights as float32, without torch."""
    from safetensors import deserialize  # noqa: PLC0415 - an extra

    for path in sorted(checkpoint.glob("*.safetensors")):
        for name, kept in deserialize(path.read_bytes()):  # type: ignore[no-untyped-call]
            yield name, _as_float32(kept["data"], kept["dtype"], name).reshape(kept["shape"])


def _as_float32(data: bytes, kind: str, name: str) -> np.ndarray:
    match kind:
        case "BF16":  # the upper half of a float32
            return (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
        case "F16" | "F32":
            return np.frombuffer(data, {"F16": "<f2", "F32": "<f4"}[kind]).astype("<f4")
        case _:
            raise ModelError(
                f"expected floating-point weights, got {kind} in {name}; take a plain checkpoint"
            )


def _write_model(
    path: Path,
    checkpoint: Path,
    config: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    *,
    eight_bits: bool,
) -> None:
    import gguf  # noqa: PLC0415 - an extra

    text, vision = config["text_config"], config["vision_config"]
    rope = text["rope_scaling"] | {"rope_theta": text["rope_theta"]}
    with _writing(path, gguf.MODEL_ARCH_NAMES[gguf.MODEL_ARCH.QWEN3VL]) as writer:
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
            if not name.startswith(_SEES):
                placed = _named(names, name.replace(_SPEAKS, "model."))
                _add_weight(writer, placed, value, eight_bits=eight_bits)


def _add_weight(writer: "gguf.GGUFWriter", name: str, value: np.ndarray, *, eight_bits: bool) -> None:
    """Add a weight as it is, or in 8 bits if it is a matrix whose rows can be cut into blocks."""
    import gguf  # noqa: PLC0415 - an extra

    if eight_bits and value.ndim == 2 and value.shape[1] % _BLOCK == 0:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(value, kind), raw_dtype=kind)
    else:
        writer.add_tensor(name, value)


def _add_vocabulary(writer: "gguf.GGUFWriter", checkpoint: Path, size: int) -> None:
    import gguf  # noqa: PLC0415 - an extra

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
    if cuts not in _PRE_TOKENIZERS:
        raise ModelError(f"expected Qwen 2's or Llama 3's pre-tokenizer in {checkpoint}, found {cuts}")
    writer.add_tokenizer_pre(_PRE_TOKENIZERS[cuts])
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
    path: Path,
    checkpoint: Path,
    config: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    *,
    eight_bits: bool,
) -> None:
    vision, text = config["vision_config"], config["text_config"]
    pictures = json.loads((checkpoint / "preprocessor_config.json").read_text("utf-8"))
    import gguf  # noqa: PLC0415 - an extra

    with _writing(path, "clip") as writer:
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
            if name.startswith(_SEES):
                for placed, part in _placed(names, name.removeprefix(_SEES), value, deep):
                    whole = placed == _POSITIONS
                    _add_weight(writer, placed, part, eight_bits=eight_bits and not whole)


def _placed(
    names: "gguf.TensorNameMap", name: str, value: np.ndarray, deep: list[int]
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


def _named(names: "gguf.TensorNameMap", name: str) -> str:
    found = names.get_name(name, try_suffixes=(".weight", ".bias"))
    if found is None:
        raise ModelError(f"llama.cpp has no name for the weight {name}; take a plain dense checkpoint")
    return found


@contextmanager
def _writing(path: Path, architecture: str) -> "Iterator[gguf.GGUFWriter]":
    """Write a file of what is added in the block."""
    import gguf  # noqa: PLC0415 - an extra

    writer = gguf.GGUFWriter(path, architecture)
    try:
        yield writer
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        for file in writer.fout or ():
            with suppress(OSError):  # what was raised before says more
                file.close()


if __name__ == "__main__":
    main()
