"""How large pictures should be: the fastest budget that is as good as the best; and the words for it."""

import re
from pathlib import Path

import click
import pytest
from engine_reference import pictures
from stream_server import says, serving
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.agent.cli.runner import flags_of
from qvl_agent.agent.doctor.pointing.budgets import Budget, measure_budgets, proposed
from qvl_agent.agent.doctor.pointing.findings import examine_pointing
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.settings import load_settings


@pytest.mark.parametrize(
    ("hits", "taken"),
    [((12, 12, 12), 512), ((11, 12, 12), 512), ((10, 12, 12), 1024), ((3, 7, 12), 2048), ((0, 0, 1), 512)],
)
def test_the_fastest_that_is_as_good_as_the_best_is_proposed(hits: tuple[int, ...], taken: int) -> None:
    tried = zip((512, 1024, 2048), hits, (1.0, 2.0, 4.0), strict=True)
    best = proposed([Budget(tokens, count, 12, seconds) for tokens, count, seconds in tried])
    assert best is not None
    assert best.tokens == taken


def test_nothing_is_proposed_where_nothing_is_hit() -> None:
    assert proposed([Budget(512, 0, 5, 1.0), Budget(1024, 0, 5, 2.0)]) is None


def test_the_model_is_shown_pictures_of_each_size() -> None:
    reply = '{"action": "click", "bbox_2d": [1, 1, 2, 2], "label": "corner"}'
    with serving(says(reply)) as server:
        settings = load_settings({"server": server.base_url, "model": "qwen3-vl"})
        measured = measure_budgets(settings, (512, 1024), quick=True)
    assert [(each.tokens, each.hits, each.asked) for each in measured] == [(512, 0, 5), (1024, 0, 5)]
    shown = [
        picture.size[0] * picture.size[1] // 1024
        for request in server.asked
        for turn in request.body["messages"]
        for picture in pictures(turn)
    ]
    small, large = shown[: len(shown) // 2], shown[len(shown) // 2 :]
    assert max(small) <= 512 < min(large)
    assert max(large) <= 1024


def test_a_model_on_this_machine_is_measured_loading_reading_and_writing(tmp_path: Path) -> None:
    made = convert(checkpoint(tmp_path / "checkpoint", words=FEW), tmp_path / "gguf", "tiny")
    settings = load_settings({"model": str(made.model), "max_picture_tokens": 128, "max_reply_tokens": 16})
    examined = examine_pointing(settings, quick=True)
    said = {finding.name: finding.fact for finding in examined.findings}
    assert re.fullmatch(r"0\.\d GiB, loaded in \d+\.\d s", said["loaded"])
    assert re.search(r", \d+ tokens/s read, \d+ tokens/s written$", said["speed"])
    (budget,) = measure_budgets(settings, (128,), quick=True)
    assert budget.memory_bytes
    assert budget.memory_bytes > made.bytes
    assert budget.loaded_s


def test_hurry_and_careful_look_are_words_for_settings_and_give_way_to_what_is_said() -> None:
    assert flags_of({"hurry": True, "careful_look": False}) == {"max_picture_tokens": 1024}
    careful = {"max_picture_tokens": 4096, "look_closer": "always"}
    assert flags_of({"hurry": False, "careful_look": True, "look_closer": None}) == careful
    said = {"hurry": True, "careful_look": False, "max_picture_tokens": 700}
    assert flags_of(said) == {"max_picture_tokens": 700}
    with pytest.raises(click.UsageError, match="not both"):
        flags_of({"hurry": True, "careful_look": True})
