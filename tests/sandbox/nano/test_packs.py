"""What is trained on is what the loop says: the backend's own tokens and positions, one by one."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from nano_episodes import run, screen

from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.checkpoint.inputs import Encoder
from qvl_agent.agent.models.checkpoint.load import Loaded, load
from qvl_agent.prompts import render
from qvl_agent.sandbox.nano import PICTURE_TOKENS
from qvl_agent.sandbox.nano.making.export import write_checkpoint
from qvl_agent.sandbox.nano.making.network.start import build
from qvl_agent.sandbox.nano.making.network.targets import cell_of
from qvl_agent.sandbox.nano.making.network.tokenizer import (
    ANSWERING,
    SPECIAL,
    NanoTokenizer,
    train_tokenizer,
    training_texts,
)
from qvl_agent.sandbox.nano.making.samples import Question
from qvl_agent.sandbox.nano.making.shape import GRID
from qvl_agent.sandbox.nano.making.training.packs import questions_pack, run_pack, words_pack
from qvl_agent.sandbox.nano.making.training.words_only import Conversation

EPISODE, MESSAGES = run(1)


@dataclass(frozen=True, slots=True)
class Backend:
    """The ordinary backend's tokens, and their positions in time, height and width: (3, n)."""

    loaded: Loaded

    def read(self, messages: tuple[Message, ...]) -> tuple[list[int], torch.Tensor]:
        encoder = Encoder(self.loaded, PICTURE_TOKENS)
        prompt = encoder.prompt(messages)
        return list(prompt.ids), encoder.fresh(prompt).known[1:, 0]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def coder() -> NanoTokenizer:
    return NanoTokenizer(json.dumps(train_tokenizer(training_texts([run(seed)[0] for seed in range(6)]))))


@pytest.fixture(scope="module")
def backend(coder: NanoTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Backend:
    folder: Path = tmp_path_factory.mktemp("made") / "checkpoint"
    write_checkpoint(build(coder.special), coder, folder)
    return Backend(load(folder, device="cpu", dtype="float32", max_picture_tokens=PICTURE_TOKENS))


# The tokenizer


def test_the_tokenizer_has_the_special_tokens_where_it_says(coder: NanoTokenizer, backend: Backend) -> None:
    tokenizer: Any = backend.loaded.tokenizer
    assert sorted(coder.special.values()) == list(range(len(tokenizer) - len(SPECIAL), len(tokenizer)))
    for name, number in coder.special.items():
        assert tokenizer.convert_tokens_to_ids(name) == number
        assert coder.encode(f"a{name}b")[1:-1] == [number]


def test_each_number_is_one_token(coder: NanoTokenizer) -> None:
    assert [coder.encode(f"[{number}]")[1] for number in range(1000)] == coder.numbers.tolist()
    assert [coder.value[token] for token in coder.numbers.tolist()] == list(range(1000))
    assert coder.decode(coder.encode("1000, 07")) == "1000, 07"


@pytest.mark.parametrize("text", [EPISODE.text, "取消勾选置顶的聊天 — Zoë's 3.14\n\t 😀 \n"])
def test_nothing_is_lost(text: str, coder: NanoTokenizer, backend: Backend) -> None:
    ids = coder.encode(text)
    assert backend.loaded.tokenizer(text, add_special_tokens=False)["input_ids"] == ids
    assert backend.loaded.tokenizer.decode(ids) == text


# Packs


@pytest.mark.parametrize("word", ["keiko", "Petrova", "何嘉伟"])
def test_a_word_is_cut_up_alike_whatever_stands_before_it(word: str, coder: NanoTokenizer) -> None:
    """So that it can be repeated token by token."""
    alone = [coder.bare[token] for token in coder.encode(word)]
    for before in (" ", "“", ' "', "（", ".", "@", "to ", "：", "\n"):
        told = [coder.bare[token] for token in coder.encode(f"x{before}{word}, and on")]
        ends = [at + len(alone) for at in range(len(told)) if told[at : at + len(alone)] == alone]
        assert ends, (before, told)
        assert told[ends[0]] == ",", (before, told)


def test_a_space_joins_a_word_that_is_usual_after_one(coder: NanoTokenizer) -> None:
    assert len(coder.encode(" the")) == 1


def test_a_question_in_a_pack_is_a_runs_first_step(coder: NanoTokenizer, backend: Backend) -> None:
    frame, _ = screen(1)
    shot = EPISODE.shots[0]
    pack = questions_pack(coder, shot, random.Random(0), most=3)
    asked = list(shot.questions)
    random.Random(0).shuffle(asked)
    assert int(pack.branch.max()) == 3
    for branch, question in enumerate(asked[:3], 1):
        task = render("task", task=question.instruction, rules=())
        told = (Message("system", (render("system_grounded", language=""),)), Message("user", (frame, task)))
        ids, positions = backend.read(told)
        seen = (pack.branch == 0) | (pack.branch == branch)
        own = pack.ids[seen].tolist()
        learnt = pack.learnt[seen].tolist()
        reply = [*coder.encode(question.reply), coder.special["<|im_end|>"]]
        assert coder.system.tolist() + own == ids + reply
        assert learnt == [False] * (len(own) - len(reply)) + [True] * len(reply)
        count = len(ids) - len(coder.system)
        assert torch.equal(pack.positions[:, seen][:, :count], positions[:, len(coder.system) :])
        assert torch.equal(
            torch.diff(pack.positions[:, seen][:, count - 1 :]), torch.ones(3, len(reply)).long()
        )


def test_a_run_in_a_pack_is_the_loops_conversation(coder: NanoTokenizer, backend: Backend) -> None:
    pack = run_pack(coder, EPISODE)
    ids, positions = backend.read(MESSAGES)
    start, opened = len(coder.system), len(coder.encode(ANSWERING))
    assert pack.ids.tolist() == ids[start:-opened]
    assert torch.equal(pack.positions, positions[:, start:-opened])
    assert [count for _, _, count in pack.pictures] == [360, shot_cells(1), 360]
    replies = [message.text + "<|im_end|>" for message in MESSAGES if message.role == "assistant"]
    assert backend.loaded.tokenizer.decode(pack.ids[pack.learnt]) == "".join(replies)


def test_a_long_run_is_packed_to_its_first_steps(coder: NanoTokenizer) -> None:
    whole, short = run_pack(coder, EPISODE), run_pack(coder, EPISODE, most=2)
    count = len(short.ids)
    assert len(short.pictures) == 2
    assert torch.equal(whole.ids[:count], short.ids)
    assert int(short.learnt.sum()) < int(whole.learnt.sum())


def test_a_slip_is_told_and_not_learnt(coder: NanoTokenizer) -> None:
    whole, slipped = run_pack(coder, EPISODE), run_pack(coder, replace(EPISODE, slips=(0,)))
    assert torch.equal(slipped.ids, whole.ids)
    assert torch.equal(slipped.positions, whole.positions)
    first = coder.encode(next(one.text for one in MESSAGES if one.role == "assistant") + "<|im_end|>")
    start = int(whole.learnt.nonzero()[0])
    changed = (whole.learnt != slipped.learnt).nonzero()[:, 0].tolist()
    assert changed == list(range(start, start + len(first)))
    assert not slipped.learnt[changed].any()
    assert all(place >= start + len(first) for place in slipped.numbers)
    assert not slipped.pointings, "its box is nothing to look at"
    words = Conversation(EPISODE.text, tuple(shot.grid for shot in EPISODE.shots), slips=(0,))
    said = coder.decode(words_pack(coder, [words]).ids[words_pack(coder, [words]).learnt].tolist())
    assert '"done"' in said
    assert '"click"' not in said


def test_the_model_is_to_look_at_the_box_while_it_writes_it(coder: NanoTokenizer) -> None:
    pack = run_pack(coder, EPISODE)
    first, zoomed = EPISODE.shots[0].items[0], 4
    box = [round(1000 * side) for side in first.box]
    assert [coder.value[int(pack.ids[place])] for place in pack.numbers[:4]] == box
    assert [int(pack.ids[place]) for place in pack.numbers[zoomed + 2 :]] == coder.encode(
        "300"
    ) + coder.encode("100")
    places, sides, cells = zip(*pack.pointings, strict=True)
    assert [place + 1 for place in places] == list(pack.numbers[:4]), "none in a close-up"
    start = pack.pictures[0][0]
    assert sides == (0, 1, 2, 3)
    assert {one - start for one in cells} == {cell_of(box)}
    assert int(pack.ids[cells[0]]) == coder.special["<|image_pad|>"]


def test_words_alone_are_the_runs_without_its_pictures_and_coordinates(coder: NanoTokenizer) -> None:
    run = Conversation(EPISODE.text, tuple(shot.grid for shot in EPISODE.shots))
    pack, seen = words_pack(coder, [run, run]), run_pack(coder, EPISODE)
    said = seen.ids != coder.special["<|image_pad|>"]
    for branch in (1, 2):
        own = pack.branch == branch
        assert torch.equal(pack.ids[own], seen.ids[said])
        assert torch.equal(pack.positions[:, own], seen.positions[:, said])
        replies = coder.decode(seen.ids[seen.learnt].tolist())
        assert coder.decode(pack.ids[own & pack.learnt].tolist()) == re.sub(r"(?<=\[)[\d, ]+", "", replies)
    assert (pack.pictures, pack.pointings, pack.numbers) == ((), (), ())


def test_what_a_reply_repeats_is_looked_for_where_it_was_told(coder: NanoTokenizer) -> None:
    told = EPISODE.text.replace('"Pin"', '"Maya Oyelaran-42"')
    grids = tuple(shot.grid for shot in EPISODE.shots)
    pack = words_pack(coder, [Conversation(told, grids)])
    first_reply = int(pack.learnt.nonzero()[0])
    assert pack.copies
    for place, source in pack.copies:
        assert source < place
        assert coder.bare[int(pack.ids[place + 1])] == coder.bare[int(pack.ids[source])]
        assert pack.learnt[place + 1], "in a reply"
    label = coder.encode("Maya Oyelaran-42")
    first = [source for _, source in pack.copies if source < first_reply]
    assert coder.decode(pack.ids[first].tolist()).strip('" ').endswith(coder.decode(label[1:]))


def test_a_usual_word_alone_is_not_repeated(coder: NanoTokenizer) -> None:
    question = Question("Describe the Zebra", '{"action": "click", "label": "the Zebra or the other"}')
    shot = replace(EPISODE.shots[0], questions=(question,))
    pack = questions_pack(coder, shot, random.Random(0), most=1)
    said = coder.decode([int(pack.ids[place + 1]) for place, _ in pack.copies])
    assert said.strip() in ("Zebra", "the Zebra"), "and no other word"


def test_of_a_drag_the_first_four_numbers_are_the_box(coder: NanoTokenizer) -> None:
    pack = questions_pack(coder, EPISODE.shots[2], random.Random(0), most=2)
    assert [coder.value[int(pack.ids[place])] for place in pack.numbers] == [10, 20, 30, 40]


def shot_cells(number: int) -> int:
    rows, columns = EPISODE.shots[number].grid
    assert (rows, columns) != GRID
    return rows * columns
