"""GGUF models on this machine: in the caches of Hugging Face, ModelScope, LM Studio and llama.cpp."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.models.choice.found import hugging_face_cache
from qvl_agent.agent.models.choice.presets import Size, is_qwen3_vl, size_in, thinks
from qvl_agent.agent.models.llama.files import GgufFiles, check, is_tower, vision_tower

__all__ = ["PART", "CachedGguf", "cached_ggufs", "quantisation_of"]

_QUANTISATION: Final = re.compile(r"(?<![A-Z0-9])(I?Q\d(?:_[A-Z0-9]+)*|BF16|F16|F32|MXFP4)(?![A-Z0-9])")
PART: Final = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
_FLAT: Final = re.compile(r"(.+?-GGUF)_", re.IGNORECASE)
"""llama.cpp keeps all files in one folder, named OWNER_REPOSITORY_FILE."""


@dataclass(frozen=True, slots=True)
class CachedGguf:
    """A model on the disk, with its vision tower.

    Attributes:
        name: its file's name, without the suffix.
        cache: whose cache it lies in.
        files: both files.
        size: read from the name; None for a size that was never released.
        thinking, quantisation: read from the name.
        bytes: of both files, and of the further parts of a model that is split.
    """

    name: str
    cache: str
    files: GgufFiles
    size: Size | None
    thinking: bool
    quantisation: str
    bytes: int


def quantisation_of(name: str) -> str:
    """Return the quantisation in a file's name, such as "Q4_K_M"; "" if there is none."""
    found = _QUANTISATION.findall(name.upper())
    return found[-1] if found else ""


def cached_ggufs() -> tuple[CachedGguf, ...]:
    """Look into the caches for Qwen3-VL models that are whole: the larger first, then the more exact."""
    found = {
        one.files.model.resolve(): one
        for cache, towers, files in _places()
        for path in files
        if (one := _cached(cache, path, towers)) is not None
    }
    order = sorted(found.values(), key=lambda one: (-(one.size.parameters if one.size else 0), -one.bytes))
    return tuple(order)


def _cached(cache: str, path: Path, towers: list[Path]) -> CachedGguf | None:
    if is_tower(path.name) or not is_qwen3_vl(path.name):
        return None
    parts = _parts(path)
    if not parts:
        return None
    try:
        tower = vision_tower(str(path), str(towers[0]) if len(towers) == 1 else "")
        files = GgufFiles(path, Path(tower))
        check(files)
    except (ModelError, SettingsError):  # broken off, another kind of model, or nobody knows which tower
        return None
    name = path.stem
    total = files.bytes + sum(part.stat().st_size for part in parts[1:])
    return CachedGguf(name, cache, files, size_in(name), thinks(name), quantisation_of(name), total)


def _parts(path: Path) -> list[Path]:
    """Return all files of a model, the first one first; [] for one that isn't first, or if one is missing."""
    split = PART.search(path.name)
    if split is None:
        return [path]
    if int(split[1]) != 1:
        return []
    numbers = range(1, int(split[2]) + 1)
    parts = [path.with_name(PART.sub(f"-{each:05}-of-{split[2]}.gguf", path.name)) for each in numbers]
    return parts if all(part.exists() for part in parts) else []


def _places() -> Iterator[tuple[str, list[Path], list[Path]]]:
    """Yield whose cache it is, the vision towers that belong to some files, and those files."""
    folders: list[tuple[str, Iterable[Path]]] = [
        ("Hugging Face", (folder for _, _, folder in hugging_face_cache())),
        ("ModelScope", _below(_modelscope(), ("*/*", "models/*/*", "models/*--*/snapshots/*"))),
        ("LM Studio", _below(_lm_studio(), ("*/*",))),
    ]
    for cache, each in folders:
        for folder in each:
            files = sorted(folder.glob("*.gguf"))
            yield cache, [file for file in files if is_tower(file.name)], files
    for group in _flat(_llama_cpp()):
        yield "llama.cpp", [file for file in group if is_tower(file.name)], group


def _below(roots: Iterable[Path], patterns: Iterable[str]) -> Iterator[Path]:
    for root in roots:
        for pattern in patterns:
            yield from sorted(root.glob(f"{pattern}/"))


def _modelscope() -> tuple[Path, ...]:
    root = Path(os.environ.get("MODELSCOPE_CACHE") or "~/.cache/modelscope").expanduser()
    return root, root / "hub"


def _lm_studio() -> tuple[Path, ...]:
    home = Path.home()
    return home / ".lmstudio" / "models", home / ".cache" / "lm-studio" / "models"


def _llama_cpp() -> Path:
    given = os.environ.get("LLAMA_CACHE")
    return Path(given).expanduser() if given else user_cache_path("llama.cpp", appauthor=False)


def _flat(folder: Path) -> Iterator[list[Path]]:
    """Yield the files of each repository that lie in one folder."""
    groups: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.gguf")):
        if named := _FLAT.match(file.name):
            groups.setdefault(named[1], []).append(file)
    yield from groups.values()
