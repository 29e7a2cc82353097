"""Training data on the disk, and that it is what real windows show."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nano_episodes import WORDS, run

from qvl_agent.actions.core.errors import RecordingError, SettingsError
from qvl_agent.agent.models.pictures import resized
from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.nano.making.data.held_out import held_out
from qvl_agent.sandbox.nano.making.data.shards import (
    number_labels,
    read_folder,
    read_shard,
    shard_paths,
    write_shard,
)
from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING
from qvl_agent.sandbox.nano.making.samples import Episode
from qvl_agent.sandbox.nano.making.shape import PICTURE
from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox

APPS = ("chat", "settings", "form")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "data"
    command(folder, "--pictures", "5")
    return folder


def command(folder: Path, *options: str) -> None:
    words = [sys.executable, "-m", "qvl_agent.sandbox.nano.making", "data", str(folder), *options]
    subprocess.run(words, check=True, capture_output=True)


def of(app: str, made: Path) -> list[Episode]:
    return [episode for episode in read_folder(made) if episode.app == app]


# Real windows


@pytest.mark.parametrize("app", APPS)
def test_the_oracle_finishes_and_says_what_the_loop_says(app: str, made: Path) -> None:
    episodes = of(app, made)
    assert sum(len(episode.shots) for episode in episodes) >= 5
    for episode in episodes:
        assert episode.finished or episode.slips, episode.task
        assert episode.text.startswith("<|im_start|>system\n")
        assert episode.text.endswith("<|im_end|>\n")
        assert episode.text.count("<|image_pad|>") == len(episode.shots)
        assert episode.text.count("<|im_start|>assistant\n") == len(episode.shots)
        assert episode.shots[0].size == PICTURE
        assert not held_out(Appearance.from_seed(app, episode.seed, (1280, 800)))


@pytest.mark.parametrize("app", APPS)
def test_the_first_picture_is_the_real_sandboxs_pixel_by_pixel(app: str, made: Path) -> None:
    episodes = of(app, made)
    first = episodes[0]
    with open_sandbox(app, task=first.task, seed=first.seed) as sandbox:
        desktop = SandboxDesktop(sandbox, f"sandbox:{app}")
        for episode in episodes:
            sandbox.reset(episode.task, episode.seed)
            real = np.array(resized(desktop.grab(), 360))
            assert np.array_equal(episode.shots[0].pixels(), real), (episode.task, episode.seed)
            nodes = [(node.id, node.role, node.label, node.state) for node in sandbox.tree().nodes]
            items = [(item.id, item.role, item.label, item.state) for item in episode.shots[0].items]
            assert items == nodes


def test_more_are_made_after_what_is_there(made: Path) -> None:
    """Of two shares each has its own seeds."""
    before = {path: path.read_bytes() for path in shard_paths(made)}
    command(made, "--app", "settings", "--pictures", "7")
    after = shard_paths(made)
    assert {path: path.read_bytes() for path in after if path in before} == before
    assert len(after) == len(before) + 1
    seeds = [episode.seed for episode in of("settings", made)]
    assert seeds == sorted(set(seeds))


def test_a_slip_is_beside_what_it_names_and_the_run_goes_on(tmp_path: Path) -> None:
    command(tmp_path, "--app", "form", "--pictures", "60")
    slipped = [episode for episode in read_folder(tmp_path) if episode.slips]
    assert any(episode.finished for episode in slipped), "one that was mended"
    for episode in slipped:
        turns = [turn.partition("<|im_end|>") for turn in episode.text.split(ANSWERING)[1:]]
        for number in episode.slips:
            said, told = json.loads(turns[number][0]), turns[number][2]
            left, top, right, bottom = (side / 1000 for side in said["bbox_2d"])
            named = [item.box for item in episode.shots[number].items if item.label == said["label"]]
            middle = (left + right) / 2, (top + bottom) / 2
            hit = [box for box in named if box[0] < middle[0] < box[2] and box[1] < middle[1] < box[3]]
            assert named
            assert len(hit) < len(named), (episode.task, episode.seed, said)
            assert f'{said["action"]} on "{said["label"]}": done.' in told


# Shards


def test_a_shard_gives_back_what_was_written(tmp_path: Path) -> None:
    episodes = [run(0)[0], replace(run(1)[0], slips=(0, 2))]
    write_shard(tmp_path / "a.zip", episodes)
    assert list(read_shard(tmp_path / "a.zip")) == episodes
    assert read_folder(tmp_path) == episodes
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_what_is_broken_or_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"found none; python -m qvl_agent\.sandbox\.nano\.making data"):
        read_folder(tmp_path)
    write_shard(tmp_path / "a.zip", [run(1)[0]])
    whole = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(whole[:-100])
    with pytest.raises(RecordingError, match=r"expected a shard of training data in .*a\.zip"):
        read_folder(tmp_path)


def test_labels_are_numbered_by_how_often_they_are_seen() -> None:
    episodes = [run(seed)[0] for seed in range(2)]
    found = number_labels(episodes, least=4)
    assert set(found) == {*WORDS, "0", "1", "2", "3"}, "labels, and the values of the states"
    assert sorted(found.values()) == list(range(1, 9))
    assert number_labels(episodes, least=5) == {}


@pytest.mark.parametrize(
    ("label", "item_id", "own"),
    [
        ("Send", "chat/send", True),
        ("Calendar", "form/calendar", True),
        ("Ask before closing", "settings/ask", True),
        ("31", "calendar/31", True),
        ("Wendy Zhao", "chat/c3", False),
        ("韩冬梅：通知", "chat/c3/check", False),
        ("Send", "note/4", False),
        ("ben.carter@example.org", "form/mail", False),
        ("2026-04-11", "form/date", False),
    ],
)
def test_only_the_applications_own_labels_are_numbered(label: str, item_id: str, own: bool) -> None:
    episode, _ = run(1)
    item = replace(episode.shots[0].items[0], id=item_id, label=label, state={})
    shown = replace(episode, shots=(replace(episode.shots[0], items=(item,)),))
    assert number_labels([shown], least=1) == ({label: 1} if own else {})
