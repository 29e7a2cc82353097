"""The lock of a new flow: what each target looked like, and whether that finds it, and only it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.compile.naming import Named, within_window
from qvl_agent.agent.flows.compile.screens import Screens, covers, middle
from qvl_agent.agent.flows.compile.stable import slug
from qvl_agent.agent.flows.finding.describe import row_pitch
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.rolling import KnownLines
from qvl_agent.agent.flows.finding.wanted import Finding, Place, Wanted
from qvl_agent.agent.flows.finding.words import says
from qvl_agent.agent.flows.lock import Evidence, Picture, Seen, WindowSeen, picture_of
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.recording.format import FrameRef

__all__ = ["Locked", "painted_out", "place_on"]

_SHARED: Final = 0.5
"""The overlap (0-1) from which on two boxes are one target's."""
_RING: Final = 4
"""Pixels around a target whose colour paints it out."""


@dataclass(slots=True)
class Locked:
    """Collects the evidence of a flow's targets.

    Attributes:
        screens: the run's screens.
        reader: what the search reads with; None if there is none.
        filled: fills in a text's variables with the values of then.
        targets: the evidence by the target's key.
        pictures: PNG files by their checksum.
        texts: what stands on the pictures, by their checksum.
    """

    screens: Screens
    reader: Reader | None
    filled: Callable[[str], str]
    targets: dict[str, Evidence] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    texts: dict[str, tuple[Seen, ...]] = field(default_factory=dict)
    _named: dict[str, Named] = field(default_factory=dict)
    _made: dict[tuple[str, FrameBox], Picture] = field(default_factory=dict)

    def added(self, named: Named) -> Target:
        """Keep a target's evidence, and return the target as the flow writes it.

        Two targets with the same words get an `id` each, so that neither can be found by the other's looks.
        """
        target, number = named.target, 2
        while (known := self._named.get(target.key)) is not None and not self._one(known, named):
            title = _title(named)
            if title and target.window is None and title != _title(known):
                target = target.model_copy(update={"window": title})
                continue
            base = slug(named.target.key, "-") or "target"
            target = target.model_copy(update={"id": f"{base}-{number}"})
            number += 1
        if target.key not in self.targets:
            self._named[target.key] = named
            self.targets[target.key] = self.evidence(named)
        return target

    def evidence(self, named: Named) -> Evidence:
        """Return what a target looked like."""
        window, box = named.window, named.box
        lines = within_window(self.screens.texts(named.screen), window)
        inside = FrameBox(
            max(0, box.left - window.left),
            max(0, box.top - window.top),
            min(window.width, box.right - window.left),
            min(window.height, box.bottom - window.top),
        )
        info, part = named.info, self.screens.frame(named.screen).crop(window)
        return Evidence(
            picture=self.picture(named.screen, window),
            window=WindowSeen(app=info.app, program=info.program, title=info.title) if info else WindowSeen(),
            box=inside,
            text=named.text,
            texts=tuple(Seen(text=line.text, box=line.box) for line in lines),
            row=named.row,
            text_varies="${" in (named.target.text or ""),
            pitch=row_pitch(part.pixels, inside) or 0.0,
        )

    def picture(self, ref: FrameRef, window: FrameBox) -> Picture:
        """Keep a part of a screen, once, and return its entry."""
        key = (ref.sha256, window)
        if key not in self._made:
            part = self.screens.frame(ref).crop(window)
            picture, png = picture_of(part.pixels, ref.view.scale)
            self._made[key] = picture
            self.pictures[picture.sha256] = png
        return self._made[key]

    def kept_picture(self, ref: FrameRef, window: FrameBox) -> Picture:
        """Keep a part of a screen with the texts on it, so that it needn't be read again."""
        picture = self.picture(ref, window)
        if picture.sha256 not in self.texts:
            lines = within_window(self.screens.texts(ref), window)
            self.texts[picture.sha256] = tuple(Seen(text=line.text, box=line.box) for line in lines)
        return picture

    def dropped(self, target: Target) -> None:
        """Forget a target that the flow has no use for."""
        self.targets.pop(target.key, None)
        self._named.pop(target.key, None)

    def found(self, target: Target, screen: FrameRef, window: FrameBox, *, field: bool = False) -> Finding:
        """Look for a target on a recorded screen, as a run of the flow will.

        Args:
            target: the target.
            screen: the screen.
            window: its window's box there.
            field: it is typed into, so its words may be its label's.
        """
        return find(
            self._wanted(target, field=field), place_on(self.screens.frame(screen), window), self.reader
        )

    def doubt(self, target: Target, *, field: bool = False) -> str:
        """Return why a target can't be found for sure on its own screen, or is found without being there.

        Returns:
            a clause; "" if it is found there, at its place, and isn't found once it is painted out.
        """
        named = self._named[target.key]
        found = self.found(target, named.screen, named.window, field=field)
        if found.box is None:
            return f"it isn't found for sure on its own screen: {found.reason}"
        if not covers(found.box, middle(named.box)) and not covers(named.box, middle(found.box)):
            return "something else is found in its place on its own screen"
        lines = self.screens.texts(named.screen)
        gone = [named.box]
        if field:  # an empty field is hardly more than its label, so it isn't there if neither is
            gone += [
                line.box for line in lines if says(line.text, self.filled(target.text or "")) is not False
            ]
        frame = self.screens.frame(named.screen)
        for box in gone:
            frame = painted_out(frame, box)
        rest = KnownLines(tuple(line for line in lines if not any(_touch(line.box, box) for box in gone)))
        if find(self._wanted(target, field=field), place_on(frame, named.window), rest).box is not None:
            return "something else is found in its place where it isn't there"
        return ""

    def _wanted(self, target: Target, *, field: bool) -> Wanted:
        evidence = self.targets.get(target.key)
        pixels = None
        if evidence is not None:
            named = self._named[target.key]
            pixels = self.screens.frame(named.screen).crop(named.window).pixels
        filled = self.filled
        return Wanted(
            words=(filled(target.text),) if target.text else (),
            near=filled(target.near or ""),
            row=filled(target.row or ""),
            evidence=evidence,
            picture=pixels,
            region=target.region,
            field=field,
        )

    def _one(self, known: Named, named: Named) -> bool:
        """Return whether two targets with the same words are one: in one place, or found by one's looks."""
        if _title(known) != _title(named):
            return False
        if _overlap(_in_window(known), _in_window(named)) >= _SHARED:
            return True
        found = self.found(known.target, named.screen, named.window)
        return found.box is not None and _overlap(found.box, named.box) >= _SHARED


def _title(named: Named) -> str:
    return named.info.title if named.info else ""


def place_on(frame: Frame, window: FrameBox) -> Place:
    """Return where to look on a recorded screen."""
    return Place(frame, window, named=True)


def painted_out(frame: Frame, box: FrameBox) -> Frame:
    """Return a screen on which a target is painted over with the colour around it."""
    around = box.grown(_RING, frame.size)
    pixels = np.array(frame.pixels)
    ring = np.ones((around.height, around.width), dtype=np.bool_)
    ring[box.top - around.top : box.bottom - around.top, box.left - around.left : box.right - around.left] = 0
    colours = pixels[around.top : around.bottom, around.left : around.right][ring]
    colour = np.median(colours, axis=0) if len(colours) else 0
    pixels[box.top : box.bottom, box.left : box.right] = np.asarray(colour, dtype=np.uint8)
    return Frame(pixels, frame.monitor, frame.scale, frame.origin, frame.time)


def _touch(line: FrameBox, box: FrameBox) -> bool:
    return covers(box, middle(line)) or line.meets(box)


def _in_window(named: Named) -> FrameBox:
    box, window = named.box, named.window
    return FrameBox(
        box.left - window.left, box.top - window.top, box.right - window.left, box.bottom - window.top
    )


def _overlap(first: FrameBox, second: FrameBox) -> float:
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    whole = first.width * first.height + second.width * second.height - shared
    return shared / whole
