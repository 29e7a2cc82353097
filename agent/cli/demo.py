"""Who answers in the demo where no Qwen3-VL is configured: nano, or the oracle in its stead."""

from typing import Final

from qvl_agent.agent.models.choice.auto import Checkpoint, Served, look_around
from qvl_agent.agent.nano import NANO, lacking
from qvl_agent.agent.settings import Settings
from qvl_agent.sandbox import nano

__all__ = ["with_stand_in"]

_AUTO: Final = ("", "auto")
_ORACLE: Final = "oracle"


def with_stand_in(settings: Settings) -> tuple[Settings, str]:
    """Name one of the program's own models where nobody named one and "auto" would find none.

    Nothing is downloaded, and none of them takes the place of a Qwen3-VL that is here.

    Returns:
        The settings to go on with; and a sentence to the person if it can't be nano that answers, or "".
    """
    if settings.server or settings.model not in _AUTO:
        return settings, ""
    if isinstance(look_around(offers=False), Served | Checkpoint):
        return settings, ""
    why = lacking(settings.dialect) if nano.DEMO_MODEL == NANO else ""
    chosen = _ORACLE if why else nano.DEMO_MODEL
    return settings.model_copy(update={"model": chosen}), why and f"the oracle answers, as {why}"
