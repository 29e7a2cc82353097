"""The training data on the disk: write and read shards; and tell an application's own labels from names.

A shard is a zip file of at most 16 MB: PNG pictures, and episodes.jsonl with one run a line. Nothing in it
is ever executed. It is written under another name and then renamed, so that a *.zip is always complete.
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
    "MESSAGE_ID_PREFIX",
    "SHARD_BYTES",
    "has_a_name",
    "is_seeded",
    "number_labels",
    "read_folder",
    "read_shard",
    "shard_paths",
    "write_shard",
]

SHARD_BYTES: Final = 12_000_000
"""A shard is closed when its pictures have this size; one more run fits below 16 MB."""
MESSAGE_ID_PREFIX: Final = "note/"
"""The ids of a chat's messages start with this."""
_LINES_NAME: Final = "episodes.jsonl"
_NAMES: Final = frozenset(
    name for group in (PEOPLE, GROUPS, CITIES, PROGRAMS) for both in group for name in both
) - {"Calendar", "日历"}  # the form has a button of that name
_SEEDED_DATA: Final = re.compile(r"@|\d{3}")
"""Matches in an e-mail address, a telephone number or a date."""


def write_shard(path: Path, episodes: Iterable[Episode]) -> None:
    """Write runs to one shard."""
    draft = path.with_suffix(".tmp")
    lines, count = list[str](), 0
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as shard:  # a PNG is compressed already
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
        shard.writestr(_LINES_NAME, "".join(lines), zipfile.ZIP_DEFLATED)
    draft.replace(path)


def read_shard(path: Path) -> Iterator[Episode]:
    """Yield a shard's runs, with their pictures as PNG.

    Raises:
        RecordingError: The file isn't a complete shard.
    """
    try:
        with zipfile.ZipFile(path) as shard:
            for text in shard.read(_LINES_NAME).decode("utf-8").split("\n")[:-1]:
                line = _Line.model_validate_json(text)
                shots = tuple(Shot(shard.read(one.picture), one.items, one.questions) for one in line.shots)
                yield Episode(line.app, line.task, line.seed, line.text, shots, line.finished, line.slips)
    except (zipfile.BadZipFile, KeyError, ValidationError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())[:200]
        raise RecordingError(f"expected a shard of training data in {path} ({why}); delete it") from error


def shard_paths(folder: Path) -> list[Path]:
    """Return the paths of the shards in a folder, sorted."""
    return sorted(folder.glob("*.zip"))


def read_folder(folder: Path) -> list[Episode]:
    """Read all runs in a folder into memory.

    Raises:
        SettingsError: There are none.
        RecordingError: A shard is broken.
    """
    found = [episode for path in shard_paths(folder) for episode in read_shard(path)]
    if not found:
        raise SettingsError(
            f"expected training data in {folder}, found none; "
            f"python -m qvl_agent.sandbox.nano.making data {folder}"
        )
    return found


def number_labels(episodes: Sequence[Episode], least: int) -> dict[str, int]:
    """Number the applications' own labels and values seen at least `least` times, the most frequent as 1."""
    seen = Counter[str]()
    for item in (item for episode in episodes for shot in episode.shots for item in shot.items):
        said = (item.label, str(item.state.get("value", "")))
        seen.update(text for text in said if text and not is_seeded(text, item.id))
    return {text: rank for rank, (text, count) in enumerate(seen.most_common(), 1) if count >= least}


def has_a_name(label: str) -> bool:
    """Whether a label contains the name of a person, a group, a city or a program."""
    return any(name in label for name in _NAMES)


def is_seeded(label: str, item_id: str) -> bool:
    """Whether a label was chosen by a seed (a name, a message, a date), and isn't the application's own.

    Args:
        label: A widget's label or value.
        item_id: The widget's id.
    """
    return (
        item_id.startswith(MESSAGE_ID_PREFIX) or has_a_name(label) or _SEEDED_DATA.search(label) is not None
    )


class _Shot(BaseModel):
    """A `Shot` in episodes.jsonl; `picture` is the name of its PNG in the shard."""

    model_config = ConfigDict(extra="forbid")

    picture: str
    items: tuple[Item, ...]
    questions: tuple[Question, ...]


class _Line(BaseModel):
    """A line of episodes.jsonl: an `Episode`."""

    model_config = ConfigDict(extra="forbid")

    app: str
    task: str
    seed: int
    finished: bool
    slips: tuple[int, ...] = ()
    text: str
    shots: tuple[_Shot, ...]
