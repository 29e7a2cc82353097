"""Read a reply's text as one action, or raise a `ParseError` that tells the model what to correct.

The call is looked for in every known format, but accepted only if it is exactly valid. Nothing is
guessed: two different actions, a broken piece beside a good one, or a box without an action are
refused. Whether a text may be typed (control characters, commands) is for the guard to judge.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.parsing.dialects import computer_use, grounded, midscene, mobile_use
from qvl_agent.actions.parsing.dialects.arguments import POINTED, Arguments, Call, box_of
from qvl_agent.actions.parsing.dialects.grounded import Reader
from qvl_agent.actions.parsing.dialects.tool_call import calls_in, spelt_out
from qvl_agent.actions.parsing.scan import Found, find
from qvl_agent.actions.parsing.strict_json import Value, shown
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.placeholders import MARK

__all__ = ["Box", "parse_action", "parse_boxes", "read_reply"]

_REMEDY: Final = "answer with exactly one action, in the format described"
_REMEDY_BOXES: Final = "answer with a JSON list of objects with bbox_2d and label"

_DESKTOP: Final[Mapping[str, Reader]] = {**grounded.READERS, **computer_use.READERS}
_TOOLS: Final[Mapping[str, tuple[Mapping[str, Reader], Mapping[str, Reader]]]] = {
    "": (_DESKTOP, grounded.READERS),
    "computer_use": (_DESKTOP, computer_use.READERS),
    "mobile_use": (mobile_use.READERS, computer_use.READERS),
    midscene.TOOL: (midscene.READERS, grounded.READERS),
}
"""For each tool: the readers of its actions, and those whose names a model is told after an unknown one."""

_FRAGMENT: Final = re.compile(
    r"""["'](?:action|arguments|bbox(?:_[23]d)?(?:_end)?|coordinate2?|point_2d|label|text|keys|button|count"""
    r"""|modifiers|direction|amount|pixels|clear|enter|status|summary|reason|question|seconds|param|locate)"""
    r"""["']\s*+[:：]|</?(?:parameter|function)\b|\b\w{1,40}+\(\w{1,40}+\s?=\s?['"(\[<\d]"""
)
"""A piece of a call in prose: a key, a parameter, or a function call like click(start_box='…')."""
_NEXT_KEY: Final = re.compile(r"""\s*+[,，]\s*+["']\w{1,40}""")
_KEY_BEFORE: Final = re.compile(r"""\w{0,40}["']\s{0,9}[:：]\s{0,9}\Z""")
"""A key right before a call: the call was that key's value, in an object whose beginning is missing."""
_LABELS: Final = ("label", "name_en", "name_zh", "text_content", "prompt")


@dataclass(frozen=True, slots=True)
class Box:
    """A place that the model points at, with its label; a point is a box of no size."""

    box: ModelBox
    label: str = ""


def read_reply(reply: Reply, *, pixel_space: bool = False) -> Action:
    """Read the one action in a model's reply; a reply that was cut off is never completed.

    Raises:
        ParseError: as in `parse_action`; or the reply was cut off, held thoughts alone, or held a secret that
            was taken out.
    """
    if MARK in reply.text:
        raise ParseError(
            "The reply held a secret's own value, which was taken out; name the secret by its placeholder."
        )
    if reply.finish == "length":
        raise ParseError("The reply was cut off before it ended; answer with the action alone.")
    if reply.only_thoughts:
        raise ParseError(f"Expected one action, got only thoughts ({shown(reply.reasoning)}); {_REMEDY}.")
    return parse_action(reply.text, pixel_space=pixel_space)


def parse_action(text: str, *, pixel_space: bool = False) -> Action:
    """Read the one action in a reply.

    Args:
        text: the reply, with or without its reasoning.
        pixel_space: the model points in pixels of its own picture (Qwen2.5-VL), so any
            coordinate is refused.

    Raises:
        ParseError: there is no action, more than one, or one that isn't valid.
    """
    found = find(text)
    if found.flaw:
        raise ParseError(f"Could not read the reply: {found.flaw}; {_REMEDY}.")
    calls = [*map(spelt_out, found.calls), *(call for value in found.values for call in calls_in(value))]
    fragment = _fragment(found.prose)
    if fragment or not calls:
        raise ParseError(f"Expected one action, got {_description(found, fragment)}; {_REMEDY}.")
    intent = computer_use.intent_in(found.prose[0])
    actions = [_action(call, intent, pixel_space=pixel_space) for call in calls]
    if any(not _same(action, actions[0]) for action in actions[1:]):
        kinds = ", ".join(action.kind for action in actions[:4])
        raise ParseError(f"Expected one action, got {len(actions)} ({kinds}); answer with only the first.")
    return actions[0]


def _fragment(prose: tuple[str, ...]) -> str:
    """Return the first piece of a call in the prose before, between and after the calls; "" if none."""
    matches = [
        *(_FRAGMENT.search(words) for words in prose),
        *(_NEXT_KEY.match(words) for words in prose[1:]),
        *(_KEY_BEFORE.search(words) for words in prose[:-1]),
    ]
    return next((match[0].strip() for match in matches if match), "")


def _same(action: Action, other: Action) -> bool:
    """Return whether two actions differ at most in their intent; models repeat themselves."""
    return action.model_copy(update={"intent": ""}) == other.model_copy(update={"intent": ""})


def _description(found: Found, fragment: str) -> str:
    """Describe, for the error message, what the reply holds instead of one action."""
    if fragment:
        return f"a piece of another call ({shown(fragment)})"
    if any(True for value in found.values for _ in _places(value)):
        return 'a place without an "action"'
    keys = [key for value in found.values if isinstance(value, dict) for key in value]
    if keys:
        return f"an object with {shown(', '.join(keys))}"
    if found.values:
        return "a list"
    return "only prose" if "".join(found.prose).strip() else "nothing"


def _action(call: Call, intent: str, *, pixel_space: bool) -> Action:
    """Check a call's arguments, and build the action from them."""
    readers, named = _TOOLS[call.tool]
    name = call.arguments.get("action")
    known = name.strip().lower() if isinstance(name, str) else ""
    reader = readers.get(known)
    if reader is None:
        got = "none" if name is None else shown(name)
        raise ParseError(f"Expected an action, got {got}; choose one of {', '.join(named)}.")
    given = {key: value for key, value in call.arguments.items() if key != "action"}
    args = Arguments(known, given, intent=intent, pixel_space=pixel_space)
    try:
        action = reader(args)
    except ValidationError as error:
        wrong = first_error(error)
        raise ParseError(f"Expected a valid {wrong.where} for {known}: {wrong.message}; {_REMEDY}.") from None
    args.finish()
    return action


def parse_boxes(text: str, *, pixel_space: bool = False) -> tuple[Box, ...]:
    """Read an answer that only points: boxes or points, each with or without a label.

    An empty list is a valid answer: nothing was found.

    Raises:
        ParseError: the answer holds no places, an invalid place, or an action.
    """
    found = find(text)
    if found.flaw:
        raise ParseError(f"Could not read the reply: {found.flaw}; {_REMEDY_BOXES}.")
    if found.calls or any(True for value in found.values for _ in calls_in(value)):
        raise ParseError(f"Expected places, got an action; {_REMEDY_BOXES}.")
    places = [place for value in found.values for place in _places(value)]
    if not places and [] not in found.values:
        raise ParseError(f"Expected places, got none; {_REMEDY_BOXES}.")
    return tuple(Box(box_of(name, value, pixel_space=pixel_space), label) for name, value, label in places)


def _places(value: Value) -> Iterator[tuple[str, Value, str]]:
    """Find the places in a JSON value, unchecked: (the key's name, its value, the label) each."""
    if isinstance(value, list):
        if value and not any(isinstance(item, (list, dict)) for item in value):
            yield "bbox_2d", value, ""
        for item in value:
            yield from _places(item)
    elif isinstance(value, dict):
        label = next((str(said) for key in _LABELS if isinstance(said := value.get(key), str)), "")
        for name in (*POINTED, "bbox_3d", "result"):
            if name in value and (name != "result" or isinstance(value[name], list)):
                yield name, value[name], label
        yield from _places(value["locate"] if isinstance(value.get("locate"), dict) else [])
