"""Streams and whole answers, byte by byte, as servers and proxies send them: each is read, or refused truly.

The bytes are made for this, after what the servers are known to send.
"""

import json
import socket
from typing import Any

import pytest
from stream_server import SSE, Answer, Answering, delta, ending, framed, raw, serving, streams, whole

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import ModelError, ParseError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Click
from qvl_agent.agent.models.openai.server import OpenAIModel

ACTION = '{"action": "click", "bbox_2d": [100, 200, 140, 220], "label": "OK"}'
PROSE = "The total is 1,2"
SCHEMA = {"type": "object"}
TOO_LONG = "request (6009 tokens) exceeds the available context size (4096 tokens), try increasing it"
GOOD = framed(delta(content=ACTION[:20]), delta(content=ACTION[20:]), ending(), "[DONE]")
"""A good stream."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy server is asked again without the usual pauses."""
    monkeypatch.setattr("qvl_agent.agent.models.openai.server._PAUSES_S", (0.001, 0.001))


def ask(answer: Answer, **settings: Any) -> Reply:
    with serving(answer) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", **settings)
        try:
            return model.reply([Message("user", ("Where is it?",))], stop=lambda: False)
        finally:
            model.close()


def refusal(answer: Answer, **settings: Any) -> str:
    with pytest.raises(ModelError) as raised:
        ask(answer, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def choice(part: str, fields: object, finish: object) -> dict[str, Any]:
    return {"choices": [{"index": 0, part: fields, "finish_reason": finish}]}


def ended_by(finish: object, content: str = PROSE) -> list[Answer]:
    """The same end, streamed and whole."""
    streamed = framed(delta(content=content), choice("delta", {}, finish), "[DONE]")
    return [raw(streamed), whole(choice("message", {"role": "assistant", "content": content}, finish))]


# How a reply ends


@pytest.mark.parametrize("way", [0, 1], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    "finish",
    ["abort", "aborted", "error", "content_filter", "cancelled", "unload", "SAFETY", "insufficient_resource"],
)
def test_a_reply_that_was_cut_is_told_with_the_servers_word(finish: str, way: int) -> None:
    said = refusal(ended_by(finish)[way])
    assert "cut off" in said
    assert repr(finish) in said


@pytest.mark.parametrize("way", [0, 1], ids=["streamed", "whole"])
@pytest.mark.parametrize("finish", [None, "", "null", "None", 0, False, [], {}])
def test_what_says_no_end_is_no_end(finish: object, way: int) -> None:
    assert "cut off after 16 characters" in refusal(ended_by(finish)[way])


@pytest.mark.parametrize("finish", ["", "null", None])
def test_what_says_no_end_in_each_event_hides_no_end(finish: object) -> None:
    events = [choice("delta", {"content": piece}, finish) for piece in (ACTION[:9], ACTION[9:])]
    assert ask(raw(framed(*events, ending(), choice("delta", {}, finish), "[DONE]"))).text == ACTION


@pytest.mark.parametrize("way", [0, 1], ids=["streamed", "whole"])
@pytest.mark.parametrize(
    ("finish", "kept"),
    [
        *((word, "stop") for word in ("stop", "STOP", "eos", "eos_token", "stop_sequence", "end_turn")),
        *((word, "length") for word in ("length", "max_tokens", "MAX_TOKENS", "model_length")),
        *(({"type": word}, word) for word in ("stop", "length")),
    ],
)
def test_other_words_for_the_two_good_ends_are_known(finish: object, kept: str, way: int) -> None:
    reply = ask(ended_by(finish, ACTION)[way])
    assert (reply.text, reply.finish) == (ACTION, kept)


def breaks_off(data: str) -> Answer:
    """Send the bytes, and close the connection without the end of the body."""

    def answer(to: Answering) -> None:
        to.head()
        to.chunk(data.encode())
        to.connection.shutdown(socket.SHUT_RDWR)

    return answer


def closes(data: str, kind: str = SSE) -> Answer:
    """Send the bytes as HTTP/1.0 does: the body ends with the connection."""

    def answer(to: Answering) -> None:
        to.send_response(200)
        to.send_header("Content-Type", kind)
        to.send_header("Connection", "close")
        to.end_headers()
        to.wfile.write(data.encode())

    return answer


ENDED = framed(delta(content=ACTION), ending())


@pytest.mark.parametrize(
    "answer",
    [
        raw(ENDED.removesuffix("\n")),
        raw(ENDED.removesuffix("\n\n")),
        raw(ENDED.removesuffix("\n\n").replace("\n", "\r\n")),
        closes(ENDED.removesuffix("\n\n")),
        breaks_off(ENDED),
        raw(ENDED + 'data: {"usage": {"prompt_'),
        raw(ENDED + "data: [DONE]"),
        raw(ENDED + "data: [DONE]\n\ndata: {not json\n\n"),
    ],
)
def test_a_reply_is_whole_once_why_it_ended_has_come(answer: Answer) -> None:
    assert ask(answer).text == ACTION


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (raw(framed(delta(content=PROSE)) + 'data: {"choices": [{"delta": {"cont'), "cut off after 16"),
        (raw(framed(delta(content=PROSE)) + 'data: {"choices": [{"delta": {"cont\n\n'), "expected JSON"),
        (breaks_off(framed(delta(content=PROSE))), "cut its reply off"),
        (closes('{"choices": [{"message": {"content": "The tot', "application/json"), "cut off"),
        (raw("", kind="application/json"), "cut off after 0"),
    ],
)
def test_a_reply_that_breaks_off_is_never_taken_for_a_whole_one(answer: Answer, said: str) -> None:
    assert said in refusal(answer)


# What stands between the events


FILLERS = {
    "usage": '{"usage": {"prompt_tokens": 9, "completion_tokens": 4}}',
    "choices null": '{"object": "chat.completion.chunk", "choices": null}',
    "no choices": '{"id": "a", "object": "chat.completion.chunk", "choices": []}',
    "choice null": '{"choices": [null]}',
    "delta null": '{"choices": [{"index": 0, "delta": null, "finish_reason": null}]}',
    "error null": '{"error": null, "choices": []}',
    "null": "null",
    "object": "{}",
    "nothing": "",
    "list": "[]",
    "ping object": '{"type": "ping"}',
    "ping word": "ping",
    "ping text": '"keep-alive"',
}
LINES = {
    "comment": ": ping - 2026-01-01\n\n",
    "bare comment": ":\n\n",
    "event alone": "event: ping\n\n",
    "named ping": 'event: ping\ndata: {"type": "ping"}\n\n',
    "named words": "event: heartbeat\ndata: still here\n\n",
    "id and retry": "id: 7\nretry: 3000\n\n",
    "blank lines": "\n\n\n",
    "progress": 'data: {"prompt_progress": {"total": 9, "processed": 3}}\n\n',
}
FILLING = {**{name: f"data: {text}\n\n" for name, text in FILLERS.items()}, **LINES}


@pytest.mark.parametrize("filling", FILLING.values(), ids=FILLING)
def test_what_carries_nothing_may_stand_anywhere(filling: str) -> None:
    events = [framed(event) for event in (delta(content=ACTION[:20]), delta(content=ACTION[20:]), ending())]
    stream = filling + filling.join(events) + filling + "data: [DONE]\n\n"
    assert ask(raw(stream)).text == ACTION


def test_usage_is_counted_wherever_it_comes() -> None:
    reply = ask(raw(framed(FILLERS["usage"]) + GOOD))
    assert (reply.prompt_tokens, reply.reply_tokens) == (9, 4)
    reply = ask(raw(GOOD.replace("data: [DONE]", f"data: {FILLERS['usage']}\n\ndata: [DONE]")))
    assert (reply.prompt_tokens, reply.reply_tokens) == (9, 4)


@pytest.mark.parametrize(
    "stream",
    [
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("data: ", "data:"),
        GOOD.replace("data: ", "data: data: "),
        GOOD.replace("data: ", "event: message\nid: 1\ndata: "),
        GOOD.replace("data: [DONE]", "data: [DONE] "),
        "\ufeff" + GOOD,
        "\n" + GOOD,
        GOOD.replace("data: ", "").replace("[DONE]\n", ""),
        GOOD.replace(', "choices"', ',\ndata: "choices"'),
    ],
    ids=[
        *("crlf", "cr", "no blank lines", "no space", "framed twice", "named", "done with a space"),
        *("byte order mark", "blank line first", "json lines", "an event of two lines"),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_events_may_be_framed_in_any_way(stream: str, size: int) -> None:
    data = stream.encode()

    def answer(to: Answering) -> None:
        to.head()
        for start in range(0, len(data), size):
            to.chunk(data[start : start + size])
        to.end()

    assert ask(answer).text == ACTION


@pytest.mark.parametrize(
    "kind",
    [
        *("", "text/plain; charset=utf-8", "application/json", "text/html", "application/octet-stream"),
        *("Text/Event-Stream; charset=utf-8", "application/x-ndjson", "nonsense"),
    ],
)
def test_a_wrong_content_type_hinders_nothing(kind: str) -> None:
    assert ask(raw(GOOD, kind=kind)).text == ACTION
    one = choice("message", {"content": ACTION}, "stop")
    assert ask(whole(one, kind=kind)).text == ACTION
    assert ask(whole(json.dumps(one, indent=2) + "\n", kind=kind)).text == ACTION


def test_a_whole_reply_in_one_event_is_taken_once() -> None:
    one = choice("message", {"role": "assistant", "content": ACTION}, "stop")
    assert ask(raw(framed(one, "[DONE]"))).text == ACTION
    last = {"choices": [{"delta": {}, "message": {"content": ACTION}, "finish_reason": "stop"}]}
    assert ask(raw(framed(delta(content=ACTION), last, "[DONE]"))).text == ACTION
    assert ask(raw(framed(delta(content=ACTION), one, "[DONE]"))).text == ACTION


# Where the answer stands


TEXT = {"type": "text", "text": ACTION}
PARTS = {
    "one part": [TEXT],
    "two parts": [{"type": "text", "text": ACTION[:9]}, {"type": "text", "text": ACTION[9:]}],
    "output_text": [{"type": "output_text", "text": ACTION}],
    "texts": [ACTION[:9], ACTION[9:]],
    "one object": TEXT,
    "text in value": [{"type": "text", "text": {"value": ACTION}}],
    "no type": [{"text": ACTION}],
    "content inside": [{"type": "text", "content": ACTION}],
    "with other parts": [None, 7, {"type": "image_url", "image_url": {"url": "data:"}}, TEXT],
}


@pytest.mark.parametrize("way", ["streamed", "whole"])
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_content_may_be_a_list_of_parts(parts: object, way: str) -> None:
    one = whole(choice("message", {"content": parts}, "stop"))
    assert ask(streams(delta(content=parts), ending()) if way == "streamed" else one).text == ACTION


@pytest.mark.parametrize("way", ["streamed", "whole"])
@pytest.mark.parametrize(
    "fields",
    [
        {"content": [{"type": "thinking", "thinking": "Hm."}, TEXT]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, TEXT]},
        {"content": [{"type": "reasoning", "text": "Hm."}, TEXT]},
        {"content": ACTION, "reasoning": {"content": "Hm."}},
        {"content": ACTION, "reasoning_content": [{"type": "text", "text": "Hm."}]},
        {"content": ACTION, "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
        {"content": ACTION, "reasoning": "Hm.", "reasoning_details": [{"text": "Hm."}]},
        {"content": ACTION, "reasoning": "Hm.", "reasoning_content": "Hm."},
    ],
)
def test_thoughts_in_parts_are_kept_apart_from_the_answer(fields: dict[str, object], way: str) -> None:
    one = whole(choice("message", fields, "stop"))
    reply = ask(streams(delta(**fields), ending()) if way == "streamed" else one)
    assert (reply.text, reply.reasoning) == (ACTION, "Hm.")


@pytest.mark.parametrize("way", ["streamed", "whole"])
def test_a_refusal_is_the_models_answer(way: str) -> None:
    fields = {"content": None, "refusal": "I can't help with that."}
    one = whole(choice("message", fields, "stop"))
    assert ask(streams(delta(**fields), ending()) if way == "streamed" else one).text == fields["refusal"]


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content", "thinking", "reasoning_details"])
def test_thoughts_alone_are_no_answer_and_are_called_thoughts(key: str) -> None:
    thoughts: Any = [{"text": "It is red."}] if key == "reasoning_details" else "It is red."
    for answer in (
        streams(delta(**{key: thoughts}), ending()),
        whole(choice("message", {"content": None, key: thoughts}, "stop")),
        streams(delta(content="<think>It is red."), ending()),
    ):
        reply = ask(answer)
        assert (reply.text, reply.reasoning) == ("", "It is red.")
        with pytest.raises(ParseError, match=r"got only thoughts \(It is red\.\); answer with exactly one"):
            read_reply(reply)


# Tool calls that a server took apart


CLICK = '{"action": "left_click", "coordinate": [120, 210]}'
KEY = '{"action": "key", "keys": ["enter"]}'


def call(name: str | None, arguments: object, **fields: object) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments} if name is not None else {"arguments": arguments}
    return {"type": "function", "function": function, **fields}


def calls_of(reply: Reply) -> list[tuple[str, Any]]:
    blocks = reply.text.split("<tool_call>")[1:]
    read = [json.loads(block.removesuffix("</tool_call>")) for block in blocks]
    return [(one["name"], one["arguments"]) for one in read]


ONE_CALL: dict[str, list[object]] = {
    "name in every chunk": [
        [call("computer_use", "", index=0, id="a")],
        [call("computer_use", CLICK[:20], index=0, id="a")],
        [call("computer_use", CLICK[20:], index=0, id="a")],
    ],
    "another id in every chunk": [
        [call("computer_use", CLICK[:20], index=0, id="a")],
        [call("computer_use", CLICK[20:], index=0, id="b")],
        [call("computer_use", "", index=0, id="c")],
    ],
    "name in pieces": [
        [call("computer", None, index=0, id="a")],
        [call("_use", CLICK[:20], index=0)],
        [call("", CLICK[20:], index=0)],
    ],
    "name grows": [
        [call("computer", "", index=0)],
        [call("computer_use", CLICK, index=0)],
    ],
    "empty name after": [
        [call("computer_use", CLICK[:9], index=0)],
        [call("", CLICK[9:], index=0)],
        [call(None, None, index=0)],
    ],
    "said again at the end": [
        [call("computer_use", CLICK[:9], index=0, id="a")],
        [call(None, CLICK[9:], index=0)],
        [call("computer_use", CLICK, index=0, id="a")],
    ],
    "no index": [[call("computer_use", CLICK[:9], id="a")], [call(None, CLICK[9:])]],
    "index as text": [[call("computer_use", CLICK[:9], index="0")], [call(None, CLICK[9:], index="0")]],
    "one object": [call("computer_use", CLICK, index=0)],
    "arguments as an object": [[call("computer_use", json.loads(CLICK), index=0)]],
    "arguments as a text in a text": [[call("computer_use", json.dumps(CLICK), index=0)]],
    "no function around": [[{"index": 0, "name": "computer_use", "arguments": CLICK}]],
    "among nonsense": [[None, 7, {"function": None}, call("computer_use", CLICK, index=0)], 7, None],
}


@pytest.mark.parametrize("pieces", ONE_CALL.values(), ids=ONE_CALL)
def test_one_call_stays_one(pieces: list[object]) -> None:
    reply = ask(streams(*(delta(tool_calls=piece) for piece in pieces), ending("tool_calls")))
    assert calls_of(reply) == [("computer_use", json.loads(CLICK))]
    assert reply.finish == "stop"
    action = read_reply(reply)
    assert isinstance(action, Click)
    assert action.target == ModelBox.at(120, 210)


TWO_CALLS: dict[str, list[object]] = {
    "one index": [
        [call("computer_use", CLICK, index=0, id="a")],
        [call("computer_use", KEY, index=0, id="b")],
    ],
    "one index, no ids": [[call("computer_use", CLICK, index=0), call("computer_use", KEY, index=0)]],
    "one index, in pieces": [
        [call("computer_use", CLICK[:9], index=0, id="a")],
        [call(None, CLICK[9:], index=0)],
        [call("computer_use", "", index=0, id="b")],
        [call(None, KEY[:9], index=0)],
        [call(None, KEY[9:], index=0)],
    ],
    "no index": [[call("computer_use", CLICK, id="a"), call("computer_use", KEY, id="b")]],
    "no index, one after the other": [[call("computer_use", CLICK)], [call("computer_use", KEY)]],
    "two indices": [
        [call("computer_use", CLICK[:9], index=0), call("computer_use", KEY[:9], index=1)],
        [call(None, CLICK[9:], index=0), call(None, KEY[9:], index=1)],
    ],
}


@pytest.mark.parametrize("pieces", TWO_CALLS.values(), ids=TWO_CALLS)
def test_two_calls_stay_two(pieces: list[object]) -> None:
    reply = ask(streams(*(delta(tool_calls=piece) for piece in pieces), ending("tool_calls")))
    assert calls_of(reply) == [("computer_use", json.loads(CLICK)), ("computer_use", json.loads(KEY))]


def test_a_whole_answers_calls_are_read_the_same_way() -> None:
    for fields in (
        {"tool_calls": [call("computer_use", CLICK, id="a"), call("computer_use", KEY, id="b")]},
        {"tool_calls": [call("computer_use", CLICK, index=0), call("computer_use", KEY, index=0)]},
    ):
        reply = ask(whole(choice("message", {"content": None, **fields}, "tool_calls")))
        assert [name for name, _ in calls_of(reply)] == ["computer_use"] * 2
    again = {"tool_calls": call("computer_use", json.loads(CLICK), id="a")}
    assert calls_of(ask(whole(choice("message", again, "tool_calls")))) == [
        ("computer_use", json.loads(CLICK))
    ]


@pytest.mark.parametrize("finish", ["function_call", "stop"])
def test_the_older_function_call_is_read_too(finish: str) -> None:
    first = delta(function_call={"name": "computer_use", "arguments": CLICK[:9]})
    second = delta(function_call={"arguments": CLICK[9:]})
    reply = ask(streams(first, second, ending(finish)))
    assert (calls_of(reply), reply.finish) == ([("computer_use", json.loads(CLICK))], "stop")
    one = {"content": None, "function_call": {"name": "computer_use", "arguments": CLICK}}
    assert calls_of(ask(whole(choice("message", one, finish)))) == [("computer_use", json.loads(CLICK))]
    both = {**one, "tool_calls": [call("computer_use", CLICK, id="a")]}
    assert len(calls_of(ask(whole(choice("message", both, "tool_calls"))))) == 1


def test_coordinates_that_came_as_text_are_read_and_a_number_as_text_is_named_as_one() -> None:
    """A server that took an XML call apart sends every argument as text."""
    arguments = json.dumps({"action": "left_click", "coordinate": "[120, 210]"})
    reply = ask(streams(delta(tool_calls=[call("computer_use", arguments, index=0)]), ending("tool_calls")))
    action = read_reply(reply)
    assert isinstance(action, Click)
    assert action.target == ModelBox.at(120, 210)
    scroll = '{"action": "scroll", "bbox_2d": [1, 2, 3, 4], "direction": "down", "amount": "5"}'
    with pytest.raises(ParseError, match=r'"amount" as a number .* got the text 5; write .* without quotes'):
        read_reply(ask(streams(delta(content=scroll), ending())))


# Errors where a reply should be


ERROR = {"error": {"code": 400, "message": TOO_LONG}}
NO_ROOM = (
    f"the conversation doesn't fit the model's context ({TOO_LONG}); start it with a context of 32768 tokens"
)
ERRORS: dict[str, str] = {
    "bare json": json.dumps(ERROR),
    "bare json, indented": json.dumps(ERROR, indent=2),
    "bare json and an end": json.dumps(ERROR) + "\n\ndata: [DONE]\n\n",
    "field error": f"error: {json.dumps(ERROR['error'])}\n\n",
    "field error, no blank line": f"error: {json.dumps(ERROR['error'])}",
    "field error, words": f"error: {TOO_LONG}\n\n",
    "event error": f"event: error\ndata: {json.dumps(ERROR['error'])}\n\n",
    "event error, words": f"event: error\ndata: {TOO_LONG}\n\n",
    "data error": framed(ERROR),
    "error as words": framed({"error": TOO_LONG}),
    "object error": framed({"object": "error", "message": TOO_LONG, "type": "BadRequestError", "code": 400}),
    "type error": framed({"type": "error", "error": {"type": "invalid", "message": TOO_LONG}}),
    "status error": framed({"status": "error", "message": TOO_LONG}),
    "detail": framed({"detail": TOO_LONG}),
    "detail list": framed({"detail": [{"loc": [], "msg": TOO_LONG, "type": "value_error"}]}),
    "errors": framed({"errors": [{"message": TOO_LONG}]}),
    "message and code": framed({"message": TOO_LONG, "code": "400"}),
    "error in a choice": framed(
        {"choices": [{"delta": {}, "finish_reason": "error", "error": ERROR["error"]}]}
    ),
    "error beside choices": framed({"choices": [], **ERROR}),
    "error in an error": framed({"error": {"error": {"message": TOO_LONG}}}),
    "after a ping": ": ping\n\n" + framed("null", ERROR),
}


@pytest.mark.parametrize("kind", [SSE, "application/json"])
@pytest.mark.parametrize("stream", ERRORS.values(), ids=ERRORS)
def test_an_error_with_200_is_told_in_the_servers_words_and_with_the_remedy(stream: str, kind: str) -> None:
    with serving(raw(stream, kind=kind)) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl")
        with pytest.raises(ModelError) as raised:
            model.reply([Message("user", ("Where is it?",))], stop=lambda: False)
        model.close()
        assert len(server.asked) == 1
    assert NO_ROOM in str(raised.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"detail": [{"loc": ["body", "n"], "msg": "not a number", "type": "x"}]},
            "(400: body.n: not a number)",
        ),
        ({"detail": {"error": "no such thing"}}, "(400: no such thing)"),
        ({"object": "error", "message": "bad value", "code": 400}, "(400: bad value)"),
        ({"errors": [{"message": "bad value"}]}, "(400: bad value)"),
        ({"error": {"message": "", "type": "BadRequest"}}, "(400: BadRequest)"),
        ({"error": ["bad", "value"]}, "(400: bad)"),
        (f"error: {json.dumps({'message': 'bad value'})}\n\n", "(400: bad value)"),
        (framed({"error": {"message": "bad value"}}), "(400: bad value)"),
        ({"msg": "bad value"}, "(400: bad value)"),
        ("", "(400: Bad Request)"),
    ],
)
def test_the_words_of_a_refusal_are_found_wherever_they_stand(body: object, said: str) -> None:
    assert said in refusal(whole(body, 400))


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (
            framed(delta(content=PROSE), {"error": {"message": "GPU lost"}}),
            "the server failed: GPU lost; see",
        ),
        (
            framed(delta(content=PROSE), "CUDA out of memory"),
            "cut off after 16 characters (CUDA out of memory)",
        ),
        (
            framed("The total is 1,234."),
            "expected a chat completion with 'choices' from the server, got 'The to",
        ),
        (
            framed({"hello": 1}),
            "expected a chat completion with 'choices' from the server, got '{\"hello\": 1}'",
        ),
        (framed({"error": {"code": 401, "message": "no key"}}), "wants another API key"),
        (framed({"error": {"code": 404, "message": "no model"}}), "refused the request"),
    ],
)
def test_what_a_stream_holds_instead_of_a_reply_is_told(stream: str, said: str) -> None:
    assert said in refusal(raw(stream))


@pytest.mark.parametrize("status", [400, 413, 500, 503])
@pytest.mark.parametrize(
    "message",
    [
        "Context size has been exceeded.",
        "the request exceeds the available context size. try increasing the context size",
        "The decoder prompt (length 9000) is longer than the maximum model length of 4096.",
        "This model's maximum context length is 4096 tokens.",
    ],
)
def test_a_context_that_is_too_small_is_told_at_once(status: int, message: str) -> None:
    with serving(whole({"error": {"message": message}}, status)) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", response_schema=SCHEMA)
        with pytest.raises(ModelError, match="doesn't fit the model's context") as raised:
            model.reply([Message("user", ("Where is it?",))], stop=lambda: False)
        model.close()
        assert len(server.asked) == 1
    assert message in str(raised.value)


@pytest.mark.parametrize("status", [400, 500])
def test_a_server_without_eyes_is_told_at_once(status: int) -> None:
    said = "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"
    with serving(whole({"error": {"message": said}}, status)) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl")
        with pytest.raises(ModelError, match=r"takes no pictures .*mmproj.*start llama-server with --mmproj"):
            model.reply([Message("user", ("Where is it?",))], stop=lambda: False)
        model.close()
        assert len(server.asked) == 1


# A schema that a server refuses


NO_SCHEMA: dict[str, Answer] = {
    "500 without words": whole({"error": {"message": "", "type": "InternalServerError", "code": 500}}, 500),
    "500 with words": whole({"error": {"message": "failed to parse grammar"}}, 500),
    "500 without a body": whole("", 500),
    "in the stream": raw(framed({"error": {"message": "Failed to compile grammar", "code": 400}})),
    "in the stream, no code": raw(framed({"error": {"message": "Failed to initialize samplers"}})),
    "in the stream, after a role": raw(framed(delta(role="assistant", content=""), {"error": "bad schema"})),
    "bare json": raw(json.dumps({"error": {"message": "unsupported response_format", "code": 400}})),
    "ended at once": raw(framed(choice("delta", {}, "abort"), "[DONE]")),
    "ended by an error": whole(choice("message", {"content": None}, "error")),
    "detail": whole({"detail": [{"loc": ["body", "response_format"], "msg": "extra field"}]}, 422),
}


@pytest.mark.parametrize("refused", NO_SCHEMA.values(), ids=NO_SCHEMA)
def test_a_server_that_refuses_a_schema_is_asked_without(refused: Answer) -> None:
    def answer(to: Answering) -> None:
        (refused if "response_format" in to.asked.body else raw(GOOD))(to)

    with serving(answer) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", response_schema=SCHEMA)
        asked = [Message("user", ("Where is it?",))]
        assert [model.reply(asked, stop=lambda: False).text for _ in range(2)] == [ACTION] * 2
        model.close()
        kept = ["response_format" in request.body for request in server.asked]
    assert kept[-2:] == [False, False], "remembered"
    assert kept.count(True) <= 2
    assert model.schema_form is None


def test_a_server_that_fails_once_keeps_its_schema() -> None:
    with serving(whole({"error": "hiccup"}, 500), raw(GOOD)) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", response_schema=SCHEMA)
        assert model.reply([Message("user", ("Where is it?",))], stop=lambda: False).text == ACTION
        model.close()
    assert model.schema_form == "response_format"


def test_a_server_that_fails_without_a_schema_too_is_told_and_keeps_it() -> None:
    with serving(whole({"error": "GPU lost"}, 500)) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", response_schema=SCHEMA)
        with pytest.raises(ModelError, match="GPU lost"):
            model.reply([Message("user", ("Where is it?",))], stop=lambda: False)
        server.answers = [raw(GOOD)]
        assert model.reply([Message("user", ("Where is it?",))], stop=lambda: False).text == ACTION
        model.close()
    assert model.schema_form == "response_format"
