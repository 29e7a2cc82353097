"""Who answers in the demo where no Qwen3-VL is configured: nano, or the oracle in its stead."""

from qvl_agent.agent.models.choice.auto import Checkpoint, Served, look_around
from qvl_agent.agent.registry.lookup import model_kind
from qvl_agent.agent.registry.models import AUTO, ORACLE
from qvl_agent.agent.registry.nano import NANO, lacking
from qvl_agent.agent.settings import Settings
from qvl_agent.sandbox import nano

__all__ = ["with_stand_in"]


def with_stand_in(settings: Settings) -> tuple[Settings, str]:
    """Name one of the program's own models where nobody named one and "auto" would find none.

    Nothing is downloaded, and none of them takes the place of a Qwen3-VL that is here.

    Returns:
        The settings to go on with; and a sentence to the person if nano can't answer, else "".
    """
    if model_kind(settings) is not AUTO or isinstance(look_around(offers=False), Served | Checkpoint):
        return settings, ""
    why = lacking(settings.dialect) if NANO.name == nano.DEMO_MODEL else ""
    chosen = ORACLE.name if why else nano.DEMO_MODEL
    return settings.model_copy(update={"model": chosen}), why and f"the oracle answers, as {why}"
