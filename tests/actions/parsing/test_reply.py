"""From a reply to one action: real replies, bad ones, and thousands of damaged ones.

`data/replies.jsonl` holds replies that models really gave, each with where it was published and
what it should come to in words; `data/replies_expected.jsonl` says the same for a machine, line by
line: the action and the boxes, or a piece of the error's message.
"""

import json
import random
import re
from typing import Any

import pytest
from project import DATA

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects import DIALECTS, as_points, format_action
from qvl_agent.actions.parsing.reply import Box, parse_action, parse_boxes
from qvl_agent.actions.parsing.scan import MAX_REPLY
from qvl_agent.actions.planning.action import (
    Action,
    Answer,
    Ask,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)

Fields = dict[str, Any]

REPLIES = [json.loads(line) for line in (DATA / "replies.jsonl").read_text("utf-8").splitlines()]
EXPECTED = [json.loads(line) for line in (DATA / "replies_expected.jsonl").read_text("utf-8").splitlines()]
LINES = pytest.mark.parametrize(
    ("reply", "expected"), list(zip(REPLIES, EXPECTED, strict=True)), ids=range(1, 71)
)

CLICK = '{"action": "click", "bbox_2d": [412, 318, 468, 351], "label": "Save"}'
SAVE = Click(target=ModelBox.of(412, 318, 468, 351), label="Save")
CALL = '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [66, 856]}}'
AT = Click(target=ModelBox.at(66, 856))
LOCATE = '"locate": {"prompt": "Save", "bbox": [412, 318, 468, 351]}'
XML = (
    "<tool_call>\n<function=computer_use>\n<parameter=action>\nleft_click\n</parameter>\n"
    "<parameter=coordinate>\n[66, 856]\n</parameter>\n</function>\n</tool_call>"
)


def plain(action: Action) -> Fields:
    """An action as the data has it."""
    fields = {"kind": action.kind} | action.model_dump(mode="json", exclude_defaults=True)
    return fields | ({"target": list(fields["target"].values())} if "target" in fields else {})


def typed(text: str) -> Type:
    return Type(text=text)


# Real replies.


@LINES
def test_a_real_reply_comes_to_its_action_or_says_what_to_mend(reply: Fields, expected: Fields) -> None:
    pixels = expected.get("pixel_space", False)
    if "action" in expected:
        assert plain(parse_action(reply["text"], pixel_space=pixels)) == expected["action"]
    else:
        with pytest.raises(ParseError, match=re.escape(expected["action_error"])):
            parse_action(reply["text"], pixel_space=pixels)


@LINES
def test_a_real_reply_comes_to_its_boxes(reply: Fields, expected: Fields) -> None:
    pixels = expected.get("pixel_space", False)
    if "boxes" in expected:
        boxes = tuple(Box(ModelBox.of(*box[:4]), box[4]) for box in expected["boxes"])
        assert parse_boxes(reply["text"], pixel_space=pixels) == boxes
    else:
        with pytest.raises(ParseError, match=re.escape(expected["boxes_error"])):
            parse_boxes(reply["text"], pixel_space=pixels)


SAID = re.compile(r"bbox (\[[\d, ]+\])|(?:point|coordinate) \((\d+),(\d+)\)")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (said, expected)
        for reply, expected in zip(REPLIES, EXPECTED, strict=True)
        if (said := SAID.search(reply["expect"])) and not expected.get("pixel_space")
    ],
)
def test_the_numbers_are_those_that_the_source_expects(said: re.Match[str], expected: Fields) -> None:
    numbers = json.loads(said[1]) if said[1] else [int(said[2]), int(said[3])] * 2
    got = expected["action"]["target"] if "action" in expected else expected["boxes"][0][:4]
    assert got == numbers


@pytest.mark.parametrize("reply", [r for r, e in zip(REPLIES, EXPECTED, strict=True) if e.get("pixel_space")])
def test_a_reply_in_pixels_clicks_nowhere_even_if_nobody_said_so(reply: Fields) -> None:
    with pytest.raises(ParseError):
        parse_action(reply["text"])


def test_every_line_says_what_to_expect() -> None:
    assert [line["line"] for line in EXPECTED] == list(range(1, len(REPLIES) + 1))
    assert all(("action" in line) != ("action_error" in line) for line in EXPECTED)


# Finding the call.


@pytest.mark.parametrize(
    "text",
    [
        CLICK,
        f"```json\n{CLICK}\n```",
        f"```json\n{CLICK}",
        f"{CLICK}\n```",
        f"json\n{CLICK}\n",
        f"\ufeff{CLICK}",
        f"[{CLICK}]",
        f"[\n\t{CLICK},\n]",
        f"{{{CLICK}",
        f"{{\n{CLICK}}}",
        f"{CLICK}}}",
        f"{CLICK}]}}<|im_end|>",
        f"[{CLICK}\n</tool_call>",
        f"<tool_call>\n{CLICK}\n<tool_call>",
        f"<tool_call><tool_call>{CLICK}</tool_call></tool_call>",
        f"{CLICK}\n</tool_call>",
        f"<tool_call>{CLICK}",
        f"Press [Save] {{or so}}: {CLICK} That's it (see 12, 30).",
        f"{CLICK}\n{CLICK}",
        f"[{CLICK}, {CLICK}]",
        json.dumps(CLICK),
        CLICK.replace('"', "'"),
        CLICK.replace(":", "："),
        CLICK.replace(', "label"', '， "label"'),
        CLICK.replace("}", ",}"),
        CLICK.replace("{", "["),
        CLICK.replace('"action"', '" action "').replace('"click"', '" Click"'),
        CLICK.replace("}", ', "confidence": 0.9, "thought": "the {button}"}'),
        CLICK.replace("}", ', "text": null, "keys": [], "enter": false}'),
        CLICK.replace("[412, 318, 468, 351]", "[468, 351, 412, 318]"),
        CLICK.replace("412", "412.0"),
        CLICK.replace("bbox_2d", "bbox"),
        CLICK.replace('"click"', '"left_click"'),
    ],
)
def test_one_action_is_found_whatever_is_around_it(text: str) -> None:
    assert parse_action(text) == SAVE


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{CALL}\n</tool_call>",
        f"<tool_call>{CALL}</tool_call>",
        CALL,
        f"Thought: It is there.\n<tool_call>\n{CALL}\n</tool_call>",
        XML,
        XML.replace("\n", ""),
        XML.removeprefix("<tool_call>\n"),
        XML.replace("</parameter>\n</function>", "</function>"),
        XML.replace("</function>\n", ""),
        '{"name": "computer_use", "action": "left_click", "coordinate": [66, 856]}',
        '{"name": "left_click", "arguments": {"coordinate": [66, 856]}}',
        json.dumps({"name": "computer_use", "arguments": json.dumps(json.loads(CALL)["arguments"])}),
        '{"action": "left_click", "coordinate": [66, 856]}',
        '{"action": "click", "point_2d": [66, 856]}',
    ],
)
def test_the_native_call_is_found_in_each_of_its_spellings(text: str) -> None:
    assert parse_action(text) == AT


def test_the_action_line_before_a_call_is_its_intent() -> None:
    assert (
        parse_action(f"Thought: hm\nAction: Open the menu.\n<tool_call>\n{CALL}").intent == "Open the menu."
    )


def test_an_action_repeated_with_another_reason_is_still_one() -> None:
    first, second = (CLICK.replace("{", f'{{"intent": "{reason}", ') for reason in ("a", "b"))
    assert parse_action(f"{first}\n{second}").intent == "a"


# Reasoning, and tags inside texts.

THINK = "</think>"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>Click {CALL} or not?</think>\n{CLICK}",
        f'Perhaps {CALL}, a 15" screen, {{"a": [</think>\n\n{CLICK}',
        f"I saw {THINK} twice {THINK}{CLICK}",
        f'<think>{{"action": "type", "text": "{THINK}"}}</think>{CLICK}',
        f"<think>it's {{'a': 'b{THINK}{CLICK}",
        f'<think>{{"label": "Save{THINK}{CLICK}',
        f"<think>{XML}\n<function=nothing>{THINK}{CLICK}",
        f"<think>{XML[:80]}{THINK}{CLICK}",
        f"<thought>{CALL}</thought>\n<log>Save</log>{CLICK}",
        f"<thinking>{CALL}</thinking>{CLICK}",
        f"{CALL}{THINK}{CLICK}",
    ],
)
def test_nothing_in_the_reasoning_is_the_action(text: str) -> None:
    assert parse_action(text) == SAVE


@pytest.mark.parametrize(
    "text",
    [
        f"<think>I will {CLICK}",
        f"<think>I will</think> <think>{CLICK}",
        f"{CLICK}<think>or not",
        f"<thought>{CLICK}",
        f'<think>{{"action": "type", "text": "{THINK}"}}',
    ],
)
def test_reasoning_without_an_end_is_no_action(text: str) -> None:
    with pytest.raises(ParseError, match="reasoning without its end"):
        parse_action(text)


@pytest.mark.parametrize("text", [f"<think>{CLICK}</think>", f"{CLICK}{THINK}", f"{CLICK}{THINK}\nDone."])
def test_reasoning_alone_is_no_action(text: str) -> None:
    with pytest.raises(ParseError, match=r"got (nothing|only prose)"):
        parse_action(text)


TRICKY = [
    "</think>",
    "<think>",
    "a </think> b <tool_call>{} </tool_call>",
    f"<think>no</think>{CALL}",
    CLICK,
    f"```json\n{CLICK}\n```",
    "<function=computer_use><parameter=action>left_click</parameter></function>",
    "the task is done",
    "quotes \" and \\ and ' and ： and {[",
    "\x1b[31m \u202e \u200b \x00 \x7f \r\n\t",
    "Ünïcode 中文 <tag> €😀",
    "",
]


@pytest.mark.parametrize("said", TRICKY)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("before", ["", "<think>type it</think>\n", "type it</think>\n"])
def test_a_typed_text_is_only_text(said: str, dialect: str, before: str) -> None:
    assert parse_action(before + format_action(typed(said), dialect)) == typed(said)


@pytest.mark.parametrize("said", ["</think>", "<think>", CLICK, "  two\nlines \n", 'a "b" \\'])
@pytest.mark.parametrize("lines", ["\n", ""])
def test_a_typed_text_in_xml_is_taken_word_for_word(said: str, lines: str) -> None:
    text = (
        "<function=computer_use><parameter=action>type</parameter>"
        f"<parameter=text>{lines}{said}{lines}</parameter></function>"
    )
    assert parse_action(text) == typed(said if lines else said.removeprefix("\n").removesuffix("\n"))


@pytest.mark.parametrize(
    "said",
    ["</parameter>", "a <parameter=text> b", "a</function>b", "</tool_call>", "</parameter></function>x"],
)
def test_a_typed_text_in_xml_that_ends_in_two_places_is_refused(said: str) -> None:
    text = (
        "<function=computer_use><parameter=action>type</parameter>"
        f"<parameter=text>{said} and more</parameter></function>"
    )
    with pytest.raises(ParseError):
        parse_action(text)


# What is refused, and what the model is told.


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got nothing"),
        ("  \n", "got nothing"),
        ("I would click the Save button at (440, 330).", "only prose"),
        ('{"action": "click", "bbox_2d": [412, 318', 'expected "," or "]", got the end'),
        (CLICK[:-1], 'expected "," or "}"'),
        (f"<tool_call>{CALL[:-1]}", 'expected "," or "}"'),
        (f"<tool_call>\n{CALL[:-1]}\n</tool_call>", "got <"),
        (f"[{CLICK}", 'expected "," or "]", got the end'),
        (f"{CLICK}, {{", "got the end"),
        (f"{CLICK}\n{CALL}", "got 2 (click, click)"),
        (f'[{CLICK}, {{"action": "press", "keys": ["enter"]}}]', "got 2 (click, press)"),
        (f"{CLICK}\n{CLICK.replace('Save', 'Delete')}", "got 2"),
        (f"{CLICK}\n{CLICK[:30]}", "got the end"),
        (f'{CLICK}\n"action": "press", "keys": ["enter"]', "a piece of another call"),
        (f'{CLICK[:-1]}}}, "enter": true}}', "a piece of another call"),
        (f'{CLICK[:-1]}}}, "hold": true}}', "a piece of another call"),
        (f'uments": {CLICK}}}', "a piece of another call"),
        (f"{CLICK}\nclick(start_box='(100,200)')", "a piece of another call"),
        (CLICK.replace('"label"', '"bbox_2d": [1, 2, 3, 4], "label"'), "only once"),
        (CLICK.replace('"label"', '"action": "click", "label"'), "only once"),
        (CLICK.replace("412", "NaN"), "got NaN"),
        (CLICK.replace("412", "Infinity"), "got Infinity"),
        (CLICK.replace("412", "1e999"), "got 1e999"),
        (CLICK.replace("412", "4" * 5000), "got 444"),
        (CLICK.replace("412", "true"), "got True"),
        (CLICK.replace("412", '"412"'), "got 412; write them plainly"),
        (CLICK.replace("412", "[412]"), "Expected numbers"),
        (CLICK.replace("[412, 318, 468, 351]", '"/etc/passwd"'), "got the text /etc/passwd"),
        (CLICK.replace("[412, 318, 468, 351]", '{"x": 412, "y": 318}'), "as [x1, y1, x2, y2]"),
        (CLICK.replace("412", "-1"), "-1 is not on the 0-1000 grid"),
        (CLICK.replace("412", "1001"), "1001 is over 1000: it looks like pixels"),
        (CLICK.replace("412", "40000"), "it looks like pixels"),
        (CLICK.replace("[412, 318, 468, 351]", "[0.21, 0.5]"), "got fractions"),
        (CLICK.replace("[412, 318, 468, 351]", "[412]"), "got 1 values"),
        (CLICK.replace("[412, 318, 468, 351]", "[412, 318, 468]"), "got 3 values"),
        (CLICK.replace("[412, 318, 468, 351]", str([5] * 8)), "got 8 values"),
        (CLICK.replace("[412, 318, 468, 351]", str([5] * 9)), "got 9 values"),
        (CLICK.replace("[412, 318, 468, 351]", "[]"), "got 0 values"),
        (CLICK.replace("bbox_2d", "bbox_3d"), "there is no default"),
        ('{"action": "click", "label": "Save"}', "there is no default"),
        ('{"action": "click", "bbox_2d": null, "label": "Save"}', "there is no default"),
        (CLICK.replace("}", ', "coordinate": [5, 5]}'), "give only one of them"),
        (CLICK.replace("click", "eval"), "got eval; choose one of click, move"),
        (CLICK.replace("click", "shell"), "got shell"),
        (CLICK.replace('"click"', "7"), "got 7"),
        (CLICK.replace('"click"', "null"), "got none"),
        (CLICK.replace("click", "cl\u200bick"), "got cl?ick"),
        (CLICK.replace("}", ', "approved": true}'), 'no "approved"'),
        (CLICK.replace("}", ', "hold": 1}'), 'no "hold"'),
        (CLICK.replace("}", ', "thought": {"action": "press"}}'), 'no "thought"'),
        (CLICK.replace("}", ', "count": 4}'), "from 1 to 3"),
        (CLICK.replace("}", ', "count": 1.5}'), "a whole number"),
        (CLICK.replace("}", ', "count": true}'), "got True"),
        (CLICK.replace("}", ', "button": "back"}'), "one of left, right, middle"),
        (CLICK.replace("}", ', "modifiers": ["a"]}'), 'keys in "modifiers"'),
        (CLICK.replace('"Save"', "5"), '"label" as text'),
        (f'{{"thought": "x", "do": {CLICK}}}', "inside another"),
        (
            '{"name": "computer_use", "arguments": {"coordinate": [5, 5]}}',
            "got none; choose one of key, type",
        ),
        ('{"name": "computer_use", "arguments": "left_click"}', "an object of"),
        ('{"name": "computer_use"}', "an object of"),
        ('{"name": "bash", "arguments": {"action": "type", "text": "ls"}}', "Expected the tool computer_use"),
        (CALL[:-1] + ', "coordinate": [5, 5]}', "nothing else beside the call"),
        (XML.replace("computer_use", "bash"), "Expected the tool computer_use"),
        (XML[:-25], "got something else"),
        ('{"action": "press", "keys": ["ctrl", "nosuchkey"]}', 'Expected keys in "keys"'),
        ('{"action": "press", "keys": []}', 'Expected keys in "keys"'),
        ('{"action": "press", "keys": [5]}', "key names"),
        ('{"action": "press"}', '"keys"'),
        ('{"action": "type"}', '"text"'),
        ('{"action": "type", "text": 5}', "got 5; put it in double quotes"),
        ('{"action": "type", "text": "say "hi" now", "enter": true}', 'write quotes in a text as \\"'),
        (CALL.replace(', "arguments": {', ' "arguments"{"label": "x", "img_idx": 0}: {'), '"," or "}"'),
        ('{"action": "type", "text": "a", "enter": "yes"}', "true or false"),
        ('{"action": "type", "text": "\\ud800"}', "half of a surrogate pair"),
        ('{"action": "type", "text": "C:\\Users"}', "a backslash is"),
        (json.dumps({"action": "type", "text": "a" * 20_001}), "at most 20000 characters"),
        (json.dumps({"action": "type", "text": "a" * 1_000_000}), "at most 262,144 characters"),
        (CLICK.replace("click", "scroll"), '"amount"'),
        (
            CLICK.replace("}", ', "direction": "down", "amount": 1000000000}').replace("click", "scroll"),
            "from 1 to 20",
        ),
        (
            CLICK.replace("}", ', "direction": "in", "amount": 3}').replace("click", "scroll"),
            "one of up, down",
        ),
        ('{"action": "scroll", "coordinate": [5, 5], "pixels": 0}', "above or below 0"),
        ('{"action": "scroll", "coordinate": [5, 5], "pixels": -1000000000}', "from -2000 to 2000"),
        ('{"action": "scroll", "coordinate": [5, 5], "pixels": 5, "direction": "up"}', 'no "direction"'),
        ('{"action": "wait", "seconds": 1000000000}', "from 0 to 60.0"),
        ('{"action": "wait", "seconds": -1}', "from 0 to 60.0"),
        (
            '{"action": "left_click_drag", "coordinate": [5, 5]}',
            "the start as coordinate and the end as coordinate2",
        ),
        ('{"action": "left_click_drag", "coordinate2": [5, 5]}', "there is no default"),
        ('{"action": "left_mouse_down", "coordinate": [5, 5]}', "got left_mouse_down"),
        (CLICK.replace("click", "drag"), "bbox_2d_end"),
        ('{"action": "terminate", "status": "done"}', "one of success, failure"),
        ('{"action": "terminate"}', '"status"'),
        ('{"action": "ask"}', '"question"'),
        ('{"action": "answer"}', '"text"'),
        ("The user approved this: go ahead.", "only prose"),
        ("done", "only prose"),
        ("[" * 100_000, "too many unfinished"),
        ('{"a":' * 20_000, "too many unfinished"),
        ("\ud800" + CLICK, "half of a surrogate pair"),
        (CLICK + "\0", "NUL"),
        ("a" * (MAX_REPLY + 1), "at most 262,144 characters"),
        ((CLICK + "\n") * 1000 + CLICK[:20], "got the end"),
    ],
)
def test_a_bad_reply_is_refused_with_what_to_mend(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=re.escape(message)) as caught:
        parse_action(text)
    said = str(caught.value)
    assert "\n" not in said
    assert said.endswith(".")
    assert len(said) < 420


def test_endless_repetition_of_one_action_is_one_action() -> None:
    assert parse_action((CLICK + "\n") * 1000) == SAVE


@pytest.mark.parametrize(
    ("call", "after"),
    [
        (CLICK, ""),
        (f"<tool_call>\n{CALL}", "\n</tool_call>"),
        (f"```json\n[{CLICK}]", "\n```"),
        (XML.removesuffix("\n</tool_call>"), "\n</tool_call>"),
        (f"<think>{CALL}</think>{CLICK}", ""),
        (f"<action-type>Tap</action-type><action-param-json>{{{LOCATE}}}</action-param-json>", "\n"),
        (f'{{"action": {{"type": "Tap", "param": {{{LOCATE}}}}}}}', ""),
    ],
)
def test_a_reply_cut_off_within_its_call_is_never_completed(call: str, after: str) -> None:
    for end in range(len(call)):
        with pytest.raises(ParseError):
            parse_action(call[:end])
    for end in range(len(after) + 1):
        assert isinstance(parse_action(call + after[:end]), Click)


@pytest.mark.parametrize("text", [CLICK, CALL, XML, f"<think>no</think>{CLICK}"])
def test_a_model_that_points_in_pixels_is_refused_for_any_coordinate(text: str) -> None:
    with pytest.raises(ParseError, match="answers in pixels"):
        parse_action(text, pixel_space=True)


def test_a_model_that_points_in_pixels_may_do_what_needs_no_coordinate() -> None:
    assert parse_action('{"action": "press", "keys": "ctrl+s"}', pixel_space=True) == Press(
        keys=("ctrl", "s")
    )


# Boxes.


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ('[{"point_2d": [5, 6], "label": "x"}]', [(5, 6, 5, 6, "x")]),
        ('{"bbox_2d": [1, 2, 3, 4], "text_content": "Hi"}', [(1, 2, 3, 4, "Hi")]),
        ("<think>[9, 9]</think>[[1, 2, 3, 4], [5, 6]]", [(1, 2, 3, 4, ""), (5, 6, 5, 6, "")]),
        ("[]", []),
        ("```json\n[]\n```", []),
    ],
)
def test_boxes_are_read(text: str, boxes: list[tuple[int, int, int, int, str]]) -> None:
    assert parse_boxes(text) == tuple(Box(ModelBox.of(*box[:4]), box[4]) for box in boxes)


@pytest.mark.parametrize(
    "text", ["", "at (4, 5)", "[1]", "[1, 2, 3]", '["a", "b"]', '{"bbox_2d": "x"}', CLICK, XML]
)
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_boxes(text)


# Damaged replies.

BOX, POINT = ModelBox.of(412, 318, 468, 351), ModelBox.at(440, 330)
ACTIONS = [
    SAVE,
    Click(target=BOX, button="right", modifiers=("ctrl", "shift")),
    Move(target=BOX),
    Drag(target=BOX, end=POINT),
    Scroll(target=BOX, dy=5),
    Type(text='say "hi" </think> 中文\n', target=BOX, clear=True, enter=True),
    Press(keys=("ctrl", "s")),
    Wait(seconds=2.5),
    Zoom(target=BOX),
    Ask(question="Which?"),
    Answer(text="42"),
    Done(summary="Saved."),
    Fail(reason="None."),
]
SEEDS = [
    *(reply["text"] for reply in REPLIES),
    *(format_action(action, "grounded") for action in ACTIONS),
    *(format_action(as_points(action), "computer_use") for action in ACTIONS),
    XML,
]
PIECES = [
    *"{}[]\":,'\\<>`-.0 9\n：，\0\ud800\x1b😀",
    '"}',
    "[[",
    "</think>",
    "<think>",
    "<tool_call>",
    "</tool_call>",
]
PIECES += [
    "NaN",
    "1e999",
    "9" * 400,
    "true",
    "null",
    '"action": "click", ',
    "<function=",
    "<parameter=",
    "</parameter>",
]
PIECES += [
    "<action-type>",
    "<action-param-json>",
    '"bbox_2d": [1, 2, 3, 4], ',
    "```json",
    "\\u",
    "\\ud83d",
    "/*",
    "\ufeff",
]


def damaged(rng: random.Random) -> str:
    """A reply with a few of its characters or pieces changed, moved, doubled or lost."""
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 4)):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        match rng.randint(0, 6):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1:
                text = text[:at] + rng.choice(PIECES) + text[at:]
            case 2:
                text = text[:at] + rng.choice(PIECES) + text[at + 1 :]
            case 3:
                text = text[:at]
            case 4:
                text = text[:at] + text[at:to] * 2 + text[to:]
            case 5:
                text = text[to:] + text[:at]
            case _:
                text = text[:at] + rng.choice(SEEDS) + text[at:]
    return text


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_reply_is_read_or_refused_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    read = 0
    said = set()
    for _ in range(1_000):
        text = damaged(rng)
        for parse in (parse_action, parse_boxes):
            try:
                parse(text)
                read += 1
            except ParseError as error:
                said.add(str(error))
    assert all(message.isprintable() for message in said)
    assert 50 < read < 1_500  # the damage leaves some replies whole, and breaks others


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_REPLY,
        '{"' * (MAX_REPLY // 2),
        '{"a":[' * (MAX_REPLY // 6),
        '["' * (MAX_REPLY // 2),
        "[1," * (MAX_REPLY // 3),
        '{"a":1,[' * (MAX_REPLY // 8),
        '{"a":"b"c' * (MAX_REPLY // 9),
        '{"a":"' + '"' * (MAX_REPLY - 9),
        "{'a':'" + "\\" * (MAX_REPLY - 9),
        "<function=a><parameter=b>" * (MAX_REPLY // 25),
        "<function=" * (MAX_REPLY // 10),
        "<action-type>a</action-type><action-param-json>{" * (MAX_REPLY // 48),
        "<think>" * (MAX_REPLY // 7),
        "</think>" * (MAX_REPLY // 8),
        "a" * MAX_REPLY,
        " " * MAX_REPLY,
        "[ " + " " * (MAX_REPLY - 2),
        "Action:" * (MAX_REPLY // 7),
        "\n" * (MAX_REPLY - len(CALL) - 8) + "Action: " + CALL[:-1],
        "[" + "1," * (MAX_REPLY // 2 - 1),
        '"' + "\\u0041" * (MAX_REPLY // 6 - 1),
    ],
    ids=range(21),
)
def test_a_reply_built_to_take_long_is_refused(text: str) -> None:
    assert len(text) <= MAX_REPLY
    with pytest.raises(ParseError):
        parse_action(text)
