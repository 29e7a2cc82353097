"""Each preset's figures against the real classes in the released shapes, built without memory."""

import re
from typing import Any

import bitsandbytes
import pytest
import torch
import transformers
from project import ROOT
from transformers.integrations.finegrained_fp8 import replace_with_fp8_linear

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.models.choice.presets import PRESETS, SIZES, find_preset, is_qwen3_vl, size_in, thinks

SMALL_TOWER = {
    "depth": 24,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "deepstack_visual_indexes": [5, 11, 17],
}
LARGE_TOWER = {
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "deepstack_visual_indexes": [8, 16, 24],
}
TOWER = {"num_heads": 16, "patch_size": 16, "spatial_merge_size": 2, "num_position_embeddings": 2304}
ROPE = {"rope_type": "default", "mrope_section": [24, 20, 20], "mrope_interleaved": True}
# hidden size, layers, heads, key-value heads, ffn, tied embeddings, tower, ffn of each of 128 experts
SHAPES: dict[str, tuple[int, int, int, int, int, bool, dict[str, Any], int]] = {
    "2b": (2048, 28, 16, 8, 6144, True, SMALL_TOWER, 0),
    "4b": (2560, 36, 32, 8, 9728, True, SMALL_TOWER, 0),
    "8b": (4096, 36, 32, 8, 12288, False, LARGE_TOWER, 0),
    "32b": (5120, 64, 64, 8, 25600, False, LARGE_TOWER, 0),
    "30b-a3b": (2048, 48, 32, 4, 6144, False, LARGE_TOWER, 768),
    "235b-a22b": (4096, 94, 64, 4, 12288, False, LARGE_TOWER, 1536),
}
"""The config.json of each released checkpoint."""


def built(name: str) -> Any:
    hidden, layers, heads, kv_heads, ffn, tied, tower, expert = SHAPES[name]
    kind = "Qwen3VLMoe" if expert else "Qwen3VL"
    text = {
        "vocab_size": 151936,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": ffn,
        "head_dim": 128,
        "tie_word_embeddings": tied,  # where transformers 4.57 looks for it
        "rope_theta": 5_000_000.0,
        "rope_scaling": ROPE,
    }
    if expert:
        text |= {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": expert}
    config = getattr(transformers, f"{kind}Config")(
        text_config=text,
        vision_config={**TOWER, **tower, "out_hidden_size": hidden},
        tie_word_embeddings=tied,
    )
    with torch.device("meta"):
        model = getattr(transformers, f"{kind}ForConditionalGeneration")(config)
    model.tie_weights()
    return model


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.name)
def test_the_table_counts_what_the_real_model_has(size: Any) -> None:
    model = built(size.name)
    layers = dict(model.model.language_model.layers.named_parameters())
    matrices = sum(
        weight.numel()
        for name, weight in layers.items()
        if weight.dim() > 1 and "mlp.gate.weight" not in name
    )
    text = model.config.text_config
    assert sum(weight.numel() for weight in model.parameters()) == size.parameters
    assert matrices == size.layer_weights
    assert 2 * text.num_key_value_heads * text.head_dim * text.num_hidden_layers * 2 == size.kv_bytes
    assert size.moe == hasattr(text, "num_experts")
    in_memory = model.to(torch.bfloat16)
    assert sum(weight.nbytes for weight in in_memory.parameters()) == PRESETS[size.name].weight_bytes


@pytest.mark.skipif(int(transformers.__version__.partition(".")[0]) < 5, reason="transformers 4 has others")
@pytest.mark.parametrize("name", ["4b", "30b-a3b"])
def test_an_fp8_checkpoint_takes_what_the_table_says(name: str) -> None:
    """transformers' own FP8 layers in place of the linear ones, as the released FP8 checkpoints have."""
    model = built(name).to(torch.bfloat16)
    whole = ["lm_head", "model.visual", "mlp.gate"]
    config = transformers.FineGrainedFP8Config(modules_to_not_convert=whole)
    with torch.device("meta"):
        model = replace_with_fp8_linear(
            model, modules_to_not_convert=whole, quantization_config=config, pre_quantized=True
        )
    taken = sum(weight.nbytes for weight in [*model.parameters(), *model.buffers()])
    assert taken == pytest.approx(PRESETS[f"{name}-fp8"].weight_bytes, rel=0.002)


def test_four_bits_take_what_the_table_says() -> None:
    """A layer of the real shape, quantised by bitsandbytes."""
    torch.set_num_threads(1)
    layer = bitsandbytes.nn.Linear4bit(
        2048, 2048, bias=False, quant_type="nf4", compress_statistics=True, compute_dtype=torch.bfloat16
    ).to("cpu")
    layer(torch.zeros(1, 2048, dtype=torch.bfloat16))
    state = layer.weight.quant_state
    taken = layer.weight.nbytes + state.absmax.nbytes + state.state2.absmax.nbytes
    size, preset = next(one for one in SIZES if one.name == "8b"), PRESETS["8b-4bit"]
    for_layers = preset.weight_bytes - 2 * (size.parameters - size.layer_weights)
    assert taken / 2048**2 == pytest.approx(for_layers / size.layer_weights, rel=0.001)


def test_the_table_in_the_docs_says_the_same() -> None:
    """Each cell is "weights / whole run" in GiB."""
    page = ROOT.joinpath("docs/models.md").read_text("utf-8")
    rows = re.findall(
        r"^\| `(\w+b(?:-\w+)?)` \| ([\d.]+) B \| (.*?) \| (.*?) \| (.*?) \|", page, re.MULTILINE
    )
    assert [name for name, *_ in rows] == [size.name for size in SIZES]
    for (name, count, *cells), size in zip(rows, SIZES, strict=True):
        assert count == f"{size.parameters / 1e9:.1f}"
        for suffix, cell in zip(("", "-fp8", "-4bit"), cells, strict=True):
            preset = PRESETS.get(name + suffix)
            said = (
                f"{preset.weight_bytes / 2**30:.1f} / {preset.memory_bytes / 2**30:.0f} GiB"
                if preset
                else "–"
            )
            assert cell == said, name + suffix


def test_names_mean_what_they_say() -> None:
    thinking = find_preset("30b-a3b-thinking-fp8")
    assert thinking is not None
    assert (thinking.name, thinking.hub_id) == (
        "30b-a3b-thinking-fp8",
        "Qwen/Qwen3-VL-30B-A3B-Thinking-FP8",
    )
    assert find_preset("8B-FP8-thinking") == find_preset("8b-thinking-fp8")
    assert find_preset("4b-instruct") == PRESETS["4b"]
    four = PRESETS["8b-4bit"]
    assert four.hub_id == "Qwen/Qwen3-VL-8B-Instruct"
    assert four.download_bytes == PRESETS["8b"].weight_bytes > 2 * four.weight_bytes
    assert all(find_preset(name) == preset and preset.name == name for name, preset in PRESETS.items())
    assert PRESETS["8b-thinking-q8"].hub_id == "Qwen/Qwen3-VL-8B-Thinking-GGUF"
    assert [PRESETS[name].quantisation for name in ("8b-q8", "4b-q4", "4b")] == ["Q8_0", "Q4_K_M", ""]
    assert len(PRESETS) == 6 * 2 * 4 + 4 * 2


@pytest.mark.parametrize("name", ["Qwen/Qwen3-VL-4B-Instruct", "./4b", "oracle", "auto", "qwen3-vl:8b", ""])
def test_other_names_are_no_presets(name: str) -> None:
    assert find_preset(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("7b", "choose 2b, 4b, 8b, 30b-a3b, 32b, 235b-a22b"),
        ("30b", "choose 2b"),
        ("4b-fp8-4bit", "choose 2b"),
        ("30b-a3b-4bit", "take 30b-a3b-fp8, or 30b-a3b-q4"),
    ],
)
def test_a_checkpoint_that_doesnt_exist_is_said_with_what_does(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        find_preset(name)


@pytest.mark.parametrize(
    ("name", "size", "thinking"),
    [
        ("Qwen/Qwen3-VL-235B-A22B-Thinking-FP8", "235b-a22b", True),
        ("qwen3-vl:30b", "30b-a3b", True),
        ("qwen3-vl:32b-instruct-q4_K_M", "32b", False),
        ("qwen3-vl", None, True),
        ("ai/qwen3-vl:8B-UD-Q4_K_XL", "8b", False),
        ("/models/Qwen3VL-2B-Instruct-Q8_0.gguf", "2b", False),
        ("unsloth/Qwen3-VL-8B-Instruct-bnb-4bit", "8b", False),
        ("qwen/qwen3-vl-4b", "4b", False),
    ],
)
def test_a_servers_name_tells_size_and_kind(name: str, size: str | None, thinking: bool) -> None:
    assert is_qwen3_vl(name)
    found = size_in(name)
    assert (found.name if found else None, thinks(name)) == (size, thinking)


@pytest.mark.parametrize(
    "name", ["qwen3:8b", "Qwen/Qwen2.5-VL-7B-Instruct", "Qwen/Qwen3-VL-Embedding-2B", "qwen3-vl-reranker-8b"]
)
def test_other_models_dont_pass_for_one(name: str) -> None:
    assert not is_qwen3_vl(name)
