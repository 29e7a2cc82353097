"""What test modules share: a virtual display for each process, its desktop, and the table of faults."""

import sys
from collections.abc import Iterator
from contextlib import closing

import hypothesis
import pytest
from fault_table import FaultTable, numbers

from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.sandbox.display import VirtualDisplay

# A busy machine is slow: no example fails for the time that it takes.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults",
        choices=("table", "line"),
        help="say how many of the faults in docs/faults.md behave as specified, and fail if it isn't all",
    )


def pytest_configure(config: pytest.Config) -> None:
    style = config.getoption("faults")
    if style and not hasattr(config, "workerinput"):  # xdist's workers report to the process that prints
        config.pluginmanager.register(FaultTable(style))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.user_properties += [("fault", number) for number in sorted(numbers(item))]


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


@pytest.fixture
def screen() -> Iterator[VirtualDisplay]:
    """A display of 800x600 of its own, for tests that may leave its keyboard or a grab changed."""
    with VirtualDisplay((800, 600)) as running:
        yield running


@pytest.fixture
def hands(screen: VirtualDisplay) -> Iterator[Desktop]:
    """The desktop on `screen`."""
    with closing(open_local(screen.name)) as desktop:
        yield desktop
