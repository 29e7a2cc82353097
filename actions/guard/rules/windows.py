"""Rules about windows: some are forbidden, in some every step is asked about, and a policy may name more.

Windows are recognised by the application's name, by the program that owns them, and a few dialogs by their
whole title. If the window isn't known, these rules don't apply, except the two that then ask: the list of the
policy's applications, and the one about dangerous commands.
"""

import re
from collections.abc import Iterable
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.lexicon.patterns import lexicon
from qvl_agent.actions.guard.lexicon.words import programs
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.planning.action import Type
from qvl_agent.actions.planning.events import TYPED, ButtonEvent, MoveEvent

__all__ = [
    "dangerous_command",
    "forbidden_window",
    "grabbed_keys",
    "keys_go_to",
    "risky_window",
    "unlisted_app",
]

_CONTINUED: Final = re.compile(r"\\\n|(?<=\|)[ \t]*\n")
_SHELL: Final = r"\|\s*(?:sudo\s+)?(?:env\s+)?(?:\S{0,40}/)?(?:ba|z|da|k|fi|c|tc)?sh\b"
_LANGUAGE: Final = r"\|\s*(?:sudo\s+)?(?:\S{0,40}/)?(?:python|perl|ruby|node|php)"
_DELETES, _ENCODED, _DOWNLOAD = "deletes files for good", "runs an encoded command", "runs a download"
_COMMANDS: Final = (
    (r"\b(?:curl|wget|fetch)\b", _SHELL, _DOWNLOAD),
    (r"\b(?:curl|wget|fetch)\b", _LANGUAGE, _DOWNLOAD),
    (r"(?:\b(?:ba|z|da|k)?sh|\bsource|\beval|\.)\s", r"(?:<\(|\$\(|`)\s*(?:curl|wget)\b", _DOWNLOAD),
    (r"\b(?:iex|invoke-expression)\b|\bdownloadstring\b", "", _DOWNLOAD),
    (r"\brm\s", r"\s-\w*[rf]\w*\b|\s--(?:recursive|force|no-preserve-root)\b|\s[/~*](?:\s|$)", _DELETES),
    (r"\b(?:shred|wipefs|blkdiscard)\b", "", _DELETES),
    (r"\bfind\s", r"\s-(?:delete|exec\s+rm)\b", _DELETES),
    (r"\b(?:remove-item|del|rd|rmdir)\b", r"\s(?:/s|-r(?:ecurse)?)\b", _DELETES),
    (r"\bmkfs\b|\bformat\s+[a-z]:|\bdiskpart\b|\bdiskutil\s+erase", "", "formats a disk"),
    (r"\bdd\b", r"\bof=", "writes over a disk or a file"),
    (r">\s*/dev/(?:sd|nvme|hd|vd|mmcblk)", "", "writes over a disk"),
    (r"\b(?:base64|base32|openssl|xxd)\b", _SHELL, _ENCODED),
    (r"\b(?:base64|base32|openssl|xxd)\b", _LANGUAGE, _ENCODED),
    (r"\becho\b|\bprintf\b|\brev\b|\btr\b", _SHELL, _ENCODED),
    (r"(?:\beval|\b(?:ba|z|da|k)?sh\s+-c)\s", r"(?:\$\(|`)", _ENCODED),
    (r"\b(?:powershell|pwsh)\b", r"\s-e(?:nc(?:odedcommand)?)?\b", _ENCODED),
    (r"\b(?:python3?|perl|ruby)\b", r"(?:exec|eval)\W.{0,200}?(?:b64|base64|fromhex|unpack)", _ENCODED),
    (r":\s?\(\)\s?\{", "", "floods the machine with processes"),
    (r"\bch(?:mod|own)\s", r"\s-\w*r\w*\s.{0,200}?\s/(?:\s|$)", "opens the system's files"),
)
"""(the beginning of a command, the rest that makes it dangerous further on in its line, what it does then).
The two patterns are searched one after the other, so that no text takes long."""


def forbidden_window(case: Case) -> Verdict | None:
    """Refuse input into programs that keep secrets, questions of the system, and forbidden or own windows."""
    grabbing = [case.scene.focused] if case.scene.focused and case.scene.focused.grabs else []
    for window in (*_reached(case), *grabbing):  # a locker takes the clicks too, whatever is under them
        if window.ours:
            return deny("own-window", "the input would go to this agent's own window or terminal")
        if _is_one_of(window, case.policy.forbidden_apps):
            return deny("forbidden-app", f"it would touch {window.called}, which you forbade")
        for what, names in _forbidden():
            if window.names & names:
                return deny("forbidden-window", f"it would touch {what} ({window.called})")
        if (title := window.title.strip()).casefold() in lexicon().system_titles:
            return deny("forbidden-window", f"it would touch a question of the system ({title})")
    return None


def dangerous_command(case: Case) -> Verdict | None:
    """Ask before a command that can't be undone is typed into a window that may run it.

    A window that isn't known may be a terminal, so the person is asked there too.
    """
    window, known = keys_go_to(case), programs()
    if window is not None and not window.names & (known.terminals | known.run_dialogs | known.shell_inside):
        return None
    text = case.action.text if isinstance(case.action, Type) else ""
    for line in _CONTINUED.sub(" ", text.casefold()).splitlines():
        for begin, end, what in _COMMANDS:
            start = re.search(begin, line)
            if start and re.compile(end).search(line, start.end() - 1):
                return Verdict(Level.ASK_EVERY, "dangerous-command", f"this types a command that {what}")
    return None


def risky_window(case: Case) -> Verdict | None:
    """Ask before every click and key in a terminal, a run dialog or a package installer."""
    if not any(isinstance(event, (ButtonEvent, *TYPED)) for event in case.plan):
        return None
    for window in _reached(case):
        for what, names in (
            ("a terminal", programs().terminals),
            ("a dialog that runs commands", programs().run_dialogs),
            ("an installer", programs().installers),
        ):
            if window.names & names:
                rule = f"window-{what.split()[1]}"
                return Verdict(Level.ASK_EVERY, rule, f"this goes to {what} ({window.called})")
    return None


def grabbed_keys(case: Case) -> Verdict | None:
    """Ask before keys go to a program because it has grabbed the keyboard, wherever the action points."""
    if not any(isinstance(event, TYPED) for event in case.plan):
        return None
    window = keys_go_to(case)
    if window is None or not window.grabs:
        return None
    if window.grabs == "this":
        reason = f"{window.called} has grabbed the keyboard, so the keys go there, whatever has the focus"
        return Verdict(Level.ASK_ONCE, "keys-grabbed", reason)
    reason = f"a program has grabbed the keyboard, and it can't be told whether it is {window.called}"
    return Verdict(Level.ASK_ONCE, "keys-grabbed", reason)


def unlisted_app(case: Case) -> Verdict | None:
    """Ask once before input into other applications than the policy names, or into an unknown one."""
    if not case.policy.apps or not case.plan:
        return None
    for window in _reached(case):
        if not _is_one_of(window, case.policy.apps):
            return Verdict(
                Level.ASK_ONCE, "other-app", f"{window.called} isn't one of the applications that you named"
            )
    if _reaches_unknown(case):
        reason = "it can't be told whether this goes to one of the applications that you named"
        return Verdict(Level.ASK_ONCE, "other-app", reason)
    return None


def keys_go_to(case: Case) -> WindowInfo | None:
    """Return the window that the plan's keys go to; None if it isn't known.

    It's the one whose program has grabbed the keyboard, else the one that the plan clicks last, else the one
    with the focus.
    """
    focused = case.scene.focused
    if focused is not None and focused.grabs:
        return focused
    clicked = _clicked(case)
    return focused if clicked is None else case.scene.windows[clicked]


def _clicked(case: Case) -> int | None:
    """Return which of the scene's windows the plan clicks last, by its index; None if it clicks none."""
    pointed, clicked = -1, -1
    for event in case.plan:
        if isinstance(event, MoveEvent):
            pointed += 1
        elif isinstance(event, ButtonEvent):
            clicked = pointed
    return clicked if 0 <= clicked < len(case.scene.windows) else None


def _forbidden() -> tuple[tuple[str, frozenset[str]], ...]:
    """Name the programs that nobody's agent may touch, and say what they are."""
    known = programs()
    return (
        ("a password manager", known.password_managers),
        ("a keyring", known.keyrings),
        ("a question about more rights", known.rights_questions),
        ("the lock screen", known.lock_screens),
        ("security settings", known.security_settings),
    )


def _reached(case: Case) -> list[WindowInfo]:
    """List the known windows that the plan's pointer and keys may reach.

    What is clicked may leave the focus where it is: the bare desktop, a panel, and what isn't known.
    """
    windows = list(case.scene.windows)
    if any(isinstance(event, TYPED) for event in case.plan):
        to = keys_go_to(case)
        windows.append(to)
        if to is None or to.names & programs().desktop_shells:
            windows.append(case.scene.focused)
    return [window for window in windows if window is not None]


def _reaches_unknown(case: Case) -> bool:
    """Return whether the plan's pointer or keys reach a place of which the window isn't known."""
    typed = any(isinstance(event, TYPED) for event in case.plan)
    return None in case.scene.windows or (typed and keys_go_to(case) is None)


def _is_one_of(window: WindowInfo, names: Iterable[str]) -> bool:
    return bool(window.names & {name.casefold().removesuffix(".exe") for name in names})
