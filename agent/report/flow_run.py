"""The report of a flow's run: how its items ended, and of each step that failed what was seen and where.

It is made from the run's folder: `flow.jsonl` says what the flow did, the journal has what was sent. All that
a screen, a file of data or a flow says is hostile input, as in every report.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox, model_box_to_frame
from qvl_agent.actions.core.errors import FlowError, RecordingError
from qvl_agent.agent.flows.reading import Loaded, read
from qvl_agent.agent.flows.run.hands import plain_path
from qvl_agent.agent.flows.run.record import (
    FILE,
    FlowBegan,
    FlowLine,
    FoundSeen,
    ItemBegan,
    ItemEnded,
    StepEnded,
    read_lines,
)
from qvl_agent.agent.flows.script.described import step_sentence
from qvl_agent.agent.flows.script.walking import walk
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.report.candidates import SeenPlace, marks_of, places
from qvl_agent.agent.report.drawing import Album, Picture
from qvl_agent.agent.report.html import render, write_page
from qvl_agent.agent.report.page import ending
from qvl_agent.agent.wording import action_words

__all__ = ["is_flow_run", "render_flow_run", "write_flow_run"]

_WIDTH: Final = 1000
_WIDTH_OF_MANY: Final = 720
_MANY: Final = 30
"""From so many pictures on they are smaller, so that most runs have room for all of theirs."""
_MOST: Final = 7 * 2**20
"""The most bytes of all pictures on one page."""
_MOST_TROUBLES: Final = 300
_MOST_DONE: Final = 200
_MOST_BAD: Final = 1000
_MOST_TIMELINES: Final = 100
_MOST_STEPS: Final = 2000
_MOST_MOVED: Final = 200
_FINE: Final = ("done", "skipped")
_TONES: Final = {
    "done": "good",
    "skipped": "claim",
    "parked": "claim",
    "business-error": "claim",
    "noted": "claim",
}
"""The tone of an item's or a step's status; "bad" for any other."""
_SHORT: Final = ("check", "wait", "when", "while")
"""What the record says of steps that would take a sentence."""
_CUT_OFF: Final = "cut off"


@dataclass(frozen=True, slots=True)
class ShownItem:
    """An item as the table shows it; `anchor` is its place further down, "" if it has none."""

    key: str
    number: int
    status: str
    tone: str
    message: str
    seconds: float | None
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A step that failed, or a soft check that didn't hold.

    Attributes:
        anchor: its place on the page.
        where: the line in the flow's file, or the step's path.
        picture: the screen with the places; None with the reason in `without`.
        reasons: why no target was found for sure.
        later: what became of it, if it was tried again.
    """

    line: StepEnded
    anchor: str
    status: str
    words: str
    where: str
    picture: Picture | None
    without: str
    places: tuple[SeenPlace, ...]
    reasons: tuple[str, ...]
    later: str


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step as an item's list shows it."""

    line: StepEnded
    words: str
    tone: str
    where: str
    picture: Picture | None
    anchor: str
    """Where it is told in full; "" if nowhere."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What was done for one item."""

    key: str
    anchor: str
    status: str
    tone: str
    steps: tuple[ShownStep, ...]


def is_flow_run(folder: Path) -> bool:
    """Return whether a folder is the record of a flow's run."""
    return (folder / FILE).is_file()


def write_flow_run(folder: Path, page: Path) -> None:
    """Write the report of a flow's run, readable by its owner alone.

    Raises:
        RecordingError: the record is broken, or the page can't be written.
    """
    write_page(page, render_flow_run(folder))


def render_flow_run(folder: Path) -> str:
    """Make the report's HTML. In the place of a missing or damaged picture stands what is wrong with it.

    Raises:
        RecordingError: the record is broken.
    """
    recording = Recording.open(folder, stepless=True)
    run = _Run(recording, read_lines(recording.folder))
    stopped = run.stopped_at()
    troubles = [*([stopped] if stopped else []), *map(run.trouble, run.wrong[:_MOST_TROUBLES])]
    items, left_out = _chosen(run.items())
    tone, headline, worth = _ending(run)
    return render(
        "flow_run.html.j2",
        run=recording,
        manifest=recording.manifest,
        file=PurePath(recording.manifest.flow.replace("\\", "/")).name,
        result=recording.result,
        began=run.began,
        tone=tone,
        headline=headline,
        worth=worth,
        counts=[(status, _tone(status), number) for status, number in run.counts().most_common()],
        items=items,
        left_out=left_out,
        has_items=any(item.key for item in run.items()),
        troubles=troubles,
        troubles_left=_grouped(run, run.wrong[_MOST_TROUBLES:]),
        moved=run.moved(),
        timelines=run.timelines(items),
        album=run.album,
    )


class _Run:
    """One run on its way to a page.

    Attributes:
        began: its first line; None if it was cut off before.
        wrong: the steps that failed, then the soft checks that didn't hold, each in order.
        album: the pictures.
    """

    def __init__(self, recording: Recording, lines: Sequence[FlowLine]) -> None:
        self.recording = recording
        self.began = next((line for line in lines if isinstance(line, FlowBegan)), None)
        self._lines = lines
        self._steps = [line for line in lines if isinstance(line, StepEnded)]
        wrong = [line for line in self._steps if line.status != "done"]
        self.wrong = sorted(wrong, key=lambda line: line.status != "failed")
        told = enumerate(self.wrong[:_MOST_TROUBLES], 1)
        self._anchors = {id(line): f"trouble-{number}" for number, line in told}
        many = len(wrong) + len(recording.steps) >= _MANY
        self.album = Album(_WIDTH_OF_MANY if many else _WIDTH, _MOST)
        self._loaded = self._same_flow()
        self._sentences = dict(walk(self._loaded.flow)) if self._loaded else {}
        self._actions = {step.intent.step: step.intent.frame for step in recording.steps}
        self._tried: dict[tuple[str, str], list[StepEnded]] = {}
        for line in self._steps:
            self._tried.setdefault((line.key, line.path), []).append(line)

    def items(self) -> list[ShownItem]:
        """Return every item that was begun, in order."""
        ended = {line.key: line for line in self._lines if isinstance(line, ItemEnded)}
        begun = {line.key: line.number for line in self._lines if isinstance(line, ItemBegan)}
        return [
            _item(key, number, ended.get(key), f"item-{place}")
            for place, (key, number) in enumerate(begun.items(), 1)
        ]

    def counts(self) -> Counter[str]:
        """Return how many items ended how."""
        return Counter(item.status for item in self.items())

    def where(self, path: str) -> str:
        """Return the line of a step in the flow's file if that is as it was, else the step's path."""
        if self._loaded is None or not path:
            return path
        plain, _, inner = plain_path(path).partition(".use[")
        line = self._loaded.where(plain)[0]
        return f"line {line}" + (f", in the flow that it uses: [{inner}" if inner else "")

    def trouble(self, line: StepEnded) -> Trouble:
        """Return a step that didn't hold, with its picture."""
        seen = places(line.found)
        words = self.words(line)
        alt = f"The screen at “{words}”, with {len(seen)} places marked."
        picture, without = self._picture(line.frame, alt, seen)
        after = [each for each in self._tried[line.key, line.path] if each.attempt > line.attempt]
        later = f"attempt {after[-1].attempt}: {after[-1].status}" if after else ""
        reasons = tuple(each.reason for each in line.found if each.reason and each.reason not in line.message)
        status = "soft check" if line.status == "noted" else line.status
        return Trouble(
            line,
            self._anchors[id(line)],
            status,
            words,
            self.where(line.path),
            picture,
            without,
            seen,
            reasons,
            later,
        )

    def words(self, line: StepEnded) -> str:
        """Return what a step does; of one that sends nothing the whole sentence, if the flow is known."""
        step = self._sentences.get(plain_path(line.path)) if line.words in _SHORT else None
        return step_sentence(step) if step is not None else line.words

    def stopped_at(self) -> Trouble | None:
        """Return the input that the run ended at, where no step could be written about it any more."""
        last = self.recording.steps[-1] if self.recording.steps else None
        if last is None or last.outcome.outcome.status == "done" or last.intent.action is None:
            return None
        if any(line.action == last.intent.step for line in self._steps):
            return None
        box = getattr(last.intent.action, "target", None)
        frame, outcome = last.intent.frame, last.outcome.outcome
        line = StepEnded(
            key=next((item.key for item in self.items() if item.status == _CUT_OFF), ""),
            path=f"input {last.intent.step}",
            words=action_words(last.intent.action),
            status="failed",
            message=outcome.detail,
            found=(FoundSeen(box=model_box_to_frame(box, frame.view)),) if box is not None else (),
            frame=frame,
        )
        seen = places(line.found)
        alt = f"The screen at “{line.words}”, with {len(seen)} places marked."
        return Trouble(
            line,
            "trouble-0",
            outcome.status,
            line.words,
            line.path,
            *self._picture(frame, alt, seen),
            seen,
            (),
            "",
        )

    def moved(self) -> list[tuple[str, str, str, int]]:
        """Return what was found otherwise than recorded: where, words, how, and in how many steps."""
        found = Counter(
            (self.where(plain_path(line.path)), line.words, each.moved)
            for line in self._steps
            for each in line.found
            if each.moved
        )
        return [(*key, number) for key, number in found.most_common(_MOST_MOVED)]

    def timelines(self, items: Sequence[ShownItem]) -> list[Timeline]:
        """Return the steps of the first items that are shown, those that didn't end well first."""
        by_key: dict[str, list[StepEnded]] = {}
        for line in self._steps:
            by_key.setdefault(line.key, []).append(line)
        left, shown = _MOST_STEPS, []
        chosen = sorted(items, key=lambda item: item.status in _FINE)[:_MOST_TIMELINES]
        if "" in by_key and all(item.key for item in items):
            chosen.append(ShownItem("", 0, "", "", "", None, "item-0"))
        for item in chosen:
            steps = tuple(self._shown(line) for line in by_key.get(item.key, ())[:left])
            left -= len(steps)
            if steps:
                shown.append(Timeline(item.key, item.anchor, item.status, item.tone, steps))
        return shown

    def _shown(self, line: StepEnded) -> ShownStep:
        picture = None
        if line.status == "done" and line.action in self._actions:
            alt = f"The screen before “{line.words}”."
            picture, _ = self._picture(self._actions[line.action], alt, places(line.found))
        anchor = self._anchors.get(id(line), "")
        return ShownStep(line, self.words(line), _tone(line.status), self.where(line.path), picture, anchor)

    def _picture(
        self, ref: FrameRef | None, alt: str, seen: Iterable[SeenPlace]
    ) -> tuple[Picture | None, str]:
        """Return a stored screen with places, or why there is none."""
        if ref is None:
            return None, "No picture was kept of it."
        try:
            whole = FrameBox(0, 0, ref.view.width, ref.view.height)
            made = self.album.picture(
                ref.sha256, lambda: self.recording.frame(ref).pixels, whole, alt=alt, marks=marks_of(seen)
            )
        except RecordingError as error:
            return None, str(error)
        return (
            made,
            "" if made else f"The page has pictures enough; this one is {ref.file} in the run's folder.",
        )

    def _same_flow(self) -> Loaded | None:
        """Return the flow that was run, if its file is there and hasn't changed since."""
        file = Path(self.recording.manifest.flow)
        plain = file.name.endswith((".flow.yaml", ".flow.yml")) and not str(file).startswith(("//", "\\\\"))
        if self.began is None or not self.began.digest or not plain:
            return None
        try:
            loaded = read(file)
        except FlowError:
            return None
        return loaded if isinstance(loaded, Loaded) and loaded.digest == self.began.digest else None


def _item(key: str, number: int, ended: ItemEnded | None, anchor: str) -> ShownItem:
    if ended is None:
        return ShownItem(key, number, _CUT_OFF, "bad", "the run ended before the item did", None, anchor)
    return ShownItem(key, number, ended.status, _tone(ended.status), ended.message, ended.seconds, anchor)


def _tone(status: str) -> str:
    return _TONES.get(status, "bad")


def _chosen(items: Sequence[ShownItem]) -> tuple[list[ShownItem], list[tuple[str, str, int]]]:
    """Return the items that the table shows, and of the others how many ended how."""
    shown: list[ShownItem] = []
    left: Counter[str] = Counter()
    room = {True: _MOST_DONE, False: _MOST_BAD}
    for item in items:
        fine = item.status in _FINE
        if room[fine] > 0:
            room[fine] -= 1
            shown.append(item)
        else:
            left[item.status] += 1
    return shown, [(status, _tone(status), number) for status, number in left.most_common()]


def _grouped(run: _Run, lines: Iterable[StepEnded]) -> list[tuple[str, str, int]]:
    """Return steps that aren't shown one by one: where, words, and how many."""
    found = Counter((run.where(plain_path(line.path)), line.words) for line in lines)
    return [(*key, number) for key, number in found.most_common(_MOST_MOVED)]


def _ending(run: _Run) -> tuple[str, str, str]:
    """Return how the run ended: a tone, a headline, and an explanation."""
    result, noted = run.recording.result, sum(line.status == "noted" for line in run.wrong)
    if result is None:
        return ending(result)
    if result.status == "failed":
        return "bad", "Failed", "A step couldn't be done, or what had to follow wasn't seen."
    if result.status != "done":
        return ending(result)
    if noted:
        checks = "A soft check" if noted == 1 else f"{noted} soft checks"
        return "bad", "Done, but not as it should be", f"{checks} didn't hold; all else was done and seen."
    return "good", "Done", "Every step was done, and all that had to follow was seen."
