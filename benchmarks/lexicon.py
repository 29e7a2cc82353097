"""How well the consequence rule reads what stands on buttons: recall and precision on a labelled set.

    .venv/bin/python benchmarks/lexicon.py [FILE.jsonl] [--misses]

The set is tests/data/consequences.jsonl: labels, reasons and window titles in English and Chinese as they
stand in real programs, written down with their meaning and not taken from the lexicon. It holds
words that the lexicon doesn't know, so a full score would mean that the set is too easy.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.coordinates import ModelBox, Rect, View
from qvl_agent.actions.frame import Geometry
from qvl_agent.actions.plan import plan
from qvl_agent.actions.policy import Policy
from qvl_agent.actions.rules import Case
from qvl_agent.actions.rules.consequence import consequence
from qvl_agent.actions.scene import Scene
from qvl_agent.actions.schema import Click
from qvl_agent.actions.windows import WindowInfo

SET = Path(__file__).parent.parent / "tests/data/consequences.jsonl"
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


def read(path: Path = SET) -> list[Row]:
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


def main() -> None:
    paths = [word for word in sys.argv[1:] if not word.startswith("--")]
    rows = read(Path(paths[0]) if paths else SET)
    for language in sorted({row.language for row in rows}):
        there = [row for row in rows if row.language == language]
        print(f"{language}: {len(there)} labels")
        for kind in ("", *sorted({kind for row in there for kind in row.kinds})):
            each = figures(there, kind)
            print(f"  {kind or 'all':8} recall {each.recall:6.1%}  precision {each.precision:6.1%}")
    if "--misses" in sys.argv:
        for row in rows:
            if bool(row.kinds) != bool(said := asked(row)):
                print(f"  {row.kinds or 'harmless'} but {said or 'not asked'}: {row}")


if __name__ == "__main__":
    main()
