"""nano's own tokenizer: learn it, write it, and use it for training.

It is byte-level BPE with Qwen's special tokens, and a token for each number from 0 to 999. The pre-tokenizer
is Llama 3's, which is Qwen's with digits in groups of up to three, so that llama.cpp knows it too; a word
that is in the vocabulary is one token whatever the merges say.

A word is split alike whatever stands before it (a space, a quote or a bracket), so that it can be repeated
token by token: no token has both letters and punctuation, and a space is merged last.
"""

import json
import random
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.models.llama.convert import LLAMA_3_CUTS
from qvl_agent.prompts import render
from qvl_agent.sandbox.nano import DIALECT
from qvl_agent.sandbox.nano.making.samples import Episode
from qvl_agent.sandbox.nano.making.shape import VOCABULARY

__all__ = [
    "ANSWERING",
    "SPECIAL",
    "TEMPLATE",
    "NanoTokenizer",
    "train_tokenizer",
    "training_texts",
    "write_tokenizer",
]

ANSWERING: Final = "<|im_start|>assistant\n"
"""The text before each reply."""
SPECIAL: Final = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
"""The special tokens in the order of the released tokenizers. They follow the vocabulary without a gap, as
the tokenizers library numbers them on from there, whatever ids are written."""
_CUTS_LEARNT: Final = LLAMA_3_CUTS.replace(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{L}+")
"""`LLAMA_3_CUTS`, but with letters by themselves: for learning the vocabulary."""
_SPACE: Final = "Ġ"
"""How byte-level BPE writes a space."""
_MIN_COUNT: Final = 3
"""How often a token must occur to be learnt."""
_SYSTEM_PROMPTS: Final = 10
"""How many system prompts are among the texts. All are the same; so many make their words frequent."""
_SPECIAL_TEXT: Final = re.compile(r"<\|[^|]*\|>")
_HOW_TO_MAKE = "python -m qvl_agent.sandbox.nano.making tokens"
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
"""The chat template: text and pictures as in the released one, without tools, videos and old thoughts."""


class NanoTokenizer:
    """Converts between texts and tokens.

    Args:
        text: The content of tokenizer.json.

    Attributes:
        text: The same, with the ids that the special tokens really have.
        special: The special tokens' ids by name.
        numbers: The tokens of 0 to 999, shape (1000,).
        value: The number that a token stands for, by the token.
        bare: Each token's text without the space before it, by the token.
        box: The token before a box's numbers.
        system: The system prompt's tokens, shape (n,).
        usual: The texts of the system prompt's tokens, without the space before them.

    Raises:
        SettingsError: A special token or a number is missing.
    """

    def __init__(self, text: str) -> None:
        self._tokenizer = Tokenizer.from_str(text)
        self.text = self._tokenizer.to_str()
        self.special = {name: self._id(name) for name in SPECIAL}
        self.numbers = torch.tensor([self._id(str(number)) for number in range(1000)])
        self.value = {token: number for number, token in enumerate(self.numbers.tolist())}
        names = self._tokenizer.get_vocab()
        self.bare = {token: name.removeprefix("Ġ") for name, token in names.items()}
        self.box = self._id("Ġ[")
        system = render(f"system_{DIALECT}", language="")
        self.system = torch.tensor(self.encode(f"<|im_start|>system\n{system}<|im_end|>\n"))
        self.usual = frozenset(self.bare[token] for token in self.system.tolist())

    @classmethod
    def of(cls, path: Path) -> "NanoTokenizer":
        """Read a tokenizer.json.

        Raises:
            SettingsError: There is none.
        """
        if not path.is_file():
            raise SettingsError(f"expected a tokenizer in {path}; {_HOW_TO_MAKE}")
        return cls(path.read_text("utf-8"))

    def encode(self, text: str) -> list[int]:
        """Convert a text to tokens; names of special tokens in it become those tokens."""
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def decode(self, ids: list[int]) -> str:
        """Convert tokens to a text, without the special ones."""
        text: str = self._tokenizer.decode(ids)
        return text

    def _id(self, token: str) -> int:
        number: int | None = self._tokenizer.token_to_id(token)
        if number is None:
            raise SettingsError(f"expected the token {token!r} in the tokenizer; {_HOW_TO_MAKE}")
        return number


def training_texts(episodes: Sequence[Episode], most: int = 2500) -> Iterator[str]:
    """Yield texts to learn a vocabulary from: those of at most `most` runs, and of their widgets."""
    chosen = random.Random(0).sample(list(episodes), min(most, len(episodes)))
    for number, episode in enumerate(chosen):
        system, _, rest = episode.text.partition("<|im_end|>")
        if number < _SYSTEM_PROMPTS:
            yield system
        yield _SPECIAL_TEXT.sub("", rest)
        for shot in episode.shots[:1]:
            for question in shot.questions:
                yield question.instruction
                yield question.reply
            for item in shot.items:
                yield item.label


def train_tokenizer(training_texts: Iterable[str]) -> dict[str, Any]:
    """Learn a vocabulary from texts; return the value of tokenizer.json."""
    said = list(training_texts)
    numbers = [str(number) for number in range(1000)] + [f"{number:02}" for number in range(10)]
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    cutting = {
        cuts: pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(cuts), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        for cuts in (_CUTS_LEARNT, LLAMA_3_CUTS)
    }
    tokenizer.pre_tokenizer = cutting[_CUTS_LEARNT]
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(SPECIAL) - len(numbers),
        min_frequency=_MIN_COUNT,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(said, trainer)
    begun = _words_after_space(tokenizer, said)
    tokenizer.pre_tokenizer = cutting[LLAMA_3_CUTS]
    made: dict[str, Any] = json.loads(tokenizer.to_str())
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


def write_tokenizer(made: dict[str, Any], folder: Path) -> None:
    """Write tokenizer.json (`made`), tokenizer_config.json and the chat template to a folder."""
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


def _words_after_space(tokenizer: "Tokenizer", training_texts: Sequence[str]) -> list[str]:
    """Return the tokens that start with a letter and often follow a space, the most frequent first."""
    seen = Counter[str]()
    for encoded in tokenizer.encode_batch(training_texts):
        seen.update(
            word
            for before, word in pairwise(encoded.tokens)
            if before == _SPACE and word[0] in string.ascii_letters
        )
    return [word for word, count in seen.most_common() if count >= _MIN_COUNT]
