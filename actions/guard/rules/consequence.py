"""A rule about consequences: what pays, gives rights or deletes, for example, is asked about.

Paying, giving rights and changing an account are asked about every time; deleting, publishing, sending,
installing and what is final may be allowed for the whole run.

A consequence is recognised by the model's label, the text on the target, the model's reason, the window's
title and the key; the worst counts, so the model's words can only make the verdict stricter. A button that
says only "Submit" counts by what it submits, which stands in the title or the reason; where no title is
known, it counts by itself.

A consequence that the person's own task names needs no question, except paying, rights and accounts. Where
the task tells to press a button by its name, nothing that this name announces needs one, nor what a form does
that is sent. The button's name is what is read on it, and the model's label only where nothing was read.
"""

from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.lexicon.search import (
    Found,
    agrees_only,
    goes_on_only,
    in_intent,
    in_label,
    in_title,
    mentioned,
    names_in,
    object_in,
    submits_only,
    to_press,
)
from qvl_agent.actions.guard.lexicon.words import CONSEQUENCES, Consequence, programs
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.second_opinion import all_on_target, read_on_target, shown, texts_on_target
from qvl_agent.actions.guard.rules.windows import keys_go_to
from qvl_agent.actions.planning.action import Click, Drag, Press, Type
from qvl_agent.actions.planning.events import KeyEvent

__all__ = ["REASONS", "consequence"]

_LEVELS: Final[dict[Consequence, Level]] = {
    "pay": Level.ASK_EVERY,
    "grant": Level.ASK_EVERY,
    "account": Level.ASK_EVERY,
    "delete": Level.ASK_ONCE,
    "publish": Level.ASK_ONCE,
    "send": Level.ASK_ONCE,
    "install": Level.ASK_ONCE,
    "final": Level.ASK_ONCE,
}
REASONS: Final[dict[Consequence, str]] = {
    "pay": "may spend money",
    "grant": "may give somebody rights",
    "account": "may change an account",
    "delete": "may delete something",
    "publish": "may publish something",
    "send": "may send something to others",
    "install": "may install something",
    "final": "may settle something for good",
}
_CONFIRMING: Final = frozenset({"enter", "space"})
_DELETING: Final = frozenset({"delete", "backspace"})


def consequence(case: Case) -> Verdict | None:
    """Ask before an action whose consequence can't be undone."""
    scene = case.scene
    found = {
        kind: words
        for kind, words in _announced(case).items()
        if not (_LEVELS[kind] is not Level.ASK_EVERY and kind in scene.asked_for)
        and not _told_to_press(case, kind)
    }
    if not found:
        return None
    worst = max(
        (kind for kind in CONSEQUENCES if kind in found),
        key=lambda kind: (_LEVELS[kind], f"consequence-{kind}" not in scene.granted),
    )
    return Verdict(_LEVELS[worst], f"consequence-{worst}", f"this {REASONS[worst]} ({found[worst]})")


def _announced(case: Case) -> Found:
    action = case.action
    match action:
        case Click(button="left" | "middle") | Drag():
            window = next((window for window in case.scene.windows if window is not None), None)
            names = (action.label, *(text for text, _ in texts_on_target(case)))
            bare = _untitled(window)
            return (
                _by_pixels(case, bare=bare)
                | _by_title(window, action.intent, names)
                | in_intent(action.intent, bare=bare)
                | in_label(action.label, bare=bare)
            )
        case Type() if _downs(case) & _CONFIRMING:
            window = keys_go_to(case)
            by_title = _by_title(window, action.intent)
            said = in_intent(action.intent, bare=_untitled(window))
            found = _by_pixels(case, bare=_untitled(window)) | by_title | _by_enter(window) | said
            return found | _by_deleting(case)
        case Type():
            return _by_pixels(case, bare=True) | _by_deleting(case)
        case Press():
            return _by_key(case, action)
        case _:
            return {}


def _told_to_press(case: Case, kind: Consequence) -> bool:
    """Return whether the person's task tells to press this very button, which has this consequence."""
    action, scene = case.action, case.scene
    if not isinstance(action, Click) or not any(": " in said for said in scene.asked_for):
        return False
    if read := all_on_target(case):
        return to_press(kind, read) in scene.asked_for
    if scene.reader and _LEVELS[kind] is Level.ASK_EVERY:
        return False  # what stands on it was to be read, and couldn't be
    return any(to_press(kind, name) in scene.asked_for for name in names_in(action.label))


def _untitled(window: WindowInfo | None) -> bool:
    """Return whether nothing is known that could say what a button submits."""
    return window is None or not window.title.strip()


def _by_pixels(case: Case, *, bare: bool) -> Found:
    """Find consequences by the text on the target, each with the clue to show to the person."""
    label = case.action.label
    though = f", though the model calls it “{shown(label)}”" if label.strip() else ""
    return {
        kind: f"“{shown(text)}” stands on it{though}"
        for kind, text in read_on_target(case, bare=bare).items()
    }


def _by_title(window: WindowInfo | None, intent: str, names: tuple[str, ...] = ()) -> Found:
    """Find consequences by a window's title and the model's reason.

    Args:
        window: the window that the action goes to. A page's title counts only for a button that agrees, and
            what it says that is handed in for one that submits.
        intent: the model's reason; it counts only for a button that agrees, goes on or submits.
        names: what the model calls the button, and what stands on it.
    """
    found: Found = {}
    bare, title = _untitled(window), window.title if window is not None else ""
    if window is not None and not window.names & programs().browsers:
        found = in_title(title)
    if any(map(goes_on_only, names)):
        found = found | mentioned(intent, bare=bare)
    if any(map(agrees_only, names)):
        found = found | mentioned(title, bare=bare)
    if window is not None and any(map(submits_only, names)):
        found = found | object_in(title)
        if window.names & (programs().messengers | programs().files_and_mail):
            found = found | {"send": f"in {window.called}"}
    return found


def _by_key(case: Case, action: Press) -> Found:
    window, downs = keys_go_to(case), _downs(case)
    found = _by_deleting(case)
    if downs & _CONFIRMING:
        bare = _untitled(window)
        found |= _by_title(window, action.intent, (action.label,))
        found |= in_intent(action.intent, bare=bare) | in_label(action.label, bare=bare)
    if "enter" in downs:
        found |= _by_enter(window)
        if downs & {"ctrl", "meta"}:
            found["send"] = "+".join(action.keys)
    return found


def _by_deleting(case: Case) -> Found:
    """Find that the Delete key deletes what is selected, in a file manager or mail program."""
    window = keys_go_to(case)
    if window is None or not _downs(case) & _DELETING or not window.names & programs().files_and_mail:
        return {}
    return {"delete": f"the Delete key in {window.called}"}


def _by_enter(window: WindowInfo | None) -> Found:
    """Find that Enter sends, in a messenger."""
    if window is not None and window.names & programs().messengers:
        return {"send": f"Enter in {window.called}"}
    return {}


def _downs(case: Case) -> frozenset[str]:
    return frozenset(event.key for event in case.plan if isinstance(event, KeyEvent) and event.down)
