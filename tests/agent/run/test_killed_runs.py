"""A run that is killed again and again loses nothing that was acknowledged, and does nothing twice."""

import json
import subprocess
import sys

import pytest
from project import SUPPORT

NIGHT = pytest.param(200, marks=[pytest.mark.nightly, pytest.mark.timeout(3600)])


@pytest.mark.fault(69)
@pytest.mark.parametrize("kills", [6, NIGHT])
def test_a_run_survives_its_deaths(kills: int) -> None:
    script = SUPPORT / "killed_runs.py"
    done = subprocess.run(
        [sys.executable, str(script), "--kills", str(kills)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["kills"] == kills
    assert found["runs"] > 0
    assert found["acknowledged"] >= 2 * kills
    assert found["unknown"] > 0, "it was never killed in the middle of an action"
