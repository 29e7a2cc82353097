"""What a real engine does with a tiny checkpoint: one question, and a few steps in the sandbox's chat client.

Its weights are random, so no answer means anything; what is looked at is what the engine counts, keeps
and obeys.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.agent import Agent, Run, open_desktop
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.openai.server import OpenAIModel

PICTURE_TOKENS = 160
"""A screen of 1280x800 becomes 480x320: enough to see what an engine does, and quick on a CPU."""
REPLY_TOKENS = 320
"""The click has 25; a model with random weights puts all the white space between them that it may."""
STEPS = 3
MIDDLE = [{"type": "integer", "minimum": low, "maximum": low + 99} for low in (300, 300, 600, 600)]
CLICK = {
    "type": "object",
    "properties": {
        "action": {"const": "click"},
        "bbox_2d": {"type": "array", "prefixItems": MIDDLE, "minItems": 4, "maxItems": 4},
    },
    "required": ["action", "bbox_2d"],
    "additionalProperties": False,
}
"""A click near the screen's middle: what a model with random weights may say without harm."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What an engine says about one picture.

    Attributes:
        picture_tokens: how many tokens the prompt grew by, the two markers not among them.
        expected: how many it should be.
    """

    picture_tokens: int
    expected: int


def connect(base_url: str, model: str) -> OpenAIModel:
    """One that must answer with a click."""
    return OpenAIModel(
        base_url,
        model,
        max_picture_tokens=PICTURE_TOKENS,
        max_new_tokens=REPLY_TOKENS,
        response_schema=CLICK,
    )


def connect_free(base_url: str, model: str) -> OpenAIModel:
    """One that may say a word, whatever it is."""
    return OpenAIModel(base_url, model, max_picture_tokens=PICTURE_TOKENS, max_new_tokens=1)


def picture(width: int, height: int) -> Frame:
    """A picture that is nowhere like its mirror image: its colours grow to the right and downwards."""
    down, right = np.mgrid[0:height, 0:width]
    colours = np.stack([right * 255 // width, down * 255 // height, (right // 40 + down // 40) % 2 * 255], -1)
    return Frame(colours.astype(np.uint8), Rect(0, 0, width, height))


def count(model: OpenAIModel, width: int, height: int) -> Counted:
    """Ask with a picture and without it."""
    question = "Where is the button?"
    seen = reply(model, [Message("user", (picture(width, height), question))])
    unseen = reply(model, [Message("user", (question,))])
    if seen.prompt_tokens is None or unseen.prompt_tokens is None:
        raise ValueError("the engine doesn't say how many tokens the prompt has")
    return Counted(seen.prompt_tokens - unseen.prompt_tokens - 2, model.picture_tokens((width, height)))


def reply(model: Model, messages: Sequence[Message]) -> Reply:
    return model.reply(messages, stop=lambda: False)


def sent(model: OpenAIModel, messages: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages as they go out, which depends on the server."""
    model.about()
    return [model._turn(message, PICTURE_TOKENS) for message in messages]


def drive(model: OpenAIModel, runs: Path) -> Run:
    """Let it act in the sandbox's chat client until `STEPS` actions are done."""
    with open_desktop("sandbox:chat") as desktop:
        agent = Agent(
            desktop,
            model,
            policy=Policy(max_steps=STEPS),
            look_closer="never",
            constrain="never",  # the model has a schema of its own, with nothing in it but clicks
            runs=runs,
        )
        return agent.run("Click anywhere near the middle.")


def talkative(base_url: str, model: str, seed: int) -> Model:
    """One that may say any action, and chooses at random; no text in it is long."""
    free = OpenAIModel(base_url, model, max_new_tokens=600, temperature=1.0, extra={"seed": seed})
    return free.with_format(reply_format("grounded", max_text=20))


def replies(run: Run) -> list[Reply]:
    return [step.intent.reply for step in run.recording().steps]


def obeyed(answer: Reply) -> bool:
    """Whether an answer is what `CLICK` asks for."""
    try:
        value: Any = json.loads(answer.text)
    except ValueError:
        return False
    if not isinstance(value, dict) or set(value) != {"action", "bbox_2d"} or value["action"] != "click":
        return False
    box = value["bbox_2d"]
    return (
        isinstance(box, list)
        and len(box) == len(MIDDLE)
        and all(isinstance(side, int) for side in box)
        and all(
            limits["minimum"] <= side <= limits["maximum"] for side, limits in zip(box, MIDDLE, strict=True)
        )
    )
