"""Printers of a run, a replay and the doctor's findings, for people and as JSON. Used only by `cli`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import assert_never

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from qvl_agent.actions.core.outcome import Change, Level, Outcome, Verdict
from qvl_agent.actions.planning.action import Action
from qvl_agent.agent.doctor.environment import Finding
from qvl_agent.agent.exit_codes import exit_code
from qvl_agent.agent.recording.format import (
    CloserLook,
    Manifest,
    RunResult,
    RunResumed,
    StepIntent,
    StepOutcome,
)
from qvl_agent.agent.recording.replay.rerun import ReplayReport
from qvl_agent.agent.registry.lookup import about_model
from qvl_agent.agent.run.events import (
    Acted,
    Asked,
    Decided,
    Ended,
    ItemFinished,
    ItemStarted,
    Loading,
    Looked,
    Paused,
    Resumed,
    RunEvent,
    ScriptStep,
    Started,
    TextReceived,
    Thinking,
    Verified,
    Verifying,
    Warned,
)
from qvl_agent.agent.run.resume import budget_of, command, is_over
from qvl_agent.agent.wording import action_words, shortened, visible

__all__ = ["JsonReporter", "TerminalReporter", "print_findings", "print_replay"]

_MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]note[/]", "bad": "[red]BAD [/]"}
_REPLY_SHOWN = 240
_SHOWN_S = 0.0005
"""Seconds; shorter parts of a step's time aren't printed."""


class TerminalReporter:
    """A subscriber of a run's events that prints each step as it happens."""

    def __init__(self, *, verbose: bool = False, console: Console | None = None) -> None:
        self._verbose = verbose
        self._console = console or Console(highlight=False)
        self._waiting: Status | None = None
        self._times: dict[str, float] = {}
        self._folder, self._flow = Path(), ""
        self._verdict: Verdict | None = None

    def __call__(self, event: RunEvent) -> None:
        """Print an event."""
        match event:
            case Started(manifest, folder):
                self._started(manifest, folder)
            case Resumed(resumed, folder):
                self._resumed(resumed, folder)
            case Thinking(step):
                self._wait(f"step {step}: the model is looking …")
            case Loading(share):
                self._wait(f"the model is being loaded: {share:.0%} …")
            case Verifying():
                self._wait("it says it is done: the model looks at a fresh screen …")
            case Decided(intent):
                self._decided(intent)
            case Acted(outcome):
                self._acted(outcome)
            case Warned(sentence):
                self._stop_waiting()
                self._print(f"note: {_safe(sentence)}", "yellow")
            case Asked() | Paused():  # `TerminalPerson` asks, and says why
                self._stop_waiting()
            case Ended(result):
                self._ended(result)
            case ItemStarted(key, number) if key:
                self._print(f"item [bold]{_safe(key)}[/] (row {number})")
            case ScriptStep():
                self._stepped(event)
            case ItemFinished() if event.key or event.message:
                self._item_finished(event)
            case Looked() | TextReceived() | Verified() | ItemStarted() | ItemFinished():
                pass
            case _:
                assert_never(event)

    def _stepped(self, step: ScriptStep) -> None:
        """Print a step of a flow that failed; with -v every one. What was sent is printed as it is acted."""
        if step.status == "done" and not self._verbose:
            return
        style = {"done": "dim", "noted": "yellow"}.get(step.status, "red")
        message = f": {_safe(step.message)}" if step.message else ""
        self._print(f"     [{style}]{_safe(step.path)} {_safe(step.words)}: {step.status}[/]{message}")

    def _item_finished(self, item: ItemFinished) -> None:
        style = "green" if item.status in {"done", "skipped"} else "red"
        message = f": {_safe(item.message)}" if item.message else ""
        self._print(f"item {_safe(item.key)}: [{style}]{item.status}[/]{message}".replace("item : ", ""))

    def _started(self, manifest: Manifest, folder: Path) -> None:
        self._folder, self._flow = folder, manifest.flow
        name = ", ".join(filter(None, (manifest.model, about_model(manifest.model))))
        self._print(f"model: {_safe(name)}")
        self._print(f"desktop: {_safe(manifest.desktop)} · task: [bold]{_safe(manifest.task)}[/]")
        self._print(f"record: {_safe(str(folder))}", "dim")

    def _resumed(self, resumed: RunResumed, folder: Path) -> None:
        for sentence in (resumed.torn and f"the record's {resumed.torn}", resumed.note):
            if sentence:
                self(Warned(sentence))
        self._print(f"goes on after step {resumed.after} ({resumed.ended or 'cut off'})")
        self._started(resumed.manifest, folder)

    def _decided(self, intent: StepIntent) -> None:
        self._stop_waiting()
        self._times = intent.times
        self._verdict = intent.verdict
        said = intent.reply.text.strip()
        self._print(
            f"{intent.step:>3}  {_safe(said if self._verbose else shortened(said, _REPLY_SHOWN))}", "dim"
        )
        if intent.action is None:
            self._print(f"     [yellow]no action:[/] {_safe(intent.error)}")
            return
        self._print(f"     [bold]{_safe(action_words(intent.action))}[/]")
        if intent.closer:
            self._print(f"     {_safe(_closer(intent.closer))}", "dim")
        if intent.verdict and intent.verdict.level is not Level.ALLOW:
            level, rule = intent.verdict.level.name.lower(), intent.verdict.rule
            self._print(f"     guard: {level} by {rule}: {_safe(intent.verdict.reason)}", "yellow")

    def _acted(self, outcome: StepOutcome) -> None:
        facts = _facts(outcome.outcome)
        if facts:
            self._print(f"     {_safe(facts)}")
        times = {**self._times, **outcome.outcome.times}
        parts = [f"{name} {1000 * seconds:.0f}" for name, seconds in times.items() if seconds >= _SHOWN_S]
        self._print(f"     ms: {' · '.join(parts)}", "dim")

    def _ended(self, result: RunResult) -> None:
        self._stop_waiting()
        style = "green" if exit_code(result) == 0 else "red"
        message = f": {_safe(result.message)}" if result.message else ""
        self._print(
            f"[{style}]{result.status}[/] after {result.steps} steps, {result.seconds:.1f} s{message}"
        )
        if result.verified_by == "model":
            said = {True: "yes", False: "[red]no[/]", None: "[red]no usable answer[/]"}[result.verified]
            self._print(f"is it done? The model, over a fresh screen: {said}: {_safe(result.check)}")
        elif result.verified is not None:
            said = "[green]passed[/]" if result.verified else "[red]not passed[/]"
            self._print(f"checker: {said}: {_safe(result.check)}")
        if not is_over(result.status) and not self._flow:
            budget = budget_of(self._verdict) if result.status == "budget" else ""
            self._print(f"it can go on: {_safe(command(self._folder.absolute(), budget))}")

    def _print(self, text: str, style: str | None = None) -> None:
        self._console.print(text, style=style, soft_wrap=True)

    def _wait(self, text: str) -> None:
        if self._console.is_terminal:
            self._stop_waiting()
            self._waiting = self._console.status(text)
            self._waiting.start()

    def close(self) -> None:
        """Give the terminal back, also where a run had no end to tell of."""
        self._stop_waiting()

    def _stop_waiting(self) -> None:
        if self._waiting:
            self._waiting.stop()
            self._waiting = None


class JsonReporter:
    """A subscriber of a run's events that prints the same facts for programs, one JSON object a line."""

    def __call__(self, event: RunEvent) -> None:
        """Print an event; mere progress (looking, thinking, verifying, pieces of text) is left out."""
        match event:
            case Started(manifest, folder):
                _print_json({"event": "started", "folder": str(folder), **_plain(manifest)})
            case Resumed(resumed, folder):
                _print_json({"event": "resumed", "folder": str(folder), **_plain(resumed)})
            case Decided(intent):
                _print_json({"event": "decided", **_plain(intent)})
            case Acted(outcome):
                _print_json({"event": "acted", **_plain(outcome)})
            case Asked(question):
                _print_json(
                    {"event": "asked", "rule": question.verdict.rule, "reason": question.verdict.reason}
                )
            case Warned(sentence):
                _print_json({"event": "warned", "sentence": sentence})
            case Paused(reason):
                _print_json({"event": "paused", "why": reason})
            case Verified(holds, reason, by):
                _print_json({"event": "verified", "holds": holds, "reason": reason, "by": by})
            case ItemStarted(key, number):
                _print_json({"event": "item", "key": key, "row": number})
            case ScriptStep():
                _print_json({"event": "flow-step", **asdict(event)})
            case ItemFinished():
                _print_json({"event": "item-ended", **asdict(event)})
            case Ended(result):
                _print_json({"event": "ended", **_plain(result)})
            case Looked() | Thinking() | Loading() | TextReceived() | Verifying():
                pass
            case _:
                assert_never(event)


def _safe(text: str) -> str:
    """Make a text safe to print: without markup, and with nothing that controls the terminal."""
    return escape(visible(text))


def _closer(look: CloserLook) -> str:
    return f"looked closer, and kept the first target: {look.kept}" if look.kept else "looked closer"


def _facts(outcome: Outcome) -> str:
    """Describe an outcome: its status, where the pointer went, and what changed."""
    facts = []
    if outcome.status != "done":
        facts.append(f"{outcome.status}: {outcome.detail}" if outcome.detail else outcome.status)
    elif outcome.detail:
        facts.append(outcome.detail)
    if outcome.pointer:
        facts.append(f"pointer at ({outcome.pointer.x}, {outcome.pointer.y})")
    elif outcome.planned:
        went = "sent to" if outcome.status == "done" else "would go to"
        facts.append(f"{went} ({outcome.planned.x}, {outcome.planned.y})")
    if outcome.change is not None:
        facts.append(_changed(outcome.change, quiet=outcome.quiet))
    return " · ".join(facts)


def _changed(change: Change, *, quiet: bool) -> str:
    if not change:
        return "nothing changed" + (" but what moves by itself" if change.by_itself else "")
    where = {True: " at the target", False: ", but not at the target", None: ""}[change.near_target]
    still = "" if quiet else ", and it hasn't settled"
    return f"the screen changed{where}{still}"


def print_findings(findings: Sequence[Finding]) -> None:
    """Print the doctor's findings, each with its remedy below it."""
    console = Console(highlight=False)
    for finding in findings:
        console.print(
            f"{_MARKS[finding.state]} [bold]{finding.name}[/]: {_safe(finding.fact)}", soft_wrap=True
        )
        if finding.remedy:
            console.print(f"     -> {_safe(finding.remedy)}", soft_wrap=True)


def print_replay(report: ReplayReport, *, as_json: bool) -> None:
    """Print a replay: a table with one row for each step, then the differences; or JSON lines."""
    if as_json:
        for step in report.steps:
            differences = [asdict(difference) for difference in step.differences]
            _print_json(
                {"event": "step", "step": step.step, "agreed": step.agreed, "differences": differences}
            )
        torn = report.recording.torn
        _print_json({"event": "replayed", "agreed": report.agreed, "steps": len(report.steps), "torn": torn})
        return
    console = Console(highlight=False)
    table = Table("step", "recorded", "replayed", "verdict", "agrees", box=None, pad_edge=False)
    for step in report.steps:
        verdict = step.redone.verdict
        table.add_row(
            str(step.step),
            _safe(_said(step.recorded.intent.action)),
            _safe(_said(step.redone.action)),
            f"{verdict.level.name.lower()} ({verdict.rule})" if verdict else "",
            "[green]yes[/]" if step.agreed else "[red]no[/]",
        )
    console.print(table)
    for step in report.steps:
        for difference in step.differences:
            console.print(f"[red]step {step.step}:[/] {_safe(difference.sentence)}", soft_wrap=True)
    if report.recording.torn:
        console.print(f"[yellow]the journal's {_safe(report.recording.torn)}[/]", soft_wrap=True)
    bad = sum(not step.agreed for step in report.steps)
    said = f"{bad} of them differ" if bad else "all agree" if report.steps else "so nothing was compared"
    console.print(f"{len(report.steps)} steps, {said}")


def _said(action: Action | None) -> str:
    return action_words(action) if action else "no action"


def _plain(value: BaseModel) -> dict[str, object]:
    return value.model_dump(mode="json")


def _print_json(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()
