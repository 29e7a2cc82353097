"""Small counts of two long measurements: the kill switch's, and what stays pressed after a signal."""

import subprocess
import sys

import pytest
from project import BENCHMARKS


def measured(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.fault(73)
def test_every_switch_stops_a_run_in_the_middle_of_its_input() -> None:
    """On a busy machine, with a generous cap for how soon; the script measures by the contract's."""
    said = measured("kill_switch.py", "--trials", "4", "--only", "drag", "--limit-ms", "3000")
    assert "every run was stopped, and nothing stayed pressed" in said


@pytest.mark.fault(68, 69)
def test_no_signal_leaves_anything_pressed() -> None:
    """A hang-up and a kill; the others: `test_nothing_is_held_after_the_process`."""
    assert "0 of 2 left anything pressed or changed" in measured("release.py", "--trials", "2", "--seed", "2")
