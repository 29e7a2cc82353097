"""After the person answered in the agent's own terminal, the focus and the windows are as they were."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from held_input import named
from text_fields import wait_until
from Xlib.display import Display

from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.desktops.x11.windows.ownership import stacking
from qvl_agent.sandbox.display import VirtualDisplay


@contextmanager
def window(display: VirtualDisplay, desktop: Desktop, name: str, place: str) -> Iterator[None]:
    words = ["xterm", "-class", name, "-geometry", place, "-e", "sleep", "100"]
    with subprocess.Popen(words, env=display.environment()) as process:
        try:
            wait_until(lambda: named(desktop.focused()) == name, f"the focus of {name}")
            yield
        finally:
            process.terminate()


def switch_to(display: VirtualDisplay, desktop: Desktop, name: str) -> None:
    words = ["xdotool", "search", "--class", name, "windowactivate", "--sync"]
    subprocess.run(words, env=display.environment(), check=True)
    wait_until(lambda: named(desktop.focused()) == name, f"the focus of {name}")


def order(display: VirtualDisplay) -> list[int]:
    connection = Display(display.name)
    try:
        return [each.id for each in stacking(connection)]
    finally:
        connection.close()


def window_id(display: VirtualDisplay, name: str) -> str:
    words = ["xdotool", "search", "--class", name]
    found = subprocess.run(words, env=display.environment(), check=True, capture_output=True, text=True)
    return found.stdout.split()[-1]


@pytest.mark.parametrize("went_to", ["Ours", "Other"])
def test_the_focus_comes_back_from_our_terminal_and_from_nowhere_else(
    went_to: str, display: VirtualDisplay, desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desktop.capabilities.keeps_focus
    with (
        window(display, desktop, "Ours", "40x10+100+100"),
        window(display, desktop, "Other", "40x10+150+150"),
        window(display, desktop, "Editor", "40x10+200+200"),
    ):
        monkeypatch.setenv("WINDOWID", window_id(display, "Ours"))
        before = order(display)
        come_back = desktop.keep_focus()
        switch_to(display, desktop, went_to)
        assert order(display) != before
        come_back()
        if went_to == "Ours":
            assert named(desktop.focused()) == "Editor"
            wait_until(lambda: order(display) == before, "the order of the windows")
        else:
            assert named(desktop.focused()) == "Other"


def test_a_window_that_is_gone_is_let_go(
    display: VirtualDisplay, desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert desktop.capabilities.keeps_focus
    with window(display, desktop, "Ours", "40x10+100+100"):
        monkeypatch.setenv("WINDOWID", window_id(display, "Ours"))
        with window(display, desktop, "Editor", "40x10+200+200"):
            come_back = desktop.keep_focus()
            switch_to(display, desktop, "Ours")
        wait_until(lambda: len(order(display)) == 1, "the end of the other window")
        come_back()
        wait_until(lambda: named(desktop.focused()) == "Ours", "the focus, where it was")
