"""What each kind of step does and how it ends, on a stage without a screen."""

from pathlib import Path

import pytest
from staged_flows import Stage, Theatre

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.execution.person import CallablePerson
from qvl_agent.agent.flows.queue import Output

ROWS = "number,name\n1,Ann\n2,Ben\n3,Cy\n4,Di\n"


@pytest.fixture
def theatre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Theatre:
    (tmp_path / "rows.csv").write_text(ROWS)
    return Theatre(tmp_path, monkeypatch)


def flow(theatre: Theatre, steps: str, head: str = "") -> Path:
    return theatre.write(f"flow: x\n{head}steps:\n{steps}")


def over_rows(theatre: Theatre, steps: str, head: str = "") -> Path:
    indented = "".join(f"  {line}\n" for line in steps.splitlines())
    return flow(
        theatre, f"- for_each: row\n  steps:\n{indented}", f"data: {{file: rows.csv, key: number}}\n{head}"
    )


def did(theatre: Theatre, steps: str, *seen: str, head: str = "") -> list[str]:
    played = theatre.play(flow(theatre, steps, head), on := Stage(set(seen)))
    assert played.result.status == "done", played.result.message
    return on.did


@pytest.mark.parametrize(("seen", "expected"), [("A", ["press a"]), ("B", ["press b"])])
def test_when_takes_the_branch_that_is_so(theatre: Theatre, seen: str, expected: list[str]) -> None:
    assert did(theatre, "- when: {see: A}\n  steps: [press: a]\n  else: [press: b]\n", seen) == expected


def test_when_first_closes_the_popup_that_hides_what_it_asks_for(theatre: Theatre) -> None:
    head = "on_popup:\n- see: Oops\n  steps: [click: Close]\n"
    path = flow(theatre, "- when: {see: Overdue}\n  steps: [press: a]\n  else: [press: b]\n", head)
    on = Stage({"Oops", "Close"})
    on.after["click Close"] = lambda: (on.seen.remove("Oops"), on.seen.add("Overdue"))
    theatre.play(path, on)
    assert on.did == ["click Close", "press a"]


@pytest.mark.parametrize("step", ["check: {gone: Row, within: 0}", "wait: {gone: Row, within: 0}"])
def test_what_a_popup_hides_is_not_gone(theatre: Theatre, step: str) -> None:
    path = flow(theatre, f"- {step}\n", "on_popup:\n- see: Oops\n  steps: [click: Close]\n")
    on = Stage({"Oops", "Close"})
    on.after["click Close"] = lambda: (on.seen.remove("Oops"), on.seen.add("Row"))
    played = theatre.play(path, on)
    assert played.result.status == "failed"
    assert "still to be seen" in played.result.message


def test_while_ends_when_it_is_no_longer_so_and_fails_past_its_limit(theatre: Theatre) -> None:
    path = flow(theatre, "- while: {see: More}\n  at_most: 3\n  steps: [click: More]\n")
    on = Stage({"More"})
    on.after["click More"] = lambda: on.did.count("click More") == 3 and on.seen.clear()
    assert theatre.play(path, on).result.status == "done"
    assert on.did == ["click More"] * 3
    endless = Stage({"More"})
    played = theatre.play(path, endless)
    assert (played.result.status, len(endless.did)) == ("failed", 3)
    assert "at_most" in played.result.message


def test_a_list_is_gone_over_with_its_values(theatre: Theatre) -> None:
    steps = '- for_each: colour\n  in: [red, green]\n  steps:\n  - type: {text: "${colour}"}\n'
    assert did(theatre, steps) == ["type red", "type green"]
    steps = '- for_each: part\n  in: parts|split(";")\n  steps:\n  - type: {text: "${part}"}\n'
    assert did(theatre, steps, head='variables: {parts: "a;b"}\n') == ["type a", "type b"]


def test_a_round_of_a_list_that_fails_brings_the_application_back_and_still_fails(theatre: Theatre) -> None:
    steps = (
        "- for_each: name\n  in: [A, B, C]\n"
        "  steps: [{click: '${name}', within: 0}]\n  on_error: [press: esc, next_item]\n"
    )
    played = theatre.play(flow(theatre, steps), on := Stage({"A", "C"}))
    assert on.did == ["click A", "press esc"]
    assert played.result.status == "failed"
    assert "“B” wasn't found" in played.result.message


def test_a_soft_check_that_fails_is_noted_and_the_flow_fails_at_its_end(theatre: Theatre) -> None:
    path = flow(theatre, "- check: {see: Total, within: 0}\n  soft: true\n- press: a\n")
    played = theatre.play(path, on := Stage())
    assert on.did == ["press a"]
    assert [line.status for line in played.steps] == ["noted", "done"]
    assert (played.result.status, played.result.verified) == ("failed", None)
    assert "“Total” isn't to be seen" in played.result.message


def test_a_soft_check_fails_its_own_row_alone_and_leaves_the_application_as_it_is(theatre: Theatre) -> None:
    steps = '- check: {that: "row.number != 2", within: 0}\n  soft: true\n- type: {text: "${row.number}"}\n'
    path = over_rows(theatre, steps)
    path.write_text(path.read_text() + "  on_error: [click: Nowhere]\n")
    played = theatre.over(path, on := Stage())
    assert on.did == ["type 1", "type 2", "type 3", "type 4"]
    assert played.statuses == {"1": "done", "2": "application-error", "3": "done", "4": "done"}


def test_a_soft_check_in_a_try_that_failed_does_not_count(theatre: Theatre) -> None:
    steps = (
        "- retry: 1\n  pause: 0\n  steps:\n"
        "  - check: {see: Late, within: 0}\n    soft: true\n  - click: Go\n  - click: Late\n    within: 0\n"
    )
    on = Stage({"Go"})
    on.after["click Go"] = lambda: on.did.count("click Go") == 2 and on.seen.add("Late")
    played = theatre.play(flow(theatre, steps), on)
    assert "click Late" in on.did
    assert played.result.status == "failed", "the second try's own soft check failed too"
    on = Stage({"Go"})
    on.after["click Go"] = lambda: on.seen.add("Late") if "Seen" in on.seen else on.seen.add("Seen")
    steps = steps.replace("check: {see: Late", "check: {see: Seen")
    assert theatre.play(flow(theatre, steps), on).result.status == "done"


def test_a_soft_check_does_not_swallow_a_popup_that_cannot_be_closed(theatre: Theatre) -> None:
    head = "on_popup:\n- see: Oops\n  steps: [{click: Close, within: 0}]\n"
    played = theatre.play(
        flow(theatre, "- check: Total\n  soft: true\n- press: a\n", head), on := Stage({"Oops"})
    )
    assert (played.result.status, on.did) == ("failed", [])
    assert "“Close” wasn't found" in played.result.message


def test_a_popup_that_comes_too_often_fails_the_item(theatre: Theatre) -> None:
    head = "on_popup:\n- see: Oops\n  steps: [click: Close]\n  at_most: 2\n"
    played = theatre.play(flow(theatre, "- click: Save\n", head), on := Stage({"Oops", "Close"}))
    assert on.did == ["click Close"] * 2
    assert "more than 2 times" in played.result.message


def test_popups_are_counted_for_each_row(theatre: Theatre) -> None:
    path = over_rows(
        theatre,
        "- click: Save\n- press: a",
        "on_popup:\n- see: Oops\n  steps: [click: Close]\n  at_most: 1\n",
    )
    on = Stage({"Oops", "Close"})
    on.after["click Close"] = lambda: (on.seen.discard("Oops"), on.seen.add("Save"))
    on.after["press a"] = lambda: (on.seen.discard("Save"), on.seen.add("Oops"))
    assert set(theatre.over(path, on).statuses.values()) == {"done"}


def test_several_expectations_all_have_to_hold(theatre: Theatre) -> None:
    path = flow(theatre, "- press: a\n  then: [{see: A, within: 0}, {gone: B, within: 0}]\n")
    assert theatre.play(path, Stage({"A"})).result.status == "done"
    assert theatre.play(path, Stage()).result.status == "failed"
    assert theatre.play(path, Stage({"A", "B"})).result.status == "failed"


def test_scroll_goes_on_until_it_is_found(theatre: Theatre) -> None:
    path = flow(theatre, "- scroll: {down: 3, until: Last}\n")
    on = Stage()
    on.after["scroll "] = lambda: on.did.count("scroll ") == 4 and on.seen.add("Last")
    assert theatre.play(path, on).result.status == "done"
    assert on.did == ["scroll "] * 4


def test_a_question_that_nobody_answers_parks_the_run(theatre: Theatre) -> None:
    path = over_rows(theatre, '- ask: {question: "Is ${row.name} right?", as: answer}\n- press: a')
    played = theatre.over(path, Stage())
    assert played.result.status == "parked"
    assert "Is Ann right?" in played.result.message
    person = CallablePerson(lambda _: False, lambda question: "yes" if "Ann" in question else "no")
    on = Stage(person=person)
    played = theatre.over(path, on)
    assert [item.values["answer"] for item in played.items] == ["yes", "no", "no", "no"]


def test_a_question_at_which_the_person_stops_ends_the_run_stopped(theatre: Theatre) -> None:
    on = Stage()

    def stop(_: str) -> None:
        on.stopped = True

    on.person = CallablePerson(lambda _: False, stop)
    assert theatre.play(flow(theatre, "- ask: Go on?\n- press: a\n"), on).result.status == "stopped"


def test_a_stop_ends_the_pause_between_two_tries(theatre: Theatre) -> None:
    on = Stage({"Go"})
    on.after["click Go"] = lambda: setattr(on, "stopped", True)
    steps = "- retry: 3\n  pause: 60m\n  steps:\n  - click: Go\n    then: {see: Never, within: 0}\n"
    assert theatre.play(flow(theatre, steps), on).result.status == "stopped"


def test_reject_and_next_item_end_their_item_alone(theatre: Theatre) -> None:
    steps = (
        '- when: row.number == 1\n  steps:\n  - reject: "no ${row.name}"\n'
        "- when: row.number == 2\n  steps: [next_item]\n- type: {text: '${row.number}'}"
    )
    played = theatre.over(over_rows(theatre, steps), on := Stage())
    assert played.statuses == {"1": "business-error", "2": "skipped", "3": "done", "4": "done"}
    assert played.items[0].message == "no Ann"
    assert on.did == ["type 3", "type 4"]
    assert (played.result.status, played.result.message) == ("failed", "1 with wrong data, 1 skipped, 2 done")


def test_on_error_brings_it_back_and_the_rest_is_done(theatre: Theatre) -> None:
    path = over_rows(theatre, "- click: '${row.name}'\n  within: 0")
    path.write_text(path.read_text() + "  on_error: [press: esc, next_item]\n")
    played = theatre.over(path, on := Stage({"Ann", "Cy", "Di"}))
    assert on.did == ["click Ann", "press esc", "click Cy", "click Di"]
    assert played.statuses == {"1": "done", "2": "application-error", "3": "done", "4": "done"}


def test_on_error_that_fails_ends_the_run_and_the_rest_waits(theatre: Theatre) -> None:
    path = over_rows(theatre, "- click: '${row.name}'\n  within: 0")
    path.write_text(path.read_text() + "  on_error: [{click: Cancel, within: 0}]\n")
    played = theatre.over(path, on := Stage({"Ann", "Cy", "Di"}))
    assert (played.result.status, on.did) == ("failed", ["click Ann"])
    assert "“Cancel” wasn't found" in played.result.message
    with theatre.queue() as queue:
        assert {each.key: each.status for each in queue.items()} == {
            "1": "done", "2": "application-error", "3": "waiting", "4": "waiting",
        }  # fmt: skip


def test_items_that_fail_alike_end_the_run(theatre: Theatre) -> None:
    path = over_rows(theatre, "- click: Gone\n  within: 0")
    path.write_text(path.read_text() + "  on_error: [press: esc]\n")
    played = theatre.over(path, Stage())
    assert list(played.statuses.values()) == ["application-error"] * 3
    assert "3 items in a row failed at steps[0].steps[0]" in played.result.message


def test_wrong_data_before_any_input_lets_the_next_row_be_done(theatre: Theatre) -> None:
    path = over_rows(theatre, "- when: row.name > 5\n  steps: [press: a]\n- press: b")
    (theatre.folder / "rows.csv").write_text("number,name\n1,Ann\n2,7\n")
    played = theatre.over(path, on := Stage())
    assert played.statuses == {"1": "business-error", "2": "done"}
    assert played.items[0].path == "steps[0].steps[0]"
    assert on.did == ["press a", "press b"]


def test_wrong_data_in_the_middle_of_an_item_stops_a_flow_that_cannot_bring_it_back(theatre: Theatre) -> None:
    path = over_rows(theatre, "- press: b\n- when: row.name > 5\n  steps: [press: a]")
    played = theatre.over(path, on := Stage())
    assert (played.result.status, on.did) == ("failed", ["press b"])
    assert "no on_error" in played.result.message


def test_a_flow_that_is_used_sees_its_own_variables_alone(theatre: Theatre) -> None:
    theatre.write('flow: y\nvariables: {user: Bob}\nsteps:\n- type: {text: "${user}"}\n', "login.flow.yaml")
    head = "variables: {user: Zed, secretly: 1}\n"
    assert did(theatre, "- use: login.flow.yaml\n- type: {text: '${user}'}\n", head=head) == [
        "type Bob",
        "type Zed",
    ]
    assert did(theatre, "- use: login.flow.yaml\n  with: {user: '${user}'}\n", head=head) == ["type Zed"]
    theatre.write('flow: y\nsteps:\n- type: {text: "${secretly}"}\n', "login.flow.yaml")
    with pytest.raises(FlowError, match="no variable secretly"):
        theatre.play(flow(theatre, "- use: login.flow.yaml\n", head), Stage())


@pytest.mark.parametrize(
    ("variables", "with_", "message"),
    [
        ("{user: {about: who}}", "", "'user' has no value"),
        ("{user: Bob}", "  with: {usr: x}\n", "no variable 'usr'"),
        ("{user: {default: a, one_of: [a, b]}}", "  with: {user: c}\n", "one of a, b"),
    ],
)
def test_a_flow_that_is_used_gets_what_it_needs_or_nothing_is_done(
    theatre: Theatre, variables: str, with_: str, message: str
) -> None:
    theatre.write(
        f'flow: y\nvariables: {variables}\nsteps:\n- type: {{text: "x${{user}}"}}\n', "login.flow.yaml"
    )
    with pytest.raises(FlowError, match=message):
        theatre.play(flow(theatre, f"- use: login.flow.yaml\n{with_}"), on := Stage())
    assert on.did == []


def test_a_flow_in_a_folder_names_its_files_from_there(theatre: Theatre) -> None:
    theatre.write("flow: y\nsteps:\n- use: inner.flow.yaml\n", "lib/outer.flow.yaml")
    theatre.write(
        "flow: z\nsteps:\n- press: i\n- check: {file: there.txt, within: 0}\n", "lib/inner.flow.yaml"
    )
    (theatre.folder / "lib" / "there.txt").write_text("x")
    assert did(theatre, "- use: lib/outer.flow.yaml\n- press: e\n") == ["press i", "press e"]


def test_flows_that_use_themselves_end_each_time_with_the_same_message(theatre: Theatre) -> None:
    path = over_rows(theatre, "- use: self.flow.yaml")
    theatre.write("flow: y\nsteps:\n- press: a\n- use: self.flow.yaml\n", "self.flow.yaml")
    for _ in range(2):
        played = theatre.over(path, Stage())
        assert "8 deep" in played.result.message
        assert played.result.status == "failed"


def test_a_flow_that_is_missing_ends_the_run_and_is_no_rows_fault(theatre: Theatre) -> None:
    played = theatre.over(over_rows(theatre, "- use: gone.flow.yaml"), Stage())
    assert (played.result.status, played.statuses) == ("failed", {})
    with theatre.queue() as queue:
        queue.recover()
        assert queue.counts() == {"waiting": 4}


def test_what_is_read_in_one_row_is_not_there_in_the_next(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = iter(("77", "78", "79", "80"))
    monkeypatch.setattr("qvl_agent.agent.flows.run.interpreter.value_on", lambda *_: (next(values), ""))
    path = over_rows(
        theatre, "- when: row.number == 1\n  steps:\n  - read: {target: Id, as: id}\n- type: {text: '${id}'}"
    )
    played = theatre.over(path, on := Stage({"Id"}))
    assert on.did == ["type 77"]
    assert played.statuses["1"] == "done"
    assert played.statuses["2"] == "business-error"


def test_the_output_has_a_line_for_each_item_that_ended(theatre: Theatre) -> None:
    path = over_rows(theatre, "- when: row.number == 2\n  steps: [reject: no]\n- press: a")
    with theatre.queue() as queue:
        output = Output(queue, theatre.folder / "done.csv", ("number", "name", "status", "message"))
        theatre.play(path, Stage(), queue=queue, output=output)
    text = (theatre.folder / "done.csv").read_text("utf-8-sig").splitlines()
    assert text[1:] == ["1,Ann,done,", "2,Ben,business-error,no", "3,Cy,done,", "4,Di,done,"]


@pytest.mark.parametrize("text", ["one\ntwo", "a\r\nb"])
def test_a_line_break_is_typed_only_where_the_step_allows_it(theatre: Theatre, text: str) -> None:
    path = flow(theatre, '- type: {text: "${note}"}\n', "variables: {note: x}\n")
    with pytest.raises(FlowError, match="line break"):
        theatre.play(path, on := Stage(), note=text)
    assert on.did == []
    written = flow(theatre, f"- type: {{text: {text!r}}}\n".replace("'", '"'))
    with pytest.raises(FlowError, match="line break"):
        theatre.play(written, on)
    assert on.did == []
    allowed = flow(theatre, '- type: {text: "${note}", lines: true}\n', "variables: {note: x}\n")
    theatre.play(allowed, on, note="one\ntwo")
    assert on.did == ["type one\ntwo"]


@pytest.mark.parametrize(
    "value",
    [
        "{{secret:pin}}",
        "${other}",
        "{% if 1 %}",
        "{{ 7*7 }}",
        "ctrl+s",
        "\x1b[2J",
        "a\tb",
        "../../etc/passwd",
    ],
)
def test_a_value_is_typed_as_it_is_or_refused_and_is_nothing_else(theatre: Theatre, value: str) -> None:
    path = flow(theatre, '- type: {text: "${value}"}\n- press: a\n', "variables: {value: x, other: leaked}\n")
    on = Stage()
    try:
        theatre.play(path, on, value=value)
    except FlowError:
        assert on.did == []
    else:
        assert on.did == [f"type {value}", "press a"]
        assert value not in {"{{secret:pin}}", "\x1b[2J", "a\tb"}


@pytest.mark.parametrize(
    "steps",
    ["- press: '${value}'\n", "- use: '${value}'\n", "- click: {text: A, id: x}\n  keys: '${value}'\n"],
)
def test_a_value_is_no_key_and_no_file_of_steps(theatre: Theatre, steps: str) -> None:
    path = flow(theatre, steps, "variables: {value: x}\n")
    on = Stage({"A"})
    try:
        played = theatre.play(path, on, value="enter")
        assert played.result.status == "failed"
    except FlowError:
        pass
    assert on.did == []


def test_a_text_that_is_too_long_once_it_is_filled_in_is_the_rows_fault(theatre: Theatre) -> None:
    path = over_rows(theatre, "- type: {text: '${row.name}${row.name}${row.name}'}")
    (theatre.folder / "rows.csv").write_text(f"number,name\n1,{'x' * 9000}\n2,Ben\n")
    played = theatre.over(path, on := Stage())
    assert played.statuses == {"1": "business-error", "2": "done"}
    assert on.did == ["type BenBenBen"]


def test_a_file_that_is_named_by_a_value_stays_in_the_flows_folder(theatre: Theatre) -> None:
    path = flow(theatre, '- check: {file: "${name}", within: 0}\n', "variables: {name: x}\n")
    with pytest.raises(FlowError, match="leads out"):
        theatre.play(path, Stage(), name="../../../etc/passwd")


def test_a_run_with_skipped_rows_does_not_claim_that_every_step_was_done(theatre: Theatre) -> None:
    played = theatre.over(
        over_rows(theatre, "- when: row.number < 3\n  steps: [next_item]\n- press: a"), Stage()
    )
    assert played.result.status == "done"
    assert "2 skipped" in played.result.check
