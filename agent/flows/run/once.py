"""The `once` steps of an item: which were begun, and which are done for sure. None is ever done twice."""

from typing import Any, Protocol

from qvl_agent.agent.flows.run.acting import OnceMark

__all__ = ["OnceKeeper", "OnceSteps"]


class OnceKeeper(Protocol):
    """Keeps, durably, which `once` steps of an item were begun and which are done for sure."""

    def begin_once(self, path: str) -> None:
        """Note that a step is about to send its input; on the disk when this returns."""
        ...

    def withdraw_once(self, path: str) -> None:
        """Note that nothing of a step's input was sent after all."""
        ...

    def end_once(self, path: str, values: dict[str, Any]) -> None:
        """Note that a step is done, and what has to follow was seen."""
        ...


class OnceSteps:
    """The `once` steps of one item.

    Attributes:
        begun: how many were begun in this run and not withdrawn, so that nothing around them is repeated.
    """

    def __init__(self, keeper: OnceKeeper | None = None) -> None:
        self.begun = 0
        self._keeper = keeper

    def mark(self, path: str) -> "Mark":
        """Return what marks one of them."""
        return Mark(self, self._keeper, path)


class Mark(OnceMark):
    """Whether the input of a `once` step may have been sent; kept durably where an item is done."""

    def __init__(self, steps: OnceSteps, keeper: OnceKeeper | None, path: str) -> None:
        self.begun = False
        self._steps, self._keeper, self._path = steps, keeper, path

    def begin(self) -> None:
        if self._keeper is not None:
            self._keeper.begin_once(self._path)
        self.begun = True
        self._steps.begun += 1

    def undo(self) -> None:
        if not self.begun:
            return
        if self._keeper is not None:
            self._keeper.withdraw_once(self._path)
        self.begun = False
        self._steps.begun -= 1

    def end(self, values: dict[str, Any]) -> None:
        """Note that the step is done, and what has to follow was seen."""
        if self._keeper is not None:
            self._keeper.end_once(self._path, values)
