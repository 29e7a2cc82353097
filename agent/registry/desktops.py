"""The kinds of desktop that are built in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from qvl_agent.actions.desktops import Desktop, open_local, open_vnc
from qvl_agent.actions.desktops.display_lock import canonical_display
from qvl_agent.agent.registry.kinds import DesktopKind
from qvl_agent.agent.registry.rdp import RDP
from qvl_agent.agent.secret_sources import vnc_password

__all__ = ["DESKTOPS", "LOCAL", "SANDBOX", "VNC"]

_SANDBOX: Final = ("sandbox:", "sandbox-wayland:")
_LOCAL: Final = "local"
_VNC: Final = "vnc://"


def _is_sandbox(name: str) -> bool:
    return name.startswith(_SANDBOX)


@contextmanager
def _open_sandbox(name: str, _monitor: int) -> Iterator[Desktop]:
    from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox, parse_sandbox_name

    app, task, seed, wayland = parse_sandbox_name(name)
    with open_sandbox(app, task=task, seed=seed, wayland=wayland) as sandbox:
        yield SandboxDesktop(sandbox, name)


SANDBOX: Final = DesktopKind(
    name="sandbox",
    usage="sandbox[-wayland]:APP[/TASK][?seed=N]",
    claims=_is_sandbox,
    open=_open_sandbox,
    is_persons=False,
    reopen=lambda recorded: recorded if _is_sandbox(recorded) else None,
)


def _is_local(name: str) -> bool:
    return name == _LOCAL or name.startswith((":", "wayland-", "/"))


@contextmanager
def _open_local(name: str, monitor: int) -> Iterator[Desktop]:
    desktop = open_local(None if name == _LOCAL else name, monitor=monitor)
    try:
        yield desktop
    finally:
        desktop.close()


def _reopen_local(recorded: str) -> str | None:
    """Records call it "local :0" on X11, "local wayland-1" on Wayland, and "local" elsewhere."""
    display = canonical_display(recorded)
    if display != _LOCAL and _is_local(display):
        return display
    return _LOCAL if recorded.startswith(_LOCAL) else None


LOCAL: Final = DesktopKind(
    name=_LOCAL,
    usage="local, an X display (:1), a Wayland session (wayland-1)",
    claims=_is_local,
    open=_open_local,
    reopen=_reopen_local,
)


def _is_vnc(name: str) -> bool:
    return name.lower().startswith(_VNC)


@contextmanager
def _open_vnc(name: str, _monitor: int) -> Iterator[Desktop]:
    desktop = open_vnc(name, vnc_password)
    try:
        yield desktop
    finally:
        desktop.close()


VNC: Final = DesktopKind(
    name="vnc",
    usage="vnc://[USER@]HOST[:PORT]",
    claims=_is_vnc,
    open=_open_vnc,
    is_persons=False,
    reopen=lambda recorded: recorded if _is_vnc(recorded) else None,
)

DESKTOPS: Final = (LOCAL, SANDBOX, VNC, RDP)
"""In the order in which they are asked and listed."""
