"""GGUF files: what a name means, what a file holds, and the vision tower that belongs to a model.

A model is two files: the language model, and the vision tower, which llama.cpp calls the multimodal projector
("mmproj"). A hub id may have a quantisation behind a colon, as llama.cpp takes it:
Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3 of the format.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from qvl_agent.actions.core.errors import ModelError, SettingsError

__all__ = [
    "INSTALL",
    "GgufFiles",
    "architecture",
    "check",
    "gguf_repository",
    "is_gguf",
    "is_gguf_repository",
    "is_tower",
    "vision_tower",
]

INSTALL: Final = "pip install 'qvl-agent[llama]'"
ARCHITECTURES: Final = frozenset({"qwen3vl", "qwen3vlmoe"})
"""llama.cpp's names of the dense and the mixture-of-experts Qwen3-VL."""
_TOWER: Final = "clip"
"""The architecture that llama.cpp gives every vision tower."""
_MAGIC: Final = b"GGUF"
_LOOKED_AT: Final = 64
"""The most entries of a header that are looked through; the architecture is the first by convention."""
_LONGEST: Final = 4096
"""The most bytes of a key or a value that is read as a text."""
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each type of number in the header, by its id."""
_STRING: Final = 8
_HUB_ID: Final = re.compile(r"([\w-][\w.-]*/[\w-][\w.-]*)(?::([\w.-]*))?")
_GGUF: Final = re.compile(r"(?<![a-z])gguf(?![a-z])", re.IGNORECASE)
_RELEASED_FP8: Final = re.compile(r"(Qwen/.+)-FP8", re.IGNORECASE)
"""Qwen releases GGUF files beside each checkpoint, but none beside its FP8 form."""
_FOREIGN: Final = re.compile(
    r"(?<![a-z0-9])(awq|gptq|fp8|nvfp4|mxfp4|bnb|mlx|exl[23]|hqq|autoround|onnx|openvino|w\d+a\d+|int[48]|[48]-?bit)"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
"""Forms of weights that llama.cpp can't load, as the names of repositories have them."""


@dataclass(frozen=True, slots=True)
class GgufFiles:
    """The two files of a model."""

    model: Path
    mmproj: Path

    @property
    def bytes(self) -> int:
        """Return the size of both together."""
        return sum(file.stat().st_size for file in (self.model, self.mmproj))


def is_gguf(model: str) -> bool:
    """Return whether a model is given as a GGUF file."""
    return model.lower().endswith(".gguf")


def is_tower(path: str) -> bool:
    """Return whether a file's name is that of a vision tower."""
    return is_gguf(path) and "mmproj" in Path(path).name.lower()


def vision_tower(model: str, mmproj: str) -> str:
    """Return the vision tower's file: the one that is named, or the only one beside the model's file.

    Of several beside it, the one of 16 bits is taken: they are one tower in several precisions.

    Raises:
        SettingsError: there is none, or nobody can tell which one it is.
    """
    if mmproj:
        return mmproj
    if not Path(model).exists():
        raise SettingsError(f"there is no {model}; give a .gguf file, a short name or a hub id")
    beside = sorted(str(file) for file in Path(model).parent.iterdir() if is_tower(file.name))
    exact = [file for file in beside if re.search(r"(?<![a-z])f16(?!\d)", Path(file).name, re.IGNORECASE)]
    if len(beside) != 1 and len(exact) != 1:
        raise SettingsError(
            f"expected one mmproj*.gguf (the vision tower) beside {model}, found {len(beside)}; "
            "name it with --mmproj"
        )
    return (exact or beside)[0]


def check(files: GgufFiles) -> None:
    """Refuse files that hold no Qwen3-VL, before an engine is started.

    Raises:
        ModelError: one of them isn't there, is no GGUF file, or holds something else.
    """
    found = architecture(files.model)
    if found == _TOWER:
        raise ModelError(
            f"{files.model} is a vision tower, not the model; give the model's .gguf file with --model, and "
            "this one with --mmproj"
        )
    if found not in ARCHITECTURES:
        raise ModelError(
            f"{files.model} holds a {found or 'nameless'} model, not a Qwen3-VL; take another one, such as "
            "Qwen/Qwen3-VL-4B-Instruct-GGUF"
        )
    if (tower := architecture(files.mmproj)) != _TOWER:
        raise ModelError(
            f"{files.mmproj} holds a {tower or 'nameless'} model, not a vision tower; give the model's own "
            "mmproj*.gguf with --mmproj"
        )


def architecture(path: Path) -> str:
    """Read what kind of model a GGUF file holds: "qwen3vl", "clip" for a vision tower, "" if it isn't said.

    Raises:
        ModelError: there is no such file, or it is no GGUF file.
    """
    try:
        with path.open("rb") as file:
            return _architecture(file)
    except OSError as error:
        raise ModelError(f"can't read {path}: {error.strerror}; name another file") from error
    except (struct.error, EOFError):
        raise ModelError(f"{path} is incomplete; download it again") from None
    except ValueError as error:
        raise ModelError(f"{path} is no GGUF file ({error}); download it again, or name another") from None


def _architecture(file: BinaryIO) -> str:
    if (magic := _read(file, 4)) != _MAGIC:
        raise ValueError(f"it begins with {magic!r}")
    version, _tensors, entries = struct.unpack("<IQQ", _read(file, 20))
    if not 2 <= version <= 3:
        raise ValueError(f"it is of version {version} of the format, and llama.cpp reads 2 and 3")
    for _ in range(min(entries, _LOOKED_AT)):
        key, kind = _text(file), struct.unpack("<I", _read(file, 4))[0]
        if kind == _STRING:
            value = _text(file)
            if key == "general.architecture":
                return value
        elif kind in _SIZES:
            _read(file, _SIZES[kind])
        else:
            break  # an array: what kind of model it is stands before all of them
    return ""


def _text(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", _read(file, 8))
    if length > _LONGEST:
        raise ValueError(f"a name in it has {length} bytes")
    return _read(file, length).decode("utf-8", "replace")


def _read(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise EOFError
    return found


def is_gguf_repository(model: str) -> bool:
    """Return whether a name is the hub id of GGUF files: it says so, or has a quantisation behind a colon."""
    named = None if Path(model).exists() else _HUB_ID.fullmatch(model)
    return bool(named and (_GGUF.search(named[1].split("/")[1]) or named[2] is not None))


def gguf_repository(model: str, quantisation: str) -> tuple[str, str]:
    """Return the hub id of a model's GGUF files, and the quantisation to take of them.

    Args:
        model: a hub id, of GGUF files or of the checkpoint that they were made of.
        quantisation: the one to take if the model names none.

    Raises:
        SettingsError: the model is a folder, no hub id, or of weights that llama.cpp can't load.
    """
    if Path(model).is_dir():
        raise SettingsError(
            f"llama.cpp needs GGUF files, and {model} is a checkpoint's folder; give a .gguf file, "
            "a short name or a hub id, or take --engine vllm"
        )
    if Path(model).exists():
        raise SettingsError(
            f"{model} is no .gguf file, and llama.cpp needs one; take --engine vllm for others"
        )
    named = _HUB_ID.fullmatch(model)
    if named is None:
        raise SettingsError(
            f"expected a .gguf file, a hub id such as Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0, or a short name "
            f"such as 8b, got {model}"
        )
    repository, quantisation = named[1], named[2] or quantisation
    if _GGUF.search(repository.split("/")[1]):
        return repository, quantisation
    if released := _RELEASED_FP8.fullmatch(repository):
        repository = released[1]
    if foreign := _FOREIGN.search(repository.split("/")[1]):
        raise SettingsError(
            f"llama.cpp can't load {model} ({foreign[1]} weights); take --engine vllm, or a repository of "
            "GGUF files, whose name ends in -GGUF"
        )
    return f"{repository}-GGUF", quantisation
