"""The training data on the disk: shards, and the list of words that are on the screens.

A shard is a zip file of at most 16 MB: PNG pictures, and episodes.jsonl with one run a line. Nothing in it
is ever run. It is written under another name and then renamed, so that what has its name is whole.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from qvl_agent.actions.core.errors import RecordingError, SettingsError
from qvl_agent.sandbox.apps.words import CITIES, GROUPS, PEOPLE, PROGRAMS
from qvl_agent.sandbox.nano.making.samples import Episode, Item, Question, Shot

__all__ = [
    "MESSAGES",
    "SHARD_BYTES",
    "is_named",
    "is_of_the_seed",
    "labels",
    "read",
    "read_shard",
    "shards",
    "write_shard",
]

SHARD_BYTES: Final = 12_000_000
"""A shard is closed when its pictures come to this; one more run fits below 16 MB."""
_LINES: Final = "episodes.jsonl"


MESSAGES: Final = "note/"
"""What the ids of a chat's messages begin with."""

_NAMES: Final = frozenset(
    name for group in (PEOPLE, GROUPS, CITIES, PROGRAMS) for both in group for name in both
) - {"Calendar", "日历"}  # the form has a button of that name

_DATA: Final = re.compile(r"@|\d{3}")
"""In an e-mail address, a telephone number, a date."""


class _Shot(BaseModel):
    model_config = ConfigDict(extra="forbid")

    picture: str
    items: tuple[Item, ...]
    questions: tuple[Question, ...]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")

    app: str
    task: str
    seed: int
    finished: bool
    slips: tuple[int, ...] = ()
    text: str
    shots: tuple[_Shot, ...]


def write_shard(path: Path, episodes: Iterable[Episode]) -> None:
    """Write runs to one file."""
    beside = path.with_suffix(".tmp")
    lines, count = list[str](), 0
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as shard:  # a PNG is compressed already
        for episode in episodes:
            shots = list[_Shot]()
            for shot in episode.shots:
                name, count = f"{count:05}.png", count + 1
                shard.writestr(name, shot.png)
                shots.append(_Shot(picture=name, items=shot.items, questions=shot.questions))
            line = _Line(
                app=episode.app,
                task=episode.task,
                seed=episode.seed,
                finished=episode.finished,
                slips=episode.slips,
                text=episode.text,
                shots=tuple(shots),
            )
            lines.append(line.model_dump_json() + "\n")
        shard.writestr(_LINES, "".join(lines), zipfile.ZIP_DEFLATED)
    beside.replace(path)


def read_shard(path: Path) -> Iterator[Episode]:
    """Read a shard's runs, their pictures as PNG.

    Raises:
        RecordingError: it isn't a whole shard.
    """
    try:
        with zipfile.ZipFile(path) as shard:
            for text in shard.read(_LINES).decode("utf-8").split("\n")[:-1]:
                line = _Line.model_validate_json(text)
                shots = tuple(Shot(shard.read(one.picture), one.items, one.questions) for one in line.shots)
                yield Episode(line.app, line.task, line.seed, line.text, shots, line.finished, line.slips)
    except (zipfile.BadZipFile, KeyError, ValidationError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())[:200]
        raise RecordingError(f"expected a shard of training data in {path} ({why}); delete it") from error


def shards(folder: Path) -> list[Path]:
    """List the shards in a folder."""
    return sorted(folder.glob("*.zip"))


def read(folder: Path) -> list[Episode]:
    """Read all runs in a folder into memory.

    Raises:
        SettingsError: there are none.
        RecordingError: a shard is broken.
    """
    found = [episode for path in shards(folder) for episode in read_shard(path)]
    if not found:
        raise SettingsError(
            f"expected training data in {folder}, found none; "
            f"python -m qvl_agent.sandbox.nano.making data {folder}"
        )
    return found


def labels(episodes: Sequence[Episode], least: int) -> dict[str, int]:
    """Number the application's own labels and values seen at least so often: the most frequent is 1."""
    seen = Counter[str]()
    for item in (item for episode in episodes for shot in episode.shots for item in shot.items):
        said = (item.label, str(item.state.get("value", "")))
        seen.update(text for text in said if text and not is_of_the_seed(text, item.id))
    return {text: rank for rank, (text, count) in enumerate(seen.most_common(), 1) if count >= least}


def is_named(label: str) -> bool:
    """Whether it has the name of a person, a group, a place or a program in it."""
    return any(name in label for name in _NAMES)


def is_of_the_seed(label: str, item_id: str) -> bool:
    """Whether it is a name, a message or the like, which a seed chose, and not the application's own.

    Args:
        label: what a widget is called, or what it holds.
        item_id: the widget's id.
    """
    return item_id.startswith(MESSAGES) or is_named(label) or _DATA.search(label) is not None
