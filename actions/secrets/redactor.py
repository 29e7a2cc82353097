"""Taking secrets out of what is written: each value in every form in which it may turn up.

Every door to the outside has one of these: the journal, the messages to a model and its replies, what is
printed. Numbers aren't touched, nor names of files and checksums, which are the program's own.
"""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar
from urllib.parse import quote, quote_plus

from pydantic import BaseModel

from qvl_agent.actions.planning.placeholders import mark

__all__ = ["NOTHING", "Redactor", "StreamRedactor", "forms"]

_LONG: Final = 8
"""From so many characters on a value is looked for backwards and in base64 and hexadecimal too; of a shorter
one those forms are in other data by chance."""
_LEAST: Final = 6
"""Characters of the shortest base64 or hexadecimal form that is looked for."""
_OURS: Final = frozenset({"sha256", "file", "id", "approval", "format", "kind", "type"})

M = TypeVar("M", bound=BaseModel)


class Redactor:
    """Replaces the values of named secrets by their marks."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {form: name for name, value in values.items() for form in forms(value)}
        ordered = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)) or r"(?!)")
        self.longest = max(map(len, ordered), default=0)

    def __bool__(self) -> bool:
        return bool(self._names)

    def text(self, text: str) -> str:
        """Take the values out of a text."""
        return self._pattern.sub(lambda found: mark(self._names[found[0]]), text) if self._names else text

    def plain(self, value: object) -> object:
        """Take them out of every text in a value as JSON has it."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.plain(each) for each in value]
            case dict():
                return {
                    self.text(key): each if key in _OURS else self.plain(each) for key, each in value.items()
                }
            case _:
                return value

    def record(self, record: M) -> M:
        """Take them out of a record."""
        if not self._names:
            return record
        return type(record).model_validate_json(json.dumps(self.plain(record.model_dump(mode="json"))))

    def stream(self) -> "StreamRedactor":
        """Begin to redact a text that comes in pieces."""
        return StreamRedactor(self)


class StreamRedactor:
    """Redacts a text in pieces, in which a value may be cut in two: the end is held back until it is safe."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece, and give what may be shown so far."""
        self._held += piece
        found = [match.span() for match in self._redactor._pattern.finditer(self._held)]  # noqa: SLF001 - its own
        safe = max(0, len(self._held) - self._redactor.longest + 1)
        safe = max([safe, *(end for start, end in found if end <= safe or start < safe)])
        shown, self._held = self._held[:safe], self._held[safe:]
        return self._redactor.text(shown)

    def end(self) -> str:
        """Give what was held back."""
        shown, self._held = self._held, ""
        return self._redactor.text(shown)


NOTHING: Final = Redactor({})


def forms(value: str) -> frozenset[str]:
    """List the texts in which a value may turn up."""
    found: set[str] = set()
    for text in _variants(value):
        found.update(_escaped(text))
        if len(value) >= _LONG:
            found.update(form for form in _encoded(text.encode()) if len(form) >= _LEAST)
            found.update(form for form in _encoded(text.encode("utf-16-le")) if len(form) >= _LEAST)
    return frozenset(found)


def _variants(value: str) -> set[str]:
    """The value as Unicode's normal forms have it, and backwards."""
    kinds = {value, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)}
    return kinds | ({each[::-1] for each in kinds} if len(value) >= _LONG else set())


def _escaped(text: str) -> Iterator[str]:
    """As source, JSON, URLs and HTML write it."""
    yield text
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        for form in (once, twice, once.replace("/", "\\/")):
            yield form
            yield re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), form)
    yield from (repr(text)[1:-1], ascii(text)[1:-1], repr("'" + text)[2:-1], repr('"' + text)[2:-1])
    yield repr("'\"" + text)[4:-1]
    yield text.encode("unicode_escape").decode()
    yield repr(text.encode())[2:-1]
    for quoted in (quote(text), quote(text, safe=""), quote_plus(text)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    for escaped in (html.escape(text), html.escape(text, quote=False)):
        yield escaped
        yield escaped.encode("ascii", "xmlcharrefreplace").decode()
    shown = html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield shown
    yield shown.encode("ascii", "xmlcharrefreplace").decode()
    yield "".join(f"&#x{ord(character):x};" for character in text)
    yield "".join(f"&#{ord(character)};" for character in text)


def _encoded(data: bytes) -> Iterator[str]:
    """In hexadecimal, and in base64 wherever in longer data it begins: what surely is of its own bytes."""
    yield data.hex()
    yield data.hex().upper()
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * offset + data).decode()
        core = whole[skipped : (offset + len(data)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
