"""A table of the guard's rules: each one's name, the check that it belongs to, and its levels.

A name that ends in a star stands for a family of rules, such as one for each chord. `docs/guard.md` is the
same table in words; a test compares this table, that page and the names in the code.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from qvl_agent.actions.core.outcome import Level

__all__ = ["CATALOGUE", "RuleEntry", "entry_of"]


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule, or a family of rules.

    Attributes:
        name: the rule's name in a verdict; a star at the end stands for any ending.
        check: the number of the check in `docs/guard.md`; 0 for the rules that belong to no check.
        levels: the levels of its verdicts, mildest first; they may depend on the window or the chord.
        about: a few words on what it applies to.
    """

    name: str
    check: int
    levels: tuple[Level, ...]
    about: str


_ALLOW, _ONCE, _EVERY, _DENY = Level.ALLOW, Level.ASK_ONCE, Level.ASK_EVERY, Level.DENY

CATALOGUE: Final = (
    RuleEntry("schema", 1, (_DENY,), "what isn't exactly one known action"),
    RuleEntry("keys", 1, (_DENY,), "a key that has no canonical name"),
    RuleEntry("plan", 1, (_DENY,), "events that aren't those of the action"),
    RuleEntry("held", 1, (_DENY,), "a key or button that would stay down"),
    RuleEntry("geometry", 2, (_DENY,), "a point off the captured monitor, or outside its target"),
    RuleEntry("no-target", 3, (_DENY,), "a click without a place"),
    RuleEntry("off-limits", 4, (_DENY,), "where this agent's own window or terminal is"),
    RuleEntry("own-window", 4, (_DENY,), "input into this agent's own window or terminal"),
    RuleEntry("forbidden-region", 4, (_DENY,), "a region that you forbade, or a drag across it"),
    RuleEntry("power-button", 4, (_EVERY, _DENY), "buttons that turn off, restart, lock or log out"),
    RuleEntry("session-window", 4, (_DENY,), "the dialog that ends the session"),
    RuleEntry("forbidden-window", 5, (_DENY,), "password managers, keyrings, questions about rights"),
    RuleEntry("forbidden-app", 5, (_DENY,), "an application that you forbade"),
    RuleEntry("window-terminal", 5, (_EVERY,), "clicks and keys in a terminal"),
    RuleEntry("window-dialog", 5, (_EVERY,), "clicks and keys in a dialog that runs commands"),
    RuleEntry("window-installer", 5, (_EVERY,), "clicks and keys in a package installer"),
    RuleEntry("keys-grabbed", 5, (_ONCE,), "keys while a program has grabbed the keyboard"),
    RuleEntry("other-app", 6, (_ONCE,), "another application than those you named"),
    RuleEntry("chord-*", 7, (_ONCE, _EVERY, _DENY), "chords that close, delete, lock or leave"),
    RuleEntry("text-control", 8, (_DENY,), "control characters, and those that turn text around"),
    RuleEntry("text-lost", 8, (_DENY,), "a text with a character that was lost"),
    RuleEntry("clear-terminal", 8, (_DENY,), "emptying a field in a terminal, which has none"),
    RuleEntry("text-invisible", 8, (_ONCE,), "characters without a shape"),
    RuleEntry("text-long", 8, (_ONCE,), "more than 5,000 characters"),
    RuleEntry("dangerous-command", 8, (_EVERY,), "commands that can't be undone, where they may be run"),
    RuleEntry("consequence-pay", 9, (_EVERY,), "what spends money"),
    RuleEntry("consequence-grant", 9, (_EVERY,), "what gives somebody rights"),
    RuleEntry("consequence-account", 9, (_EVERY,), "what changes an account"),
    RuleEntry("consequence-delete", 9, (_ONCE,), "what deletes"),
    RuleEntry("consequence-publish", 9, (_ONCE,), "what publishes"),
    RuleEntry("consequence-send", 9, (_ONCE,), "what sends to others"),
    RuleEntry("consequence-install", 9, (_ONCE,), "what installs"),
    RuleEntry("consequence-final", 9, (_ONCE,), "what settles something for good: signs, books, approves"),
    RuleEntry("label-mismatch", 9, (_EVERY,), "a name for a target that lies about such a button"),
    RuleEntry("secret-place", 10, (_DENY,), "a secret's placeholder anywhere but in the text to type"),
    RuleEntry("secret-unknown", 10, (_DENY,), "a secret that this run doesn't have"),
    RuleEntry("secret-unbound", 10, (_DENY,), "a secret without an application"),
    RuleEntry("secret-window", 10, (_DENY,), "a secret for another application, or for an unknown one"),
    RuleEntry("secret-*", 10, (_ONCE,), "the first use of a secret"),
    RuleEntry("stale-frame", 12, (_DENY,), "a picture older than 30 s; it is looked at again"),
    RuleEntry("rate", 15, (_DENY,), "input far faster than 5 actions a second"),
    RuleEntry("budget-*", 16, (_DENY,), "more steps, seconds, tokens or questions than the run has"),
    RuleEntry("unknown-fate", 0, (_EVERY,), "the same again, where it may have been done already"),
    RuleEntry("allow-*", 0, (_ALLOW,), "each kind of action, where nothing above speaks against it"),
    RuleEntry("no-rule", 0, (_DENY,), "what no rule allows"),
    RuleEntry("guard-error", 0, (_DENY,), "an action over which a rule failed"),
)


def entry_of(rule: str) -> RuleEntry | None:
    """Find the entry of a verdict's rule; an exact name is preferred to one with a star."""
    exact = (entry for entry in CATALOGUE if entry.name == rule)
    return next(exact, None) or next((one for one in CATALOGUE if fnmatchcase(rule, one.name)), None)
