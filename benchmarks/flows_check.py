"""How many of 200 mistakes, put into flows by chance, `check` finds, and whether it names the right line.

    python benchmarks/flows_check.py [--seed 1] [--mistakes 200] [--missed]

The flows here are whole: each has its data, its lock with pictures, and the flow that it uses. As they are,
nothing is wrong with them. A mistake is one change of one file: a key or a name that is misspelt, steps in
the wrong order, a secret in plain text, evidence that is gone. It is found if a message names the line that
it was put into.
"""

import argparse
import random
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.agent.flows.check import check
from qvl_agent.agent.flows.lock import Evidence, Lock, Seen, WindowSeen, lock_folder, picture_of

__all__ = ["FLOWS", "Seeded", "found", "seeded", "write"]

INVOICES = """\
flow: Enter invoices
app: erp
data: {file: invoices.csv, key: number}
secrets: [erp-pin]
variables:
  limit: 10000
  clerk: {default: Ann, one_of: [Ann, Bob], about: "who enters them"}
aliases:
  "New invoice": ["Neue Rechnung"]
on_popup:
  - see: "Session expires"
    steps:
      - click: "Stay signed in"
steps:
  - type: {into: "PIN", text: "{{secret:erp-pin}}", enter: true}
    then: {see: "Dashboard", within: 20s}
  - use: login.flow.yaml
    with: {user: "${clerk}", role: admin}
  - for_each: row
    steps:
      - when: row.customer == ""
        steps:
          - reject: "no customer"
      - click: "New invoice"
        within: 5s
      - type:
          into: "Number"
          text: "${row.number}"
      - type:
          into: {text: "Note", near: "Customer", id: customer-note}
          text: "${row.note|default('-')}"
      - when: row.amount > limit
        steps:
          - click: "Needs approval"
        else:
          - check: {see: "No approval"}
      - retry: 2
        steps:
          - press: ctrl+l
          - click: {near: "Customer"}
            then: {see: "Customer details"}
        pause: 2s
      - click: "Save"
        once: true
        then: {see: "Invoice ${row.number} saved", within: 10s}
      - read: {near: "Internal id", as: id, pattern: 'ID-(\\d+)'}
      - check: {that: "id != ''"}
      - type: {into: "Search", text: "${id}"}
    on_error:
      - click: "Cancel"
      - next_item
  - check: {see: "Dashboard"}
output: {file: done.csv, columns: [number, id, status]}
"""

ORDERS = """\
flow: Send the orders that are due
app: shop
window: "Orders"
variables:
  day: "2026-11-30"
  note: {default: "thanks", about: "what stands under it"}
data:
  file: orders.csv
  key: order
steps:
  - click: {text: "Orders", id: menu-orders}
    then: {see: "All orders", within: 10s}
  - while: {see: "Next page"}
    at_most: 5
    steps:
      - scroll: {over: "All orders", down: 5}
  - for_each: row
    steps:
      - when: row.due > day
        steps:
          - next_item
      - ask: {question: "Send order ${row.order}?", as: answer}
      - when: answer != "yes"
        steps:
          - reject: "not wanted by ${row.customer}"
      - click: {text: "Edit", row: "${row.order}"}
        count: 2
      - type: {into: "Remark", text: "${note} ${row.customer|upper}", clear: true}
      - drag: {from: "Parcel", to: "Van"}
        then: {gone: "Parcel waits"}
      - click: "Send order"
        once: true
        then: {see: "Order ${row.order} sent", within: 30s}
      - wait: {gone: "Sending"}
      - read: {target: "Tracking", as: tracking}
      - wait: 500ms
      - check: {file: "labels/${row.order}.pdf", within: 5s}
        soft: true
    on_error:
      - press: esc
  - for_each: colour
    in: ["red", "green"]
    steps:
      - type: {into: "Filter", text: "${colour}"}
output:
  file: sent.jsonl
  columns: [order, tracking, message]
"""

SETTINGS = """\
flow: Set up a new till
app: till
secrets: [till-key]
variables:
  till: "7"
  shop: Basel
steps:
  - hover: "Till ${till}"
  - click: {near: "Sound"}
    then: {see: "Sound is off"}
  - click: {image: gear.png}
    button: right
    then: {window: "Settings"}
  - click: {region: [10, 20, 40, 50], id: corner}
    keys: ctrl
  - type:
      into: "Licence key"
      text: "{{secret:till-key}}"
  - type: {into: "Shop", text: "${shop}", enter: true}
    then:
      - see: "Shop ${shop}"
      - changed: true
  - click: "Delete old data"
    once: true
    then: {see: "Old data deleted"}
  - use: login.flow.yaml
    with: {user: Bob, role: cashier}
  - do: "choose the newest printer"
    then: {see: "Printer ready"}
  - press: f5
    count: 2
"""

LOGIN = """\
flow: Sign in
variables:
  user: {about: "whose name"}
  role: {default: cashier, one_of: [cashier, admin]}
steps:
  - type: {into: "User", text: "${user}"}
  - click: "${role}"
    then: {see: "Signed in as ${user}"}
"""

FLOWS = {"invoices": INVOICES, "orders": ORDERS, "settings": SETTINGS, "login": LOGIN}
_DATA = {
    "invoices.csv": "number,customer,amount,note\n4711,Ann,12000,\n4712,Bob,90,late\n",
    "orders.csv": "order;customer;due\nA1;Ann;2026-11-30\n",
}
_SEEN = {
    "invoices": {
        "start": ["PIN", "Welcome"],
        "list": ["New invoice", "Number", "Note", "Customer", "Save", "Cancel", "Search", "Internal id"],
    },
    "orders": {
        "start": ["Orders", "Customers"],
        "list": ["Edit", "Remark", "Parcel", "Van", "Parcel waits", "Send order"],
    },
    "settings": {"start": ["Sound", "Till 7", "Licence key", "Shop"], "more": ["Delete old data", "Printer"]},
}
"""What stands on each picture, from top to bottom: 20 pixels for each text."""
_TARGETS = {
    "invoices": {
        "PIN": ("start", 0),
        "New invoice": ("list", 0),
        "customer-note": ("list", 2),
        "near Customer": ("list", 3),
        "Save": ("list", 4),
    },
    "orders": {
        "menu-orders": ("start", 0),
        "Parcel": ("list", 2),
        "Van": ("list", 3),
        "Send order": ("list", 5),
    },
    "settings": {"near Sound": ("start", 0), "corner": ("start", 1), "Delete old data": ("more", 0)},
}
_FRAMES = {
    "invoices": {"steps[0]": ("start", "list"), "steps[2].steps[5].steps[1]": ("list", "start")},
    "orders": {"steps[0]": ("start", "list")},
    "settings": {"steps[6]": ("more", "start")},
}


def write(folder: Path) -> None:
    """Write the flows, their data and their locks into a folder; nothing is wrong with them."""
    for name, text in {**_DATA, **{f"{name}.flow.yaml": text for name, text in FLOWS.items()}}.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "gear.png").write_bytes(picture_of(np.zeros((4, 4, 3), np.uint8), 1.0)[1])
    for name in _SEEN:
        lock, pictures = _lock(name)
        lock.save(lock_folder(folder / f"{name}.flow.yaml"), pictures)


def _lock(name: str) -> tuple[Lock, dict[str, bytes]]:
    made = {}
    for number, (view, texts) in enumerate(_SEEN[name].items()):
        pixels = np.full((20 * len(texts), 100, 3), 40 * number + len(name), np.uint8)
        seen = tuple(
            Seen(text=text, box=FrameBox(5, 20 * at, 90, 20 * at + 15)) for at, text in enumerate(texts)
        )
        made[view] = (*picture_of(pixels, 1.0), seen)
    targets = {
        key: Evidence(picture=made[view][0], window=WindowSeen(title=view), box=seen[at].box,
                      text="" if key.startswith("near") else seen[at].text, texts=seen)
        for key, (view, at) in _TARGETS[name].items() for seen in [made[view][2]]
    }  # fmt: skip
    frames = {path: tuple(made[view][0] for view in views) for path, views in _FRAMES[name].items()}
    return Lock(targets=targets, frames=frames), {picture.sha256: png for picture, png, _ in made.values()}


# --- mistakes


@dataclass(frozen=True, slots=True)
class Seeded:
    """A mistake that is put into a flow.

    Attributes:
        kind: what kind of mistake it is.
        flow: which flow.
        text: the flow's new text.
        line: where a message has to point, from 1.
        lock: what is done to the flow's lock beside that.
    """

    kind: str
    flow: str
    text: str
    line: int
    lock: Callable[[Lock], Lock] | None = None


Change = Callable[[str, str], Iterator[Seeded]]
"""Gives every mistake of one kind that a flow, by its name and text, can have."""


def _each(
    kind: str, pattern: str, new: str | Callable[[re.Match[str]], str], *, flags: re.RegexFlag = re.MULTILINE
) -> Change:
    """A mistake wherever a pattern stands; its line is the one in which the new text differs."""

    def change(flow: str, text: str) -> Iterator[Seeded]:
        for match in re.finditer(pattern, text, flags):
            put = new(match) if callable(new) else match.expand(new)
            after = text[: match.start()] + put + text[match.end() :]
            yield Seeded(kind, flow, after, _first_difference(text, after))

    return change


def _first_difference(old: str, new: str) -> int:
    for number, (one, other) in enumerate(zip(old.splitlines(), new.splitlines(), strict=False), start=1):
        if one != other:
            return number
    return len(old.splitlines()) + 1


def _insert(kind: str, before: str, lines: str) -> Change:
    """A mistake in the first of the lines that are put before those that a pattern finds."""
    return _each(kind, rf"^( *){before}", lambda match: _indented(lines, match[1]) + match[0])


def _indented(lines: str, indent: str) -> str:
    return "".join(f"{indent}{line}\n" for line in lines.splitlines())


def _at(change: Change, marked: str) -> Change:
    """Expect the message in the line of the new text in which something stands."""

    def changed(flow: str, text: str) -> Iterator[Seeded]:
        for each in change(flow, text):
            lines = [number for number, line in enumerate(each.text.splitlines(), start=1) if marked in line]
            if lines:
                yield Seeded(each.kind, each.flow, each.text, lines[0], each.lock)

    return changed


def _stays(kind: str, pattern: str, new: str) -> Change:
    """A mistake in the first line of what a pattern finds, although that line stays as it is."""

    def change(flow: str, text: str) -> Iterator[Seeded]:
        for match in re.finditer(pattern, text, re.MULTILINE):
            after = text[: match.start()] + match.expand(new) + text[match.end() :]
            yield Seeded(kind, flow, after, text.count("\n", 0, match.start()) + 1)

    return change


def _swap(word: str) -> str:
    return word[:-2] + word[-1] + word[-2] if word[-1] != word[-2] else word[:-1]


_KEYS = (
    r"(?:flow|app|window|data|file|secrets|aliases|on_popup|steps|output|columns|type|into|text|click|near|within|"
    r"for_each|when|else|retry|pause|once|then|see|read|check|on_error|drag|scroll|over|down|while|at_most|wait|"
    r"hover|button|press|count|use|ask|question|soft|clear|enter|reject|region|image|about|default|gone)"
)


def _with_id(match: re.Match[str]) -> str:
    words = match[0].split('"')[1]
    known = "menu-orders" if words == "Send order" else "customer-note"
    return f'- click: {{text: "{words}", id: {known}}}'


def _of_lock(kind: str, pick: str, edit: Callable[[Lock], Lock]) -> Change:
    """A mistake in the lock alone; the message is in the line where the target stands."""

    def change(flow: str, text: str) -> Iterator[Seeded]:
        for number, line in enumerate(text.splitlines(), start=1):
            if re.search(pick, line) and flow in _SEEN:
                yield Seeded(kind, flow, text, number, edit)
                return

    return change


def _without(key: str) -> Callable[[Lock], Lock]:
    return lambda lock: lock.model_copy(
        update={"targets": {name: each for name, each in lock.targets.items() if name != key}}
    )


def _edited(key: str, **fields: object) -> Callable[[Lock], Lock]:
    return lambda lock: lock.model_copy(
        update={"targets": {**lock.targets, key: lock.targets[key].model_copy(update=fields)}}
    )


def _like(key: str, other: str) -> Callable[[Lock], Lock]:
    return lambda lock: _edited(key, box=lock.targets[other].box)(lock)


def _doubled(key: str) -> Callable[[Lock], Lock]:
    return lambda lock: _edited(key, texts=(*lock.targets[key].texts, lock.targets[key].texts[0].model_copy(
        update={"text": key, "box": FrameBox(0, 0, 5, 5)})))(lock)  # fmt: skip


def _no_picture(key: str) -> Callable[[Lock], Lock]:
    return lambda lock: _edited(
        key, picture=lock.targets[key].picture.model_copy(update={"sha256": "0" * 64})
    )(lock)


CHANGES: tuple[Change, ...] = (
    # the file's shape
    _each("a key is misspelt", rf"(?<=[\s{{])({_KEYS})(?=: |:$)", lambda match: _swap(match[1])),
    _each("a number without quotes", r'(into|see|near|text): "[^"]*"', r"\1: 4711"),
    _each("a duration that is none", r"\b(within|pause): \d+m?s", r"\1: soon"),
    _each("a key twice", r"^( +)(app|once|within|pause|at_most|count|soft): (.*)\n", r"\1\2: \3\n\1\2: \3\n"),
    _each("a tab", r"^ {6,}(?=- )", "\t"),
    _each("a quote isn't closed", r'^( +- (?:click|hover|reject|see): "[^"]*)"$', r"\1"),
    _each("a bracket isn't closed", r"^( +- (?:type|drag|ask|check): \{.*)\}$", r"\1"),
    _each("a secret without quotes", r'"(\{\{secret:[a-z-]+\}\})"', r"\1"),
    _each("a variable without quotes", r'(?<=text: )"(\$\{[^"\']*\})"(?=[,}])', r"\1"),
    _each("no steps", r"^( +)steps:\n(?:\1  .*\n)+", r"\1steps: []\n"),
    _each("two things in one step", r"^( +)- click: \"[^\"]*\"\n", r"\g<0>\1  press: enter\n"),
    _each("what a step doesn't have", r"^( +)(- press: .*)\n", r"\1\2\n\1  into: Field\n"),
    _each("text left out", r', text: "[^"]*"', ""),
    _each("a wrong choice", r"button: right", "button: rigth"),
    _each("too many", r"(count|down): \d+", r"\1: 9000"),
    _each("a region of two", r"\[10, 20, 40, 50\]", "[10, 20]"),
    # names
    _each(
        "a column that isn't there",
        r"\brow\.(number|customer|amount|note|order|due)",
        lambda match: f"row.{_swap(match[1])}",
    ),
    _each(
        "a variable that isn't there",
        r"\$\{(clerk|id|note|colour|till|shop|user|role)\b",
        lambda match: f"${{{match[1]}x",
    ),
    _each("a variable in a condition", r"(?<=> )(limit|day)$", lambda match: f"{match[1]}s"),
    _each("a filter that isn't there", r"\|(default|upper)\b", lambda match: f"|{_swap(match[1])}"),
    _each("${ isn't closed", r"(\$\{[a-z._]+)\}", r"\1"),
    _each("an expression that is none", r"^( +- when: row\.\w+) [=><]+", r"\1 is more than"),
    _each("${} in a condition", r"(?<=- when: )(row\.\w+)", r"${\1}"),
    _each(
        "the row outside of its loop",
        r"^  - (check: \{see: \"Dashboard\"\})",
        r'  - type: {into: "Search", text: "${row.number}"}',
    ),
    _at(
        _insert("used before it is read", r"- read: \{near", '- type: {into: "Search", text: "<${id}>"}'),
        "<${id}>",
    ),
    _at(
        _insert("used before it is asked", r"- ask:", '- type: {into: "Search", text: "<${answer}>"}'),
        "<${answer}>",
    ),
    _at(
        _each(
            "read only in some cases",
            r"^( +)- read: (\{near.*)\n",
            "\\1- when: row.amount > 5\n\\1  steps: [{read: \\2}]\n",
        ),
        "id != ''",
    ),
    _each("a key column that isn't there", r"\bkey: (number|order)", lambda match: f"key: {_swap(match[1])}"),
    _each("an output that isn't there", r"columns: \[(\w+)", lambda match: f"columns: [{_swap(match[1])}"),
    _each("a variable where none is filled in", r"press: (\w+)", r"press: ${clerk}"),
    _each("a default that isn't allowed", r"default: (Ann|cashier)", "default: Zoe"),
    # the order of steps
    _each(
        "a step that is never done", r"^( +)- (next_item|reject: .*)\n(?!\1-)", '\\g<0>\\1- click: "Never"\n'
    ),
    _each("a condition that never holds", r"when: (?:row|answer).*", "when: 1 > 2"),
    _each("a loop that never ends", r"while: \{.*\}", "while: true"),
    _each("once in retry", r"^( +)  - press: ctrl\+l$", r"\g<0>\n\1    once: true"),
    _each("once in while", r"^( +)- scroll: .*$", r"\g<0>\n\1  once: true"),
    _insert("next_item outside of a loop", r"- check: \{see: \"Dashboard\"\}", "- next_item"),
    _insert("reject outside of a loop", r"- for_each: row", '- reject: "no"'),
    _stays(
        "a consequence without once",
        r"^( +- click: \"(?:Send order|Delete old data)\"\n) +once: true\n",
        r"\1",
    ),
    _stays(
        "a consequence without then",
        r"^( +- click: \"(?:Send order|Delete old data)\"\n +once: true\n) +then:.*\n",
        r"\1",
    ),
    _stays("the data a second time", r"^  - for_each: colour\n    in:.*\n", "  - for_each: colour\n"),
    # secrets
    _each("a secret written out", r'"\{\{secret:erp-pin\}\}"', '"4711"'),
    _each(
        "a key written out",
        r'text: "\$\{(?:clerk|shop|id|colour)\}"',
        'text: "ghp_abcdefghijklmnopqrstuvwxyz0123456789"',
    ),
    _each("a secret that isn't listed", r"\{\{secret:([a-z]+)-", r"{{secret:\1x-"),
    _each("a secret that isn't used", r"secrets: \[", "secrets: [other, "),
    _each("a secret that is almost one", r"\{\{secret:([a-z-]+)\}\}", r"{{ secret: \1 }}"),
    _each("a secret where it can't be", r'- reject: "', '- reject: "{{secret:erp-pin}} '),
    # files and keys
    _each("a flow that isn't there", r"login\.flow\.yaml", "logn.flow.yaml"),
    _each("a variable that the flow hasn't", r"(with: \{user: [^,]+), role", r"\1, rolle"),
    _each("a variable that the flow needs", r"(with: \{)user: [^,]+, ", r"\1"),
    _each("a value that the flow refuses", r"role: (?:admin|cashier)\}", "role: king}"),
    _each("a file outside", r"(file: )(done\.csv|sent\.jsonl)", r"\1../\2"),
    _each("an absolute file", r"(file: )\"labels/", r'\1"/labels/'),
    _each("a file of no kind", r"(done|sent)\.(csv|jsonl)", r"\1.pdf"),
    _each(
        "data that isn't there", r"file: (invoices|orders)\.csv", lambda match: f"file: {_swap(match[1])}.csv"
    ),
    _each("a picture that isn't there", r"gear\.png", "gaer.png"),
    _each("a key that isn't there", r"press: (esc|f5|ctrl\+l)", lambda match: f"press: {match[1]}x"),
    _each("a key that can't be held", r"keys: ctrl", "keys: enter"),
    _each("a pattern that can't be read", r"ID-\(", "ID-(("),
    _each("other words for nothing", r'^  "New invoice":', '  "Nwe invoice":'),
    # evidence
    _of_lock("no evidence", r"near: \"Customer\"\}$", _without("near Customer")),
    _of_lock("no evidence", r"near: \"Sound\"", _without("near Sound")),
    _of_lock("no evidence", r"region:", _without("corner")),
    _of_lock("no evidence", r"id: menu-orders", _without("menu-orders")),
    _each("one id for two", r"(- click: \"Send order\"|- click: \"Save\")", _with_id),
    _each("a text that is cut", r"(into|hover|click): \"(\w[\w ]*)\"$", r"\1: \2 #5"),
    _of_lock("its picture is gone", r"click: \"Save\"", _no_picture("Save")),
    _of_lock("its picture is gone", r"into: \"PIN\"", _no_picture("PIN")),
    _of_lock("its picture is gone", r"text: \"Orders\"", _no_picture("menu-orders")),
    _of_lock("its picture is gone", r"from: \"Parcel\"", _no_picture("Parcel")),
    _of_lock("its picture is gone", r"region:", _no_picture("corner")),
    _of_lock("one place for two", r"click: \"Save\"", _like("Save", "New invoice")),
    _of_lock("one place for two", r"from: \"Parcel\"", _like("Van", "Parcel")),
    _of_lock("one place for two", r"region:", _like("corner", "near Sound")),
    _of_lock("look-alikes", r"click: \"New invoice\"", _doubled("New invoice")),
    _of_lock("look-alikes", r"click: \"Delete old data\"", _doubled("Delete old data")),
    _of_lock("outside of its picture", r"click: \"Save\"", _edited("Save", box=FrameBox(0, 0, 9999, 9))),
    _each("other words than then", r"text: \"Orders\"", 'text: "Bestellungen"'),
    _each("other words than then", r"text: \"Note\"", 'text: "Comment"'),
    _each("a check that held before", r"then: \{see: \"Dashboard\", within: 20s\}", 'then: {see: "Welcome"}'),
    _each("a check that held before", r"then: \{see: \"All orders\"", 'then: {see: "Customers"'),
    _each("a check that held before", r"then: \{see: \"Customer details\"", 'then: {see: "Customer"'),
    _each("a check that held before", r"then: \{see: \"Old data deleted\"", 'then: {gone: "Nothing"'),
    _each("a check that held before", r"then: \{gone: \"Parcel waits\"", 'then: {see: "Parcel waits"'),
)


def seeded(count: int, seed: int) -> list[Seeded]:
    """Return mistakes chosen by chance: as many of each kind as there are, at most, by turns."""
    chance = random.Random(seed)
    kinds: dict[str, list[Seeded]] = {}
    for change in CHANGES:
        for flow, text in FLOWS.items():
            for each in change(flow, text):
                if each.text != text or each.lock is not None:
                    kinds.setdefault(each.kind, []).append(each)
    for found_ones in kinds.values():
        chance.shuffle(found_ones)
    chosen: list[Seeded] = []
    while len(chosen) < count and any(kinds.values()):
        chosen += [left.pop() for left in kinds.values() if left]
    return chosen[:count]


def found(each: Seeded, folder: Path) -> tuple[bool, list[str]]:
    """Put a mistake into the flows of a folder, check its flow, and take it out again.

    Returns:
        Whether a message names its line, and all messages.
    """
    path = folder / f"{each.flow}.flow.yaml"
    path.write_text(each.text, encoding="utf-8")
    lock = lock_folder(path) / "lock.json"
    before = lock.read_bytes() if lock.exists() else b""
    try:
        if each.lock is not None:
            lock.write_text(each.lock(Lock.load(lock.parent)).model_dump_json(), encoding="utf-8")
        mistakes = check(path)
    finally:
        path.write_text(FLOWS[each.flow], encoding="utf-8")
        if before:
            lock.write_bytes(before)
    return any(one.path == path and one.line == each.line for one in mistakes), [str(one) for one in mistakes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mistakes", type=int, default=200)
    parser.add_argument(
        "--missed", action="store_true", help="show those that weren't found, with all messages"
    )
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        write(folder)
        false = [str(one) for name in FLOWS for one in check(folder / f"{name}.flow.yaml")]
        chosen = seeded(options.mistakes, options.seed)
        right, more, missed = 0, 0, Counter[str]()
        for each in chosen:
            is_found, said = found(each, folder)
            right += is_found
            more += max(0, len(said) - 1)
            if not is_found:
                missed[each.kind] += 1
                if options.missed:
                    line = each.text.splitlines()[each.line - 1]
                    print(f"\n{each.kind} in {each.flow}, line {each.line}: {line}")
                    print(*(f"    {one}" for one in said or ["nothing was said"]), sep="\n")
    finally:
        shutil.rmtree(folder)
    print(f"\n{len(chosen)} mistakes of {len({each.kind for each in chosen})} kinds: "
          f"{right} found with the right line ({right / len(chosen):.1%})")  # fmt: skip
    print(f"{more / len(chosen):.2f} other messages a mistake; {len(false)} over flows without one")
    print(*false, sep="\n")
    for kind, count in missed.most_common():
        print(f"  missed {count}: {kind}")


if __name__ == "__main__":
    main()
