"""Before a download a person at a terminal is asked; where nobody can answer, nothing is fetched."""

import os
import pty
import subprocess
import sys
from dataclasses import asdict

import pytest

from qvl_agent.agent.models.choice.auto import Offer

FOUND = Offer("Qwen/Qwen3-VL-4B-Instruct", 8_875_631_616, named=False, why="the largest that suits 22 GiB")


def asked(offer: Offer, typed: bytes, *, as_json: bool = False) -> tuple[str, str]:
    """Ask in a process at a real pseudo-terminal, where a person types; returns the answer and the screen."""
    program = f"""
from qvl_agent.agent.models.choice.auto import Offer
from qvl_agent.agent.terminal.chooser import TerminalChooser
print(TerminalChooser(as_json={as_json}).download(Offer(**{asdict(offer)!r})))
"""
    keyboard, screen = pty.openpty()
    try:
        os.write(keyboard, typed)
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdin=screen,
            stderr=screen,
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        os.write(screen, b".")  # so that there is something to read
        return done.stdout.decode().strip(), os.read(keyboard, 10_000).decode()
    finally:
        os.close(keyboard)
        os.close(screen)


@pytest.mark.parametrize(("typed", "answer"), [(b"y\n", "True"), (b"\n", "False")])
def test_the_person_is_asked_with_the_size_and_the_default_is_no(typed: bytes, answer: str) -> None:
    said, screen = asked(FOUND, typed)
    assert said == answer
    assert "Download Qwen/Qwen3-VL-4B-Instruct (8.3 GiB) from the Hugging Face hub, the largest" in screen
    assert "[y/N]" in screen


def test_what_doesnt_fit_is_asked_about_even_if_it_was_named() -> None:
    large = Offer("Qwen/Qwen3-VL-32B-Instruct", 66 * 10**9, named=True, why="which needs 70 GiB", fits=False)
    said, screen = asked(large, b"n\n")
    assert said == "False"
    assert "which needs 70 GiB" in screen


def test_what_was_named_is_fetched_and_said() -> None:
    said, screen = asked(Offer("Qwen/Qwen3-VL-4B-Instruct", None, named=True, why=""), b"")
    assert said == "True"
    assert "downloading Qwen/Qwen3-VL-4B-Instruct (size unknown)" in screen


def test_nobody_is_asked_where_machines_read_along() -> None:
    said, screen = asked(FOUND, b"y\n", as_json=True)
    assert said == "False"
    assert "Download" not in screen
