"""The pytest plugin: flows and recorded runs are tests, in every way that pytest runs tests."""

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from order_form import OrderForm
from recorded_flows import ordered, reader

from qvl_agent.agent.flows.compile import compile_run, write
from qvl_agent.agent.testing.page import write_page
from qvl_agent.sandbox.display import VirtualDisplay

pytest_plugins = ("pytester",)

ROWS = """\
flow: Orders
data: {file: rows.csv, key: number}
steps:
- for_each: row
  steps:
  - type: {into: Number, text: "${row.number}", clear: true}
  - click: Save
    once: true
    then: {see: "Order ${row.number} saved"}
"""


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a flow that was made of a run, its lock, and the run."""
    folder = tmp_path_factory.mktemp("recorded")
    made = compile_run(ordered(folder / "runs"), reader=reader())
    assert not made.problems
    write(made, folder / "order.flow.yaml")
    return folder


@pytest.fixture
def flows(recorded: Path, pytester: pytest.Pytester) -> Path:
    shutil.copy(recorded / "order.flow.yaml", pytester.path)
    shutil.copytree(recorded / "order.lock", pytester.path / "order.lock")
    return pytester.path


def test_a_flow_is_checked_on_its_recorded_pictures_by_default(
    flows: Path, pytester: pytest.Pytester
) -> None:
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*order.flow.yaml::check PASSED*", "*order.flow.yaml::flow PASSED*"])


def test_a_picture_that_was_changed_fails_with_the_line_and_the_other_steps_are_checked(
    flows: Path, pytester: pytest.Pytester
) -> None:
    for picture in (flows / "order.lock" / "pictures").iterdir():
        picture.write_bytes(picture.read_bytes()[:-20] + b"x" * 20)
    result = pytester.runpytest("-k", "flow and not check")
    assert result.ret == 1
    said = [line for line in result.outlines if "was changed after it was recorded" in line]
    assert len(said) >= 3
    assert all(line.startswith("order.flow.yaml:") and line.split(":")[1].isdigit() for line in said[:3])


def test_a_lock_that_is_broken_or_gone_is_said(flows: Path, pytester: pytest.Pytester) -> None:
    lock = flows / "order.lock" / "lock.json"
    whole = lock.read_text()
    lock.write_text(whole[: len(whole) // 2])
    assert pytester.runpytest().ret == 1
    shutil.rmtree(flows / "order.lock")
    result = pytester.runpytest("-rs")
    assert result.parseoutcomes().get("skipped", 0) == 1 or result.ret == 1
    result.stdout.fnmatch_lines(["*no recorded pictures*"])


def test_a_target_that_is_not_on_the_picture_fails_with_the_picture(
    flows: Path, pytester: pytest.Pytester
) -> None:
    text = (flows / "order.flow.yaml").read_text()
    (flows / "order.flow.yaml").write_text(text.replace("Save", "Archive all"))
    result = pytester.runpytest("--flow-report=report", "--junitxml=out.xml")
    assert result.ret == 1
    page = (flows / "report" / "index.html").read_text()
    pictures = list((flows / "report" / "pictures").iterdir())
    assert "Archive all" in page
    assert pictures
    assert all(f"pictures/{picture.name}" in page for picture in pictures)
    outs = [each.text or "" for each in ET.parse(flows / "out.xml").iter("system-out")]
    attached = [line[13:-2] for out in outs for line in out.splitlines() if line.startswith("[[ATTACHMENT|")]
    assert attached
    assert all(Path(each).is_file() for each in attached)


def test_flows_are_left_alone_where_the_project_says_so(flows: Path, pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nflow_collect = false\n")
    assert pytester.runpytest().ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("option", "message"),
    [("--flow-set=x", "expected NAME=VALUE"), ("--flow-mode=live", "invalid choice")],
)
def test_wrong_options_are_wrong_usage(pytester: pytest.Pytester, option: str, message: str) -> None:
    result = pytester.runpytest_subprocess(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stdout.str() + result.stderr.str()


def test_a_row_is_a_test_and_a_bad_row_fails_alone(pytester: pytest.Pytester) -> None:
    (pytester.path / "x.flow.yaml").write_text(ROWS)
    (pytester.path / "rows.csv").write_text("number\n1\n2\n,\n")
    result = pytester.runpytest("--collect-only", "-q")
    result.stdout.fnmatch_lines(["x.flow.yaml::check", "x.flow.yaml::1", "x.flow.yaml::2"])


def test_rows_that_cannot_be_read_fail_their_flow_and_no_other(
    flows: Path, pytester: pytest.Pytester
) -> None:
    (flows / "x.flow.yaml").write_text(ROWS)
    result = pytester.runpytest("-v")
    result.stdout.fnmatch_lines(["*x.flow.yaml::data FAILED*"])
    result.stdout.fnmatch_lines(["*order.flow.yaml::flow PASSED*"])
    assert result.ret == 1


def test_a_flow_with_mistakes_fails_with_each_of_their_lines(pytester: pytest.Pytester) -> None:
    (pytester.path / "x.flow.yaml").write_text("flow: x\nsteps:\n- clik: A\n- press: 7\n")
    result = pytester.runpytest()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*x.flow.yaml:3:*did you mean click*"])


def test_a_recorded_run_is_a_test(recorded: Path, pytester: pytest.Pytester) -> None:
    shutil.copytree(recorded / "runs", pytester.path / "runs")
    result = pytester.runpytest("-v")
    assert result.parseoutcomes() in ({"passed": 1}, {"failed": 1}), "made by hand, it may differ"


@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.nightly), "2"])
def test_the_page_has_every_flow_however_many_workers_there_are(
    flows: Path, pytester: pytest.Pytester, workers: str
) -> None:
    for number in range(3):
        folder = flows / f"f{number}"
        folder.mkdir()
        shutil.copy(flows / "order.flow.yaml", folder)
        shutil.copytree(flows / "order.lock", folder / "order.lock")
    text = (flows / "f1" / "order.flow.yaml").read_text()
    (flows / "f1" / "order.flow.yaml").write_text(text.replace("Save", "Archive all"))
    text = text.replace("Save", "Delete all")
    (flows / "f2" / "order.flow.yaml").write_text(text)
    result = pytester.runpytest_subprocess("-n", workers, "--flow-report=report", "--junitxml=out.xml")
    assert result.ret == 1
    page = (flows / "report" / "index.html").read_text()
    for name in ("order.flow.yaml::flow", "f0/order.flow.yaml::flow", "f0/order.flow.yaml::check"):
        assert f"passed: {name}" in page
    assert "failed: f1/order.flow.yaml::flow" in page
    assert "failed: f2/order.flow.yaml::flow" in page
    assert len(list((flows / "report" / "pictures").iterdir())) == 2, "of one name, and yet each its own"
    assert (flows / "out.xml").read_text().count("[[ATTACHMENT|") == 2


def test_nothing_heavy_is_imported_before_a_flow_is_collected(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\ndef test_it():\n"
        "    heavy = ['numpy', 'cv2', 'pydantic', 'jinja2', 'ruamel', 'onnxruntime', 'click', 'PIL']\n"
        "    assert not [name for name in heavy if name in sys.modules]\n"
        "    ours = sorted(name for name in sys.modules if name.startswith('qvl_agent'))\n"
        "    assert 'qvl_agent.agent.testing.items' not in ours, ours\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:hypothesispytest", str(pytester.path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pytester.path, check=False)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def live(pytester: pytest.Pytester) -> Path:
    (pytester.path / "x.flow.yaml").write_text(ROWS)
    (pytester.path / "rows.csv").write_text("number\n4711\n4712\n")
    return pytester.path


@pytest.mark.parametrize("workers", [pytest.param("0", marks=pytest.mark.nightly), "2"])
def test_live_each_row_is_done_once_however_many_workers_there_are(
    live: Path, pytester: pytest.Pytester, screen: VirtualDisplay, workers: str
) -> None:
    desktop = f"--flow-desktop={screen.name}"
    with OrderForm(screen.environment(), live / "log") as form:
        result = pytester.runpytest_subprocess(
            "-n", workers, "--flow-mode=replay", desktop, "-k", "not check"
        )
        assert result.parseoutcomes()["passed"] == 2, result.stdout.str()
        assert form.pressed == ["Save 4711", "Save 4712"]


@pytest.mark.nightly
def test_live_a_row_alone_is_run_alone_and_what_fails_has_its_line_and_picture(
    live: Path, pytester: pytest.Pytester, screen: VirtualDisplay
) -> None:
    (live / "x.flow.yaml").write_text(ROWS.replace('saved"}', 'approved", within: 1s}'))
    with OrderForm(screen.environment(), live / "log") as form:
        result = pytester.runpytest_subprocess(
            "x.flow.yaml::4712", "--flow-mode=replay", f"--flow-desktop={screen.name}", "--junitxml=out.xml"
        )
        assert form.pressed == ["Save 4712"]
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*parked: x.flow.yaml:7:*"])
    assert "[[ATTACHMENT|" in (live / "out.xml").read_text()
    assert pytester.runpytest("--collect-only", "-q").parseoutcomes() == {"tests": 3}, (
        "its runs aren't collected"
    )


def test_the_facts_are_plain_enough_for_every_reporter(flows: Path, pytester: pytest.Pytester) -> None:
    items, _ = pytester.inline_genitems("order.flow.yaml")
    for item in items:
        json.dumps(item.facts)  # type: ignore[attr-defined]


def test_the_page_shows_no_picture_that_is_gone_and_no_control_characters(tmp_path: Path) -> None:
    facts = {"moved": [], "pictures": [str(tmp_path / "gone.png")], "unseen": 0, "seconds": 1.0}
    report = {**facts, "name": "x::\x1b[2J", "outcome": "failed", "message": "<b>one\x1b[1m</b>\ntwo"}
    page = write_page(tmp_path / "report", [report]).read_text()
    assert "<img" not in page
    assert "\x1b" not in page
    assert "&lt;b&gt;one" in page
