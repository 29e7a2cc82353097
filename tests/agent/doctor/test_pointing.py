"""Can a model point? Against servers that really look, and misbehave in each way we know."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from called import called
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from seeing_server import Point, Seeing, Size, grid, seeing, seen, shrinking, squared
from stream_server import StreamServer
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.actions.core.coordinates import ModelPoint
from qvl_agent.actions.core.errors import Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.cli.doctor import configured
from qvl_agent.agent.doctor.environment import Finding
from qvl_agent.agent.doctor.pointing.faults import cause
from qvl_agent.agent.doctor.pointing.findings import Examined, examine_pointing, findings
from qvl_agent.agent.doctor.pointing.fit import Pair, fit, nearest_space
from qvl_agent.agent.doctor.pointing.measure import (
    Measured,
    PointingAnswer,
    PointingQuestion,
    measure,
    questions,
)
from qvl_agent.agent.doctor.pointing.screens import COLOURS, SIZES, draw
from qvl_agent.agent.doctor.pointing.summary import summarise
from qvl_agent.agent.models.openai.detect import About
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.settings import Settings


def examine(how: Seeing, *, quick: bool = True, **settings: Any) -> Examined:
    with seeing(how) as server:
        return examine_pointing(Settings(server=server.base_url, model="qwen3-vl", **settings), quick=quick)


def named(findings: tuple[Finding, ...], name: str) -> Finding:
    (found,) = [finding for finding in findings if finding.name == name]
    return found


# The screens


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in (2, 7))])
def test_every_target_stands_whole_and_alone_on_its_screen(size: Size, seed: int) -> None:
    screen = draw(size, seed)
    picture = screen.frame.image()
    assert len({target.word for target in screen.targets}) == len(screen.targets) == 9
    for target in screen.targets:
        box = target.box
        assert 0 < box.left < box.right < size[0]
        assert 0 < box.top < box.bottom < size[1]
        assert target.hit.right < size[0]
        assert seen(picture, target.word) == (box.left, box.top, box.right, box.bottom)


def test_the_same_seed_draws_the_same_pixels() -> None:
    one, two, other = draw(SIZES[0], 3), draw(SIZES[0], 3), draw(SIZES[0], 4)
    assert np.array_equal(one.frame.pixels, two.frame.pixels)
    assert not np.array_equal(one.frame.pixels, other.frame.pixels)


def test_the_colours_are_far_apart() -> None:
    colours = np.array(list(COLOURS.values()))
    apart = np.abs(colours[:, None] - colours[None, :]).max(axis=2)
    assert (apart + 999 * np.eye(len(colours), dtype=int)).min() >= 80


@pytest.mark.parametrize(("quick", "many", "screens"), [(False, 12, 3), (True, 5, 2)])
def test_questions_reach_into_the_corners(quick: bool, many: int, screens: int) -> None:
    asked = questions(quick=quick)
    assert len(asked) == many
    assert len({id(question.screen) for question in asked}) == screens
    true = np.array([question.true for question in asked if question.target.sharp])
    assert (np.ptp(true, axis=0) > 600).all()


# A good server


def test_a_good_server_hits_everything_and_nothing_is_wrong() -> None:
    done = examine(Seeing(), quick=False)
    assert done.summary is not None
    assert (done.summary.hits, done.summary.asked, done.summary.grid) == (12, 12, 1000)
    assert done.summary.arrived == pytest.approx(1, abs=0.01)
    assert {finding.state for finding in done.findings} == {"ok"}
    assert [finding.name for finding in done.findings] == [
        "pointing", "picture", "speed", "schema", "prefix cache",
    ]  # fmt: skip


def test_the_native_tool_call_is_measured_as_well() -> None:
    done = examine(Seeing(), dialect="computer_use")
    assert done.summary is not None
    assert done.summary.hits == 5


def test_a_grid_of_999_is_told_and_is_no_fault() -> None:
    def writes(point: Point, size: Size) -> tuple[float, ...]:
        return tuple(999 * at / side for at, side in zip(point, size, strict=True))

    done = examine(Seeing(writes=writes), quick=False)
    assert done.summary is not None
    assert (done.summary.hits, done.summary.grid) == (12, 999)
    assert named(done.findings, "pointing").state == "ok"
    assert "on a 0-999 grid" in named(done.findings, "pointing").fact


# Places that are elsewhere


def pixels(point: Point, size: Size) -> tuple[float, ...]:
    return tuple(round(at) for at in point)


def swapped(point: Point, size: Size) -> tuple[float, ...]:
    return grid(point, size)[::-1]


def fractions(point: Point, size: Size) -> tuple[float, ...]:
    return tuple(at / side for at, side in zip(point, size, strict=True))


def percent(point: Point, size: Size) -> tuple[float, ...]:
    return tuple(100 * at / side for at, side in zip(point, size, strict=True))


def about_the_centre(point: Point, size: Size) -> tuple[float, ...]:
    """12 pixels too near to the middle at the edges of 1920."""
    return tuple(500 + 0.9875 * (at - 500) for at in grid(point, size))


def shifted(point: Point, size: Size) -> tuple[float, ...]:
    x, y = grid(point, size)
    return x + 16, y - 9


def stretched(point: Point, size: Size) -> tuple[float, ...]:
    x, y = grid(point, size)
    return 0.8 * x, 0.9 * y


def always_the_middle(point: Point, size: Size) -> tuple[float, ...]:
    return 500, 500


def anywhere(point: Point, size: Size) -> tuple[float, ...]:
    """Far from the target, by no rule."""
    return tuple((997 * int(at) + 13 * int(sum(point))) % 1000 for at in point)


LLAMA = {"/v1/models": {"data": [{"id": "qwen3-vl", "owned_by": "llamacpp"}]}}
VLLM = {"/v1/models": {"data": [{"id": "qwen3-vl", "owned_by": "vllm"}]}}
LM_STUDIO = {"/v1/models": {"data": [{"id": "qwen3-vl", "owned_by": "organization_owner"}]}}


@pytest.mark.parametrize(
    ("how", "cause", "remedy"),
    [
        (Seeing(writes=pixels), "pixel space", "take a Qwen3-VL"),
        (Seeing(writes=pixels, tile=28), "pixel space", "take a Qwen3-VL"),
        (Seeing(writes=swapped), "swapped axes", "another order"),
        (Seeing(writes=fractions), "fractions", "take a Qwen3-VL"),
        (Seeing(writes=percent), "percent", "take a Qwen3-VL"),
        (Seeing(sees=squared, pages=LLAMA), "black bars", "--image-min-tokens 1024"),
        (Seeing(writes=about_the_centre, pages=LLAMA), "scaled about the centre", "update llama.cpp"),
        (Seeing(writes=about_the_centre, pages=VLLM), "wrong scale", "update the server"),
        (Seeing(writes=stretched), "wrong scale", "resizes or pads"),
        (Seeing(writes=shifted, pages=VLLM), "shifted", "update vLLM"),
        (Seeing(writes=shifted), "shifted", "pads or crops"),
        (Seeing(writes=always_the_middle), "doesn't look", "mmproj"),
        (Seeing(writes=anywhere), "inexact", "quantised less"),
    ],
)
def test_a_server_that_points_elsewhere_is_named(how: Seeing, cause: str, remedy: str) -> None:
    done = examine(how)
    first, second = done.findings[:2]
    assert (first.name, second.name) == ("pointing", cause)
    assert second.state == "bad"
    assert remedy in second.remedy


def barred(picture: Image.Image) -> Image.Image:
    """Add 32 pixels of bars above and below, as an engine does that rounds a height up."""
    return ImageOps.expand(picture, (0, 16, 0, 16))


def test_bars_are_said_to_be_above_and_below() -> None:
    done = examine(Seeing(sees=barred), quick=False)
    assert "above and below" in named(done.findings, "black bars").fact


def test_two_wild_answers_do_not_hide_the_rule() -> None:
    replies = 0

    def mostly(point: Point, size: Size) -> tuple[float, ...]:
        nonlocal replies
        replies += 1
        return (3, 990) if (replies - 1) // 2 in {2, 7} else shifted(point, size)

    done = examine(Seeing(writes=mostly), quick=False)
    assert done.findings[1].name == "shifted"


# Replies that hold no place


def says(text: str) -> Callable[[str], str]:
    return lambda _: text


@pytest.mark.parametrize(
    ("how", "cause", "remedy"),
    [
        (Seeing(says=says("The Save button is at the top left.")), "prose", "--dialect computer_use"),
        (Seeing(says=says("<|im_start|>assistant\nIt is ")), "wrong chat template", "--jinja"),
        (Seeing(says=says("")), "empty replies", "mmproj"),
        (
            Seeing(says=says("It is at 5, 5."), key="reasoning_content"),
            "answer lost in the reasoning",
            "none",
        ),
        (
            Seeing(says=says("Let me see …"), key="reasoning", finish="length"),
            "thinking takes it all",
            "max_reply_tokens",
        ),
        (Seeing(says=lambda text: text[:20], finish="length"), "cut off", "max_reply_tokens"),
        (Seeing(says=says(" \n" * 50), finish="length"), "endless white space", "grammar"),
    ],
)
def test_a_server_without_readable_replies_is_named(how: Seeing, cause: str, remedy: str) -> None:
    done = examine(how)
    first, second = done.findings[:2]
    assert (first.name, first.state, second.name) == ("pointing", "bad", cause)
    assert "hit 0 of 5" in first.fact
    assert remedy in second.remedy


def test_a_model_without_eyes_is_named() -> None:
    class Blind(Seeing):
        def _tokens(self, picture: object) -> int:
            return -2

    done = examine(Blind(says=says("I see no picture.")))
    assert done.findings[1].name == "no picture"
    assert "--mmproj" in done.findings[1].remedy


def test_numbers_in_a_cut_or_prosaic_reply_are_never_a_click() -> None:
    cut = examine(Seeing(says=lambda text: text[:-2], finish="length"))
    assert cut.summary is not None
    assert cut.summary.hits == 0


# What stands beside


def test_a_server_that_shrinks_pictures_is_named_though_it_hits() -> None:
    done = examine(Seeing(sees=shrinking(1024), pages=VLLM))
    picture = named(done.findings, "picture")
    assert picture.state == "bad"
    assert "28% arrive" in picture.fact
    assert "mm-processor-kwargs" in picture.remedy


def test_lm_studio_shrinks_what_it_is_sent_and_the_points_stay_right() -> None:
    done = examine(Seeing(sees=shrinking(1024), pages=LM_STUDIO), quick=False)
    assert done.summary is not None
    assert done.summary.hits == 12
    picture = named(done.findings, "picture")
    assert picture.state == "warn"
    assert "2048 px" in picture.remedy


def test_tiles_of_28_pixels_are_noticed() -> None:
    assert "tiles" in named(examine(Seeing(tile=28)).findings, "picture").fact


@pytest.mark.parametrize(
    ("how", "name", "state", "fact"),
    [
        (Seeing(schema="ignores"), "schema", "warn", "doesn't obey"),
        (Seeing(schema="refuses"), "schema", "warn", "refuses"),
        (Seeing(caches=False, pages=VLLM), "prefix cache", "warn", "doesn't work"),
        (Seeing(caches=None), "prefix cache", "ok", ""),
        (Seeing(counts=False), "picture", "ok", "doesn't count"),
    ],
)
def test_what_the_server_can_is_said(how: Seeing, name: str, state: str, fact: str) -> None:
    finding = named(examine(how).findings, name)
    assert (finding.state, fact in finding.fact) == (state, True)


@pytest.mark.parametrize(("context", "state"), [(4096, "bad"), (8192, "warn"), (32768, "ok")])
def test_a_context_too_small_for_a_run_is_named(context: int, state: str) -> None:
    pages = {
        "/v1/models": {"data": [{"id": "qwen3-vl", "owned_by": "library"}]},
        "/api/ps": {"models": [{"name": "qwen3-vl", "context_length": context}]},
    }
    finding = named(examine(Seeing(pages=pages)).findings, "context")
    assert finding.state == state
    assert ("OLLAMA_CONTEXT_LENGTH" in finding.remedy) == (state != "ok")


# The figures


def replied(question: PointingQuestion, **times: float) -> Reply:
    x, y = question.true
    text = json.dumps({"action": "click", "bbox_2d": [x, y, x, y]})
    return Reply(text, prompt_tokens=2000, reply_tokens=31, times=times)


def measured(asked: tuple[PointingQuestion, ...], replies: list[Reply]) -> Measured:
    model = RecordedModel([Reply("", prompt_tokens=998), *replies])
    return measure(model, asked, dialect="grounded", max_picture_tokens=2048)


def test_a_step_is_split_into_prefill_and_decoding() -> None:
    asked = questions(quick=True)
    summary = summarise(measured(asked, [replied(one, first_token=3.0, total=4.5) for one in asked]))
    assert (summary.first_s, summary.decode_s, summary.total_s, summary.tokens_per_s) == (3.0, 1.5, 4.5, 20)
    assert summary.cached == ""


def test_a_prefix_cache_that_nobody_counts_shows_in_the_time() -> None:
    asked = questions(quick=True)
    seconds = [5.0, 1.0, 1.0, 9.0, 1.0]
    replies = [replied(one, first_token=at, total=at) for one, at in zip(asked, seconds, strict=True)]
    assert summarise(measured(asked, replies)).cached == "works"


def test_a_slow_model_gets_a_remedy() -> None:
    asked = questions(quick=True)
    done = measured(asked, [replied(one, first_token=30.0, total=45.0) for one in asked])
    speed = named(findings(done, summarise(done)), "speed")
    assert (speed.state, "smaller" in speed.remedy) == ("warn", True)


def test_an_action_that_is_no_click_counts_as_none() -> None:
    asked = questions(quick=True)
    done = measured(asked, [Reply('{"action": "wait", "seconds": 1}')] * 5)
    assert all(answer.error == "expected a click, got wait" for answer in done.answers)
    assert findings(done, summarise(done))[1].name == "prose"


def test_every_question_is_a_runs_first_step() -> None:
    told: list[tuple[Message, ...]] = []

    class Listening(RecordedModel):
        def reply(self, messages: Any, **rest: Any) -> Reply:
            told.append(tuple(messages))
            return super().reply(messages, **rest)

    asked = questions(quick=True)
    model = Listening([Reply("")] * 6)
    watched: list[tuple[str, int, int]] = []
    measure(
        model, asked, dialect="grounded", max_picture_tokens=2048, watch=lambda *said: watched.append(said)
    )
    assert not any(message.pictures for message in told[0])
    assert [message.role for message in told[1]] == ["system", "user"]
    assert told[1][0] == told[0][0]
    assert told[1][1].pictures == (asked[0].screen.frame,)
    assert asked[0].target.task in told[1][1].text
    assert [done for _, done, _ in watched] == [0, 1, 2, 3, 4, 5]
    assert {of for _, _, of in watched} == {6}


def test_it_can_be_stopped() -> None:
    with seeing(Seeing()) as server, pytest.raises(Stopped):
        examine_pointing(Settings(server=server.base_url, model="qwen3-vl"), stop=lambda: True)


TRUE = [(80.0, 90.0), (880.0, 870.0), (870.0, 100.0), (95.0, 860.0), (500.0, 480.0)]


@given(
    scale=st.floats(0.3, 1.5), offset=st.floats(-200, 200), wild=st.integers(0, 3), jump=st.floats(-900, 900)
)
def test_the_line_is_found_though_one_answer_is_wild(
    scale: float, offset: float, wild: int, jump: float
) -> None:
    said = [(scale * x + offset, scale * y - offset) for x, y in TRUE]
    said[wild] = (said[wild][0] + jump, said[wild][1])
    line = fit([Pair(t, s, (1920, 1080)) for t, s in zip(TRUE, said, strict=True)])
    assert line is not None
    assert line.y.scale == pytest.approx(scale)
    assert line.y.offset == pytest.approx(-offset, abs=1e-6)
    if abs(jump) > 30:
        assert line.x.scale == pytest.approx(scale)


def noisy(
    asked: tuple[PointingQuestion, ...], place: Callable[[float, float], Point], off: float, seed: int
) -> Measured:
    """Answers that are off by chance, as a model's are; `off` is the standard deviation in grid units."""
    chance = np.random.default_rng(seed)
    answers = []
    for question in asked:
        x, y = np.clip(np.array(place(*question.true)) + chance.normal(0, off, 2), 0, 1000).round()
        point = ModelPoint(float(x), float(y))
        answers.append(
            PointingAnswer(question, Reply("{}"), point, "", (x, y), again=False, sent_tokens=1000)
        )
    return Measured(tuple(answers))


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("off", [2.0, 5.0])
def test_a_model_that_is_a_little_inexact_is_not_accused(quick: bool, off: float) -> None:
    """Of 100 honest servers, at most one may be suspected by chance."""
    asked = questions(quick=quick)
    named = []
    for seed in range(100):
        done = noisy(asked, lambda x, y: (x, y), off, seed)
        named.append(cause(done, summarise(done), "llama.cpp"))
    assert sum(one is not None and one.name != "inexact" for one in named) <= 1


def test_a_shift_is_found_behind_the_noise() -> None:
    asked = questions()
    found = 0
    for seed in range(50):
        done = noisy(asked, lambda x, y: (x + 16, y - 9), 5.0, seed)
        one = cause(done, summarise(done), "vLLM")
        found += one is not None and one.name == "shifted"
    assert found >= 45


def test_too_few_answers_make_no_line() -> None:
    assert fit([]) is None
    assert fit([Pair((1, 1), (1, 1), (10, 10))] * 5) is None
    assert fit([Pair((0, 0), (0, 0), (10, 10)), Pair((900, 900), (900, 900), (10, 10))]) is None


def test_bad_aim_is_no_other_space() -> None:
    chance = np.random.default_rng(5)
    pairs = [Pair(true, tuple(chance.uniform(0, 1000, 2)), (1280, 800)) for true in TRUE]
    assert nearest_space(pairs)[0] == "grid"


def test_an_unknown_servers_remedies_name_no_server() -> None:
    asked = questions(quick=True)
    done = measured(asked, [replied(one) for one in asked])
    context = Measured(done.answers, About(context=2048))
    assert "start it with a context" in named(findings(context, summarise(context)), "context").remedy


# The command


def doctor(*args: str, home: Path, server: StreamServer | None = None) -> subprocess.CompletedProcess[str]:
    at = ["--server", server.base_url, "--model", "qwen3-vl"] if server else []
    return called(["doctor", *at, *args], home, {"PATH": os.environ["PATH"], "HOME": str(home)})


def test_the_command_says_it_all_as_json(tmp_path: Path) -> None:
    with seeing(Seeing(writes=swapped)) as server:
        done = doctor("--quick", "--json", home=tmp_path, server=server)
    assert done.stderr == ""
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "swapped axes" in [line.get("name") for line in lines]
    (figures,) = [line for line in lines if line.get("event") == "pointing"]
    assert (figures["asked"], figures["space"], len(figures["answers"])) == (5, "swapped", 5)


def test_the_command_says_it_to_a_person(tmp_path: Path) -> None:
    with seeing(Seeing(writes=swapped)) as server:
        done = doctor("--quick", home=tmp_path, server=server)
    assert "BAD  swapped axes: it answers [y, x]" in done.stdout
    assert "-> this is no Qwen3-VL" in done.stdout


def test_the_command_asks_nothing_where_no_model_is_configured(tmp_path: Path) -> None:
    done = doctor("--json", home=tmp_path)
    assert '"pointing"' not in done.stdout
    assert '"model"' in done.stdout


def test_only_a_model_that_looks_at_pictures_is_asked() -> None:
    assert not configured(Settings(model="auto"))
    assert not configured(Settings(model="oracle"))
    assert configured(Settings(model="8b"))
    assert configured(Settings(server="http://127.0.0.1:8080"))


def test_a_checkpoint_in_this_process_is_asked_too(tmp_path: Path) -> None:
    folder = str(checkpoint(tmp_path / "tiny", says="It is there", words=FEW))
    small = Settings(model=folder, device="cpu", dtype="float32", max_picture_tokens=64, constrain="never")
    done = examine_pointing(small, quick=True)
    assert [finding.name for finding in done.findings[:3]] == ["pointing", "prose", "picture"]
    assert done.summary is not None
    assert done.summary.arrived == pytest.approx(1, abs=0.2), "a few tokens more or less for the words"
    assert done.summary.cached == "works"


def test_a_server_that_is_gone_is_a_finding() -> None:
    with seeing(Seeing()) as server:
        gone = Settings(server=server.base_url, model="qwen3-vl")
    (finding,) = examine_pointing(gone).findings
    assert (finding.name, finding.state) == ("pointing", "bad")
    assert "can't connect" in finding.fact
