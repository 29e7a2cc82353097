"""The training itself, on a few hand-made pictures: it learns, goes on, and the ordinary backend loads it."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from nano_episodes import COLOURS, run, screen

from qvl_agent.actions.core.errors import RecordingError, SettingsError
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.prompts import render
from qvl_agent.sandbox.apps.words import PEOPLE
from qvl_agent.sandbox.nano import PICTURE_TOKENS
from qvl_agent.sandbox.nano.making.__main__ import main
from qvl_agent.sandbox.nano.making.data.shards import number_labels, write_shard
from qvl_agent.sandbox.nano.making.export import export
from qvl_agent.sandbox.nano.making.network.language import Pack, read_pack, read_prefix
from qvl_agent.sandbox.nano.making.network.targets import paint_targets
from qvl_agent.sandbox.nano.making.network.tokenizer import NanoTokenizer, train_tokenizer, training_texts
from qvl_agent.sandbox.nano.making.samples import Question, Shot
from qvl_agent.sandbox.nano.making.training import loop as training
from qvl_agent.sandbox.nano.making.training import stage1_seeing as seeing
from qvl_agent.sandbox.nano.making.training import stage2_speaking as speaking
from qvl_agent.sandbox.nano.making.training.packs import questions_pack
from qvl_agent.sandbox.nano.making.training.sampling import needs_a_name
from qvl_agent.sandbox.nano.making.training.stage1_seeing import Seeing, SeePlan
from qvl_agent.sandbox.nano.making.training.stage2_speaking import Speaking, SpeakPlan
from qvl_agent.sandbox.nano.making.training.state import FILE_BYTES, State, load_state, save_state

EPISODES = [run(seed)[0] for seed in range(12)]
WORDS = number_labels(EPISODES, least=5)
SPEAK = SpeakPlan(questions=1, runs=0, most=2, vision_rate=1e-3, keys=16, words=0.0)
NOTHING = training.Progress()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(seeing, "_CUTS", ((3, 6, 3),))
        patched.setattr(seeing, "_CUT_PICTURES", 2)
        patched.setattr(seeing, "_SAMPLE", 4)
        patched.setattr(speaking, "_VALIDATED", 0)
        patched.setattr(training, "_AHEAD", 2)
        yield


@pytest.fixture(scope="module")
def coder() -> NanoTokenizer:
    return NanoTokenizer(json.dumps(train_tokenizer(training_texts(EPISODES))))


def whole(coder: NanoTokenizer, **plan: Any) -> Speaking:
    return Speaking(EPISODES, coder, WORDS, replace(SPEAK, **plan))


def saw() -> Seeing:
    return Seeing(EPISODES, WORDS, SeePlan(cuts=(1.0, 1.0)))


# Learning


def test_the_tower_learns_to_see() -> None:
    learner = saw()
    fixed = learner.batch(random.Random(1), 0.0)
    losses = [learner.step(fixed, 0.5)["cut/loss"] for _ in range(8)]
    assert losses[-1] < 0.8 * losses[0], losses


def test_cuts_are_parts_of_the_pictures_and_forget_what_is_cut_off() -> None:
    batch = saw().batch(random.Random(2), 0.0)
    assert batch.patches.shape == (6, 18, 3072)
    assert not batch.whole
    assert set(batch.targets["row"].unique().tolist()) == {seeing.IGNORED}
    rows, columns = batch.cells // 24, batch.cells % 24
    assert torch.equal(rows[:, 6] - rows[:, 0], torch.ones(6).long())
    for at, boxes in enumerate(batch.targets["boxes"].view(6, 18 * 5, 4)):
        known = boxes[(boxes != seeing.IGNORED).all(-1)]
        assert (known[:, 0] >= columns[at].min() * 1000 / 24).all()
        assert (known[:, 3] <= (rows[at].max() + 1) * 1000 / 15).all()


def test_a_moved_picture_and_what_is_said_of_it_stay_together() -> None:
    shot, moves = EPISODES[0].shots[0], set[tuple[int, int]]()
    for seed in range(60):
        shift = seeing._shift(random.Random(seed))
        moves.add(shift)
        pixels, found = seeing._moved(shot.pixels(), shift), paint_targets(shot.items, {}, shift)
        for cell in np.flatnonzero(found.role[:, 4] != 0):
            left, top, right, bottom = found.boxes[cell, 4]
            if min(left, top, right, bottom) >= 0:
                x, y = (left + right) / 2 * 0.768, (top + bottom) / 2 * 0.480
                assert tuple(pixels[round(y), round(x)]) in COLOURS, (seed, shift, cell)
    assert (0, 0) in moves
    assert max(abs(right) for right, _ in moves) > 100
    assert len(moves) > 20


def test_some_pictures_have_other_colours() -> None:
    pixels = EPISODES[0].shots[0].pixels()
    changed = [seeing._tinted(pixels, random.Random(seed)) for seed in range(60)]
    same = [np.array_equal(one, pixels) for one in changed]
    assert 30 < sum(same) < 55
    other = changed[same.index(False)]
    assert (other.shape, other.dtype) == (pixels.shape, pixels.dtype)
    assert 0 < np.abs(other.astype(int) - pixels).max() <= 255 * seeing._GAIN + seeing._OFFSET + 1


def test_at_the_end_whole_screens_are_shown() -> None:
    learner = Seeing(EPISODES, WORDS, SeePlan(cuts=(1.0, 0.0)))
    batch = learner.batch(random.Random(1), 1.0)
    assert (batch.whole, batch.patches.shape) == (True, (2, 360, 3072))
    assert set(learner.step(batch, 1.0)) >= {"whole/loss", "whole/role", "whole/hits"}


@torch.no_grad()
def test_the_patches_start_whitened() -> None:
    """Over the pictures every wave has the mean 0, and all that are there are equally loud."""
    learner = saw()
    weight = learner.modules["visual"].patch_embed.proj.weight.sum(2).flatten(1)
    found = learner._sample() @ weight.T + learner.modules["visual"].patch_embed.proj.bias
    loud = found.std(0)
    assert found.mean(0).abs().max() < 1e-3
    assert float(loud.max()) == pytest.approx(0.7, rel=1e-3)


def test_the_whole_model_learns_to_speak(coder: NanoTokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaking, "_VALIDATED", 2)
    learner = whole(coder, runs=1)
    fixed = learner.batch(random.Random(1), 0.0)
    assert fixed.kinds == ("question", "run", "words", "words")
    figures = [learner.step(fixed, 1.0) for _ in range(12)]
    for name in ("question/loss", "run/loss"):
        assert figures[-1][name] < 0.9 * figures[0][name], figures
    held_out = learner.validate()
    assert {"held out/question/loss", "held out/run/hits"} <= set(held_out)


def test_first_it_learns_from_words_alone(coder: NanoTokenizer) -> None:
    learner = whole(coder, words=0.5)
    fixed = learner.batch(random.Random(1), 0.4)
    assert fixed.kinds == ("words", "words")
    assert fixed.shots == ((), ())
    figures = [learner.step(fixed, 1.0) for _ in range(12)]
    assert figures[-1]["words/loss"] < 0.9 * figures[0]["words/loss"], figures
    assert learner.batch(random.Random(1), 0.5).kinds == ("question", "words", "words")


def test_the_eyes_stay_as_they_are_unless_they_are_taught(coder: NanoTokenizer) -> None:
    learner = whole(coder, vision_rate=0.0)
    before = [weight.clone() for weight in learner.modules["visual"].parameters()]
    learner.step(learner.batch(random.Random(1), 0.0), 1.0)
    assert all(map(torch.equal, learner.modules["visual"].parameters(), before))
    assert set(learner.optimisers) == {"text"}


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ('{"action": "click", "bbox_2d": [1, 2, 3, 4], "label": "Pinned"}', False),
        ('{"action": "click", "bbox_2d": [1, 2, 3, 4], "label": "%s"}', True),
        ('{"action": "click", "bbox_2d": [1, 2, 3, 4], "count": 2, "label": "%s"}', False),
        ('{"action": "type", "text": "%s"}', False),
    ],
)
def test_what_only_a_name_answers_is_known(reply: str, name: bool) -> None:
    said = reply.replace("%s", PEOPLE[0][0])
    assert needs_a_name(Question("?", said)) is name


# Going on


class _Cut(Exception):
    """The machine goes away."""


@pytest.mark.parametrize("stage", ["see", "speak"])
def test_a_training_that_was_cut_off_comes_out_the_same(
    stage: str, coder: NanoTokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_SAVE_S", -1.0)
    budget = training.Budget(steps=2)

    def make() -> Any:
        return saw() if stage == "see" else whole(coder)

    def go(learner: Any, folder: str, progress: training.Progress) -> State:
        training.train(learner, budget, tmp_path / folder, progress=progress, report=str)
        return load_state(tmp_path / folder)

    once = go(make(), "whole", NOTHING)
    broken, steps = make(), iter(range(1))
    learn = broken.step

    def step(batch: Any, rate_share: float) -> Any:
        if next(steps, None) is None:
            raise _Cut
        return learn(batch, rate_share)

    broken.step = step
    with pytest.raises(_Cut):
        go(broken, "cut", NOTHING)
    half, fresh = load_state(tmp_path / "cut"), make()
    assert half.notes["steps"] == 1
    progress = training.restore(fresh, half)
    ended = go(fresh, "cut", progress)
    assert once.tensors.keys() == ended.tensors.keys()
    assert [name for name, kept in once.tensors.items() if not torch.equal(kept, ended.tensors[name])] == []
    assert max(path.stat().st_size for path in (tmp_path / "cut").iterdir()) <= 16_000_000
    assert once.notes["steps"] == ended.notes["steps"] == 2


def test_a_state_is_replaced_in_one_go(tmp_path: Path) -> None:
    big = {f"{part}": torch.full((FILE_BYTES // 6,), float(part)) for part in range(3)}
    save_state(tmp_path, State(big, {"a": 1}))
    assert len(list(tmp_path.glob("*.safetensors"))) == 3
    save_state(tmp_path, State({"b": torch.ones(2)}, {"a": "二"}))
    state = load_state(tmp_path)
    assert (dict(state.notes), state.tensors["b"].tolist()) == ({"a": "二"}, [1, 1])
    assert len(list(tmp_path.iterdir())) == 2, "nothing is left of the old one"
    (file,) = tmp_path.glob("*.safetensors")
    file.unlink()
    with pytest.raises(RecordingError, match="copy all of it again"):
        load_state(tmp_path)
    with pytest.raises(SettingsError, match="found none"):
        load_state(tmp_path / "nowhere")


# What comes of it


def test_the_checkpoint_says_what_was_trained(coder: NanoTokenizer, tmp_path: Path) -> None:
    learner = whole(coder)
    fixed = learner.batch(random.Random(1), 0.0)
    for _ in range(2):
        learner.step(fixed, 1.0)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "README.md").write_text("the model card")
    (folder / "model-00001-of-00009.safetensors").touch()
    export(training.gather_state(learner, NOTHING), folder)
    names = {path.name for path in folder.iterdir()}
    assert {"README.md", "config.json", "preprocessor_config.json", "tokenizer.json"} <= names
    assert "model-00001-of-00009.safetensors" not in names
    assert max(path.stat().st_size for path in folder.glob("*.safetensors")) <= 12_000_000
    frame, _ = screen(3)
    question = Question('click "Pin"', "")
    backend = TransformersModel(
        str(folder), device="cpu", dtype="float32", max_picture_tokens=PICTURE_TOKENS, max_new_tokens=10
    )
    told = (
        Message("system", (render("system_grounded", language=""),)),
        Message("user", (frame, render("task", task=question.instruction, rules=()))),
    )
    said = backend.reply(told, stop=lambda: False).text
    backend.close()
    shot = Shot(EPISODES[3].shots[0].png, (), (question,))
    assert said == greedy(learner, coder, shot)
    assert said


@torch.no_grad()
def greedy(learner: Speaking, coder: NanoTokenizer, shot: Shot) -> str:
    """What the training's own forward pass says, with the weights rounded as the checkpoint's are."""
    for weight in learner.model.parameters():
        weight.copy_(weight.to(torch.bfloat16))
    text, words = learner._text, learner._text.embed_tokens.weight
    prefix = read_prefix(text, coder.system, keep=0, dtype=torch.float32)
    given = questions_pack(coder, shot, random.Random(0), 1)
    pictures = torch.from_numpy(shot.pixels())[None]
    cut = seeing.cut_patches(pictures, seeing.MEAN, seeing.DEVIATION)
    seen = seeing.encode_pictures(
        learner._visual, learner._places[seeing.GRID], cut, torch.arange(360)[None], torch.float32
    )
    ids, said = given.ids[:-1].tolist(), list[int]()
    while len(said) < 10:
        count = len(ids)
        later = given.positions[:, -1:] + torch.arange(len(said) + 1)
        pack = Pack(
            ids=torch.tensor(ids),
            positions=torch.cat([given.positions[:, :-1], later], 1)[:, :count],
            branch=torch.zeros(count).long(),
            pictures=given.pictures,
            learnt=torch.zeros(count),
            pointings=(),
            copies=(),
            numbers=(),
        )
        hidden = read_pack(text, prefix, pack, list(seen), torch.float32).hidden
        said.append(int((hidden[-1] @ words.T).argmax()))
        if said[-1] == coder.special["<|im_end|>"]:
            break
        ids.append(said[-1])
    return coder.decode(said)


# The command line


def test_the_commands_in_their_order(tmp_path: Path) -> None:
    data, see, speak, checkpoint = (str(tmp_path / name) for name in ("data", "see", "speak", "checkpoint"))
    (tmp_path / "data").mkdir()
    write_shard(tmp_path / "data" / "chat-0.zip", EPISODES)
    small = ("--questions", "1", "--most", "1", "--keys", "16")
    for words in (
        ("tokens", data),
        ("see", data, "--state", see, "--steps", "1", "--cuts", "1", "1"),
        ("see", data, "--state", see, "--steps", "2", "--cuts", "1", "1"),
        ("speak", data, "--state", speak, "--steps", "1", "--after", see, *small),
        ("speak", data, "--state", speak, "--steps", "2", *small),
        ("export", speak, checkpoint),
    ):
        done = CliRunner().invoke(main, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert load_state(tmp_path / "speak").notes["steps"] == 2
    assert (tmp_path / "checkpoint" / "config.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("see", "--state", "s"), "expected --minutes or --steps"),
        (("speak", "--state", "s", "--steps", "1"), "expected --after"),
        (
            ("speak", "--state", "s", "--steps", "1", "--after", "nowhere"),
            "expected a training's state in nowhere",
        ),
    ],
)
def test_what_is_missing_is_said(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_shard(tmp_path / "chat-0.zip", EPISODES[:1])
    stage, *rest = words
    with pytest.raises(SettingsError, match=said):
        CliRunner().invoke(main, (stage, str(tmp_path), *rest), catch_exceptions=False)
