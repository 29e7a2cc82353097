"""Flows in Python: run a flow file; `session` does steps one by one from a script.

from qvl_agent.agent import Flow, open_desktop, see, session

with open_desktop() as desktop:
    run = Flow.load("invoices.flow.yaml").run(desktop)
    for item in run.items:
        print(item.key, item.status, item.values)

with open_desktop() as desktop, session(desktop, lock="erp.lock") as s:
    s.click("New invoice")
    s.type("Number", "4711")
    s.click("Save", once=True, then=see("saved", within=10))
    print(s.read(near="Internal id"))
"""

from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from typing import Any, Self

from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.person import Nobody, Person
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.secrets.vault import EMPTY, Vault
from qvl_agent.agent.flows.check import check
from qvl_agent.agent.flows.heal.healer import HealMode
from qvl_agent.agent.flows.reading import Loaded, Mistake, load
from qvl_agent.agent.flows.run.runner import FlowAgent, FlowRun, NoModel, needs_items
from qvl_agent.agent.flows.script import flow as script
from qvl_agent.agent.flows.trust import Trust, TrustStore
from qvl_agent.agent.flows.work import Wish, fingerprint_of, open_output, open_queue
from qvl_agent.agent.models import Model
from qvl_agent.agent.run.events import Subscriber

__all__ = ["Flow"]


class Flow:
    """A flow file, ready to be run."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a flow.

        Raises:
            FlowError: it can't be read; the message names file, line and remedy.
        """
        return cls(load(Path(path)))

    @property
    def path(self) -> Path:
        return self._loaded.path

    @property
    def script(self) -> script.Flow:
        """What the file says."""
        return self._loaded.flow

    def check(self) -> list[Mistake]:
        """Return every mistake, as `qvl-agent flow check` does."""
        return check(self._loaded.path)

    def run(
        self,
        desktop: Desktop,
        *,
        variables: Mapping[str, Any] | None = None,
        data: str | PathLike[str] | None = None,
        queue: str | PathLike[str] | None = None,
        resume: bool = False,
        fresh: bool = False,
        only: str | None = None,
        only_failed: bool = False,
        trust: Trust | None = None,
        model: Model | None = None,
        policy: Policy | None = None,
        person: Person | None = None,
        secrets: Vault = EMPTY,
        runs: Path | None = None,
        subscribers: tuple[Subscriber, ...] = (),
        heal: HealMode | None = None,
    ) -> FlowRun:
        """Run the flow to its end; a failed item is a result, not an error.

        Args:
            desktop: from `open_desktop`.
            variables: values of its variables.
            data: the rows; None for the file that the flow names.
            queue: the file that keeps the items' state; None for the one that belongs to flow and data.
            resume: go on with the items that are left.
            fresh: begin anew, although items are left from an earlier run.
            only: keys or rows: "4711,4712", "3-10".
            only_failed: do those again that failed.
            trust: what needn't be asked about; None for what the person said with `qvl-agent flow trust`.
            model: for `do` steps; None for none.
            policy: the guard's limits, for each item.
            person: answers questions; None for nobody.
            secrets: the values that the flow types unseen.
            runs: the folder for the recording; None for the default.
            subscribers: get the run's events.
            heal: where a target isn't found, look more widely, and "ask" the person or go on ("auto") with
                what is proved on pictures; a proposal is kept beside the flow, and nothing else is changed.

        Raises:
            FlowError: the flow, its lock, its data or a variable can't be used.
            RecordingError: the record can't be written.
        """
        agent = FlowAgent(
            desktop,
            model or NoModel(),
            policy=policy or Policy(),
            person=person or Nobody(),
            secrets=secrets,
            reader=open_reader(),
            subscribers=subscribers,
            runs=runs,
            trust=TrustStore().of(fingerprint_of(self._loaded)) if trust is None else trust,
            heal=heal,
        )
        with ExitStack() as stack:
            opened = output = None
            if needs_items(self._loaded.flow):
                file, rows = (Path(name) if name is not None else None for name in (queue, data))
                wish = Wish(rows, file, resume, fresh, only, only_failed)
                opened = stack.enter_context(open_queue(self._loaded, wish, redact=secrets.redactor.text))
                output = open_output(self._loaded, opened, rows)
            return agent.run(
                self._loaded, variables=variables, queue=opened, output=output, worker=desktop.name
            )
