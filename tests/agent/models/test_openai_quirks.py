"""Servers on loopback that behave like each that people run, quirk by quirk."""

import base64
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stream_server import Answer, Answering, StreamServer, delta, ending, says, serving, streams, whole

from qvl_agent.actions.core.coordinates import ModelBox, Rect
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Click
from qvl_agent.agent.models.openai.detect import About
from qvl_agent.agent.models.openai.quirks import QUIRKS, ServerName
from qvl_agent.agent.models.openai.server import OpenAIModel

ACTION = '{"action": "click", "bbox_2d": [1, 2, 3, 4], "label": "Save"}'
SCHEMA = {"type": "object", "properties": {"action": {"type": "string"}}}
MODEL = "qwen3-vl"


def listed(owner: str, **fields: object) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": owner, **fields}]}


PAGES: dict[ServerName, dict[str, object]] = {
    "vLLM": {"/v1/models": listed("vllm", max_model_len=32768), "/version": {"version": "0.12.0"}},
    "SGLang": {"/v1/models": listed("sglang", max_model_len=16384)},
    "llama.cpp": {
        "/v1/models": listed("llamacpp", meta={"n_ctx_train": 262144}),
        "/props": {"default_generation_settings": {"n_ctx": 8192}, "build_info": "b7240-0123abcd"},
    },
    "Ollama": {
        "/v1/models": listed("library"),
        "/api/version": {"version": "0.13.1"},
        "/api/ps": {"models": [{"name": "other"}, {"name": MODEL, "context_length": 4096}]},
    },
    "LM Studio": {
        "/v1/models": listed("organization_owner"),
        "/api/v0/models": {"data": [{"id": MODEL, "type": "vlm", "loaded_context_length": 4096}]},
    },
    "Docker Model Runner": {"/engines/v1/models": listed("docker")},
    "": {"/v1/models": listed("someone")},
}
ABOUT: dict[ServerName, About] = {
    "vLLM": About("vLLM", "0.12.0", 32768),
    "SGLang": About("SGLang", "", 16384),
    "llama.cpp": About("llama.cpp", "b7240-0123abcd", 8192),
    "Ollama": About("Ollama", "0.13.1", 4096),
    "LM Studio": About("LM Studio", "", 4096),
    "Docker Model Runner": About("Docker Model Runner"),
    "": About(),
}


@contextmanager
def behaving(name: ServerName, *answers: Answer) -> Iterator[StreamServer]:
    """A server with the pages of the one that is named."""
    with serving(*answers, models=(MODEL,)) as server:
        server.pages = {path: whole(page) for path, page in PAGES[name].items()}
        if name == "Docker Model Runner":
            server.base_url = server.base_url.replace("/v1", "/engines/v1")
        yield server


def model_at(server: StreamServer, **settings: Any) -> OpenAIModel:
    return OpenAIModel(server.base_url, MODEL, **settings)


def ask(model: OpenAIModel, *pictures: Frame) -> Reply:
    return model.reply([Message("user", (*pictures, "Where is it?"))], stop=lambda: False)


def shot(width: int, height: int) -> Frame:
    return Frame(np.zeros((height, width, 3), np.uint8), Rect(0, 0, width, height))


def kinds_of(body: dict[str, Any]) -> list[str]:
    """What kind of picture each picture of a request says it is, and is."""
    urls = [part["image_url"]["url"] for part in body["messages"][-1]["content"] if "image_url" in part]
    found = []
    for head, _, data in (url.partition(";base64,") for url in urls):
        found.append((Image.open(io.BytesIO(base64.b64decode(data))).format or "").lower())
        assert head == f"data:image/{found[-1]}"
    return found


# Which server it is


@pytest.mark.parametrize("name", ABOUT)
def test_each_server_is_known_by_what_it_says_of_itself(name: ServerName) -> None:
    with behaving(name, says(ACTION)) as server:
        model = model_at(server)
        assert model.about() == ABOUT[name]
        asked = len(server.fetched)
        assert ask(model).text == ACTION
        assert len(server.fetched) == asked, "once is enough"


@pytest.mark.parametrize(
    ("path", "page", "name"),
    [
        ("/props", {"default_generation_settings": {"n_ctx": 512}}, "llama.cpp"),
        ("/api/version", {"version": "0.6"}, "Ollama"),
        ("/api/v0/models", {"data": []}, "LM Studio"),
    ],
)
def test_a_list_of_models_that_says_nothing_is_not_the_end(path: str, page: object, name: ServerName) -> None:
    """A model of one's own in Ollama has one's own name as its owner, and proxies take the owner away."""
    with behaving("", says(ACTION)) as server:
        server.pages[path] = whole(page)
        assert model_at(server).about().name == name


def test_the_server_header_counts_too() -> None:
    with behaving("", says(ACTION)) as server:
        server.header = "llama.cpp"
        assert model_at(server).about().name == "llama.cpp"


def test_a_server_that_still_loads_is_asked_again() -> None:
    with behaving("vLLM", says(ACTION)) as server:
        ready = server.pages["/v1/models"]
        server.pages["/v1/models"] = whole({"error": "loading"}, 503)
        model = model_at(server)
        assert model.about() == About()
        server.pages["/v1/models"] = ready
        assert model.about().name == "vLLM"


def broken(to: Answering) -> None:
    to.connection.close()


@pytest.mark.parametrize(
    "page", [whole("<html>", kind="text/html"), whole([1]), whole({"data": [3, {"owned_by": 7}]}), broken]
)
def test_nonsense_in_the_list_of_models_hinders_no_reply(page: Answer) -> None:
    with behaving("", says(ACTION)) as server:
        server.pages = {"/v1/models": page, "/props": broken, "/api/version": whole("[" * 9999)}
        model = model_at(server)
        assert model.about() == About()
        assert ask(model).text == ACTION


# Pictures


@pytest.mark.parametrize(
    ("name", "size", "budget", "sent"),
    [
        ("vLLM", (1920, 1080), 2048, (1920, 1088)),
        ("vLLM", (3840, 2160), 16384, (3840, 2176)),
        ("SGLang", (1366, 768), 2048, (1376, 768)),
        # at least the 1024 tokens below which it would enlarge, and add bars
        ("llama.cpp", (1280, 800), 2048, (1312, 832)),
        ("llama.cpp", (3840, 2160), 16384, (2720, 1536)),
        ("llama.cpp", (1280, 800), 512, (896, 544)),
        ("Ollama", (3840, 2160), 16384, (1920, 1056)),
        # as it is, and shrunk to 1024, of whole tiles
        ("LM Studio", (1920, 1080), 2048, (1536, 864)),
        ("LM Studio", (1080, 1920), 2048, (864, 1536)),
        ("LM Studio", (1280, 800), 2048, (1280, 800)),
        ("LM Studio", (800, 600), 2048, (800, 608)),
        ("Docker Model Runner", (1280, 800), 2048, (1312, 832)),
    ],
)
def test_each_server_gets_pictures_that_it_takes_as_they_are(
    name: ServerName, size: tuple[int, int], budget: int, sent: tuple[int, int]
) -> None:
    with behaving(name, says(ACTION)) as server:
        model = model_at(server, max_picture_tokens=budget)
        ask(model, shot(*size))
        (request,) = server.asked
    url = request.body["messages"][0]["content"][0]["image_url"]["url"]
    picture = Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))
    assert picture.size == sent
    assert model.picture_tokens(size) == sent[0] * sent[1] // 1024


@pytest.mark.parametrize("size", [(w, h) for w in range(900, 2700, 173) for h in range(500, 1700, 211)])
def test_what_lm_studio_shrinks_is_still_of_whole_tiles(size: tuple[int, int]) -> None:
    wide, high = QUIRKS["LM Studio"].picture_size(size, 2048)
    shrink = min(1, 1024 / max(wide, high))
    assert wide * shrink % 32 == high * shrink % 32 == wide % 32 == high % 32 == 0
    assert wide * high <= 2048 * 1024
    assert abs(wide / high / (size[0] / size[1]) - 1) < 0.08


# What fits


def test_ollama_is_not_given_what_it_would_drop_without_a_word() -> None:
    with behaving("Ollama", says(ACTION)) as server:
        model = model_at(server)
        assert ask(model, shot(1920, 1080)).text == ACTION
        with pytest.raises(ModelError, match=r"6121 tokens or more, and Ollama holds 4096") as raised:
            ask(model, *[shot(1920, 1080)] * 3)
        assert len(server.asked) == 1
    assert "OLLAMA_CONTEXT_LENGTH" in str(raised.value)


def test_ollamas_context_is_known_only_once_the_model_is_loaded() -> None:
    with behaving("Ollama", says(ACTION)) as server:
        loaded = server.pages.pop("/api/ps")
        model = model_at(server)
        assert ask(model, *[shot(1920, 1080)] * 3).text == ACTION
        server.pages["/api/ps"] = loaded
        with pytest.raises(ModelError, match="holds 4096"):
            ask(model, *[shot(1920, 1080)] * 3)


@pytest.mark.fault(53)
def test_other_servers_say_themselves_that_it_is_too_long() -> None:
    with behaving("LM Studio", says(ACTION)) as server:
        assert ask(model_at(server), *[shot(1920, 1080)] * 9).text == ACTION


# How a schema is asked for


def refuses(field: str, status: int = 400) -> Answer:
    """Refuse every request that has a field."""

    def answer(to: Answering) -> None:
        said = whole({"error": {"message": f"unsupported: {field}"}}, status)
        (said if field in to.asked.body else says(ACTION))(to)

    return answer


@pytest.mark.parametrize("name", QUIRKS)
def test_a_schema_is_asked_for_in_openais_way_and_never_by_guided_json(name: ServerName) -> None:
    with behaving(name, says(ACTION)) as server:
        model = model_at(server, response_schema=SCHEMA)
        ask(model)
        (request,) = server.asked
    assert request.body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert request.body["response_format"]["type"] == "json_schema"
    assert "guided_json" not in json.dumps(request.body)
    assert model.schema_form == "response_format"


@pytest.mark.parametrize(
    ("name", "form", "asked_by"),
    [
        ("vLLM", "structured_outputs", {"json": SCHEMA}),
        ("llama.cpp", "json_schema", SCHEMA),
        ("Docker Model Runner", "json_schema", SCHEMA),
    ],
)
def test_a_server_that_refuses_one_way_is_asked_in_its_own(
    name: ServerName, form: str, asked_by: object
) -> None:
    with behaving(name, refuses("response_format")) as server:
        model = model_at(server, response_schema=SCHEMA)
        assert ask(model).text == ask(model).text == ACTION
        bodies = [request.body for request in server.asked]
    assert ["response_format" in body for body in bodies] == [True, False, False], "remembered"
    assert [body.get(form) for body in bodies[1:]] == [asked_by, asked_by]
    assert model.schema_form == form


@pytest.mark.parametrize(("size", "finish"), [(29, "stop"), (30, "length"), (31, "stop")])
def test_a_text_that_ends_at_the_schemas_limit_may_be_cut(size: int, finish: str) -> None:
    """A server that keeps to the schema can only close it there; a longer text was not kept to anything."""
    text = json.dumps({"action": "type", "text": "x" * size})
    with behaving("llama.cpp", says(text)) as server:
        model = model_at(server).with_format(reply_format("grounded", max_text=30))
        assert isinstance(model, OpenAIModel)
        assert ask(model).finish == finish
        assert server.asked[0].body["response_format"]["json_schema"]["schema"]["anyOf"]


def test_a_server_is_not_asked_for_a_format_with_tags() -> None:
    with behaving("llama.cpp", says(ACTION)) as server:
        model = model_at(server)
        assert model.with_format(reply_format("computer_use")) is model


@pytest.mark.parametrize("status", [400, 422, 501])
def test_a_server_that_refuses_every_way_is_asked_without_from_then_on(status: int) -> None:
    with behaving("Ollama", refuses("response_format", status=status)) as server:
        model = model_at(server, response_schema=SCHEMA)
        assert ask(model).text == ask(model).text == ACTION
        assert ["response_format" in request.body for request in server.asked] == [True, False, False]
    assert model.schema_form is None


def test_a_refusal_for_another_reason_is_told_and_the_schema_is_kept() -> None:
    too_long = whole({"error": {"message": "maximum context length is 4096"}}, 400)
    with behaving("SGLang", too_long, says(ACTION), too_long, says(ACTION)) as server:
        model = model_at(server, response_schema=SCHEMA)
        for _ in range(2):  # before and after it is known that the server takes the schema
            with pytest.raises(ModelError, match=r"doesn't fit the model's context .*--context-length 32768"):
                ask(model)
            assert ask(model).text == ACTION
            assert "response_format" in server.asked[-1].body
        assert len(server.asked) == 4


@pytest.mark.parametrize("status", [400, 422, 500])
def test_a_refusal_of_a_request_whose_schema_was_taken_before_is_told(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qvl_agent.agent.models.openai.server._PAUSES_S", (0.001, 0.001))
    with behaving("vLLM", says(ACTION), whole({"error": {"message": "bad value"}}, status)) as server:
        model = model_at(server, response_schema=SCHEMA)
        assert ask(model).text == ACTION
        with pytest.raises(ModelError, match=f"{status}: bad value"):
            ask(model)
    assert model.schema_form == "response_format"


def test_without_a_schema_none_is_asked_for() -> None:
    with behaving("vLLM", says(ACTION)) as server:
        ask(model_at(server))
        assert not {"response_format", "structured_outputs"} & server.asked[0].body.keys()


# Where the answer lands


def test_sglang_eats_the_opening_tag_of_a_tool_call() -> None:
    call = '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [10, 20]}}'
    with behaving("SGLang", says(f"Action: click it\n{call}\n</tool_call>")) as server:
        action = read_reply(ask(model_at(server)))
    assert isinstance(action, Click)
    assert action.target == ModelBox.at(10, 20)


@pytest.mark.parametrize(
    ("name", "key"), [("Ollama", "reasoning"), ("LM Studio", "reasoning_content"), ("vLLM", "reasoning")]
)
def test_an_answer_among_the_thoughts_counts_if_it_is_whole(name: ServerName, key: str) -> None:
    """LM Studio forces a schema on the thoughts; Ollama and vLLM may sort the answer there."""
    with behaving(name, says(ACTION, key=key), says(ACTION[:-5], key=key)) as server:
        model = model_at(server, response_schema=SCHEMA)
        assert ask(model).text == ACTION
        assert ask(model).text == ""


# What was cached


@pytest.mark.parametrize(
    ("name", "last", "cached"),
    [
        ("vLLM", {"usage": {"prompt_tokens": 90, "prompt_tokens_details": {"cached_tokens": 64}}}, 64),
        ("vLLM", {"usage": {"prompt_tokens": 90, "prompt_tokens_details": None}}, None),
        ("llama.cpp", {"usage": {"prompt_tokens": 90}, "timings": {"cache_n": 70, "prompt_n": 20}}, 70),
        ("llama.cpp", {"timings": {"cache_n": 0}}, 0),
        ("Ollama", {"usage": {"prompt_tokens": 90}}, None),
        ("SGLang", {"usage": {"prompt_tokens_details": {"cached_tokens": True}}}, None),
        ("LM Studio", {"usage": {}, "timings": [1]}, None),
    ],
)
def test_cached_tokens_are_read_where_each_server_says_them(
    name: ServerName, last: dict[str, Any], cached: int | None
) -> None:
    ends = {"choices": [], **last}
    with behaving(name, streams(delta(content=ACTION), ending(), ends)) as server:
        assert ask(model_at(server)).cached_tokens == cached


# The kinds of pictures


@pytest.mark.parametrize("name", ABOUT)
def test_only_a_server_that_is_known_to_take_webp_gets_it(name: ServerName) -> None:
    with behaving(name, says(ACTION)) as server:
        ask(model_at(server), shot(640, 352))
        assert kinds_of(server.asked[-1].body) == ["webp" if name in ("vLLM", "SGLang") else "png"]


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_server_that_refuses_webp_gets_png_from_then_on(status: int) -> None:
    """A proxy may hand on what vLLM says of itself, and the pictures to something else."""
    cannot = whole({"error": {"message": "cannot identify image file"}}, status)
    with behaving("vLLM", cannot, says(ACTION)) as server:
        model = model_at(server)
        assert ask(model, shot(640, 352)).text == ACTION
        assert ask(model, shot(640, 352), shot(320, 224)).text == ACTION
        assert [kinds_of(one.body) for one in server.asked] == [["webp"], ["png"], ["png", "png"]]


def test_webp_that_is_refused_does_not_cost_the_schema() -> None:
    def answer(connection: Answering) -> None:
        webp = "webp" in kinds_of(connection.asked.body)
        (whole({"error": {"message": "no image"}}, 400) if webp else says(ACTION))(connection)

    with behaving("vLLM", answer) as server:
        model = model_at(server, response_schema=SCHEMA)
        ask(model, shot(640, 352))
        assert model.schema_form == "response_format"
        assert kinds_of(server.asked[-1].body) == ["png"]


def test_what_is_refused_as_png_too_is_an_error() -> None:
    with behaving("vLLM", whole({"error": {"message": "no images here"}}, 400)) as server:
        with pytest.raises(ModelError, match="no images here"):
            ask(model_at(server), shot(640, 352))
        assert [kinds_of(one.body) for one in server.asked] == [["webp"], ["png"]]


def test_words_that_are_refused_are_not_asked_again() -> None:
    with behaving("vLLM", whole({"error": {"message": "no"}}, 400)) as server:
        with pytest.raises(ModelError, match="no"):
            ask(model_at(server))
        assert len(server.asked) == 1
