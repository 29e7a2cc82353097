"""The constraint that keeps a reply to its format while it is written, with llguidance (an optional extra).

Every token that would lead out of the format is ruled out before one is chosen, and the tokens that
the format leaves no choice about are written without asking the model. llguidance works out each
step's tokens as it goes (under a millisecond with Qwen's vocabulary of 151,936), so that nothing is
compiled ahead, and it needs neither torch nor a compiler.
"""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat

if TYPE_CHECKING:
    from llguidance import LLMatcher

__all__ = ["INSTALL", "Guide", "Vocabulary", "Walk", "grammar", "installed"]

INSTALL: Final = "pip install 'qvl-agent[constrained]'"

_SPELLING: Final = {
    # As json.dumps and the models write it, and no other white space: a model can loop on that.
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
    # An escape such as \ud800 would be half a character.
    "json_allow_general_unicode_escapes": False,
}


def installed() -> bool:
    """Return whether llguidance is installed."""
    try:
        return find_spec("llguidance") is not None
    except ValueError:  # `sys.modules` holds a module without a spec
        return False


def grammar(form: ReplyFormat) -> str:
    """Write a reply's format in llguidance's dialect of Lark."""
    found = [f"call: %json {json.dumps({'x-guidance': _SPELLING, **form.schema})}"]
    start = "call"
    if form.tag:
        # The tags are tokens of their own, which never occur in text.
        start = f'<{form.tag}> "\\n" call "\\n" </{form.tag}>'
    if form.line:
        start = f"line? {start}"
        found.append(f"line: /{form.line}/")
    return "\n".join([f"start: {start}", *found])


class Vocabulary:
    """A tokenizer's tokens in llguidance's form. It takes about 1 s to make.

    Args:
        tokenizer: a fast tokenizer of transformers.
        size: the number of the model's logits, which is more than the tokenizer has tokens.
        end_ids: the tokens that end a reply.

    Raises:
        ModelError: llguidance isn't installed, or can't take the tokenizer.
    """

    def __init__(self, tokenizer: Any, size: int, end_ids: Sequence[int]) -> None:
        try:
            from llguidance.hf import from_tokenizer  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ModelError(f"keeping replies to a format needs llguidance; {INSTALL}") from error
        try:
            self.tokens = from_tokenizer(tokenizer, n_vocab=size, eos_token=list(end_ids))
        except (ValueError, RuntimeError) as error:
            raise ModelError(
                f"llguidance can't take this tokenizer ({error}); use --constrain never"
            ) from error


class Guide:
    """One format with one vocabulary; each reply gets a `Walk` of its own.

    Raises:
        ModelError: llguidance can't take the format.
    """

    def __init__(self, vocabulary: Vocabulary, form: ReplyFormat) -> None:
        import llguidance  # noqa: PLC0415 - an extra

        self._first = llguidance.LLMatcher(vocabulary.tokens, grammar(form), log_level=0)
        if self._first.is_error():
            raise ModelError(f"llguidance can't take the reply's format: {self._first.get_error()[:200]}")
        self.form = form

    def walk(self) -> "Walk":
        """Return a walk at the beginning of a reply."""
        return Walk(self._first.deep_copy())


class Walk:
    """The place that one reply has reached in its format."""

    def __init__(self, matcher: "LLMatcher") -> None:
        self._matcher = matcher

    @property
    def complete(self) -> bool:
        """Return whether the reply is whole, and nothing more may follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def allowed(self) -> bytes:
        """Return the tokens that may come next: a bit for each, the lowest of the first byte for token 0."""
        return self._matcher.compute_bitmask()

    def take(self, token: int) -> None:
        """Go on by one token.

        Raises:
            ModelError: the token isn't allowed here, or the format became too complex to follow.
        """
        if not self._matcher.consume_token(token):
            raise ModelError(f"can't keep the reply to its format: {self._matcher.get_error()[:200]}")

    def forced(self) -> list[int]:
        """Go on by the tokens that must come next, if the format leaves no choice, and return them."""
        tokens = self._matcher.compute_ff_tokens()
        for token in tokens:
            self.take(token)
        return tokens
