"""A checkpoint of nano: its size, its form, and that the real classes load all of it.

Both the one that ships and what the training writes.
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tiny_nano import untrained

from qvl_agent.agent.models.checkpoint.files import check
from qvl_agent.agent.models.pictures import fit
from qvl_agent.sandbox.nano import CHECKPOINT, PICTURE_TOKENS, SCREEN
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL
from qvl_agent.sandbox.nano.making.shape import PICTURE

MEGABYTE = 10**6


@pytest.fixture(scope="module", params=["written", "shipped"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "shipped":
        return CHECKPOINT
    return untrained(tmp_path_factory.mktemp("made") / "checkpoint")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator[tuple[Any, dict[str, Any]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield transformers.Qwen3VLForConditionalGeneration.from_pretrained(
            folder, dtype="auto", local_files_only=True, output_loading_info=True
        )


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)


def read(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text("utf-8"))
    assert isinstance(value, dict)
    return value


def test_it_is_small_enough_to_ship(folder: Path) -> None:
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sum(sizes.values()) <= 25 * MEGABYTE
    assert max(sizes.values()) <= 16 * MEGABYTE, sizes
    assert all(path.is_file() for path in folder.iterdir()), "package data knows no folders"


def test_it_has_what_a_checkpoint_has(folder: Path) -> None:
    check(folder)
    for name in ("generation_config.json", "preprocessor_config.json", "tokenizer.json"):
        assert (folder / name).is_file(), name


def test_the_one_that_ships_has_a_model_card() -> None:
    assert (CHECKPOINT / "README.md").is_file()


def test_every_weight_is_loaded_and_none_is_missing(loaded: tuple[Any, dict[str, Any]]) -> None:
    model, found = loaded
    assert {name: list(keys) for name, keys in found.items() if keys} == {}
    assert {weight.dtype for weight in model.parameters()} == {torch.bfloat16}
    assert all(torch.isfinite(weight).all() for weight in model.parameters())


def test_the_tokenizer_has_qwens_special_tokens_where_the_config_says(
    loaded: tuple[Any, dict[str, Any]], tokenizer: Any
) -> None:
    config = loaded[0].config
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL}
    for name, number in ids.items():
        assert tokenizer.encode(name, add_special_tokens=False) == [number], name
        assert tokenizer.decode([number], skip_special_tokens=True) == "", name
    assert config.image_token_id == ids["<|image_pad|>"]
    assert config.video_token_id == ids["<|video_pad|>"]
    assert config.vision_start_token_id == ids["<|vision_start|>"]
    assert config.vision_end_token_id == ids["<|vision_end|>"]
    ends = loaded[0].generation_config.eos_token_id
    assert ids["<|im_end|>"] in (ends if isinstance(ends, list) else [ends])
    assert len(tokenizer) <= config.text_config.vocab_size


@pytest.mark.parametrize(
    "text", ['{"action": "click", "bbox_2d": [4, 31, 370, 999]}', "取消勾选置顶的聊天", "é 😀\n\t"]
)
def test_the_tokenizer_loses_nothing(text: str, tokenizer: Any) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


def test_a_coordinate_is_one_token(tokenizer: Any) -> None:
    numbers = [str(number) for number in range(1000)]
    assert [
        number for number in numbers if len(tokenizer.encode(number, add_special_tokens=False)) != 1
    ] == []


def test_its_pictures_are_the_sandboxs_whole_screen(folder: Path) -> None:
    processor = read(folder / "preprocessor_config.json")
    assert processor["patch_size"] * processor["merge_size"] == 32
    assert fit(SCREEN, PICTURE_TOKENS) == PICTURE


def test_no_weights_are_left_over_from_another_one(folder: Path) -> None:
    index = folder / "model.safetensors.index.json"
    named = set(read(index)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    assert {path.name for path in folder.glob("*.safetensors")} == named
