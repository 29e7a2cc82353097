"""The shape of nano: the released architecture's configs, made very small."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "CELL",
    "DEVIATION",
    "GRID",
    "MEAN",
    "PICTURE",
    "VOCABULARY",
    "as_released",
    "config",
    "preprocessor",
]

PICTURE: Final = (768, 480)
"""Width and height in px in which it sees the sandbox's screen of 1280x800."""
CELL: Final = 32
"""The side of a cell in px. A cell is one image token: 2x2 patches of 16 px."""
GRID: Final = (PICTURE[1] // CELL, PICTURE[0] // CELL)
"""Rows and columns of cells of a whole screen."""
VOCABULARY: Final = 4096
"""The number of tokens."""
MEAN: Final = 0.45
DEVIATION: Final = 0.4
"""About the sandbox's screens' mean and deviation, 0-1: half of the themes are dark, the desktop is black."""


def config(token_ids: dict[str, int], vocabulary: int = VOCABULARY) -> dict[str, Any]:
    """Return config.json's values.

    Args:
        token_ids: The tokenizer's ids of Qwen's special tokens, by name.
        vocabulary: The number of tokens.
    """
    return {
        "tie_word_embeddings": True,
        "image_token_id": token_ids["<|image_pad|>"],
        "video_token_id": token_ids["<|video_pad|>"],
        "vision_start_token_id": token_ids["<|vision_start|>"],
        "vision_end_token_id": token_ids["<|vision_end|>"],
        "vision_config": {
            "depth": 4,
            "hidden_size": 192,
            "intermediate_size": 576,
            "num_heads": 6,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 320,
            "num_position_embeddings": 48 * 48,
            "deepstack_visual_indexes": [],
        },
        "text_config": {
            "vocab_size": vocabulary,
            "hidden_size": 320,
            "intermediate_size": 800,
            "num_hidden_layers": 5,
            "num_attention_heads": 10,
            "num_key_value_heads": 10,
            "head_dim": 32,
            "max_position_embeddings": 16384,
            "rope_theta": 100_000.0,
            "rope_scaling": {
                "rope_type": "default",
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
            "bos_token_id": token_ids["<|endoftext|>"],
            "eos_token_id": token_ids["<|im_end|>"],
            "pad_token_id": token_ids["<|endoftext|>"],
        },
    }


def preprocessor() -> dict[str, Any]:
    """Return preprocessor_config.json's values: the released ones with the sandbox's mean and deviation."""
    return {
        "size": {"longest_edge": 360 * CELL**2, "shortest_edge": 64 * CELL**2},
        "patch_size": 16,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [MEAN] * 3,
        "image_std": [DEVIATION] * 3,
        "processor_class": "Qwen3VLProcessor",
        "image_processor_type": "Qwen2VLImageProcessorFast",
    }


def as_released(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config.json in the released checkpoints' names, which transformers 4.57 reads as well as 5."""
    text, tower = dict(config["text_config"]), dict(config["vision_config"])
    tower.pop("rope_parameters", None)
    if rope := text.pop("rope_parameters", None):
        scaling = {name: value for name, value in rope.items() if name != "rope_theta"}
        text |= {"rope_theta": rope["rope_theta"], "rope_scaling": scaling}
    if experts := text.pop("num_local_experts", None):
        text["num_experts"] = experts
    return {**config, "text_config": text, "vision_config": tower}
