"""Rules about texts: their characters, their length, and the secrets in them.

Control characters and characters that change the direction of text are refused in all of an action's
texts, as the person's terminal, which shows them, would obey an escape sequence too. A newline or tab in
typed text is a key press, and judged as one. A secret's placeholder may stand only in text to type, and its
value may go only to the application that the secret is bound to.
"""

import re
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.lexicon.words import programs
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.guard.rules.windows import keys_go_to
from qvl_agent.actions.planning.action import Type
from qvl_agent.actions.planning.events import SecretEvent
from qvl_agent.actions.planning.placeholders import misplaced

__all__ = ["LONG_TEXT", "clean_text", "clear_in_terminal", "long_text", "secret_bound", "secret_in_place"]

LONG_TEXT: Final = 5_000
"""The most characters that are typed without a question."""

_CONTROL: Final = re.compile(r"(?!\t|\n|\r\n)[\x00-\x1f\x7f-\x9f]")
_TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Bidirectional embeddings, overrides and isolates: they change the order in which a text is shown."""
_UNSEEN: Final = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u2060-\u2064\ufeff\U000e0000-\U000e007f]"
)
"""Characters without a shape. The joiners U+200C and U+200D aren't among them: Persian, Hindi and
emoji are written with them."""
_LOST: Final = "\ufffd"
"""The character that a decoder writes for invalid bytes: the model meant another one there."""
_REMARKS = frozenset({"intent", "summary", "reason"})
"""Fields with the model's remarks on its own work, which only the record gets."""


def clean_text(case: Case) -> Verdict | None:
    """Refuse control, direction-changing and lost characters; ask before typing invisible ones."""
    for name, text in case.action:
        if not isinstance(text, str):
            continue
        if found := _CONTROL.search(text) or _TURNING.search(text):
            kind = "a control character" if _CONTROL.match(found[0]) else "a character that turns text around"
            return deny("text-control", f"the {name} holds {kind} (U+{ord(found[0]):04X}); leave it out")
    if isinstance(case.action, Type) and _LOST in case.action.text:
        return deny("text-lost", "the text to type holds U+FFFD, in the place of a character that was lost")
    if isinstance(case.action, Type) and (found := _UNSEEN.search(case.action.text)):
        reason = f"the text to type holds an invisible character (U+{ord(found[0]):04X})"
        return Verdict(Level.ASK_ONCE, "text-invisible", reason)
    return None


def long_text(case: Case) -> Verdict | None:
    """Ask before a long text is typed."""
    if isinstance(case.action, Type) and len(case.action.text) > LONG_TEXT:
        reason = f"the text to type has {len(case.action.text):,} characters"
        return Verdict(Level.ASK_ONCE, "text-long", reason)
    return None


def clear_in_terminal(case: Case) -> Verdict | None:
    """Refuse to empty a field in a terminal: there is none, and its chord means something else there."""
    if not isinstance(case.action, Type) or not case.action.clear:
        return None
    window = keys_go_to(case)
    if window is None or not window.names & programs().terminals:
        return None
    return deny(
        "clear-terminal", "a terminal has no field to empty; press ctrl+u to remove the line, then type"
    )


def secret_in_place(case: Case) -> Verdict | None:
    """Refuse a secret's placeholder anywhere but in text to type, and one that isn't exact."""
    fields = {name: value for name, value in case.action if name not in _REMARKS}
    found = misplaced(fields, typed="text" if isinstance(case.action, Type) else "")
    return deny("secret-place", found) if found else None


def secret_bound(case: Case) -> Verdict | None:
    """Refuse a secret that is unknown or would go to another application than its own; otherwise ask once."""
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
        if window.grabs:
            return deny(
                "secret-window",
                f"a program has grabbed the keyboard, so the secret '{name}' might go to it; close its menu",
            )
        if not window.goes_by(bound.application):
            reason = f"the secret '{name}' is for {bound.application}, and this would go to {window.called}"
            return deny("secret-window", reason)
    if not names or window is None:
        return None
    called = " and ".join(f"'{name}'" for name in names)
    reason = f"this types your secret {called} into {window.called}"
    return Verdict(Level.ASK_ONCE, f"secret-{'+'.join(names)}", reason)
