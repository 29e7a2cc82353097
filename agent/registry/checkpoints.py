"""Checkpoints that run in this program: by a short name, a hub id or a folder."""

from typing import TYPE_CHECKING, Final

from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.choice.presets import find_preset, reply_tokens, sampling, thinks
from qvl_agent.agent.registry.kinds import ModelKind
from qvl_agent.agent.settings import Settings

if TYPE_CHECKING:
    from qvl_agent.agent.models.choice.auto import ModelChooser

__all__ = ["CHECKPOINT", "open_checkpoint", "reply_limit"]

_GIB: Final = 2**30


def _open(settings: Settings, _desktop: Desktop | None, chooser: "ModelChooser") -> Model:
    """Open the checkpoint of a short name, a hub id or a folder; what isn't here is fetched if it may be."""
    from qvl_agent.agent.models.choice.auto import named, nothing_here
    from qvl_agent.agent.models.choice.found import on_disk

    preset = find_preset(settings.model)
    name = preset.hub_id if preset else settings.model
    four_bits = preset is not None and preset.weights == "4bit"
    thinking = preset.thinking if preset else thinks(name)
    if preset and "max_picture_tokens" not in settings.model_fields_set:
        settings = settings.model_copy(update={"max_picture_tokens": preset.picture_tokens})
    here = on_disk(name)
    if here is None:
        offer = named(name, preset)
        if not chooser.download(offer):
            raise nothing_here(offer)
    return open_checkpoint(settings, here or name, thinking=thinking, four_bits=four_bits)


def open_checkpoint(
    settings: Settings,
    place: str,
    *,
    thinking: bool = False,
    four_bits: bool = False,
    called: str = "",
) -> Model:
    """Open a checkpoint that is in `place`, a folder or a hub id; `called` is what the record calls it."""
    from qvl_agent.agent.models.checkpoint.model import TransformersModel
    from qvl_agent.agent.models.checkpoint.options import LoadOptions

    return TransformersModel(
        place,
        called=called,
        device=settings.device,
        dtype=settings.dtype,
        options=LoadOptions(
            four_bits=four_bits or settings.quantize == "4bit",
            adapter=settings.adapter,
            attention=settings.attention,
            device_map=settings.device_map,
        ),
        max_picture_tokens=settings.max_picture_tokens,
        max_new_tokens=reply_limit(settings, thinking=thinking),
        temperature=settings.temperature,
        top_p=sampling(thinking=thinking).top_p,
    )


def reply_limit(settings: Settings, *, thinking: bool) -> int:
    """Return the most tokens of a reply: what the person set, or what the kind of model needs."""
    given = "max_reply_tokens" in settings.model_fields_set
    return settings.max_reply_tokens if given else reply_tokens(thinking=thinking)


def _examine(settings: Settings) -> str:
    from qvl_agent.agent.models.checkpoint.files import check, find
    from qvl_agent.agent.models.choice.found import on_disk

    preset = find_preset(settings.model)
    name = preset.hub_id if preset else settings.model
    folder = find(on_disk(name) or name, local_files_only=True)
    config = check(folder)
    gib = sum(file.stat().st_size for file in folder.glob("*.safetensors")) / _GIB
    return f"{folder}: {config['model_type']}, {gib:.1f} GiB of weights"


CHECKPOINT: Final = ModelKind(
    name="checkpoint",
    usage="a short name such as 8b-fp8, a checkpoint's hub id or folder",
    claims=lambda _settings: True,
    open=_open,
    examine=_examine,
)
"""Takes every name that no other kind claims."""
