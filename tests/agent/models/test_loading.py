"""Ways to lay a checkpoint into memory: FP8, 4 bits, LoRA, several devices, kinds of attention."""

import json
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tiny_checkpoint import FEW, checkpoint

from qvl_agent import sandbox
from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.actions.planning.action import Click
from qvl_agent.agent.models.checkpoint import options as transformers_options
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.checkpoint.options import LoadOptions, attention, placement
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.sandbox import nano

ANSWER = '{"action": "等待", 中文}'
BLOCK = 128


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("speaking"), says=ANSWER, words=FEW)


def said_by(model: TransformersModel) -> str:
    """What it answers about a picture; it is closed then."""
    pixels = np.random.default_rng(1).integers(0, 256, (288, 512, 3), np.uint8)
    messages = [Message("user", (Frame(pixels, Rect(0, 0, 512, 288)), "What now?"))]
    reply = model.reply(messages, stop=lambda: False)
    model.close()
    return reply.text


def loaded(path: Path, dtype: str = "float32", **options: Any) -> Any:
    return TransformersModel(
        str(path), device="cpu", dtype=dtype, max_new_tokens=16, options=LoadOptions(**options)
    )


def in_fp8(folder: Path, out: Path) -> Path:
    """Write a checkpoint as Qwen releases FP8: layers in e4m3 with a scale for each block of 128x128."""
    for file in folder.iterdir():
        (out / file.name).write_bytes(file.read_bytes())
    weights = load_file(out / "model.safetensors")
    for name in [
        name for name in weights if ".language_model.layers." in name and name.endswith("proj.weight")
    ]:
        weight = weights[name].float()
        scale = weight.abs().max().clamp(min=1e-6) / 448  # the largest e4m3 number; one block covers all
        weights[name] = (weight / scale).to(torch.float8_e4m3fn)
        blocks = [-(-side // BLOCK) for side in weight.shape]
        weights[f"{name}_scale_inv"] = scale.expand(*blocks).to(torch.bfloat16).contiguous()
    save_file(weights, out / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((out / "config.json").read_text())
    config["quantization_config"] = {
        "quant_method": "fp8",
        "fmt": "e4m3",
        "activation_scheme": "dynamic",
        "weight_block_size": [BLOCK, BLOCK],
        "modules_to_not_convert": ["lm_head", "model.visual"],
    }
    (out / "config.json").write_text(json.dumps(config))
    return out


@pytest.mark.skipif(
    int(transformers.__version__.partition(".")[0]) < 5, reason="before transformers 5 it needs a GPU"
)
def test_an_fp8_checkpoint_answers_on_a_cpu_too(folder: Path, tmp_path: Path) -> None:
    """There it is unpacked to bfloat16; a GPU from compute capability 8.9 on multiplies it as it is."""
    model = loaded(in_fp8(folder, tmp_path), dtype="auto")
    weights = dict(model._loaded.model.named_parameters())
    for name, weight in load_file(folder / "model.safetensors").items():
        if name.endswith("q_proj.weight"):
            torch.testing.assert_close(weights[name].float(), weight.float(), rtol=0.07, atol=2e-4)
            assert weights[name].dtype == torch.bfloat16
    assert said_by(model) == ANSWER


def test_four_bits_quantise_the_layers_and_leave_the_eyes_whole(folder: Path) -> None:
    model = loaded(folder, dtype="bfloat16", four_bits=True)
    kinds = {name: type(module).__name__ for name, module in model._loaded.model.named_modules()}
    assert kinds["model.language_model.layers.0.self_attn.q_proj"] == "Linear4bit"
    assert kinds["model.language_model.layers.3.mlp.down_proj"] == "Linear4bit"
    assert kinds["lm_head"] == kinds["model.visual.blocks.0.attn.qkv"] == "Linear"
    config = model._loaded.model.config.quantization_config
    assert (config.bnb_4bit_quant_type, config.bnb_4bit_use_double_quant) == ("nf4", True)
    assert said_by(model) == ANSWER


def test_a_mixture_of_experts_in_four_bits_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="take its -fp8 checkpoint"):
        loaded(checkpoint(tmp_path, moe=True, words=FEW), four_bits=True)


def test_a_checkpoint_that_is_quantised_isnt_quantised_again(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="quantised already"):
        loaded(in_fp8(folder, tmp_path), four_bits=True)


def test_without_bitsandbytes_the_error_names_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    present = find_spec
    monkeypatch.setattr(
        transformers_options, "find_spec", lambda name: None if name == "bitsandbytes" else present(name)
    )
    with pytest.raises(ModelError, match=r"pip install 'qvl-agent\[4bit\]'"):
        loaded(folder, four_bits=True)


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA over the queries and values of the language model, as PEFT saves one after training."""
    out = tmp_path_factory.mktemp("adapter")
    torch.manual_seed(3)
    base = transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
    config = peft.LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=r".*language_model.*\.(q_proj|v_proj|o_proj)",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT reads an attribute that transformers renamed
        trained = peft.get_peft_model(base, config)
    for name, weight in trained.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.5)
    trained.save_pretrained(out)
    return out


def test_an_adapter_changes_the_weights_it_was_trained_for_and_no_others(folder: Path, adapter: Path) -> None:
    plain, tuned = loaded(folder), loaded(folder, adapter=str(adapter))
    before, after = (dict(model._loaded.model.named_parameters()) for model in (plain, tuned))
    assert before.keys() == after.keys()  # merged: no wrapper is left
    assert type(tuned._loaded.model) is type(plain._loaded.model)
    factors = load_file(adapter / "adapter_model.safetensors")
    for name, weight in before.items():
        start = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{start}.lora_A.weight" in factors:
            change = 2 * factors[f"{start}.lora_B.weight"] @ factors[f"{start}.lora_A.weight"]
            assert change.abs().max() > 0.01
            torch.testing.assert_close(after[name], weight + change)
        else:
            torch.testing.assert_close(after[name], weight, rtol=0, atol=0)
    plain.close()
    assert said_by(tuned) != ANSWER


def test_an_adapter_works_beside_a_quantised_model(folder: Path, adapter: Path) -> None:
    tuned = loaded(folder, adapter=str(adapter), four_bits=True)
    names = {name for name, _ in tuned._loaded.model.named_parameters()}
    assert "model.language_model.layers.0.self_attn.q_proj.lora_A.default.weight" in names
    assert said_by(tuned) != ANSWER


def test_an_adapter_of_another_model_is_refused(folder: Path, adapter: Path, tmp_path: Path) -> None:
    for file in adapter.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(tmp_path / "adapter_model.safetensors")
    moved = {name.replace("layers.0.", "layers.40."): weight for name, weight in weights.items()}
    save_file(moved, tmp_path / "adapter_model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"isn't an adapter of this model.*its base is /"):
        loaded(folder, adapter=str(tmp_path))


def test_a_folder_without_an_adapter_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        loaded(folder, adapter=str(folder))


def test_an_adapter_in_the_place_of_a_model_is_told_apart(adapter: Path) -> None:
    with pytest.raises(ModelError, match="give its base with --model and it with --adapter"):
        loaded(adapter)


@pytest.mark.parametrize(
    "device_map",
    ["auto", '{"model.visual": "cpu", "model.language_model": "cpu", "lm_head": "cpu"}'],
)
def test_a_device_map_lays_the_modules_out(folder: Path, device_map: str) -> None:
    assert said_by(loaded(folder, device_map=device_map)) == ANSWER


@pytest.mark.parametrize("device_map", ["everywhere", "[0, 1]", '{"lm_head": null}'])
def test_a_device_map_that_is_none_is_refused(folder: Path, device_map: str) -> None:
    with pytest.raises(ModelError, match="expected a device map such as auto, balanced"):
        loaded(folder, device_map=device_map)


def test_several_gpus_share_the_layers_and_one_device_holds_all() -> None:
    assert placement("", "auto") == "auto"  # what "auto" as a device comes to with more than one GPU
    assert placement("", "cuda:1") == {"": "cuda:1"}
    assert placement('{"model.visual": 0, "lm_head": 1}', "cpu") == {"model.visual": 0, "lm_head": 1}


@pytest.mark.parametrize(("wanted", "taken"), [("auto", "sdpa"), ("eager", "eager")])
def test_attention_is_what_was_asked_for(folder: Path, wanted: str, taken: str) -> None:
    model = loaded(folder, attention=wanted)
    config = model._loaded.model.config
    assert (config.text_config._attn_implementation, config.vision_config._attn_implementation) == (
        taken,
        taken,
    )
    assert said_by(model) == ANSWER


def test_flash_attention_that_cant_work_is_an_error_with_a_remedy(folder: Path) -> None:
    with pytest.raises(ModelError, match="pip install flash-attn, or leave it"):
        loaded(folder, attention="flash_attention_2")


@pytest.mark.parametrize(
    ("installed", "place", "dtype", "taken"),
    [
        (True, "cuda", torch.bfloat16, "flash_attention_2"),
        (True, "auto", "auto", "flash_attention_2"),
        (True, "cuda", torch.float32, "sdpa"),
        (True, "cpu", torch.bfloat16, "sdpa"),
        (False, "cuda", torch.bfloat16, "sdpa"),
    ],
)
def test_flash_attention_is_taken_where_it_can_work(
    installed: bool, place: str, dtype: Any, taken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transformers.utils, "is_flash_attn_2_available", lambda: installed)
    assert attention(transformers, torch, "auto", place, dtype) == taken


def test_a_checkpoint_that_an_older_transformers_would_misread_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    text = config["text_config"]
    text["rope_parameters"] = text.pop("rope_scaling") | {"rope_theta": text.pop("rope_theta")}
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(transformers, "__version__", "4.57.1")
    assert said_by(loaded(folder)) == ANSWER
    with pytest.raises(ModelError, match=r"saved with transformers 5, and 4.57.1 is installed; pip install"):
        loaded(tmp_path)


def test_nano_is_read_by_every_transformers_that_is_allowed() -> None:
    """The example's first screen, at which the oracle clicked the box before "notify"."""
    run = Recording.open(Path(sandbox.__file__).parent / "examples/uncheck-the-pinned-chat")
    model = TransformersModel(str(nano.CHECKPOINT), device="cpu", max_picture_tokens=nano.PICTURE_TOKENS)
    reply = model.reply(run.messages(run.steps[0]), stop=lambda: False)
    model.close()
    ours, oracle = parse_action(reply.text), run.steps[0].intent.action
    assert isinstance(ours, Click)
    assert isinstance(oracle, Click)
    assert ours.target.overlap(oracle.target) > 0.5
