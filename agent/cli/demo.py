"""The model that answers in the demo where no Qwen3-VL is configured: nano, or the oracle in its place."""

from qvl_agent.agent.models.choice.auto import Checkpoint, Served, look_around
from qvl_agent.agent.registry.lookup import model_kind
from qvl_agent.agent.registry.models import AUTO, ORACLE
from qvl_agent.agent.registry.nano import NANO, lacking
from qvl_agent.agent.settings import Settings
from qvl_agent.sandbox import nano

__all__ = ["with_stand_in"]


def with_stand_in(settings: Settings) -> tuple[Settings, str]:
    """Choose one of the program's own models, if the settings name none and "auto" would find none.

    Nothing is downloaded, and a Qwen3-VL that is on this machine is never replaced.

    Returns:
        The settings to use; and a sentence for the person if nano can't answer, else "".
    """
    if model_kind(settings) is not AUTO or isinstance(look_around(offers=False), Served | Checkpoint):
        return settings, ""
    why = lacking(settings.dialect) if NANO.name == nano.DEMO_MODEL else ""
    chosen = ORACLE.name if why else nano.DEMO_MODEL
    return settings.model_copy(update={"model": chosen}), why and f"the oracle answers, as {why}"
