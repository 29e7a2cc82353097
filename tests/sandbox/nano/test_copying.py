"""What is repeated is what was told: by the weights themselves, before anything is learnt."""

from typing import Any

import pytest
import torch

from qvl_agent.sandbox.nano.making.network.copying import identity_codes, start_copying, tie_copying
from qvl_agent.sandbox.nano.making.network.language import (
    COPYING_HEADS,
    COPYING_LAYER,
    IDENTITY_CHANNELS,
    Pack,
    _AttentionMasks,
    _copying_loss,
)
from qvl_agent.sandbox.nano.making.network.start import build, build_heads
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL

BARE = {token: f"word {token // 2}" for token in range(4000)} | dict(enumerate(SPECIAL, 4000))
"""Each word with and without a space before it, and the special tokens."""
WIDTH, SIZE = 320, 32


class Started:
    """A model whose copying has been started, with what its tower gave of some picture before and after."""

    def __init__(self) -> None:
        model = build()
        self.text: Any = model.model.language_model
        self.heads = build_heads(WIDTH, 3)
        self._last = model.model.visual.merger.linear_fc2
        noise = torch.Generator().manual_seed(4)
        few = torch.randn(500, 200, generator=noise) @ torch.randn(
            200, self._last.in_features, generator=noise
        )
        self._given = few / few.std()
        self.before = self.cells()
        self.read_before = self.read()
        start_copying(model.model.visual, self.heads, self.text, self.before)

    @torch.no_grad()
    def cells(self) -> torch.Tensor:
        given: torch.Tensor = self._last(self._given)
        return given

    @torch.no_grad()
    def read(self) -> torch.Tensor:
        own = self.heads.own()
        return torch.cat([self.cells() @ own.T, self.heads.where(self.cells())], 1)


@pytest.fixture(scope="module")
def started() -> Started:
    return Started()


def test_what_is_seen_leaves_the_codes_channels_and_is_read_as_before(started: Started) -> None:
    """These pictures have 200 directions and a constant one; there is room for 256."""
    assert started.before[:, -IDENTITY_CHANNELS:].abs().min() > 0
    assert not started.cells()[:, -IDENTITY_CHANNELS:].any()
    torch.testing.assert_close(started.read(), started.read_before, atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_the_copying_heads_say_the_token_that_they_look_at(started: Started) -> None:
    """Whatever the layers before did to the stream; with a space before it or not, that is for the others."""
    text = started.text
    torch.nn.init.uniform_(text.layers[COPYING_LAYER].input_layernorm.weight, 0.5, 2)
    tie_copying(text, identity_codes(BARE))
    asked = torch.tensor([7, 1234, 3999])
    given: list[torch.Tensor] = []
    layer = text.layers[COPYING_LAYER]
    hook = layer.register_forward_pre_hook(lambda _layer, inputs: given.append(inputs[0][0]))
    text(input_ids=asked[None])
    hook.remove()
    assert not torch.allclose(
        given[0][:, :-IDENTITY_CHANNELS], text.embed_tokens.weight[asked, :-IDENTITY_CHANNELS], rtol=0.5
    )
    value = layer.self_attn.v_proj(layer.input_layernorm(given[0]))
    value[:, COPYING_HEADS * SIZE :] = 0
    found = layer.self_attn.o_proj(value) @ text.embed_tokens.weight.T
    for word, likely in zip(asked.tolist(), found.topk(2).indices.tolist(), strict=True):
        assert {BARE[token] for token in likely} == {BARE[word]}


def test_looking_at_a_special_token_copies_nothing() -> None:
    assert not identity_codes(BARE)[4000:].any()


@torch.no_grad()
def test_what_is_copied_comes_to_be_as_loud_as_the_stream_asks(started: Started) -> None:
    codes, copied = identity_codes(BARE), list[float]()
    for loudness in (None, *[8.0] * 100):
        tie_copying(started.text, codes, loudness)
        heads = started.text.layers[COPYING_LAYER].self_attn.o_proj.weight[
            -IDENTITY_CHANNELS:, : COPYING_HEADS * SIZE
        ]
        copied.append(float(heads.abs().max()))
    assert copied == sorted(copied)
    assert copied[-1] / copied[0] == pytest.approx((8.0 / 0.5) ** 2, rel=0.02)


@pytest.mark.parametrize("copies", [((20, 3), (21, 4)), ()], ids=["copies", "none"])
def test_they_should_look_at_what_is_repeated_and_else_at_the_first_token(
    copies: tuple[tuple[int, int], ...],
) -> None:
    """Worked out one place at a time; before these 30 tokens are 5 of a system prompt."""
    noise = torch.Generator().manual_seed(0)
    query, keys = torch.randn(10, 30, SIZE, generator=noise), torch.randn(10, 35, SIZE, generator=noise)
    none = torch.zeros(30, dtype=torch.long)
    told = Pack(
        ids=none,
        positions=none.expand(3, -1),
        branch=none,
        pictures=(),
        learnt=torch.arange(30) >= 20,
        pointings=(),
        copies=copies,
        numbers=(),
    )
    layout = _AttentionMasks(none, torch.zeros(5), torch.float32)

    def missed(place: int, key: int) -> float:
        seen = keys[:COPYING_HEADS, : 5 + place + 1]
        scores = torch.einsum("hd,hkd->hk", query[:COPYING_HEADS, place], seen) / SIZE**0.5
        return -float(scores.log_softmax(-1)[:, key].mean())

    repeated = [missed(place, 5 + source) for place, source in copies]
    others = [missed(place, 0) for place in range(19, 29) if place not in dict(copies)]
    expected = sum(sum(part) / len(part) for part in (repeated, others) if part)
    assert float(_copying_loss(query, keys, layout, told, 5)) == pytest.approx(expected, rel=1e-4)
