"""What the lock says about a flow's targets, and a target with its variables filled in."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import FlowError, RecordingError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.wanted import Wanted
from qvl_agent.agent.flows.finding.words import shows
from qvl_agent.agent.flows.lock import Evidence, Lock, Picture, load_picture, lock_folder
from qvl_agent.agent.flows.reading import beside
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.flows.values import Scope, fill

__all__ = ["KnownTargets"]

_PICTURES: Final = 16
_EDGE: Final = 2
"""Pixels around a line that have to be the same too."""


class KnownTargets:
    """A flow's targets: the words of the script, and the evidence of its lock.

    Attributes:
        lock: the lock; an empty one for a flow that has none.
        picture: reads one of the lock's pictures, RGB of shape (height, width, 3); the last ones are kept.
    """

    def __init__(self, flow: Flow, path: Path) -> None:
        """Read a flow's lock.

        Args:
            flow: the flow.
            path: the flow's file; a flow without evidence has no lock beside it.

        Raises:
            FlowError: the lock is broken.
        """
        self._flow, self._path, self._folder = flow, path, lock_folder(path)
        try:
            self.lock = Lock.load(self._folder) if self._folder.is_dir() else Lock()
        except RecordingError as error:
            raise FlowError(str(error)) from error
        self._recorded: dict[str, tuple[tuple[Picture, FrameBox], ...]] = {}
        self._healed: dict[str, Wanted] = {}
        self.picture = lru_cache(maxsize=_PICTURES)(self._load)

    def wanted(self, target: Target, scope: Scope, *, field: bool = False) -> Wanted:
        """Return a target as the matcher looks for it, with its variables filled in.

        Args:
            target: the target, as the script has it.
            scope: the variables.
            field: it is something to type into or to read from, so its words may be its label's.

        Raises:
            FlowError: a variable isn't known, or the lock's picture is broken.
        """
        healed = self._healed.get(target.key)
        evidence = self.lock.targets.get(target.key)
        words = fill(target.text, scope) if target.text else ""
        wanted = Wanted(
            words=(words, *self._flow.aliases.get(words, ())) if words else (),
            near=fill(target.near, scope) if target.near else "",
            row=fill(target.row, scope) if target.row else "",
            evidence=evidence,
            picture=self.picture(evidence.picture) if evidence is not None else None,
            region=target.region,
            field=field,
        )
        if healed is None:
            return wanted
        more = tuple(each for each in healed.words if each not in wanted.words)
        return replace(wanted, words=wanted.words + more, evidence=healed.evidence, picture=healed.picture)

    def heal(self, key: str, wanted: Wanted) -> None:
        """Take another evidence, and other words beside its own, for a target in this run."""
        self._healed[key] = wanted

    def image(self, name: str) -> Pixels:
        """Read a picture of a target that lies beside the flow, as RGB of shape (height, width, 3).

        Raises:
            FlowError: it isn't there, or is no picture.
        """
        path = beside(self._path, name)
        try:
            with Image.open(path) as opened:
                return np.asarray(opened.convert("RGB"))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise FlowError(f"can't read the picture {path}: {error}; name a PNG beside the flow") from error

    def recorded(self, words: str) -> tuple[tuple[Picture, FrameBox], ...]:
        """Return where words stood on the lock's pictures, each with the box of their line."""
        if words not in self._recorded:
            pictures = {picture.sha256: picture for picture in self.lock.pictures()}
            self._recorded[words] = tuple(
                (pictures[digest], seen.box)
                for digest, texts in self.lock.texts.items()
                if digest in pictures
                for seen in texts
                if shows((Read(seen.text, seen.box, 1.0),), words)
            )
        return self._recorded[words]

    def readings(self, size: tuple[int, int], scale: float) -> Iterator[tuple[Pixels, tuple[Read, ...]]]:
        """Yield the lock's pictures of a size (width, height) and scale, with what was read in them."""
        pictures = {picture.sha256: picture for picture in self.lock.pictures()}
        texts = {each.picture.sha256: each.texts for each in self.lock.targets.values()} | self.lock.texts
        for digest, seen in texts.items():
            picture = pictures.get(digest)
            if picture is None or (picture.width, picture.height, picture.scale) != (*size, scale):
                continue
            with suppress(FlowError):  # whoever needs this picture says that it is broken
                yield self.picture(picture), tuple(Read(each.text, each.box, 1.0) for each in seen)

    def stand(self, words: str, window: Pixels) -> bool:
        """Return whether words stand in a window just as and where they stood when it was recorded.

        Args:
            words: the words, with their variables filled in.
            window: its pixels now, RGB of shape (height, width, 3).
        """
        height, width = window.shape[:2]
        for picture, box in self.recorded(words):
            if (picture.width, picture.height) != (width, height):
                continue
            around = box.grown(_EDGE, (width, height))
            part = slice(around.top, around.bottom), slice(around.left, around.right)
            if np.array_equal(self.picture(picture)[part], window[part]):
                return True
        return False

    def is_healed(self, target: Target) -> bool:
        """Return whether another evidence was taken for a target in this run."""
        return target.key in self._healed

    def evidence(self, target: Target) -> Evidence | None:
        """Return what the lock says about a target; None if nothing."""
        return self.lock.targets.get(target.key)

    def _load(self, picture: Picture) -> Pixels:
        try:
            return load_picture(self._folder, picture)
        except RecordingError as error:
            raise FlowError(str(error)) from error
