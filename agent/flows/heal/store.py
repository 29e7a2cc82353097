"""The proposals to heal a flow, kept beside it until a person accepts or rejects them.

`x.heal/` beside `x.flow.yaml` has `proposals.json`, `rejected.json` and pictures. Accepting writes the new
evidence into the lock, and a new name of a target into the flow's `aliases`. Nothing else of a flow is ever
changed by a heal. A refusal is remembered.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.core.validation import first_error
from qvl_agent.agent.flows.finding.words import normal, says
from qvl_agent.agent.flows.lock import Evidence, Lock, load_picture, lock_folder, replace_file
from qvl_agent.agent.flows.reading import Loaded, load
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.walking import targets
from qvl_agent.agent.flows.tree import TreeError, parse

__all__ = ["Proposal", "ProposalStore", "TrialSeen", "heal_folder"]


T = TypeVar("T")


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrialSeen(_Record):
    """One trial of a proof, as `proof.Trial`."""

    name: str
    held: bool
    what: str
    needed: bool


class Proposal(_Record):
    """A new evidence for one target.

    Attributes:
        key: the target's key in the lock.
        path, words: the step at which it wasn't found.
        name: the target's words in the script, with the values of then; "" for none.
        evidence: what it looks like now.
        why: what speaks for it, in a sentence.
        trials: its proof on pictures.
        went_on: whether the run went on with it, and everything afterwards held.
        clean: whether a second run found everything with it, without healing.
    """

    key: str
    path: str
    words: str
    name: str = ""
    evidence: Evidence
    why: str
    trials: tuple[TrialSeen, ...]
    went_on: bool = False
    clean: bool = False

    @property
    def id(self) -> str:
        """Its name on the command line."""
        return _print_of(self.key, self.evidence)[:8]

    @property
    def proved(self) -> bool:
        """Whether every trial that is needed held, and the run went on well with it."""
        return self.went_on and all(trial.held for trial in self.trials if trial.needed)


_PROPOSALS: Final = TypeAdapter(list[Proposal])


class _Refusal(_Record):
    key: str
    text: str = ""
    print: str


_REFUSALS: Final = TypeAdapter(list[_Refusal])


def heal_folder(flow: Path) -> Path:
    """Return where a flow's proposals lie: `x.heal` beside `x.flow.yaml`."""
    return lock_folder(flow).with_suffix(".heal")


class ProposalStore:
    """The proposals for one flow."""

    def __init__(self, flow: Path) -> None:
        self._flow, self.folder = flow, heal_folder(flow)

    def all(self) -> list[Proposal]:
        """Return the proposals that are open.

        Raises:
            FlowError: the file is broken.
        """
        return self._read("proposals.json", _PROPOSALS)

    def refused(self, key: str, evidence: Evidence) -> bool:
        """Return whether a person rejected this before."""
        print_ = _print_of(key, evidence)
        return any(each.print == print_ for each in self._read("rejected.json", _REFUSALS))

    def put(self, proposal: Proposal, picture: bytes) -> None:
        """Keep a proposal, in the place of an earlier one for the same target."""
        rest = [each for each in self.all() if each.key != proposal.key]
        (self.folder / "pictures").mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / proposal.evidence.picture.file, picture)
        self._write("proposals.json", _PROPOSALS.dump_json([*rest, proposal], indent=1))

    def mark(self, keys: set[str], *, clean: bool = False) -> None:
        """Note that a run went on well with these proposals, or that a second one found everything."""
        changed = {"clean": True} if clean else {"went_on": True}
        marked = [each.model_copy(update=changed) if each.key in keys else each for each in self.all()]
        self._write("proposals.json", _PROPOSALS.dump_json(marked, indent=1))

    def picture(self, proposal: Proposal) -> Pixels:
        """Read a proposal's picture."""
        return load_picture(self.folder, proposal.evidence.picture)

    def find(self, id_: str) -> Proposal:
        """Return a proposal by its id, or the beginning of it.

        Raises:
            FlowError: there is none, or more than one.
        """
        found = [each for each in self.all() if each.id.startswith(id_)]
        if len(found) != 1:
            known = ", ".join(each.id for each in self.all()) or "none"
            raise FlowError(
                f"there is {'no' if not found else 'more than one'} proposal {id_!r}; open: {known}"
            )
        return found[0]

    def accept(self, proposal: Proposal) -> None:
        """Write a proposal into the lock, and a new name into the flow's aliases.

        Raises:
            FlowError: it isn't proved, or the flow has no such target any more.
        """
        loaded = load(self._flow)
        if not proposal.proved:
            raise FlowError(
                f"{proposal.id} isn't proved, so it isn't accepted; run qvl-agent flow heal {self._flow}"
            )
        if proposal.key not in {target.key for _, _, target in targets(loaded.flow)}:
            raise FlowError(f"the flow has no target “{proposal.key}” any more; reject {proposal.id}")
        folder = lock_folder(self._flow)
        lock = Lock.load(folder) if folder.is_dir() else Lock()
        self.picture(proposal)  # checks it
        picture = proposal.evidence.picture
        png = (self.folder / picture.file).read_bytes()
        text = self._with_alias(loaded, proposal)
        _with(lock, loaded, proposal).save(folder, {picture.sha256: png})
        if text is not None:
            replace_file(self._flow, text)
        self._drop(proposal)

    def reject(self, proposal: Proposal) -> None:
        """Forget a proposal, and remember that it was refused: it isn't proposed again."""
        refusal = _Refusal(
            key=proposal.key, text=proposal.evidence.text, print=_print_of(proposal.key, proposal.evidence)
        )
        refusals = [*self._read("rejected.json", _REFUSALS), refusal]
        self._write("rejected.json", _REFUSALS.dump_json(refusals, indent=1))
        self._drop(proposal)

    def _with_alias(self, loaded: Loaded, proposal: Proposal) -> bytes | None:
        """Return the flow's text with what stands on a target now among its aliases; None if it needn't be.

        Nothing else of the file is written anew, so that comments, quotes and blanks stay as they are.

        Raises:
            FlowError: the file has its aliases in a shape that can't be added to.
        """
        words, text = proposal.name, proposal.evidence.text
        known = (words, *loaded.flow.aliases.get(words, ()))
        if not words or not text or any(says(text, each) is True for each in known):
            return None
        before = self._flow.read_bytes()
        lines = before.decode("utf-8").splitlines(keepends=True)
        end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
        entry = f"{json.dumps(words, ensure_ascii=False)}: {_listed((*known[1:], text))}"
        if not loaded.flow.aliases:
            where = next(number for number, line in enumerate(lines) if re.match(r"steps\s*:", line))
            lines[where:where] = [f"aliases:{end}", f"  {entry}{end}"]
        else:
            _put(lines, loaded, words, entry, end)
        after = "".join(lines).encode()
        if not _differs_by(before, after, {words: (*known[1:], text)}):
            raise FlowError(
                f"can't add to the aliases of {self._flow}; write there {entry}, then accept it again"
            )
        return after

    def _drop(self, proposal: Proposal) -> None:
        rest = [each for each in self.all() if each.id != proposal.id]
        self._write("proposals.json", _PROPOSALS.dump_json(rest, indent=1))
        kept = {each.evidence.picture.file for each in rest}
        if proposal.evidence.picture.file not in kept:
            (self.folder / proposal.evidence.picture.file).unlink(missing_ok=True)

    def _read(self, name: str, kind: TypeAdapter[list[T]]) -> list[T]:
        try:
            return kind.validate_json((self.folder / name).read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            why = first_error(error) if isinstance(error, ValidationError) else error.strerror
            raise FlowError(f"can't read {self.folder / name}: {why}; delete it to begin anew") from error

    def _write(self, name: str, data: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            replace_file(self.folder / name, data + b"\n")
        except OSError as error:
            raise FlowError(f"can't write {self.folder / name}: {error.strerror}") from error


def _with(lock: Lock, loaded: Loaded, proposal: Proposal) -> Lock:
    """Return a lock with a proposal's evidence, and with its picture before the steps with that target.

    The pictures after them stay, and so do the verdicts: they are what a run without a screen compares with.
    """
    picture = proposal.evidence.picture
    paths = {path for path, _, target in targets(loaded.flow) if target.key == proposal.key}
    frames = {
        path: (picture, *pictures[1:]) if path in paths else pictures
        for path, pictures in lock.frames.items()
    }
    changed = {
        "targets": {**lock.targets, proposal.key: proposal.evidence},
        "frames": frames,
        "texts": {**lock.texts, picture.sha256: proposal.evidence.texts},
    }
    return lock.model_copy(update=changed)


def _listed(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(json.dumps(each, ensure_ascii=False) for each in texts)}]"


def _put(lines: list[str], loaded: Loaded, words: str, entry: str, end: str) -> None:
    """Put an entry below `aliases`, in the place of the one with the same words."""
    node = loaded.tree.find(("aliases",))
    place = node.keys.get(words)
    if place is None:
        first = next(iter(node.keys.values()))
        lines.insert(first.line - 1, f"{' ' * (first.column - 1)}{entry}{end}")
    else:
        lines[place.line - 1] = f"{' ' * (place.column - 1)}{entry}{end}"


def _differs_by(before: bytes, after: bytes, aliases: dict[str, tuple[str, ...]]) -> bool:
    """Return whether two texts of a flow differ by some aliases and nothing else."""
    try:
        old, new = (Flow.model_validate(parse(text).data()) for text in (before, after))
    except (TreeError, ValidationError):
        return False
    return new == old.model_copy(update={"aliases": {**old.aliases, **aliases}})


def _print_of(key: str, evidence: Evidence) -> str:
    """Return the checksum by which a proposal is known again: by what stands on it, else by where it is."""
    box = evidence.box
    what = normal(evidence.text) or f"{box.left // 32} {box.top // 32}"
    return hashlib.sha256(f"{key}\n{what}".encode()).hexdigest()
