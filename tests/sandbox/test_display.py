import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from text_fields import wait_until

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.desktops import open_local
from qvl_agent.sandbox.display import VirtualDisplay

SOCKETS = Path("/tmp/.X11-unix")


def socket_of(name: str) -> Path:
    return SOCKETS / f"X{name.removeprefix(':')}"


def test_several_displays_run_at_once_and_leave_nothing_behind() -> None:
    with VirtualDisplay((800, 600)) as one, VirtualDisplay((640, 480), window_manager=None) as two:
        names = [one.name, two.name]
        assert names[0] != names[1]
        with closing(open_local(two.name)) as desktop:
            assert desktop.geometry().monitors == (Rect(0, 0, 640, 480),)
        assert all(socket_of(name).exists() for name in names)
    assert not any(socket_of(name).exists() for name in names)


def test_the_window_manager_answers_once_the_display_is_up() -> None:
    with VirtualDisplay((800, 600)) as display:
        asked = subprocess.run(
            ["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"],
            env=display.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert "window id" in asked.stdout


def test_close_may_be_called_twice_and_the_display_started_again() -> None:
    display = VirtualDisplay((320, 240), window_manager=None)
    display.start()
    with pytest.raises(DesktopError, match="runs already"):
        display.start()
    display.close()
    display.close()
    with pytest.raises(DesktopError, match="isn't running"):
        _ = display.name
    with display:
        assert display.name.startswith(":")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_display_ends_with_the_process_that_started_it(number: signal.Signals) -> None:
    program = (
        "from qvl_agent.sandbox.display import VirtualDisplay\n"
        "display = VirtualDisplay((320, 240)).start()\n"
        "print(display.name, flush=True)\n"
        "input()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        name = process.stdout.readline().strip()
        assert socket_of(name).exists()
        process.send_signal(number)
    wait_until(lambda: not socket_of(name).exists(), "Xvfb to end")


@pytest.mark.parametrize("missing", ["Xvfb", "openbox"])
def test_a_missing_program_is_named_with_its_remedy(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {"Xvfb", "openbox", "xkbcomp"} - {missing}:
        (tmp_path / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    display = VirtualDisplay((320, 240))
    with pytest.raises(NoScreenError, match=f"needs {missing}.*sudo apt install {missing.lower()}"):
        display.start()
    with pytest.raises(DesktopError, match="isn't running"):
        _ = display.name


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(NoScreenError, match=r"Xvfb didn't start: \w+"):
        VirtualDisplay((0, 0)).start()


def test_programs_are_not_led_to_the_persons_own_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("DISPLAY", ":0")
    with VirtualDisplay((320, 240), window_manager=None) as display:
        environment = display.environment()
        assert environment["DISPLAY"] == display.name
        assert "WAYLAND_DISPLAY" not in environment
