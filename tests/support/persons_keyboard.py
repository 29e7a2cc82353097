"""Press keys as the X server's own keyboard, as a person does: not as the device of XTEST."""

import ctypes
import subprocess
from contextlib import closing

from Xlib.display import Display
from Xlib.ext import xinput

from qvl_agent.actions.desktops.x11.devices import is_by_program


def persons_keyboard(display: str) -> int:
    """The number of the first keyboard that isn't XTEST's."""
    with closing(Display(display)) as asker:
        devices = asker.xinput_query_device(xinput.AllDevices).devices
        return next(
            one.deviceid for one in devices if one.use == xinput.SlaveKeyboard and not is_by_program(one)
        )


def press_as_person(display: str, keycode: int) -> None:
    """Press and release a key of that keyboard, which makes its map the one that applications see."""
    x11, xi, xtst = (ctypes.CDLL(name) for name in ("libX11.so.6", "libXi.so.6", "libXtst.so.6"))
    x11.XOpenDisplay.restype = xi.XOpenDevice.restype = ctypes.c_void_p
    server = ctypes.c_void_p(x11.XOpenDisplay(display.encode()))
    device = ctypes.c_void_p(xi.XOpenDevice(server, ctypes.c_ulong(persons_keyboard(display))))
    for down in (1, 0):
        xtst.XTestFakeDeviceKeyEvent(server, device, keycode, down, None, 0, ctypes.c_ulong(0))
    x11.XSync(server, 0)
    xi.XCloseDevice(server, device)
    x11.XCloseDisplay(server)


def set_persons_layout(display: str, layout: str) -> None:
    device = str(persons_keyboard(display))
    subprocess.run(["setxkbmap", "-display", display, "-device", device, layout], check=True)


def persons_layout(display: str) -> str:
    """That keyboard's whole map, as text."""
    device = str(persons_keyboard(display))
    asked = subprocess.run(["xkbcomp", "-i", device, display, "-"], capture_output=True, check=True)
    return asked.stdout.decode(errors="replace")
