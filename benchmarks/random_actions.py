"""Random actions of every kind, and what is made to happen to them."""

import random
from typing import Final

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.planning.action import Action, Button, Click, Drag, Move, Press, Scroll, Type, Wait

CASES: Final = {
    "allowed": 52,
    "denied": 8,
    "asked, yes": 8,
    "asked, no": 6,
    "screen changed": 6,
    "approval expired": 5,
    "approval spent before": 3,
    "approval spent twice": 4,
    "monitors changed": 4,
    "stopped": 4,
}
"""What is made to happen, by weight."""


class Dice:
    """Random actions."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def case(self) -> str:
        return self._random.choices(list(CASES), list(CASES.values()))[0]

    def stop_after(self) -> int:
        """After how many of the questions whether to stop the answer is yes."""
        return self._random.randint(2, 12)

    def action(self, case: str) -> Action:
        if case == "denied":
            return self._denied()
        if case.startswith("asked"):
            return self._asked()
        kinds = (self._click, self._move, self._drag, self._scroll, self._type, self._press, self._wait)
        weights = [28, 12, 6, 14, 18, 18, 4]
        if case == "stopped":
            kinds, weights = (self._drag, self._scroll, self._type, self._press), [3, 2, 4, 2]
        elif case != "allowed":  # what sends nothing has no approval
            weights[-1] = 0
        return self._random.choices(kinds, weights)[0]()

    def _place(self, low: int = 260, high: int = 980) -> ModelBox:
        x, y = self._random.uniform(low, high), self._random.uniform(low, high)
        return ModelBox.of(x, y, min(x + 20, 1000), min(y + 15, 1000))

    def _modifiers(self) -> tuple[str, ...]:
        if self._random.random() < 0.7:
            return ()
        return tuple(key for key in ("ctrl", "shift", "alt", "meta") if self._random.random() < 0.4)

    def _button(self) -> Button:
        return self._random.choice(("left", "left", "right", "middle"))

    def _click(self) -> Action:
        count = self._random.choices((1, 2, 3), (90, 7, 3))[0]
        return Click(target=self._place(), button=self._button(), count=count, modifiers=self._modifiers())

    def _move(self) -> Action:
        return Move(target=self._place())

    def _drag(self) -> Action:
        start = self._place(300, 900)
        x = min(1000.0, start.x1 + self._random.uniform(-40, 160))
        y = min(1000.0, start.y1 + self._random.uniform(-40, 160))
        end = ModelBox.at(x, y)
        return Drag(target=start, end=end, button=self._button(), modifiers=self._modifiers())

    def _scroll(self) -> Action:
        dx, dy = self._random.choice(((0, 1), (1, 0), (1, 1)))
        turns = (dx * self._random.randint(-5, 5), dy * self._random.randint(-5, 5))
        return Scroll(target=self._place(), dx=turns[0], dy=turns[1], modifiers=self._modifiers())

    def _type(self) -> Action:
        text = "".join(
            chr(self._random.randint(*self._random.choice(((32, 126), (32, 126), (32, 126), (0xC0, 0x17F)))))
            for _ in range(self._random.randint(1, 14))
        )
        if self._random.random() < 0.1:
            text += self._random.choice(("\n", "\t")) + "x"
        if self._random.random() < 0.15:
            text += self._random.choice("中文字я€😀")
        target = self._place() if self._random.random() < 0.4 else None
        return Type(
            text=text, target=target, clear=self._random.random() < 0.2, enter=self._random.random() < 0.2
        )

    def _press(self) -> Action:
        key = self._random.choice(
            ["a", "c", "t", "5", "/", "+", "?", "enter", "tab", "home", "left", "f5", "pagedown", "backspace"]
        )
        held = self._random.choice(((), (), ("ctrl",), ("shift",), ("ctrl", "shift"), ("alt",)))
        return Press(keys=(*held, key), count=self._random.choices((1, 2, 5), (85, 10, 5))[0])

    def _wait(self) -> Action:
        return Wait(seconds=self._random.uniform(0, 0.5))

    def _denied(self) -> Action:
        corner = ModelBox.at(self._random.uniform(5, 200), self._random.uniform(5, 200))
        return self._random.choice(
            (
                Press(keys=("ctrl", "alt", "delete")),
                Press(keys=("meta", "l")),
                Click(target=corner),
                Drag(target=self._place(), end=corner),
                Type(text="clear\x1b[2J"),
                Click(target=self._place(), modifiers=("shift", "ctrl")),  # not in their order
                Scroll(target=corner, dy=3),
            )
        )

    def _asked(self) -> Action:
        return self._random.choice(
            (
                Press(keys=("shift", "delete")),
                Press(keys=("alt", "f4")),
                Press(keys=("ctrl", "w")),
                Click(target=self._place(), label="Pay now"),
                Click(target=self._place(), label="Transfer money", intent="pay the bill"),
                Drag(target=self._place(300, 700), end=self._place(700, 760), label="Delete account"),
            )
        )
