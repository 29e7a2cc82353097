"""The page of a flow: each step in words, with the picture of its target, and what is wrong beside it.

A flow and its lock may come from anybody: their texts are escaped, their pictures are read by checksum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import FlowError, RecordingError
from qvl_agent.agent.flows.check import Mistake, check
from qvl_agent.agent.flows.checks.subject import header
from qvl_agent.agent.flows.lock import Evidence, Lock, load_picture, lock_folder
from qvl_agent.agent.flows.lock import Picture as LockPicture
from qvl_agent.agent.flows.reading import Loaded, beside, load, location_of
from qvl_agent.agent.flows.script.described import expected, step_sentence, target_words, time_words
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import Acting, Check, Do, Step
from qvl_agent.agent.flows.script.targets import DEFAULT_WITHIN_S, Target
from qvl_agent.agent.flows.script.walking import children, targets_of, walk
from qvl_agent.agent.flows.tree import Location, Place, nodes
from qvl_agent.agent.report.drawing import Album, Picture, box_mark, surroundings
from qvl_agent.agent.report.html import render, write_page

__all__ = ["render_flow", "write_flow"]

_WIDTH: Final = 1000
_MOST: Final = 8 * 2**20
"""The most bytes of all pictures on one page."""
_GAP: Final = 3
_WINDOWS: Final = 8
"""So many windows are kept decoded."""
_CROP: Final = (300, 110)
"""The least size in pixels of what is shown around a target."""
_INNER: Final = {"steps": "", "else": "Otherwise", "on_error": "After an item that failed"}


@dataclass(frozen=True, slots=True)
class ShownTarget:
    """A target as the page shows it.

    Attributes:
        close: its surroundings; None if there is no picture of it.
        whole: the whole window, with the target marked.
        without: why there is no picture; "" if there is one.
        notes: what else the lock says about it.
    """

    words: str
    close: Picture | None = None
    whole: Picture | None = None
    without: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as the page shows it, with the steps inside it under their headings."""

    line: int
    title: str
    sentence: str
    chips: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    targets: tuple[ShownTarget, ...]
    mistakes: tuple[Mistake, ...]
    inner: tuple[tuple[str, tuple["ShownStep", ...]], ...]


def write_flow(flow: Path, page: Path, *, data: Path | None = None) -> None:
    """Write a flow's page, readable by its owner alone.

    Args:
        flow: the flow's file.
        page: the page; a file there is replaced.
        data: the file with the rows, if it isn't the one that the flow names.

    Raises:
        FlowError: the flow can't be read, or the page would replace it.
        RecordingError: the page can't be written.
    """
    if page.resolve() == flow.resolve():
        raise FlowError(f"the page would replace the flow {flow}; name another file")
    write_page(page, render_flow(flow, data=data))


def render_flow(flow: Path, *, data: Path | None = None) -> str:
    """Make the page's HTML; raises FlowError as `write_flow` does."""
    loaded = load(flow)
    mistakes = check(flow, data=data)
    drawing = _Drawing(loaded, mistakes)
    steps = drawing.steps("steps", loaded.flow.steps)
    handlers = [
        (loaded.where(f"on_popup[{number}]")[0], each, drawing.steps(f"on_popup[{number}].steps", each.steps))
        for number, each in enumerate(loaded.flow.on_popup)
    ]
    return render(
        "flow.html.j2",
        flow=loaded.flow,
        file=loaded.path,
        lock=drawing.lock,
        steps=steps,
        handlers=handlers,
        columns=_columns(loaded, data),
        data=data or (loaded.flow.data.file if loaded.flow.data else ""),
        counts=_counts(loaded.flow, drawing.lock),
        mistakes=mistakes,
        elsewhere=drawing.elsewhere,
        album=drawing.album,
    )


class _Drawing:
    """One flow on its way to a page.

    Attributes:
        lock: its lock; None if there is none, or it is broken.
        album: the pictures of its windows.
        elsewhere: the mistakes that belong to no step.
    """

    def __init__(self, loaded: Loaded, mistakes: Sequence[Mistake]) -> None:
        self.album = Album(_WIDTH, _MOST)
        self._loaded, self._folder = loaded, lock_folder(loaded.path)
        try:
            self.lock = Lock.load(self._folder) if self._folder.is_dir() else None
        except RecordingError:
            self.lock = None  # `check` says what is wrong with it
        self._load = lru_cache(maxsize=_WINDOWS)(partial(load_picture, self._folder))
        self._mistakes, self.elsewhere = _beside_steps(loaded, mistakes)

    def steps(self, path: str, steps: Sequence[Step]) -> tuple[ShownStep, ...]:
        """Return steps as the page shows them."""
        return tuple(self._step(f"{path}[{number}]", step) for number, step in enumerate(steps))

    def _step(self, path: str, step: Step) -> ShownStep:
        sentence = step_sentence(step)
        # What it acts on comes before what has to be so afterwards.
        named = sorted(targets_of(step), key=lambda one: one[0].startswith("then"))
        targets = {target.key: target for _, target in named}
        return ShownStep(
            line=self._loaded.where(path)[0],
            title=step.name or sentence,
            sentence=sentence if step.name else "",
            chips=tuple(_chips(step)),
            facts=tuple(self._facts(path, step)),
            targets=tuple(self._target(target) for target in targets.values()),
            mistakes=tuple(self._mistakes.get(location_of(path), ())),
            inner=tuple(
                (_INNER[field], self.steps(f"{path}.{field}", inner))
                for field, inner in children(step)
                if inner
            ),
        )

    def _facts(self, path: str, step: Step) -> Iterator[tuple[str, str]]:
        if isinstance(step, Acting | Do):
            for each in step.then:
                yield "then", expected(each)
        if isinstance(step, Acting) and step.within != DEFAULT_WITHIN_S:
            yield "target within", time_words(step.within)
        verdict = self.lock.verdicts.get(path, "") if self.lock else ""
        if verdict and not verdict.startswith("allow"):
            yield "guard", verdict.replace("_", " ")

    def _target(self, target: Target) -> ShownTarget:
        words = target_words(target)
        evidence = self.lock.targets.get(target.key) if self.lock else None
        if evidence is None:
            return ShownTarget(words, without=_without(target, self.lock))
        picture, box = evidence.picture, evidence.box
        if not (0 <= box.left < box.right <= picture.width and 0 <= box.top < box.bottom <= picture.height):
            return ShownTarget(
                words, without="the lock's box lies outside its picture; compile the flow again"
            )
        try:
            close = self._picture(picture, _close(box, (picture.width, picture.height)), box, words)
            whole = self._picture(picture, FrameBox(0, 0, picture.width, picture.height), box, words)
        except RecordingError as error:
            return ShownTarget(words, without=str(error))
        without = "" if close else "isn't shown: the page has pictures enough"
        return ShownTarget(words, close, whole, without, tuple(_notes(evidence)))

    def _picture(self, picture: LockPicture, part: FrameBox, box: FrameBox, words: str) -> Picture | None:
        """Return a part of a recorded window with the target marked; None if the page is full."""
        alt = f"What {words} looked like, marked in the window in which it was recorded."
        marks = (box_mark("target", box, gap=_GAP),)
        return self.album.picture(picture.sha256, lambda: self._load(picture), part, alt=alt, marks=marks)


def _close(box: FrameBox, size: tuple[int, int]) -> FrameBox:
    """Return a target's surroundings, at least as large as a picture of them is on the page."""
    around = surroundings(box, size)
    x, y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    across, up = _CROP[0] // 2, _CROP[1] // 2
    return FrameBox(
        max(0, min(around.left, x - across)),
        max(0, min(around.top, y - up)),
        min(size[0], max(around.right, x + across)),
        min(size[1], max(around.bottom, y + up)),
    )


def _without(target: Target, lock: Lock | None) -> str:
    if target.describe and not target.text:
        return "has no picture: the model has to find it"
    if target.region and not target.text:
        return "has no picture: its place in the window is all that is known"
    if lock is None:
        return "without a picture: there is no lock, so it is found by its words alone"
    return "has no picture in the lock: it is found by its words alone"


def _notes(evidence: Evidence) -> Iterator[str]:
    seen = evidence.window
    names = [name for name in (seen.title, seen.app or seen.program) if name]
    yield f"in {' · '.join(names)}" if names else "its window wasn't known"
    if evidence.text:
        yield f"reads “{evidence.text}”"
    if evidence.row:
        yield f"in the row “{evidence.row}”"
    if evidence.text_varies:
        yield "its words are others each time, so its looks prove nothing"


def _chips(step: Step) -> Iterator[tuple[str, str]]:
    if isinstance(step, Acting) and step.once:
        yield "claim", "once"
    if isinstance(step, Check) and step.soft:
        yield "claim", "soft: noted, and it goes on"
    if isinstance(step, Do):
        yield "claim", "needs a model"


def _beside_steps(
    loaded: Loaded, mistakes: Sequence[Mistake]
) -> tuple[dict[Location, list[Mistake]], list[Mistake]]:
    """Return the mistakes by the location of their step, and those that belong to none."""
    steps = {location_of(path) for path, _ in walk(loaded.flow)}
    owners: dict[Place, Location] = {}
    for location, node in nodes(loaded.tree):
        fitting = (location[:end] for end in range(len(location), 0, -1) if location[:end] in steps)
        if (owner := next(fitting, None)) is not None:
            owners |= dict.fromkeys((node.place, *node.keys.values()), owner)
    beside_step: dict[Location, list[Mistake]] = {}
    elsewhere: list[Mistake] = []
    for each in mistakes:
        owner = owners.get(Place(each.line, each.column)) if each.path == loaded.path else None
        (beside_step.setdefault(owner, []) if owner is not None else elsewhere).append(each)
    return beside_step, elsewhere


def _columns(loaded: Loaded, data: Path | None) -> tuple[str, ...]:
    """Return the data's columns; none if its file can't be read, which `check` says."""
    declared = loaded.flow.data
    try:
        if data is not None or declared is not None:
            file = data or beside(loaded.path, declared.file if declared else "")
            return header(file, declared.sheet if declared else None) if file.is_file() else ()
    except FlowError:
        pass
    return ()


def _counts(flow: Flow, lock: Lock | None) -> Mapping[str, Any]:
    every = list(walk(flow))
    keys = {target.key for _, step in every for _, target in targets_of(step)}
    known = keys & lock.targets.keys() if lock else set()
    once = sum(isinstance(step, Acting) and step.once for _, step in every)
    return {"steps": len(every), "targets": len(keys), "known": len(known), "once": once}
