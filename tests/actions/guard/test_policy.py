"""A file may tighten the policy, never loosen it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.guard.policy import _LIMITS, Policy, Profile, tighten

LEFT, RIGHT = Rect(0, 0, 100, 100), Rect(-500, 0, 10, 10)


def test_limits_fall_and_regions_add_up() -> None:
    base = Policy(forbidden=(LEFT,), max_steps=20)
    tighter = tighten(base, Policy(forbidden=(RIGHT, LEFT), max_steps=5, profile="careful"))
    assert tighter == Policy(forbidden=(LEFT, RIGHT), max_steps=5, profile="careful")


def test_what_a_file_leaves_out_stays_as_it_was() -> None:
    base = Policy(max_steps=3, max_seconds=1.0, profile="careful", forbidden=(LEFT,))
    assert tighten(base, Policy()) == base
    assert tighten(base, Policy(max_tokens=7)) == base.model_copy(update={"max_tokens": 7})


@pytest.mark.fault(64)
@pytest.mark.parametrize("name", _LIMITS)
def test_a_looser_limit_is_refused(name: str) -> None:
    base = Policy()
    looser = Policy.model_validate({name: getattr(base, name) + 1})
    with pytest.raises(SettingsError, match=f"{name} = .* looser"):
        tighten(base, looser)


def test_every_limit_of_the_policy_is_compared() -> None:
    others = {"profile", "forbidden", "apps", "forbidden_apps", "secrets"}
    assert set(_LIMITS) | others == set(Policy.model_fields)


def test_fewer_applications_are_tighter() -> None:
    base = Policy(forbidden_apps=("mail",))
    only = tighten(base, Policy(apps=("a", "b"), forbidden_apps=("chat", "mail")))
    assert only == Policy(apps=("a", "b"), forbidden_apps=("mail", "chat"))
    assert tighten(only, Policy(apps=("b",))).apps == ("b",)
    assert tighten(only, Policy(max_steps=3)).apps == ("a", "b")
    for looser in (("a", "c"), ("c",), ()):
        with pytest.raises(SettingsError, match="names more than"):
            tighten(only, Policy(apps=looser))


@pytest.mark.fault(64)
@pytest.mark.parametrize(
    ("base", "other"),
    [
        ("careful", "standard"),
        ("unattended", "standard"),
        ("dry-run", "standard"),
        ("dry-run", "unattended"),
        ("careful", "unattended"),
        ("unattended", "careful"),
    ],
)
def test_a_looser_profile_is_refused(base: Profile, other: Profile) -> None:
    with pytest.raises(SettingsError, match=f"'{other}' would loosen '{base}'"):
        tighten(Policy(profile=base), Policy(profile=other))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 0, -1])
def test_no_limit_is_endless_or_empty(value: float) -> None:
    with pytest.raises(ValidationError):
        Policy(max_seconds=value)


@given(
    st.fixed_dictionaries({}, optional={name: st.integers(1, 100) for name in _LIMITS}),
    st.fixed_dictionaries({}, optional={name: st.integers(1, 100) for name in _LIMITS}),
)
def test_the_result_is_never_looser_than_either(first: dict[str, int], second: dict[str, int]) -> None:
    base, other = Policy.model_validate(first), Policy.model_validate(second)
    try:
        result = tighten(base, other)
    except SettingsError:
        return
    for name in _LIMITS:
        assert getattr(result, name) <= getattr(base, name)
        assert name not in second or getattr(result, name) <= getattr(other, name)
