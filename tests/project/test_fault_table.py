"""The list of faults, and the table of what a run of the tests says of them."""

import subprocess
import sys
from pathlib import Path

import pytest
from fault_table import faults, numbers
from project import SUPPORT, TESTS


def test_the_list_is_numbered_from_1_to_80() -> None:
    assert list(faults()) == list(range(1, 81))


def test_every_fault_has_a_test_that_runs_every_day(request: pytest.FixtureRequest) -> None:
    """Where every test file is being run, what pytest collected is known already."""
    items = request.session.items
    if {item.path for item in items} >= set(TESTS.rglob("test_*.py")):
        assert {number for item in items for number in numbers(item)} == set(faults())
        return
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", "fault and not nightly")
    done = subprocess.run(
        [*command, "--faults", "line", "-p", "no:xdist", "-o", "cache_dir=none"],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "80 of 80 faults have tests" in done.stdout, done.stdout[-2000:]
    assert done.returncode == 0


@pytest.mark.parametrize("workers", [("-p", "no:xdist"), ("-n", "2")], ids=["here", "workers"])
def test_a_fault_counts_if_one_of_its_tests_passes_and_none_fails(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    """One that fails, one that only skips and one without a test are none, and fail the run."""
    (tmp_path / "conftest.py").write_text((TESTS / "conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_few.py").write_text(
        """
import pytest

@pytest.mark.fault(1, 2)
def test_good(): pass

@pytest.mark.fault(2)
def test_bad(): assert not "good"

@pytest.mark.fault(3)
def test_skipped(): pytest.skip("not here")

@pytest.mark.fault(4)
@pytest.mark.parametrize("case", "ab")
def test_each(case): pass

@pytest.fixture
def broken():
    yield
    raise OSError

@pytest.mark.fault(5)
def test_that_ends_badly(broken): pass
"""
    )
    ini = TESTS.parent / "pyproject.toml"
    command = (sys.executable, "-m", "pytest", "-c", ini, "--rootdir", tmp_path, "--faults", "table")
    done = subprocess.run(
        [*command, "-q", "-o", f"pythonpath={SUPPORT}", "-o", "cache_dir=none", *workers, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    came = {
        line.split(":")[0]: line.rsplit("— ", 1)[1]
        for line in done.stdout.splitlines()
        if line.startswith("fault ")
    }
    named = [came[f"fault {number:2}"] for number in range(1, 7)]
    assert named == ["passed", "failed", "skipped", "passed", "failed", "missing"]
    assert "2 of 80 faults behave as specified" in done.stdout
