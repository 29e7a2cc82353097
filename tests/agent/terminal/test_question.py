"""The question in a real terminal: what answers it, what doesn't, and what is shown."""

import base64
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from terminals import CHILD, READ_S, Terminal, in_terminal

PROMPT = "your answer"
PLAIN = "\x1b[?62;22c"
SIXEL = "\x1b[?62;4;22c"


@contextmanager
def asked(
    tmp_path: Path, *, attributes: str = PLAIN, kitty: bool = False, stdin: int | None = None, **facts: Any
) -> Iterator[Terminal]:
    environment = facts.pop("environment", {})
    said = f"\x1b_Gi=31;OK\x1b\\{attributes}" if kitty else attributes
    words = (sys.executable, CHILD, json.dumps(facts))
    with in_terminal(*words, cwd=tmp_path, answers={"\x1b[c": said}, stdin=stdin, **environment) as terminal:
        yield terminal


def test_a_word_and_enter_answer(tmp_path: Path) -> None:
    keys = {"y\r": "yes", "YES\r": "yes", "r\r": "yes-for-run", "n\r": "no", "s\r": "stop", "\x04": "no"}
    keys["x\x7fy\r"] = "yes"
    with asked(tmp_path, times=len(keys)) as terminal:
        for typed, said in keys.items():
            terminal.wait_for(PROMPT)
            terminal.watch(READ_S)
            terminal.type(typed)
            terminal.wait_for(f"said: {said}\r")
            terminal.shown = ""
        assert terminal.end() == 0


def test_nothing_else_does_and_the_time_runs_out(tmp_path: Path) -> None:
    with asked(tmp_path, level="ASK_EVERY", limit_s=READ_S + 2.5) as terminal:
        terminal.wait_for(PROMPT)
        terminal.watch(READ_S)
        for keys in ("\r", "yy\r", "maybe\r", "\x1b[A\r", "r\r", "y"):
            terminal.type(keys)
            terminal.watch(0.15)
        terminal.wait_for("said: late")


def test_what_was_typed_before_or_too_soon_is_thrown_away(tmp_path: Path) -> None:
    with asked(tmp_path, limit_s=READ_S + 1.0) as terminal:
        terminal.type("y\ry\r")
        terminal.wait_for(PROMPT)
        terminal.type("y\r")
        terminal.wait_for("said: late")


def test_a_pipe_is_no_person(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"y\n" * 100)
    with asked(tmp_path, stdin=reading, limit_s=READ_S + 1.0) as terminal:
        terminal.wait_for("said: late")
    with asked(tmp_path, stdin=reading) as terminal:
        terminal.wait_for(PROMPT)
        terminal.watch(READ_S)
        terminal.type("y\r")
        terminal.wait_for("said: yes\r")
    os.close(reading)
    os.close(writing)


def test_a_job_in_the_background_asks_and_takes_no_keys(tmp_path: Path) -> None:
    facts = json.dumps({"limit_s": READ_S + 1.0})
    job = f"set -m; {sys.executable} {CHILD} '{facts}' & sleep 0.1; wait"
    with in_terminal("bash", "-c", job, cwd=tmp_path) as terminal:
        terminal.wait_for(PROMPT)
        terminal.watch(READ_S)
        terminal.type("y\r")
        terminal.wait_for("said: late")


def test_a_stop_ends_the_question(tmp_path: Path) -> None:
    with asked(tmp_path, stop_s=1.0) as terminal:
        terminal.wait_for("said: stop")
    with asked(tmp_path, stop_s=1.0, asks="Which one?") as terminal:
        terminal.wait_for("answered: None")


def test_it_says_what_where_why_and_how_long(tmp_path: Path) -> None:
    with asked(tmp_path) as terminal:
        terminal.wait_for("left): ")
        for words in ("Click “Send”", "at (90, 60)", "in Mail (program mailer): “To Alice”"):
            assert words in terminal.shown
        assert "because this may send something (consequence-send)" in terminal.shown
        terminal.watch(2.5)
        assert len(set(re.findall(r"\((\d:\d\d) left\)", terminal.shown))) > 1, "the time counts down"


def test_no_text_forges_a_line_or_steers_the_terminal(tmp_path: Path) -> None:
    hostile = "ok\r\n\x1b[2J\x07[bold]May the agent do this?\nyour answer: y\nsaid: yes \u202eevil"
    with asked(tmp_path, label=hostile, title=hostile, text=hostile) as terminal:
        terminal.wait_for("left): ")
        shown = re.sub(r"\x1b\[[\d;]*m", "", terminal.shown)
        lines = [line.strip() for line in shown.splitlines()]
        assert not any(line.startswith(("your answer: y", "said:")) for line in lines)
        assert lines.count("May the agent do this?") == 1
        assert "\x1b[2J" not in shown
        assert "\u202e" not in shown
        assert "[bold]" in shown, "markup is shown, not obeyed"
        assert "│ your answer: y" in shown, "the text to type stands in a frame"


def test_the_picture_goes_by_the_terminals_own_graphics(tmp_path: Path) -> None:
    with asked(tmp_path, kitty=True) as terminal:
        terminal.wait_for("left): ")
        parts = re.findall(r"\x1b_G[^;]*m=\d;([^\x1b]*)\x1b\\", terminal.shown)
        picture = Image.open(io.BytesIO(base64.b64decode("".join(parts))))
        assert picture.width > 300
    with asked(tmp_path, environment={"TERM_PROGRAM": "iTerm.app"}) as terminal:
        terminal.wait_for("left): ")
        found = re.search(r"\x1b]1337;File=inline=1;[^:]*:([^\x07]*)\x07", terminal.shown)
        assert found
        assert Image.open(io.BytesIO(base64.b64decode(found[1]))).width > 300
    with asked(tmp_path, attributes=SIXEL) as terminal:
        terminal.wait_for("left): ")
        assert '\x1bP0;1q"1;1;' in terminal.shown
    with asked(tmp_path) as terminal:
        terminal.wait_for("left): ")
        assert terminal.shown.count("▄") + terminal.shown.count("▀") > 100


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_no_picture_where_none_is_wanted(environment: dict[str, str], tmp_path: Path) -> None:
    with asked(tmp_path, environment=environment) as terminal:
        terminal.wait_for(f"{PROMPT}")
        terminal.watch(READ_S)
        assert not re.search("[▄▀]|\x1b_G|\x1bP|1337", terminal.shown)
        terminal.type("y\r")
        terminal.wait_for("said: yes\r")


def test_the_picture_is_a_file_while_the_question_stands(tmp_path: Path) -> None:
    with asked(tmp_path) as terminal:
        terminal.wait_for(PROMPT)
        terminal.watch(READ_S)
        terminal.type("p\r")
        terminal.wait_for("question.png")
        found = re.search(r"picture: (\S+\.png)", terminal.shown)
        assert found
        path = Path(found[1])
        assert path.parent.stat().st_mode & 0o077 == 0
        with Image.open(path) as picture:
            assert picture.size == (600, 400)
        terminal.type("y\r")
        terminal.wait_for("said: yes\r")
        assert not path.exists()


@pytest.mark.parametrize(("keys", "said"), [("", "yes"), (" ", "no")])
def test_a_notice_passes_unless_a_key_cancels_it(keys: str, said: str, tmp_path: Path) -> None:
    with asked(tmp_path, level="NOTICE") as terminal:
        terminal.wait_for("cancels it")
        terminal.type(keys)
        terminal.wait_for(f"said: {said}\r")


def test_the_models_own_question_is_answered_in_a_line(tmp_path: Path) -> None:
    with asked(tmp_path, asks="Which\x1b[2J one?") as terminal:
        terminal.wait_for("answer: ")
        assert "\x1b[2J" not in terminal.shown
        terminal.type("the left one, 左边\r")
        terminal.wait_for("answered: 'the left one, 左边'")
