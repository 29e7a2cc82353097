"""`--model nano`: the small Qwen3-VL trained on the sandbox, what it needs, and where it may be used."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.llama.files import INSTALL
from qvl_agent.agent.paths import cache_folder
from qvl_agent.agent.registry.checkpoints import open_checkpoint
from qvl_agent.agent.registry.desktops import SANDBOX
from qvl_agent.agent.registry.ggufs import open_files
from qvl_agent.agent.registry.kinds import ModelKind
from qvl_agent.agent.settings import Settings
from qvl_agent.sandbox import nano

if TYPE_CHECKING:
    from qvl_agent.agent.models.choice.auto import ModelChooser

__all__ = ["NANO", "in_megabytes", "lacking"]

_NAME: Final = "nano"
_SUITED: Final = {
    "max_picture_tokens": nano.PICTURE_TOKENS,
    "max_reply_tokens": nano.REPLY_TOKENS,
    "look_closer": "never",
    "verify": "checker",
}
"""As `benchmarks/nano.py` measures it. It was taught to act, over whole screens of one size: it says nothing
about a close-up, and whether the task is done is the checker's to say."""


def _adapt(settings: Settings) -> Settings:
    """Fill in what nano needs where the person set nothing.

    Raises:
        SettingsError: it is to answer in a dialect that it never learned.
    """
    if settings.dialect != nano.DIALECT:
        raise SettingsError(_other_dialect(settings.dialect))
    missing = {name: value for name, value in _SUITED.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=missing)


def _open(settings: Settings, _desktop: Desktop | None, _chooser: "ModelChooser") -> Model:
    if why := lacking(settings.dialect):
        raise ModelError(why)
    adapted = _adapt(settings)
    if _by_transformers(settings):
        return open_checkpoint(adapted, str(nano.CHECKPOINT), called=_NAME)
    from qvl_agent.agent.models.llama.convert import converted

    return open_files(adapted, converted(nano.CHECKPOINT, cache_folder(), _NAME), _NAME)


def _examine(_settings: Settings) -> str:
    if why := lacking():
        raise ModelError(why)
    return "nano acts in the sandbox alone; a real desktop needs a real Qwen3-VL"


def lacking(dialect: str = nano.DIALECT) -> str:
    """Say why nano can't answer here in this dialect, with the remedy; "" if it can."""
    if dialect != nano.DIALECT:
        return _other_dialect(dialect)
    if not _is_here():
        return _missing()
    if not (_has_llama() or _has_transformers()):
        return f"nano needs llama.cpp; {INSTALL}"
    return ""


def _by_transformers(settings: Settings) -> bool:
    """Return whether transformers runs it: where llama.cpp isn't here, or for what only transformers has."""
    theirs = {"device", "device_map", "dtype", "quantize", "attention", "adapter"} & settings.model_fields_set
    return _has_transformers() and (bool(theirs) or not _has_llama())


def _has_llama() -> bool:
    return all(map(find_spec, ("xllamacpp", "gguf", "safetensors")))


def _has_transformers() -> bool:
    return all(map(find_spec, ("torch", "transformers")))


def in_megabytes() -> float:
    """Measure the weights, in 10^6 bytes."""
    return sum(file.stat().st_size for file in nano.CHECKPOINT.glob("*.safetensors")) / 1e6


def _is_here() -> bool:
    return (nano.CHECKPOINT / "config.json").is_file()


def _other_dialect(dialect: str) -> str:
    return f"nano answers in the dialect {nano.DIALECT} alone, not in {dialect}"


def _missing() -> str:
    return f"this installation lacks nano's checkpoint in {nano.CHECKPOINT}; install qvl-agent again"


NANO: Final = ModelKind(
    name=_NAME,
    usage="nano, in the sandbox alone",
    claims=lambda settings: settings.model == _NAME and not settings.server,
    open=_open,
    about="a small Qwen3-VL of our own; it knows the sandbox alone, and a real desktop needs a real Qwen3-VL",
    desktops=frozenset({SANDBOX.name}),
    elsewhere="nano is for the sandbox (qvl-agent demo --model nano, or --desktop sandbox:chat) and has seen "
    "nothing else; a real desktop needs a real Qwen3-VL, such as --model 2b",
    adapt=_adapt,
    examine=_examine,
    refuses_questions="nano acts in the sandbox and answers no questions; "
    "ask a real Qwen3-VL, such as --model 2b",
    can_point=False,
    is_ours=True,
)
