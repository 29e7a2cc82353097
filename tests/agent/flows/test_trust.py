"""A person's trust covers exactly the steps and consequences that were shown, and ends with any change."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from qvl_agent.actions.core.coordinates import ModelBox, Rect
from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.execution.person import CallablePerson, Consent, Question
from qvl_agent.actions.planning.action import Click
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.flows.consequences import consequences, trust_in
from qvl_agent.agent.flows.lock import Lock, lock_folder
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.run.hands import TrustingPerson
from qvl_agent.agent.flows.trust import Trust, TrustStore
from qvl_agent.agent.flows.work import fingerprint_of

FLOW = """\
flow: mail
on_popup:
- see: Old
  steps: [click: "Delete"]
steps:
- click: "Send"
  once: true
  then: "Sent"
- for_each: row
  in: [a, b]
  steps:
  - click: "Delete"
    once: true
    then: "Gone"
- use: pay.flow.yaml
- click: "Close"
"""
PAY = 'flow: pay\nsteps:\n- when: {see: Total}\n  steps:\n  - {click: "Pay now", once: true, then: "Paid"}\n'


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    (tmp_path / "pay.flow.yaml").write_text(PAY)
    path = tmp_path / "x.flow.yaml"
    path.write_text(FLOW)
    return path


def question(rule: str = "consequence-send", level: Level = Level.ASK_ONCE) -> Question:
    frame = Frame(np.zeros((10, 10, 3), np.uint8), Rect(0, 0, 10, 10))
    return Question(Click(target=ModelBox.of(1, 1, 5, 5)), Verdict(level, rule, "it may"), frame, None)


def test_what_a_flow_and_the_flows_it_uses_would_do_is_listed(flow: Path) -> None:
    listed = {(each.path, each.rule) for each in consequences(load(flow))}
    assert listed == {
        ("on_popup[0].steps[0]", "consequence-delete"),
        ("steps[0]", "consequence-send"),
        ("steps[1].steps[0]", "consequence-delete"),
        ("steps[2].use[0].steps[0]", "consequence-pay"),
    }


@pytest.mark.parametrize(
    ("path", "rule", "asked"),
    [
        ("steps[0]", "consequence-send", False),
        ("steps[0]", "consequence-delete", True),
        ("steps[0]", "keys-close", True),
        ("steps[1].steps[0]", "consequence-send", True),
        ("steps[1]@2.steps[0]", "consequence-delete", False),
        ("steps[2].use[0].steps[0]", "consequence-pay", False),
        ("steps[2].use[0]", "consequence-pay", True),
        ("steps[3]", "consequence-send", True),
        ("call[1]", "consequence-send", True),
        ("", "consequence-send", True),
    ],
)
def test_only_what_was_shown_is_not_asked(flow: Path, path: str, rule: str, asked: bool) -> None:
    questions: list[Question] = []
    person = TrustingPerson(CallablePerson(lambda each: bool(questions.append(each))), trust_in(load(flow)))
    person.path = path
    assert person.approve(question(rule)).yes is not asked
    assert bool(questions) is asked


def test_nothing_but_a_consequence_can_be_trusted() -> None:
    trust = Trust(steps={"steps[0]": ("window-terminal", "no-rule", "consequence-send")})
    assert not trust.covers("steps[0]", "window-terminal")
    assert not trust.covers("steps[0]", "no-rule")
    assert trust.covers("steps[0]", "consequence-send")


@pytest.mark.parametrize(("level", "times"), [(Level.ASK_ONCE, 1), (Level.ASK_EVERY, 2)])
def test_a_yes_for_the_run_holds_only_where_the_rule_asks_once(level: Level, times: int) -> None:
    asked: list[Question] = []

    def answer(each: Question) -> Consent:
        asked.append(each)
        return Consent("yes-for-run")

    person = TrustingPerson(CallablePerson(answer), Trust())
    for _ in range(2):
        assert person.approve(question(level=level)).yes
    assert len(asked) == times


@pytest.mark.parametrize("change", ["flow", "lock", "used flow", "used lock"])
def test_any_change_ends_the_trust(flow: Path, tmp_path: Path, change: str) -> None:
    store = TrustStore(tmp_path / "own" / "trusted.json")
    loaded = load(flow)
    store.trust(fingerprint_of(loaded), "mail", trust_in(loaded).steps)
    assert store.of(fingerprint_of(load(flow))).covers("steps[0]", "consequence-send")
    match change:
        case "flow":
            flow.write_text(FLOW + "# \n")
        case "used flow":
            (tmp_path / "pay.flow.yaml").write_text(PAY.replace("Total", "Sum"))
        case "lock":
            Lock(program="2").save(lock_folder(flow), {})
        case "used lock":
            Lock(program="2").save(tmp_path / "pay.lock", {})
    assert store.of(fingerprint_of(load(flow))) == Trust()


def test_a_store_that_was_broken_trusts_nothing(tmp_path: Path) -> None:
    store = TrustStore(tmp_path / "trusted.json")
    store.trust("f", "mail", {"steps[0]": ("consequence-send",)})
    assert store.path.stat().st_mode & 0o077 == 0
    assert store.revoke("f")
    assert not store.revoke("f")
    store.path.write_text("{")
    with pytest.raises(SettingsError, match="delete it to trust nothing"):
        store.of("f")


def test_the_command_lists_asks_keeps_and_forgets(
    flow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    said = CliRunner().invoke(main, ["flow", "trust", str(flow)], input="n\n")
    assert said.exit_code == 4
    assert "line 6: click “Send”: it" in said.output
    assert "line 15: click “Pay now”" in said.output
    assert TrustStore().of(fingerprint_of(load(flow))) == Trust()
    assert CliRunner().invoke(main, ["flow", "trust", str(flow), "--yes"]).exit_code == 0
    assert TrustStore().of(fingerprint_of(load(flow))).covers("steps[0]", "consequence-send")
    assert "no longer" in CliRunner().invoke(main, ["flow", "trust", str(flow), "--revoke"]).output
