"""Healing proposes, proves and asks; it never guesses, and changes nothing before a person accepts it."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from order_form import OrderForm

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.execution.person import CallablePerson, Question
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.agent.flows.api import Flow
from qvl_agent.agent.flows.compile import compile_run, write
from qvl_agent.agent.flows.heal.store import Proposal, ProposalStore
from qvl_agent.agent.flows.lock import Lock, lock_folder
from qvl_agent.agent.flows.offline import offline
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.run.runner import FlowRun
from qvl_agent.sandbox.display import VirtualDisplay

WORDS = """\
flow: Orders   # kept
steps:
# the first one
- type: {into: "Number", text: "4711"}
- {click: "Save", within: 1s, then: {see: 'Order 4711 saved'}}   # and this
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow by its words with the lock that was made of its own run, in the form as it was."""
    folder = tmp_path_factory.mktemp("heal")
    flow = folder / "x.flow.yaml"
    flow.write_text(WORDS)
    with (
        VirtualDisplay((800, 600)) as screen,
        closing(open_local(screen.name)) as desktop,
        OrderForm(screen.environment(), folder / "log"),
    ):
        done = Flow.load(flow).run(desktop, runs=folder / "runs")
        assert done.status == "done", done.result.message
    made = compile_run(done.folder, reader=open_reader())
    write(made, folder / "made.flow.yaml")
    (folder / "made.lock").rename(folder / "x.lock")
    lock = Lock.load(folder / "x.lock")
    assert set(lock.targets) == {"Number", "Save"}
    return folder


@dataclass
class Bench:
    """The flow in a folder of its own, and the form as it is now."""

    folder: Path
    screen: VirtualDisplay
    desktop: Desktop

    @property
    def flow(self) -> Path:
        return self.folder / "x.flow.yaml"

    @property
    def store(self) -> ProposalStore:
        return ProposalStore(self.flow)

    def run(
        self, *buttons: str, heal: str | None = "auto", person: object = None
    ) -> tuple[FlowRun, list[str]]:
        log = self.folder / f"log-{len(list(self.folder.iterdir()))}"
        with OrderForm(self.screen.environment(), log, buttons) as form:
            done = Flow.load(self.flow).run(
                self.desktop,
                runs=self.folder / "runs",
                heal=heal,  # type: ignore[arg-type]
                person=person,
            )
            return done, form.pressed

    def digest(self) -> str:
        """A checksum of the flow and its lock."""
        files = [self.flow, *sorted(path for path in lock_folder(self.flow).rglob("*") if path.is_file())]
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@pytest.fixture
def bench(recorded: Path, tmp_path: Path, screen: VirtualDisplay) -> Iterator[Bench]:
    shutil.copy(recorded / "x.flow.yaml", tmp_path)
    shutil.copytree(recorded / "x.lock", tmp_path / "x.lock")
    with closing(open_local(screen.name)) as desktop:
        yield Bench(tmp_path, screen, desktop)


def test_a_renamed_button_is_proposed_accepted_and_then_found_without_healing(bench: Bench) -> None:
    before, text = bench.digest(), bench.flow.read_text()
    done, pressed = bench.run("Save changes", "Cancel", "New")
    assert pressed == ["Save changes 4711"], done.result.message
    assert done.status == "done"
    assert bench.digest() == before, "nothing is changed before it is accepted"
    [proposal] = bench.store.all()
    assert (proposal.key, proposal.evidence.text, proposal.went_on) == ("Save", "Save changes", True)
    bench.store.accept(proposal)
    assert bench.store.all() == []
    assert bench.flow.read_text() == text.replace(
        "steps:\n", 'aliases:\n  "Save": ["Save changes"]\nsteps:\n'
    ), "all else stands as it was written"
    reader = open_reader()
    assert [
        each.message for each in offline(load(bench.flow), reader=reader) if each.status == "failed"
    ] == []
    done, pressed = bench.run("Save changes", "Cancel", "New", heal=None)
    assert (done.status, pressed) == ("done", ["Save changes 4711"])


@pytest.mark.parametrize(
    ("buttons", "why"),
    [
        pytest.param(("Cancel", "New"), "removed", marks=pytest.mark.nightly),
        (("Delete", "Cancel", "New"), "another button in its place"),
        pytest.param(("Print", "Cancel", "New"), "a harmless button in its place", marks=pytest.mark.nightly),
        (("Save now", "Save all", "New"), "two that are alike"),
    ],
)
def test_what_is_not_surely_it_is_not_healed_and_nothing_is_pressed(
    bench: Bench, buttons: tuple[str, ...], why: str
) -> None:
    before = bench.digest()
    done, pressed = bench.run(*buttons)
    assert pressed == [], why
    assert done.status == "failed"
    assert bench.digest() == before
    assert [each.evidence.text for each in bench.store.all() if each.proved] == []


@pytest.mark.nightly
def test_what_moved_and_is_the_same_is_found_or_healed_as_itself(bench: Bench) -> None:
    done, pressed = bench.run("New", "Cancel", "Save")
    assert {each.evidence.text for each in bench.store.all()} <= {"Save"}
    assert done.status == "failed" or pressed == ["Save 4711"]
    assert [each for each in pressed if not each.startswith("Save")] == []


@pytest.mark.nightly
def test_a_person_is_asked_and_their_no_ends_it(bench: Bench) -> None:
    asked: list[Question] = []

    def no(question: Question) -> bool:
        asked.append(question)
        return False

    done, pressed = bench.run("Save changes", "Cancel", "New", heal="ask", person=CallablePerson(no))
    assert (done.status, pressed) == ("failed", [])
    assert [each.verdict.rule for each in asked] == ["flow-heal"]
    assert bench.store.all() == []


@pytest.mark.nightly
def test_a_rejected_proposal_does_not_come_back(bench: Bench) -> None:
    done, _ = bench.run("Save changes", "Cancel", "New")
    assert done.status == "done", done.result.message
    [proposal] = bench.store.all()
    bench.store.reject(proposal)
    done, pressed = bench.run("Save changes", "Cancel", "New")
    assert (done.status, pressed, bench.store.all()) == ("failed", [], [])
    assert "rejected" in done.result.message


def proposal(bench: Bench, **fields: object) -> Proposal:
    evidence = Lock.load(bench.folder / "x.lock").targets["Save"]
    made = Proposal(
        key="Save",
        path="steps[1]",
        words="click “Save”",
        name="Save",
        evidence=evidence.model_copy(update={"text": "Save changes"}),
        why="it is alike",
        trials=(),
        went_on=True,
    )
    made = made.model_copy(update=fields)
    png = (bench.folder / "x.lock" / made.evidence.picture.file).read_bytes()
    bench.store.put(made, png)
    return made


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("", 'aliases:\n  "Save": ["Save changes"]\n'),
        (
            'aliases:  # told\n  Other: ["x"]\n',
            'aliases:  # told\n  "Save": ["Save changes"]\n  Other: ["x"]\n',
        ),
        ("aliases:\n    Save: [Sichern]\n", 'aliases:\n    "Save": ["Sichern", "Save changes"]\n'),
    ],
)
def test_a_new_name_is_written_among_the_aliases_and_nothing_else(
    bench: Bench, head: str, expected: str
) -> None:
    bench.flow.write_text(WORDS.replace("steps:\n", f"{head}steps:\n"))
    bench.store.accept(proposal(bench))
    assert bench.flow.read_text() == WORDS.replace("steps:\n", f"{expected}steps:\n")
    assert "Save changes" in load(bench.flow).flow.aliases["Save"]


def test_aliases_in_another_shape_are_left_and_nothing_is_accepted_by_half(bench: Bench) -> None:
    bench.flow.write_text(WORDS.replace("steps:\n", "aliases: {Save: [Sichern], Other: [x]}\nsteps:\n"))
    before, made = bench.digest(), proposal(bench)
    with pytest.raises(FlowError, match="can't add to the aliases"):
        bench.store.accept(made)
    assert bench.digest() == before
    assert bench.store.all() == [made]


def test_what_is_not_proved_or_no_longer_there_is_not_accepted(bench: Bench) -> None:
    before = bench.digest()
    with pytest.raises(FlowError, match="isn't proved"):
        bench.store.accept(proposal(bench, went_on=False))
    with pytest.raises(FlowError, match="no target"):
        bench.store.accept(proposal(bench, key="Gone"))
    assert bench.digest() == before


def test_a_target_whose_words_come_from_a_row_is_not_healed(bench: Bench) -> None:
    text = WORDS.replace("steps:\n", "variables: {what: Save}\nsteps:\n", 1).replace(
        'click: "Save"', 'click: "${what}"'
    )
    bench.flow.write_text(text)
    done, pressed = bench.run("Save changes", "Cancel", "New")
    assert (done.status, pressed, bench.store.all()) == ("failed", [], [])
    assert "another item's" in done.result.message
