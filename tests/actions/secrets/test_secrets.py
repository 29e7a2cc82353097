"""Placeholders, the vault, and the rules of the guard that look after secrets."""

import pickle
from typing import Never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import ModelBox, Rect, View
from qvl_agent.actions.core.errors import ApprovalError, DesktopError, ParseError, SettingsError
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.judge import judge
from qvl_agent.actions.guard.policy import Binding, Policy, tighten
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Action, Answer, Ask, Click, Done, Press, Type
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, SecretEvent, TextEvent
from qvl_agent.actions.planning.placeholders import (
    Secret,
    SecretValue,
    mark,
    named_in_text,
    placeholder,
    split,
)
from qvl_agent.actions.planning.plan import plan
from qvl_agent.actions.secrets.vault import Vault

SCREEN = Rect(0, 0, 1000, 1000)
VIEW = View(1000, 1000, SCREEN)
PIN = placeholder("bank-pin")
BANK = WindowInfo(app="Bank", program="bankd", rect=SCREEN)
POLICY = Policy(secrets={"bank-pin": Binding(application="bank"), "loose": Binding()})


def verdict(action: Action, window: WindowInfo | None = BANK, **scene: object) -> Verdict:
    facts = Scene(VIEW, Geometry((SCREEN,)), focused=window, windows=(window,), **scene)
    if not isinstance(action, (Type, Click)) or action.target is None:
        facts = Scene(VIEW, Geometry((SCREEN,)), focused=window, **scene)
    return judge(action, plan(action, VIEW), facts, POLICY)


def test_a_placeholder_becomes_an_event_without_a_value() -> None:
    typed = plan(Type(text=f"ann\t{PIN}!\n"), VIEW)
    tab, enter = ([KeyEvent(key, down=True), KeyEvent(key, down=False)] for key in ("tab", "enter"))
    assert list(typed) == [TextEvent("ann"), *tab, SecretEvent("bank-pin"), TextEvent("!"), *enter]


@given(st.lists(st.one_of(st.text(), st.sampled_from(["a", "bank-pin", "x-9"]).map(Secret))))
def test_splitting_loses_nothing(pieces: list[str | Secret]) -> None:
    text = "".join(placeholder(each.name) if isinstance(each, Secret) else each for each in pieces)
    again = "".join(placeholder(each.name) if isinstance(each, Secret) else each for each in split(text))
    assert again == text
    named = dict.fromkeys(each.name for each in pieces if isinstance(each, Secret))
    assert set(named) <= set(named_in_text(text))


def test_into_its_application_it_is_asked_once_and_then_silent() -> None:
    first = verdict(Type(text=f"{PIN}"))
    assert (first.level, first.rule) == (Level.ASK_ONCE, "secret-bank-pin")
    assert "bank-pin" in first.reason
    assert "Bank" in first.reason
    assert verdict(Type(text=PIN), granted=frozenset({first.rule})).level is Level.ALLOW


def test_the_careful_profile_asks_every_time() -> None:
    policy = POLICY.model_copy(update={"profile": "careful"})
    scene = Scene(VIEW, Geometry((SCREEN,)), focused=BANK)
    action = Type(text=PIN)
    assert judge(action, plan(action, VIEW), scene, policy).level is Level.ASK_EVERY


@pytest.mark.parametrize(
    ("text", "window", "rule"),
    [
        (PIN, WindowInfo(app="Mail", program="maild"), "secret-window"),
        (PIN, WindowInfo(title="bank"), "secret-window"),
        (PIN, None, "secret-window"),
        ("{{secret:other}}", BANK, "secret-unknown"),
        ("{{secret:loose}}", BANK, "secret-unbound"),
    ],
)
def test_elsewhere_unknown_or_unbound_it_is_refused(text: str, window: WindowInfo | None, rule: str) -> None:
    found = verdict(Type(text=text), window)
    assert (found.level, found.rule) == (Level.DENY, rule)


def test_it_goes_by_the_window_that_is_clicked_before() -> None:
    target = ModelBox.of(10, 10, 20, 20)
    mail = WindowInfo(app="Mail", program="maild", rect=SCREEN)
    action = Type(text=PIN, target=target)
    scene = Scene(VIEW, Geometry((SCREEN,)), focused=BANK, windows=(mail,))
    assert judge(action, plan(action, VIEW), scene, POLICY).rule == "secret-window"


@pytest.mark.parametrize(
    "action",
    [
        Answer(text=f"it is {PIN}"),
        Ask(question=f"{PIN}?"),
        Click(target=ModelBox.of(1, 1, 2, 2), label=PIN),
        Type(text="x", label=PIN),
    ],
)
def test_a_placeholder_in_another_field_is_refused(action: Action) -> None:
    found = verdict(action)
    assert (found.level, found.rule) == (Level.DENY, "secret-place")


def test_a_placeholder_is_no_key() -> None:
    assert verdict(Press(keys=(PIN,))).level is Level.DENY


@pytest.mark.parametrize(
    "text",
    [
        "{{ secret:bank-pin }}",
        "{{secret: bank-pin}}",
        "{{Secret:bank-pin}}",
        "{secret:bank-pin}",
        "{{secret:bank_pin}}",
        "{{secret:}}",
        "{{secret:bank-pin}",
        "{{secret:{{secret:bank-pin}}}}",
        "{{sec{{secret:bank-pin}}ret:bank-pin}}",
        "{{{secret:bank-pin}}}",
        "｛｛secret：bank-pin｝｝",
        '{{"secret":"bank-pin"}}',
        "{{secret:" + "a" * 60 + "}}",
    ],
)
def test_what_is_almost_a_placeholder_is_refused(text: str) -> None:
    found = verdict(Type(text=text))
    assert (found.level, found.rule) == (Level.DENY, "secret-place")


@pytest.mark.parametrize(
    "text", ["{{ name }}", '{"secret": "x"}', "a secret: no", "{x: 1}", "{{sec", "ret:bank-pin}}"]
)
def test_everyday_braces_are_text(text: str) -> None:
    assert verdict(Type(text=text)).level is Level.ALLOW


def test_what_the_model_says_of_its_work_may_name_a_secret() -> None:
    assert verdict(Type(text="x", intent=f"before {PIN}")).level is Level.ALLOW
    assert verdict(Done(summary=f"typed {PIN}")).level is Level.ALLOW


def test_an_approval_gives_a_value_only_when_spent_and_for_its_own_plan() -> None:
    class Typist:
        def typing(self, name: str) -> Never:
            raise AssertionError(name)

    geometry = Geometry((SCREEN,))
    approved = Approved((SecretEvent("a"),), "frame", geometry, secrets=Typist())
    with pytest.raises(ApprovalError), approved.typing(SecretEvent("a")):
        pass
    approved.spend(geometry)
    with pytest.raises(ApprovalError), approved.typing(SecretEvent("b")):
        pass
    plain = Approved((SecretEvent("a"),), "frame", geometry)
    plain.spend(geometry)
    with pytest.raises(DesktopError, match="no secret 'a'"), plain.typing(SecretEvent("a")):
        pass


def test_a_file_may_not_rebind_a_secret() -> None:
    base = Policy(secrets={"pin": Binding(application="bank")})
    with pytest.raises(SettingsError, match="bound to 'bank'"):
        tighten(base, Policy(secrets={"pin": Binding(application="evil")}))
    both = tighten(base, Policy(secrets={"other": Binding(application="mail")}))
    assert set(both.secrets) == {"pin", "other"}


@pytest.mark.parametrize(
    "value", ["abc", "", "a" * 1001, "line\nbreak", "tab\there", "esc\x1b[0m", "\ud83d123"]
)
def test_what_can_not_be_kept_or_typed_is_no_secret(value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        SecretValue(value)
    assert not value or value not in str(raised.value)


@pytest.mark.parametrize("value", ["bank", "secret", "bank-pin", "cret "])
def test_a_value_is_nothing_that_stands_in_its_place(value: str) -> None:
    with pytest.raises(SettingsError, match="too like"):
        Vault({"bank-pin": SecretValue(value, "bank")})


def test_a_vault_shows_and_gives_away_nothing() -> None:
    vault = Vault({"bank-pin": SecretValue("correct horse", "bank")})
    assert "correct horse" not in f"{vault!r} {vault} {vault.get('bank-pin')!r} {vault.bindings}"
    with pytest.raises(TypeError):
        pickle.dumps(vault)
    with pytest.raises(SettingsError):
        Vault({"Bank Pin": SecretValue("correct horse", "bank")})


@pytest.mark.fault(27)
def test_a_reply_that_held_a_value_is_no_action() -> None:
    said = Reply('{"action": "type", "text": "' + mark("bank-pin") + '"}')
    with pytest.raises(ParseError, match="secret's own value"):
        read_reply(said)
