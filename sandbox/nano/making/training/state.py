"""The state of a training on the disk, in files of at most 16 MB, so that it can be continued anywhere.

state.json holds the notes, and which safetensors file holds which tensor. It is replaced last and atomically:
a process that dies while it saves leaves the previous state.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from qvl_agent.actions.core.errors import RecordingError, SettingsError

__all__ = ["FILE_BYTES", "State", "is_state", "load_state", "save_state"]

FILE_BYTES: Final = 15_000_000
"""The size of a safetensors file, unless a single tensor is larger."""
_INDEX: Final = "state.json"


@dataclass(frozen=True, slots=True)
class State:
    """What is saved of a training.

    Attributes:
        tensors: The tensors, by name.
        notes: Values that JSON can hold.
    """

    tensors: Mapping[str, Tensor]
    notes: Mapping[str, Any]

    def with_prefix(self, start: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with `start`, by the rest of their names."""
        return {
            name.removeprefix(start): part for name, part in self.tensors.items() if name.startswith(start)
        }


def is_state(folder: Path) -> bool:
    """Whether a folder holds a state."""
    return (folder / _INDEX).is_file()


def save_state(folder: Path, state: State) -> None:
    """Write a state to a folder, in place of the one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    old = set(folder.glob("*.safetensors"))
    names = (
        f"{number:05}.safetensors" for number in count() if folder / f"{number:05}.safetensors" not in old
    )
    files = dict[str, list[str]]()
    for part in _parts(state.tensors):
        name = next(names)
        save_file({key: state.tensors[key].detach().cpu().contiguous() for key in part}, folder / name)
        files[name] = part
    draft = folder / f"{_INDEX}.tmp"
    draft.write_text(json.dumps({"notes": state.notes, "files": files}, ensure_ascii=False), "utf-8")
    draft.replace(folder / _INDEX)
    for path in old:
        path.unlink()


def load_state(folder: Path) -> State:
    """Read a state, its tensors on the CPU.

    Raises:
        SettingsError: There is none.
        RecordingError: It is broken.
    """
    if not is_state(folder):
        raise SettingsError(f"expected a training's state in {folder}, found none; name the --state of one")
    try:
        index = json.loads((folder / _INDEX).read_text("utf-8"))
        tensors = dict[str, Tensor]()
        for name, keys in index["files"].items():
            loaded = load_file(folder / name)
            tensors |= {key: loaded[key] for key in keys}
        return State(tensors, index["notes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        why = " ".join(str(error).split())[:200]
        raise RecordingError(
            f"expected a training's state in {folder} ({why}); copy all of it again"
        ) from error


def _parts(tensors: Mapping[str, Tensor]) -> list[list[str]]:
    """Return the names of the tensors of each file."""
    parts, size = list[list[str]](), FILE_BYTES
    for name, tensor in tensors.items():
        if size + tensor.nbytes > FILE_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(name)
        size += tensor.nbytes
    return parts
