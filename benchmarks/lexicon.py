"""How well the guard reads what stands on buttons: recall, precision and questions on labelled sets.

    .venv/bin/python benchmarks/lexicon.py [FILE.jsonl …] [--misses]

Labels, reasons and window titles in English and Chinese as they stand in real programs, each with what it
does:

- tests/data/consequences.jsonl is the tuned part: the lexicon was mended where it failed there, so its
  figures say how well it knows what it was shown.
- tests/data/consequences_held_out.jsonl is the held-out part: labels of other programs, written down
  program by program after the lexicon was done. It was never mended for them, and must not be. A label
  that the tuned part has too is an everyday one, so the figures are printed without those as well.
- tests/data/consequences_{general,words,tasks}_{dev,test}.jsonl were made for this, in both languages, by
  an author who hadn't read the lexicon, its code or the sets above. `general`: general words such as
  "Submit", whose object stands elsewhere; `words`: labels alone; `tasks`: what a person's sentence grants.
  Each row has the `task`, and says by `asks` whether a person has to be asked. The dev halves were looked at
  while the rules were mended, so that they are tuned; the test halves weren't, and must not be. Some rows
  can't be told from words alone.

Rows with `kinds` are judged by the rule about consequences alone, without a task; rows with `asks` by the
whole guard, and what it refuses counts as asked.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qvl_agent.actions.core.coordinates import ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.judge import judge
from qvl_agent.actions.guard.lexicon.search import named_in
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.consequence import consequence
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Click
from qvl_agent.actions.planning.plan import plan

DATA = Path(__file__).parent.parent / "tests/data"
TUNED, HELD_OUT = DATA / "consequences.jsonl", DATA / "consequences_held_out.jsonl"
PARTS = ("general", "words", "tasks")
_MONITOR = Rect(0, 0, 1000, 1000)
_VIEW = View(1000, 1000, _MONITOR)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a set.

    Attributes:
        asks: whether it has a consequence that the task doesn't ask for.
        kinds: what it really does, where the set says so; empty for what is harmless.
        task: the person's own sentence.
    """

    language: str
    label: str
    intent: str
    title: str
    asks: bool
    kinds: tuple[str, ...] | None = None
    task: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many rows were right: asked where it should be, asked where it shouldn't, missed."""

    hits: int
    false_alarms: int
    misses: int

    @property
    def recall(self) -> float:
        return self.hits / (self.hits + self.misses)

    @property
    def precision(self) -> float:
        return self.hits / (self.hits + self.false_alarms)

    @property
    def questions(self) -> int:
        return self.hits + self.false_alarms


def read(path: Path = TUNED) -> list[Row]:
    return [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def _row(line: dict[str, Any]) -> Row:
    line.pop("why", "")
    if "kinds" in line:
        kinds = tuple(line.pop("kinds"))
        return Row(**line, kinds=kinds, asks=bool(kinds))
    return Row(**line)


def part(name: str, half: str = "dev") -> Path:
    """Return where a half of a part lies: "general", "words" or "tasks", and "dev" or "test"."""
    return DATA / f"consequences_{name}_{half}.jsonl"


def asked(row: Row) -> str:
    """The kind (or the rule) that a click on the row's label is asked about; "" if it isn't."""
    action = Click(target=ModelBox.of(400, 400, 600, 600), label=row.label, intent=row.intent)
    window = WindowInfo(app="app", title=row.title)
    scene = Scene(_VIEW, Geometry((_MONITOR,)), windows=(window,), asked_for=named_in(row.task))
    events = plan(action, _VIEW)
    if row.kinds is not None:
        verdict = consequence(Case(action, events, scene, Policy()))
        return verdict.rule.removeprefix("consequence-") if verdict else ""
    judged = judge(action, events, scene, Policy())
    return judged.rule.removeprefix("consequence-") if judged.level >= Level.ASK_ONCE else ""


def figures(rows: list[Row], kind: str = "") -> Figures:
    """Count: for all kinds together, asked at all; for one, asked about that one."""
    found = [(row, asked(row)) for row in rows]
    if kind:
        hits = sum(kind in (row.kinds or ()) and said == kind for row, said in found)
        false = sum(kind not in (row.kinds or ()) and said == kind for row, said in found)
        return Figures(hits, false, sum(kind in (row.kinds or ()) for row in rows) - hits)
    hits = sum(row.asks and bool(said) for row, said in found)
    false = sum(not row.asks and bool(said) for row, said in found)
    return Figures(hits, false, sum(row.asks for row in rows) - hits)


def new_words() -> list[Row]:
    """The held-out rows whose label the tuned part doesn't have."""
    known = {(row.language, row.label.casefold()) for row in read(TUNED)}
    return [row for row in read(HELD_OUT) if (row.language, row.label.casefold()) not in known]


def every_set() -> dict[str, list[Row]]:
    """Read all the sets that are there, each under the name that it is printed by."""
    sets = {"tuned": read(TUNED), "held out": read(HELD_OUT), "held out, new wording only": new_words()}
    for name in PARTS:
        for half in ("dev", "test"):
            if part(name, half).exists():
                sets[f"{name}, {half}"] = read(part(name, half))
    return sets


def show(name: str, rows: list[Row]) -> None:
    for language in sorted({row.language for row in rows}):
        there = [row for row in rows if row.language == language]
        count = sum(row.asks for row in there)
        print(f"{name}, {language}: {len(there)} labels, {count} to be asked about")
        for kind in ("", *sorted({kind for row in there for kind in row.kinds or ()})):
            each = figures(there, kind)
            print(
                f"  {kind or 'all':8} recall {each.recall:6.1%}  precision {each.precision:6.1%}"
                f"  questions {each.questions:3}, {each.false_alarms} needless"
            )


def main() -> None:
    paths = [Path(word) for word in sys.argv[1:] if not word.startswith("--")]
    for name, rows in ({path.name: read(path) for path in paths} or every_set()).items():
        show(name, rows)
        for row in rows if "--misses" in sys.argv else ():
            if row.asks != bool(said := asked(row)):
                print(f"  {'to be asked' if row.asks else 'harmless'} but {said or 'not asked'}: {row}")


if __name__ == "__main__":
    main()
