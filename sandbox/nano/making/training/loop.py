"""The training loop of both stages: make batches ahead, set the rate, report, save, continue, free memory.

A stage is a `Learner`.
"""

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

__all__ = ["Budget", "Learner", "Progress", "gather_state", "restore", "train"]

B = TypeVar("B")
_AHEAD: Final = 4
"""How many batches are made ahead."""
_SAVE_S: Final = 120.0
_REPORT_S: Final = 20.0
_VALIDATE_S: Final = 240.0
_SLOWNESS: Final = 0.97
"""The weight of the past in the running means that are reported."""
_MEMORY_CHECK_STEPS: Final = 10
"""How many steps lie between two calls of `release_memory`."""
_MEMORY_SHARE: Final = 0.5
"""The share of the machine's memory from which on the process's freed pages are given back."""
_ALL_ARENAS: Final = 4096
"""jemalloc's MALLCTL_ARENAS_ALL."""
_STATM: Final = Path("/proc/self/statm")


class Learner(Protocol[B]):
    """One stage of the training: makes batches, and learns from them."""

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The modules whose weights are saved, by name."""

    @property
    def optimisers(self) -> Mapping[str, Optimiser]:
        """The optimisers whose state is saved, by name."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """What else is saved: values that JSON can hold."""

    @property
    def warm_up(self) -> int:
        """The number of steps until the full rate is reached."""

    @property
    def final_rate(self) -> float:
        """The rate at the end, as a share of the full rate."""

    def batch(self, rng: random.Random, share: float) -> B:
        """Make a batch for the point `share` (0-1) of the training. Called in another thread."""

    def step(self, batch: B, rate_share: float) -> Mapping[str, float]:
        """Learn from a batch at `rate_share` (0-1) of the full rate; return figures to report, by name."""

    def validate(self) -> Mapping[str, float]:
        """Return figures on data that isn't trained on, by name; may be empty."""


@dataclass(frozen=True, slots=True)
class Budget:
    """When a training ends: after so many minutes or steps in all, whichever comes first."""

    minutes: float | None = None
    steps: int | None = None

    def share(self, progress: "Progress") -> float:
        """Return how much of the budget is used up: 1 or more at the end."""
        shares = [0.0]
        if self.minutes is not None:
            shares.append(progress.seconds / 60 / self.minutes)
        if self.steps is not None:
            shares.append(progress.steps / self.steps)
        return max(shares)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is: the steps done, and the time that they took in s."""

    steps: int = 0
    seconds: float = 0.0


def train(
    learner: Learner[B],
    budget: Budget,
    folder: Path,
    *,
    progress: Progress,
    report: Callable[[str], None],
    seed: int = 0,
    flat: bool = False,
) -> Progress:
    """Train until the budget is used up, save the state regularly and at the end, and return the progress.

    Batches depend on the seed and the step's number only, and under a budget of steps so does everything
    else: a training that was interrupted and continued gives the same result as one that wasn't.

    Args:
        learner: The stage.
        budget: Of the whole training, including what was done before.
        folder: Where the state is saved.
        progress: How far the training is already.
        report: Called with a line about the progress.
        seed: The seed of the batches.
        flat: Whether to keep the full rate instead of lowering it.
    """
    figures, began, before = dict[str, float](), time.monotonic(), progress
    reported = saved = validated = began

    def so_far(steps: int) -> Progress:
        return Progress(steps, before.seconds + time.monotonic() - began)

    def make(step: int) -> B:
        share = budget.share(so_far(step))
        return learner.batch(random.Random(f"nano/{seed}/{step}"), min(1.0, share))

    with _BatchesAhead(make, progress.steps) as batches:
        while (share := budget.share(progress)) < 1:
            rate_share = min(1.0, (progress.steps + 1) / learner.warm_up)
            rate_share *= (
                1.0
                if flat
                else learner.final_rate + (1 - learner.final_rate) * (1 + math.cos(math.pi * share)) / 2
            )
            for name, value in learner.step(next(batches), rate_share).items():
                figures[name] = figures.get(name, value) * _SLOWNESS + value * (1 - _SLOWNESS)
            progress = so_far(progress.steps + 1)
            now = time.monotonic()
            if progress.steps % _MEMORY_CHECK_STEPS == 0:
                release_memory()
            if now - reported > _REPORT_S:
                reported = now
                report(_line(progress, figures))
            if now - saved > _SAVE_S:
                saved = now
                save_state(folder, gather_state(learner, progress))
            if now - validated > _VALIDATE_S:
                validated = now
                report(_line(progress, learner.validate()))
    save_state(folder, gather_state(learner, progress))
    report(_line(progress, {**figures, **learner.validate()}))
    return progress


def gather_state(learner: Learner[Any], progress: Progress) -> State:
    """Return the state that is needed to continue."""
    tensors = dict[str, Tensor]()
    for name, module in learner.modules.items():
        tensors |= {f"weights/{name}/{part}": weight for part, weight in module.state_dict().items()}
    for name, optimiser in learner.optimisers.items():
        tensors |= {f"moments/{name}/{part}": kept for part, kept in optimiser.tensors().items()}
    return State(tensors, {**learner.notes, "steps": progress.steps, "seconds": progress.seconds})


def restore(learner: Learner[Any], state: State, *, moments: bool = True) -> Progress:
    """Load a state into a stage: the stage's own, or the weights of an earlier training.

    Args:
        learner: The stage; modules and optimisers that the state doesn't have stay as they are.
        state: The saved state.
        moments: Whether to load the optimisers too.

    Returns:
        How far the state's training was.
    """
    for name, module in learner.modules.items():
        if weights := state.with_prefix(f"weights/{name}/"):
            module.load_state_dict(weights)
    for name, optimiser in learner.optimisers.items():
        if moments:
            optimiser.load(state.with_prefix(f"moments/{name}/"))
    return Progress(int(state.notes["steps"]), float(state.notes["seconds"]))


def release_memory() -> bool:
    """Make jemalloc give back all freed pages, if it is loaded and the process holds half of the memory.

    Returns:
        Whether it did.
    """
    control = getattr(ctypes.CDLL(None), "mallctl", None)
    if control is None or not _STATM.is_file():
        return False
    pages = int(_STATM.read_text("ascii").split()[1])
    if pages < _MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES"):
        return False
    purge = f"arena.{_ALL_ARENAS}.purge".encode()
    return bool(control(purge, None, None, None, ctypes.c_size_t(0)) == 0)


def _line(progress: Progress, figures: Mapping[str, float]) -> str:
    reported = " ".join(f"{name} {value:.3f}" for name, value in sorted(figures.items()))
    return f"step {progress.steps}, {progress.seconds / 60:.1f} min: {reported}"


class _BatchesAhead(Iterator[B]):
    """Yields batches in order; makes them in another thread, `_AHEAD` of them ahead."""

    def __init__(self, make: Callable[[int], B], first: int) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._make, self._next = make, first
        self._queue: deque[Future[B]] = deque()

    def __enter__(self) -> "_BatchesAhead[B]":
        return self

    def __next__(self) -> B:
        while len(self._queue) < _AHEAD:
            self._queue.append(self._pool.submit(self._make, self._next))
            self._next += 1
        return self._queue.popleft().result()

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
