"""The evaluation of a small model: with the oracle in its place, and with one that clicks elsewhere."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import nano
import pytest

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect, View
from qvl_agent.actions.core.errors import ModelError, RecordingError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.agent.models import Model, OnText
from qvl_agent.sandbox.apps.protocol import Node, Tree
from qvl_agent.sandbox.nano.making.evaluation.evaluation import Evaluation
from qvl_agent.sandbox.nano.making.evaluation.figures import (
    Case,
    Results,
    RunLine,
    Step,
    StepsLine,
    case_fields,
    looks_table,
    speed,
    steps_table,
    tasks_table,
    unsolved,
)
from qvl_agent.sandbox.nano.making.evaluation.single_steps import clicked_node, compare_replies
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import SandboxDesktop
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

SEED = 5_000_000
DEMO = Case("chat", "uncheck-pinned-chat", SEED)
SCREEN = Rect(0, 0, 1280, 800)
VIEW = View(1280, 800, SCREEN)
ROW = Node("row", "list item", "Alice", Rect(100, 100, 400, 40))
CHECK = Node("row/check", "check box", "Alice", Rect(110, 110, 20, 20))
TREE = Tree((ROW, CHECK, Node("words", "text", "Hello", Rect(120, 105, 60, 30))))


class Elsewhere(Model):
    """Unchecks a chat that isn't the pinned one, says that it is done, and asks nobody."""

    name = "elsewhere"

    def __init__(self, desktop: SandboxDesktop) -> None:
        self._sandbox = desktop.sandbox
        self._clicked = False

    def reply(self, messages: Sequence[Message], *, stop: StopCheck, on_text: OnText | None = None) -> Reply:
        del stop, on_text
        if self._clicked:
            return Reply('{"action": "done", "summary": "unchecked"}')
        self._clicked = True
        tree = self._sandbox.tree()
        pinned = next(node.id for node in tree.nodes if node.state.get("pinned"))
        other = next(node for node in tree.nodes if node.role == "check box" and pinned not in node.id)
        box = WidgetActions(messages[-1].pictures[-1].view, tree).box(other.rect)
        return Reply(json.dumps({"action": "click", "bbox_2d": [box.x1, box.y1, box.x2, box.y2]}))

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def by_the_oracle() -> Iterator[Evaluation]:
    with Evaluation("oracle", lambda desktop: Oracle(desktop.sandbox)) as evaluation:
        yield evaluation


def test_a_task_that_is_done_is_solved(by_the_oracle: Evaluation) -> None:
    line = by_the_oracle.run(DEMO)
    assert (line.solved, line.state_right, line.status, line.steps) == (True, True, "done", 2)
    assert (line.language, line.held_out, line.questions) == ("en", ("theme",), 0)
    assert [json.loads(reply)["action"] for reply in line.replies] == ["click", "done"]
    assert len(line.model_ms) == 2


def test_where_nothing_can_be_done_saying_so_is_solving_it(by_the_oracle: Evaluation) -> None:
    line = by_the_oracle.run(Case("chat", "mute-stranger", SEED))
    assert (line.solved, line.status) == (True, "failed")


def test_the_single_steps_of_the_oracle_beside_itself_are_all_right(by_the_oracle: Evaluation) -> None:
    line = by_the_oracle.steps(Case("chat", "delete-chat", SEED + 2))
    assert line.language == "zh"
    assert [step.action for step in line.steps][-1] == "done"
    assert [step.hit for step in line.steps] == [*[True] * (len(line.steps) - 1), None]
    assert all(step.same_kind and step.same and not step.error for step in line.steps)


def test_a_click_elsewhere_is_unsolved_and_misses_and_its_recording_is_kept(tmp_path: Path) -> None:
    with Evaluation("elsewhere", Elsewhere, keep=tmp_path) as evaluation:
        line = evaluation.run(DEMO)
        assert (line.solved, line.state_right, line.status) == (False, False, "done")
        assert line.reason.startswith("changed by mistake: ")
        assert len(list(tmp_path.iterdir())) == 1
        first, last = evaluation.steps(DEMO).steps
        assert len(list(tmp_path.iterdir())) == 1
    assert (first.same_kind, first.hit, first.same) == (True, False, False)
    assert (last.same_kind, last.hit, last.same) == (True, None, True)


def reply(**said: object) -> str:
    return json.dumps(said)


RIGHT = reply(action="click", bbox_2d=[87, 139, 100, 160], label="Alice")
DRAG = reply(action="drag", bbox_2d=[87, 139, 100, 160], bbox_2d_end=[500, 150, 500, 150])


@pytest.mark.parametrize(
    ("wanted", "said", "same_kind", "hit", "same"),
    [
        (RIGHT, reply(action="click", bbox_2d=[90, 145, 95, 155]), True, True, True),
        (RIGHT, reply(action="click", bbox_2d=[90, 145, 95, 155], count=2), True, True, False),
        (RIGHT, reply(action="click", bbox_2d=[200, 139, 220, 160]), True, False, False),
        (RIGHT, reply(action="type", bbox_2d=[90, 145, 95, 155], text="Alice"), False, True, False),
        (RIGHT, reply(action="done", summary="unchecked"), False, False, False),
        (DRAG, DRAG.replace("500", "503"), True, True, True),
        (DRAG, DRAG.replace("500", "510"), True, True, False),
    ],
)
def test_a_step_is_compared_in_what_it_does(
    wanted: str, said: str, same_kind: bool, hit: bool, same: bool
) -> None:
    step = compare_replies(wanted, Reply(said), "row/check", TREE, VIEW)
    assert (step.same_kind, step.hit, step.same, step.error) == (same_kind, hit, same, "")


@pytest.mark.parametrize(
    "said", [Reply("I don't know"), Reply(RIGHT, finish="length"), ModelError("out of memory")]
)
def test_what_is_no_action_hits_nothing(said: Reply | ModelError) -> None:
    step = compare_replies(RIGHT, said, "row/check", TREE, VIEW)
    assert (step.same_kind, step.hit, step.same) == (False, False, False)
    assert step.error


def test_a_scroll_is_right_anywhere_in_its_area_and_in_the_right_direction() -> None:
    wanted = reply(action="scroll", bbox_2d=[100, 100, 500, 900], direction="down", amount=3)
    down = reply(action="scroll", bbox_2d=[400, 700, 420, 720], direction="down", amount=5)
    assert compare_replies(wanted, Reply(down), "", TREE, VIEW).same
    assert not compare_replies(wanted, Reply(down.replace("down", "up")), "", TREE, VIEW).same
    assert (
        compare_replies(wanted, Reply(down.replace("400", "600").replace("420", "620")), "", TREE, VIEW).hit
        is False
    )


def test_a_press_without_a_target_is_counted_apart() -> None:
    keys = reply(action="press", keys=["enter"])
    assert compare_replies(keys, Reply(keys), "", TREE, VIEW).hit is None


def test_a_point_strikes_the_smallest_thing_there_that_takes_clicks() -> None:
    assert clicked_node(TREE, DesktopPoint(125, 120)) == "row/check"
    assert clicked_node(TREE, DesktopPoint(150, 120)) == "row"
    assert clicked_node(TREE, DesktopPoint(700, 700)) == ""


def run(case: Case, *, solved: bool, steps: int = 2, ms: tuple[float, ...] = (100.0,)) -> RunLine:
    plain = {"solved": solved, "state_right": False, "status": "done", "reason": "", "steps": steps}
    return RunLine.model_validate(
        {**case_fields("m", case), **plain, "questions": 0, "replies": [], "model_ms": ms}
    )


def test_the_tables_say_how_many_were_solved() -> None:
    runs = [
        run(DEMO, solved=True),
        run(DEMO._replace(seed=SEED + 1), solved=False, steps=9, ms=(200.0, 300.0)),
        run(DEMO._replace(seed=SEED + 2), solved=True, steps=3),
        run(Case("form", "pick-day", SEED), solved=True, steps=4),
    ]
    rows = tasks_table(runs).splitlines()
    assert rows[2] == "| chat/uncheck-pinned-chat | 1/2 | 1/1 | 2/3 | 66.7% | 2.5 |"
    assert rows[3] == "| form/pick-day | 1/1 | 0/0 | 1/1 | 100.0% | 4 |"
    assert rows[4] == "| all | 2/3 | 1/1 | 3/4 | 75.0% | 3 |"
    assert "| English | 2/3 | 66.7% |" in looks_table(runs)
    unclaimed = runs[1].model_copy(update={"state_right": True, "status": "stuck"})
    assert unsolved(runs) == "1 unsolved; 1 done"
    assert unsolved([*runs, unclaimed]) == "2 unsolved; 1 done; 1 stuck, though the state is right"
    assert speed(runs) == "5 replies: median 100 ms, p95 280 ms"


def test_the_steps_are_counted_by_look_and_by_kind() -> None:
    hit = Step(wanted=RIGHT, action="click", said=RIGHT, same_kind=True, hit=True, same=True)
    missed = hit.model_copy(update={"hit": False, "same": False})
    end = Step(wanted="", action="done", said="?", error="no action")
    line = StepsLine.model_validate({**case_fields("m", DEMO), "steps": [hit, missed, end]})
    row = "| 2 | 100.0% | 100.0% | 1 | 50.0% | 50.0% | 1 | 0.0% | 0.0% | 0.0% |"
    table = steps_table([line])
    assert f"| all {row}" in table
    assert f"| held-out theme {row}" in table
    assert "| nothing held out | 0 | - |" in table
    assert "| click | 2 | 100.0% | 100.0% | 1 | 50.0% | 50.0% | 0 | - | - | - |" in table


def test_a_second_time_goes_on_where_the_first_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    words = ["--model", "oracle", "--tasks", "chat/uncheck-pinned-chat", "--seeds", "1", "--no-reader"]
    words += ["--demo-seeds", "0", "--step-seeds", "1", "--out", str(out)]
    nano.main(words)
    first = capsys.readouterr()
    assert "1/2 " in first.err
    assert "| chat/uncheck-pinned-chat | 1/1 | 0/0 | 1/1 | 100.0% | 2 |" in first.out
    done = out.read_text("utf-8")
    out.write_text(done[:-20], "utf-8")  # killed while it wrote the second line
    nano.main(words)
    second = capsys.readouterr()
    assert second.err.startswith("1/1 ")
    assert "steps chat/uncheck-pinned-chat?seed=5000000: 1 of 1 targets hit in 2 steps" in second.err
    assert out.read_text("utf-8") == done
    nano.main(words)
    assert capsys.readouterr() == (second.out, "")


def test_results_of_another_model_are_left_alone_and_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path, "m").add(run(DEMO, solved=True))
    assert Results(path, "m").has("run", DEMO)
    assert not Results(path, "m").has("steps", DEMO)
    assert not Results(path, "another").has("run", DEMO)
    path.write_text('{"kind": "x"}\n')
    with pytest.raises(RecordingError, match="line 1: expected a result of an evaluation"):
        Results(path, "m")


def test_an_unknown_task_is_named() -> None:
    with pytest.raises(SystemExit, match="no task chat/nothing; choose chat, chat/delete-chat"):
        nano.main(["--model", "oracle", "--tasks", "chat/nothing"])
