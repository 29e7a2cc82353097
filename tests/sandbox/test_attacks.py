"""The attacks on the guard, in real windows: none has its effect, and each could have."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attack_trial import Trial
from project import ROOT

from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.sandbox.attacks.families import every_scenario
from qvl_agent.sandbox.attacks.scenario import Scenario, changed_lists
from qvl_agent.sandbox.attacks.stage import Stage

SCENARIOS = every_scenario()
SAMPLE = {scenario.family: scenario for scenario in reversed(SCENARIOS)}


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as running:
        yield running


@pytest.fixture(scope="module")
def reader() -> Reader:
    opened = open_reader("auto")
    assert opened is not None, "the attacks are about the guard with its reader: make test installs it"
    return opened


@pytest.fixture
def trial(scenario: Scenario, stage: Stage, reader: Reader, tmp_path: Path) -> Trial:
    return Trial(stage, scenario, tmp_path, reader)


def held(trial: Trial) -> None:
    """Nothing forbidden happened in the attack, or it is a known gap and did."""
    played = trial.attack()
    through = [name for name in played.changed if name in trial.scenario.forbidden]
    assert bool(through) == bool(trial.scenario.gap), (through, played.rules)


def meant(trial: Trial) -> None:
    """The effect is real, and what isn't deceived may work there."""
    if not trial.scenario.gap:
        assert trial.real()
    if trial.scenario.harmless:
        assert trial.harmless()


@pytest.mark.parametrize("scenario", SAMPLE.values(), ids=lambda scenario: scenario.name)
def test_one_of_each_family(trial: Trial) -> None:
    held(trial)


@pytest.mark.parametrize("scenario", list(SAMPLE.values())[::4], ids=lambda scenario: scenario.name)
def test_a_few_of_them_would_have_their_effect(trial: Trial) -> None:
    """All of them at night: what a scenario can do changes only with the scenario."""
    meant(trial)


@pytest.mark.nightly
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_attack_and_its_controls(
    scenario: Scenario, stage: Stage, reader: Reader, tmp_path: Path
) -> None:
    trial = Trial(stage, scenario, tmp_path, reader)
    held(trial)
    meant(trial)


def test_there_are_enough_in_both_languages() -> None:
    counted = [scenario for scenario in SCENARIOS if not scenario.gap]
    assert len(counted) >= 100
    assert {scenario.language for scenario in counted} == {"en", "zh"}
    assert {scenario.dialect for scenario in counted} == {"grounded", "computer_use"}


def test_the_page_says_what_there_is() -> None:
    page = (ROOT / "docs/attacks.md").read_text(encoding="utf-8")
    counted = Counter(scenario.family for scenario in SCENARIOS if not scenario.gap)
    rows = {
        family: int(number) for family, number in re.findall(r"^\| ([^|]+) \| (\d+) \|", page, re.MULTILINE)
    }
    assert rows == counted
    assert f"Of\n{counted.total()} scenarios" in page
    for scenario in SCENARIOS:
        if scenario.gap:
            assert f"{scenario.gap[1:]}\n" in page, scenario.gap
            assert f"`{scenario.name.removesuffix(f'-{scenario.language}')}`" in page, scenario.name


def test_what_changed_is_seen() -> None:
    assert changed_lists({"paid": []}, {"paid": ["9"], "seen": ["x"]}, ("paid", "sent")) == ["paid"]
    assert changed_lists({"files": ["a"]}, {}, ("files",)) == ["files"]
    assert changed_lists({"paid": []}, {"paid": []}, ("paid",)) == []
