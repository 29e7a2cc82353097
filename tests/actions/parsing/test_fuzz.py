"""A few thousand damaged replies of benchmarks/fuzz_replies.py; and that it would find what it looks for."""

import random
from typing import Any

import fuzz_replies
import pytest
from fuzz_replies import BLOCK, Trial, run_block
from reply_mutations import CORPUS, WRITTEN, Mutant, mutant

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.parsing.reply import parse_action


@pytest.mark.parametrize("block", range(4))
def test_no_damaged_reply_crashes_hangs_sends_or_invents(block: int) -> None:
    tally = run_block(7, block)
    assert tally.wrong == []
    assert tally.counts.total() == BLOCK
    assert 50 < tally.counts["read, refused"] < 800, "some stay whole, and meet the guard"
    assert tally.counts["not read"] > 200


def test_a_block_is_the_same_again() -> None:
    first, second = ([mutant(random.Random("3:4")) for _ in range(50)] for _ in range(2))
    assert first == second


def test_every_written_reply_is_read_as_it_stands() -> None:
    for text in WRITTEN:
        parse_action(text)
    assert len(CORPUS) > 90


def wrong(monkeypatch: pytest.MonkeyPatch, *mutants: Mutant) -> list[str]:
    """What a block finds that is made of these alone."""
    given = iter(mutants * BLOCK)
    monkeypatch.setattr(fuzz_replies, "mutant", lambda _: next(given))
    return run_block(0, 0).wrong


CLICK = Mutant(WRITTEN[0], WRITTEN[0], "pieces")


def test_it_finds_an_action_that_gets_through(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wrong(monkeypatch, CLICK) == []
    monkeypatch.setattr(fuzz_replies, "_MANAGER", WindowInfo("Editor", "Notes", "editor", focused=True))
    found = wrong(monkeypatch, CLICK)
    assert "Sent: " in found[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": WRITTEN[0], "of": WRITTEN[1], "how": "cut"}, "another action than the whole"),
        ({"how": "two"}, "of two actions one was taken"),
    ],
)
def test_it_finds_an_action_that_should_be_none(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, str], said: str
) -> None:
    found = wrong(monkeypatch, Mutant(**{"text": CLICK.text, "of": CLICK.of, "how": CLICK.how} | change))
    assert said in found[0]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda *_, **__: parse_action(WRITTEN[6]), "isn't in the reply"),
        (lambda *_, **__: 1 // 0, "ZeroDivisionError"),
        (lambda *_, **__: [None for _ in iter(int, 1)], "Hung"),
    ],
    ids=["invents", "crashes", "hangs"],
)
def test_it_finds_a_parser_that_goes_wrong(monkeypatch: pytest.MonkeyPatch, broken: Any, said: str) -> None:
    monkeypatch.setattr(fuzz_replies, "read_reply", broken)
    monkeypatch.setattr(fuzz_replies, "LIMIT_S", 0.2)
    monkeypatch.setattr(fuzz_replies, "BLOCK", 2)
    assert said in wrong(monkeypatch, CLICK)[0]


def test_a_refusal_to_read_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ParseError("no")

    monkeypatch.setattr(fuzz_replies, "read_reply", refuse)
    with pytest.raises(ParseError):
        Trial().act(None, pixel_space=False)
    assert run_block(0, 1).counts == {"not read": BLOCK}
