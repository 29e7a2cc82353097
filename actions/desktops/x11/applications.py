"""What is known about the application that gets the input: its libraries, and what it does with keys."""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

from Xlib import X
from Xlib import error as xerror

from qvl_agent.actions.desktops.windows import libraries_of, polls
from qvl_agent.actions.desktops.x11.windows.tree import process_of

__all__ = ["forwards_keys", "input_method_on", "is_gtk3", "polls_input"]

_OTHER_METHODS: Final = ("/im-ibus.so", "/im-fcitx", "/im-xim.so", "/im-uim.so", "/im-scim.so")
"""GTK's modules for other input methods than its own."""
_FORWARDERS: Final = frozenset({
    "xephyr", "xnest", "nxagent", "x2goagent", "xfreerdp", "xfreerdp3", "rdesktop", "virtualboxvm",
    "vmware", "vmplayer", "vmware-vmx", "virt-viewer", "remote-viewer", "virt-manager", "gnome-boxes",
})  # fmt: skip
"""Programs that send the numbers of keys on to another machine or server, in small letters."""
_FORWARDERS_BEGIN: Final = ("qemu-system-",)
_METHODS: Final = {  # by the name in XIM_SERVERS: the commands of its versions that tell its state
    "fcitx": (("fcitx5-remote",), ("fcitx-remote",)),
    "ibus": (("ibus", "engine"),),
}
_ASKED_S: Final = 2.0


def polls_input(display: Any, window: Any | None) -> bool:
    """Return whether a window's program may look at the mouse and the keys only once a frame."""
    return polls(None if window is None else process_of(display, window))


def is_gtk3(display: Any, window: Any | None) -> bool:
    """Return whether a window's program uses GTK 3's own input method."""
    loaded = libraries_of(None if window is None else process_of(display, window))
    return "/libgtk-3.so" in loaded and not any(each in loaded for each in _OTHER_METHODS)


def forwards_keys(display: Any, window: Any | None) -> str:
    """Return the name of a program that sends the numbers of keys on, as nested X servers do; or ""."""
    process = None if window is None else process_of(display, window)
    try:
        name = Path(f"/proc/{process}/exe").readlink().name if process else ""
    except OSError:
        return ""
    known = name.casefold() in _FORWARDERS or name.casefold().startswith(_FORWARDERS_BEGIN)
    return name if known else ""


def input_method_on(display: Any) -> str:
    """Return the name of the input method that is on for the window with the focus; "" if none is.

    Input methods register themselves at the X server; whether one is on, its own command says.

    Source: the XIM protocol, "XIM_SERVERS"; fcitx5-remote(1): 2 is active; ibus(1): engines of plain
    keyboards begin with "xkb:".
    """
    for name in _registered(display):
        for command in _METHODS.get(name, ()):
            if (path := shutil.which(command[0])) is not None:
                state = _output([path, *command[1:]])
                on = state == "2" if name == "fcitx" else bool(state) and not state.startswith("xkb:")
                return name if on else ""
    return ""


def _registered(display: Any) -> list[str]:
    root = display.screen().root
    try:
        value = root.get_full_property(display.get_atom("XIM_SERVERS"), X.AnyPropertyType)
        names = [str(display.get_atom_name(atom)) for atom in value.value] if value else []
    except xerror.XError:
        return []
    return [name.removeprefix("@server=").removesuffix("5") for name in names]


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ASKED_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
