"""Secrets typed by the command line into a real application are there exactly, and nowhere else."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from canaries import Places, Trial, canary, problems, trials

from qvl_agent.sandbox.display import VirtualDisplay


def check(found: Sequence[Trial], count: int) -> None:
    assert [problem for trial in found for problem in problems(trial)] == []
    assert sum(len(trial.values) for trial in found) == count
    for trial in found:
        names = " ".join(trial.places.found)
        for each in (
            "journal.jsonl",
            "manifest.json",
            "report.html",
            ".png",
            "the terminal",
            "a command line",
        ):
            assert each in names
        assert len(trial.pictures) > 2 * len(trial.values)


@pytest.mark.fault(27)
def test_canaries_arrive_and_are_found_in_no_artefact(display: VirtualDisplay, tmp_path: Path) -> None:
    check(list(trials(2, display, tmp_path)), 2)
    for path in (tmp_path / "0" / "runs").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_fifty_canaries(display: VirtualDisplay, tmp_path: Path) -> None:
    check(list(trials(50, display, tmp_path, legible=True)), 50)


def test_the_search_finds_what_it_should(tmp_path: Path) -> None:
    """What the search says is only worth something if it can say the other thing."""
    value = canary(1)
    places = Places()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "journal").write_bytes(b"x" + value.encode() + b"y")
    (tmp_path / "a" / "page").write_text(value.encode().hex())
    places.add_folder(tmp_path / "a")
    places.add("elsewhere", "nothing")
    assert places.holding(value) == ["a/journal", "a/page"]
    assert places.holding(canary(2)) == []
