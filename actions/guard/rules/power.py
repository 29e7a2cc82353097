"""Rules about power buttons: no agent shuts down, restarts or locks the machine, or ends the session.

Such a button is recognised by the model's label and reason, the text on the target, and the window. An
application may have a button "Restart" as a desktop's own menu has; there the person is asked. A page in a
browser may say anything, and its buttons act on the page only.
"""

from typing import Final, Literal

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.lexicon.patterns import lexicon
from qvl_agent.actions.guard.lexicon.search import names_in
from qvl_agent.actions.guard.lexicon.words import programs
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.guard.rules.second_opinion import shown, texts_on_target
from qvl_agent.actions.guard.rules.windows import keys_go_to
from qvl_agent.actions.planning.action import Click, Drag, Press, Type
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, SecretEvent, TextEvent

__all__ = ["power_button", "session_window"]

_Place = Literal["shell", "app", "browser", "unknown"]
_Weight = Literal["always", "also in apps", "in shells"]
_LEVELS: Final[dict[tuple[_Weight, _Place], Level]] = {
    ("always", "shell"): Level.DENY,
    ("always", "app"): Level.DENY,
    ("always", "unknown"): Level.DENY,
    ("always", "browser"): Level.ASK_EVERY,
    ("also in apps", "shell"): Level.DENY,
    ("also in apps", "unknown"): Level.DENY,
    ("also in apps", "app"): Level.ASK_EVERY,
    ("in shells", "shell"): Level.DENY,
    ("in shells", "unknown"): Level.ASK_EVERY,
}
_MOST_WORDS: Final = 8
_MOST_CHINESE: Final = 10
_CONFIRMING: Final = frozenset({"enter", "space"})


def power_button(case: Case) -> Verdict | None:
    """Refuse buttons that turn the machine off, restart, suspend or lock it, or end the session."""
    action = case.action
    if not isinstance(action, Click | Drag | Type | Press) or not _presses(case):
        return None
    place = _place(_window(case))
    said = [(text, False) for text in (action.label, action.intent)]
    worst: tuple[Level, str] | None = None
    for text, whole in (*said, *((text, not bounded) for text, bounded in texts_on_target(case))):
        weight = _weight(text, whole=whole)
        level = _LEVELS.get((weight, place)) if weight else None
        if level is not None and (worst is None or level > worst[0]):
            worst = level, text
    if worst is None:
        return None
    level, text = worst
    reason = f"“{shown(text)}” may turn off, restart or lock this machine, or end the session"
    return Verdict(level, "power-button", reason)


def session_window(case: Case) -> Verdict | None:
    """Refuse input into the desktop's own dialog that ends the session; Escape may still close it."""
    window = _window(case)
    if window is None or not _presses(case) or window.names & programs().browsers:
        return None
    title = window.title.strip(" ?？!！.…").casefold()
    if title in lexicon().session_titles or window.names & programs().session_dialogs:
        return deny("session-window", f"it would touch the dialog that ends the session ({window.called})")
    return None


def _presses(case: Case) -> bool:
    """Return whether the plan has a mouse button, a key that confirms, or text."""
    return any(
        isinstance(event, ButtonEvent | TextEvent | SecretEvent)
        or (isinstance(event, KeyEvent) and event.key in _CONFIRMING)
        for event in case.plan
    )


def _window(case: Case) -> WindowInfo | None:
    """Return the first known window that the plan points at, else the one that the keys go to."""
    clicked = next((window for window in case.scene.windows if window is not None), None)
    return clicked or keys_go_to(case)


def _place(window: WindowInfo | None) -> _Place:
    if window is None or not (window.names or window.title):
        return "unknown"
    if window.names & programs().browsers:
        return "browser"
    return "shell" if window.names & programs().desktop_shells else "app"


def _weight(text: str, *, whole: bool = False) -> _Weight | None:
    """Return how certainly a text names a power button; None if it doesn't.

    Args:
        text: a label, a reason, or a text read on the target.
        whole: whether the words must be the whole text, as a line of a list or a page may be about anything.
    """
    words = lexicon()
    for name in names_in(text):
        if len(name.split()) > _MOST_WORDS or (not name.isascii() and len(name) > _MOST_CHINESE):
            continue
        deed = words.power_before.sub("", name)
        head = words.power_after.sub("", deed if whole else words.power_place.split(deed, maxsplit=1)[0])
        inside = not whole and any(word in deed and not _undone(deed, word) for word in words.power_inside)
        if inside or deed in words.power_always or head in words.power_always:
            return "always"
        if head in words.power_also_in_apps:
            return "also in apps"
        if head in words.power_in_shells:
            return "in shells"
    return None


def _undone(text: str, word: str) -> bool:
    return text[: text.index(word)].endswith(lexicon().power_undoing)
