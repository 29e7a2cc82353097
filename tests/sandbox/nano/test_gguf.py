"""nano as GGUF: llama.cpp itself reads, sees and says what transformers does, step by step in the loop."""

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx2
import llama_server
import numpy as np
import numpy.typing as npt
import pytest
import transformers
from engine_reference import Reference, Turn, distance, likeliest_along, pictures

from qvl_agent import prompts
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.sandbox.nano import CHECKPOINT, PICTURE_TOKENS
from qvl_agent.sandbox.nano.making.evaluation.evaluation import Evaluation
from qvl_agent.sandbox.nano.making.evaluation.figures import Case
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import SandboxDesktop

MODEL = llama_server.MODEL
CASE = Case("chat", "uncheck-pinned-chat", 5_000_000)
CLOSE = 1e-2
"""Between the log-probabilities of two engines in float32; 3e-3 was measured over large random weights."""
SETTINGS = {"max_picture_tokens": PICTURE_TOKENS, "max_new_tokens": 40}
TEXTS = (
    " ".join(map(str, range(1100))),
    "".join(path.read_text("utf-8") for path in sorted(Path(prompts.__file__).parent.glob("*.md"))),
    '<|im_start|>user\n{"action": "click", "bbox_2d": [7, 42, 613, 1000]}<|im_end|>\n',
    " \n\n \t \t\n   Zoë's I'LL 007 3.14 1234567 ------== ??!! 置顶聊天 \N{ROCKET}\N{LLAMA} កាន់ нещо",
)


class Step(NamedTuple):
    """One conversation of the loop, and what each engine made of it."""

    turns: list[Turn]
    here: Reply
    there: Reply
    likely: list[dict[int, float]]

    @property
    def ids(self) -> list[int]:
        """The tokens of llama.cpp's reply."""
        return [next(iter(token)) for token in self.likely]

    def apart(self, expected: npt.NDArray[np.float64]) -> float:
        """The largest difference between log-probabilities along the reply."""
        return max(distance(token, row) for token, row in zip(self.likely, expected[:-1], strict=True))


class Both(Model):
    """The oracle, with transformers and llama.cpp asked beside it."""

    name = "both"

    def __init__(self, desktop: SandboxDesktop, base_url: str, heard: list[Step]) -> None:
        self._oracle, self._base_url, self._heard = Oracle(desktop.sandbox), base_url, heard
        self._here = TransformersModel(str(CHECKPOINT), device="cpu", dtype="float32", **SETTINGS)
        self._there = OpenAIModel(base_url, MODEL, **SETTINGS)

    def reply(self, messages: Sequence[Message], *, stop: StopCheck, on_text: OnText | None = None) -> Reply:
        here, there = (model.reply(messages, stop=stop) for model in (self._here, self._there))
        turns = [self._there._turn(message, PICTURE_TOKENS) for message in messages]
        likely = likeliest_along(self._base_url, MODEL, turns, SETTINGS["max_new_tokens"])
        self._heard.append(Step(turns, here, there, likely))
        return self._oracle.reply(messages, stop=stop, on_text=on_text)

    def close(self) -> None:
        self._here.close()
        self._there.close()


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("nano-gguf")
    with llama_server.running(convert(CHECKPOINT, folder), folder / "server.log") as url:
        yield url


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(CHECKPOINT)


@pytest.fixture(scope="module")
def steps(base_url: str) -> list[Step]:
    heard: list[Step] = []
    with Evaluation("both", lambda desktop: Both(desktop, base_url, heard)) as evaluation:
        assert evaluation.run(CASE).solved
    return heard


@pytest.fixture(scope="module")
def expected(steps: list[Step], reference: Reference) -> list[npt.NDArray[np.float64]]:
    """What transformers makes of each step's reply: shape (tokens + 1, vocabulary)."""
    return [reference.along(step.turns, step.ids) for step in steps]


@pytest.mark.parametrize("text", TEXTS, ids=["numbers", "prompts", "a reply", "odd"])
def test_a_text_becomes_the_same_tokens(base_url: str, text: str) -> None:
    coder = transformers.AutoTokenizer.from_pretrained(CHECKPOINT)
    asked = {"content": text, "add_special": True, "parse_special": True}
    answer = httpx2.post(f"{base_url.removesuffix('/v1')}/tokenize", json=asked, trust_env=False)
    assert answer.raise_for_status().json()["tokens"] == coder.encode(text, add_special_tokens=False)


def test_it_gets_the_pictures_that_nano_was_trained_on(steps: list[Step]) -> None:
    shown = [[one for turn in step.turns for one in pictures(turn)] for step in steps]
    assert [len(one) for one in shown] == [1, 2]
    assert {picture.size for picture in shown[-1]} == {(768, 480)}


def test_it_sees_what_transformers_sees_at_every_token(
    steps: list[Step], expected: list[npt.NDArray[np.float64]]
) -> None:
    for step, wanted in zip(steps, expected, strict=True):
        assert step.apart(wanted) < CLOSE
        assert step.ids == wanted[:-1].argmax(-1).tolist()


def test_it_goes_by_the_pictures(
    steps: list[Step], reference: Reference, expected: list[npt.NDArray[np.float64]]
) -> None:
    """With the first screen shown last, and the last first, all would be otherwise."""
    swapped = copy.deepcopy(steps[-1].turns)
    shown = [
        part
        for turn in swapped
        if not isinstance(turn["content"], str)
        for part in turn["content"]
        if part["type"] == "image_url"
    ]
    shown[0]["image_url"], shown[-1]["image_url"] = shown[-1]["image_url"], shown[0]["image_url"]
    otherwise = reference.along(swapped, steps[-1].ids)
    assert steps[-1].apart(otherwise) > 10 * steps[-1].apart(expected[-1])


def test_it_replies_as_transformers_does(steps: list[Step]) -> None:
    assert [step.there.text for step in steps] == [step.here.text for step in steps]
    assert [step.there.prompt_tokens for step in steps] == [step.here.prompt_tokens for step in steps]
