"""Measure healing: targets that changed beyond finding, and what is proposed in their place.

    python benchmarks/flows_heal.py [--cases 100] [--first 0]

A target is recorded on a drawn window of the sandbox's applications. Then it is renamed, renamed in another
look, or deleted; what the search still finds is left out. For the rest the healer looks more widely, and
proves what it finds on pictures, as in `flow heal`: by itself, and where a person has to judge, with one who
says yes to what is right by the widget tree. Exits with 1 if a wrong place was taken without a person.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from finding_drifts import Drifts, Target
from finding_scenes import Scene, Studio, delete, rename

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.execution.person import CallablePerson, Question
from qvl_agent.actions.planning.action import Click
from qvl_agent.actions.reading.rapidocr import RapidReader
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.rolling import RollingReader
from qvl_agent.agent.flows.finding.wanted import Place
from qvl_agent.agent.flows.heal.healer import Healer, Lost
from qvl_agent.agent.flows.heal.store import ProposalStore
from qvl_agent.agent.flows.lock import WindowSeen

APPS = ("form", "settings", "chat")
NAMES = (
    lambda text: f"{text} now",
    lambda text: f"{text}…",
    lambda text: f"Go: {text}",
    lambda text: text.upper(),
    lambda text: text[:-1] + "es" if len(text) > 4 else f"{text}s",
)
"""How buttons are renamed."""


def drifted(drifts: Drifts, target: Target, rng: random.Random) -> Iterator[tuple[str, Scene, bool]]:
    """Yield what happened, the window, and whether the target is still there under another name."""
    name = rng.choice(NAMES)(target.node.label)
    other = drifts._look.other_theme(rng)
    yield "renamed", drifts._draw(None, rename(target.node.id, name)), True
    yield "renamed, other theme", drifts._draw(other, rename(target.node.id, name)), True
    yield "deleted", drifts._draw(None, delete(target.node.id)), False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first window")
    options = parser.parse_args()
    studio, reader = Studio(), RollingReader(RapidReader())  # as in a run
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    done, number = 0, options.first
    while done < options.cases:
        app, seed = APPS[number % len(APPS)], 2_000_000 + number // len(APPS)
        number += 1
        drifts, rng = Drifts(studio, app, seed, reader, most=6), random.Random(f"heal/{app}/{seed}")
        for target in drifts.targets:
            if target.how != "words" or not target.wanted.words or not target.node.label:
                continue
            for what, scene, there in drifted(drifts, target, rng):
                result = healed(target, scene, reader, there=there)
                counts[what][result] += 1
                done += result != "still found"
                if done % 25 == 0 and result != "still found":
                    print(f"{done} cases after {app} {seed}", flush=True)
                if result == "WRONG":
                    print(f"WRONG {what}: {app} {seed} {target.node.id}", flush=True)
    columns = (
        "healed",
        "healed, asked",
        "not healed",
        "rightly not",
        "a person's no",
        "WRONG",
        "still found",
    )
    print(f"{'what happened':22}" + "".join(f"{each:>15}" for each in columns))
    for what, count in counts.items():
        print(f"{what:22}" + "".join(f"{count[each]:15}" for each in columns))
    total = sum(counts.values(), Counter())
    right = total["healed"] + total["healed, asked"]
    could = max(1, right + total["not healed"])
    alone = 100 * total["healed"] / could
    print(f"repaired: {100 * right / could:.0f} % of {could}, {alone:.0f} % without a person")
    print(f"wrong: {total['WRONG']}")
    return 1 if total["WRONG"] else 0


def healed(target: Target, scene: Scene, reader: RollingReader, *, there: bool) -> str:
    frame = Frame(
        np.ascontiguousarray(scene.pixels), Rect(0, 0, scene.pixels.shape[1], scene.pixels.shape[0])
    )
    place = Place(frame, frame.box, named=True)
    finding = find(target.wanted, place, reader)
    if finding.box is not None:
        return "still found"
    alone = proposal(target, scene, reader, place, "auto")
    if alone is not None:
        return "healed" if there and alone == target.node.id else "WRONG"
    asked = proposal(target, scene, reader, place, "ask")
    if asked is None:
        return "not healed" if there else "rightly not"
    return "healed, asked" if there and asked == target.node.id else "a person's no"


def proposal(
    target: Target, scene: Scene, reader: RollingReader, place: Place, mode: Literal["auto", "ask"]
) -> str | None:
    """Return the widget that is proposed for a target; None if there is no proposal that is proved."""
    seen: list[str] = []

    def hit(box: FrameBox) -> str:
        return scene.hit((box.left + box.right) // 2, (box.top + box.bottom) // 2)

    def judge(question: Question) -> bool:
        seen.append(hit(question.boxes[0]))
        return seen[-1] == target.node.id

    with tempfile.TemporaryDirectory() as folder:
        store = ProposalStore(Path(folder) / "x.flow.yaml")
        healer = Healer(store, reader, mode, CallablePerson(judge), taken=target.wanted.words)
        lost = Lost(
            target.node.label,
            "steps[0]",
            "click it",
            target.wanted,
            find(target.wanted, place, reader),
            place,
            WindowSeen(),
            lambda _box: Click(target=ModelBox.at(0, 0)),
        )
        found = healer.heal(lost)
    if seen:
        return seen[-1]
    return None if isinstance(found, str) or found[0].box is None else hit(found[0].box)


if __name__ == "__main__":
    sys.exit(main())
