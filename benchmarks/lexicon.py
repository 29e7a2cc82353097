"""How well the consequence rule reads what stands on buttons: recall and precision on labelled sets.

    .venv/bin/python benchmarks/lexicon.py [FILE.jsonl] [--misses]

Labels, reasons and window titles in English and Chinese as they stand in real programs, each with what it
does:

- tests/data/consequences.jsonl is the tuned part: the lexicon was mended where it failed there, so its
  figures say how well it knows what it was shown.
- tests/data/consequences_held_out.jsonl is the held-out part: labels of other programs, written down
  program by program after the lexicon was done. It was never mended for them, and must not be. A label
  that the tuned part has too is an everyday one, so the figures are printed without those as well.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.core.coordinates import ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.consequence import consequence
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Click
from qvl_agent.actions.planning.plan import plan

DATA = Path(__file__).parent.parent / "tests/data"
TUNED, HELD_OUT = DATA / "consequences.jsonl", DATA / "consequences_held_out.jsonl"
_MONITOR = Rect(0, 0, 1000, 1000)
_VIEW = View(1000, 1000, _MONITOR)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the set: `kinds` is what it really does, empty for what is harmless."""

    language: str
    label: str
    intent: str
    title: str
    kinds: list[str]


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


def read(path: Path = TUNED) -> list[Row]:
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def asked(row: Row) -> str:
    """The kind that a click on the row's label is asked about; "" if it isn't."""
    action = Click(target=ModelBox.of(400, 400, 600, 600), label=row.label, intent=row.intent)
    scene = Scene(_VIEW, Geometry((_MONITOR,)), windows=(WindowInfo(app="app", title=row.title),))
    verdict = consequence(Case(action, plan(action, _VIEW), scene, Policy()))
    return verdict.rule.removeprefix("consequence-") if verdict else ""


def figures(rows: list[Row], kind: str = "") -> Figures:
    """Count: for all kinds together, asked at all; for one, asked about that one."""
    found = [(row, asked(row)) for row in rows]
    if kind:
        hits = sum(kind in row.kinds and said == kind for row, said in found)
        false = sum(kind not in row.kinds and said == kind for row, said in found)
        return Figures(hits, false, sum(kind in row.kinds for row in rows) - hits)
    hits = sum(bool(row.kinds) and bool(said) for row, said in found)
    false = sum(not row.kinds and bool(said) for row, said in found)
    return Figures(hits, false, sum(bool(row.kinds) for row in rows) - hits)


def new_words() -> list[Row]:
    """The held-out rows whose label the tuned part doesn't have."""
    known = {(row.language, row.label.casefold()) for row in read(TUNED)}
    return [row for row in read(HELD_OUT) if (row.language, row.label.casefold()) not in known]


def show(name: str, rows: list[Row]) -> None:
    for language in sorted({row.language for row in rows}):
        there = [row for row in rows if row.language == language]
        count = sum(bool(row.kinds) for row in there)
        print(f"{name}, {language}: {len(there)} labels, {count} with a consequence")
        for kind in ("", *sorted({kind for row in there for kind in row.kinds})):
            each = figures(there, kind)
            print(f"  {kind or 'all':8} recall {each.recall:6.1%}  precision {each.precision:6.1%}")


def main() -> None:
    paths = [Path(word) for word in sys.argv[1:] if not word.startswith("--")]
    parts = {path.name: read(path) for path in paths} or {
        "tuned": read(TUNED), "held out": read(HELD_OUT), "held out, new wording only": new_words()
    }  # fmt: skip
    for name, rows in parts.items():
        show(name, rows)
        for row in rows if "--misses" in sys.argv else ():
            if bool(row.kinds) != bool(said := asked(row)):
                print(f"  {row.kinds or 'harmless'} but {said or 'not asked'}: {row}")


if __name__ == "__main__":
    main()
