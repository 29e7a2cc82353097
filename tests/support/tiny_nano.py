"""Checkpoints of nano's shape, written as its training writes them, that have learned nothing."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from qvl_agent import prompts
from qvl_agent.sandbox.nano.making.export import write_checkpoint
from qvl_agent.sandbox.nano.making.network.start import build
from qvl_agent.sandbox.nano.making.network.tokenizer import NanoTokenizer, train_tokenizer

GROWTH = 3
"""How much longer each word's vector is than the last one's; above 2, so that the next wins over itself."""


def untrained(folder: Path) -> Path:
    """Write one whose weights are as the training starts them."""
    coder = _coder()
    write_checkpoint(build(coder.special), coder, folder)
    return folder


def nano_like(folder: Path, *, says: str) -> Path:
    """Write one that says one text after any prompt.

    Args:
        folder: where; it is made.
        says: what it answers, no token of it twice.
    """
    coder = _coder(says)
    model = build(coder.special)
    _teach(model, coder, says)
    write_checkpoint(model, coder, folder)
    return folder


def _coder(says: str = "") -> NanoTokenizer:
    files = Path(prompts.__file__).parent.glob("*.md")
    return NanoTokenizer(
        json.dumps(train_tokenizer([says] * 100 + [path.read_text("utf-8") for path in sorted(files)] * 3))
    )


def _teach(model: Any, coder: NanoTokenizer, says: str) -> None:
    """Make the next token depend on the last one alone, along a chain that spells the text.

    The embeddings are also the head. Each token of the chain has a direction in common with the next
    one, whose vector is longer; all others have none.
    """
    chain = [*coder.encode("\n"), *coder.encode(says), coder.special["<|im_end|>"]]
    if len(set(chain)) != len(chain):
        raise ValueError(f"a token comes twice in {says!r}: {[coder.decode([token]) for token in chain]}")
    words = model.model.language_model.embed_tokens.weight
    with torch.no_grad():
        for name, weight in model.model.language_model.layers.named_parameters():
            if "o_proj" in name or "down_proj" in name:
                weight.zero_()
        words.zero_()
        for place, (last, following) in enumerate(pairwise(chain)):
            words[last, place] = words[following, place] = 1
        for place, token in enumerate(chain):
            words[token] *= GROWTH**place
