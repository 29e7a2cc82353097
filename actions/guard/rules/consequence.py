"""A rule about consequences: what pays, gives rights or deletes, for example, is asked about.

Paying, giving rights and changing an account are asked about every time; deleting, publishing, sending and
installing may be allowed for the whole run.

A consequence is recognised by the model's label, the text on the target, the model's reason, the window's
title and the key; the worst counts, so the model's words can only make the verdict stricter. A consequence
that the person's own task names needs no question, except paying, rights and accounts.
"""

from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.lexicon.search import (
    Found,
    agrees_only,
    in_intent,
    in_label,
    in_title,
    mentioned,
)
from qvl_agent.actions.guard.lexicon.words import CONSEQUENCES, Consequence, programs
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.second_opinion import only_agrees, read_on_target, shown
from qvl_agent.actions.guard.rules.windows import keys_go_to
from qvl_agent.actions.planning.action import Click, Drag, Press, Type
from qvl_agent.actions.planning.events import KeyEvent

__all__ = ["consequence"]

_LEVELS: Final[dict[Consequence, Level]] = {
    "pay": Level.ASK_EVERY,
    "grant": Level.ASK_EVERY,
    "account": Level.ASK_EVERY,
    "delete": Level.ASK_ONCE,
    "publish": Level.ASK_ONCE,
    "send": Level.ASK_ONCE,
    "install": Level.ASK_ONCE,
}
_REASONS: Final[dict[Consequence, str]] = {
    "pay": "may spend money",
    "grant": "may give somebody rights",
    "account": "may change an account",
    "delete": "may delete something",
    "publish": "may publish something",
    "send": "may send something to others",
    "install": "may install something",
}
_CONFIRMING: Final = frozenset({"enter", "space"})
_DELETING: Final = frozenset({"delete", "backspace"})


def consequence(case: Case) -> Verdict | None:
    """Ask before an action whose consequence can't be undone."""
    scene = case.scene
    found = {
        kind: words
        for kind, words in _announced(case).items()
        if _LEVELS[kind] is Level.ASK_EVERY or kind not in scene.asked_for
    }
    if not found:
        return None
    worst = max(
        (kind for kind in CONSEQUENCES if kind in found),
        key=lambda kind: (_LEVELS[kind], f"consequence-{kind}" not in scene.granted),
    )
    return Verdict(_LEVELS[worst], f"consequence-{worst}", f"this {_REASONS[worst]} ({found[worst]})")


def _announced(case: Case) -> Found:
    action = case.action
    match action:
        case Click(button="left" | "middle") | Drag():
            window = next((window for window in case.scene.windows if window is not None), None)
            agrees = agrees_only(action.label) or only_agrees(case)
            return (
                _by_pixels(case)
                | _by_title(window, action.intent, agrees=agrees)
                | in_intent(action.intent)
                | in_label(action.label)
            )
        case Type() if _downs(case) & _CONFIRMING:
            window = keys_go_to(case)
            by_title = _by_title(window, action.intent, agrees=False)
            return _by_pixels(case) | by_title | _by_enter(window) | in_intent(action.intent)
        case Type():
            return _by_pixels(case)
        case Press():
            return _by_key(case, action)
        case _:
            return {}


def _by_pixels(case: Case) -> Found:
    """Find consequences by the text on the target, each with the clue to show to the person."""
    label = case.action.label
    though = f", though the model calls it “{shown(label)}”" if label.strip() else ""
    return {kind: f"“{shown(text)}” stands on it{though}" for kind, text in read_on_target(case).items()}


def _by_title(window: WindowInfo | None, intent: str, *, agrees: bool) -> Found:
    """Find consequences by a window's title and the model's reason.

    Args:
        window: the window that the action goes to; a browser's title counts only if `agrees`.
        intent: the model's reason; it counts only if `agrees`.
        agrees: whether the button only agrees, like "OK", so that its meaning stands elsewhere.
    """
    found: Found = {}
    if window is not None and not window.names & programs().browsers:
        found = in_title(window.title)
    if agrees:
        found = found | mentioned(intent) | (mentioned(window.title) if window is not None else {})
    return found


def _by_key(case: Case, action: Press) -> Found:
    window, downs = keys_go_to(case), _downs(case)
    names = window.names if window is not None else frozenset()
    found: Found = {}
    if downs & _DELETING and names & programs().files_and_mail:
        found["delete"] = f"the Delete key in {window.called}" if window is not None else ""
    if downs & _CONFIRMING:
        found |= _by_title(window, action.intent, agrees=agrees_only(action.label))
        found |= in_intent(action.intent) | in_label(action.label)
    if "enter" in downs:
        found |= _by_enter(window)
        if downs & {"ctrl", "meta"}:
            found["send"] = "+".join(action.keys)
    return found


def _by_enter(window: WindowInfo | None) -> Found:
    """Find that Enter sends, in a messenger."""
    if window is not None and window.names & programs().messengers:
        return {"send": f"Enter in {window.called}"}
    return {}


def _downs(case: Case) -> frozenset[str]:
    return frozenset(event.key for event in case.plan if isinstance(event, KeyEvent) and event.down)
