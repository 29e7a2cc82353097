"""What a flow sees: the screen, its windows, its targets, and whether what is expected is so."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import FlowError, ReadingError, Stopped
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.image import find_image
from qvl_agent.agent.flows.finding.wanted import Finding, Place
from qvl_agent.agent.flows.finding.words import read_all, said, shows
from qvl_agent.agent.flows.heal.healer import Healer, Lost
from qvl_agent.agent.flows.lock import WindowSeen
from qvl_agent.agent.flows.reading import Loaded, beside
from qvl_agent.agent.flows.run.caret import without_caret
from qvl_agent.agent.flows.run.evidence import KnownTargets
from qvl_agent.agent.flows.run.pointing import point_at
from qvl_agent.agent.flows.run.sight import Healing, Held, Sight
from qvl_agent.agent.flows.run.windows import open_windows, places_for
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.targets import Condition, Expectation, Target
from qvl_agent.agent.flows.values import Scope, fill, holds
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import EventStream, Looked
from qvl_agent.agent.run.screens import Screens

__all__ = ["Eyes"]

_POLL_S: Final = 0.15
_LOOK_S: Final = 0.03
_READ_AFTER_S: Final = 0.8
"""Seconds for which recorded words are waited for by their pixels alone, before anything is read."""
_AROUND: Final = 8
"""Pixels around what changed that are read with it."""
_LONGEST_FILE: Final = 16 * 2**20


class Eyes:
    """Looks at the desktop for one flow run.

    Attributes:
        path: the file of the flow whose steps are done: the run's own, or one that it uses.
        sight: the last look; None before the first.
        healer: heals what isn't found; None if nothing does.
    """

    def __init__(
        self,
        setup: Setup,
        flow: Flow,
        path: Path,
        known: KnownTargets,
        *,
        screens: Screens,
        events: EventStream,
    ) -> None:
        """Store what is looked at and for.

        Args:
            setup: the desktop and the reader.
            flow: names the application and its window.
            path: the flow's file, from whose folder its files are named.
            known: the evidence about its targets.
            screens: captures and checks screens.
            events: told of each screen.
        """
        self._setup, self._flow, self.path, self._known = setup, flow, path, known
        self._screens, self._events = screens, events
        self.sight: Sight | None = None
        self.healer: Healer | None = None
        self._by_looks = False

    def look(
        self,
        frame: Frame | None = None,
        change: Change | None = None,
        *,
        step: int = 0,
        aimed: Mapping[Target, FrameBox] | None = None,
    ) -> Sight:
        """Take a settled frame, or capture one, and say how the windows lie.

        Raises:
            Stopped: the run was asked to stop.
            DesktopError: the screen can't be captured, is locked, or shows nothing.
        """
        if self._setup.stop():
            raise Stopped("stopped by the person")
        screen = self._screens.look(frame)
        observation = Observation(screen, screen, self._setup.desktop.layout())
        before = self.sight
        kept = aimed if aimed is not None else before.aimed if before is not None else {}
        if before is None or before.observation.layout != observation.layout:
            kept = {}
        self.sight = Sight(observation, open_windows(self._setup.desktop, observation), change, kept)
        self._events.publish(Looked(step, screen))
        return self.sight

    def find(self, target: Target, scope: Scope, sight: Sight, *, field: bool = False) -> Finding:
        """Search a target in every window in which it may be; two windows that have it are ambiguous.

        Raises:
            FlowError: a variable isn't known, or the lock is broken.
            ReadingError: the reader can't be loaded or run.
        """
        wanted = self._known.wanted(target, scope, field=field)
        seen = wanted.evidence.window if wanted.evidence else None
        places = self._places_of(target, scope, sight, seen)
        if not places:
            return Finding(None, self._no_window(), absent=True)
        if wanted.evidence is None and target.image is not None:
            image = self._known.image(target.image)
            return _one_of([find_image(image, place) for place in places])
        if wanted.evidence is None and target.describe is not None and not (target.text or target.near):
            return self._described(fill(target.describe, scope), places)
        return _one_of([find(wanted, place, self._setup.reader) for place in places])

    def _described(self, words: str, places: Sequence[Place]) -> Finding:
        """Ask the model where something is; only what lies in one of the flow's windows counts.

        Raises:
            ModelError: the run has no model, or it failed.
        """
        box = point_at(self._setup, words, places[0].frame)
        if box is None:
            return Finding(None, f"the model doesn't point at “{words}”", absent=True)
        inside = [place for place in places if place.window.meets(box)]
        if not inside:
            return Finding(None, "the model points outside of the flow's windows", absent=True)
        if any(over.meets(box) for place in inside for over in place.covered):
            return Finding(None, "where the model points another window lies over it", absent=True)
        return Finding(box, moved=f"pointed at by {self._setup.model.name}")

    @contextmanager
    def of(self, used: Loaded) -> Iterator[None]:
        """Look with another flow's lock, words and files, while its steps are done.

        Raises:
            FlowError: its lock is broken.
        """
        before = self._flow, self.path, self._known, self.healer
        flow = used.flow if used.flow.app else used.flow.model_copy(update={"app": self._flow.app})
        self._flow, self.path = flow, used.path
        # A proposal would be kept beside the run's own flow, which doesn't have these targets.
        self._known, self.healer = KnownTargets(flow, used.path), None
        try:
            yield
        finally:
            self._flow, self.path, self._known, self.healer = before

    def is_healed(self, target: Target) -> bool:
        """Return whether a target is found by what a heal proposes, which nobody accepted yet."""
        return self._known.is_healed(target)

    def heal(self, target: Target, finding: Finding, scope: Scope, sight: Sight, step: Healing) -> str:
        """Look for a target that wasn't found, more widely, if this run heals.

        Returns:
            "" if it is healed, so that the next search finds it; else why it isn't, in a sentence.

        Raises:
            ReadingError: the reader can't be loaded or run.
        """
        if self.healer is None:
            return ""
        if any("${" in words for words in (target.text, target.near, target.row) if words):
            return "its words are another item's each time, and a heal would hold for this one alone"
        wanted = self._known.wanted(target, scope, field=step.field)
        seen = wanted.evidence.window if wanted.evidence else None
        places = self._places_of(target, scope, sight, seen)
        if len(places) != 1:
            return f"it may be in {len(places)} windows" if places else self._no_window()
        lost = Lost(
            target.key, step.path, step.words, wanted, finding, places[0], seen or WindowSeen(), step.action
        )
        healed = self.healer.heal(lost)
        if isinstance(healed, str):
            return healed
        self._known.heal(target.key, healed[1])
        return ""

    def holds(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        """Return whether an expectation holds now, on this sight."""
        for check in (self._words, self._absent, self._target, self._title, self._changed, self._file):
            held = check(expected, scope, sight)
            if not held.holds:
                return held
        if expected.that and not holds(expected.that, scope):
            return Held(False, f"“{expected.that}” isn't true")
        return Held(True)

    def wait_for(
        self, expected: Expectation, scope: Scope, sight: Sight, *, meanwhile: Callable[[Sight], bool]
    ) -> tuple[Held, Sight]:
        """Look until an expectation holds, or its time is over.

        Args:
            expected: what has to be so.
            scope: the variables.
            sight: the first look.
            meanwhile: called while it doesn't hold, to close what popped up; returns whether it did.
        """
        began = time.monotonic()
        until = began + expected.within
        patient = self._recorded(expected, scope)
        while True:
            self._by_looks = patient and time.monotonic() - began < min(_READ_AFTER_S, expected.within)
            held = self.holds(expected, scope, sight)
            if held.holds and expected.gone is None:
                break
            if not held.holds and time.monotonic() >= until and not self._by_looks:
                break
            if self._by_looks:
                time.sleep(_LOOK_S)
            elif not meanwhile(sight):
                if held.holds:  # nothing popped up that only hides what has to be gone
                    break
                self.rest()
            sight = self.look(change=sight.change)
        self._by_looks = False
        return held, sight

    def _recorded(self, expected: Expectation, scope: Scope) -> bool:
        """Return whether the words that are expected were recorded, so that pixels alone may show them."""
        if expected.see is None or expected.gone is not None:
            return False
        return bool(self._known.recorded(fill(expected.see, scope)))

    def is_so(self, condition: Condition, scope: Scope) -> bool:
        """Return whether a condition is so: an expression, or something to be seen now.

        What is to be seen isn't waited for, unless it says `within`.
        """
        if isinstance(condition, str):
            return holds(condition, scope)
        within = condition.within if "within" in condition.model_fields_set else 0.0
        held, _ = self.wait_for(
            condition.model_copy(update={"within": within}), scope, self.look(), meanwhile=lambda _: False
        )
        return held.holds

    def read(self, sight: Sight) -> tuple[tuple[Place, tuple[Read, ...]], ...]:
        """Read all texts in the flow's windows, without what other windows over them show.

        Raises:
            ReadingError: nothing is installed that reads.
        """
        return tuple(
            (place, tuple(each for each in self.texts(place.window, sight) if _uncovered(each.box, place)))
            for place in self._places(sight)
        )

    def rest(self) -> None:
        """Wait until the next look."""
        time.sleep(_POLL_S)

    def texts(self, box: FrameBox, sight: Sight) -> tuple[Read, ...]:
        reader = self._setup.reader
        if reader is None:
            raise ReadingError(  # no row's fault
                "this flow reads words on the screen, and nothing is installed that reads; "
                "pip install 'qvl-agent[flows]', or take --ocr auto"
            )
        if box not in sight.texts:
            sight.texts[box] = read_all(sight.frame, box, reader)
        return sight.texts[box]

    def values_in(self, box: FrameBox, sight: Sight) -> tuple[str, ...]:
        """Return what may stand in a field: all its text, each line, and the same without a text cursor."""
        lines = [each.text for each in self.texts(box, sight)]
        if (clean := without_caret(sight.frame, box)) is not None and self._setup.reader is not None:
            again = [each.text for each in read_all(clean, box, self._setup.reader)]
            return (" ".join(again), *again, " ".join(lines), *lines)
        return (" ".join(lines), *lines)

    def _places_of(
        self, target: Target, scope: Scope, sight: Sight, seen: WindowSeen | None
    ) -> tuple[Place, ...]:
        return places_for(
            sight.windows,
            sight.observation,
            app=self._flow.app or "",
            title=fill(target.window or self._flow.window or "", scope),
            seen=seen,
        )

    def _places(self, sight: Sight) -> tuple[Place, ...]:
        return places_for(sight.windows, sight.observation, app=self._flow.app or "")

    def _seen(self, words: str, sight: Sight, *, by_looks: bool = False) -> bool | None:
        """Return whether words stand in the flow's windows; None if it can't be told.

        Where they were recorded, pixels tell it at once. Then what changed is read, as that is mostly small.

        Args:
            words: the words, with their variables filled in.
            sight: the screen.
            by_looks: only pixels count; nothing is read.
        """
        wanted = (words, *self._flow.aliases.get(words, ()))
        windows = [
            place.frame.crop(place.window).pixels for place in self._places(sight) if not place.covered
        ]
        if any(self._known.stand(each, window) for window in windows for each in wanted):
            return True
        if by_looks:
            return None
        if sight.change:
            places = self._places(sight)
            grown = (box.grown(_AROUND, sight.frame.size) for box in sight.change.boxes)
            changed = [box for box in grown if any(_shows_all(place, box) for place in places)]
            if any(shows(self.texts(box, sight), each) for box in changed for each in wanted):
                return True
        seen = {shows(texts, each) for _, texts in self.read(sight) for each in wanted}
        return True if True in seen else None if None in seen else False

    def _words(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        if expected.see is None:
            return Held(True)
        words = fill(expected.see, scope)
        seen = self._seen(words, sight, by_looks=self._by_looks)
        return Held(seen is True, f"“{words}” isn't to be seen")

    def _absent(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        if expected.gone is None:
            return Held(True)
        words = fill(expected.gone, scope)
        return Held(self._seen(words, sight) is False, f"“{words}” is still to be seen")

    def _target(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        if expected.target is None:
            return Held(True)
        box = sight.aimed.get(expected.target) if expected.value is not None else None
        if box is None:
            finding = self.find(expected.target, scope, sight, field=expected.value is not None)
        else:  # it was just typed into: its looks changed by that, and no window moved
            finding = Finding(box)
        if finding.box is None:
            name = expected.target.text or expected.target.near or expected.target.key
            then = " as it was recorded" if expected.target.id else ""
            return Held(False, f"“{name}” isn't found{then}: {finding.reason}", finding)
        if expected.value is None:
            return Held(True, finding=finding)
        value = fill(expected.value, scope)
        read = self.values_in(finding.box, sight)
        held = any(said(text, (value,)) is True for text in read)
        return Held(held, f"“{read[0]}” stands in “{expected.target.key}”, not “{value}”", finding)

    def _title(self, expected: Expectation, scope: Scope, _sight: Sight) -> Held:
        if expected.window is None:
            return Held(True)
        wanted = fill(expected.window, scope)
        focused = self._setup.desktop.focused()
        title = focused.title if focused else ""
        return Held(
            wanted.casefold() in title.casefold(), f"the window in front is “{title}”, not “{wanted}”"
        )

    def _changed(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        del scope
        if expected.changed is None:
            return Held(True)
        changed = bool(sight.change)
        return Held(
            changed is expected.changed, "nothing changed" if expected.changed else "something changed"
        )

    def _file(self, expected: Expectation, scope: Scope, _sight: Sight) -> Held:
        if expected.file is None:
            return Held(True)
        path = beside(self.path, fill(expected.file, scope))
        if not path.is_file():
            return Held(False, f"there is no file {path.name}")
        if expected.contains is None:
            return Held(True)
        wanted = fill(expected.contains, scope)
        if path.stat().st_size > _LONGEST_FILE:
            raise FlowError(f"{path} is larger than 16 MB; check a smaller file")
        return Held(
            wanted in path.read_text(encoding="utf-8", errors="replace"), f"“{wanted}” isn't in {path.name}"
        )

    def _no_window(self) -> str:
        if self._flow.app:
            return f"no window of {self._flow.app} is to be seen; open it first"
        return "no window is to be seen"


def _uncovered(box: FrameBox, place: Place) -> bool:
    return not any(box.meets(over) for over in place.covered)


def _shows_all(place: Place, box: FrameBox) -> bool:
    """Return whether all that is seen in a box is a window's own."""
    window = place.window
    inside = window.left <= box.left and window.top <= box.top
    inside = inside and box.right <= window.right and box.bottom <= window.bottom
    return inside and _uncovered(box, place)


def matched(pattern: str, text: str) -> str | None:
    """Return what a pattern's first group matches in a text, or all of it; None if nothing does."""
    found = re.search(pattern, text)
    if found is None:
        return None
    return found[1] if found.groups() else found[0]


def _one_of(findings: list[Finding]) -> Finding:
    """Return the one finding that has the target; not for sure if two have it, or one can't tell."""
    sure = [finding for finding in findings if finding.box is not None]
    unsure = [finding for finding in findings if finding.ambiguous]
    everything = tuple(candidate for finding in findings for candidate in finding.candidates)
    if len(sure) > 1:
        return replace(
            sure[0],
            box=None,
            ambiguous=True,
            reason=f"{len(sure)} windows have it",
            candidates=everything,
        )
    if sure and not unsure:
        return sure[0]
    return replace((unsure or findings)[0], box=None, candidates=everything)
