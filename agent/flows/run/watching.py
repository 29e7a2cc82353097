"""What a flow sees: the screen, its windows, its targets, and the words on them."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import ReadingError, Stopped
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.image import find_image
from qvl_agent.agent.flows.finding.wanted import Finding, Place
from qvl_agent.agent.flows.finding.words import read_all, shows
from qvl_agent.agent.flows.heal.healer import Healer, Lost
from qvl_agent.agent.flows.lock import WindowSeen
from qvl_agent.agent.flows.reading import Loaded
from qvl_agent.agent.flows.run.caret import without_caret
from qvl_agent.agent.flows.run.evidence import KnownTargets
from qvl_agent.agent.flows.run.pointing import point_at
from qvl_agent.agent.flows.run.sight import Healing, Sight
from qvl_agent.agent.flows.run.windows import open_windows, places_for
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.flows.values import Scope, fill
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import EventStream, Looked
from qvl_agent.agent.run.screens import Screens

__all__ = ["Eyes"]

_POLL_S: Final = 0.15
_AROUND: Final = 8
"""Pixels around what changed that are read with it."""


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

    def seen(self, words: str, sight: Sight, *, by_looks: bool = False) -> bool | None:
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

    def was_recorded(self, words: str) -> bool:
        """Return whether words, with their variables filled in, stood on a recorded picture."""
        return bool(self._known.recorded(words))

    def title(self) -> str:
        """Return the title of the window in front; "" for none."""
        focused = self._setup.desktop.focused()
        return focused.title if focused else ""

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
