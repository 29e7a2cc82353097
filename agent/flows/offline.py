"""Run a flow on its recorded pictures: no screen, no model, nothing sent. For CI.

For each step that acts, every target has to be found, for sure, on the window as it was recorded before the
step; what has to follow has to be on the one recorded after it, and not before; and the guard's verdict has
to be what it was. Of a step whose words come from a row it is checked that they can be filled in, as the
recording shows one row alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.errors import CoordinateError, FlowError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.events import MoveEvent
from qvl_agent.actions.planning.plan import plan, select_all_on
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.looks import same
from qvl_agent.agent.flows.finding.rolling import KnownLines
from qvl_agent.agent.flows.finding.wanted import Finding, Place
from qvl_agent.agent.flows.finding.words import shows
from qvl_agent.agent.flows.lock import Evidence, Picture, lock_folder
from qvl_agent.agent.flows.reading import Loaded
from qvl_agent.agent.flows.run.acting import action_of, in_words, on_grid, own_targets
from qvl_agent.agent.flows.run.evidence import KnownTargets
from qvl_agent.agent.flows.run.record import FoundSeen, seen_in
from qvl_agent.agent.flows.script.steps import ActingStep, Type
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.flows.script.walking import texts as texts_in
from qvl_agent.agent.flows.script.walking import walk
from qvl_agent.agent.flows.values import Scope, fill

__all__ = ["OfflineStep", "Recorded", "offline", "verdict_on"]

_ACTING: Final = get_args(ActingStep)


@dataclass(frozen=True, slots=True)
class OfflineStep:
    """What came of one step without a screen.

    Attributes:
        path, words: the step.
        status: "unseen" if the recording has no picture of it, so that nothing could be checked.
        message: what is wrong, in a sentence.
        found: how each of its targets was found.
        picture: the file of the window before it; None if there is none.
    """

    path: str
    words: str
    status: Literal["passed", "failed", "unseen"]
    message: str = ""
    found: tuple[FoundSeen, ...] = ()
    picture: Path | None = None


def offline(
    loaded: Loaded,
    *,
    variables: Mapping[str, Any] | None = None,
    row: Mapping[str, Any] | None = None,
    reader: Reader | None = None,
) -> Iterator[OfflineStep]:
    """Go over the steps of a flow on its recorded pictures, once; see `Recorded` for many rows.

    Args:
        loaded: the flow.
        variables: values for its variables; others have their defaults, which are the recorded ones.
        row: a row of its data; None for a flow without data.
        reader: reads what the lock has no texts of; None if nothing is installed.

    Raises:
        FlowError: the lock is broken.
    """
    return Recorded(loaded, reader).steps(variables=variables, row=row)


class Recorded:
    """A flow's recorded pictures. The last ones are kept, so that each row after the first is fast."""

    def __init__(self, loaded: Loaded, reader: Reader | None = None) -> None:
        """Read the lock; arguments and errors are those of `offline`."""
        self._loaded, self._reader = loaded, reader
        self._folder = lock_folder(loaded.path)
        self._known = KnownTargets(loaded.flow, loaded.path)
        self._lock = self._known.lock

    def steps(
        self, *, variables: Mapping[str, Any] | None = None, row: Mapping[str, Any] | None = None
    ) -> Iterator[OfflineStep]:
        """Go over the steps with one row; arguments and errors are those of `offline`."""
        flow = self._loaded.flow
        defaults = {name: each.default for name, each in flow.variables.items() if each.default is not None}
        scope = Scope(variables={**defaults, **(variables or {})}, row=row)
        unfilled = _unfilled(self._loaded, scope)
        for path, step in walk(flow):
            if wrong := unfilled.get(path):
                yield OfflineStep(path, in_words(step, scope), "failed", wrong)
            elif isinstance(step, _ACTING):
                yield self._checked(path, step, scope)

    def _checked(self, path: str, step: ActingStep, scope: Scope) -> OfflineStep:
        """Check one acting step; what can't be checked, as a picture was changed, is a failure of it."""
        try:
            return self._check(path, step, scope)
        except FlowError as error:
            return OfflineStep(path, in_words(step, scope), "failed", str(error))

    def _check(self, path: str, step: ActingStep, scope: Scope) -> OfflineStep:
        words = in_words(step, scope)
        frames = self._lock.frames.get(path, ())
        if not frames:
            return OfflineStep(path, words, "unseen", "the lock has no picture of it")
        before = frames[0]
        file = self._folder / before.file
        frame = self._frame(before)
        findings: list[Finding] = []
        for target in own_targets(step):
            wanted = self._known.wanted(target, scope, field=isinstance(step, Type))
            findings.append(find(wanted, Place(frame, frame.box), self._reader))
        found = tuple(map(seen_in, findings))
        missing = next((each for each in findings if each.box is None), None)
        if missing is not None:
            return OfflineStep(path, words, "failed", missing.reason, found, file)
        boxes = tuple(each.box for each in findings if each.box is not None)
        evidence = self._known.evidence(own_targets(step)[0]) if boxes else None
        wrong = self._judged(
            path, step, scope, frame=frame, boxes=boxes, evidence=evidence
        ) or self._followed(step, scope, frames)
        return OfflineStep(path, words, "failed" if wrong else "passed", wrong, found, file)

    def _judged(
        self,
        path: str,
        step: ActingStep,
        scope: Scope,
        *,
        frame: Frame,
        boxes: tuple[FrameBox, ...],
        evidence: Evidence | None,
    ) -> str:
        was = self._lock.verdicts.get(path)
        if was is None:
            return ""
        now = verdict_on(
            step, scope, frame=frame, boxes=boxes, evidence=evidence, platform=self._lock.platform
        )
        return "" if now == was else f"the guard judged it “{was}” when it was recorded, and now “{now}”"

    def _followed(self, step: ActingStep, scope: Scope, frames: tuple[Picture, ...]) -> str:
        """Return which expectation isn't so on the recorded pictures, as a sentence; "" if all are."""
        if len(frames) < 2:
            return ""
        for expected in step.then:
            if expected.target is not None and expected.value is None:
                wrong = self._came(expected.target, scope, frames)
                if wrong:
                    return wrong
            if expected.see is None:
                continue
            words = fill(expected.see, scope)
            if shows(self._texts(frames[1]), words) is not True:
                return f"“{words}” isn't on the picture after it"
            if frames[0] != frames[1] and shows(self._texts(frames[0]), words) is True:
                return f"“{words}” was there before, so it proves nothing; expect something that comes by it"
        return ""

    def _came(self, target: Target, scope: Scope, frames: tuple[Picture, ...]) -> str:
        """Return what is wrong with a target that is expected after a step, as a sentence; "" for nothing."""
        wanted = self._known.wanted(target, scope)

        def found_on(picture: Picture) -> Finding:
            frame = self._frame(picture)
            return find(wanted, Place(frame, frame.box), KnownLines(self._texts(picture)))

        before, after = frames[:2]
        if (finding := found_on(after)).box is None:
            return f"“{target.key}” isn't found on the picture after it: {finding.reason}"
        if self._looks_otherwise(wanted.evidence, before):
            return ""
        if before != after and found_on(before).box is not None:
            return f"“{target.key}” was there before, so it proves nothing; expect something that comes by it"
        return ""

    def _looks_otherwise(self, evidence: Evidence | None, before: Picture) -> bool:
        """Return whether what was recorded in one place looked otherwise there before."""
        if evidence is None or (before.width, before.height) != (
            evidence.picture.width,
            evidence.picture.height,
        ):
            return False
        box = evidence.box
        part = slice(box.top, box.bottom), slice(box.left, box.right)
        return not same(self._known.picture(evidence.picture)[part], self._known.picture(before)[part])

    def _texts(self, picture: Picture) -> tuple[Read, ...]:
        if (texts := self._lock.texts.get(picture.sha256)) is not None:
            return tuple(Read(each.text, each.box, 1.0) for each in texts)
        if self._reader is None:
            raise FlowError("the lock has no texts of its pictures, and nothing is installed that reads them")
        frame = self._frame(picture)
        return self._reader.read(frame, frame.box)

    def _frame(self, picture: Picture) -> Frame:
        width, height = picture.width, picture.height
        monitor = Rect(0, 0, round(width / picture.scale), round(height / picture.scale))
        return Frame(self._known.picture(picture), monitor, picture.scale)


def _unfilled(loaded: Loaded, scope: Scope) -> dict[str, str]:
    """Return what can't be filled in with these values, by the path of the step."""
    if scope.row is None:
        return {}
    found: dict[str, str] = {}
    read = {getattr(getattr(step, "read", None), "as_", "") for _, step in walk(loaded.flow)}
    known = Scope(variables=dict.fromkeys(read - {""}, "0") | scope.variables, row=scope.row)
    paths = [path for path, _ in walk(loaded.flow)]
    for where, text in texts_in(loaded.flow):
        owner = max((path for path in paths if where.startswith(path)), key=len, default="")
        try:
            fill(text, known, lines=where.endswith("type.text"))
        except FlowError as error:
            found.setdefault(owner, str(error))
    return found


def verdict_on(
    step: ActingStep,
    scope: Scope,
    *,
    frame: Frame,
    boxes: tuple[FrameBox, ...],
    evidence: Evidence | None,
    platform: str,
) -> str:
    """Return how the guard, with its default policy, judges a step on a recorded window: "ask by rule"."""
    on_grid_ = tuple(on_grid(box, frame.size) for box in boxes)
    action = action_of(step, on_grid_, scope)
    try:
        events = plan(action, frame.view, select_all=select_all_on(platform))
    except CoordinateError as error:
        return f"none: {error}"
    seen = evidence.window if evidence is not None else None
    window = WindowInfo(seen.app, seen.title, seen.program, frame.monitor, focused=True) if seen else None
    points = sum(isinstance(event, MoveEvent) for event in events)
    scene = Scene(
        frame.view,
        Geometry((frame.monitor,)),
        windows=(window,) * points,
        focused=window,
        platform=platform,
    )
    verdict = judge(action, events, scene, Policy())
    return f"{verdict.level.name.lower()} by {verdict.rule}"
