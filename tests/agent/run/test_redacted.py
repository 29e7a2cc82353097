"""A run with secrets: the model, the onlooker, the record, and going on with it."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from made_runs import manifest
from screens import settled
from text_fields import TextField

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.desktops import Capabilities, Desktop, DesktopWrapper
from qvl_agent.actions.execution.person import CallablePerson, Consent
from qvl_agent.actions.guard.policy import Binding, Policy
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.actions.planning.placeholders import NO_SECRETS, SecretValue, mark, placeholder
from qvl_agent.actions.secrets.covered_desktop import CoveredDesktop
from qvl_agent.actions.secrets.vault import Vault
from qvl_agent.agent import Agent
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.recording.format import RunResult, RunResumed, StepOutcome
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import (
    Acted,
    Ended,
    EventStream,
    Paused,
    Resumed,
    RunEvent,
    Started,
    Verified,
    Warned,
)
from qvl_agent.agent.run.wrappers.redacted import RedactedModel, bound, with_secrets
from qvl_agent.sandbox.display import VirtualDisplay

VALUE = "correct horse Batterie"
PIN = placeholder("bank-pin")
APP = "text_fields.py"
TASK = f"log in with {PIN}"
YES = CallablePerson(lambda _question: Consent("yes-for-run"))
WAIT = Reply('{"action": "wait", "seconds": 0}')
DONE = Reply('{"action": "done", "summary": "it is so"}')


def vault() -> Vault:
    return Vault({"bank-pin": SecretValue(VALUE, APP)})


def typing(**fields: object) -> Reply:
    return Reply(json.dumps({"action": "type", "text": PIN, **fields}))


class Echo(Model):
    """A model that says again what it is told, in pieces, and can do what a model may be able to."""

    name = "echo"

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.form: ReplyFormat | None = None

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        self.told = list(messages)
        for piece in (VALUE[:7], VALUE[7:], " and on"):
            if on_text:
                on_text(piece)
        return Reply(f"{VALUE} and on", reasoning=json.dumps(VALUE))

    def with_format(self, form: ReplyFormat) -> Model:
        self.form = form
        return self

    def picture_tokens(self, size: tuple[int, int]) -> int:
        return size[0]

    def close(self) -> None: ...


def test_a_model_is_told_nothing_and_heard_saying_nothing() -> None:
    echo, heard = Echo(), []
    model = RedactedModel(echo, vault().redactor)
    reply = model.reply([Message("user", (f"it is {VALUE}",))], stop=lambda: False, on_text=heard.append)
    assert echo.told[0].text == f"it is {mark('bank-pin')}"
    assert (reply.text, reply.reasoning) == (f"{mark('bank-pin')} and on", f'"{mark("bank-pin")}"')
    assert "".join(heard) == f"{mark('bank-pin')} and on"


def test_a_model_can_still_what_it_could() -> None:
    model = RedactedModel(Echo(), vault().redactor)
    assert model.picture_tokens((7, 8)) == 7
    plain = RedactedModel(RecordedModel([DONE]), vault().redactor)
    assert plain.picture_tokens((7, 8)) is None


def test_no_event_holds_a_value() -> None:
    """Every kind of event is published; what a subscriber gets is clean, or comes clean as it is."""
    given: list[RunEvent] = [
        Started(manifest(VALUE), Path("run")),
        Resumed(
            RunResumed(after=0, ended=None, torn=VALUE, note=VALUE, manifest=manifest(VALUE)),
            Path("run"),
        ),
        Warned(VALUE),
        Paused(VALUE),
        Verified(None, VALUE, "model"),
        Acted(StepOutcome(step=1, outcome=Outcome("failed", VALUE))),
        Ended(RunResult(status="failed", message=VALUE, answer=VALUE)),
    ]
    heard: list[RunEvent] = []
    with EventStream([heard.append], vault().redactor) as events:
        for event in given:
            events.publish(event)
    assert [type(event) for event in heard] == [type(event) for event in given]
    assert VALUE in repr(given)
    assert VALUE not in repr(heard)


class _NoDesktop:
    name, platform, display, capabilities = "none", "linux", "", Capabilities()

    def window_at(self, point: object) -> None: ...


def test_a_desktop_can_still_what_it_could() -> None:
    """A method that is new in `Desktop`, or that a desktop may have, has to be passed on too."""
    wanted = {name for name in vars(Desktop) if not name.startswith("_")}
    own = {name for kind in (DesktopWrapper, CoveredDesktop) for name in vars(kind)}
    given = set(vars(CoveredDesktop(_NoDesktop(), vault())))
    assert wanted <= own | given


def test_without_secrets_nothing_stands_between() -> None:
    setup = Setup(_NoDesktop(), RecordedModel([]))
    assert with_secrets(setup) == (setup, NO_SECRETS)
    assert bound(setup) is setup


def test_the_policy_and_the_prompt_name_the_secrets() -> None:
    setup = bound(Setup(_NoDesktop(), RecordedModel([]), secrets=vault()))
    assert setup.policy.secrets == {"bank-pin": Binding(application=APP)}
    (rule,) = setup.rules
    assert PIN in rule
    evil = Policy(secrets={"bank-pin": Binding(application="evil")})
    with pytest.raises(SettingsError):
        bound(Setup(_NoDesktop(), RecordedModel([]), secrets=vault(), policy=evil))


@pytest.fixture
def field(display: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> Iterator[TextField]:
    with TextField("qt", display.environment(), tmp_path) as field:
        window = None
        while window is None or APP not in window.names:
            window = desktop.focused()
        yield field


def agent(desktop: Desktop, replies: Sequence[Reply], runs: Path, **more: object) -> Agent:
    given = {"person": YES, "secrets": vault(), "runs": runs, "look_closer": "never", **more}
    return Agent(desktop, RecordedModel(replies), **given)


@pytest.mark.fault(27)
def test_a_replay_needs_no_secret(desktop: Desktop, field: TextField, tmp_path: Path) -> None:
    raw = Reply(json.dumps({"action": "type", "text": VALUE}))
    run = agent(desktop, [typing(), typing(enter=True), raw, DONE], tmp_path / "runs").run(TASK)
    assert run.status == "done"
    assert field.text() == 2 * VALUE
    recording = run.recording()
    assert replay(recording).agreed
    assert [step.outcome.outcome.status for step in recording.steps] == ["done", "done", "refused", "done"]
    assert recording.steps[0].intent.action.text == PIN
    assert recording.steps[2].intent.action is None
    assert [step.intent.scene.granted for step in recording.steps[:2]] == [
        frozenset(),
        frozenset({"secret-bank-pin"}),
    ]


def test_what_is_gone_on_with_stays_covered(desktop: Desktop, field: TextField, tmp_path: Path) -> None:
    empty = settled(desktop).pixels
    first = agent(desktop, [typing(), WAIT, WAIT], tmp_path / "runs", policy=Policy(max_steps=2)).run(TASK)
    assert first.status == "budget"
    drawn = desktop.grab().pixels
    again = agent(desktop, [WAIT, DONE], tmp_path / "runs").resume(first, explicit={"max_steps"})
    assert again.status == "done"
    own = (drawn != empty).any(axis=-1)
    recording = again.recording()
    refs = [step.intent.frame for step in recording.steps[1:]]
    assert len(refs) >= 3
    for ref in refs:
        shown = recording.frame(ref).pixels
        assert float((shown == drawn).all(axis=-1)[own].mean()) < 0.02


def test_where_it_stands_must_be_known_to_go_on(desktop: Desktop, field: TextField, tmp_path: Path) -> None:
    first = agent(desktop, [typing(), WAIT, WAIT], tmp_path / "runs", policy=Policy(max_steps=2)).run(TASK)
    with pytest.raises(SettingsError, match="give it again"):
        agent(desktop, [DONE], tmp_path, secrets=Vault({})).resume(first, explicit={"max_steps"})
    field.__exit__()
    with pytest.raises(SettingsError, match="empty its field"):
        agent(desktop, [DONE], tmp_path).resume(first, explicit={"max_steps"})
