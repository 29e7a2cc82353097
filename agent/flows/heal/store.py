"""The proposals to heal a flow, kept beside it until a person accepts or rejects them.

`x.heal/` beside `x.flow.yaml` has `proposals.json`, `rejected.json` and pictures. Accepting writes the new
evidence into the lock, and a new name of a target into the flow's `aliases`. Nothing else of a flow is ever
changed by a heal. A refusal is remembered.
"""

import hashlib
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.core.validation import first_error
from qvl_agent.agent.flows.finding.words import normal, says
from qvl_agent.agent.flows.lock import Evidence, Lock, load_picture, lock_folder, picture_of, replace_file
from qvl_agent.agent.flows.reading import Loaded, load
from qvl_agent.agent.flows.script.walking import targets

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
        _, png = picture_of(self.picture(proposal), proposal.evidence.picture.scale)
        picture = proposal.evidence.picture
        changed = lock.model_copy(update={"targets": {**lock.targets, proposal.key: proposal.evidence}})
        changed.save(folder, {picture.sha256: png})
        self._alias(loaded, proposal)
        self._drop(proposal)

    def reject(self, proposal: Proposal) -> None:
        """Forget a proposal, and remember that it was refused: it isn't proposed again."""
        refusal = _Refusal(
            key=proposal.key, text=proposal.evidence.text, print=_print_of(proposal.key, proposal.evidence)
        )
        refusals = [*self._read("rejected.json", _REFUSALS), refusal]
        self._write("rejected.json", _REFUSALS.dump_json(refusals, indent=1))
        self._drop(proposal)

    def _alias(self, loaded: Loaded, proposal: Proposal) -> None:
        """Add what stands on a target now to the flow's aliases, if it isn't one of its words."""
        words, text = proposal.name, proposal.evidence.text
        known = (words, *loaded.flow.aliases.get(words, ()))
        if not words or not text or any(says(text, each) is True for each in known):
            return
        from ruamel.yaml import YAML  # noqa: PLC0415 - an extra

        yaml = YAML()
        yaml.width = 110
        with self._flow.open(encoding="utf-8") as file:
            tree = yaml.load(file)
        aliases = tree.setdefault("aliases", {})
        aliases[words] = [*aliases.get(words, []), text]
        temporary = self._flow.with_name(f".{self._flow.name}.new")
        with temporary.open("w", encoding="utf-8") as file:
            yaml.dump(tree, file)
        temporary.replace(self._flow)

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


def _print_of(key: str, evidence: Evidence) -> str:
    """Return the checksum by which a proposal is known again: by what stands on it, else by where it is."""
    box = evidence.box
    what = normal(evidence.text) or f"{box.left // 32} {box.top // 32}"
    return hashlib.sha256(f"{key}\n{what}".encode()).hexdigest()
