"""A measurement of how a model points: it is asked for known targets on drawn screens, before any real click.

Each question is asked as in a run's first step: the same prompt, the same dialect, the same reading of
the reply. Nothing is sent to any desktop. A server is also asked once for a reply that fits a JSON schema,
to see whether it obeys.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from qvl_agent.actions.core.coordinates import ModelPoint, model_to_frame
from qvl_agent.actions.core.errors import CoordinateError, ParseError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Click
from qvl_agent.agent.doctor.pointing.fit import Pair
from qvl_agent.agent.doctor.pointing.screens import SIZES, Screen, Target, draw
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.openai.detect import About
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.agent.models.pictures import tokens
from qvl_agent.agent.run.history import History

__all__ = ["Measured", "PointingAnswer", "PointingQuestion", "Watching", "measure", "questions"]

SchemaCheck = Literal["obeyed", "ignored", "refused", "unfinished"]
"""How a server took a JSON schema."""
_EACH: Final = (4, 4, 4)
"""How many targets are asked for on each screen."""
_EACH_QUICK: Final = (3, 2)
_NUMBER: Final = r"\s*(-?\d+(?:\.\d+)?)\s*"
_PLACE: Final = re.compile(
    rf'"(?:bbox_2d|bbox|coordinate|point_2d|point)"\s*:\s*\[{_NUMBER},{_NUMBER}(?:,{_NUMBER},{_NUMBER})?\]'
)
_WORD: Final = "by the schema"
PROBE: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "point_2d": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 1000},
            "minItems": 2,
            "maxItems": 2,
        },
        "chosen": {"type": "string", "enum": [_WORD]},
    },
    "required": ["point_2d", "chosen"],
    "additionalProperties": False,
}
"""A schema with a key and a word that aren't in the prompt: only a reply that is kept to it has them."""


@dataclass(frozen=True, slots=True)
class PointingQuestion:
    """One target to ask for, and the screen that it is on."""

    screen: Screen
    target: Target

    def messages(self, dialect: str) -> tuple[Message, ...]:
        """Return the messages that a run would send in its first step."""
        history = History(self.target.task, dialect)
        history.show(self.screen.frame)
        return history.messages

    @property
    def true(self) -> tuple[float, float]:
        """Return the target's centre on the model's grid."""
        box, (width, height) = self.target.box, self.screen.frame.size
        return (box.left + box.right) / 2 / width * 1000, (box.top + box.bottom) / 2 / height * 1000


@dataclass(frozen=True, slots=True)
class PointingAnswer:
    """The model's answer to a question.

    Attributes:
        point: where a run would have clicked; None if it would not have clicked at all.
        error: why it would not have clicked; "" if it would.
        said: the numbers of the reply, even of one that a run can't read; None if it holds none. They only
            serve to find a fault: nothing is ever clicked by them.
        again: whether the question before was about the same screen, so that a prefix cache has all but the
            task.
        sent_tokens: image tokens of the picture as it was sent.
    """

    question: PointingQuestion
    reply: Reply
    point: ModelPoint | None
    error: str
    said: tuple[float, float] | None
    again: bool
    sent_tokens: int

    @property
    def hit(self) -> bool:
        """Return whether a click there would have done what was asked."""
        if self.point is None:
            return False
        pixel = model_to_frame(self.point, self.question.screen.frame.view)
        box = self.question.target.hit
        return box.left <= pixel.x < box.right and box.top <= pixel.y < box.bottom

    @property
    def pair(self) -> Pair | None:
        """Return the answered and the true place; None if the reply holds no numbers."""
        if self.said is None:
            return None
        return Pair(self.question.true, self.said, self.question.screen.frame.size)


@dataclass(frozen=True, slots=True)
class Measured:
    """All answers, and what else was measured.

    Attributes:
        about: the server's name, version and context; None for a checkpoint in this process.
        words_tokens: tokens of the same prompt without a picture; None if the model doesn't count them.
        schema: whether a schema for the reply was obeyed; None if that wasn't tried.
        memory_bytes: the memory that the model took at the end; None if it isn't on this machine.
        loaded_s: seconds until it had answered for the first time; None if it ran already.
    """

    answers: tuple[PointingAnswer, ...]
    about: About | None = None
    words_tokens: int | None = None
    schema: SchemaCheck | None = None
    memory_bytes: int | None = None
    loaded_s: float | None = None


Watching = Callable[[str, int, int], None]
"""A function that is told of each question before it is asked: its text, how many were asked, of how many."""


def questions(*, quick: bool = False, seed: int = 1) -> tuple[PointingQuestion, ...]:
    """Draw the screens and choose the targets: twelve on three screens, or five on two if `quick`."""
    each = _EACH_QUICK if quick else _EACH
    screens = [
        (draw(size, seed + at), many) for at, (size, many) in enumerate(zip(SIZES, each, strict=False))
    ]
    return tuple(
        PointingQuestion(screen, target) for screen, many in screens for target in screen.targets[:many]
    )


def measure(
    model: Model,
    asked: Sequence[PointingQuestion],
    *,
    dialect: str,
    max_picture_tokens: int,
    opened_at: float | None = None,
    watch: Watching = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Measured:
    """Ask a model all questions, and a server also whether it obeys a schema.

    Args:
        model: the model that is to point.
        asked: the questions; those about one screen one after the other.
        dialect: the format in which the model is asked to answer.
        max_picture_tokens: the budget that the model was opened with.
        opened_at: when it began to be opened, by the monotonic clock.
        watch: told of each question before it is asked.
        stop: asked often while the model works.

    Raises:
        ModelError: the model can't be reached, or failed.
        Stopped: `stop` returned True.
    """
    server = model if isinstance(model, OpenAIModel) else None
    total = len(asked) + 1 + (server is not None)
    watch("Words alone.", 0, total)
    words = _without_picture(asked[0].messages(dialect))
    words_tokens = model.reply(words, stop=stop).prompt_tokens
    loaded_s = None if opened_at is None else time.monotonic() - opened_at
    answers = []
    for at, question in enumerate(asked):
        watch(question.target.task, at + 1, total)
        reply = model.reply(question.messages(dialect), stop=stop)
        again = at > 0 and asked[at - 1].screen is question.screen
        sent = _picture_tokens(model, question.screen.frame.size, max_picture_tokens)
        answers.append(_read(question, reply, again=again, sent=sent))
    if server is None:
        return Measured(
            tuple(answers), None, words_tokens, memory_bytes=model.memory_bytes, loaded_s=loaded_s
        )
    watch("Answer by a schema.", total - 1, total)
    schema = check_schema(server, asked[-1].messages(dialect), stop)
    return Measured(tuple(answers), server.about(stop=stop), words_tokens, schema)


def check_schema(model: OpenAIModel, messages: Sequence[Message], stop: Callable[[], bool]) -> SchemaCheck:
    """Ask a server with a schema, and find whether the reply could have come without it.

    Raises:
        ModelError, Stopped: as the model's `reply`.
    """
    constrained = model.with_schema(PROBE)
    reply = constrained.reply(messages, stop=stop)
    if constrained.schema_form is None:
        return "refused"
    if reply.finish == "length":
        return "unfinished"
    return "obeyed" if _fits(reply.text) else "ignored"


def _without_picture(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(Message(message.role, (message.text,)) for message in messages)


def _picture_tokens(model: Model, size: tuple[int, int], budget: int) -> int:
    counted = model.picture_tokens(size)
    return tokens(size, budget) if counted is None else counted


def _read(question: PointingQuestion, reply: Reply, *, again: bool, sent: int) -> PointingAnswer:
    """Read a reply as a run does, and keep its numbers even where a run would refuse them."""
    point, error = None, ""
    try:
        action = read_reply(reply)
        if isinstance(action, Click):
            point = action.target.centre
        else:
            error = f"expected a click, got {action.kind}"
    except (ParseError, CoordinateError) as refused:
        error = str(refused)
    said = (point.x, point.y) if point else _numbers(reply)
    return PointingAnswer(question, reply, point, error, said, again, sent)


def _numbers(reply: Reply) -> tuple[float, float] | None:
    """Return the first point, or the centre of the first box, in a reply's text; None if it holds none."""
    found = _PLACE.search(reply.text)
    if not found or reply.finish == "length":
        return None
    numbers = [float(number) for number in found.groups() if number is not None]
    return (numbers[0] + numbers[-2]) / 2, (numbers[1] + numbers[-1]) / 2


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() == {"point_2d", "chosen"} and value["chosen"] == _WORD
