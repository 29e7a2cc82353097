"""A `once` step is never done twice, however it ends, and an item goes on behind it, wherever it stands."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from staged_flows import Stage, Theatre

from qvl_agent.actions.core.errors import DesktopError, FlowError, RecordingError, Stopped
from qvl_agent.agent.flows.queue import Queue

ROWS = "number,name\n1,Ann\n2,Ben\n"
HEAD = "flow: x\ndata: {file: rows.csv, key: number}\nsteps:\n- for_each: row\n  steps:\n"
SAVE = """
  - type: {into: Number, text: "${row.number}"}
  - click: Save
    once: true
    then: {see: Saved, within: 0}
  - read: {target: Id, as: id}
  - click: Next
"""


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Theatre:
    made = Theatre(tmp_path, monkeypatch)
    (tmp_path / "rows.csv").write_text(ROWS)
    monkeypatch.setattr("qvl_agent.agent.flows.run.interpreter.value_on", lambda *_: ("77", ""))
    return made


def stage(*more: str) -> Stage:
    return Stage({"Number", "Save", "Saved", "Id", "Next", "Cancel", *more})


def statuses(theatre: Theatre) -> dict[str, str]:
    with theatre.queue() as queue:
        queue.recover()
        return {entry.key: entry.status for entry in queue.items()}


def on_error(steps: str, after: str = "- click: Cancel") -> str:
    return f"{HEAD}{steps.strip(chr(10))}\n  on_error:\n  {after}\n"


def test_each_item_is_done_once_and_ends_done(theatre: Theatre) -> None:
    played = theatre.over(theatre.write(on_error(SAVE)), on := stage())
    assert played.statuses == {"1": "done", "2": "done"} == statuses(theatre)
    assert on.times()["click Save"] == 2
    assert played.result.status == "done"


@pytest.mark.parametrize("around", ["before", "after", "used"])
def test_what_belongs_to_no_row_cant_be_done_once(theatre: Theatre, around: str) -> None:
    """Each --resume, and each worker, would do it again."""
    theatre.write(
        "flow: y\nsteps:\n- click: Send\n  once: true\n  then: {see: Saved, within: 0}\n", "send.flow.yaml"
    )
    own = "- use: send.flow.yaml\n" if around == "used" else "- click: Send\n  once: true\n"
    flow = (
        on_error(SAVE) + own
        if around != "before"
        else on_error(SAVE).replace("steps:\n", f"steps:\n{own}", 1)
    )
    on = stage("Send")
    with pytest.raises(FlowError, match="belongs to no row; move it into the for_each"):
        theatre.over(theatre.write(flow), on)
    assert "click Send" not in on.times()


@pytest.mark.parametrize("status", ["broken-off", "stopped", "failed", "unknown"])
def test_an_unknown_fate_parks_the_item_and_it_is_not_tried_again(theatre: Theatre, status: str) -> None:
    flow = theatre.write(on_error(SAVE))
    on = stage()
    on.sends["click Save"] = [status]  # type: ignore[list-item]
    theatre.over(flow, on)
    assert statuses(theatre) == {"1": "parked", "2": "done"}
    theatre.over(flow, again := stage())
    assert again.did == []
    with theatre.queue() as queue:
        assert queue.again() == 0


@pytest.mark.parametrize("status", ["stale"])
def test_what_was_surely_not_sent_is_tried_again(theatre: Theatre, status: str) -> None:
    on = stage()
    on.sends["click Save"] = [status, status]  # type: ignore[list-item]
    theatre.over(theatre.write(on_error(SAVE)), on)
    assert statuses(theatre) == {"1": "done", "2": "done"}
    assert on.times()["click Save"] == 2


def test_a_screen_that_never_stands_still_fails_the_item_unsent(theatre: Theatre) -> None:
    on = stage()
    on.sends["click Save"] = ["stale"] * 5
    played = theatre.over(theatre.write(on_error(SAVE)), on)
    assert played.statuses == {"1": "application-error", "2": "done"} == statuses(theatre)


def test_a_parked_question_leaves_the_item_to_be_done_later(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qvl_agent.agent.flows.run.acting.ending_of", lambda *_: ("parked", "nobody said yes in time")
    )
    on = stage()
    on.sends["click Save"] = ["parked"]
    flow = theatre.write(on_error(SAVE))
    assert theatre.over(flow, on).result.status == "parked"
    assert statuses(theatre) == {"1": "waiting", "2": "waiting"}
    theatre.over(flow, on)
    assert on.times()["click Save"] == 2


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), DesktopError("gone"), Stopped("stop"), RecordingError("full"), RuntimeError("bug")],
)
def test_a_death_behind_the_click_parks_the_item_for_the_next_worker(
    theatre: Theatre, error: BaseException
) -> None:
    flow = theatre.write(on_error(SAVE))
    on = stage()
    on.breaks["click Save"] = error
    with contextlib.suppress(KeyboardInterrupt, RecordingError, RuntimeError):
        theatre.over(flow, on)
    theatre.over(flow, again := stage())
    assert statuses(theatre) == {"1": "parked", "2": "done"}
    assert again.times()["click Save"] == 1


def test_what_has_to_follow_and_does_not_parks_the_item(theatre: Theatre) -> None:
    on = stage()
    on.after["click Save"] = lambda: on.seen.discard("Saved")
    played = theatre.over(theatre.write(on_error(SAVE)), on)
    assert played.statuses == {"1": "parked", "2": "parked"} == statuses(theatre)


@pytest.mark.parametrize(
    ("popup", "why"),
    [
        ("next_item", "the handler ended the item"),
        ('reject: "no"', "the handler rejected it"),
        ("click: Nowhere\n    within: 0", "the handler failed"),
        ('type: {text: "${missing}"}', "the handler can't be filled in"),
    ],
)
def test_a_popup_behind_a_once_step_never_hides_that_its_fate_is_unknown(
    theatre: Theatre, popup: str, why: str
) -> None:
    flow = theatre.write(
        on_error(SAVE.replace("within: 0", "within: 5")).replace(
            "steps:\n", f"on_popup:\n- see: Oops\n  steps:\n  - {popup}\nsteps:\n", 1
        )
    )
    on = stage()

    def pop() -> None:
        on.seen -= {"Saved"}
        on.seen.add("Oops")

    on.after["click Save"] = pop
    played = theatre.over(flow, on)
    assert played.statuses["1"] == "parked" == statuses(theatre)["1"], why


def test_an_expectation_that_cannot_be_filled_in_parks_after_a_once_step(theatre: Theatre) -> None:
    played = theatre.over(
        theatre.write(on_error(SAVE.replace("see: Saved", 'see: "${row.nothing}"'))), stage()
    )
    assert played.statuses["1"] == "parked" == statuses(theatre)["1"]


def test_a_popup_that_is_closed_between_changes_nothing(theatre: Theatre) -> None:
    flow = theatre.write(
        on_error(SAVE.replace("within: 0", "within: 5")).replace(
            "steps:\n", "on_popup:\n- see: Oops\n  steps:\n  - click: Close\nsteps:\n", 1
        )
    )
    on = stage("Close")

    def pop() -> None:
        on.seen -= {"Saved"}
        on.seen.add("Oops")

    def close() -> None:
        on.seen -= {"Oops"}
        on.seen.add("Saved")

    on.after |= {"click Save": pop, "click Close": close}
    played = theatre.over(flow, on)
    assert played.statuses == {"1": "done", "2": "done"}
    saved = next(line for line in played.steps if line.words == "click “Save”")
    assert saved.action == 2, "the record names the click itself, not the pop-up's"


_SAVE = "- click: Save\n  once: true\n- click: Next\n"


def _inside(head: str, depth: str, steps: str = _SAVE) -> str:
    return head + "".join(f"{depth}{line}\n" for line in steps.splitlines())


GO_ON = {
    "plain": (_inside("", "  "), "steps[0].steps[0]"),
    "when": (
        _inside("  - when: row.number == 1 or row.number == 2\n    steps:\n", "    "),
        "steps[0].steps[0].steps[0]",
    ),
    "else": (
        _inside("  - when: row.number == 9\n    steps: [click: Other]\n    else:\n", "    "),
        "steps[0].steps[0].else[0]",
    ),
    "list": (
        _inside("  - for_each: kind\n    in: [a, b]\n    steps:\n", "    "),
        "steps[0].steps[0]@1.steps[0]",
    ),
    "use": ("  - use: save.flow.yaml\n", "steps[0].steps[0].use[0]"),
    "deep": (
        _inside(
            "  - for_each: kind\n    in: [a, b]\n    steps:\n",
            "    ",
            '- when: kind == "z"\n  steps: [click: Other]\n  else:\n  - use: save.flow.yaml\n',
        ),
        "steps[0].steps[0]@2.steps[0].else[0].use[0]",
    ),
    "eleventh": (_inside("  - click: Number\n" * 10, "  "), "steps[0].steps[10]"),
}


@pytest.mark.parametrize("name", GO_ON)
def test_an_item_goes_on_behind_the_step_that_was_done(theatre: Theatre, name: str) -> None:
    steps, after = GO_ON[name]
    theatre.write("flow: y\nsteps:\n- click: Save\n  once: true\n- click: Next\n", "save.flow.yaml")
    flow = theatre.write(f"{HEAD}{steps}  - click: Last\n  on_error:\n  - click: Cancel\n")
    whole = stage("Last", "Other")
    theatre.over(flow, whole)
    assert set(statuses(theatre).values()) == {"done"}
    theatre.queue_file.unlink()
    with theatre.queue() as queue:  # a worker that died behind the once step
        taken = queue.take("dead")
        assert taken is not None
        for path in paths(steps, after):
            queue.begin_once(taken.key, path)
            queue.end_once(taken.key, path, {"id": "5"})
    theatre.over(flow, rest := stage("Last", "Other"))
    assert set(statuses(theatre).values()) == {"done"}
    half = whole.did[: len(whole.did) // 2]
    at = [number for number, did in enumerate(half) if did == "click Save"][len(paths(steps, after)) - 1]
    assert rest.did == [*half[at + 1 :], *half], "the first item goes on, the second is done as a whole"


def paths(steps: str, after: str) -> list[str]:
    """Every once step up to one, in order."""
    return [after.replace("@2", "@1"), after] if "@2" in after else [after]


def test_a_retry_never_repeats_a_once_step(theatre: Theatre) -> None:
    steps = (
        "  - retry: 3\n    pause: 0\n    steps:\n    - click: Save\n"
        "      once: true\n    - click: Gone\n      within: 0\n"
    )
    played = theatre.over(theatre.write(on_error(steps)), on := stage())
    assert on.times()["click Save"] == 2
    assert played.statuses == {"1": "application-error", "2": "application-error"} == statuses(theatre)


def test_a_retry_never_repeats_a_once_step_where_there_are_no_items(theatre: Theatre) -> None:
    theatre.write(
        "flow: y\nsteps:\n- click: Save\n  once: true\n- click: Gone\n  within: 0\n", "save.flow.yaml"
    )
    flow = theatre.write("flow: x\nsteps:\n- retry: 3\n  pause: 0\n  steps:\n  - use: save.flow.yaml\n")
    played = theatre.play(flow, on := stage())
    assert on.did == ["click Save"]
    assert played.result.status == "failed"


def test_a_retry_that_an_item_goes_on_in_does_not_repeat_what_was_done_before(theatre: Theatre) -> None:
    steps = (
        "  - retry: 3\n    pause: 0\n    steps:\n    - click: Save\n"
        "      once: true\n    - click: Gone\n      within: 0\n"
    )
    flow = theatre.write(on_error(steps))
    with theatre.queue() as queue:
        taken = queue.take("dead")
        assert taken is not None
        queue.begin_once(taken.key, "steps[0].steps[0].steps[0]")
        queue.end_once(taken.key, "steps[0].steps[0].steps[0]", {})
    played = theatre.over(flow, on := stage())
    assert on.times()["click Save"] == 1, "the second item's"
    assert played.statuses == {"1": "application-error", "2": "application-error"}


def test_a_retry_without_a_once_step_does_try_again(theatre: Theatre) -> None:
    flow = theatre.write(
        "flow: x\nsteps:\n- retry: 3\n  pause: 0\n  steps:\n"
        "  - click: Number\n  - click: Late\n    within: 0\n"
    )
    on = stage()
    on.after["click Number"] = lambda: on.did.count("click Number") == 3 and on.seen.add("Late")
    played = theatre.play(flow, on)
    assert on.did == ["click Number"] * 3 + ["click Late"]
    assert [line.attempt for line in played.steps if line.words == "click “Late”"] == [1, 2, 3]
    assert played.result.status == "done"


def test_a_once_step_outside_of_items_with_an_unknown_fate_parks_the_run(theatre: Theatre) -> None:
    once = "- click: Save\n  once: true\n  then: {see: Nothing, within: 0}\n"
    played = theatre.play(theatre.write(f"flow: x\nsteps:\n{once}"), stage())
    assert (played.result.status, played.statuses) == ("parked", {"": "parked"})


def test_settling_a_parked_item_goes_on_or_does_it_again(theatre: Theatre) -> None:
    flow = theatre.write(on_error(SAVE))
    on = stage()
    on.sends["click Save"] = ["broken-off", "broken-off"]
    theatre.over(flow, on)
    assert statuses(theatre) == {"1": "parked", "2": "parked"}
    with theatre.queue() as queue:
        queue.resolve("1", "done")
        queue.resolve("2", "again")
    theatre.over(flow, again := stage())
    assert again.did == ["type 2", "click Save", "click Next"]


def test_two_workers_share_the_items(theatre: Theatre) -> None:
    flow = theatre.write(on_error(SAVE))
    theatre.folder.joinpath("rows.csv").write_text("number\n" + "\n".join(map(str, range(6))))
    first, second = stage(), stage()
    with theatre.queue() as mine:
        other: list[Queue] = []

        def the_other() -> None:
            first.after.pop("click Save", None)
            with theatre.queue() as theirs:
                theatre.play(flow, second, queue=theirs)
            other.append(theirs)

        first.after["click Save"] = the_other
        theatre.play(flow, first, queue=mine)
    assert first.did.count("click Save") == 1
    assert second.did.count("click Save") == 5
    assert set(statuses(theatre).values()) == {"done"}


def test_a_worker_that_lives_is_not_robbed(theatre: Theatre) -> None:
    flow = theatre.write(on_error(SAVE))
    with theatre.queue() as alive:
        taken = alive.take("alive")
        assert taken is not None
        alive.begin_once(taken.key, "steps[0].steps[1]")
        theatre.over(flow, on := stage())
        assert on.times()["click Save"] == 1
        alive.end_once(taken.key, "steps[0].steps[1]", {})
        alive.finish(taken.key, "done", {})
    assert set(statuses(theatre).values()) == {"done"}


def test_the_queue_and_the_record_say_the_same(theatre: Theatre) -> None:
    breakages: list[Callable[[Stage], object]] = [
        lambda on: on.sends.update({"click Save": ["broken-off"]}),
        lambda on: on.seen.discard("Number"),
        lambda on: on.seen.discard("Saved"),
        lambda on: on.seen.discard("Next"),
    ]
    flow = theatre.write(
        on_error(SAVE.replace("click: Next", "click: Next\n    within: 0")).replace(
            '"${row.number}"}', '"${row.number}"}\n    within: 0'
        )
    )
    for breakage in breakages:
        theatre.queue_file.unlink(missing_ok=True)
        breakage(on := stage())
        played = theatre.over(flow, on)
        assert played.statuses == statuses(theatre)


def test_begun_twice_is_refused_by_the_queue_itself(theatre: Theatre) -> None:
    with theatre.queue() as queue:
        taken = queue.take("one")
        assert taken is not None
        queue.begin_once(taken.key, "steps[0]")
        with pytest.raises(FlowError, match="already"):
            queue.begin_once(taken.key, "steps[0]")
