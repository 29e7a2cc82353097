"""What a picture's budget of tokens costs and brings: the model points in pictures of each size, in turn."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.agent.doctor.pointing.measure import Watching, measure, questions
from qvl_agent.agent.opening import open_model_for
from qvl_agent.agent.settings import Settings

__all__ = ["BUDGETS", "Budget", "measure_budgets", "proposed"]

BUDGETS: Final = (512, 1024, 2048)
"""The budgets that are tried, in image tokens of a picture; released models point best with 1024 to 2048."""
_AS_GOOD: Final = 0.09
"""A budget is as good as the best if it hits at most this share of the targets less: one of twelve."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How a model pointed with one budget.

    Attributes:
        tokens: the budget.
        hits, asked: in how many questions a click would have worked, and of how many.
        seconds: the median of a step that shows a new screen, from the question to the end of the reply.
        loaded_s, memory_bytes: as in `Measured`.
    """

    tokens: int
    hits: int
    asked: int
    seconds: float
    loaded_s: float | None = None
    memory_bytes: int | None = None

    @property
    def rate(self) -> float:
        return self.hits / self.asked


def measure_budgets(
    settings: Settings,
    budgets: Sequence[int] = BUDGETS,
    *,
    quick: bool = False,
    watch: Watching = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Budget, ...]:
    """Open the model with each budget, and ask it for the same targets on drawn screens. Sends no input.

    Args:
        settings: they choose the model and the dialect.
        budgets: the budgets to try, in image tokens of a picture.
        quick: ask for five targets, not twelve.
        watch: told of each question before it is asked.
        stop: asked often while the model works.

    Raises:
        QvlError: the model can't be opened, or failed.
        Stopped: `stop` returned True.
    """
    return tuple(_measured(settings, budget, quick=quick, watch=watch, stop=stop) for budget in budgets)


def _measured(
    settings: Settings, budget: int, *, quick: bool, watch: Watching, stop: Callable[[], bool]
) -> Budget:
    began = time.monotonic()
    with open_model_for(settings.model_copy(update={"max_picture_tokens": budget})) as model:
        asked = model.with_format(reply_format(settings.dialect)) if settings.constrain == "auto" else model
        found = measure(
            asked,
            questions(quick=quick),
            dialect=settings.dialect,
            max_picture_tokens=budget,
            opened_at=began,
            watch=lambda what, done, of: watch(f"{budget} tokens: {what}", done, of),
            stop=stop,
        )
    fresh = [answer for answer in found.answers if not answer.again]
    return Budget(
        tokens=budget,
        hits=sum(answer.hit for answer in found.answers),
        asked=len(found.answers),
        seconds=median(answer.reply.times.get("total", 0.0) for answer in fresh),
        loaded_s=found.loaded_s,
        memory_bytes=found.memory_bytes,
    )


def proposed(measured: Sequence[Budget]) -> Budget | None:
    """Return the fastest budget that is as good as the best; None if the model hits nothing with any."""
    best = max(each.rate for each in measured)
    if best == 0:
        return None
    good = [each for each in measured if each.rate >= best - _AS_GOOD]
    return min(good, key=lambda each: each.seconds)
