"""Where things are kept on this machine."""

from pathlib import Path

from platformdirs import user_config_path, user_state_path

__all__ = ["runs_folder", "user_config_file"]


def runs_folder() -> Path:
    """Name the folder where runs are recorded unless told otherwise; it may not exist yet."""
    return user_state_path("qvl-agent") / "runs"


def user_config_file() -> Path:
    """Name the person's own settings file; it may not exist."""
    return user_config_path("qvl-agent") / "qvl-agent.toml"
