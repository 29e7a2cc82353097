"""What both stages of the training share: batches made ahead, the rate over time, saving and going on."""

import ctypes
import math
import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from torch import Tensor, nn

from qvl_agent.sandbox.nano.making.training.optimiser import Optimiser
from qvl_agent.sandbox.nano.making.training.state import State, save_state

__all__ = ["Budget", "Learner", "Progress", "keep", "put_back", "train"]

_AHEAD: Final = 4
_STEPS_KEPT: Final = 10
"""Between looks at the memory that is kept."""
_SAVE_S: Final = 120.0
_TELL_S: Final = 20.0
_VALIDATE_S: Final = 240.0
_SLOWNESS: Final = 0.97
"""How much of the past a told figure holds at each step."""

B = TypeVar("B")


_ALL_ARENAS: Final = 4096

_SHARE: Final = 0.5
"""Of the machine's memory."""

_STATM: Final = Path("/proc/self/statm")


class Learner(Protocol[B]):
    """One stage: how its batches are made, and what it learns from one."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """Whose weights are kept, by name."""

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """What changes them, by name."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """What else is kept."""

    @property
    def warm_up(self) -> int:
        """Steps until the full rate is reached."""

    @property
    def least(self) -> float:
        """The share of the rate that is left at the end."""

    def batch(self, rng: random.Random, share: float) -> B:
        """Make a batch, `share` of the way through the training. Called in another thread."""

    def step(self, batch: B, warmth: float) -> Mapping[str, float]:
        """Learn from it at `warmth` of the full rate; gives figures to be told."""

    def validate(self) -> Mapping[str, float]:
        """Give figures for what isn't trained on; none if there is nothing to give."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a training ends: after so many minutes or so many steps, in all."""

    minutes: float | None = None
    steps: int | None = None

    def share(self, progress: "Progress") -> float:
        """Say how much of it is used up, 0 to 1 or more."""
        shares = [0.0]
        if self.minutes is not None:
            shares.append(progress.seconds / 60 / self.minutes)
        if self.steps is not None:
            shares.append(progress.steps / self.steps)
        return max(shares)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: steps done, and the time that they took."""

    steps: int = 0
    seconds: float = 0.0


def train(
    learner: Learner[B],
    budget: Budget,
    folder: Path,
    *,
    progress: Progress,
    say: Callable[[str], None],
    seed: int = 0,
    flat: bool = False,
) -> Progress:
    """Train until the budget is used up, and keep the state in a folder, now and then and at the end.

    Batches depend on the seed and the number of the step alone, and under a budget of steps so does all
    else: a training that was stopped and went on comes out as one that wasn't.

    Args:
        learner: the stage.
        budget: of the whole training, with what was done before.
        folder: where the state is kept.
        progress: how far it is.
        say: what is told how it goes.
        seed: of the batches.
        flat: keep the rate instead of lowering it.
    """
    figures, began, before = dict[str, float](), time.monotonic(), progress
    told = saved = validated = began

    def so_far(steps: int) -> Progress:
        return Progress(steps, before.seconds + time.monotonic() - began)

    def make(step: int) -> B:
        share = budget.share(so_far(step))
        return learner.batch(random.Random(f"nano/{seed}/{step}"), min(1.0, share))

    with _Ahead(make, progress.steps) as batches:
        while (share := budget.share(progress)) < 1:
            warmth = min(1.0, (progress.steps + 1) / learner.warm_up)
            warmth *= (
                1.0 if flat else learner.least + (1 - learner.least) * (1 + math.cos(math.pi * share)) / 2
            )
            for name, value in learner.step(next(batches), warmth).items():
                figures[name] = figures.get(name, value) * _SLOWNESS + value * (1 - _SLOWNESS)
            progress = so_far(progress.steps + 1)
            now = time.monotonic()
            if progress.steps % _STEPS_KEPT == 0:
                give_back()
            if now - told > _TELL_S:
                told = now
                say(_line(progress, figures))
            if now - saved > _SAVE_S:
                saved = now
                save_state(folder, keep(learner, progress))
            if now - validated > _VALIDATE_S:
                validated = now
                say(_line(progress, learner.validate()))
    save_state(folder, keep(learner, progress))
    say(_line(progress, {**figures, **learner.validate()}))
    return progress


def keep(learner: Learner[Any], progress: Progress) -> State:
    """Gather what is needed to go on."""
    tensors = dict[str, Tensor]()
    for name, module in learner.modules.items():
        tensors |= {f"weights/{name}/{part}": weight for part, weight in module.state_dict().items()}
    for name, optimiser in learner.optimisers.items():
        tensors |= {f"moments/{name}/{part}": kept for part, kept in optimiser.tensors().items()}
    return State(tensors, {**learner.notes, "steps": progress.steps, "seconds": progress.seconds})


def put_back(learner: Learner[Any], state: State, *, moments: bool = True) -> Progress:
    """Let a stage go on from a state: its own, or the weights that an earlier one has taught.

    Args:
        learner: the stage; modules and optimisers that the state doesn't know stay as they are.
        state: what was kept.
        moments: also put the optimisers back.
    """
    for name, module in learner.modules.items():
        if weights := state.under(f"weights/{name}/"):
            module.load_state_dict(weights)
    for name, optimiser in learner.optimisers.items():
        if moments:
            optimiser.load(state.under(f"moments/{name}/"))
    return Progress(int(state.notes["steps"]), float(state.notes["seconds"]))


def _line(progress: Progress, figures: Mapping[str, float]) -> str:
    told = " ".join(f"{name} {value:.3f}" for name, value in sorted(figures.items()))
    return f"step {progress.steps}, {progress.seconds / 60:.1f} min: {told}"


class _Ahead(Iterator[B]):
    """Makes batches in another thread, some of them ahead, in their order."""

    def __init__(self, make: Callable[[int], B], first: int) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._make, self._next = make, first
        self._queue: deque[Future[B]] = deque()

    def __enter__(self) -> "_Ahead[B]":
        return self

    def __next__(self) -> B:
        while len(self._queue) < _AHEAD:
            self._queue.append(self._pool.submit(self._make, self._next))
            self._next += 1
        return self._queue.popleft().result()

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def give_back() -> bool:
    """Let jemalloc give all freed pages back, if it is loaded and the process holds half of the memory.

    Returns:
        whether it did.
    """
    control = getattr(ctypes.CDLL(None), "mallctl", None)
    if control is None or not _STATM.is_file():
        return False
    pages = int(_STATM.read_text("ascii").split()[1])
    if pages < _SHARE * os.sysconf("SC_PHYS_PAGES"):
        return False
    purge = f"arena.{_ALL_ARENAS}.purge".encode()
    return bool(control(purge, None, None, None, ctypes.c_size_t(0)) == 0)
