"""The kinds of model that are built in, and which of them answers in the demo."""

from typing import TYPE_CHECKING, Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent.models import Model
from qvl_agent.agent.registry.checkpoints import open_checkpoint
from qvl_agent.agent.registry.desktops import SANDBOX
from qvl_agent.agent.registry.ggufs import GGUF, open_files
from qvl_agent.agent.registry.kinds import ModelKind
from qvl_agent.agent.registry.nano import NANO, lacking
from qvl_agent.agent.registry.servers import SERVER, open_served
from qvl_agent.agent.settings import AUTO_NAMES, Settings
from qvl_agent.sandbox import nano

if TYPE_CHECKING:
    from qvl_agent.agent.models.choice.auto import ModelChooser

__all__ = ["AUTO", "MODELS", "ORACLE", "with_stand_in"]


def _open_oracle(settings: Settings, desktop: Desktop | None, _chooser: "ModelChooser") -> Model:
    from qvl_agent.sandbox.oracle import Oracle
    from qvl_agent.sandbox.session import SandboxDesktop

    if not isinstance(desktop, SandboxDesktop):  # it reads the widgets of this very class's sandbox
        raise SettingsError(ORACLE.elsewhere)
    return Oracle(desktop.sandbox, settings.dialect)


ORACLE: Final = ModelKind(
    name="oracle",
    usage="oracle, in the sandbox alone",
    claims=lambda settings: settings.model == "oracle" and not settings.server,
    open=_open_oracle,
    about="a stand-in that reads the application's widgets and answers in Qwen3-VL's format; "
    "it is no Qwen3-VL and works in the sandbox only",
    desktops=frozenset({SANDBOX.name}),
    elsewhere="the oracle reads a sandbox's widgets; use it with --desktop sandbox:chat",
    examine=lambda _settings: "the oracle answers in the sandbox alone; a real desktop needs a real Qwen3-VL",
    refuses_questions="the oracle knows its tasks and answers no questions; ask a Qwen3-VL",
    can_point=False,
    is_ours=True,
)


def _open_auto(settings: Settings, _desktop: Desktop | None, chooser: "ModelChooser") -> Model:
    from qvl_agent.agent.models.choice.auto import Checkpoint, Gguf, Offer, Served, look_around, nothing_here
    from qvl_agent.agent.models.choice.download import fetch

    match found := look_around():
        case Served():
            chooser.chosen(found.why)
            return open_served(settings, found.url, found.model)
        case Checkpoint():
            chooser.chosen(found.why)
            return open_checkpoint(settings, found.found.place, thinking=found.found.thinking)
        case Gguf():
            chooser.chosen(found.why)
            one = found.found
            return open_files(settings, one.files, one.name, thinking=one.thinking)
        case Offer(quantisation="") if chooser.download(found):
            return open_checkpoint(settings, found.hub_id)
        case Offer() if found.quantisation and chooser.download(found):
            files = fetch(found.hub_id, found.quantisation)
            return open_files(settings, files, files.model.stem)
        case _:
            raise nothing_here(found)


AUTO: Final = ModelKind(
    name="auto",
    usage="auto",
    claims=lambda settings: settings.model in AUTO_NAMES,
    open=_open_auto,
    can_point=False,
)

MODELS: Final = (SERVER, ORACLE, NANO, AUTO, GGUF)
"""In the order in which they are asked; after them come other packages' kinds, then checkpoints."""


def with_stand_in(settings: Settings) -> tuple[Settings, str]:
    """Name one of the program's own models where nobody named one and "auto" would find none.

    Nothing is downloaded, and none of them takes the place of a Qwen3-VL that is here.

    Returns:
        The settings to go on with; and a sentence to the person if nano can't answer, else "".
    """
    from qvl_agent.agent.models.choice.auto import Checkpoint, Gguf, Served, look_around

    if SERVER.claims(settings) or not AUTO.claims(settings):
        return settings, ""
    if isinstance(look_around(offers=False), Served | Checkpoint | Gguf):
        return settings, ""
    why = lacking(settings.dialect) if NANO.name == nano.DEMO_MODEL else ""
    chosen = ORACLE.name if why else nano.DEMO_MODEL
    return settings.model_copy(update={"model": chosen}), why and f"the oracle answers, as {why}"
