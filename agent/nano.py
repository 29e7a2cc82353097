"""`--model nano`: the small Qwen3-VL trained on the sandbox, what it needs, and where it may be used."""

from importlib.util import find_spec
from typing import Final

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.settings import Settings
from qvl_agent.sandbox import nano

__all__ = ["NANO", "in_megabytes", "is_nano", "lacking", "only_in_a_sandbox", "place", "suited"]

NANO: Final = "nano"
_SANDBOX: Final = "sandbox:"
_SUITED: Final = {
    "max_picture_tokens": nano.PICTURE_TOKENS,
    "max_reply_tokens": nano.REPLY_TOKENS,
    "look_closer": "never",
    "verify": "checker",
}
"""As `benchmarks/nano.py` measures it. It was taught to act, over whole screens of one size: it says nothing
about a close-up, and whether the task is done is the checker's to say."""


def is_nano(settings: Settings) -> bool:
    """Whether the settings name it; what a server calls nano is that server's own."""
    return settings.model == NANO and not settings.server


def suited(settings: Settings) -> Settings:
    """Fill in what nano needs where the person set nothing; with another model all stays as it is.

    Raises:
        SettingsError: it is to answer in a dialect that it never learned.
    """
    if not is_nano(settings):
        return settings
    if settings.dialect != nano.DIALECT:
        raise SettingsError(_other_dialect(settings.dialect))
    missing = {name: value for name, value in _SUITED.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=missing)


def only_in_a_sandbox(settings: Settings, desktop: str) -> None:
    """Refuse nano every desktop whose name isn't a sandbox's; another model may go anywhere.

    Raises:
        SettingsError: it is to act elsewhere.
    """
    if is_nano(settings) and not desktop.startswith(_SANDBOX):
        raise SettingsError(
            "nano is for the sandbox (qvl-agent demo --model nano, or --desktop sandbox:chat) and has seen "
            "nothing else; a real desktop needs a real Qwen3-VL, such as --model 2b"
        )


def place() -> str:
    """Say which folder to load.

    Raises:
        ModelError: this installation lacks it.
    """
    if not _is_here():
        raise ModelError(_missing())
    return str(nano.CHECKPOINT)


def lacking(dialect: str = nano.DIALECT) -> str:
    """Say why nano can't answer here in this dialect, with the remedy; "" if it can."""
    if dialect != nano.DIALECT:
        return _other_dialect(dialect)
    if not _is_here():
        return _missing()
    if not (find_spec("torch") and find_spec("transformers")):
        return "nano needs torch and transformers; pip install 'qvl-agent[transformers]'"
    return ""


def in_megabytes() -> float:
    """Measure the weights, in 10^6 bytes."""
    return sum(file.stat().st_size for file in nano.CHECKPOINT.glob("*.safetensors")) / 1e6


def _is_here() -> bool:
    return (nano.CHECKPOINT / "config.json").is_file()


def _other_dialect(dialect: str) -> str:
    return f"nano answers in the dialect {nano.DIALECT} alone, not in {dialect}"


def _missing() -> str:
    return f"this installation lacks nano's checkpoint in {nano.CHECKPOINT}; install qvl-agent again"
