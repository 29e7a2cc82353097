"""Replace secrets in texts by their marks: each value in every form in which it may appear.

The journal, the messages to a model and its replies, and printed output all go through a `Redactor`.
Numbers aren't changed, nor file names and checksums, which the program makes itself.
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
"""From this many characters on a value is also looked for backwards, in base64 and in hexadecimal; these
forms of a shorter value are in other data by chance."""
_LEAST: Final = 6
"""Characters of the shortest base64 or hexadecimal form that is looked for."""
_OWN_KEYS: Final = frozenset({"sha256", "file", "id", "approval", "format", "kind", "type"})
"""Keys of records whose values the program makes itself; they are left alone."""

M = TypeVar("M", bound=BaseModel)


class Redactor:
    """Replaces the values of named secrets by their marks.

    Attributes:
        longest: characters of the longest form of a value; 0 without secrets.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {form: name for name, value in values.items() for form in forms(value)}
        ordered = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered)) or r"(?!)")
        self.longest = max(map(len, ordered), default=0)

    def __bool__(self) -> bool:
        return bool(self._names)

    def text(self, text: str) -> str:
        """Replace the values in a text."""
        return self._pattern.sub(lambda found: mark(self._names[found[0]]), text) if self._names else text

    def plain(self, value: object) -> object:
        """Replace the values in every text of a JSON value, except under the program's own keys."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.plain(each) for each in value]
            case dict():
                return {
                    self.text(key): each if key in _OWN_KEYS else self.plain(each)
                    for key, each in value.items()
                }
            case _:
                return value

    def record(self, record: M) -> M:
        """Replace the values in a record, and return it as a model of the same class."""
        if not self._names:
            return record
        return type(record).model_validate_json(json.dumps(self.plain(record.model_dump(mode="json"))))

    def stream(self) -> "StreamRedactor":
        """Return a new redactor for one text that comes in pieces."""
        return StreamRedactor(self)


class StreamRedactor:
    """Redacts a text that comes in pieces; its end is held back, because a value may be cut in two."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, piece: str) -> str:
        """Add a piece, and return the next part of the redacted text."""
        self._held += piece
        found = [match.span() for match in self._redactor._pattern.finditer(self._held)]  # noqa: SLF001 - its own
        safe = max(0, len(self._held) - self._redactor.longest + 1)
        safe = max([safe, *(end for start, end in found if end <= safe or start < safe)])
        shown, self._held = self._held[:safe], self._held[safe:]
        return self._redactor.text(shown)

    def end(self) -> str:
        """Return the rest of the redacted text."""
        shown, self._held = self._held, ""
        return self._redactor.text(shown)


NOTHING: Final = Redactor({})


def forms(value: str) -> frozenset[str]:
    """Return all forms in which a value may appear in texts."""
    found: set[str] = set()
    for text in _variants(value):
        found.update(_escaped(text))
        if len(value) >= _LONG:
            found.update(form for form in _encoded(text.encode()) if len(form) >= _LEAST)
            found.update(form for form in _encoded(text.encode("utf-16-le")) if len(form) >= _LEAST)
    return frozenset(found)


def _variants(value: str) -> set[str]:
    """Return the value, its Unicode normal forms NFC and NFD, and, if it is long, all of these backwards."""
    kinds = {value, unicodedata.normalize("NFC", value), unicodedata.normalize("NFD", value)}
    return kinds | ({each[::-1] for each in kinds} if len(value) >= _LONG else set())


def _escaped(text: str) -> Iterator[str]:
    """List the ways to write a text in source code, JSON, URLs and HTML."""
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
    """List data in hexadecimal, and in base64 at each of the 3 offsets that it may have in longer data.

    Of base64, only the characters are listed that depend on the data's own bytes alone.
    """
    yield data.hex()
    yield data.hex().upper()
    for offset, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = base64.b64encode(b"\0" * offset + data).decode()
        core = whole[skipped : (offset + len(data)) * 8 // 6]
        yield core
        yield core.replace("+", "-").replace("/", "_")
