"""What a flow would do that can't be undone, told by its words, by the lexicon that the guard judges by.

It is for a person to read beforehand. The guard judges each step again when it is done, by what is on the
screen then; a consequence that isn't listed here is asked about.
"""

from dataclasses import dataclass, replace

from qvl_agent.actions.guard.lexicon.search import in_label
from qvl_agent.actions.guard.rules.consequence import REASONS
from qvl_agent.agent.flows.lock import Lock, lock_folder
from qvl_agent.agent.flows.reading import Loaded, beside, load, walk
from qvl_agent.agent.flows.script.described import described
from qvl_agent.agent.flows.script.steps import MOST_USES, Click, Drag, Press, Step, Type, Use
from qvl_agent.agent.flows.trust import Trust

__all__ = ["ListedConsequence", "consequences", "trust_in"]


@dataclass(frozen=True, slots=True)
class ListedConsequence:
    """One consequence of one step.

    Attributes:
        path: the step's place in the flow.
        words: what the step does.
        rule: the guard's rule that asks about it.
        reason: what may come of it, in words.
    """

    path: str
    words: str
    rule: str
    reason: str


def consequences(loaded: Loaded) -> tuple[ListedConsequence, ...]:
    """Return what the steps of a flow, and of the flows that it uses, would send, delete, pay and so on.

    Raises:
        FlowError: a flow that it uses can't be read.
        RecordingError: a lock is broken.
    """
    return tuple(_listed(loaded, MOST_USES))


def _listed(loaded: Loaded, depth: int) -> list[ListedConsequence]:
    folder = lock_folder(loaded.path)
    lock = Lock.load(folder) if folder.is_dir() else Lock()
    listed: list[ListedConsequence] = []
    for path, step in walk(loaded.flow):
        found = {kind: words for text in _texts(step, lock) for kind, words in in_label(text).items()}
        listed += [
            ListedConsequence(path, described(step), f"consequence-{kind}", f"it {REASONS[kind]} ({words})")
            for kind, words in found.items()
        ]
        if isinstance(step, Use) and depth:
            used = _listed(load(beside(loaded.path, step.use)), depth - 1)
            listed += [
                replace(each, path=f"{path}.use{each.path.removeprefix('steps')}")
                for each in used
                if each.path.startswith("steps")  # its pop-up handlers aren't used
            ]
    return listed


def trust_in(loaded: Loaded) -> Trust:
    """Return the trust in everything that a flow lists, for one run that a flag allows so."""
    steps: dict[str, tuple[str, ...]] = {}
    for each in consequences(loaded):
        steps[each.path] = (*steps.get(each.path, ()), each.rule)
    return Trust(flow=loaded.flow.flow, steps=steps)


def _texts(step: Step, lock: Lock) -> tuple[str, ...]:
    """Return the words by which a step's consequence is known: its targets', as written and as recorded."""
    match step:
        case Click():
            targets = [step.click]
        case Drag():
            targets = [step.drag.from_, step.drag.to]
        case Type() if step.type.enter or step.type.lines:
            targets = [step.type.into] if step.type.into else []
        case Press():
            return (step.name or "",)
        case _:
            return ()
    evidence = [lock.targets[target.key].text for target in targets if target.key in lock.targets]
    return tuple(text for text in (*(target.text for target in targets), *evidence, step.name) if text)
