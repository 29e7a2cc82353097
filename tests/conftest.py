"""Fixtures that several test modules share: a virtual display for each test process, and its desktop."""

import sys
from collections.abc import Iterator

import pytest

from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.sandbox.display import VirtualDisplay


@pytest.fixture(scope="session")
def display() -> Iterator[VirtualDisplay]:
    """A running virtual display of 1280x800 with a window manager; one for each xdist worker."""
    if not sys.platform.startswith("linux"):
        pytest.skip("virtual displays need Xvfb")
    with VirtualDisplay((1280, 800)) as running:
        yield running


@pytest.fixture
def desktop(display: VirtualDisplay) -> Iterator[Desktop]:
    """The desktop on `display`; closed after each test."""
    opened = open_local(display.name)
    yield opened
    opened.close()
