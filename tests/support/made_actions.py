"""Actions of every kind, made by hypothesis."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.planning import keys
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

BOX = ModelBox.of(412, 318, 468, 351)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(
    [
        "</think>",
        "<tool_call>{}</tool_call>",
        '{"action": "done"}',
        'a "b", "c": {[',
        "Action: x\n",
        "中文 😀 €",
        "a\0\x1b",
    ]
)


grid = st.integers(0, 1000) | st.floats(1, 1000)


boxes = st.builds(ModelBox.of, grid, grid, grid, grid)


buttons = st.sampled_from(["left", "right", "middle"])


held = st.lists(st.sampled_from(sorted(keys.MODIFIERS)), unique=True, max_size=3).map(keys.modifiers)


chords = st.tuples(held, st.sampled_from(sorted(keys.KEYS - keys.MODIFIERS))).map(
    lambda pair: keys.chord([*pair[0], pair[1]])
)


notches = st.integers(1, 20) | st.integers(-20, -1)


words: Mapping[str, Any] = {"label": texts, "intent": texts}


actions: st.SearchStrategy[Action] = st.one_of(
    st.builds(Click, target=boxes, button=buttons, count=st.integers(1, 3), modifiers=held, **words),
    st.builds(Move, target=boxes, **words),
    st.builds(Drag, target=boxes, end=boxes, button=buttons, modifiers=held, **words),
    st.builds(Scroll, target=boxes, dy=notches, modifiers=held, **words),
    st.builds(Scroll, target=boxes, dx=notches, modifiers=held, **words),
    st.builds(Type, text=texts, target=st.none() | boxes, clear=st.booleans(), enter=st.booleans(), **words),
    st.builds(Press, keys=chords, count=st.integers(1, 20), **words),
    st.builds(Wait, seconds=st.floats(0, 60), **words),
    st.builds(Zoom, target=boxes, **words),
    st.builds(Ask, question=texts, **words),
    st.builds(Answer, text=texts, **words),
    st.builds(Done, summary=texts, **words),
    st.builds(Fail, reason=texts, **words),
)


def sayable(action: Action) -> bool:
    """Whether computer_use has words for it."""
    match action:
        case Click():
            return action.count == 1 or action.button == "left"
        case Drag():
            return action.button == "left"
        case Press():
            return action.count == 1
        case _:
            return True
