"""GGUF models, by llama.cpp in this program: a file, the hub id of such files, or a short name."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.choice.presets import Preset, find_preset, sampling, thinks
from qvl_agent.agent.models.llama.files import (
    INSTALL,
    GgufFiles,
    gguf_repository,
    is_gguf,
    is_gguf_repository,
    vision_tower,
)
from qvl_agent.agent.registry.checkpoints import reply_limit
from qvl_agent.agent.registry.kinds import ModelKind
from qvl_agent.agent.settings import Settings

if TYPE_CHECKING:
    from qvl_agent.agent.models.choice.auto import ModelChooser
    from qvl_agent.agent.models.choice.ggufs import CachedGguf

__all__ = ["GGUF", "open_files"]

_GIB: Final = 2**30
_USUAL: Final = "Q4_K_M"


def _claims(settings: Settings) -> bool:
    """Take GGUF files however they are named, and a short name if llama.cpp is to run it."""
    name = settings.model
    if settings.server:
        return False
    if is_gguf(name) or is_gguf_repository(name):
        return True
    preset = find_preset(name)
    return preset is not None and (preset.is_gguf or _is_for_llama(preset))


def _is_for_llama(preset: Preset) -> bool:
    """Return whether a short name that may mean both is a GGUF file's here.

    It is one if transformers isn't installed, or if that file is here and the checkpoint isn't.
    """
    from qvl_agent.agent.models.choice.found import on_disk
    from qvl_agent.agent.models.llama.engine import is_installed

    if preset.weights != "bfloat16" or not is_installed():
        return False
    if not (find_spec("torch") and find_spec("transformers")):
        return True
    return bool(_suited(preset)) and on_disk(preset.hub_id) is None


def _suited(preset: Preset) -> "list[CachedGguf]":
    """Return the files of a preset's model that are here, the usual quantisation first."""
    from qvl_agent.agent.models.choice.ggufs import cached_ggufs

    found = [one for one in cached_ggufs() if (one.size, one.thinking) == (preset.size, preset.thinking)]
    if preset.is_gguf:
        found = [one for one in found if one.quantisation == preset.quantisation]
    return sorted(found, key=lambda one: one.quantisation != _USUAL)


def _open(settings: Settings, _desktop: Desktop | None, chooser: "ModelChooser") -> Model:
    from qvl_agent.agent.models.choice.auto import named, nothing_here
    from qvl_agent.agent.models.choice.download import fetch

    preset = find_preset(settings.model)
    if preset and "max_picture_tokens" not in settings.model_fields_set:
        settings = settings.model_copy(update={"max_picture_tokens": preset.picture_tokens})
    files, name = _here(settings, preset)
    if files is None:
        repository, quantisation = _repository(settings.model, preset)
        wanted = _as_gguf(preset) if preset else None
        offer = named(f"{repository}:{quantisation}", wanted)
        if not chooser.download(offer):
            raise nothing_here(offer)
        files = fetch(repository, quantisation)
        name = files.model.stem
    return open_files(settings, files, name, thinking=preset.thinking if preset else thinks(name))


def open_files(settings: Settings, files: GgufFiles, name: str, *, thinking: bool = False) -> Model:
    """Open a model's files; the engine starts at once."""
    from qvl_agent.agent.models.llama.model import REPLY_S, LlamaModel

    released = sampling(thinking=thinking)
    sampled = {"top_p": released.top_p, "top_k": released.top_k} if settings.temperature > 0 else None
    return LlamaModel(
        files,
        name,
        max_picture_tokens=settings.max_picture_tokens,
        max_new_tokens=reply_limit(settings, thinking=thinking),
        temperature=settings.temperature,
        timeout_s=settings.timeout if "timeout" in settings.model_fields_set else REPLY_S,
        extra=sampled,
    )


def _here(settings: Settings, preset: Preset | None) -> tuple[GgufFiles | None, str]:
    """Return the files that the settings name, and what they are called; None if they have to be fetched.

    Raises:
        SettingsError: a file that is named isn't there, or has no vision tower.
    """
    from qvl_agent.agent.models.choice.ggufs import cached_ggufs

    if is_gguf(settings.model):
        model = str(Path(settings.model).expanduser())
        tower = str(Path(settings.mmproj).expanduser()) if settings.mmproj else ""
        return GgufFiles(Path(model), Path(vision_tower(model, tower))), Path(model).stem
    if preset is not None:
        suited = _suited(preset)
        return (suited[0].files, suited[0].name) if suited else (None, "")
    repository, quantisation = gguf_repository(settings.model, _USUAL)
    owner, _, wanted = repository.partition("/")
    for one in cached_ggufs():
        path = str(one.files.model)
        if one.quantisation == quantisation.upper() and owner in path and wanted in path:
            return one.files, one.name
    return None, ""


def _repository(model: str, preset: Preset | None) -> tuple[str, str]:
    if preset is None:
        return gguf_repository(model, _USUAL)
    as_gguf = _as_gguf(preset)
    return as_gguf.hub_id, as_gguf.quantisation


def _as_gguf(preset: Preset) -> Preset:
    """Return the preset of the same model's GGUF files in 4 bits, or of the quantisation that was named."""
    if preset.is_gguf:
        return preset
    found = find_preset(f"{preset.name}-q4")
    if found is None:
        raise AssertionError("every size has GGUF files")
    return found


def _examine(settings: Settings) -> str:
    from qvl_agent.agent.models.llama.engine import is_installed
    from qvl_agent.agent.models.llama.files import check

    if not is_installed():
        raise ModelError(f"{settings.model} needs llama.cpp; {INSTALL}")
    files, name = _here(settings, find_preset(settings.model))
    if files is None:
        raise ModelError(f"{settings.model} isn't on this machine; the first run offers to download it")
    check(files)
    return f"{files.model}: {name}, {files.bytes / _GIB:.1f} GiB, by llama.cpp"


GGUF: Final = ModelKind(
    name="gguf",
    usage="a .gguf file, its hub id such as Qwen/Qwen3-VL-4B-Instruct-GGUF:Q4_K_M, or 4b-q4",
    claims=_claims,
    open=_open,
    examine=_examine,
)
"""Runs in a process of its own on this machine, by llama.cpp."""
