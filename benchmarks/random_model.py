"""A Qwen3-VL of random weights in a given shape, opened as a user's checkpoint is, but never on disk."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import torch
import transformers

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

import tiny_checkpoint

from qvl_agent.agent.models.checkpoint import load as transformers_load
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.models.llama.files import GgufFiles
from qvl_agent.sandbox.nano.making.shape import as_released

TOWER = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_heads": 16,
    "deepstack_visual_indexes": [5, 11, 17],
}
LARGE_TOWER = {
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_heads": 16,
    "deepstack_visual_indexes": [8, 16, 24],
}
SMALL_TOWER = {
    "depth": 6,
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_heads": 4,
    "deepstack_visual_indexes": [1, 2, 3],
}
# hidden size, layers, heads, key-value heads, ffn, tied embeddings, tower
SHAPES: dict[str, tuple[int, int, int, int, int, bool, dict[str, Any]]] = {
    "tiny": (64, 4, 2, 1, 128, True, SMALL_TOWER | {"depth": 4}),
    "small": (256, 8, 4, 2, 1024, True, SMALL_TOWER),
    "2b": (2048, 28, 16, 8, 6144, True, TOWER),
    "4b": (2560, 36, 32, 8, 9728, True, TOWER),
    "8b": (4096, 36, 32, 8, 12288, False, LARGE_TOWER),
}


def config(shape: str) -> Any:
    hidden, layers, heads, kv_heads, ffn, tied, tower = SHAPES[shape]
    width = 128 if hidden >= 512 else 64
    text = tiny_checkpoint.TEXT | {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": ffn,
        "head_dim": width,
        "max_position_embeddings": 262144,
        "rope_scaling": tiny_checkpoint.ROPE
        | {"mrope_section": [24, 20, 20] if width == 128 else [12, 10, 10]},
    }
    return transformers.Qwen3VLConfig(
        text_config=text,
        vision_config=tiny_checkpoint.VISION | tower | {"out_hidden_size": hidden},
        tie_word_embeddings=tied,
    )


@contextmanager
def random_model(shape: str, device: str, **settings: Any) -> Iterator[TransformersModel]:
    """Open a model of `TransformersModel`'s own, whose weights are drawn on the device."""

    def made(_transformers: Any, _folder: Path, arguments: dict[str, Any]) -> Any:
        torch.manual_seed(7)
        with torch.device(device):
            weights = transformers.AutoModelForImageTextToText.from_config(
                config(shape), dtype=arguments["dtype"], attn_implementation=arguments["attn_implementation"]
            )
        weights.tie_weights()
        return weights.eval()

    with (
        TemporaryDirectory() as name,
        patch.object(transformers_load, "_model", made),
        patch.object(transformers_load, "check", lambda _folder: {"model_type": "qwen3_vl"}),
    ):
        folder = beside_the_weights(Path(name))
        model = TransformersModel(str(folder), device=device, **settings)
    try:
        yield model
    finally:
        model.close()


def beside_the_weights(folder: Path) -> Path:
    """Write a checkpoint's files but for the weights and their shape."""
    folder = tiny_checkpoint.tokenizer(folder)
    template = tiny_checkpoint.TEMPLATE.replace("THINK", "")
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(tiny_checkpoint.PREPROCESSOR), "utf-8")
    return folder


def as_gguf(model: TransformersModel, folder: Path) -> GgufFiles:
    """Write the same weights as llama.cpp takes them, in float32."""
    beside_the_weights(folder)
    model._loaded.model.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(as_released(json.loads(path.read_text("utf-8")))), "utf-8")
    return convert(folder, folder / "gguf")
