"""What a session's options say about flows, and the desktop that its live tests share."""

import uuid
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
        variables: values that --flow-set gives.
        trusted: flows may do what they list as their consequences.
        pictures: the folder for the pictures of what failed.
        runs: the folder for live runs, where pytest collects nothing.
        session: a name that all workers of this session share, and no other session.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.mode = str(config.getoption("flow_mode") or config.getini("flow_mode") or "offline")
        self.desktop_name = str(config.getoption("flow_desktop") or config.getini("flow_desktop") or "local")
        report = config.getoption("flow_report")
        self.report = Path(report).absolute() if report else None
        self.variables = dict(map(_assigned, config.getoption("flow_set")))
        self.trusted = bool(config.getoption("flow_trust"))
        own = Path(config.rootpath) / ".pytest_cache" / "qvl-agent"
        self.pictures, self.runs = (self.report or own) / "pictures", own / "runs"
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        self.session = str(worker.get("testrunuid") or uuid.uuid4().hex)
        if self.mode not in {"offline", "replay", "heal"}:
            raise pytest.UsageError(f"flow_mode: expected offline, replay or heal, got {self.mode!r}")
        self._opened: Any = None
        self._desktop: Desktop | None = None

    @property
    def desktop(self) -> "Desktop":
        """The desktop of this session; it is opened at the first call."""
        if self._desktop is None:
            from qvl_agent.agent.opening import open_desktop  # noqa: PLC0415 - heavy

            opened = open_desktop(self.desktop_name)
            self._desktop = opened.__enter__()
            self._opened = opened
        return self._desktop

    def close(self) -> None:
        """Close the desktop, if it was opened."""
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
            self._opened = self._desktop = None


def _assigned(said: str) -> tuple[str, str]:
    name, equals, value = said.partition("=")
    if not equals or not name.strip():
        raise pytest.UsageError(f"--flow-set: expected NAME=VALUE, got {said!r}")
    return name.strip(), value
