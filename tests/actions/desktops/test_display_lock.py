import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qvl_agent.actions.core.errors import DisplayBusyError
from qvl_agent.actions.desktops.display_lock import canonical_display, hold_display, holders

HOLDER = """
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from qvl_agent.actions.desktops.display_lock import hold_display
with hold_display(sys.argv[1]):
    print("held", flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _own_runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@pytest.mark.parametrize(
    "name", [":1", ":1.0", "unix:1", "unix/:1", "localhost:1.0", "127.0.0.1:1", "local :1"]
)
def test_a_display_has_one_name(name: str) -> None:
    assert canonical_display(name) == ":1"


@pytest.mark.parametrize(
    ("name", "expected"), [("Far.example:2.0", "far.example:2"), ("local", "local"), (":10", ":10")]
)
def test_other_displays_are_others(name: str, expected: str) -> None:
    assert canonical_display(name) == expected


@pytest.mark.fault(76)
def test_a_second_agent_is_told_who_holds_the_display() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, ":71"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(DisplayBusyError, match=f"display :71 is held.*process {holder.pid}"),
            hold_display(":71.0"),
        ):
            pass
        with hold_display(":72"):
            pass
        holder.send_signal(signal.SIGKILL)
    with hold_display("localhost:71"):
        pass


def test_it_is_free_again_after_the_block_and_not_before() -> None:
    ours = f"process {os.getpid()}"
    with hold_display(":73"), pytest.raises(DisplayBusyError, match=ours), hold_display(":73"):
        pass
    with hold_display(":73"):
        pass


def test_an_exception_frees_it() -> None:
    with pytest.raises(RuntimeError), hold_display(":74"):
        raise RuntimeError
    with hold_display(":74"):
        pass


def test_who_looks_who_holds_a_display_keeps_no_agent_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`qvl-agent stop` looks again and again until a run has ended, and the next may begin just then."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            holders(":76")

    with ThreadPoolExecutor(2) as pool:
        lookers = [pool.submit(look) for _ in range(2)]
        try:
            for _ in range(200):
                with hold_display(":76"):
                    pass
        finally:
            over.set()
        for looker in lookers:
            looker.result()


def test_what_it_leaves_is_its_owners_alone(tmp_path: Path) -> None:
    with hold_display(":99") as hold:
        hold.watched_by(1)
        (folder,) = tmp_path.iterdir()
        modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes == {folder.name: 0o700, "display_99.lock": 0o600, "display_99.pid": 0o600}
