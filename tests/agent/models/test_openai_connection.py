"""The connection to a server is kept from reply to reply, and nothing else changes by that."""

import gc
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from stream_server import Answer, Answering, StreamServer, delta, ending, says, serving, streams, whole

from qvl_agent.actions.core.errors import ModelError, Stopped
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.openai.server import OpenAIModel

QUESTION = [Message("user", ("Where is it?",))]
ACTION = '{"action": "click", "bbox_2d": [1, 2, 3, 4]}'


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy server is asked again without the usual pauses."""
    monkeypatch.setattr("qvl_agent.agent.models.openai.server._PAUSES_S", (0.001, 0.001))


def model_at(server: StreamServer, timeout_s: float = 60.0) -> OpenAIModel:
    return OpenAIModel(server.base_url, "qwen3-vl", timeout_s=timeout_s)


def text(model: OpenAIModel) -> str:
    return model.reply(QUESTION, stop=lambda: False).text


WHOLE = whole({"choices": [{"message": {"content": ACTION}, "finish_reason": "stop"}]})


@pytest.mark.parametrize(
    "answer",
    [
        says(ACTION),
        WHOLE,
        streams(delta(content=ACTION), ending(), done=False),
        streams(delta(content=ACTION), ending(), "[DONE]", ": bye", done=False),
    ],
    ids=["streamed", "whole", "without its last line", "more after the last line"],
)
def test_a_runs_replies_come_over_one_connection(answer: Answer) -> None:
    with serving(answer) as server:
        model = model_at(server)
        assert [text(model) for _ in range(4)] == [ACTION] * 4
        model.about()
        model.models()
        assert text(model.with_schema({"type": "object"})) == ACTION
        model.close()
        assert (server.connections, len(server.asked)) == (1, 5)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_refusal_leaves_the_connection_open(status: int) -> None:
    with serving(whole({"error": {"message": "no"}}, status), says(ACTION)) as server:
        model = model_at(server).with_schema({"type": "object"})
        assert text(model) == ACTION
        model.close()
        assert (server.connections, len(server.asked)) == (1, 2)


def closes_after(to: Answering) -> None:
    """Answer well, and close the connection, as a server does whose patience with it is over."""
    says(ACTION)(to)
    to.whole = False


def says_that_it_closes(to: Answering) -> None:
    to.head(Connection="close")
    to.event(delta(content=ACTION))
    to.event(ending())
    to.end()


def closes_when_asked_again(to: Answering) -> None:
    """Close a connection just when another request comes over it: it is lost on its way."""
    if to.served == 1:
        says(ACTION)(to)
    else:
        to.connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("answer", [closes_after, says_that_it_closes, closes_when_asked_again])
def test_a_connection_that_the_server_has_closed_is_opened_anew(answer: Answer) -> None:
    with serving(answer) as server:
        model = model_at(server)
        assert [text(model) for _ in range(3)] == [ACTION] * 3
        model.close()
        lost = 3 if answer is closes_when_asked_again else 0  # the first after the questions what it is
        assert len(server.asked) == 3 + lost
        assert server.connections > 1


def test_a_new_connection_that_is_closed_is_an_error_and_isnt_asked_again() -> None:
    def closes(to: Answering) -> None:
        to.connection.shutdown(socket.SHUT_RDWR)

    with serving(says(ACTION), closes) as server:
        model = model_at(server)
        assert text(model) == ACTION
        with pytest.raises(ModelError, match="cut its reply off"):
            text(model)
        assert len(server.asked) == 3, "once over the kept connection, once over a new one"
        model.close()


@pytest.fixture
def over() -> Iterator[threading.Event]:
    ended = threading.Event()
    yield ended
    ended.set()


def waits(over: threading.Event, *, begins: bool) -> Answer:
    def answer(to: Answering) -> None:
        if begins:
            to.head()
            to.event(delta(content="The"))
        over.wait(30)

    return answer


@pytest.mark.parametrize("begins", [True, False])
def test_a_reply_that_was_stopped_or_late_hinders_no_later_one(begins: bool, over: threading.Event) -> None:
    slow = waits(over, begins=begins)
    with serving(says(ACTION), slow, says(ACTION), slow, says(ACTION)) as server:
        model = model_at(server)
        assert text(model) == ACTION
        stop = iter([False, False, True])
        with pytest.raises(Stopped):
            model.reply(QUESTION, stop=lambda: next(stop))
        assert text(model) == ACTION
        model._timeout_s = 0.1
        with pytest.raises(ModelError, match="no whole reply"):
            text(model)
        model._timeout_s = 60.0
        assert text(model) == ACTION
        assert (server.connections, len(server.asked)) == (3, 5)
        model.close()


def test_an_answer_that_stays_open_after_its_end_isnt_waited_for(
    over: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qvl_agent.agent.models.openai.server._AFTER_FINISH_S", 0.05)

    def stays_open(*events: object) -> Answer:
        def answer(to: Answering) -> None:
            to.head()
            for event in events:
                to.event(event)
            assert over.wait(30)

        return answer

    ended = (delta(content=ACTION), ending())
    with serving(stays_open(*ended, "[DONE]"), stays_open(*ended), says(ACTION)) as server:
        model = model_at(server)
        assert [text(model) for _ in range(3)] == [ACTION] * 3
        assert not over.is_set()
        model.close()


def test_several_threads_may_ask_at_once() -> None:
    together = threading.Barrier(3)

    def answer(to: Answering) -> None:
        together.wait(20)
        says(ACTION)(to)

    with serving(answer) as server, ThreadPoolExecutor(3) as pool:
        model = model_at(server)
        model.about()
        assert list(pool.map(lambda _: text(model), range(3))) == [ACTION] * 3
        model.close()


def test_a_model_that_was_closed_opens_another_connection() -> None:
    with serving(says(ACTION)) as server:
        model = model_at(server)
        assert text(model) == ACTION
        model.close()
        model.close()
        assert text(model) == ACTION
        assert server.connections == 2
        model.close()


def test_a_model_that_is_closed_ends_what_it_is_asked(over: threading.Event) -> None:
    with serving(waits(over, begins=True)) as server, ThreadPoolExecutor(1) as pool:
        model = model_at(server)
        came = threading.Event()
        asked = pool.submit(model.reply, QUESTION, stop=lambda: False, on_text=lambda _: came.set())
        assert came.wait(20)
        model.close()
        with pytest.raises(Stopped, match="closed while it was at work"):
            asked.result(20)


def test_a_model_that_nobody_holds_leaves_no_thread() -> None:
    with serving(says(ACTION)) as server:
        model = model_at(server)
        assert text(model) == ACTION
        assert model._connection._worker is not None
        thread = model._connection._worker.thread
        assert thread.is_alive()
        del model
        gc.collect()
        thread.join(20)
        assert not thread.is_alive()


def test_a_model_that_is_stopped_and_closed_at_once_leaves_nothing_behind() -> None:
    """What it leaves is seen as a warning when it is freed: a coroutine that was never awaited."""
    with serving(says(ACTION)) as server:
        for _ in range(30):
            model = model_at(server)
            with pytest.raises(Stopped):
                model.reply(QUESTION, stop=lambda: True)
            model.close()
        gc.collect()
