"""Write a picture with its questions, or a run, as one `Pack` of tokens for `read_pack`.

A test compares them with what the ordinary backend makes of the same conversations, token by token and
position by position.
"""

import random
import re
from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

from qvl_agent.prompts import render
from qvl_agent.sandbox.nano.making.network.language import Pack, picture_positions
from qvl_agent.sandbox.nano.making.network.targets import cell_of
from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING, NanoTokenizer
from qvl_agent.sandbox.nano.making.samples import Episode, Shot
from qvl_agent.sandbox.nano.making.shape import GRID
from qvl_agent.sandbox.nano.making.training.words_only import Conversation

__all__ = ["questions_pack", "run_pack", "words_pack"]

_BOX: Final = re.compile(r'"bbox_2d": \[(\d+), (\d+), (\d+), (\d+)\]')
_COORDINATES: Final = re.compile(r'(?<=": \[)(\d+(?:, \d+){3})(?=\])')
"""A reply's coordinates, which only the picture tells."""
_MIN_REPEATED: Final = 3
"""The fewest characters of a piece that counts as repeated; the tokenizer writes a Chinese one as three."""
_END: Final = "<|im_end|>\n"
_PICTURE: Final = "<|image_pad|>"


class _PackBuilder:
    """Builds a pack piece by piece.

    Args:
        tokenizer: The tokenizer.
        sees: Whether pictures are written; if not, only the positions that they take are skipped.

    Attributes:
        at: The next token's position.
        branch: The number of the current question.
    """

    def __init__(self, tokenizer: NanoTokenizer, *, sees: bool = True) -> None:
        self._tokenizer, self._sees = tokenizer, sees
        self.at = len(tokenizer.system)
        """Several questions may begin at the same position."""
        self.branch = 0
        self._ids: list[int] = []
        self._positions: list[Tensor] = []
        self._branches: list[int] = []
        self._learnt: list[bool] = []
        self._looks: list[tuple[int, int, int]] = []
        self._copies: list[tuple[int, int]] = []
        self._since = 0
        """The index of the first token since the last reply."""
        self._numbers: list[int] = []
        self._pictures: list[tuple[int, int, int]] = []

    def begin_branch(self, start: int) -> None:
        """Begin the next question, at position `start`."""
        self.at, self.branch, self._since = start, self.branch + 1, len(self._ids)

    def add_text(self, text: str) -> None:
        """Add a text that isn't learnt."""
        self._tokens(self._tokenizer.encode(text), learnt=False)

    def add_picture(self, grid: tuple[int, int]) -> None:
        """Add a picture of so many rows and columns of tokens."""
        if not self._sees:
            self.at += max(grid)
            return
        count = grid[0] * grid[1]
        self._pictures.append((len(self._ids), len(self._pictures), count))
        positions = picture_positions(self.at, grid)
        self._put([self._tokenizer.special[_PICTURE]] * count, positions, learnt=False)
        self.at += max(grid)

    def add_reply(self, reply: str, *, pointing: bool) -> None:
        """Add a reply to be learnt; if `pointing`, also that its box's cell is to be attended to."""
        tokens = [*self._tokenizer.encode(reply), self._tokenizer.special["<|im_end|>"]]
        self._copies += self._repeated(tokens)
        if self._sees:
            self._point(reply, tokens, pointing=pointing)
            self._tokens(tokens, learnt=True)
        else:
            for number, part in enumerate(_COORDINATES.split(reply + "<|im_end|>")):
                self._tokens(self._tokenizer.encode(part), learnt=number % 2 == 0)
        self._since = len(self._ids)

    def add_slip(self, reply: str) -> None:
        """Add a reply that missed on purpose, which isn't learnt."""
        self.add_text(reply + "<|im_end|>")
        self._since = len(self._ids)

    def _point(self, reply: str, tokens: list[int], *, pointing: bool) -> None:
        if box := _BOX.search(reply):
            places = self._coordinates(tokens, len(self._ids))
            self._numbers += places
            if pointing:
                cell = self._pictures[-1][0] + cell_of([int(side) for side in box.groups()])
                self._looks += [(place - 1, side, cell) for side, place in enumerate(places)]

    def _repeated(self, tokens: list[int]) -> Iterator[tuple[int, int]]:
        """Yield what a reply repeats from the text before it: longest pieces, but no single usual words."""
        first = len(self._ids)
        told = [self._tokenizer.bare[token] for token in self._ids[self._since :]]
        said = [self._tokenizer.bare[token] for token in tokens[:-1]]
        at = 0
        while at < len(said):
            alike = [place for place, word in enumerate(told) if word == said[at]]
            count, place = max(
                ((_common_length(told[place:], said[at:]), place) for place in alike), default=(1, 0)
            )
            piece = [word for word in said[at : at + count] if word]
            if (
                alike
                and sum(map(len, piece)) >= _MIN_REPEATED
                and (len(piece) > 1 or piece[0] not in self._tokenizer.usual)
            ):
                yield from ((first + at + step - 1, self._since + place + step) for step in range(count))
            at += count

    def pack(self) -> Pack:
        """Return the pack."""
        return Pack(
            ids=torch.tensor(self._ids),
            positions=torch.cat(self._positions, 1),
            branch=torch.tensor(self._branches),
            pictures=tuple(self._pictures),
            learnt=torch.tensor(self._learnt),
            pointings=tuple(self._looks),
            copies=tuple(self._copies),
            numbers=tuple(self._numbers),
        )

    def _coordinates(self, tokens: list[int], first: int) -> list[int]:
        """Return the places of the box's four numbers: of the first token of each, as 1000 has two."""
        known = self._tokenizer.value
        start = tokens.index(self._tokenizer.box) + 1 if self._tokenizer.box in tokens else len(tokens)
        places = [
            first + at
            for at in range(start, len(tokens))
            if tokens[at] in known and tokens[at - 1] not in known
        ]
        return places[:4]

    def _tokens(self, tokens: list[int], *, learnt: bool) -> None:
        self._put(tokens, torch.arange(self.at, self.at + len(tokens)).expand(3, -1), learnt=learnt)
        self.at += len(tokens)

    def _put(self, tokens: list[int], positions: Tensor, *, learnt: bool) -> None:
        self._ids += tokens
        self._positions.append(positions)
        self._branches += [self.branch] * len(tokens)
        self._learnt += [learnt] * len(tokens)


def questions_pack(tokenizer: NanoTokenizer, shot: Shot, rng: random.Random, most: int) -> Pack:
    """Pack a whole screen with at most `most` questions about it, each as if it were a run's first step."""
    questions = list(shot.questions)
    rng.shuffle(questions)
    builder = _PackBuilder(tokenizer)
    builder.add_text("<|im_start|>user\n<|vision_start|>")
    builder.add_picture(GRID)
    builder.add_text("<|vision_end|>")
    start = builder.at
    for question in questions[:most]:
        builder.begin_branch(start)
        builder.add_text(render("task", task=question.instruction, rules=()) + _END + ANSWERING)
        builder.add_reply(question.reply, pointing=True)
    return builder.pack()


def run_pack(tokenizer: NanoTokenizer, episode: Episode, most: int = 10) -> Pack:
    """Pack a run, or its first steps: its text after the system prompt, and its pictures.

    Args:
        tokenizer: The tokenizer.
        episode: The run.
        most: The greatest number of replies, and so of pictures.
    """
    builder = _PackBuilder(tokenizer)
    grids = tuple(shot.grid for shot in episode.shots)
    whole = [shot.whole for shot in episode.shots]
    _add_run(builder, Conversation(episode.text, grids, episode.slips), whole, most)
    return builder.pack()


def words_pack(tokenizer: NanoTokenizer, runs: Iterable[Conversation]) -> Pack:
    """Pack conversations without their pictures, each as a branch; coordinates aren't learnt."""
    builder = _PackBuilder(tokenizer, sees=False)
    start = builder.at
    for run in runs:
        builder.begin_branch(start)
        _add_run(builder, run, [False] * len(run.grids), len(run.grids))
    return builder.pack()


def _common_length(told: list[str], said: list[str]) -> int:
    """Return how many words at the beginning are the same in both."""
    return next(
        (at for at, pair in enumerate(zip(told, said, strict=False)) if pair[0] != pair[1]),
        min(len(told), len(said)),
    )


def _add_run(builder: _PackBuilder, run: Conversation, whole: list[bool], most: int) -> None:
    """Add a run, or its first `most` replies; pointing is learnt on whole screens only."""
    _, _, text = run.text.partition(_END)
    user, *turns = text.split(ANSWERING)
    _add_user_turn(builder, user, run.grids[0])
    for number, turn in enumerate(turns[:most]):
        reply, _, user = turn.partition(_END)
        builder.add_text(ANSWERING)
        if number in run.slips:
            builder.add_slip(reply)
        else:
            builder.add_reply(reply, pointing=whole[number])
        builder.add_text("\n")
        if number + 1 < most and user:
            _add_user_turn(builder, user, run.grids[number + 1])


def _add_user_turn(builder: _PackBuilder, text: str, grid: tuple[int, int]) -> None:
    """Add a message of the user: text around one picture."""
    before, _, after = text.partition(_PICTURE)
    builder.add_text(before)
    builder.add_picture(grid)
    builder.add_text(after)
