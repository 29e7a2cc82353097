"""Damaged replies, read, planned and judged as a run does it: no crash, no hang, nothing sent.

    .venv/bin/python benchmarks/fuzz_replies.py [--count 1000000] [--seed 0] [--from 0] [--processes 2]

Each reply is a real one or one that we ask for, changed in its bytes, its pieces or its grammar, in either
dialect, with coordinates on the grid or in pixels. It goes through the real executor in front of a desktop
that shows a password manager wherever one points or types, so that nothing may be sent whatever the
reply says. Beside that: only a ParseError or a CoordinateError comes out, within a second of CPU time; a
reply that is cut off or holds two actions is none; and an action says nothing that isn't in its reply. Each
is also read as an answer over a close-up, and as one to whether the task is done.

Replies come in blocks of 1,000, each from the seed and its number: `--from` goes on where a run ended.
Exits 1 and prints the first of what went wrong, to be run again with --seed and --from.
"""

import argparse
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Final, NoReturn

import numpy as np
from reply_mutations import CORPUS, Mutant, mutant

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, ModelBox, Rect, View
from qvl_agent.actions.core.errors import CoordinateError, ParseError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Capabilities, Desktop
from qvl_agent.actions.execution.executor import Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.closer_look import refined
from qvl_agent.actions.parsing.reply import parse_action, read_reply
from qvl_agent.actions.planning.action import Action, Answer, Click, Type
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.agent.run.checks.verification import read_judgement

BLOCK: Final = 1000
LIMIT_S: Final = 1.0
"""CPU seconds that one reply may take; a busy machine doesn't count."""
_STUCK_S: Final = 60.0
_MONITOR: Final = Rect(-100, 50, 1920, 1080)
_MANAGER: Final = WindowInfo("KeePassXC", "Passwords", "keepassxc", focused=True)
_VIEW: Final = View(1920, 1080, _MONITOR)
_CLICK: Final = Click(target=ModelBox.of(412, 318, 468, 351))
_SHOWN: Final = 5


class Sent(BaseException):
    """Something reached the desktop. Not an Exception: nothing on the way may catch it."""


class Hung(BaseException):
    """A reply took too long."""


class Forbidden(Desktop):
    """A desktop where nothing may be touched."""

    name = "forbidden"
    platform = "linux"
    capabilities = Capabilities(windows=True, pointer=True)

    def __init__(self) -> None:
        self._frame = Frame(np.zeros((1080, 1920, 3), np.uint8), _MONITOR)

    def geometry(self) -> Geometry:
        return Geometry((_MONITOR,))

    def grab(self, region: Rect | None = None) -> Frame:
        if region is None:
            return self._frame
        left, top = region.left - _MONITOR.left, region.top - _MONITOR.top
        pixels = self._frame.pixels[top : top + region.height, left : left + region.width]
        return Frame(pixels, _MONITOR, origin=FramePoint(left, top))

    def pointer(self) -> DesktopPoint:
        return DesktopPoint(0, 100)

    def off_limits(self) -> tuple[Rect, ...]:
        return ()

    def window_at(self, _: DesktopPoint) -> WindowInfo:
        return _MANAGER

    def focused(self) -> WindowInfo:
        return _MANAGER

    def layout(self) -> None:
        """Nobody knows."""

    def perform(self, approved: Approved, _: Callable[[], bool]) -> NoReturn:
        raise Sent(repr(approved.plan)[:300])

    def release(self) -> None:
        """Nothing is ever pressed."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass(slots=True)
class Tally:
    """What came of some replies."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: str = ""
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.counts += other.counts
        self.wrong += other.wrong
        if other.slowest_s > self.slowest_s:
            self.slowest_s, self.slowest = other.slowest_s, other.slowest


class Trial:
    """Carries replies through the executor, one at a time."""

    def __init__(self) -> None:
        self._desktop = Forbidden()
        screen = self._desktop.grab()
        self._screen = screen
        self._now = screen.time
        self._executor = Executor(self._desktop, Policy(), clock=lambda: self._now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self._now += max(seconds, 0.001)

    def act(self, reply: Reply, *, pixel_space: bool) -> tuple[Action, str]:
        """Read a reply and let the executor decide; gives what came of it."""
        action = read_reply(reply, pixel_space=pixel_space)
        observation = Observation(self._screen, self._screen)
        acted = self._executor.execute(action, observation, Facts(1, 1.0), lambda _: None)
        if acted.decision.plan and acted.decision.approved:
            raise Sent(f"approved: {acted.decision.plan!r:.300}")
        return action, acted.outcome.status


def run_block(seed: int, number: int) -> Tally:
    """Try the replies of one block."""
    dice = random.Random(f"{seed}:{number}")
    trial, tally = Trial(), Tally()
    for at in range(BLOCK):
        one = mutant(dice)
        pixels, length = dice.random() < 0.1, dice.random() < 0.03
        where = f"--seed {seed} --from {number}, reply {at}"
        with _limits():
            start = time.process_time()
            try:
                came = _try(trial, one, pixels=pixels, length=length)
            except (Exception, Sent, Hung) as error:  # noqa: BLE001 - whatever it is, it is what we look for
                came = "wrong"
                tally.wrong.append(f"{where}: {type(error).__name__}: {error}: {one.text[:400]!r}")
            seconds = time.process_time() - start
        tally.counts[came] += 1
        if seconds > tally.slowest_s:
            tally.slowest_s, tally.slowest = seconds, f"{where} ({one.how}, {len(one.text):,} characters)"
    return tally


def _try(trial: Trial, one: Mutant, *, pixels: bool, length: bool) -> str:
    reply = Reply(one.text, finish="length" if length else "stop")
    for read in (_point_again, read_judgement):
        with suppress(ParseError, CoordinateError):
            read(reply)
    try:
        action, status = trial.act(reply, pixel_space=pixels)
    except ParseError as error:
        said = str(error)
        if "\n" in said or not said.isprintable() or len(said) > 600:
            raise AssertionError(f"a message that is no plain line: {said!r}") from None
        return "not read"
    except CoordinateError:
        return "not mapped"
    if problem := _invented(action, one, length=length):
        raise AssertionError(problem)
    return f"read, {status}"


def _point_again(reply: Reply) -> Action:
    """Read the reply as an answer over a close-up."""
    return refined(_CLICK, reply, View(320, 240, _MONITOR, origin=FramePoint(700, 300)), _VIEW)


def _invented(action: Action, one: Mutant, *, length: bool) -> str:
    """Say what an action holds that its reply doesn't say; "" if nothing."""
    if length:
        return "a reply that was cut off became an action"
    if one.how == "two":
        return "of two actions one was taken"
    if one.how == "cut" and action != parse_action(one.of):
        return "a part of a reply became another action than the whole"
    numbers = {float(number) for number in _NUMBER.findall(one.text)}
    for box in (getattr(action, "target", None), getattr(action, "end", None)):
        if isinstance(box, ModelBox) and not {box.x1, box.y1, box.x2, box.y2} <= numbers:
            return f"the place {box} isn't in the reply"
    if isinstance(action, Type | Answer) and not any(
        _letters(action.text) in _letters(text) for text in _spellings(one.text)
    ):
        return f"the text {action.text[:80]!r} isn't in the reply"
    return ""


_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


def _spellings(text: str) -> Iterator[str]:
    """A text as it stands, and with its escapes resolved once and twice."""
    yield text
    for _ in range(2):
        text = _ESCAPE.sub(_resolved, text)
        yield text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _resolved(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 5 else "" if code in "bfnrt" else code


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


class _limits:  # noqa: N801 - used as a function
    """Bounds a block of code in CPU seconds, and in seconds by the clock on the wall for a deadlock."""

    def __enter__(self) -> None:
        signal.signal(signal.SIGPROF, _hung)
        signal.signal(signal.SIGALRM, _hung)
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)
        signal.setitimer(signal.ITIMER_REAL, _STUCK_S)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _hung(number: int, _: FrameType | None) -> NoReturn:
    raise Hung(f"more than {LIMIT_S if number == signal.SIGPROF else _STUCK_S:g} s")


def _block(job: tuple[int, int]) -> Tally:
    return run_block(*job)


def fuzz(count: int, *, seed: int, first: int = 0, processes: int = 1) -> Tally:
    """Try at least `count` replies and print how far it is, on a terminal."""
    blocks = [(seed, first + at) for at in range(-(-count // BLOCK))]
    total, start = Tally(), time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for done, tally in enumerate(pool.imap_unordered(_block, blocks), 1):
            total.add(tally)
            if sys.stderr.isatty():
                rate = done * BLOCK / (time.monotonic() - start)
                print(f"\r{done * BLOCK:,} replies, {rate:,.0f}/s ", end="", file=sys.stderr)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="replies (1,000,000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first block's number")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    start = time.monotonic()
    total = fuzz(given.count, seed=given.seed, first=given.first, processes=given.processes)
    seconds, tried = time.monotonic() - start, total.counts.total()
    print(f"{tried:,} damaged replies of {len(CORPUS)} in {seconds:,.0f} s: {tried / seconds:,.0f} a second")
    for came, times in total.counts.most_common():
        print(f"  {times:>9,}  {came}")
    print(f"slowest: {total.slowest_s * 1000:.0f} ms of CPU time, {total.slowest}")
    for wrong in total.wrong[:_SHOWN]:
        print(f"WRONG {wrong}")
    print(f"{len(total.wrong)} crashed, hung, were sent or invented something")
    return 1 if total.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
