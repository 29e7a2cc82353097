"""What a session of pytest knows about flows: its options, and the desktop that its live tests share."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qvl_agent.actions.desktops import Desktop

__all__ = ["FlowSettings", "settings_key"]

settings_key = pytest.StashKey["FlowSettings"]()


class FlowSettings:
    """What the session's options say about flows, and the desktop that its live tests share.

    Attributes:
        mode: "offline", "replay" or "heal".
        desktop_name: where live tests act.
        report: the folder for the report; None for none.
        max_model_calls: how often a live flow may ask a model.
        variables: values that --flow-set gives.
        trusted: flows may do what they list as their consequences.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.mode = str(config.getoption("flow_mode") or config.getini("flow_mode") or "offline")
        self.desktop_name = str(config.getoption("flow_desktop") or config.getini("flow_desktop") or "local")
        report = config.getoption("flow_report")
        self.report = Path(report).absolute() if report else None
        self.max_model_calls = int(config.getoption("flow_max_model_calls"))
        self.variables = dict(each.partition("=")[::2] for each in config.getoption("flow_set"))
        self.trusted = bool(config.getoption("flow_trust"))
        self.pictures = (self.report or Path(config.rootpath) / ".pytest_cache" / "qvl-agent") / "pictures"
        self._opened: Any = None
        self._desktop: Desktop | None = None

    @property
    def desktop(self) -> "Desktop":
        """The desktop of this session; it is opened at the first call."""
        if self._desktop is None:
            from qvl_agent.agent.opening import open_desktop  # noqa: PLC0415 - heavy

            self._opened = open_desktop(self.desktop_name)
            self._desktop = self._opened.__enter__()
        return self._desktop

    def close(self) -> None:
        """Close the desktop, if it was opened."""
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = self._desktop = None
