"""nano's own tokenizer: byte-level BPE with Qwen's special tokens, and a token for each number to 999.

The pre-tokenizer is Llama 3's, which is Qwen's with digits in groups of up to three, so that llama.cpp
knows it too; a word that is in the vocabulary is one token whatever the merges say.

A word is cut up alike whatever stands before it, in a task, in quotes or in brackets, so that it can be
repeated token by token: no token has both letters and punctuation, and a space comes to a piece last.
"""

import json
import random
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from tokenizers import Tokenizer

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.prompts import render
from qvl_agent.sandbox.nano import DIALECT
from qvl_agent.sandbox.nano.making.samples import Episode
from qvl_agent.sandbox.nano.making.shape import VOCABULARY
from qvl_agent.sandbox.nano.to_gguf import CUTS

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["ANSWERING", "SPECIAL", "TEMPLATE", "Coder", "texts", "train", "write"]

ANSWERING: Final = "<|im_start|>assistant\n"
"""What a reply comes after."""
SPECIAL: Final = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
"""In the order that the released tokenizers have; they come after the vocabulary, with no gap.

(tokenizers numbers them on from there, whatever ids are written.)
"""
_CUTS_LEARNT: Final = CUTS.replace(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{L}+")
"""The same, with letters by themselves."""
_SPACE: Final = "Ġ"
"""What byte-level BPE writes for a space."""
_LEAST: Final = 3
"""How often a token has to be seen."""
_SYSTEM_PROMPTS: Final = 10
"""They are all the same; so many of them make their words frequent enough."""
_MARKER: Final = re.compile(r"<\|[^|]*\|>")
TEMPLATE: Final = """\
{%- macro said(content) -%}
  {%- if content is string -%}
    {{- content -}}
  {%- else -%}
    {%- for part in content -%}
      {%- if part.type == 'image' or 'image' in part or 'image_url' in part -%}
        {{- '<|vision_start|><|image_pad|><|vision_end|>' -}}
      {%- elif 'text' in part -%}
        {{- part.text -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\\n' + said(message.content) + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|im_start|>assistant\\n' -}}
{%- endif -%}
"""
"""Renders text and pictures as the released template does; tools, videos and old thoughts aside."""


_MAKES_ONE = "python -m qvl_agent.sandbox.nano.making tokens"


class Coder:
    """Turns texts into tokens.

    Args:
        text: tokenizer.json's.

    Attributes:
        text: the same, with the ids that the special tokens really have.
        special: the special tokens' ids by name.
        numbers: the tokens of 0 to 999, shape (1000,).
        value: the number that a token is, by the token.
        bare: each token's text without the space before it, by the token.
        box: the token that a box's numbers begin after.
        system: the system prompt's tokens, shape (n,).
        usual: what these are without the space before them.
    """

    def __init__(self, text: str) -> None:
        self._coder = Tokenizer.from_str(text)
        self.text = self._coder.to_str()
        self.special = {name: self._id(name) for name in SPECIAL}
        self.numbers = torch.tensor([self._id(str(number)) for number in range(1000)])
        self.value = {token: number for number, token in enumerate(self.numbers.tolist())}
        names = self._coder.get_vocab()
        self.bare = {token: name.removeprefix("Ġ") for name, token in names.items()}
        self.box = self._id("Ġ[")
        system = render(f"system_{DIALECT}", language="")
        self.system = torch.tensor(self.encode(f"<|im_start|>system\n{system}<|im_end|>\n"))
        self.usual = frozenset(self.bare[token] for token in self.system.tolist())

    @classmethod
    def of(cls, path: Path) -> "Coder":
        """Read a tokenizer.json.

        Raises:
            SettingsError: there is none.
        """
        if not path.is_file():
            raise SettingsError(f"expected a tokenizer in {path}; {_MAKES_ONE}")
        return cls(path.read_text("utf-8"))

    def encode(self, text: str) -> list[int]:
        """Turn a text into tokens; names of special tokens in it become those."""
        ids: list[int] = self._coder.encode(text).ids
        return ids

    def decode(self, ids: list[int]) -> str:
        """Turn tokens into a text, special ones left out."""
        text: str = self._coder.decode(ids)
        return text

    def _id(self, token: str) -> int:
        number: int | None = self._coder.token_to_id(token)
        if number is None:
            raise SettingsError(f"expected the token {token!r} in the tokenizer; {_MAKES_ONE}")
        return number


def train(texts: Iterable[str]) -> dict[str, Any]:
    """Learn a vocabulary from texts; returns tokenizer.json's value."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415

    said = list(texts)
    numbers = [str(number) for number in range(1000)] + [f"{number:02}" for number in range(10)]
    coder = Tokenizer(models.BPE(ignore_merges=True))
    cutting = {
        cuts: pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(cuts), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        for cuts in (_CUTS_LEARNT, CUTS)
    }
    coder.pre_tokenizer = cutting[_CUTS_LEARNT]
    coder.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) - len(numbers),
        min_frequency=_LEAST,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    coder.train_from_iterator(said, trainer)
    begun = _begun(coder, said)
    coder.pre_tokenizer = cutting[CUTS]
    made: dict[str, Any] = json.loads(coder.to_str())
    known: dict[str, int] = made["model"]["vocab"]
    for number in numbers:
        known.setdefault(number, len(known))
    for word in begun[: VOCABULARY - len(SPECIAL) - len(known)]:
        known[_SPACE + word] = len(known)
        made["model"]["merges"].append([_SPACE, word])
    made["added_tokens"] = [
        {
            "id": at,
            "content": name,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for at, name in enumerate(SPECIAL, len(known))
    ]
    return made


def _begun(coder: "Tokenizer", texts: Sequence[str]) -> list[str]:
    """List the tokens of letters that often come right after a space, the most frequent first."""
    seen = Counter[str]()
    for encoded in coder.encode_batch(texts):
        seen.update(
            word
            for before, word in pairwise(encoded.tokens)
            if before == _SPACE and word[0] in string.ascii_letters
        )
    return [word for word, count in seen.most_common() if count >= _LEAST]


def write(made: dict[str, Any], folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and the chat template."""
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 16384,
        "chat_template": TEMPLATE,
    }
    for name, value in (("tokenizer.json", made), ("tokenizer_config.json", settings)):
        text = json.dumps(value, ensure_ascii=False, indent=1)
        (folder / name).write_text(text + "\n", encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")


def texts(episodes: Sequence[Episode], most: int = 2500) -> Iterator[str]:
    """Give what is said in some runs, and what stands on their screens, to learn a vocabulary from."""
    chosen = random.Random(0).sample(list(episodes), min(most, len(episodes)))
    for number, episode in enumerate(chosen):
        system, _, rest = episode.text.partition("<|im_end|>")
        if number < _SYSTEM_PROMPTS:
            yield system
        yield _MARKER.sub("", rest)
        for shot in episode.shots[:1]:
            for question in shot.questions:
                yield question.instruction
                yield question.reply
            for item in shot.items:
                yield item.label
