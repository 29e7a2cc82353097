"""The lock beside a flow: evidence that is missing, doesn't fit, or proves nothing."""

from collections.abc import Iterator
from itertools import combinations

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.agent.flows.checks.subject import Subject, expectations, is_read, literal, plain_words
from qvl_agent.agent.flows.lock import Evidence, Lock, load_picture
from qvl_agent.agent.flows.reading import Mistake
from qvl_agent.agent.flows.script.steps import Acting, Read, Step
from qvl_agent.agent.flows.script.targets import Expectation, Target
from qvl_agent.agent.flows.script.walking import targets_of, walk

__all__ = ["check_evidence"]

_SAME_PLACE = 0.6
"""The share of two boxes' common area above which they are one place."""
_COMPILE = "compile the flow again"


def check_evidence(subject: Subject) -> Iterator[Mistake]:
    """Compare a flow with its lock."""
    named = list(_targets(subject))
    yield from _confused(subject)
    for path, target in named:
        yield from _needed(subject, path, target)
    if subject.lock is not None:
        yield from _Against(subject, subject.lock).all(named)


def _targets(subject: Subject) -> Iterator[tuple[str, Target]]:
    """Yield every target with its path; a key that comes again, only where it comes first."""
    seen: set[str] = set()
    for path, step in walk(subject.flow):
        for inside, target in targets_of(step):
            if target.key not in seen:
                seen.add(target.key)
                yield f"{path}.{inside}", target


def _confused(subject: Subject) -> Iterator[Mistake]:
    """Find two targets that have one name in the lock, so that one would be clicked for the other."""
    first: dict[str, tuple[str, Target]] = {}
    for path, step in walk(subject.flow):
        for inside, target in targets_of(step):
            where, known = first.setdefault(target.key, (f"{path}.{inside}", target))
            if known != target:
                line, _ = subject.loaded.where(where)
                message = f"“{target.key}” is another target's name too, in line {line}"
                yield subject.mistake(f"{path}.{inside}", message, "give each an id of its own")


def _needed(subject: Subject, path: str, target: Target) -> Iterator[Mistake]:
    """Find targets without words of their own that nobody has seen."""
    if (target.text and not target.id) or target.image or target.describe:
        return
    if subject.lock is None or target.key not in subject.lock.targets:
        what = "a region" if target.region else "known by its id" if target.text else "something beside words"
        message = f"“{target.key}” is {what}, and no picture shows what it looks like"
        instead = "take out the id" if target.text else "give it text or image"
        yield subject.mistake(path, message, f"record it: compile the flow, or {instead}")


class _Against:
    """The checks that need the lock."""

    def __init__(self, subject: Subject, lock: Lock) -> None:
        self._subject = subject
        self._lock = lock
        self._texts: dict[str, list[str]] = {}
        """What was read on each picture, by its checksum."""
        for evidence in lock.targets.values():
            known = self._texts.setdefault(evidence.picture.sha256, [])
            if not known:
                known += [seen.text for seen in evidence.texts]

    def all(self, named: list[tuple[str, Target]]) -> Iterator[Mistake]:
        evidence = {path: self._lock.targets[target.key] for path, target in named if self._has(target)}
        for path, target in named:
            if path in evidence:
                yield from self._fits(path, target, evidence[path])
                yield from self._pictured(path, target, evidence[path])
                yield from self._unlike_others(path, target, evidence[path])
        yield from self._apart([(path, target, evidence[path]) for path, target in named if path in evidence])
        yield from self._before()
        yield from self._unused({target.key for _, target in named})

    def _has(self, target: Target) -> bool:
        return target.key in self._lock.targets

    def _fits(self, path: str, target: Target, evidence: Evidence) -> Iterator[Mistake]:
        """Find words of a target that stand nowhere on its picture: it was changed since."""
        read = [evidence.text, evidence.row, *(seen.text for seen in evidence.texts)]
        for words in (target.text, target.near, target.row):
            if words is None or "${" in words or evidence.text_varies:
                continue
            others = self._subject.flow.aliases.get(words, ())
            if not any(is_read(each, read) for each in (words, *others)):
                message = f"“{words}” stands nowhere on the picture that was recorded for it"
                yield self._subject.mistake(
                    path, message, f"was it changed? {_COMPILE}, or write the words of then"
                )

    def _pictured(self, path: str, target: Target, evidence: Evidence) -> Iterator[Mistake]:
        picture, box = evidence.picture, evidence.box
        if min(box.left, box.top) < 0 or box.right > picture.width or box.bottom > picture.height:
            message = f"the evidence of “{target.key}” lies outside of its picture"
            yield self._subject.mistake(path, message, _COMPILE)
        try:
            load_picture(self._subject.folder, picture)
        except RecordingError as error:
            yield self._subject.mistake(path, str(error))

    def _unlike_others(self, path: str, target: Target, evidence: Evidence) -> Iterator[Mistake]:
        if target.text is None or target.row or target.near or target.id or "${" in target.text:
            return
        alike = [seen for seen in evidence.texts if plain_words(seen.text) == plain_words(target.text)]
        if len(alike) > 1:
            message = f"“{target.text}” stands {len(alike)} times on its picture"
            yield self._subject.mistake(path, message, "say which: add near, row or id")

    def _apart(self, known: list[tuple[str, Target, Evidence]]) -> Iterator[Mistake]:
        """Find two targets that one place on one picture is the evidence of."""
        for (first, one, seen), (path, other, evidence) in combinations(known, 2):
            if (
                seen.picture.sha256 == evidence.picture.sha256
                and _shared(seen.box, evidence.box) > _SAME_PLACE
            ):
                line, _ = self._subject.loaded.where(first)
                message = f"“{other.key}” and “{one.key}” in line {line} have one place as their evidence"
                remedy = "call them the same if they are the same; else compile the flow again"
                yield self._subject.mistake(path, message, remedy)

    def _before(self) -> Iterator[Mistake]:
        """Find steps whose every postcondition held before them."""
        of_step: dict[str, list[tuple[str, Expectation]]] = {}
        for path, step, each in expectations(self._subject.flow):
            if isinstance(step, Acting):
                of_step.setdefault(path.rpartition(".then")[0], []).append((path, each))
        steps = dict(walk(self._subject.flow))
        for here, found in of_step.items():
            said = [self._held(here, steps[here], each) for _, each in found]
            if all(said):
                for (path, _), why in zip(found, said, strict=True):
                    message = f"{why} before the step too, so that it proves nothing"
                    yield self._subject.mistake(
                        path, message, "expect something that only this step brings about"
                    )

    def _held(self, path: str, step: Step, each: Expectation) -> str:
        """Say what held before a step; "" if it didn't, or nobody knows."""
        texts, window = self._seen_before(path, step)
        if texts is None or each.value or each.changed or each.file or each.that:
            return ""
        target = each.target.text if each.target and not (each.target.near or each.target.row) else None
        for words in (each.see, target):
            if words and "${" not in words and self._stands(words, texts):
                return f"“{words}” stood there"
        if each.gone and "${" not in each.gone and not is_read(each.gone, texts):
            return f"“{each.gone}” was missing"
        if each.window and "${" not in each.window and plain_words(each.window) in plain_words(window):
            return f"the window “{each.window}” was in front"
        return ""

    def _stands(self, words: str, texts: list[str]) -> bool:
        others = self._subject.flow.aliases.get(words, ())
        return any(literal(each).strip() and is_read(each, texts) for each in (words, *others))

    def _seen_before(self, path: str, step: Step) -> tuple[list[str] | None, str]:
        """Return what was read before a step, and the window's title; None if nobody looked."""
        own = [self._lock.targets[target.key] for _, target in targets_of(step) if self._has(target)]
        frames = self._lock.frames.get(path, ())
        if frames and frames[0].sha256 in self._texts:
            pictured = [
                each for each in self._lock.targets.values() if each.picture.sha256 == frames[0].sha256
            ]
            return self._texts[frames[0].sha256], pictured[0].window.title
        if own and not frames:
            return self._texts[own[0].picture.sha256], own[0].window.title
        return None, ""

    def _unused(self, keys: set[str]) -> Iterator[Mistake]:
        flow = self._subject.flow
        paths = {path for path, _ in walk(flow)}
        beside = {Target(near=near).key for _, step in walk(flow) if (near := _near(step))}
        file = self._subject.folder / "lock.json"
        for key in self._lock.targets:
            if key not in keys | beside:
                message = f"there is evidence for “{key}”, which no step uses"
                yield Mistake(file, 1, 1, message, f"{_COMPILE} to remove it", note=True)
        for path, frames in self._lock.frames.items():
            if path not in paths:
                message = f"there are pictures of a step {path}, which isn't there"
                yield Mistake(file, 1, 1, message, f"{_COMPILE} to remove them", note=True)
                continue
            for picture in frames:
                try:
                    load_picture(self._subject.folder, picture)
                except RecordingError as error:
                    yield self._subject.mistake(path, str(error))


def _near(step: Step) -> str | None:
    return step.read.near if isinstance(step, Read) else None


def _shared(one: FrameBox, other: FrameBox) -> float:
    """Return two boxes' common area as a share of what both cover."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0, width) * max(0, height)
    return common / max(1, one.width * one.height + other.width * other.height - common)
