"""Secrets: a placeholder stands in text to type alone, and its value goes to its own application alone."""

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.guard.rules.windows import keys_go_to
from qvl_agent.actions.planning.action import Type
from qvl_agent.actions.planning.events import SecretEvent
from qvl_agent.actions.planning.placeholders import misplaced

__all__ = ["secret_bound", "secret_in_place"]

_SAID_BESIDE = frozenset({"intent", "summary", "reason"})
"""What the model says of its own work; it goes nowhere but into the record."""


def secret_in_place(case: Case) -> Verdict | None:
    """Refuse a placeholder anywhere but in text to type, and one that isn't exact."""
    fields = {name: value for name, value in case.action if name not in _SAID_BESIDE}
    found = misplaced(fields, typed="text" if isinstance(case.action, Type) else "")
    return deny("secret-place", found) if found else None


def secret_bound(case: Case) -> Verdict | None:
    """Refuse a secret that isn't known, or would go to another application than its own; else ask once."""
    names = list(dict.fromkeys(event.name for event in case.plan if isinstance(event, SecretEvent)))
    window = keys_go_to(case)
    for name in names:
        bound = case.policy.secrets.get(name)
        if bound is None:
            known = ", ".join(case.policy.secrets) or "none"
            return deny("secret-unknown", f"there is no secret '{name}' in this run (there is {known})")
        if not bound.application:
            return deny("secret-unbound", f"the secret '{name}' isn't bound to an application")
        if window is None:
            return deny("secret-window", f"it can't be told which application would get the secret '{name}'")
        if not window.goes_by(bound.application):
            reason = f"the secret '{name}' is for {bound.application}, and this would go to {window.called}"
            return deny("secret-window", reason)
    if not names or window is None:
        return None
    called = " and ".join(f"'{name}'" for name in names)
    reason = f"this types your secret {called} into {window.called}"
    return Verdict(Level.ASK_ONCE, f"secret-{'+'.join(names)}", reason)
