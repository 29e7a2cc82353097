"""A flow is made of a recorded run: one step an action, targets by their words, and a proof for each."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from recorded_flows import (
    ADD,
    MORE,
    NAME,
    NUMBER,
    SAVE,
    SEND,
    WINDOW,
    Run,
    check_of,
    edit_of,
    orders,
    reader,
    target,
)

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.errors import FlowError, RecordingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.planning.action import Answer, Ask, Click, Move, Press, Scroll, Wait, Zoom
from qvl_agent.agent.flows.compile import Compiled, compile_run, write
from qvl_agent.agent.flows.offline import offline
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.script.steps import Step

START = orders()
NAMED = orders("Mia Lang")
FILLED = orders("Mia Lang", "K-4711")
SAVED = orders("Mia Lang", "K-4711", "Order K-4711 is saved")
DEAD = FrameBox(500, 300, 520, 320)


def compiled(folder: Path, **options: object) -> Compiled:
    return compile_run(folder, reader=reader(), **options)  # type: ignore[arg-type]


def plain(step: Step) -> dict[str, object]:
    return step.model_dump(by_alias=True, exclude_defaults=True)


def order(root: Path) -> Path:
    """The everyday run: a name, a number, save."""
    run = Run(root, "enter an order")
    run.type("Mia Lang", START, NAMED, NAME, label="Customer")
    run.type("K-4711", NAMED, FILLED, NUMBER, label="Order number")
    run.click(SAVE, FILLED, SAVED, "Save")
    return run.done(SAVED)


def test_a_run_becomes_steps_with_words_variables_and_proofs(tmp_path: Path) -> None:
    made = compiled(order(tmp_path))
    assert [plain(step) for step in made.flow.steps] == [
        {
            "type": {"into": {"text": "Customer"}, "text": "${customer}"},
            "then": ({"target": {"text": "Customer"}, "value": "${customer}"},),
        },
        {
            "type": {"into": {"text": "Order number"}, "text": "${order_number}"},
            "then": ({"target": {"text": "Order number"}, "value": "${order_number}"},),
        },
        {"click": {"text": "Save"}, "then": ({"see": "Order ${order_number} is saved"},)},
        {"check": {"see": "Order ${order_number} is saved"}},
    ]
    assert {name: each.default for name, each in made.flow.variables.items()} == {
        "customer": "Mia Lang",
        "order_number": "K-4711",
    }
    assert (made.flow.flow, made.flow.app) == ("enter an order", "orders")
    assert made.problems == ()
    assert made.left_out == ()


def test_what_is_written_reads_back_and_holds_on_the_recorded_screens(tmp_path: Path) -> None:
    made = compiled(order(tmp_path / "runs"))
    path = tmp_path / "order.flow.yaml"
    write(made, path)
    loaded = load(path)
    assert loaded.flow == made.flow
    steps = list(offline(loaded))
    assert [(step.status, step.message) for step in steps] == [("passed", "")] * 3
    pictures = sorted((tmp_path / "order.lock/pictures").iterdir())
    assert len(pictures) == 4, "each window's picture once"
    text = path.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=")
    assert '  - type: {into: Customer, text: "${customer}"}\n' in text
    assert '    then: {see: "Order ${order_number} is saved"}\n' in text


def test_a_flow_is_written_over_with_all_of_its_lock(tmp_path: Path) -> None:
    path = tmp_path / "order.flow.yaml"
    write(compiled(order(tmp_path / "runs")), path)
    run = Run(tmp_path / "runs")
    saved = orders(note="Order is saved")
    write(compiled(run.click(SAVE, START, saved, "Save").done(saved)), path)
    loaded = load(path)
    assert [step.status for step in offline(loaded)] == ["passed"]
    assert len(list((tmp_path / "order.lock/pictures").iterdir())) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["order.flow.yaml", "order.lock", "runs"]


def test_a_file_that_is_no_flows_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    made = compiled(order(tmp_path / "runs"))
    with pytest.raises(FlowError, match=r"x\.flow\.yaml"):
        write(made, tmp_path / "order.yaml")
    (tmp_path / "file").write_text("")
    with pytest.raises((FlowError, RecordingError), match="can't write"):
        write(made, tmp_path / "file" / "order.flow.yaml")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "runs"]


def test_a_miss_that_was_done_elsewhere_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.type("K-4711", START, orders("", "K-4711"), NUMBER, label="Order number")
    filled = orders("", "K-4711")
    run.click(DEAD, filled, filled, "Save", intent="Save the order.")
    saved = orders("", "K-4711", "Order K-4711 is saved")
    run.click(SAVE, filled, saved, "Save", intent="Save the order.")
    made = compiled(run.done(saved))
    assert [next(iter(plain(step))) for step in made.flow.steps] == ["then", "then", "check"]
    assert [(one.step, one.what, one.why) for one in made.left_out] == [
        (2, "click “Save”", "nothing changed after it, and step 3 did it elsewhere")
    ]


def test_a_click_that_had_to_be_done_twice_is_done_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    saved = orders(note="Order is saved")
    run.click(SAVE, START, START, "Save").click(SAVE, START, saved, "Save")
    made = compiled(run.done(saved))
    assert [plain(step) for step in made.flow.steps] == [
        {"click": {"text": "Save"}, "then": ({"see": "Order is saved"},)},
        {"check": {"see": "Order is saved"}},
    ]
    assert [(one.step, one.why) for one in made.left_out] == [
        (1, "nothing changed after it, and step 2 did the same")
    ]


def test_a_repeat_that_is_work_stays(tmp_path: Path) -> None:
    run = Run(tmp_path)
    screens = [orders(count=count) for count in range(4)]
    for before, after in pairwise(screens):
        run.click(ADD, before, after, "+")
    made = compiled(run.done(screens[-1]))
    assert len([step for step in made.flow.steps if "click" in plain(step)]) == 3
    assert made.left_out == ()


def test_a_second_click_that_changed_nothing_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    saved = orders(note="Order is saved")
    run.click(SAVE, START, saved, "Save").click(SAVE, saved, saved, "Save")
    made = compiled(run.done(saved))
    assert [(one.step, one.why) for one in made.left_out] == [
        (2, "step 1 had done it; nothing changed this time")
    ]


@pytest.mark.parametrize("key", ["tab", "down", "backspace", "x"])
def test_keys_that_work_without_a_sign_stay(key: str, tmp_path: Path) -> None:
    run = Run(tmp_path)
    for _ in range(3):
        run.act(START, Press(keys=(key,)), START)
    saved = orders(note="Order is saved")
    run.click(SAVE, START, saved, "Save")
    made = compiled(run.done(saved))
    assert sum("press" in plain(step) for step in made.flow.steps) == 3
    assert sum("nothing on the screen shows" in one.what for one in made.problems) == 3


def test_looks_waits_questions_and_what_was_not_sent_are_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    save = Click(target=target(SAVE, START), label="Save")
    saved = orders(note="Order is saved")
    run.act(START, None, error="no JSON in it", status="refused")
    run.act(START, Zoom(target=target(FrameBox(20, 300, 300, 380), START)))
    run.act(START, save, status="refused")
    run.act(START, save, status="stale")
    run.act(START, save, status="parked")
    run.act(START, Ask(question="Which one?"))
    run.act(START, save, START)
    run.act(START, Wait(seconds=9))
    made = compiled(run.done(saved))
    assert [plain(step) for step in made.flow.steps] == [
        {"click": {"text": "Save"}, "then": ({"see": "Order is saved", "within": 27.0},)},
        {"check": {"see": "Order is saved"}},
    ]
    assert [one.step for one in made.left_out] == [1, 2, 3, 4, 5, 6, 8]
    whys = " | ".join(one.why for one in made.left_out)
    for reason in ("could be read", "closer look", "was refused", "had changed", "nobody answered", "ask:"):
        assert reason in whys


def test_a_target_that_was_pointed_at_in_a_close_up_is_found_on_the_whole_screen(tmp_path: Path) -> None:
    run = Run(tmp_path)
    part = START.crop(FrameBox(20, 300, 300, 380))
    run.act(START, Zoom(target=target(FrameBox(20, 300, 300, 380), START)))
    inside = FrameBox(SAVE.left - 20, SAVE.top - 300, SAVE.right - 20, SAVE.bottom - 300)
    saved = orders(note="Order is saved")
    run.act(START, Click(target=target(inside, part), label="Save"), saved, seen=part)
    made = compiled(run.done(saved))
    assert plain(made.flow.steps[0])["click"] == {"text": "Save"}
    assert made.lock.targets["Save"].picture.width == 520


def test_what_was_broken_off_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path)
    save = Click(target=target(SAVE, START), label="Save")
    run.act(START, save, START, status="broken-off")
    saved = orders(note="Order is saved")
    run.click(SAVE, START, saved, "Save")
    made = compiled(run.done(saved))
    assert [one.step for one in made.left_out] == [1]
    assert any("broken-off" in one.what for one in made.problems)


def test_scrolls_back_and_forth_are_left_out_and_others_joined(tmp_path: Path) -> None:
    run = Run(tmp_path)
    lower = orders(rows=("Book club", "Zoe Adler", "Ivan Petrov"))
    lowest = orders(rows=("Ivan Petrov", "Ruth Stone", "Carl Weiss"))
    over = target(FrameBox(60, 140, 300, 260), START)
    run.act(START, Scroll(target=over, dy=3), lower).act(lower, Scroll(target=over, dy=-3), START)
    run.click(SAVE, START, orders(note="Order is saved"), "Save")
    noted = orders(note="Order is saved")
    low = orders(note="Order is saved", rows=("Book club", "Zoe Adler", "Ivan Petrov"))
    last = orders(note="Order is saved", rows=("Ivan Petrov", "Ruth Stone", "Carl Weiss"))
    run.act(noted, Scroll(target=over, dy=3), low).act(low, Scroll(target=over, dy=2), last)
    edited = orders(note="Ruth Stone is opened", rows=("Ivan Petrov", "Ruth Stone", "Carl Weiss"))
    run.click(edit_of(1), last, edited, "Edit")
    del lowest
    made = compiled(run.done(edited))
    scrolls = [plain(step) for step in made.flow.steps if "scroll" in plain(step)]
    assert [one["scroll"]["down"] for one in scrolls] == [5]  # type: ignore[index]
    assert [one.step for one in made.left_out] == [1, 2, 5]
    assert "scrolled back" in made.left_out[0].why


def test_what_escape_closed_again_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.click(MORE, START, orders(menu=True), "More")
    run.act(orders(menu=True), Press(keys=("escape",)), START)
    saved = orders(note="Order is saved")
    run.click(SAVE, START, saved, "Save")
    made = compiled(run.done(saved))
    assert [one.step for one in made.left_out] == [1, 2]


def test_a_pointer_that_was_moved_for_nothing_is_left_out_and_one_that_opened_a_menu_stays(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path)
    run.act(START, Move(target=target(SAVE, START), label="Save"), START)
    run.act(START, Move(target=target(MORE, START), label="More"), orders(menu=True))
    made = compiled(run.done(orders(menu=True)))
    assert [next(iter(set(plain(step)) - {"then"})) for step in made.flow.steps[:1]] == ["hover"]
    assert plain(made.flow.steps[0])["hover"] == {"text": "More"}
    assert [one.step for one in made.left_out] == [1]


def test_a_click_and_a_selection_before_a_typing_are_a_part_of_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    old, new = orders("Old name"), orders("Mia Lang")
    selected = orders("Old name ")
    run.click(NAME, old, old, "Customer").act(old, Press(keys=("ctrl", "a")), selected)
    run.type("Mia Lang", selected, new)
    made = compiled(run.done(new))
    assert plain(made.flow.steps[0])["type"] == {
        "into": {"text": "Customer"},
        "text": "${customer}",
        "clear": True,
    }
    assert [one.step for one in made.left_out] == [1, 2]


def test_a_typing_after_a_tab_names_its_field(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.type("Mia Lang", START, NAMED, NAME, label="Customer")
    run.act(NAMED, Press(keys=("tab",)), NAMED)
    run.type("K-4711", NAMED, FILLED)
    made = compiled(run.done(FILLED))
    assert plain(made.flow.steps[1])["type"] == {"into": {"text": "Order number"}, "text": "${order_number}"}
    assert [(one.step, one.what) for one in made.left_out] == [(2, "press tab")]


def test_keys_into_a_field_that_a_typing_does_not_name_stay(tmp_path: Path) -> None:
    """A lone Backspace empties nothing, and a chord before a typing that clicks its field went elsewhere."""
    run = Run(tmp_path)
    run.act(START, Press(keys=("backspace",)), START)
    run.type("Mia Lang", START, NAMED, NAME, label="Customer")
    made = compiled(run.done(NAMED))
    assert plain(made.flow.steps[0])["press"] == "backspace"
    assert "clear" not in plain(made.flow.steps[1])["type"]  # type: ignore[operator]


def test_what_was_typed_is_a_variable_in_a_row_too(tmp_path: Path) -> None:
    run = Run(tmp_path)
    listed = orders("Omar Haddad")
    run.type("Omar Haddad", START, listed, NAME, label="Customer")
    opened = orders("Omar Haddad", note="Omar Haddad is opened")
    run.click(edit_of(1), listed, opened, "Edit")
    made = compiled(run.done(opened))
    step = plain(made.flow.steps[1])
    assert step["then"] == ({"see": "${customer} is opened"},)
    key = made.flow.steps[1].click.key  # type: ignore[union-attr]
    assert key in made.lock.targets


def test_the_person_names_variables_or_keeps_constants(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def ask(literal: str, label: str) -> str | None:
        asked.append((literal, label))
        return "buyer" if literal == "Mia Lang" else None

    made = compiled(order(tmp_path), ask=ask)
    assert asked == [("Mia Lang", "Customer"), ("K-4711", "Order number")]
    assert list(made.flow.variables) == ["buyer"]
    assert made.flow.steps[1].type.text == "K-4711"  # type: ignore[union-attr]
    assert "K-4711" in made.text()
    for wrong in ("two words", "1st", ""):
        with pytest.raises(FlowError, match="expected a variable's name"):
            compiled(order(tmp_path), ask=lambda *_, wrong=wrong: wrong)


def test_a_text_that_looks_like_a_variable_is_only_ever_a_value(tmp_path: Path) -> None:
    run = Run(tmp_path)
    typed = orders("${HOME}")
    run.type("${HOME}", START, typed, NAME, label="Customer")
    made = compiled(run.done(typed), ask=lambda *_: None)
    assert made.flow.steps[0].type.text == "${customer}"  # type: ignore[union-attr]
    assert made.flow.variables["customer"].default == "${HOME}"


def test_a_proof_that_stood_there_before_is_not_taken(tmp_path: Path) -> None:
    run = Run(tmp_path)
    before, after = orders(note="Order is saved"), orders(note="Order is saved", count=3)
    run.click(SAVE, before, after, "Save")
    made = compiled(run.done(after))
    expected = made.flow.steps[0].then[0]  # type: ignore[union-attr]
    assert expected.see != "Order is saved"


def test_what_moves_by_itself_proves_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    before, after = orders(clock="Rome"), orders(clock="Berlin", note="Order is saved")
    save = Click(target=target(SAVE, START), label="Save")
    run.act(before, save, after, by_itself=(FrameBox(448, 0, 544, 64),))
    made = compiled(run.done(after))
    assert made.flow.steps[0].then[0].see == "Order is saved"  # type: ignore[union-attr]


def test_numbers_that_will_be_others_are_not_expected_again(tmp_path: Path) -> None:
    run = Run(tmp_path)
    after = orders(note="Saved as order 2291 at 14:05")
    run.click(SAVE, START, after, "Save")
    made = compiled(run.done(after))
    see = made.flow.steps[0].then[0].see or ""  # type: ignore[union-attr]
    assert not any(letter.isdigit() for letter in see)


def test_a_step_that_changed_nothing_to_be_seen_is_a_problem(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.click(SAVE, START, START, "Save")
    made = compiled(run.done(START))
    assert ("steps[0]", "nothing on the screen shows that it worked") in {
        (one.step_path, one.what) for one in made.problems
    }
    assert "# Check: nothing on the screen shows" in made.text()


def test_a_consequence_is_done_once_even_where_the_task_asked_for_it(tmp_path: Path) -> None:
    run = Run(tmp_path, "send the order")
    sent = orders(note="Order is on its way")
    run.click(SEND, START, sent, "Go on")
    made = compiled(run.done(sent))
    assert plain(made.flow.steps[0]) == {
        "click": {"text": "Send"},
        "once": True,
        "then": ({"see": "Order is on its way"},),
    }


def test_the_guards_recorded_verdict_makes_it_once_too(tmp_path: Path) -> None:
    run = Run(tmp_path)
    after = orders(note="Order is saved")
    verdict = Verdict(Level.ASK_ONCE, "consequence-final", "this may settle something")
    run.act(START, Click(target=target(SAVE, START), label="Save"), after, verdict=verdict)
    made = compiled(run.done(after))
    assert made.flow.steps[0].once  # type: ignore[union-attr]


def test_a_consequence_with_nothing_but_a_change_to_show_is_a_problem(tmp_path: Path) -> None:
    run = Run(tmp_path)
    after = orders(pressed=True)
    run.click(SEND, START, after, "Send")
    made = compiled(run.done(after))
    assert any("only a change" in one.what for one in made.problems)


def test_a_change_far_from_the_target_proves_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    after = orders(checked=frozenset({0}))
    run.click(SEND, START, after, "Send")
    made = compiled(run.done(after))
    assert made.flow.steps[0].then == ()  # type: ignore[union-attr]
    assert any("nothing on the screen shows" in one.what for one in made.problems)


def test_the_models_label_is_not_trusted_over_what_is_read(tmp_path: Path) -> None:
    run = Run(tmp_path)
    sent = orders(note="Order is on its way")
    run.click(SEND, START, sent, "Save")
    made = compiled(run.done(sent))
    assert plain(made.flow.steps[0])["click"] == {"text": "Send"}


def test_one_of_many_alike_is_named_by_its_row(tmp_path: Path) -> None:
    run = Run(tmp_path)
    opened = orders(note="Omar Haddad is opened")
    run.click(edit_of(1), START, opened, "Edit")
    made = compiled(run.done(opened))
    assert plain(made.flow.steps[0])["click"] == {"text": "Edit", "row": "Omar Haddad"}
    assert made.lock.targets["Edit · row Omar Haddad"].row == "Omar Haddad"
    assert not [one for one in made.problems if "isn't unique" in one.what]


def test_a_check_box_is_named_by_what_is_near_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    checked = orders(checked=frozenset({0}))
    run.click(check_of(0), START, checked, "the box")
    made = compiled(run.done(checked))
    step = plain(made.flow.steps[0])
    assert step["click"]["near"] == "Lena Fischer"  # type: ignore[index]
    assert step["then"] == ({"target": {**step["click"], "id": "lena-fischer-afterwards"}},)  # type: ignore[dict-item]


def test_another_ground_under_the_pointer_is_no_state(tmp_path: Path) -> None:
    """A check box under the pointer looks otherwise whether or not the click did anything."""
    run = Run(tmp_path)
    pixels = START.pixels.copy()
    box = check_of(0)
    row = pixels[box.top - 6 : box.bottom + 6, box.left - 20 : box.left + 330]
    row[(row == START.pixels[box.top - 4, box.left - 10]).all(axis=2)] = (90, 150, 235)
    hovered = Frame(pixels, START.monitor)
    run.click(check_of(0), START, hovered, "the box")
    made = compiled(run.done(hovered))
    assert plain(made.flow.steps[0])["then"] == ({"changed": True},)
    assert any("nothing on the last screen" in one.what for one in made.problems)


def test_two_targets_with_the_same_words_never_share_evidence(tmp_path: Path) -> None:
    run = Run(tmp_path)
    dialog = replace(WINDOW, title="Really?", rect=Rect(30, 280, 500, 90))
    asked, saved = orders(note="Really save the order?"), orders(note="Order is saved")
    run.act(START, Click(target=target(SAVE, START), label="Save"), asked)
    run.act(asked, Click(target=target(SAVE, START), label="Save"), saved, window=dialog)
    made = compiled(run.done(saved))
    first, second = (step.click.key for step in made.flow.steps[:2])  # type: ignore[union-attr]
    assert first != second
    assert made.lock.targets[first] != made.lock.targets[second]


@pytest.mark.parametrize("label", ["Password", "PIN", "API token", "密码"])
def test_a_password_that_was_typed_as_plain_text_stands_in_no_file(label: str, tmp_path: Path) -> None:
    canary = "wonderful-canary-58"
    run = Run(tmp_path / "runs")
    before, after = orders(labels=("Customer", label)), orders(labels=("Customer", label), covered=True)
    run.type(canary, before, after, NUMBER, label=label)
    made = compiled(run.done(after))
    write(made, tmp_path / "x.flow.yaml")
    assert made.flow.secrets
    assert made.flow.steps[0].type.text == f"{{{{secret:{made.flow.secrets[0]}}}}}"  # type: ignore[union-attr]
    assert any("password" in one.what for one in made.problems)
    for path in tmp_path.glob("x.*"):
        for file in [path] if path.is_file() else path.rglob("*"):
            assert not file.is_file() or canary.encode() not in file.read_bytes()


def test_a_secret_stays_a_secrets_name(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.type("{{secret:erp-pin}}", START, orders(covered=True), NUMBER, label="Order number", enter=True)
    made = compiled(run.done(orders(covered=True)))
    assert made.flow.secrets == ("erp-pin",)
    assert plain(made.flow.steps[0])["type"] == {
        "into": {"text": "Order number"},
        "text": "{{secret:erp-pin}}",
        "enter": True,
    }
    assert made.flow.variables == {}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ({"status": "failed", "verified": None}, "ended as “failed”"),
        ({"status": "budget", "verified": None}, "ended as “budget”"),
        ({"verified": False}, "didn't hold"),
    ],
)
def test_a_run_that_did_not_succeed_is_refused(
    result: dict[str, object], reason: str, tmp_path: Path
) -> None:
    run = Run(tmp_path)
    saved = orders(note="Order is saved")
    folder = run.click(SAVE, START, saved, "Save").done(saved, **result)
    with pytest.raises(FlowError, match=reason) as raised:
        compiled(folder)
    assert "\n" not in str(raised.value)
    if result.get("verified") is False:
        assert compiled(folder, allow_unverified=True).flow.steps


def test_a_run_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    folder = order(tmp_path)
    journal = folder / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(FlowError, match="was cut off"):
        compiled(folder)


def test_a_run_that_did_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="did nothing that a flow could do"):
        compiled(Run(tmp_path).done(START))


def test_without_a_reader_and_without_a_window_it_says_what_is_missing(tmp_path: Path) -> None:
    run = Run(tmp_path, window=None)
    saved = orders(note="Order is saved")
    folder = run.click(SAVE, START, saved, "Save").done(saved)
    made = compile_run(folder, reader=None)
    assert any("no reader" in one.what and "qvl-agent[ocr]" in one.what_to_add for one in made.problems)
    assert any("window isn't known" in one.what for one in made.problems)
    assert made.lock.reader == ""


def test_an_answer_is_read_where_it_stood(tmp_path: Path) -> None:
    run = Run(tmp_path, "what is the state of the order?")
    after = orders("Mia Lang", note="State: on its way")
    run.click(SAVE, START, after, "Save")
    made = compiled(run.done(after, Answer(text="on its way")))
    assert plain(made.flow.steps[-1]) == {"read": {"near": "State", "as": "answer"}}
    assert all("on its way" not in str(plain(step)) for step in made.flow.steps[:-1])


def test_an_answer_that_is_not_on_the_screen_is_a_problem(tmp_path: Path) -> None:
    run = Run(tmp_path)
    saved = orders(note="Order is saved")
    run.click(SAVE, START, saved, "Save")
    made = compiled(run.done(saved, Answer(text="forty-two")))
    assert any("answer doesn't stand" in one.what for one in made.problems)
