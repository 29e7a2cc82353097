"""What the second opinion is worth: real buttons of three toolkits, read from the pixels.

    .venv/bin/python benchmarks/second_opinion.py [--labels N] [--part tuned|held-out]

Each label is drawn as a button by Qt, GTK 3 and Tk, in twelve looks, two fonts and three sizes, and what
stands in its middle is read as the executor reads a target. Prints how many texts are read exactly, how far
the consequence rule gets by the pixels alone (the model calls the target nothing) and by the written label
for comparison, and what a target costs.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import buttons
import lexicon

from qvl_agent.actions.core.coordinates import FramePoint, ModelBox, Rect, View
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.consequence import consequence
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Click
from qvl_agent.actions.planning.plan import plan
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.reading.target_text import Reader, TargetText, read_targets
from qvl_agent.sandbox.display import VirtualDisplay

SIZE = (1600, 1200)
PAGE = 60
SURE = 0.8
_MONITOR = Rect(0, 0, *SIZE)
_VIEW = View(*SIZE, _MONITOR)


@dataclass(frozen=True, slots=True)
class Target:
    """A button that was read."""

    row: lexicon.Row
    toolkit: str
    text: TargetText
    seconds: float

    @property
    def exact(self) -> bool:
        return plain(" ".join(line.text for line in self.text.lines)) == plain(self.row.label)

    @property
    def asked(self) -> bool:
        """Whether a click on it is asked about by what was read, whatever the model calls it."""
        action = Click(target=ModelBox.at(500, 500))
        scene = Scene(_VIEW, Geometry((_MONITOR,)), texts=(self.text,))
        return consequence(Case(action, plan(action, _VIEW), scene, Policy())) is not None


def plain(text: str) -> str:
    """Leave out what no reader of buttons cares about: spaces, the width of letters, dots at the end."""
    folded = unicodedata.normalize("NFKC", text).replace("’", "'").strip(" .…。")
    return "".join(folded.split())


def pages(rows: list[lexicon.Row]) -> Iterator[tuple[str, str, str, int, list[lexicon.Row]]]:
    """Share the labels out: each toolkit gets all, in its looks, the fonts and the sizes by turns."""
    for toolkit, looks in buttons.LOOKS.items():
        combinations = [
            (look, font, size) for look in looks for font in buttons.FONTS for size in buttons.SIZES
        ]
        random.Random(7).shuffle(combinations)
        for number, start in enumerate(range(0, len(rows), PAGE)):
            yield toolkit, *combinations[number % len(combinations)], rows[start : start + PAGE]


def drawn(
    desktop: Desktop, display: VirtualDisplay, command: list[str], labels: list[str]
) -> tuple[Frame, list[FramePoint]]:
    process = subprocess.Popen(
        command, env=display.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(labels) + "\n")
    process.stdin.flush()
    middles = [FramePoint(x, y) for x, y in json.loads(process.stdout.readline())]
    before, frame = None, desktop.grab()
    while before is None or (before.pixels != frame.pixels).any():
        time.sleep(0.15)
        before, frame = frame, desktop.grab()
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
    return frame, middles


def read_all(rows: list[lexicon.Row], reader: Reader) -> Iterator[Target]:
    program = str(Path(__file__).with_name("buttons.py"))
    with VirtualDisplay(SIZE) as display:
        desktop = open_local(display.name)
        for toolkit, look, font, size, page in pages(rows):
            python = sys.executable if toolkit == "qt" else "/usr/bin/python3"
            command = [python, program, toolkit, look, font, str(size)]
            frame, middles = drawn(desktop, display, command, [row.label for row in page])
            for row, middle in zip(page, middles, strict=True):
                start = time.monotonic()
                (text,) = read_targets(reader, frame, (middle,))
                yield Target(row, toolkit, text, time.monotonic() - start)
        desktop.close()


def show(name: str, targets: list[Target]) -> None:
    exact = sum(target.exact for target in targets)
    serious = [target for target in targets if target.row.kinds]
    hits = sum(target.asked for target in serious)
    false = sum(target.asked for target in targets if not target.row.kinds)
    by_label = sum(bool(lexicon.asked(target.row)) for target in serious)
    print(
        f"{name:14} {len(targets):5} buttons  exact {exact / len(targets):6.1%}"
        f"  {len(serious)} with a consequence: asked about {hits / len(serious):6.1%}"
        f" (by the written label {by_label / len(serious):6.1%}),"
        f" precision {hits / max(1, hits + false):6.1%}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, default=0, help="only so many of each language (all)")
    parser.add_argument("--part", choices=["tuned", "held-out"], default="held-out")
    parser.add_argument("--misread", action="store_true", help="list what isn't read exactly")
    options = parser.parse_args()
    rows = lexicon.read(lexicon.TUNED if options.part == "tuned" else lexicon.HELD_OUT)
    random.Random(1).shuffle(rows)
    rows = [row for row in rows if not row.intent and not row.title]
    if options.labels:
        rows = [
            row for lang in ("en", "zh") for row in [r for r in rows if r.language == lang][: options.labels]
        ]
    reader = open_reader()
    if reader is None:
        sys.exit("the extra isn't installed: pip install 'qvl-agent[ocr]'")
    start = time.monotonic()
    reader.warm_up()
    targets = list(read_all(rows, reader))
    for language in ("en", "zh"):
        there = [target for target in targets if target.row.language == language]
        show(language, there)
        for toolkit in buttons.LOOKS:
            show(f"  {language} {toolkit}", [target for target in there if target.toolkit == toolkit])
    times = sorted(target.seconds for target in targets)[1:]
    print(
        f"a target takes {1000 * statistics.median(times):.0f} ms (median), "
        f"{1000 * times[int(0.95 * len(times))]:.0f} ms (p95), with {reader.name} on one thread; "
        f"without it 0 ms; the longest, with loading, {max(target.seconds for target in targets):.1f} s. "
        f"All of this: {time.monotonic() - start:.0f} s"
    )
    if options.misread:
        for target in targets:
            if not target.exact:
                lines = [(line.text, line.confidence) for line in target.text.lines]
                print(f"  {target.toolkit} {target.row.label!r}: {lines}")


if __name__ == "__main__":
    main()
