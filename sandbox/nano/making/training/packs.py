"""Packs a picture and its questions, or a run, into one sequence of tokens for `text.read`.

A test holds them to what the ordinary backend makes of the same conversations, token by token and
position by position.
"""

import random
import re
from collections.abc import Iterable, Iterator
from typing import Final

import torch
from torch import Tensor

from qvl_agent.prompts import render
from qvl_agent.sandbox.nano.making.data.samples import Episode, Shot
from qvl_agent.sandbox.nano.making.network.language import Sequence, picture_positions
from qvl_agent.sandbox.nano.making.network.shape import GRID
from qvl_agent.sandbox.nano.making.network.targets import cell_of
from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING, Coder
from qvl_agent.sandbox.nano.making.training.words_only import Words

__all__ = ["questions_pack", "run_pack", "words_pack"]

_BOX: Final = re.compile(r'"bbox_2d": \[(\d+), (\d+), (\d+), (\d+)\]')
_COORDINATES: Final = re.compile(r'(?<=": \[)(\d+(?:, \d+){3})(?=\])')
"""What only a picture tells of a reply."""
_SHORTEST: Final = 3
"""Characters of a piece that counts as repeated, as the tokenizer writes them: a Chinese one is three."""
_END: Final = "<|im_end|>\n"
_PICTURE: Final = "<|image_pad|>"


class _Written:
    """What was written so far.

    Args:
        coder: whose tokens.
        sees: whether there are pictures; without, only the places that they take are left.
    """

    def __init__(self, coder: Coder, *, sees: bool = True) -> None:
        self._coder, self._sees = coder, sees
        self.at = len(coder.system)
        """The next token's position; several questions may begin at the same."""
        self.branch = 0
        self._ids: list[int] = []
        self._positions: list[Tensor] = []
        self._branches: list[int] = []
        self._learnt: list[bool] = []
        self._looks: list[tuple[int, int, int]] = []
        self._copies: list[tuple[int, int]] = []
        self._since = 0
        """Where what was said since the last reply begins."""
        self._numbers: list[int] = []
        self._pictures: list[tuple[int, int, int]] = []

    def branches(self, start: int) -> None:
        """Begin the next question, at a position."""
        self.at, self.branch, self._since = start, self.branch + 1, len(self._ids)

    def text(self, text: str) -> None:
        """Write words that are given."""
        self._tokens(self._coder.encode(text), learnt=False)

    def picture(self, grid: tuple[int, int]) -> None:
        """Write a picture of so many rows and columns of tokens."""
        if not self._sees:
            self.at += max(grid)
            return
        count = grid[0] * grid[1]
        self._pictures.append((len(self._ids), len(self._pictures), count))
        positions = picture_positions(self.at, grid)
        self._put([self._coder.special[_PICTURE]] * count, positions, learnt=False)
        self.at += max(grid)

    def reply(self, reply: str, *, pointing: bool) -> None:
        """Write words that are to be learnt, and where to look at the last picture for their box."""
        tokens = [*self._coder.encode(reply), self._coder.special["<|im_end|>"]]
        self._copies += self._repeated(tokens)
        if self._sees:
            self._point(reply, tokens, pointing=pointing)
            self._tokens(tokens, learnt=True)
        else:
            for number, part in enumerate(_COORDINATES.split(reply + "<|im_end|>")):
                self._tokens(self._coder.encode(part), learnt=number % 2 == 0)
        self._since = len(self._ids)

    def slip(self, reply: str) -> None:
        """Write a reply that isn't to be learnt."""
        self.text(reply + "<|im_end|>")
        self._since = len(self._ids)

    def _point(self, reply: str, tokens: list[int], *, pointing: bool) -> None:
        if box := _BOX.search(reply):
            places = self._coordinates(tokens, len(self._ids))
            self._numbers += places
            if pointing:
                cell = self._pictures[-1][0] + cell_of([int(side) for side in box.groups()])
                self._looks += [(place - 1, side, cell) for side, place in enumerate(places)]

    def _repeated(self, tokens: list[int]) -> Iterator[tuple[int, int]]:
        """Find what a reply repeats of what it was told: the longest pieces, but for single usual words."""
        first = len(self._ids)
        told = [self._coder.bare[token] for token in self._ids[self._since :]]
        said = [self._coder.bare[token] for token in tokens[:-1]]
        at = 0
        while at < len(said):
            alike = [place for place, word in enumerate(told) if word == said[at]]
            count, place = max(
                ((_as_long(told[place:], said[at:]), place) for place in alike), default=(1, 0)
            )
            piece = [word for word in said[at : at + count] if word]
            if (
                alike
                and sum(map(len, piece)) >= _SHORTEST
                and (len(piece) > 1 or piece[0] not in self._coder.usual)
            ):
                yield from ((first + at + step - 1, self._since + place + step) for step in range(count))
            at += count

    def sequence(self) -> Sequence:
        """Give all of it."""
        return Sequence(
            ids=torch.tensor(self._ids),
            positions=torch.cat(self._positions, 1),
            branch=torch.tensor(self._branches),
            pictures=tuple(self._pictures),
            learnt=torch.tensor(self._learnt),
            looks=tuple(self._looks),
            copies=tuple(self._copies),
            numbers=tuple(self._numbers),
        )

    def _coordinates(self, tokens: list[int], first: int) -> list[int]:
        """Where the box's four numbers are: the first token of each, as 1000 has two."""
        known = self._coder.value
        start = tokens.index(self._coder.box) + 1 if self._coder.box in tokens else len(tokens)
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


def questions_pack(coder: Coder, shot: Shot, rng: random.Random, most: int) -> Sequence:
    """Pack a whole screen with some questions about it, each as if it were a run's first step."""
    questions = list(shot.questions)
    rng.shuffle(questions)
    written = _Written(coder)
    written.text("<|im_start|>user\n<|vision_start|>")
    written.picture(GRID)
    written.text("<|vision_end|>")
    start = written.at
    for question in questions[:most]:
        written.branches(start)
        written.text(render("task", task=question.instruction, rules=()) + _END + ANSWERING)
        written.reply(question.reply, pointing=True)
    return written.sequence()


def run_pack(coder: Coder, episode: Episode, most: int = 10) -> Sequence:
    """Pack a run, or its first steps: all its words after the system prompt, and its pictures.

    Args:
        coder: whose tokens.
        episode: the run; its shots' sizes are those of the pictures.
        most: replies; so many of its pictures are in the pack.
    """
    written = _Written(coder)
    grids = tuple(shot.grid for shot in episode.shots)
    whole = [shot.whole for shot in episode.shots]
    _run(written, Words(episode.text, grids, episode.slips), whole, most)
    return written.sequence()


def words_pack(coder: Coder, runs: Iterable[Words]) -> Sequence:
    """Pack runs without their pictures, beside each other; coordinates aren't to be learnt."""
    written = _Written(coder, sees=False)
    start = written.at
    for run in runs:
        written.branches(start)
        _run(written, run, [False] * len(run.grids), len(run.grids))
    return written.sequence()


def _as_long(told: list[str], said: list[str]) -> int:
    """How many words both begin with."""
    return next(
        (at for at, pair in enumerate(zip(told, said, strict=False)) if pair[0] != pair[1]),
        min(len(told), len(said)),
    )


def _run(written: _Written, run: Words, whole: list[bool], most: int) -> None:
    """Write a run, or its first replies; boxes are looked for on whole screens."""
    _, _, text = run.text.partition(_END)
    user, *turns = text.split(ANSWERING)
    _user(written, user, run.grids[0])
    for number, turn in enumerate(turns[:most]):
        reply, _, user = turn.partition(_END)
        written.text(ANSWERING)
        if number in run.slips:
            written.slip(reply)
        else:
            written.reply(reply, pointing=whole[number])
        written.text("\n")
        if number + 1 < most and user:
            _user(written, user, run.grids[number + 1])


def _user(written: _Written, text: str, grid: tuple[int, int]) -> None:
    """Write what the model is told: words around one picture."""
    before, _, after = text.partition(_PICTURE)
    written.text(before)
    written.picture(grid)
    written.text(after)
