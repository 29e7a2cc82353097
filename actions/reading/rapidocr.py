"""The optional reader: RapidOCR, whose weights come in its wheel. Nothing is ever downloaded.

It is installed by `pip install 'qvl-agent[ocr]'`. PP-OCR's small models read English and Chinese. On one
core a button takes some 20 ms once they are loaded, a row of a list 100 ms; loading takes under a second,
while the model thinks. The same pixels are read once.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import ReadingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.reading.target_text import Read, Reader

__all__ = ["Ocr", "RapidReader", "installed", "open_reader"]

Ocr = Literal["auto", "never"]
"""auto: read if the package is installed · never: don't read."""

_PACKAGES: Final = ("rapidocr", "onnxruntime", "cv2")
_SMALL: Final = 1.5
"""Below this scale the picture is doubled, as letters are small: the recogniser wants them 48 pixels high."""
_LEAST_SURE: Final = 0.5
_DRAWN: Final = 40
"""Levels of a channel (0-255) by which what is drawn differs from the page at least."""
_RING: Final = "O0〇○"
"""What a radio button is read as before its words."""
_WIDE_BLANK: Final = 0.9
"""The blank between two things in one line, as a share of the letters' height; words have a half."""
_STEP: Final = 8
"""Levels of a channel by which two neighbouring columns differ where an edge is."""
_UPRIGHT: Final = 0.8
"""The share of a line's height that an edge has at least; letters have less of it."""
_LEAST_PART: Final = 2
_KEPT: Final = 256
"""Readings that are kept: some kilobytes each at most."""
_MARKS: Final = " \t□■☐☑☒▢○●◯◉✓✔✕✗▸▾▼▲►◄•·|｜"
"""Characters that check boxes, dots and arrows beside a text are read as."""


def installed() -> bool:
    """Return whether the packages are installed, without loading them."""
    return all(find_spec(name) is not None for name in _PACKAGES)


def open_reader(ocr: Ocr = "auto") -> Reader | None:
    """Make a reader if it is wanted and installed, without loading anything yet."""
    return RapidReader() if ocr == "auto" and installed() else None


class RapidReader:
    """Reads with RapidOCR on one thread; it is loaded by `warm_up` or by the first reading."""

    def __init__(self) -> None:
        try:
            self.name = f"rapidocr {version('rapidocr')}"
        except PackageNotFoundError:
            self.name = "rapidocr"
        self._lock = threading.Lock()
        self._engine: Future[Any] | None = None
        self._kept = _Readings()

    def warm_up(self) -> None:
        self._loading()

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        return self._kept.reading(frame, box, self._read)

    def _read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        return tuple(piece for line in self._lines(frame, box) for piece in self._divided(frame, line))

    def _divided(self, frame: Frame, line: Read) -> list[Read]:
        """Return the things that a line was put together of, if they are read as the same letters."""
        pieces: list[Read] = []
        for part in _parts(frame, line.box):
            read = self._lines(frame, part)
            if not _letters(read):
                return [line]
            pieces += read
        for ring in ("", _RING):
            bare = [replace(piece, text=piece.text.lstrip(ring).lstrip()) for piece in pieces]
            if bare and _letters(bare) == _letters([line]):
                return bare
        return [line]

    def _lines(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        engine = self._loading().result()
        part = frame.crop(box).image()
        factor = 2 if frame.scale < _SMALL else 1
        if factor > 1:
            part = part.resize((part.width * factor, part.height * factor), Image.Resampling.BICUBIC)
        try:
            with self._lock:
                found = engine(np.asarray(part)[:, :, ::-1])
        except Exception as error:
            raise ReadingError(f"RapidOCR failed: {type(error).__name__}") from error
        if found.boxes is None or found.txts is None or found.scores is None:
            return ()
        lines = (
            Read(text.strip(_MARKS), _box(corners, factor, box), round(float(score), 3))
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        )
        return tuple(line for line in lines if line.text)

    def _loading(self) -> "Future[Any]":
        with self._lock:
            if self._engine is None:
                self._engine = Future()
                # Not a daemon thread: the libraries abort a program that ends while they load.
                threading.Thread(target=_load_into, args=(self._engine,), name="ocr").start()
            return self._engine


class _Readings:
    """What was read last, by the pixels that it was read from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, tuple[Read, ...]] = OrderedDict()

    def reading(
        self, frame: Frame, box: FrameBox, read: Callable[[Frame, FrameBox], tuple[Read, ...]]
    ) -> tuple[Read, ...]:
        digest = hashlib.blake2b(f"{frame.scale} {box.width} {box.height} ".encode(), digest_size=16)
        digest.update(frame.pixels[box.top : box.bottom, box.left : box.right].tobytes())
        key = digest.digest()
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            kept = _moved(read(frame, box), -box.left, -box.top)
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return _moved(kept, box.left, box.top)


def _moved(reads: Iterable[Read], x: int, y: int) -> tuple[Read, ...]:
    return tuple(replace(one, box=one.box.moved(x, y)) for one in reads)


def _load_into(future: "Future[Any]") -> None:
    try:
        future.set_result(_load())
    except BaseException as error:  # noqa: BLE001 - it is raised where the reader is asked
        wrapped = ReadingError(f"RapidOCR can't be loaded: {error}; reinstall 'qvl-agent[ocr]'")
        wrapped.__cause__ = error
        future.set_exception(wrapped)


def _load() -> Any:
    """Load the models in the wheel; they are given by their paths, so that no download is ever tried."""
    import rapidocr  # noqa: PLC0415 - an extra that takes half a second to import

    models = Path(rapidocr.__file__).parent / "models"
    engine = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.text_score": _LEAST_SURE,
            "Det.model_path": str(_model(models, "det")),
            "Det.limit_type": "max",
            "Det.limit_side_len": 1280,
            "Rec.model_path": str(_model(models, "rec")),
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    engine(np.full((64, 320, 3), 255, np.uint8))
    engine(np.full((48, 320, 3), 255, np.uint8), use_det=False)
    engine.use_det = True
    return engine


def _model(folder: Path, part: str) -> Path:
    found = sorted(folder.glob(f"*_{part}_*.onnx"))
    if len(found) != 1:
        raise ReadingError(f"expected one {part} model in {folder}, found {len(found)}")
    return found[0]


def _parts(frame: Frame, line: FrameBox) -> tuple[FrameBox, ...]:
    """Return the parts of a line between wide blanks and upright edges.

    Radio buttons and menus are detected as one line, and so are a label and what stands in the field beside
    it, whose edge is then read as a letter, or not.

    Returns:
        the parts from the left, in frame pixels; () for a line without such a place.
    """
    pixels = frame.pixels[line.top : line.bottom, line.left : line.right].astype(np.int16)
    shades = pixels[..., 0] // 16 * 256 + pixels[..., 1] // 16 * 16 + pixels[..., 2] // 16
    page = pixels[shades == np.bincount(shades.ravel()).argmax()].mean(axis=0)
    drawn = (np.abs(pixels - page) > _DRAWN).any(axis=2)
    steps = (np.abs(np.diff(pixels, axis=1)) > _STEP).any(axis=2).mean(axis=0) >= _UPRIGHT
    edges = np.flatnonzero(steps)
    drawn[:, [*edges, *(edges + 1)]] = False
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return ()
    high = max(int(rows[-1] - rows[0]) + 1, line.height // 2)
    wide = np.diff(columns) > _WIDE_BLANK * high
    crossed = np.diff(np.searchsorted(edges, columns)) > 0
    ends = np.flatnonzero(wide | crossed)
    if not len(ends):
        return ()
    margin = max(2, high // 4)
    parts = []
    for first, last in zip((0, *(ends + 1)), (*ends, len(columns) - 1), strict=True):
        left, right = int(columns[first]), int(columns[last]) + 1
        before, after = edges[edges < left], edges[edges >= right - 1]
        parts.append(
            FrameBox(
                line.left + max(0, left - margin, int(before[-1]) + 2 if len(before) else 0),
                line.top,
                line.left + min(line.width, right + margin, int(after[0]) if len(after) else line.width),
                line.bottom,
            )
        )
    return tuple(part for part in parts if part.width > _LEAST_PART)


def _letters(lines: Iterable[Read]) -> str:
    """Return the letters and digits of lines: what has to be the same however they are cut."""
    return "".join(letter for line in lines for letter in line.text.casefold() if letter.isalnum())


def _box(corners: Any, factor: int, part: FrameBox) -> FrameBox:
    """Return the upright box, in frame pixels, around four corners in the enlarged part."""
    xs, ys = np.asarray(corners, dtype=float).T / factor
    return FrameBox(
        part.left + int(np.floor(xs.min())),
        part.top + int(np.floor(ys.min())),
        part.left + int(np.ceil(xs.max())),
        part.top + int(np.ceil(ys.max())),
    )
