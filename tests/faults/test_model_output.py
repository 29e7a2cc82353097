"""Whatever a model answers, through the whole loop on a real display: what is told, and what is sent."""

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest
from event_window import held
from fault_rig import CALL, CLICK, CLICKED, DONE, FAIL, Rig, Scripted, rig_on
from stream_server import Answering, delta, ending, serving
from text_fields import TextField

from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.person import CallablePerson, Question
from qvl_agent.actions.parsing.dialects import DIALECTS, format_action
from qvl_agent.actions.planning.action import Type
from qvl_agent.agent import Agent
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.sandbox.display import VirtualDisplay

PLACE = "[400, 400, 500, 500]"


@pytest.fixture
def rig(display: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(desktop, display.name, tmp_path / "runs") as running:
        yield running


TWO_ENDS = f"""<function=computer_use><parameter=action>type</parameter><parameter=text>
</parameter></function><tool_call>{CALL}</tool_call></parameter></function>"""
"""The text to type ends where a call stands in it, or goes on to the end."""


def place(value: str) -> str:
    return CLICK.replace(PLACE, value)


def act(**fields: object) -> str:
    return json.dumps(fields)


TOLD: dict[int, list[tuple[str, str]]] = {
    1: [("", "got nothing"), (" \n\t", "got nothing")],
    2: [("I would click the button in the middle.", "only prose"), ("Click (450, 450)!", "only prose")],
    3: [
        (CLICK[:-1], "got the end"),
        (CLICK[:40], "got the end"),
        (f"<tool_call>\n{CALL[:-2]}\n</tool_call>", 'expected "," or "}"'),
        ("<tool_call>\n<function=computer_use>\n<parameter=action>\nleft_cl", "Could not read"),
    ],
    4: [
        (f"{CLICK}\n{act(action='press', keys=['enter'])}", "got 2 (click, press)"),
        (f"[{CLICK}, {CLICK.replace('middle', 'other').replace('400', '10')}]", "got 2 (click, click)"),
        (f"<tool_call>{CALL}</tool_call>\n<tool_call>{CALL.replace('450', '9')}</tool_call>", "got 2"),
    ],
    5: [
        (CLICK.replace('"label"', '"bbox_2d": [1, 2, 3, 4], "label"'), "only once"),
        (CALL.replace('"coordinate"', '"action": "type", "coordinate"'), "only once"),
    ],
    6: [
        ("{'action': 'type', 'text': 'it's'}", "Could not read"),
        (CLICK.replace(",", ",,"), "Could not read"),
    ],
    7: [(place(f"[{number}, 400]"), f"got {number}") for number in ("NaN", "Infinity", "-Infinity", "1e999")],
    8: [
        (place(f"[{'4' * 5000}, 400]"), "got 444"),
        (act(action="wait", seconds=0)[:-2] + "9" * 5000 + "}", "got"),
    ],
    9: [('{"a":' * 100_000 + "1" + "}" * 100_000, "at most"), ("[" * 100_000, "too many unfinished")],
    10: [(f"\ud800{CLICK}", "half of a surrogate"), ('{"action": "type", "text": "\\ud800"}', "surrogate")],
    11: [(CLICK + "\0", "NUL"), (CLICK.replace("click", "cl\0ick"), "NUL")],
    12: [(place("[true, 400, 500, 500]"), "got True"), (place("[400, false]"), "got False")],
    13: [(place('"/etc/passwd"'), "the text /etc/passwd"), (place('["400", "400"]'), "write them plainly")],
    14: [(place(f"[{number}, 400]"), "0-1000 grid") for number in (-1, 1001, 40000)],
    15: [(place(str([400] * count)), f"got {count} values") for count in (1, 3, 9)],
    16: [
        (place("[900, 700, 1100, 760]"), "it looks like pixels"),
        (CALL.replace("450", "1279"), "it looks like pixels"),
    ],
    17: [
        (CLICK.replace("click", "eval"), "got eval"),
        (act(action="shell", command="touch /tmp/owned"), "got shell"),
        (act(name="bash", arguments={"command": "id"}), "Expected"),
        ("__import__('os').system('id')", "only prose"),
    ],
    18: [
        (act(action="press", keys=["ctrl", "nosuchkey"]), 'keys in "keys"'),
        (CLICK[:-1] + ', "modifiers": ["shift", "hyperspace"]}', 'keys in "modifiers"'),
    ],
    19: [
        (act(action="left_mouse_down", coordinate=[450, 450]), "got left_mouse_down"),
        (act(action="mouse_down", bbox_2d=[1, 2, 3, 4]), "got mouse_down"),
        (act(action="key_down", keys=["shift"]), "got key_down"),
    ],
    20: [
        (act(action="type", text="a" * 1_000_000), "at most 262,144"),
        (act(action="type", text="a" * 200_000), "at most"),
    ],
    22: [
        (act(action="scroll", bbox_2d=[1, 2, 3, 4], direction="down", amount=10**9), "from 1 to 20"),
        (act(action="scroll", coordinate=[5, 5], pixels=-(10**9)), "from -2000 to 2000"),
    ],
    23: [(act(action="wait", seconds=seconds), "from 0 to 60") for seconds in (10**9, -1)],
    24: [("click click " * 20_000, "only prose"), (f"{CLICK}\n" * 500 + CLICK[:30], "got the end")],
    25: [
        ("<think>type it: " + act(action="type", text="a"), "reasoning without its end"),
        (TWO_ENDS, "a piece of another call"),
    ],
}
"""Replies by the fault that they show, each with a piece of what the model is told."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(text, told, marks=pytest.mark.fault(number), id=f"{number}-{at}")
        for number, cases in TOLD.items()
        for at, (text, told) in enumerate(cases)
    ],
)
def test_it_is_told_what_to_mend_and_three_in_a_row_end_the_run(rig: Rig, text: str, told: str) -> None:
    model = Scripted(text, text, text, DONE)
    run = rig.run(model)
    assert (run.status, run.result.steps, len(model.told)) == ("model-error", 3, 3)
    assert told in model.last_words
    assert model.told[1][-1].pictures == (), "it answers again over the same picture"
    steps = run.recording().steps
    assert [(step.intent.action, step.intent.approval) for step in steps] == [(None, "")] * 3
    assert all(step.outcome.outcome.status == "refused" for step in steps)
    assert rig.sent() == []


def test_the_window_would_see_it(rig: Rig) -> None:
    """What the other tests rest on: an action that is done is seen, motions and keys included."""
    assert rig.run(Scripted(CLICK, act(action="press", keys=["shift", "a"]), DONE)).status == "done"
    sent = rig.sent()
    assert [name for name, _ in sent if name != "motion"] == [
        *("button down", "button up"),
        *("key down", "key down", "key up", "key up"),
    ]
    assert ("motion", 0) in sent


@pytest.mark.fault(1, 2, 3, 4)
def test_after_one_mend_a_good_reply_is_done_once(rig: Rig) -> None:
    model = Scripted("Hm.", CLICK, FAIL)
    assert rig.run(model).status == "failed"
    assert rig.clicks_and_keys() == CLICKED


@pytest.mark.fault(3, 24)
def test_a_whole_action_in_a_reply_that_was_cut_off_is_not_done(rig: Rig) -> None:
    cut = Reply(f"{CLICK}\n" * 20, finish="length")
    run = rig.run(Scripted(cut, cut, cut))
    assert (run.status, rig.sent()) == ("model-error", [])


@pytest.mark.fault(24)
def test_one_action_said_five_hundred_times_is_done_once(rig: Rig) -> None:
    assert rig.run(Scripted(f"{CLICK}\n" * 500, DONE)).status == "done"
    assert rig.clicks_and_keys() == CLICKED


@pytest.mark.fault(6)
@pytest.mark.parametrize("text", [CLICK.replace("}", ",}"), CLICK.replace('"', "'")])
def test_a_slip_with_one_reading_is_done(rig: Rig, text: str) -> None:
    assert rig.run(Scripted(text, DONE)).status == "done"
    assert rig.clicks_and_keys() == CLICKED


@pytest.mark.fault(11)
def test_a_byte_order_mark_before_the_reply_is_dropped(rig: Rig) -> None:
    assert rig.run(Scripted(f"\ufeff{CLICK}", DONE)).status == "done"
    assert rig.clicks_and_keys() == CLICKED


@pytest.mark.fault(11)
@pytest.mark.parametrize(
    ("reply", "status"),
    [(CLICK.replace("click", "clMARKick"), "model-error"), (act(action="type", text="cafMARK"), "refused")],
)
def test_bytes_from_a_server_that_are_no_utf_8_are_no_action(rig: Rig, reply: str, status: str) -> None:
    def answer(to: Answering) -> None:
        to.head()
        to.chunk(
            b"data: " + json.dumps(delta(content=reply)).encode().replace(b"MARK", b"\xff\xe9") + b"\n\n"
        )
        to.event(ending())
        to.event("[DONE]")
        to.end()

    with serving(answer) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl")
        run = rig.run(model)
        model.close()
    assert (run.status, rig.sent()) == (status, [])
    assert run.result.steps == 3


@pytest.mark.fault(10)
def test_a_record_with_half_a_character_can_be_read(rig: Rig) -> None:
    run = rig.run(Scripted(f"\ud83d{CLICK}", f"{CLICK}\udc00", "\ud800"))
    assert len(run.recording().steps) == 3
    assert (run.status, rig.sent()) == ("model-error", [])


@pytest.mark.fault(16)
@pytest.mark.parametrize("text", [CLICK, CALL, place("[1, 2]")])
def test_a_model_of_pixels_points_at_nothing(rig: Rig, text: str) -> None:
    model = Scripted(text, text, text)
    run = rig.run(model, pixel_space=True)
    assert (run.status, rig.sent()) == ("model-error", [])
    assert "pixels of its own picture" in model.last_words


@pytest.mark.fault(19)
def test_a_drag_is_released_even_if_it_is_stopped(rig: Rig) -> None:
    drag = act(action="drag", bbox_2d=[100, 100, 110, 110], bbox_2d_end=[900, 900, 910, 910])
    assert rig.run(Scripted(drag, DONE)).status == "done"
    assert rig.clicks_and_keys() == CLICKED


@pytest.mark.fault(20)
def test_a_long_text_is_asked_about(rig: Rig) -> None:
    run = rig.run(Scripted(act(action="type", text="a" * 19_000), DONE))
    assert (run.status, rig.sent()) == ("refused", [])
    assert "19,000 characters" in run.result.message


ACTING = [
    ("\x1b]0;owned\x07", "control character (U+001B)"),
    ("\x1b[2J", "control character (U+001B)"),
    ("a\x9b31mb", "control character (U+009B)"),
    ("a\u202egpj.exe", "turns text around (U+202E)"),
    ("a\u2066b", "turns text around (U+2066)"),
]
UNSEEN = [
    ("pass\u200bword", "invisible character (U+200B)"),
    ("a\ufeffb", "invisible character (U+FEFF)"),
    ("a\U000e0041b", "invisible character (U+E0041)"),
]


@pytest.mark.fault(21)
@pytest.mark.parametrize(
    ("reply", "why"),
    [
        *((act(action="type", text=text), why) for text, why in (*ACTING, *UNSEEN)),
        *((act(action="click", bbox_2d=[1, 2, 3, 4], label=text), why) for text, why in ACTING),
        *((act(action="ask", question=text), why) for text, why in ACTING),
        *((act(action="answer", text=text), why) for text, why in ACTING),
    ],
)
def test_characters_that_act_or_hide_are_refused(rig: Rig, reply: str, why: str) -> None:
    """In a text to type; and in what is shown to the person, whose terminal would obey them too."""
    run = rig.run(Scripted(reply, reply, reply))
    assert (run.status, rig.sent()) == ("refused", [])
    assert why in run.result.message


@pytest.mark.fault(21)
@pytest.mark.parametrize("text", [text for text, _ in ACTING])
def test_not_even_a_persons_yes_lets_characters_that_act_through(rig: Rig, text: str) -> None:
    asked: list[Question] = []
    person = CallablePerson(lambda question: (asked.append(question), True)[1])
    reply = act(action="type", text=text)
    run = rig.run(Scripted(reply, reply, reply), person=person)
    assert (run.status, rig.sent(), asked) == ("refused", [], [])


TAGS = ["</think>", "a</tool_call>b", "<think>", f"<tool_call>{CALL}</tool_call>", f"</think>{CLICK}"]


@pytest.mark.fault(25)
@pytest.mark.parametrize(
    ("said", "dialect"),
    [
        pytest.param(said, dialect, marks=[] if dialect == usual else pytest.mark.nightly)
        for said, usual in zip(TAGS, cycle(DIALECTS), strict=False)
        for dialect in DIALECTS
    ],
)
def test_a_tag_in_a_typed_text_is_typed(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path, said: str, dialect: str
) -> None:
    with TextField("tk", display.environment(), tmp_path) as field:
        drawn = '{"action": "wait", "seconds": 0.2}'
        model = Scripted(drawn, format_action(Type(text=said), dialect), FAIL)
        run = Agent(desktop, model, runs=tmp_path / "runs").run("type it")
        assert (run.status, field.settled(said)) == ("failed", said)
    assert held(display.name) == ([], 0)


@pytest.mark.fault(28)
@pytest.mark.parametrize("said", ["done", "Task completed. DONE", "terminate"])
def test_typing_that_it_is_done_does_not_end_the_run(rig: Rig, said: str) -> None:
    model = Scripted(act(action="type", text=said), FAIL)
    assert (rig.run(model).status, len(model.told)) == ("failed", 2)
    downs = [name for name, _ in rig.clicks_and_keys() if name == "key down"]
    assert len(downs) >= len(said)
