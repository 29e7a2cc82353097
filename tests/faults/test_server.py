"""What a model's server may do, through the whole loop: what the run ends with, and that nothing is sent."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fault_rig import CLICK, CLICKED, DONE, Rig, rig_on
from project import ROOT
from stream_server import Answer, Answering, delta, ending, says, serving, streams, whole

from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent import Run
from qvl_agent.agent.exit_codes import exit_code
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.sandbox.display import VirtualDisplay


@pytest.fixture
def rig(display: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(desktop, display.name, tmp_path / "runs") as running:
        yield running


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy server is asked again without the usual pauses."""
    monkeypatch.setattr("qvl_agent.agent.models.openai.server._PAUSES_S", (0.001, 0.001))


def run_with(rig: Rig, url: str, *, stop: Any = lambda: False, **options: Any) -> Run:
    with closing(OpenAIModel(url, "qwen3-vl", **options)) as model:
        return rig.run(model, stop=stop)


def error(status: int, message: str, **headers: str) -> Answer:
    return whole({"error": {"message": message}}, status, **headers)


def cut(text: str) -> Answer:
    def answer(to: Answering) -> None:
        to.head()
        to.event(delta(content=text))
        to.connection.shutdown(socket.SHUT_RDWR)

    return answer


def flood(megabytes: int) -> Answer:
    def answer(to: Answering) -> None:
        to.head()
        for _ in range(megabytes):
            to.event(delta(content="a" * 1_000_000))

    return answer


BOMB = gzip.compress(b"data: " + b"0" * 50_000_000)
ENDS = {
    45: [
        (cut(CLICK), "cut its reply off"),
        (cut(CLICK[:30]), "cut its reply off"),
        (streams(delta(content=CLICK), done=False), "cut off after"),
        (streams(delta(content=CLICK[:50])), "cut off after"),
    ],
    46: [
        (error(500, "CUDA out of memory"), "500: CUDA out of memory"),
        (whole("<b>Bad gateway</b>", 502, "text/html"), "502: <b>Bad gateway</b>"),
        (error(503, "loading"), "503: loading"),
        (streams(delta(content=CLICK), {"error": {"message": "GPU lost"}}), "the server failed: GPU lost"),
    ],
    47: [(error(429, "slow down", Retry_After="0"), "429: slow down")],
    48: [
        (error(401, "no key"), "wants another API key"),
        (error(404, "The model `q` does not exist."), "has no model 'qwen3-vl'; it has other"),
    ],
    49: [(whole("<html>Please log in</html>", kind="text/html"), "got '<html>Please log in</html>'")],
    50: [
        (whole(BOMB, kind="text/event-stream", Content_Encoding="gzip"), "expected an uncompressed reply"),
        (flood(1000), "larger than 8 MiB"),
    ],
    53: [(error(400, "maximum context length is 4096 tokens"), "doesn't fit the model's context")],
}
"""Answers by the fault that they show, each with a piece of what the run ends with."""


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(answer, said, marks=pytest.mark.fault(number), id=f"{number}-{at}")
        for number, cases in ENDS.items()
        for at, (answer, said) in enumerate(cases)
    ],
)
def test_the_run_ends_and_says_why(rig: Rig, answer: Answer, said: str) -> None:
    with serving(answer, models=("other",)) as server:
        run = run_with(rig, server.base_url)
    assert (run.status, exit_code(run.result), rig.sent()) == ("model-error", 5, [])
    assert said in run.result.message
    assert "\n" not in run.result.message


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    "status",
    [
        pytest.param(429, marks=pytest.mark.fault(47)),
        *(pytest.param(status, marks=pytest.mark.fault(46)) for status in (500, 502, 503)),
    ],
)
def test_a_server_that_recovers_is_asked_again_and_its_action_done_once(rig: Rig, status: int) -> None:
    with serving(error(status, "later", Retry_After="0"), says(CLICK), says(DONE)) as server:
        run = run_with(rig, server.base_url)
        assert len(server.asked) == 3
    assert (run.status, rig.clicks_and_keys()) == ("done", CLICKED)


@pytest.mark.fault(47)
def test_a_busy_server_is_given_the_time_it_asks_for(rig: Rig) -> None:
    with serving(error(429, "slow down", Retry_After="1"), says(DONE)) as server:
        start = time.monotonic()
        assert run_with(rig, server.base_url).status == "done"
    assert time.monotonic() - start >= 1


@pytest.mark.fault(43)
def test_where_nothing_listens_the_address_is_named(rig: Rig) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        run = run_with(rig, url)
    assert (run.status, exit_code(run.result), rig.sent()) == ("model-error", 5, [])
    assert f"can't connect to {url}" in run.result.message
    assert "start the server" in run.result.message


def late(seconds: float) -> Answer:
    def answer(to: Answering) -> None:
        time.sleep(seconds)
        says(CLICK)(to)

    return answer


@pytest.mark.fault(44)
@pytest.mark.parametrize(
    "seconds", [1.5, pytest.param(61, marks=pytest.mark.nightly)], ids=["soon", "a minute"]
)
def test_a_late_first_byte_is_waited_for(rig: Rig, seconds: float) -> None:
    with serving(late(seconds), says(DONE)) as server:
        run = run_with(rig, server.base_url)
    assert (run.status, rig.clicks_and_keys()) == ("done", CLICKED)


MEASURE = """
import resource, sys
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.openai.server import OpenAIModel
model = OpenAIModel(sys.argv[1], "qwen3-vl")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    model.reply([Message("user", ("hello",))], stop=lambda: False)
except ModelError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.fault(50)
@pytest.mark.parametrize(
    "answer", [flood(1000), whole(BOMB, kind="text/event-stream", Content_Encoding="gzip")]
)
def test_a_flood_takes_little_memory(answer: Answer) -> None:
    """A gigabyte, and fifty megabytes in a few kilobytes: in MiB, of a process of its own."""
    with serving(answer) as server:
        command = [sys.executable, "-c", MEASURE, server.base_url]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 64


@pytest.mark.fault(51)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(rig: Rig, status: int) -> None:
    with serving(says(CLICK)) as elsewhere:
        place = f"{elsewhere.base_url}/chat/completions"
        with serving(whole("", status, Location=place)) as server:
            run = run_with(rig, server.base_url)
        assert (elsewhere.asked, elsewhere.fetched) == ([], [])
    assert (run.status, rig.sent()) == ("model-error", [])
    assert f"redirects to {place}" in run.result.message


def silent(to: Answering) -> None:
    to.server.hung_up.wait(20)


def drips(to: Answering) -> None:
    to.head()
    for byte in json.dumps(delta(content=CLICK)).encode():
        to.chunk(bytes([byte]))
        time.sleep(0.5)


def trickles(to: Answering) -> None:
    to.head()
    to.event(delta(content=CLICK))
    for _ in range(1000):
        to.event(delta(content=" "))
        time.sleep(0.02)
    to.event(ending())


@pytest.mark.fault(52, 54)
@pytest.mark.parametrize("answer", [silent, drips, trickles])
def test_a_stop_during_a_request_ends_the_run_at_once(rig: Rig, answer: Answer) -> None:
    """Within a tenth of a second, with a generous cap for a machine that is busy."""
    stopped: list[float] = []

    def stop() -> None:
        stopped.append(time.monotonic())

    with serving(answer) as server:
        threading.Timer(0.5, stop).start()
        run = run_with(rig, server.base_url, stop=lambda: bool(stopped))
        took = time.monotonic() - stopped[0]
    assert (run.status, rig.sent()) == ("stopped", [])
    assert took < 1


@pytest.mark.fault(54)
def test_a_byte_now_and_then_is_given_up_at_the_time_out(rig: Rig) -> None:
    with serving(drips) as server:
        run = run_with(rig, server.base_url, timeout_s=1.0)
    assert (run.status, rig.sent()) == ("model-error", [])
    assert "no whole reply" in run.result.message
