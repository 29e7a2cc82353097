"""nano's tokenizer at work in the training: the words that every conversation has, and the numbers."""

from pathlib import Path

import torch
from tokenizers import Tokenizer

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.prompts import render
from qvl_agent.sandbox.nano import DIALECT
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL

__all__ = ["Coder"]

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
