"""A server that answers well, and one that misbehaves in each way we know."""

import base64
import gzip
import io
import json
import socket
import threading
import time

import numpy as np
import pytest
from PIL import Image
from pytest_mock import MockerFixture
from stream_server import USAGE, Answer, Answering, StreamServer, delta, ending, says, serving, streams, whole

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import ModelError, SettingsError, Stopped
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.models.openai import server as openai_server
from qvl_agent.agent.models.openai.server import OpenAIModel

QUESTION = [Message("user", ("Where is the button?",))]
ACTION = '{"action": "click", "bbox_2d": [1, 2, 3, 4]}'


def frame(width: int = 1920, height: int = 1080) -> Frame:
    return Frame(np.zeros((height, width, 3), np.uint8), Rect(0, 0, width, height))


def never() -> bool:
    return False


def ask(*answers: Answer, messages: list[Message] = QUESTION, **settings: object) -> Reply:
    with serving(*answers) as server:
        return asked(server, messages, **settings)


def asked(server: StreamServer, messages: list[Message] = QUESTION, **settings: object) -> Reply:
    return OpenAIModel(server.base_url, "qwen3-vl", **settings).reply(messages, stop=never)  # type: ignore[arg-type]


def test_a_streamed_reply_comes_piece_by_piece_and_is_counted() -> None:
    pieces: list[str] = []
    with serving(says('{"action"', ': "等', '待"}')) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl")
        reply = model.reply(QUESTION, stop=never, on_text=pieces.append)
        model.close()
    assert pieces == ['{"action"', ': "等', '待"}']
    assert (reply.text, reply.finish) == ('{"action": "等待"}', "stop")
    assert (reply.prompt_tokens, reply.cached_tokens, reply.reply_tokens) == (1300, 1268, 5)
    assert 0 < reply.times["first_token"] <= reply.times["total"]


def test_the_request_is_greedy_and_its_pictures_fit_the_budget() -> None:
    shot = frame()
    messages = [Message("system", ("Look.",)), Message("user", (shot, "Click <|im_end|> it."))]
    with serving(says("ok")) as server:
        asked(
            server, messages, max_picture_tokens=1280, max_new_tokens=77, extra={"seed": 3}, api_key="s3cret"
        )
        (request,) = server.asked
    body = request.body
    assert (body["temperature"], body["max_tokens"], body["stream"], body["seed"]) == (0.0, 77, True, 3)
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert body["messages"][0] == {"role": "system", "content": "Look."}
    picture, text = body["messages"][1]["content"]
    assert text == {"type": "text", "text": "Click <|im_end |> it."}
    head, data = picture["image_url"]["url"].split(",")
    assert head == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (1504, 832)


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert ask(says("ok")).text == "ok"


def test_a_server_that_cannot_stream_is_read_whole() -> None:
    body = {"choices": [{"message": {"content": ACTION}, "finish_reason": "stop"}], "usage": USAGE["usage"]}
    reply = ask(whole(body))
    assert (reply.text, reply.reply_tokens) == (ACTION, 5)


def test_a_reply_without_its_last_line_is_whole_once_it_says_why_it_ended() -> None:
    assert ask(streams(delta(content=ACTION), ending(), done=False)).text == ACTION


def test_a_reply_that_ran_out_of_tokens_says_so() -> None:
    assert ask(says('{"action": "cl', finish="length")).finish == "length"


def test_halves_of_an_emoji_are_put_together_and_a_lone_one_is_replaced() -> None:
    assert ask(says("\ud83d", "\ude00 \ud800")).text == "😀 �"


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_an_answer_in_the_reasoning_counts_only_if_it_is_complete(key: str) -> None:
    reply = ask(says(f"It is at 5, 5.\n{ACTION}", key=key))
    assert (reply.text, reply.reasoning) == (ACTION, f"It is at 5, 5.\n{ACTION}")
    assert ask(says(f"It is at 5, 5.\n{ACTION[:-1]}", key=key)).text == ""
    assert ask(says(f"{ACTION} or maybe not", key=key)).text == ""
    assert ask(says(f"It is at 5, 5.\n{ACTION}", key=key, finish="length")).text == ""


def test_thinking_left_in_the_content_is_split_off() -> None:
    reply = ask(says("It is there.\n</think>\n\n", ACTION))
    assert (reply.text, reply.reasoning) == (ACTION, "It is there.")
    assert ask(says("<think>hm</think>", ACTION)).text == ACTION
    assert ask(says("<think>hm", ACTION, finish="length")).text == ""
    typed = '{"action": "type", "text": "a </think> b"}'
    assert ask(says(typed)).text == typed


def test_a_tool_call_that_the_server_took_apart_is_put_back() -> None:
    arguments = '{"action": "wait", "time": 2}'
    first = {"index": 0, "function": {"name": "computer_use", "arguments": arguments[:9]}}
    second = {"index": 0, "function": {"arguments": arguments[9:]}}
    reply = ask(streams(delta(tool_calls=[first]), delta(tool_calls=[second]), ending("tool_calls")))
    assert reply.finish == "stop"
    assert reply.text.startswith("<tool_call>\n")
    call = json.loads(reply.text.removeprefix("<tool_call>").removesuffix("</tool_call>"))
    assert call == {"name": "computer_use", "arguments": json.loads(arguments)}


def test_an_empty_reply_to_large_pictures_is_tried_again_with_smaller_ones() -> None:
    with serving(says(""), says(ACTION)) as server:
        assert asked(server, [Message("user", (frame(), "Where?"))]).text == ACTION
        sizes = [_picture_size(request.body) for request in server.asked]
    assert sizes == [(1920, 1088), (1344, 768)]


def test_each_picture_is_encoded_once_however_many_a_request_holds(mocker: MockerFixture) -> None:
    encoded = mocker.spy(openai_server, "data_url")
    shots = [frame(64, 64) for _ in range(40)]
    with serving(*[says(ACTION)] * 3) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl")
        for count in (39, 1, 40):
            model.reply([Message("user", (*shots[:count], "Where?"))], stop=never)
        assert len(server.asked) == 3
    assert encoded.call_count == 40


def test_an_empty_reply_to_words_is_given_as_it_is() -> None:
    with serving(says("")) as server:
        assert asked(server).text == ""
        assert len(server.asked) == 1


def _picture_size(body: dict[str, list[dict[str, list[dict[str, dict[str, str]]]]]]) -> tuple[int, int]:
    url = body["messages"][0]["content"][0]["image_url"]["url"]
    return Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).size


@pytest.mark.parametrize("size", [1, 2, 7])
def test_a_stream_may_be_cut_into_any_chunks(size: int) -> None:
    """Network chunks end anywhere: inside a character, between the two line ends of an event."""
    lines = [
        ": a comment",
        "event: message",
        "data: " + json.dumps(delta(content="等待 €"), ensure_ascii=False),
        "",
    ]
    lines += ["data:" + json.dumps(ending()), "", "data: [DONE]", "", ""]
    stream = "\r\n".join(lines).encode()

    def answer(to: Answering) -> None:
        to.head()
        for start in range(0, len(stream), size):
            to.chunk(stream[start : start + size])
        to.end()

    assert ask(answer).text == "等待 €"


def cut(to: Answering) -> None:
    to.head()
    to.event(delta(content=ACTION))
    to.connection.shutdown(socket.SHUT_RDWR)


def floods(to: Answering) -> None:
    to.head()
    while True:
        to.chunk(b"x" * 65536)


def comments(to: Answering) -> None:
    to.head()
    while True:
        to.chunk(b": still here\n" * 5000)


def error(status: int, message: str, **headers: str) -> Answer:
    return whole({"error": {"message": message}}, status, **headers)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (cut, "cut its reply off"),
        (streams(delta(content=ACTION), done=False), "cut off after 44 characters"),
        (streams(delta(content=ACTION)), "cut off after 44 characters"),
        (streams(), "cut off after 0 characters"),
        (streams(delta(content="{"), {"error": {"message": "GPU\nlost"}}), "the server failed: GPU lost"),
        (streams("{not json"), "expected JSON from the server, got '{not json'"),
        (streams('{"a":' * 100_000), "expected JSON from the server"),
        (streams("[" * 100_000), "expected a chat completion"),
        (streams("[1]"), "expected a chat completion with 'choices' from the server, got '[1]'"),
        (streams({"hello": 1}), "expected a chat completion"),
        (
            whole("<html>\n<body>Login</body>", kind="text/html"),
            "got '<html> <body>Login</body>'; check its URL",
        ),
        (whole(gzip.compress(b"0" * 10**7), Content_Encoding="gzip"), "expected an uncompressed reply"),
        (floods, "larger than 8 MiB"),
        (comments, "larger than 8 MiB"),
        (whole("", 307, Location="http://evil.example/v1"), "redirects to http://evil.example/v1"),
        (error(401, "no key"), "wants another API key (401: no key)"),
        (error(403, "no"), "wants another API key (403: no)"),
        (error(404, "The model `q` does not exist."), "has no model 'qwen3-vl'; it has other, small"),
        (error(400, "model 'qwen3-vl' not found"), "has no model 'qwen3-vl'; it has other, small"),
        (error(400, "bad value"), "refused the request (400: bad value)"),
        (error(400, "maximum context length is 4096"), "doesn't fit the model's context (400: maximum"),
        (error(500, "This input is too long"), "failed (500: This input is too long); see the server's log"),
        (whole("<b>Bad\ngateway</b>", 502), "failed (502: <b>Bad gateway</b>)"),
        (error(429, "slow down", Retry_After="0"), "is busy (429: slow down)"),
    ],
)
def test_a_bad_answer_is_one_line_with_a_remedy(
    answer: Answer, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qvl_agent.agent.models.openai.server._PAUSES_S", (0.001, 0.001))
    with serving(answer, models=("other", "small")) as server, pytest.raises(ModelError) as raised:
        asked(server)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.fault(46)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_before_anything_came(status: int) -> None:
    with serving(error(status, "later", Retry_After="0"), says(ACTION)) as server:
        assert asked(server).text == ACTION
        assert len(server.asked) == 2


@pytest.mark.fault(45)
def test_a_server_that_failed_midway_is_not_asked_again() -> None:
    with serving(cut, says(ACTION)) as server:
        with pytest.raises(ModelError):
            asked(server)
        assert len(server.asked) == 1


@pytest.mark.fault(43)
def test_a_refused_connection_says_to_start_the_server() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ModelError, match=r"can't connect to http://127.0.0.1:\d+/v1 .*start the server"):
            OpenAIModel(url, "qwen3-vl").reply(QUESTION, stop=never)


def test_an_unknown_host_is_named() -> None:
    model = OpenAIModel("http://no-such-host.invalid:8000/v1", "qwen3-vl", allow_remote=True)
    with pytest.raises(
        ModelError, match=r"(can't connect to|no answer from) http://no-such-host\.invalid:8000/v1"
    ):
        model.reply(QUESTION, stop=never)


def silent(to: Answering) -> None:
    to.server.hung_up.wait(20)


def drips(to: Answering) -> None:
    to.head()
    for byte in json.dumps(delta(content=ACTION)).encode():
        to.chunk(bytes([byte]))
        time.sleep(0.2)


@pytest.mark.parametrize("answer", [silent, drips])
def test_a_server_that_is_too_slow_is_given_up(answer: Answer) -> None:
    with pytest.raises(ModelError, match=r"no whole reply from http://127.0.0.1:\d+/v1 within 0.3 s"):
        ask(answer, timeout_s=0.3)


def trickles(to: Answering) -> None:
    to.head()
    for _ in range(1000):
        to.event(delta(content="."))
        time.sleep(0.02)


@pytest.mark.fault(52)
@pytest.mark.parametrize("answer", [silent, trickles])
def test_a_stop_is_heard_before_the_first_byte_and_between_pieces(answer: Answer) -> None:
    with serving(answer) as server:
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        with pytest.raises(Stopped):
            OpenAIModel(server.base_url, "qwen3-vl").reply(QUESTION, stop=stop.is_set)
        if answer is trickles:  # the connection is closed, so the server stops generating
            assert server.hung_up.wait(10)


def test_a_listener_that_fails_ends_the_request() -> None:
    def fails(piece: str) -> None:
        raise KeyboardInterrupt

    with serving(trickles) as server:
        with pytest.raises(KeyboardInterrupt):
            OpenAIModel(server.base_url, "qwen3-vl").reply(QUESTION, stop=never, on_text=fails)
        assert server.hung_up.wait(10)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.168.1.4:8000/v1",
        "https://api.example.com/v1",
        "http://0.0.0.0:8000",
        "http://localhost.example.com:8000",
        "http://127.0.0.1.nip.io:8000",
    ],
)
def test_a_server_elsewhere_needs_leave(url: str) -> None:
    with pytest.raises(SettingsError, match="pictures of your screen would leave it"):
        OpenAIModel(url, "m")


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://localhost", "http://", "http://[::1", "http://localhost:x"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="URL"):
        OpenAIModel(url, "m")


def test_credentials_in_the_url_are_refused_unseen() -> None:
    with pytest.raises(SettingsError) as raised:
        OpenAIModel("http://me:pa55@localhost:8000", "m")
    assert "pa55" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "complete"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1"),
        ("http://127.3.2.1:1234/v1/chat/completions", "http://127.3.2.1:1234/v1"),
        ("http://localhost:12434/engines/v1", "http://localhost:12434/engines/v1"),
    ],
)
def test_an_address_is_completed(url: str, complete: str) -> None:
    assert repr(OpenAIModel(url, "m")) == f"OpenAIModel('{complete}', 'm')"


def test_the_key_is_nowhere_to_be_read() -> None:
    key = "sk-verysecret"
    with serving(error(401, f"key {key} is unknown")) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", api_key=key)
        with pytest.raises(ModelError, match=r"key \*\*\* is unknown") as raised:
            model.reply(QUESTION, stop=never)
    assert key not in str(raised.value)
    assert key not in repr(model)
    with pytest.raises(SettingsError) as refused:
        OpenAIModel("http://localhost", "m", api_key=f"{key}\r\nX: y")
    assert key not in str(refused.value)


def test_the_servers_models_can_be_listed() -> None:
    with serving(says("ok"), models=("a", "b")) as server:
        assert OpenAIModel(server.base_url, "a").models() == ("a", "b")
