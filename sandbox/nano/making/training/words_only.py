"""The words of the data without its pictures: many times cheaper, they teach how a run is talked about.

What a reply repeats from its task, what is to be typed or the label to be clicked, is often another word
here, as random as can be, so that it has to be copied and can't be known by heart.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from qvl_agent.prompts import render
from qvl_agent.sandbox.nano.making.data.samples import Episode
from qvl_agent.sandbox.nano.making.network.shape import GRID
from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING
from qvl_agent.sandbox.nano.making.training.sampling import read_nothing, unread

__all__ = ["Wording", "Words", "renamed"]

_RENAMED: Final = 0.6
"""The share of texts with other words in the place of what is repeated."""
_KNOWN: Final = 0.4
"""How many of those are words that the data have elsewhere."""
_REPEATED: Final = re.compile(r'"(?:label|text)": "((?:[^"\\]|\\.)+)"')
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_BEFORE: Final = "<|im_end|>\n"
_LOOKING: Final = f"{_BEFORE}<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"


@dataclass(frozen=True, slots=True)
class Words:
    """A conversation, as `Episode.text`, the grids of its pictures, and its slips as `Episode.slips`."""

    text: str
    grids: tuple[tuple[int, int], ...]
    slips: tuple[int, ...] = ()


class Wording:
    """All words of the data: of finished runs, and of questions as if they were a run's first step.

    Args:
        episodes: the data.
    """

    def __init__(self, episodes: Sequence[Episode]) -> None:
        finished = [episode for episode in episodes if episode.finished]
        self._runs = [
            Words(read_nothing(run).text, tuple(shot.grid for shot in run.shots), run.slips)
            for run in finished
        ]
        tasks = [run.task for run in finished]
        often = {task: 1 / tasks.count(task) for task in set(tasks)}
        self._often = list(accumulate(often[task] for task in tasks))
        shots = [shot for episode in episodes for shot in episode.shots if shot.whole]
        asked = [(one.instruction, unread(one.reply, shot.items)) for shot in shots for one in shot.questions]
        self._asked = sorted(set(asked))
        said = {found for words in self._runs for found in _REPEATED.findall(words.text)}
        self._known = sorted(said | {name for _, reply in self._asked for name in _REPEATED.findall(reply)})

    def some_runs(self, rng: random.Random, count: int) -> list[Words]:
        """Draw runs, of every task as many."""
        if not self._runs:
            return []
        drawn = rng.choices(self._runs, cum_weights=self._often, k=count)
        return [replace(words, text=self._other(words.text, rng)) for words in drawn]

    def some_questions(self, rng: random.Random, count: int) -> list[Words]:
        """Draw questions."""
        drawn = rng.choices(self._asked, k=count) if self._asked else []
        return [Words(self._other(_first_step(*one), rng), (GRID,)) for one in drawn]

    def _other(self, text: str, rng: random.Random) -> str:
        return renamed(text, self._known, rng) if rng.random() < _RENAMED else text


def renamed(text: str, known: Sequence[str], rng: random.Random) -> str:
    """Put other words in the place of what replies repeat from the task: the same everywhere in a run.

    Args:
        text: a conversation.
        known: words to choose from; now and then it is made of random letters.
        rng: what chooses.
    """
    before, system_end, said = text.partition(_BEFORE)
    task = said.partition(ANSWERING)[0]
    repeated = {name for name in _REPEATED.findall(said) if len(name) > 1 and name in task}
    for name in sorted(repeated, key=lambda name: (-len(name), name)):
        said = said.replace(name, _another(name, known, rng))
    return before + system_end + said


def _another(name: str, known: Sequence[str], rng: random.Random) -> str:
    """Choose words in the script of the old ones."""
    alike = [word for word in known if word.isascii() == name.isascii()]
    if alike and rng.random() < _KNOWN:
        return rng.choice(alike)
    if not name.isascii():
        characters = sorted({char for word in alike for char in word if ord(char) > 0x3000} or set(name))
        return "".join(rng.choices(characters, k=rng.randint(2, 8)))
    words = ["".join(rng.choices(_LETTERS, k=rng.randint(2, 9))) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.2:
        words.append(str(rng.randrange(1000)))
    joined = rng.choice((" ", " ", " ", "-", ".", "@")).join(words)
    return joined.title() if rng.random() < 0.5 else joined


def _first_step(instruction: str, reply: str) -> str:
    task = render("task", task=instruction, rules=())
    return f"{_LOOKING}{task}{_BEFORE}{ANSWERING}{reply}{_BEFORE}"
