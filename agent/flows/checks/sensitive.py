"""Secrets: written out where everybody reads them, unknown, or in the wrong place."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from qvl_agent.actions.planning.placeholders import misplaced, named_in_text
from qvl_agent.agent.flows.cells import did_you_mean
from qvl_agent.agent.flows.checks.subject import Subject, literal, parts
from qvl_agent.agent.flows.reading import Mistake
from qvl_agent.agent.flows.script.steps import Click, Input, Type
from qvl_agent.agent.flows.script.walking import strings, walk

__all__ = ["check_secrets"]

_LABEL: Final = re.compile(
    r"\b(?:password|passwd|passphrase|passcode|pass ?word|pin|pin code|puk|secret|token|api[ _-]?key"
    r"|access[ _-]?key|private[ _-]?key|security (?:code|answer)|cvv2?|cvc|one[ -]time code|otp|passwort"
    r"|kennwort|geheimnis|mot de passe|contraseña|clave|senha|hasło|wachtwoord|lösenord)\b"
    r"|密码|密碼|口令|パスワード|暗証番号|비밀번호|пароль",
    re.IGNORECASE,
)
"""Words on a field that gets a secret."""
_NAME: Final = re.compile(
    r"passw|passphrase|passcode|kennwort|secret|token|api_?key|private_?key|(?:^|_)pin(?:$|_)", re.IGNORECASE
)
_KEY: Final = re.compile(
    r"\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\bglpat-[\w-]{16,}|\bxox[abeprs]-[A-Za-z0-9-]{10,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bhf_[A-Za-z0-9]{20,}"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.|-----BEGIN [A-Z ]*PRIVATE KEY|\bya29\.[\w-]{20,}|\bnpm_[A-Za-z0-9]{30,}"
    r"|\bpypi-[\w-]{20,}|\bBearer +[\w.~+/-]{16,}|://[^/\s:@]+:[^/\s:@]+@"
)
"""Keys of services by their beginnings, and a password in an address."""
_RUN: Final = re.compile(r"(?<![\w/+=-])[A-Za-z0-9+=_-]{24,}(?![\w/+=-])")
_MIXED: Final = 0.4
"""The share of a run's characters that follow one of another kind, from which nobody wrote it by hand."""


def check_secrets(subject: Subject) -> Iterator[Mistake]:
    """Find secrets that are written out, and names of secrets that aren't declared, used or exact."""
    clicked: dict[str, str] = {}
    for path, step in walk(subject.flow):
        if isinstance(step, Type):
            before = clicked.get(_previous(path), "")
            yield from _typed(subject, path, step.type, before)
        elif isinstance(step, Click):
            clicked[path] = step.click.text or step.click.near or ""
    for name, variable in subject.flow.variables.items():
        if _NAME.search(name) and isinstance(variable.default, str) and variable.default:
            message = f"{name} is written out here, where everybody can read it"
            yield subject.mistake(f"variables.{name}", message, _INSTEAD)
    yield from _written(subject)
    yield from _named(subject)


_INSTEAD: Final = (
    "list a name under secrets, type {{secret:name}}, and keep the value with qvl-agent secret set name"
)


def _previous(path: str) -> str:
    """Return the path of the step before, in the same list."""
    head, _, number = path.rstrip("]").rpartition("[")
    return f"{head}[{int(number) - 1}]"


def _typed(subject: Subject, path: str, said: Input, clicked: str) -> Iterator[Mistake]:
    """Find a secret that is typed into its field, or after a click on it."""
    into = said.into
    labels = (into.text, into.near, into.id) if into is not None else (clicked,)
    label = next((each for each in labels if each and _LABEL.search(each)), None)
    rest = re.sub(r"\{\{secret:[^}]*\}\}", "", said.text)
    almost = misplaced({"text": said.text}, typed="text")
    if label is None or not rest.strip() or almost:
        return
    if literal(rest).strip():
        message = f"the text for “{label}” is written out here, where everybody can read it"
        yield subject.mistake(f"{path}.type.text", message, _INSTEAD)
    else:
        message = f"the text for “{label}” comes from a variable, and will stand in records and reports"
        yield subject.mistake(f"{path}.type.text", message, "make it a secret if it is one", note=True)


def _written(subject: Subject) -> Iterator[Mistake]:
    for path, _, key, text in strings(subject.flow):
        if key in ("image", "pattern", "file"):
            continue
        plain = literal(text) if "${" in text and parts(text) else text
        if _KEY.search(plain) or any(map(_is_random, _RUN.findall(plain))):
            message = "this looks like a key or a password, written out where everybody can read it"
            yield subject.mistake(path, message, _INSTEAD)


def _is_random(run: str) -> bool:
    kinds = [
        "a" if each.islower() else "A" if each.isupper() else "1" if each.isdigit() else "-" for each in run
    ]
    changes = sum(one != other for one, other in pairwise(kinds))
    return {"a", "A", "1"} <= set(kinds) and changes >= _MIXED * len(run)


def _named(subject: Subject) -> Iterator[Mistake]:
    declared, used = subject.flow.secrets, set()
    for path, owner, key, text in strings(subject.flow):
        typed = (owner, key) == (Input, "text")
        if wrong := misplaced({"text": text}, typed="text" if typed else ""):
            if typed or not named_in_text(text):
                message, remedy = wrong.replace("the text holds", "this is"), "write {{secret:name}}"
            else:
                message, remedy = "a secret can only be typed, in the text of a type step", "write it there"
            yield subject.mistake(path, message, remedy)
            used |= set(named_in_text(text))
            continue
        for name in named_in_text(text):
            used.add(name)
            if name not in declared:
                remedy = did_you_mean(name, declared, f"add it: secrets: [{', '.join((*declared, name))}]")
                yield subject.mistake(path, f"the secret {name} isn't listed under secrets", remedy)
    for number, name in enumerate(declared):
        if name not in used:
            yield subject.mistake(
                f"secrets[{number}]", f"the secret {name} is used nowhere", "use it, or remove it"
            )
        elif name in declared[:number]:
            yield subject.mistake(f"secrets[{number}]", f"the secret {name} is listed twice", "remove one")
