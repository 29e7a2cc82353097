"""GGUF files from the Hugging Face hub: the right two of a repository, resumed if broken off, and checked."""

import hashlib
import logging
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.choice.ggufs import PART, quantisation_of
from qvl_agent.agent.models.llama.files import INSTALL, GgufFiles, is_gguf, is_tower

__all__ = ["fetch"]

_log = logging.getLogger(__name__)

_TOWERS: Final = ("F16", "BF16", "Q8_0", "F32")
"""The precisions of a vision tower, the best first: clicking needs fine detail, and it is small."""


def fetch(repository: str, quantisation: str) -> GgufFiles:
    """Download a model and its vision tower into the hub's cache, and check what came.

    What was broken off goes on where it was; what is there already isn't fetched again.

    Args:
        repository: the hub id.
        quantisation: of the model's file, such as "Q4_K_M".

    Raises:
        ModelError: the hub can't be reached, has no such files, or what came isn't what it has.
    """
    hub = _hub()
    try:
        listed = hub.HfApi().model_info(repository, files_metadata=True).siblings or []
    except _failures(hub) as error:
        raise ModelError(
            f"can't ask the Hugging Face hub about {repository} ({_first_line(error)}); check the network, "
            "or give a .gguf file"
        ) from error
    sums = {one.rfilename: one.lfs.sha256 for one in listed if one.lfs is not None}
    names = [one.rfilename for one in listed if is_gguf(one.rfilename)]
    model, tower = _model_of(names, repository, quantisation), _tower_of(names, repository)
    paths = {}
    for name in (*_parts(model, names), tower):
        try:
            paths[name] = Path(hub.hf_hub_download(repository, name))
        except _failures(hub) as error:
            raise ModelError(
                f"the download of {name} from {repository} broke off: {_first_line(error)}; start it again, "
                "and it goes on where it was"
            ) from error
        _check(paths[name], sums.get(name))
    return GgufFiles(paths[model], paths[tower])


def _hub() -> Any:
    try:
        import huggingface_hub  # noqa: PLC0415 - an extra
        import huggingface_hub.errors  # noqa: PLC0415
    except ImportError:
        raise ModelError(f"a download needs huggingface_hub; {INSTALL}") from None
    return huggingface_hub


def _failures(hub: Any) -> tuple[type[Exception], ...]:
    """Return what the hub's client raises: its own errors, and those of the library that it asks by."""
    from httpx2 import HTTPError  # noqa: PLC0415 - heavy

    return (OSError, ValueError, hub.errors.HfHubHTTPError, HTTPError)


def _model_of(names: list[str], repository: str, quantisation: str) -> str:
    models = [name for name in names if not is_tower(name)]
    wanted = [name for name in models if quantisation_of(Path(name).name) == quantisation.upper()]
    if not wanted:
        there = sorted({quantisation_of(Path(name).name) for name in models} - {""})
        raise ModelError(
            f"{repository} has no {quantisation}; it has {', '.join(there) or 'no GGUF model'}: name one "
            f"behind a colon, as in {repository}:{there[0] if there else 'Q4_K_M'}"
        )
    return min(wanted)  # the first part of one that is split


def _parts(model: str, names: list[str]) -> list[str]:
    """Return the files of a model: all its parts, if it is split."""
    split = PART.search(model)
    if split is None:
        return [model]
    stem = model[: split.start()]
    return sorted(name for name in names if name.startswith(stem) and PART.search(name))


def _tower_of(names: list[str], repository: str) -> str:
    towers = {quantisation_of(Path(name).name): name for name in names if is_tower(name)}
    if not towers:
        raise ModelError(f"{repository} has no vision tower (mmproj*.gguf); take another repository")
    return next((towers[kind] for kind in _TOWERS if kind in towers), min(towers.values()))


def _check(path: Path, expected: str | None) -> None:
    """Compare a file with the hub's SHA-256; one that differs is removed, so that it is fetched anew.

    Raises:
        ModelError: it differs.
    """
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == expected:
        return
    blob = path.resolve()
    path.unlink()
    blob.unlink(missing_ok=True)
    _log.warning("%s has the SHA-256 %s, expected %s", path, found, expected)
    raise ModelError(f"{path.name} isn't what the hub has, and was removed; start the download again")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
