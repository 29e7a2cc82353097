"""Words without pictures: what a reply repeats from its task is another word, so that it must be copied."""

import json
import random
import re
from dataclasses import replace

import pytest
from nano_episodes import run

from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING
from qvl_agent.sandbox.nano.making.samples import Episode
from qvl_agent.sandbox.nano.making.training.words_only import ConversationPool, replace_repeated

EPISODE = run(1)[0]
EPISODES = [run(seed)[0] for seed in range(5)]
KNOWN = ("Maya Patel", "Hiking club", "读书会", "周末徒步群")


def replies(text: str) -> list[dict[str, object]]:
    """All replies of a conversation, read as JSON."""
    said = text.split(ANSWERING)[1:]
    return [json.loads(one.partition("<|im_end|>")[0]) for one in said]


@pytest.mark.parametrize("seed", range(20))
def test_a_repeated_label_is_another_one_in_the_whole_run(seed: int) -> None:
    text = replace_repeated(EPISODE.text, KNOWN, random.Random(seed))
    found = replies(text)
    other = str(found[0]["label"])
    assert other != "Pin"
    assert f'Task: press "{other}"' in text
    assert text.count(f'press "{other}"') == 3, "in every turn"
    assert found[0]["intent"] == f"Click {other}."
    assert found[0]["bbox_2d"] == replies(EPISODE.text)[0]["bbox_2d"]
    assert found[1] == replies(EPISODE.text)[1], "its label isn't in the task"


@pytest.mark.parametrize("seed", range(20))
def test_the_system_prompt_and_the_places_of_pictures_stay(seed: int) -> None:
    text = replace_repeated(EPISODE.text, KNOWN, random.Random(seed))
    system = EPISODE.text.partition("<|im_end|>")[0]
    assert text.startswith(system)
    assert text.count("<|image_pad|>") == EPISODE.text.count("<|image_pad|>")


def test_chinese_stays_chinese() -> None:
    chinese = EPISODE.text.replace('"Pin"', '"置顶聊天"')
    for seed in range(10):
        assert not str(replies(replace_repeated(chinese, KNOWN, random.Random(seed)))[0]["label"]).isascii()


def test_some_are_words_that_the_data_have_and_some_are_none() -> None:
    drawn = [replies(replace_repeated(EPISODE.text, KNOWN, random.Random(seed))) for seed in range(40)]
    labels = {str(found[0]["label"]) for found in drawn}
    assert labels & set(KNOWN)
    assert labels - set(KNOWN)
    assert len(labels) > 15


def test_of_every_task_as_many_runs_are_drawn() -> None:
    often = [replace(one, task="often", text=one.text.replace("press", "often")) for one in EPISODES]
    seldom = replace(EPISODE, task="seldom", text=EPISODE.text.replace("press", "seldom"))
    drawn = ConversationPool([*often, seldom]).some_runs(random.Random(1), 200)
    assert 70 < sum("Task: seldom" in one.text for one in drawn) < 130
    assert all(one.grids == tuple(shot.grid for shot in EPISODE.shots) for one in drawn)


def test_a_question_is_a_runs_first_step() -> None:
    wording = ConversationPool(EPISODES)
    drawn = wording.some_questions(random.Random(1), 60)
    first = EPISODE.text.partition("<|im_end|>\n")[2].partition("Task: ")[0]
    for one in drawn:
        assert one.text.partition("<|im_end|>\n")[2].startswith(first)
        assert len(replies(one.text)) == len(one.grids) == 1
    asked = {re.search(r"Task: (.*)", one.text)[1] for one in drawn}  # type: ignore[index]
    assert {"slide", "end"} <= asked


def test_without_finished_runs_there_are_none() -> None:
    unfinished: list[Episode] = [replace(EPISODE, finished=False)]
    assert ConversationPool(unfinished).some_runs(random.Random(1), 3) == []
