"""Replies that are kept to their format while a real model of random weights writes them."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from made_actions import BOX
from tiny_checkpoint import FEW, VOCAB, checkpoint, tokenizer

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import ModelError, ParseError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message
from qvl_agent.actions.parsing.dialects import DIALECTS, as_points, format_action
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat, reply_format
from qvl_agent.actions.parsing.reply import parse_action, read_reply
from qvl_agent.actions.planning.action import Click, Done, Type
from qvl_agent.agent.models.checkpoint.constrain import Guide, Vocabulary, grammar
from qvl_agent.agent.models.checkpoint.model import TransformersModel

END, END_OF_TEXT = 151645, 151643
WORD = {"type": "object", "properties": {"word": {"enum": ["one", "only"]}}, "required": ["word"]}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return transformers.AutoTokenizer.from_pretrained(tokenizer(tmp_path_factory.mktemp("words")))


@pytest.fixture(scope="module")
def vocabulary(words: Any) -> Vocabulary:
    return Vocabulary(words, VOCAB, (END, END_OF_TEXT))


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("random"), words=FEW)


@pytest.fixture(scope="module")
def model(random_folder: Path) -> Iterator[TransformersModel]:
    """Random words in float32, so that other orders of operations come to the same."""
    opened = TransformersModel(str(random_folder), device="cpu", dtype="float32", max_new_tokens=200)
    yield opened
    opened.close()


def choices(allowed: bytes) -> Any:
    return np.flatnonzero(np.unpackbits(np.frombuffer(allowed, np.uint8), bitorder="little")[:VOCAB])


def never() -> bool:
    return False


def ask(text: str = "Go.") -> list[Message]:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    return [Message("system", ("You look.",)), Message("user", (Frame(pixels, Rect(0, 0, 64, 64)), text))]


@pytest.mark.parametrize("replies", [120, pytest.param(1000, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_random_choices_never_leave_the_format(
    words: Any, vocabulary: Vocabulary, dialect: str, replies: int
) -> None:
    """Any of the allowed tokens, each as likely: every reply is an action, and none is left out."""
    made = Guide(vocabulary, reply_format(dialect, max_text=12))
    dice, kinds, forced, chosen = random.Random(4), set[str](), 0, 0
    for _ in range(replies):
        walk, ids = made.walk(), list[int]()
        while not walk.complete:
            free = walk.forced()
            ids += free
            forced += len(free)
            if not walk.complete:
                ids.append(int(dice.choice(choices(walk.allowed()))))
                walk.take(ids[-1])
                chosen += 1
        kinds.add(parse_action(words.decode(ids)).kind)
    assert len(kinds) == 12
    assert forced > 0.3 * chosen


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_formats_write_is_admitted_token_by_token(
    words: Any, vocabulary: Vocabulary, dialect: str
) -> None:
    made = Guide(vocabulary, reply_format(dialect))
    for action in (
        as_points(Click(target=BOX, label='Save "as" 中文', intent="Keep: it")),
        Type(text='a\n"b" \\ {"action": 1} </b> 😀 €', clear=True, enter=True, intent="Type at 10:30"),
        Done(summary="", intent="done", label="x"),
    ):
        text = format_action(action, dialect)
        walk = made.walk()
        for token in words.encode(text, add_special_tokens=False):
            walk.take(token)
        assert walk.complete, text


def test_a_tag_in_a_text_is_spelt_with_ordinary_tokens(words: Any, vocabulary: Vocabulary) -> None:
    walk = Guide(vocabulary, reply_format("grounded")).walk()
    for piece in ('{"action": "type", "text": "', "</", "tool", "_call", ">"):
        for token in words.encode(piece):
            walk.take(token)
    assert not set(choices(walk.allowed())) & set(words.added_tokens_decoder)


def test_a_token_that_leads_out_of_the_format_is_refused(words: Any, vocabulary: Vocabulary) -> None:
    walk = Guide(vocabulary, reply_format("grounded")).walk()
    with pytest.raises(ModelError, match="can't keep the reply to its format"):
        walk.take(words.encode("Sure")[0])


def test_what_is_no_format_is_said(vocabulary: Vocabulary) -> None:
    with pytest.raises(ModelError, match="can't take the reply's format"):
        Guide(vocabulary, ReplyFormat({"type": "object", "properties": {"a": {"type": "colour"}}}))


def test_tags_are_tokens_that_no_text_can_hold() -> None:
    assert grammar(reply_format("computer_use")).startswith(
        'start: line? <tool_call> "\\n" call "\\n" </tool_call>'
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_random_model_answers_with_an_action(model: TransformersModel, dialect: str) -> None:
    kept = model.with_format(reply_format(dialect, max_text=20))
    assert kept is not model
    pieces: list[str] = []
    for number in range(3):
        pieces.clear()
        reply = kept.reply(ask(f"Task {number}"), stop=never, on_text=pieces.append)
        assert parse_action(reply.text)
        assert "".join(pieces) == reply.text


def test_the_reply_ends_where_the_format_does_and_forced_tokens_take_no_pass_of_their_own(
    model: TransformersModel,
) -> None:
    passes = [0]
    hook = model._loaded.model.lm_head.register_forward_hook(lambda *_: passes.__setitem__(0, passes[0] + 1))
    form = ReplyFormat({**WORD, "additionalProperties": False})
    reply = model.with_format(form).reply(ask(), stop=never)
    hook.remove()
    assert reply.text in ('{"word": "one"}', '{"word": "only"}')
    assert reply.finish == "stop"
    assert reply.reply_tokens is not None
    assert passes[0] < reply.reply_tokens
    assert reply.reply_tokens <= len(model._loaded.tokenizer.encode(reply.text)) + 2


def test_forced_tokens_and_a_warm_cache_change_nothing_that_is_computed(model: TransformersModel) -> None:
    """Whatever a pass took in, its logits are those of one plain pass over the whole conversation."""
    kept = model.with_format(reply_format("grounded", max_text=10))
    first = kept.reply(ask(), stop=never)
    seen: list[Any] = []
    hook = model._loaded.model.lm_head.register_forward_hook(lambda *found: seen.append(found[2][0, -1]))
    messages = [*ask(), Message("assistant", (first.text,)), Message("user", ("Go on.",))]
    reply = kept.reply(messages, stop=never)
    hook.remove()
    assert reply.cached_tokens
    read = torch.tensor([model._conversations._kept[0][0].ids])
    pictures = model._encoder.fresh(model._encoder.prompt(messages)).pictures
    with torch.inference_mode():
        kinds = (read == FEW + 12).int()
        plain = model._loaded.model(input_ids=read, mm_token_type_ids=kinds, **pictures).logits[0]
    for logits in seen:
        assert (plain - logits).abs().amax(1).min() < 1e-3
    assert (plain[-1] - seen[0]).abs().max() > 0.1


def test_a_thinking_model_is_kept_to_the_format_after_its_thought(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, thinking=True, says="It is left.</think>", words=FEW)
    model = TransformersModel(str(folder), device="cpu")
    form = ReplyFormat({**WORD, "additionalProperties": False})
    reply = model.with_format(form).reply(ask(), stop=never)
    assert (reply.reasoning, reply.finish) == ("It is left.", "stop")
    assert reply.text in ('{"word": "one"}', '{"word": "only"}')
    short = TransformersModel(str(folder), device="cpu", max_new_tokens=2)
    reply = short.with_format(reply_format("grounded")).reply(ask(), stop=never)
    assert (reply.text, reply.finish) == ("", "length")


def test_a_text_that_fills_its_limit_is_no_action(model: TransformersModel) -> None:
    """A model that would go on typing can only stop there: what it meant to type isn't known."""
    fields = {"action": {"const": "answer"}, "text": {"type": "string", "maxLength": 5, "minLength": 5}}
    schema = {
        "type": "object",
        "properties": fields,
        "required": ["action", "text"],
        "additionalProperties": False,
    }
    reply = model.with_format(ReplyFormat(schema, max_text=5)).reply(ask(), stop=never)
    assert len(json.loads(reply.text)["text"]) == 5
    with pytest.raises(ParseError, match="cut off"):
        read_reply(reply)


def test_a_reply_without_room_for_its_format_is_cut_off(random_folder: Path) -> None:
    model = TransformersModel(str(random_folder), device="cpu", max_new_tokens=4, temperature=1.0)
    reply = model.with_format(reply_format("computer_use")).reply(ask(), stop=never)
    assert (reply.finish, reply.reply_tokens) == ("length", 4)


def test_without_llguidance_replies_are_free(random_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = TransformersModel(str(random_folder), device="cpu", max_new_tokens=3)
    monkeypatch.setitem(sys.modules, "llguidance", None)
    assert model.with_format(reply_format("grounded")) is model
    assert model.reply(ask(), stop=never).reply_tokens == 3
