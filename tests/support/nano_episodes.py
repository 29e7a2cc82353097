"""Runs made by hand for the tests of nano's training: plain pictures, but the words of the loop."""

import io

import numpy as np
from PIL import Image, ImageDraw

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects import format_action
from qvl_agent.actions.planning.action import Action, Click, Done, Drag, Zoom
from qvl_agent.agent.models.chat import chatml
from qvl_agent.agent.models.pictures import resized
from qvl_agent.agent.run.history import History
from qvl_agent.sandbox.nano import DIALECT, PICTURE_TOKENS
from qvl_agent.sandbox.nano.making.samples import Episode, Item, Question, Shot

WORDS = ("Pin", "Mute", "删除", "Send")
COLOURS = ((200, 60, 60), (60, 160, 60), (70, 90, 220), (200, 180, 40))


def run(seed: int) -> tuple[Episode, tuple[Message, ...]]:
    """A run of three steps, the second about a close-up: as it is stored, and as the loop holds it."""
    frame, items = screen(seed)
    close_up = frame.crop(FrameBox(300, 200, 700, 500))
    history = History('press "Pin"', DIALECT)
    history.show(frame)
    said(history, click(items[0]))
    history.show(close_up, "click: done.")
    said(history, Zoom(target=ModelBox.of(100, 200, 300, 1000), label="x"))
    history.show(frame, "nothing changed")
    said(history, Done(summary="It is pinned."))
    shots = (
        Shot(png(frame), items, tuple(Question(f'click "{one.label}"', reply(click(one))) for one in items)),
        Shot(png(close_up), (), ()),
        Shot(
            png(frame), items, (Question("slide", reply(slide())), Question("end", reply(Done(summary="!"))))
        ),
    )
    text = chatml(history.messages).removesuffix("<|im_start|>assistant\n")
    return Episode("chat", "pin", seed, text, shots, finished=True), history.messages


def screen(seed: int) -> tuple[Frame, tuple[Item, ...]]:
    """A screen of 1280x800 with four labelled buttons, each of its own colour, in some order."""
    chance = np.random.default_rng(seed)
    image = Image.new("RGB", (1280, 800), (30, 30, 30))
    draw, items = ImageDraw.Draw(image), list[Item]()
    for row, which in enumerate(chance.permutation(len(WORDS))):
        left, top = int(chance.integers(50, 900)), 60 + 180 * row
        draw.rectangle((left, top, left + 239, top + 79), fill=COLOURS[which])
        box = (left / 1280, top / 800, (left + 240) / 1280, (top + 80) / 800)
        items.append(
            Item(f"b{which}", "button", WORDS[which], box, {"checked": bool(which % 2), "value": row})
        )
    return Frame(np.array(image), Rect(0, 0, 1280, 800)), tuple(items)


def click(item: Item) -> Click:
    box = [round(1000 * side) for side in item.box]
    return Click(target=ModelBox.of(*box), label=item.label, intent=f"Click {item.label}.")


def slide() -> Drag:
    return Drag(target=ModelBox.of(10, 20, 30, 40), end=ModelBox.at(500, 30), label="x", intent="Slide.")


def reply(action: Action) -> str:
    return format_action(action, DIALECT)


def said(history: History, action: Action) -> None:
    history.heard(Reply(text=reply(action)))


def png(frame: Frame) -> bytes:
    out = io.BytesIO()
    resized(frame, PICTURE_TOKENS).save(out, "PNG")
    return out.getvalue()
