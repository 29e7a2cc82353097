"""What is read is compared with what is wanted: the same, another, or it can't be told."""

import pytest

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.words import says, shows


@pytest.mark.parametrize(
    ("text", "words", "answer"),
    [
        ("Save", "Save", True),
        ("SAVE…", "save", True),
        ("Checkforupdates", "Check for updates", True),
        ("Name:", "Name", True),
        ("Save as", "Save", False),
        ("Saved", "Save", False),
        ("Invoice 4711", "Invoice 4711", True),
        ("Invoice 4712", "Invoice 4711", False),
        ("Invoice 47l1", "Invoice 4711", None),
        ("INV-1O0", "INV-100", None),
        ("inv-100", "INV-100", False),
        ("CIear all", "Clear all", True),
        ("O", "0", None),
        ("0", "O", None),
        ("l", "I", None),
        ("+", "+", True),
        ("-", "+", False),
        ("Notificatlons on", "Notifications on", True),
        ("Notifcations on", "Notifications on", None),
        ("", "Save", False),
        ("保存", "保存", True),
        ("保存", "另存", False),
    ],
)
def test_words_are_the_same_or_not_or_it_cant_be_told(text: str, words: str, answer: bool | None) -> None:
    assert says(text, words) is answer


def line(text: str, left: int = 10, top: int = 10) -> Read:
    return Read(text, FrameBox(left, top, left + 8 * len(text), top + 16), 1.0)


@pytest.mark.parametrize(
    ("lines", "words", "answer"),
    [
        ((line("Invoice 4711 saved"),), "Invoice 4711 saved", True),
        ((line("Invoice 4711 saved"),), "4711", True),
        ((line("Invoice 47115 saved"),), "4711", False),
        ((line("Invoice 47l1 saved"),), "4711", None),
        ((line("Unsaved changes"),), "saved", False),
        ((line("Saved."),), "saved", True),
        ((line("Invoice"), line("saved", 10 + 8 * 7 + 6)), "Invoice saved", True),
        ((line("Invoice"), line("saved", 300)), "Invoice saved", False),
        ((line("The invoice was"), line("saved today", 10, 30)), "was saved", True),
        ((line("登记成功，编号为 A-1"),), "登记成功", True),
        ((), "saved", False),
    ],
)
def test_words_are_looked_for_in_all_that_a_window_shows(
    lines: tuple[Read, ...], words: str, answer: bool | None
) -> None:
    assert shows(lines, words) is answer
