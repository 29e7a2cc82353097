"""What happens to a window between the recording of its targets and the search for them.

Each `Trial` is a recorded target, the place where it is looked for, and the truth: what a click hits, and
whether the target can be found at all.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from finding_foreign import calculator
from finding_scenes import Edit, Look, Scene, Studio, box_of, delete, disable, rename, scroll, type_elsewhere

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.finding.describe import describe_evidence, read_picture
from qvl_agent.agent.flows.finding.wanted import Place, Wanted
from qvl_agent.agent.flows.finding.words import normal
from qvl_agent.agent.flows.lock import Evidence, Picture, Seen
from qvl_agent.sandbox.apps.protocol import PASSIVE, Node

__all__ = ["Drifts", "Target", "Trial", "alike", "calculator_trials"]


@dataclass(frozen=True)
class Target:
    """A recorded target: which widget it is, and what is wanted of it."""

    node: Node
    wanted: Wanted
    how: str


@dataclass(frozen=True)
class Trial:
    """A target in a place; `there` is whether it can be found, None where either is right."""

    drift: str
    target: Target
    place: Place
    scene: Scene
    origin: tuple[int, int]
    there: bool | None


def recorded(scene: Scene, texts: tuple[Seen, ...], rng: random.Random, most: int) -> list[Target]:
    """Return some of a window's widgets as targets, as a recording and a flow would have them."""
    nodes = [node for node in scene.nodes if node.role not in PASSIVE and node.rect.height > 8]
    found: list[Target] = []
    for node in rng.sample(nodes, min(most, len(nodes))):
        point = _point(node, texts)
        if scene.hit(point.x, point.y) != node.id:
            continue
        said = describe_evidence(scene.pixels, point, texts)
        field = node.role in ("text field", "drop-down")
        height, width = scene.pixels.shape[:2]
        evidence = Evidence(
            picture=Picture(
                sha256=hashlib.sha256(scene.pixels.tobytes()).hexdigest(), width=width, height=height
            ),
            box=said.box,
            text=said.text,
            texts=texts,
            row=said.row,
            text_varies=field,
        )
        wanted = Wanted(evidence=evidence, picture=scene.pixels, field=field)
        how = "looks"
        if field and said.label and said.text != node.label:
            wanted, how = replace(wanted, words=(said.label,)), "field"
        elif said.text:
            how = "words"
            if rng.random() < 0.7:
                wanted = replace(wanted, words=(said.text,))
        elif said.row:
            wanted, how = replace(wanted, row=said.row), "row"
        elif said.label:
            how = "label"
            if rng.random() < 0.7:
                wanted = replace(wanted, near=said.label)
        found.append(Target(node, wanted, how))
    return found


def _point(node: Node, texts: tuple[Seen, ...]) -> FramePoint:
    """Return where a person clicks: on its words, if they can be read on it, else in its middle."""
    box = box_of(node)
    for one in texts:
        if one.box.meets(box) and node.label and normal(one.text) == normal(node.label):
            x, y = (one.box.left + one.box.right) // 2, (one.box.top + one.box.bottom) // 2
            if box.left <= x < box.right and box.top <= y < box.bottom:
                return FramePoint(x, y)
    return FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)


# The drifts


class Drifts:
    """What happens to one window of an application between recording and search."""

    def __init__(self, studio: Studio, app: str, seed: int, reader: Reader, most: int) -> None:
        self._studio, self._app, self._seed = studio, app, seed
        self._rng = random.Random(f"drifts/{app}/{seed}")
        self._look = Look.of(app, seed)
        self.base = studio.draw(app, seed, self._look)
        self.texts = read_picture(self.base.pixels, reader)
        self.targets = recorded(self.base, self.texts, self._rng, most)

    def _draw(self, look: Look | None = None, *edits: Edit, seed: int | None = None) -> Scene:
        return self._studio.draw(self._app, self._seed if seed is None else seed, look or self._look, edits)

    def trials(self) -> Iterator[Trial]:
        look, rng = self._look, self._rng
        yield from self._all("unchanged", self.base)
        yield from self._moved()
        yield from self._all("typed elsewhere", self._draw(None, self._typing()))
        yield from self._all("resized", self._draw(look.other_size(rng)))
        yield from self._all("theme", self._draw(look.other_theme(rng)))
        yield from self._all("font", self._draw(look.other_font(rng)))
        yield from self._all("font and theme", self._draw(look.other_font(rng).other_theme(rng)))
        yield from self._all("other layout", self._draw(replace(look, mirrored=True)), either=True)
        yield from self._all("other data", self._draw(seed=self._seed + 500_000), either=True)
        yield from self._translated()
        yield from self._scrolled()
        yield from self._edited()
        yield from self._half_painted()
        yield from self._covered()
        yield from self._two_windows()
        yield from self._by_words_alone()

    def _all(self, drift: str, scene: Scene, *, either: bool = False) -> Iterator[Trial]:
        frame = Frame(scene.pixels.copy(), _monitor(scene.pixels))
        for target in self.targets:
            there: bool | None = self._is_there(target, scene)
            if drift == "other data":
                there = None if self._says_the_same(target, scene) else False
            elif either and there:
                there = None
            yield Trial(drift, target, Place(frame, frame.box), scene, (0, 0), there)

    def _is_there(self, target: Target, scene: Scene) -> bool:
        """Return whether a target's widget is visible, as whole as it was."""
        node = scene.node(target.node.id)
        if node is None:
            return False
        return node.rect.height >= 0.75 * target.node.rect.height * self._shrunk(scene)

    def _shrunk(self, scene: Scene) -> float:
        return 1.0 if scene.pixels.shape == self.base.pixels.shape else 0.5

    def _says_the_same(self, target: Target, scene: Scene) -> bool:
        """Return whether a window with other data has the very same target, by its label and state."""
        return any(alike(node, target.node) for node in scene.nodes)

    def _moved(self) -> Iterator[Trial]:
        """The window is elsewhere on a larger screen, before another window, under a third one's corner."""
        rng, pixels = self._rng, self.base.pixels
        other = self._draw(seed=self._seed + 1).pixels
        height, width = pixels.shape[:2]
        screen = np.full((height + 220, width + 320, 3), rng.randrange(256), np.uint8)
        screen[: other.shape[0], : other.shape[1]] = other[: screen.shape[0], : screen.shape[1]]
        x, y = rng.randint(1, 319), rng.randint(1, 219)
        screen[y : y + height, x : x + width] = pixels
        cover = FrameBox(x + width - 90, y + height - 60, x + width, y + height)
        screen[cover.top : cover.bottom, cover.left : cover.right] = rng.randrange(256)
        frame = Frame(screen, _monitor(screen))
        window = FrameBox(x, y, x + width, y + height)
        for target in self.targets:
            over = cover.meets(_shifted(box_of(target.node), x, y))
            there = None if over else True
            yield Trial("moved", target, Place(frame, window, (cover,)), self.base, (x, y), there)

    def _typing(self) -> Edit:
        return type_elsewhere([target.node.id for target in self.targets], self._rng)

    def _translated(self) -> Iterator[Trial]:
        scene = self._draw(self._look.translated())
        frame = Frame(scene.pixels.copy(), _monitor(scene.pixels))
        for target in self.targets:
            node = scene.node(target.node.id)
            same = node is not None and node.label == target.node.label
            # A slider's handle that was read as an O has no words.
            wordless = target.how == "looks" or len(normal(target.wanted.evidence.text)) < 2
            there = None if same or wordless else False
            yield Trial("translated", target, Place(frame, frame.box), scene, (0, 0), there)

    def _scrolled(self) -> Iterator[Trial]:
        name = {"chat": "chats", "form": "page", "settings": "city"}[self._app]
        for drift, by in (("scrolled", self._rng.randint(15, 160)), ("scrolled far", 5000)):
            scene = self._draw(None, scroll(name, by))
            if (scene.pixels == self.base.pixels).all():
                return
            yield from self._all(drift, scene)

    def _edited(self) -> Iterator[Trial]:
        """Rows deleted, labels renamed, twins disabled: half of the targets, so that landmarks are left."""
        half = self.targets[::2]
        gone = {target.node.id for target in half}
        frame: Frame
        for drift, edits in (
            ("deleted", [delete(node) for node in gone]),
            ("renamed", [rename(node, self._rng.choice(_NAMES)) for node in gone]),
            ("disabled", [disable(node) for node in gone]),
        ):
            scene = self._draw(None, *edits)
            frame = Frame(scene.pixels.copy(), _monitor(scene.pixels))
            for target in self.targets:
                there = self._after(drift, target, scene, gone)
                truth = self.base if drift == "disabled" else scene
                yield Trial(drift, target, Place(frame, frame.box), truth, (0, 0), there)
        yield from self._shifted_by_a_row()

    def _after(self, drift: str, target: Target, scene: Scene, gone: set[str]) -> bool | None:
        node, evidence = scene.node(target.node.id), target.wanted.evidence
        if drift == "disabled" and node is None and evidence is not None:
            if target.how == "field":  # typing is read back
                return None
            part = (
                slice(evidence.box.top, evidence.box.bottom),
                slice(evidence.box.left, evidence.box.right),
            )
            apart = np.abs(self.base.pixels[part].astype(int) - scene.pixels[part]).mean()
            # What is drawn as before can't be told from an enabled one by any picture.
            return False if apart > 2 else None
        if drift == "renamed" and target.node.id in gone:
            return node is None or node.label == target.node.label
        return self._is_there(target, scene)

    def _shifted_by_a_row(self) -> Iterator[Trial]:
        """A row above is gone, so that every row lies where another was."""
        rows = [node for node in self.base.nodes if node.role == "list item" or node.id.startswith("switch/")]
        wanted = {"/".join(target.node.id.split("/")[:2]) for target in self.targets}
        free = [node.id for node in rows if node.id not in wanted and not node.id.startswith("note/")]
        if free:
            yield from self._all("shifted by a row", self._draw(None, delete(free[0])))

    def _half_painted(self) -> Iterator[Trial]:
        """A part of the frame isn't painted yet: empty, or another page's."""
        scene, rng = self.base, self._rng
        height, width = scene.pixels.shape[:2]
        pixels = scene.pixels.copy()
        cut = rng.randint(height // 4, 3 * height // 4)
        if rng.random() < 0.5:
            pixels[cut:] = pixels[height // 2, 2]
        else:
            drawn = self._draw(seed=self._seed + 3)
            other = drawn.pixels[:height, :width]
            pixels[cut : other.shape[0], : other.shape[1]] = other[cut:]
            above = (_clipped(node, 0, cut) for node in scene.nodes)
            below = (_clipped(node, cut, height) for node in drawn.nodes)
            scene = Scene(pixels, tuple(node for node in (*above, *below) if node is not None))
        frame = Frame(pixels, _monitor(pixels))
        for target in self.targets:
            box = box_of(target.node)
            there = True if box.bottom <= cut else False if box.top >= cut else None
            before = self.base.pixels[box.top : box.bottom, box.left : box.right]
            same = (pixels[box.top : box.bottom, box.left : box.right] == before).all()
            if there is False and (same or any(alike(node, target.node) for node in scene.nodes)):
                there = None
            yield Trial("half painted", target, Place(frame, frame.box), scene, (0, 0), there)

    def _covered(self) -> Iterator[Trial]:
        """Another window lies over the target; then beside it is a crisp copy of the target and its row."""
        pixels = self.base.pixels
        height, width = pixels.shape[:2]
        for target in self.targets[:2]:
            box = box_of(target.node)
            over = FrameBox(
                max(0, box.left - 30),
                max(0, box.top - 20),
                min(width, box.right + 25),
                min(height, box.bottom + 15),
            )
            for drift in ("pop-up over it", "covered beside a decoy"):
                screen = pixels.copy()
                screen[over.top : over.bottom, over.left : over.right] = (230, 230, 235)
                covered: tuple[FrameBox, ...] = (over,)
                if drift == "covered beside a decoy":
                    row = pixels[max(0, box.top - 4) : box.bottom + 4, max(0, box.left - 20) : box.right + 20]
                    top = self._rng.choice((0, height - row.shape[0]))
                    left = self._rng.randint(0, max(0, width - row.shape[1]))
                    at = FrameBox(left, top, left + row.shape[1], top + row.shape[0])
                    if at.meets(over):
                        continue
                    screen[at.top : at.bottom, at.left : at.right] = row
                elif self._rng.random() < 0.5:
                    covered = ()  # drawn by the application itself
                frame = Frame(screen, _monitor(screen))
                yield Trial(drift, target, Place(frame, frame.box, covered), self.base, (0, 0), False)

    def _two_windows(self) -> Iterator[Trial]:
        """Two windows of one title, and nobody said which: their targets are two."""
        one, two = self.base.pixels, self._draw(seed=self._seed + 7).pixels
        height, width = max(one.shape[0], two.shape[0]), one.shape[1] + two.shape[1] + 10
        screen = np.full((height, width, 3), 90, np.uint8)
        first = self._rng.random() < 0.5
        parts = (one, two) if first else (two, one)
        screen[: parts[0].shape[0], : parts[0].shape[1]] = parts[0]
        left = parts[0].shape[1] + 10
        screen[: parts[1].shape[0], left : left + parts[1].shape[1]] = parts[1]
        frame, x = Frame(screen, _monitor(screen)), 0 if first else left
        for target in self.targets:
            yield Trial("two windows", target, Place(frame, frame.box), self.base, (x, 0), None)

    def _by_words_alone(self) -> Iterator[Trial]:
        """No recording: a flow that was written by hand, in this window and in one with other data."""
        for drift, scene in (
            ("words alone", self.base),
            ("words alone, other data", self._draw(seed=self._seed + 9)),
        ):
            frame = Frame(scene.pixels.copy(), _monitor(scene.pixels))
            for target in self.targets:
                wanted = _by_hand(target)
                # In other data the words beside it may stand in another row, whose box is then meant.
                if wanted is not None and (scene is self.base or not wanted.near):
                    known = replace(target, wanted=wanted)
                    there = None if any(alike(node, target.node) for node in scene.nodes) else False
                    yield Trial(drift, known, Place(frame, frame.box), scene, (0, 0), there)


def calculator_trials(reader: Reader) -> Iterator[Trial]:
    """galculator, which isn't ours: every button, in each look, and half painted."""
    rng, targets, base = random.Random("galculator"), list[Target](), None
    for drift, scene in calculator():
        if base is None:
            base = scene
            targets = recorded(scene, read_picture(scene.pixels, reader), rng, 99)
        frame = Frame(scene.pixels.copy(), _monitor(scene.pixels))
        half = scene.pixels.copy()
        half[half.shape[0] // 2 :] = half[3, half.shape[1] // 2]
        painted = Frame(half, _monitor(half))
        for target in targets:
            there = [node for node in scene.nodes if node.label == target.node.label]
            known = replace(target, node=there[0]) if there else target
            yield Trial(f"galculator, {drift}", known, Place(frame, frame.box), scene, (0, 0), bool(there))
            gone = there and box_of(there[0]).bottom > half.shape[0] // 2
            yield Trial(
                "galculator, half painted", known, Place(painted, painted.box), scene, (0, 0), not gone
            )


def _by_hand(target: Target) -> Wanted | None:
    """Return what a person would write of a target, as its application calls it."""
    node, wanted = target.node, target.wanted
    if target.how == "field":
        return Wanted(words=wanted.words, field=True)
    if target.how == "words" and node.label:
        return Wanted(words=(node.label,))
    near = wanted.near or wanted.row
    return Wanted(near=near) if near else None


_NAMES: Final = ("Archive", "Postpone", "Print", "Export", "Preview", "归档", "导出")


def _monitor(pixels: Pixels) -> Rect:
    return Rect(0, 0, pixels.shape[1], pixels.shape[0])


def _shifted(box: FrameBox, x: int, y: int) -> FrameBox:
    return FrameBox(box.left + x, box.top + y, box.right + x, box.bottom + y)


def _clipped(node: Node, top: int, bottom: int) -> Node | None:
    """Return a widget as far as it is between two lines; None if nothing of it is."""
    first, last = max(top, node.rect.top), min(bottom, node.rect.top + node.rect.height)
    if last <= first:
        return None
    return replace(node, rect=Rect(node.rect.left, first, node.rect.width, last - first))


def alike(node: Node, other: Node) -> bool:
    """Return whether two widgets are one to the person: the same kind, named alike."""
    return node.role == other.role and (node.id == other.id or node.label == other.label != "")
