"""The ways in which a secret may be written."""

import base64
import html
import json
import unicodedata
from urllib.parse import quote, quote_plus

ENCODINGS = {
    "plain": lambda text: text,
    "JSON": json.dumps,
    "JSON, its own script": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON twice": lambda text: json.dumps(json.dumps({"text": text})),
    "JSON twice, its own script": lambda text: json.dumps(
        json.dumps({"text": text}, ensure_ascii=False), ensure_ascii=False
    ),
    "a URL": quote,
    "a URL, all of it": lambda text: quote(text, safe=""),
    "a form": quote_plus,
    "HTML": html.escape,
    "HTML, characters by number": lambda text: (
        html.escape(text).encode("ascii", "xmlcharrefreplace").decode()
    ),
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 behind one byte": lambda text: base64.b64encode(b"a" + text.encode() + b"zz").decode(),
    "base64 behind two": lambda text: base64.b64encode(b"ab" + text.encode() + b"z").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"ab" + text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper(),
    "backwards": lambda text: text[::-1],
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "UTF-16 in base64": lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
}
