"""Each reply format: what it writes is read back as the same action, and what it reads means the same."""

import json

import pytest
from hypothesis import given, settings
from made_actions import BOX, actions, sayable

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects import DIALECTS, as_points, format_action
from qvl_agent.actions.parsing.reply import parse_action
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

AT = ModelBox.at(66, 856)

# What is written is read back.


@settings(max_examples=1500)
@given(actions)
def test_grounded_reads_back_every_action(action: Action) -> None:
    assert parse_action(format_action(action, "grounded")) == action


@settings(max_examples=1500)
@given(actions.map(as_points))
def test_computer_use_reads_back_every_action_it_can_say_and_refuses_the_others(action: Action) -> None:
    if sayable(action):
        assert parse_action(format_action(action, "computer_use")) == action
    else:
        with pytest.raises(ValueError, match="computer_use"):
            format_action(action, "computer_use")


@settings(max_examples=300)
@given(actions)
def test_as_points_stays_within_the_box(action: Action) -> None:
    pointed = as_points(action)
    for name in ("target", "end"):
        box, point = getattr(action, name, None), getattr(pointed, name, None)
        if isinstance(box, ModelBox) and isinstance(point, ModelBox) and not isinstance(action, Zoom):
            assert (point.x1, point.y1) == (point.x2, point.y2)
            assert box.x1 <= point.x1 <= box.x2
            assert box.y1 <= point.y1 <= box.y2


def test_a_box_is_no_point_to_computer_use() -> None:
    with pytest.raises(ValueError, match="as_points"):
        format_action(Click(target=BOX), "computer_use")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("scroll", [Scroll(target=AT), Scroll(target=AT, dx=1, dy=1)])
def test_a_scroll_on_no_axis_or_on_both_is_refused(scroll: Scroll, dialect: str) -> None:
    with pytest.raises(ValueError, match="along one axis"):
        format_action(scroll, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_place_that_reads_like_fractions_is_refused(dialect: str) -> None:
    with pytest.raises(ValueError, match="read as fractions"):
        format_action(Click(target=ModelBox.at(0.5, 0.25)), dialect)


def test_an_unknown_dialect_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="No dialect 'klingon'; choose grounded or computer_use"):
        format_action(Wait(), "klingon")


def test_the_formats_look_as_the_models_write_them() -> None:
    click = Click(target=BOX, label="Save", intent="Keep the change")
    assert format_action(click, "grounded") == (
        '{"intent": "Keep the change", "action": "click", "bbox_2d": [412, 318, 468, 351], "label": "Save"}'
    )
    assert format_action(as_points(click), "computer_use") == (
        "Action: Keep the change\n<tool_call>\n"
        '{"name": "computer_use", "arguments": '
        '{"action": "left_click", "coordinate": [440, 334], "label": "Save"}}\n'
        "</tool_call>"
    )


# The native call.


def call(tool: str = "computer_use", /, **arguments: object) -> str:
    return json.dumps({"name": tool, "arguments": arguments}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ({"action": "left_click", "coordinate": [66, 856]}, Click(target=AT)),
        ({"action": "right_click", "coordinate": [66, 856]}, Click(target=AT, button="right")),
        ({"action": "middle_click", "coordinate": [66, 856]}, Click(target=AT, button="middle")),
        ({"action": "double_click", "coordinate": [66, 856]}, Click(target=AT, count=2)),
        ({"action": "triple_click", "coordinate": [66, 856]}, Click(target=AT, count=3)),
        (
            {"action": "left_click", "coordinate": [66, 856], "keys": ["Shift", "ctrl"]},
            Click(target=AT, modifiers=("ctrl", "shift")),
        ),
        ({"action": "left_click", "coordinate": [412, 318, 468, 351]}, Click(target=BOX)),
        ({"action": "left_click", "coordinate": [0, 0]}, Click(target=ModelBox.at(0, 0))),
        ({"action": "left_click", "coordinate": [1000, 999]}, Click(target=ModelBox.at(1000, 999))),
        ({"action": "mouse_move", "coordinate": [66, 856], "duration": 0.5}, Move(target=AT)),
        (
            {"action": "left_click_drag", "coordinate": [66, 856], "coordinate2": [0, 5]},
            Drag(target=AT, end=ModelBox.at(0, 5)),
        ),
        ({"action": "scroll", "coordinate": [66, 856], "pixels": -500}, Scroll(target=AT, dy=5)),
        ({"action": "scroll", "coordinate": [66, 856], "pixels": 500}, Scroll(target=AT, dy=-5)),
        ({"action": "scroll", "coordinate": [66, 856], "pixels": -5}, Scroll(target=AT, dy=5)),
        ({"action": "scroll", "coordinate": [66, 856], "pixels": 0.5}, Scroll(target=AT, dy=-1)),
        ({"action": "scroll", "coordinate": [66, 856], "pixels": -2000}, Scroll(target=AT, dy=20)),
        ({"action": "hscroll", "coordinate": [66, 856], "pixels": 300}, Scroll(target=AT, dx=3)),
        ({"action": "key", "keys": ["ctrl", "c"]}, Press(keys=("ctrl", "c"))),
        ({"action": "key", "keys": "Ctrl+Shift+T"}, Press(keys=("ctrl", "shift", "t"))),
        ({"action": "key", "keys": ["Return"]}, Press(keys=("enter",))),
        ({"action": "type", "text": "well done\n"}, Type(text="well done\n")),
        ({"action": "wait", "time": 2}, Wait(seconds=2)),
        ({"action": "zoom", "bbox_2d": [412, 318, 468, 351]}, Zoom(target=BOX)),
        ({"action": "interact", "text": "Which?"}, Ask(question="Which?")),
        ({"action": "answer", "text": "42"}, Answer(text="42")),
        ({"action": "terminate", "status": "success"}, Done()),
        ({"action": "terminate", "status": "failure", "text": "gone"}, Fail(reason="gone")),
    ],
)
def test_the_native_call_means_what_its_schema_says(arguments: dict[str, object], action: Action) -> None:
    assert parse_action(call(**arguments)) == action
    parameters = "".join(
        f"<parameter={name}>\n{value if isinstance(value, str) else json.dumps(value)}\n</parameter>\n"
        for name, value in arguments.items()
    )
    assert (
        parse_action(f"<tool_call>\n<function=computer_use>\n{parameters}</function>\n</tool_call>") == action
    )


def test_the_zoom_tool_of_the_cookbook_is_a_zoom() -> None:
    text = call("image_zoom_in_tool", label="sign", bbox_2d=[412, 318, 468, 351], img_idx=0)
    assert parse_action(text) == Zoom(target=BOX, label="sign")
    with pytest.raises(ParseError, match="newest picture"):
        parse_action(text.replace('"img_idx": 0', '"img_idx": 1'))


# The phone's call.


@pytest.mark.parametrize(
    ("arguments", "action"),
    [
        ({"action": "type", "text": "su7"}, Type(text="su7")),
        ({"action": "system_button", "button": "Enter"}, Press(keys=("enter",))),
        ({"action": "wait", "time": 3}, Wait(seconds=3)),
        ({"action": "answer", "text": "42"}, Answer(text="42")),
        ({"action": "terminate", "status": "success"}, Done()),
    ],
)
def test_a_phone_action_that_a_desktop_has_is_read(arguments: dict[str, object], action: Action) -> None:
    assert parse_action(call("mobile_use", **arguments)) == action


@pytest.mark.parametrize(
    "arguments",
    [
        {"action": "click", "coordinate": [66, 856]},
        {"action": "long_press", "coordinate": [66, 856], "time": 2},
        {"action": "swipe", "coordinate": [66, 856], "coordinate2": [66, 100]},
        {"action": "system_button", "button": "Back"},
        {"action": "system_button", "button": "Home"},
        {"action": "open", "text": "Settings"},
        {"action": "key", "text": "volume_up"},
        {"action": "left_click", "coordinate": [66, 856]},
    ],
)
def test_a_phone_action_that_a_desktop_lacks_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ParseError):
        parse_action(call("mobile_use", **arguments))


# Midscene's.


def located(kind: str, **param: object) -> str:
    param["locate"] = {"prompt": "Search", "bbox": [412, 318, 468, 351]}
    return json.dumps({"log": "why", "action": {"type": kind, "param": param}})


@pytest.mark.parametrize(
    ("text", "action"),
    [
        (located("Tap"), Click(target=BOX, label="Search", intent="why")),
        (located("RightClick"), Click(target=BOX, button="right", label="Search", intent="why")),
        (located("DoubleClick"), Click(target=BOX, count=2, label="Search", intent="why")),
        (located("Hover"), Move(target=BOX, label="Search", intent="why")),
        (located("Input", value="a"), Type(text="a", target=BOX, clear=True, label="Search", intent="why")),
        (
            located("Input", value="a", mode="typeOnly"),
            Type(text="a", target=BOX, label="Search", intent="why"),
        ),
        (located("ClearInput"), Type(text="", target=BOX, clear=True, label="Search", intent="why")),
        (
            located("Scroll", direction="down", distance=500, scrollType="singleAction"),
            Scroll(target=BOX, dy=5, label="Search", intent="why"),
        ),
        (
            '{"action": {"type": "KeyboardPress", "param": {"keyName": "Enter"}}}',
            Press(keys=("enter",)),
        ),
        ('{"action": {"type": "Sleep", "param": {"timeMs": 1500}}}', Wait(seconds=1.5)),
        (
            '<action-type>Sleep</action-type>\n<action-param-json>\n{"timeMs": 500}\n</action-param-json>',
            Wait(seconds=0.5),
        ),
    ],
)
def test_a_midscene_action_is_read(text: str, action: Action) -> None:
    assert parse_action(text) == action


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (located("Scroll", direction="down", distance=500, scrollType="untilBottom"), "scrollType"),
        (located("Scroll", direction="down", distance=1e9), "distance"),
        (located("KeyboardPress", keyName="Enter"), "bbox"),
        (located("Swipe"), "choose one of"),
        (located("Tap").replace('"bbox"', '"box"'), 'Expected "locate"'),
        (located("Tap").replace('"prompt": "Search", ', "").replace("468", "4680"), "looks like pixels"),
        (located("Tap").replace('{"log"', '{"bbox_2d": [1, 2, 3, 4], "log"'), "nothing else beside"),
        ('{"action": {"type": "Tap", "locate": {"bbox": [59, 96, 104, 120]}}}', "may be pixels"),
        ("<action-type>Tap</action-type>", "no default"),
        ("<action-type>Tap</action-type><action-param-json>[1]</action-param-json>", "one JSON object"),
        ('<action-type>Sleep</action-type><action-param-json>{"timeMs": 5}', "one JSON object"),
    ],
)
def test_a_midscene_action_with_two_readings_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_action(text)


@pytest.mark.parametrize(
    ("keys", "pressed"),
    [
        (["['ctrl", "a']"], ("ctrl", "a")),
        (["['ctrl'", " 'a']"], ("ctrl", "a")),
        (["[ctrl", " a]"], ("ctrl", "a")),
        (["keys=['ctrl'", "'a']"], ("ctrl", "a")),
        (["['enter']"], ("enter",)),
        ("['ctrl','a']", ("ctrl", "a")),
        ('["ctrl", "shift", "t"]', ("ctrl", "shift", "t")),
        ("[ctrl, a]", ("ctrl", "a")),
        ("keys=[ctrl+c]", ("ctrl", "c")),
        ("[ctrl, 'c']", ("ctrl", "c")),
        ("['ctrl', shift, 'q']", ("ctrl", "shift", "q")),
        ("['ctrl', ',']", ("ctrl", ",")),
        # a bracket or a quotation mark alone is a key
        (["ctrl", "["], ("ctrl", "[")),
        (["ctrl", "]"], ("ctrl", "]")),
        (["["], ("[",)),
        (["]"], ("]",)),
        (["ctrl", "'"], ("ctrl", "'")),
        ("[", ("[",)),
        ("]", ("]",)),
        ("'", ("'",)),
        ("ctrl+[", ("ctrl", "[")),
        ("ctrl+]", ("ctrl", "]")),
    ],
)
def test_a_list_of_keys_that_came_as_text_is_read_and_a_bracket_alone_is_a_key(
    keys: object, pressed: tuple[str, ...]
) -> None:
    for call in (
        {"action": "press", "keys": keys},
        {"name": "computer_use", "arguments": {"action": "key", "keys": keys}},
    ):
        action = parse_action(json.dumps(call))
        assert isinstance(action, Press)
        assert action.keys == pressed


@pytest.mark.parametrize(
    "keys",
    [
        *("[]", "['']", "[rm -rf]", "[[ctrl, a]]", ["ctrl", "[a]"], "[a, b]", ["[", "a"]),
        # what stands beside the quoted names counts too, and a list that was cut off isn't one
        *("['ctrl'] or ['a']", "['enter' is wrong, don't press]", "['meta' key and l]", "['ctrl' 'a']"),
        *("['ctrl', 'shift', 'de", "keys=['shift', 'delete', x", "keys=['enter'", "['ctrl', 'shift'"),
        *("['shift' or none]", "['ctrl',, 'a']", "['ctrl', 'a', or]", ["['ctrl' or", "a]"]),
    ],
)
def test_what_is_no_list_of_keys_is_refused_whole(keys: object) -> None:
    with pytest.raises(ParseError):
        parse_action(json.dumps({"action": "press", "keys": keys}))


@pytest.mark.parametrize(
    ("place", "box"),
    [
        ("[491, 91]", ModelBox.at(491, 91)),
        (" [5,6] ", ModelBox.at(5, 6)),
        ("[1, 2, 3, 4]", ModelBox.of(1, 2, 3, 4)),
        ("[1.5, 2.5]", ModelBox.at(1.5, 2.5)),
    ],
)
def test_coordinates_that_came_as_text_are_read(place: str, box: ModelBox) -> None:
    """A server that takes the XML call apart sends every argument as text, which no model can mend."""
    for call in (
        {"action": "click", "bbox_2d": place},
        {"name": "computer_use", "arguments": {"action": "left_click", "coordinate": place}},
    ):
        action = parse_action(json.dumps(call))
        assert isinstance(action, Click)
        assert action.target == box


@pytest.mark.parametrize(
    "place",
    [
        *(
            "491, 91",
            "[491 91]",
            "[491, 91",
            "[true, 1]",
            "[1, 2, 3]",
            "[1001, 2]",
            "[0.5, 0.5]",
            "[-1, 2]",
            "[1e400, 2]",
        ),
        *("[1, 2] [3, 4]", "['1', '2']", "../1", "[" * 50 + "1" + "]" * 50),
    ],
)
def test_other_texts_are_no_coordinates(place: str) -> None:
    with pytest.raises(ParseError):
        parse_action(json.dumps({"action": "click", "bbox_2d": place}))


def test_a_number_that_came_as_text_is_refused_as_that() -> None:
    call = {"action": "scroll", "bbox_2d": [1, 2, 3, 4], "direction": "down", "amount": "5"}
    with pytest.raises(ParseError, match="got the text 5; write the number without quotes"):
        parse_action(json.dumps(call))


@pytest.mark.parametrize(
    ("pixels", "notches"),
    [(-5, 5), (-3, 3), (1, -1), (5, -5), (-0.4, 1), (6, -1), (-100, 1), (-500, 5), (250, -2), (-2000, 20)],
)
def test_small_pixels_are_notches_as_osworlds_agent_means_them(pixels: float, notches: int) -> None:
    call = {"action": "scroll", "coordinate": [500, 500], "pixels": pixels}
    action = parse_action(json.dumps({"name": "computer_use", "arguments": call}))
    assert isinstance(action, Scroll)
    assert action.dy == notches


@pytest.mark.parametrize(("clear", "cleared"), [(True, True), (False, False), (1, True), (0, False)])
def test_one_and_nothing_are_true_and_false(clear: object, cleared: bool) -> None:
    action = parse_action(json.dumps({"action": "type", "text": "x", "clear": clear}))
    assert isinstance(action, Type)
    assert action.clear is cleared


@pytest.mark.parametrize("clear", [2, -1, 0.5, "yes", "1", [True], {}])
def test_nothing_else_is(clear: object) -> None:
    with pytest.raises(ParseError, match="true or false"):
        parse_action(json.dumps({"action": "type", "text": "x", "clear": clear}))
