"""llama.cpp itself serves a tiny checkpoint: what it counts, keeps and obeys, and what it sees."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import engine_probe as probe
import llama_server
import numpy as np
import pytest
import tiny_checkpoint
from engine_reference import Reference, distance, likeliest, pictures

from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.agent.models.pictures import data_url

MODEL = llama_server.MODEL
QUESTION = "Where is the button?"
CLOSE = 1e-3
"""Between the log-probabilities of two engines in float32; 6e-5 was measured."""
SIZES = [(1366, 768), (1280, 800), (500, 300), (300, 700)]


class Engine(NamedTuple):
    """A running llama.cpp, and the checkpoint that its files were made from."""

    base_url: str
    checkpoint: Path


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder = tmp_path_factory.mktemp("llama-cpp")
    checkpoint = tiny_checkpoint.checkpoint(
        folder / "checkpoint", released_heads=True, words=tiny_checkpoint.FEW
    )
    made = convert(checkpoint, folder / "gguf", "tiny")
    with llama_server.running(made, folder / "server.log") as base_url:
        yield Engine(base_url, checkpoint)


@pytest.fixture(scope="module")
def model(engine: Engine) -> OpenAIModel:
    return probe.connect(engine.base_url, MODEL)


@pytest.fixture(scope="module")
def reference(engine: Engine) -> Reference:
    return Reference(engine.checkpoint)


def talk(*frames: Frame) -> list[Message]:
    """A conversation that shows one picture a turn, and waits for an answer."""
    turns = [(Message("user", (frame, QUESTION)), Message("assistant", ("Down there.",))) for frame in frames]
    return [message for turn in turns for message in turn][:-1]


def test_it_is_known_for_what_it_is(model: OpenAIModel) -> None:
    known = model.about()
    assert (known.name, known.context) == ("llama.cpp", llama_server.CONTEXT)


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_as_many_tokens_as_we_say(engine: Engine, size: tuple[int, int]) -> None:
    counted = probe.count(probe.connect_free(engine.base_url, MODEL), *size)
    assert counted.picture_tokens == counted.expected


@pytest.mark.parametrize("size", SIZES)
def test_it_sees_what_transformers_sees(
    engine: Engine, model: OpenAIModel, reference: Reference, size: tuple[int, int]
) -> None:
    turns = probe.sent(model, talk(probe.picture(*size)))
    likely, expected = likeliest(engine.base_url, MODEL, turns), reference.log_probabilities(turns)
    assert distance(likely, expected) < CLOSE
    assert list(likely) == np.argsort(-expected)[: len(likely)].tolist()


def test_it_sees_a_second_picture_in_its_place(
    engine: Engine, model: OpenAIModel, reference: Reference
) -> None:
    first, second = probe.picture(1280, 800), probe.picture(800, 1280)
    turns, swapped = probe.sent(model, talk(first, second)), probe.sent(model, talk(second, first))
    likely = likeliest(engine.base_url, MODEL, turns)
    assert distance(likely, reference.log_probabilities(turns)) < CLOSE
    assert distance(likely, reference.log_probabilities(swapped)) > 10 * CLOSE


def test_it_would_see_bars_around_a_picture_that_we_had_not_resized(
    engine: Engine, model: OpenAIModel, reference: Reference
) -> None:
    frame = probe.picture(500, 300)
    turns = probe.sent(model, talk(frame))
    raw = [{"role": "user", "content": [{**turns[0]["content"][0]}, turns[0]["content"][1]]}]
    raw[0]["content"][0]["image_url"] = {"url": data_url(frame, frame.size)}
    assert pictures(raw[0])[0].size != pictures(turns[0])[0].size
    likely = likeliest(engine.base_url, MODEL, raw)
    assert distance(likely, reference.log_probabilities(turns)) > 10 * CLOSE
    assert distance(likely, reference.log_probabilities(raw)) > 10 * CLOSE


def test_both_backends_say_the_same_about_a_conversation(engine: Engine) -> None:
    messages = talk(probe.picture(1280, 800), probe.picture(1280, 768))
    settings = {"max_picture_tokens": probe.PICTURE_TOKENS, "max_new_tokens": 4}
    here = TransformersModel(str(engine.checkpoint), device="cpu", dtype="float32", **settings)
    there = OpenAIModel(engine.base_url, MODEL, **settings)
    expected, reply = probe.reply(here, messages), probe.reply(there, messages)
    assert (reply.text, reply.prompt_tokens) == (expected.text, expected.prompt_tokens)
    assert reply.reply_tokens == expected.reply_tokens == 4


def test_it_keeps_to_the_schema_of_all_actions(engine: Engine) -> None:
    kinds = set()
    for seed in range(6):
        model = probe.talkative(engine.base_url, MODEL, seed)
        # Not read_reply: a random text goes on to its limit, and then counts as cut off.
        kinds.add(parse_action(probe.reply(model, [Message("user", (QUESTION,))]).text).kind)
        assert isinstance(model, OpenAIModel)
        assert model.schema_form == "response_format"
    assert len(kinds) > 1


def test_it_acts_in_the_sandbox(model: OpenAIModel, tmp_path: Path) -> None:
    run = probe.drive(model, tmp_path)
    steps, replies = run.recording().steps[: probe.STEPS], probe.replies(run)
    assert run.status == "budget", run.result.message
    assert model.schema_form == "response_format"
    assert all(probe.obeyed(reply) for reply in replies)
    assert [step.outcome.outcome.status for step in steps] == ["done"] * probe.STEPS
    assert all(step.outcome.outcome.pointer == step.outcome.outcome.planned for step in steps)
    for earlier, reply in pairwise(replies):
        assert reply.cached_tokens >= earlier.prompt_tokens - 8, "a prompt that only grew was read again"
