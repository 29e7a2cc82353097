"""The places on this machine where runs and settings are kept."""

from pathlib import Path

from platformdirs import user_cache_path, user_config_path, user_state_path

__all__ = ["cache_folder", "runs_folder", "user_config_file"]


def runs_folder() -> Path:
    """Return the default folder for recorded runs; it may not exist yet."""
    return user_state_path("qvl-agent") / "runs"


def user_config_file() -> Path:
    """Return the path of the person's own settings file; it may not exist."""
    return user_config_path("qvl-agent") / "qvl-agent.toml"


def cache_folder() -> Path:
    """Return the folder for what can be made again; it may not exist yet."""
    return user_cache_path("qvl-agent")
