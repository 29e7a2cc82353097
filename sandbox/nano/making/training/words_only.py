"""The data's conversations without their pictures: far cheaper, they teach the form of the replies.

What a reply repeats from its task (a text to type or a label to click) is often replaced by random words, so
that it has to be copied and can't be known by heart.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from qvl_agent.prompts import render
from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING
from qvl_agent.sandbox.nano.making.samples import Episode
from qvl_agent.sandbox.nano.making.shape import GRID
from qvl_agent.sandbox.nano.making.training.sampling import without_read_text, without_read_text_in_run

__all__ = ["Conversation", "ConversationPool", "replace_repeated"]

_REPLACED_SHARE: Final = 0.6
"""The share of texts in which what is repeated is replaced."""
_KNOWN_SHARE: Final = 0.4
"""The share of replacements that are words from elsewhere in the data."""
_REPEATED: Final = re.compile(r'"(?:label|text)": "((?:[^"\\]|\\.)+)"')
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_BEFORE: Final = "<|im_end|>\n"
_LOOKING: Final = f"{_BEFORE}<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A run without its pictures: `Episode.text`, each picture's rows and columns, and `Episode.slips`."""

    text: str
    grids: tuple[tuple[int, int], ...]
    slips: tuple[int, ...] = ()


class ConversationPool:
    """The conversations to draw from: finished runs, and questions as if they were a run's first step.

    Args:
        episodes: The data.
    """

    def __init__(self, episodes: Sequence[Episode]) -> None:
        finished = [episode for episode in episodes if episode.finished]
        self._runs = [
            Conversation(
                without_read_text_in_run(run).text, tuple(shot.grid for shot in run.shots), run.slips
            )
            for run in finished
        ]
        tasks = [run.task for run in finished]
        often = {task: 1 / tasks.count(task) for task in set(tasks)}
        self._often = list(accumulate(often[task] for task in tasks))
        shots = [shot for episode in episodes for shot in episode.shots if shot.whole]
        asked = [
            (one.instruction, without_read_text(one.reply, shot.items))
            for shot in shots
            for one in shot.questions
        ]
        self._asked = sorted(set(asked))
        said = {found for words in self._runs for found in _REPEATED.findall(words.text)}
        self._known = sorted(said | {name for _, reply in self._asked for name in _REPEATED.findall(reply)})

    def some_runs(self, rng: random.Random, count: int) -> list[Conversation]:
        """Draw runs; all tasks are equally likely."""
        if not self._runs:
            return []
        drawn = rng.choices(self._runs, cum_weights=self._often, k=count)
        return [replace(words, text=self._maybe_replaced(words.text, rng)) for words in drawn]

    def some_questions(self, rng: random.Random, count: int) -> list[Conversation]:
        """Draw questions, each as a run of one step."""
        drawn = rng.choices(self._asked, k=count) if self._asked else []
        return [Conversation(self._maybe_replaced(_first_step(*one), rng), (GRID,)) for one in drawn]

    def _maybe_replaced(self, text: str, rng: random.Random) -> str:
        return replace_repeated(text, self._known, rng) if rng.random() < _REPLACED_SHARE else text


def replace_repeated(text: str, known: Sequence[str], rng: random.Random) -> str:
    """Replace what replies repeat from the task by other words, the same ones everywhere in a run.

    Args:
        text: A conversation.
        known: Words to choose from; some replacements are random letters instead.
        rng: Chooses the words.
    """
    before, system_end, said = text.partition(_BEFORE)
    task = said.partition(ANSWERING)[0]
    repeated = {name for name in _REPEATED.findall(said) if len(name) > 1 and name in task}
    for name in sorted(repeated, key=lambda name: (-len(name), name)):
        said = said.replace(name, _replacement(name, known, rng))
    return before + system_end + said


def _replacement(name: str, known: Sequence[str], rng: random.Random) -> str:
    """Return other words in the same script."""
    alike = [word for word in known if word.isascii() == name.isascii()]
    if alike and rng.random() < _KNOWN_SHARE:
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
