"""Servers on loopback and checkpoints in caches, found as `auto` finds them; and what it takes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import huggingface_hub.constants
import pytest
from stream_server import says, serving
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.doctor import environment as doctor
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.choice import auto, found
from qvl_agent.agent.models.choice.auto import (
    Checkpoint,
    ModelChooser,
    Nothing,
    Offer,
    Served,
    look_around,
    named,
)
from qvl_agent.agent.models.choice.found import LocalServer, cached_checkpoints, on_disk, running_servers
from qvl_agent.agent.models.choice.memory import Memory, memory_here
from qvl_agent.agent.models.choice.presets import PRESETS, find_preset
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.agent.opening import open_model, open_model_for
from qvl_agent.agent.registry.servers import open_server
from qvl_agent.agent.settings import load_settings

GIB = 2**30
LAPTOP = Memory(gpu=0, ram=24 * GIB)
CARD = Memory(gpu=23 * GIB, ram=60 * GIB, fp8=True)


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty caches, and no settings from this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "modelscope"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in (
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
        *(n for n in os.environ if n.startswith("QVL_AGENT_")),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    return tmp_path


def in_hub_cache(root: Path, hub_id: str, **config: object) -> Path:
    """Lay a checkpoint out as huggingface_hub does, its weights empty."""
    repository = root / "hf" / "hub" / f"models--{hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0123abc")
    return bare(repository / "snapshots" / "0123abc", **config)


def bare(folder: Path, gib: float = 0, **config: object) -> Path:
    """A checkpoint's files without content; the weights are a hole of that size."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_vl", **config}))
    with (folder / "model.safetensors").open("wb") as file:
        file.truncate(int(gib * GIB))
    return folder


@contextmanager
def silent_listener() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


# Servers


def test_a_running_server_with_a_qwen3_vl_is_found_among_others() -> None:
    with (
        serving(says("no"), models=("llama3:8b", "qwen2.5vl:7b")) as other,
        serving(says("no"), models=("nomic-embed", "qwen3-vl:2b", "qwen3-vl:8b")) as ours,
        silent_listener() as silent,
        socket.create_server(("127.0.0.1", 0)) as unused,
    ):
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        unused.close()
        urls = {"LM Studio": other.base_url, "SGLang": silent, "vLLM": closed, "Ollama": ours.base_url}
        places = [LocalServer(engine, url) for engine, url in urls.items()]
        servers = running_servers(places)
        assert [(one.engine, one.url, one.models) for one in servers] == [
            ("Ollama", ours.base_url, ("qwen3-vl:8b", "qwen3-vl:2b"))
        ]
        taken = look_around(places=places)
    assert taken == Served("Ollama", ours.base_url, "qwen3-vl:8b")
    assert [one.path for one in ours.fetched] == ["/v1/models"] * 2
    assert not any("Authorization" in one.headers for one in ours.fetched)


def test_the_usual_ports_are_loopback_alone() -> None:
    ports = {place.engine: place.url for place in found.LOCAL_SERVERS}
    assert all(url.startswith("http://127.0.0.1:") for url in ports.values())
    assert len(ports) == 6


def test_models_that_run_elsewhere_are_never_taken_by_auto() -> None:
    with serving(says("no"), models=("qwen3-vl:235b-cloud", "qwen3-vl:235b-instruct-cloud")) as ollama:
        assert running_servers([LocalServer("Ollama", ollama.base_url)]) == ()


def test_a_script_with_an_event_loop_may_look_around() -> None:
    async def script() -> int:
        with serving(says("no")) as server:
            return len(running_servers([LocalServer("vLLM", server.base_url)]))

    assert asyncio.run(script()) == 1


def test_a_port_that_another_person_holds_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(says("no")) as server:
        port = server.server_address[1]
        assert found._listeners(port) == {os.getuid()}
        place = LocalServer("vLLM", server.base_url)
        monkeypatch.setattr(found, "_listeners", lambda _: {os.getuid() + 54321})
        assert running_servers([place]) == ()
        assert server.fetched == []
        monkeypatch.setattr(found, "_listeners", lambda _: {0, 101})  # a service of the system
        assert len(running_servers([place])) == 1


def test_the_kernels_table_of_sockets_is_read_by_port_and_state(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1 0\n"
        "   1: 0100007F:1F40 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1002        0 2 1 0\n"
        "   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1003        0 3 1 0\n"
    )
    assert found._listeners(8000, [str(table), str(tmp_path / "absent")]) == {1001}


# Caches


def test_whole_checkpoints_are_found_in_both_caches(caches: Path) -> None:
    small = in_hub_cache(caches, "Qwen/Qwen3-VL-2B-Instruct", gib=4)
    in_hub_cache(caches, "Qwen/Qwen3-VL-Embedding-2B")
    in_hub_cache(caches, "Qwen/Qwen2.5-VL-7B-Instruct", model_type="qwen2_5_vl")
    broken = in_hub_cache(caches, "Qwen/Qwen3-VL-32B-Instruct")
    (broken / "model.safetensors").unlink()
    fp8 = {"quant_method": "fp8"}
    old = bare(caches / "modelscope/hub/models/Qwen/Qwen3-VL-8B-Thinking-FP8", quantization_config=fp8)
    new = bare(caches / "modelscope/models/Qwen--Qwen3-VL-4B-Instruct/snapshots/master")
    facts = [
        (one.name, one.folder, one.cache, one.thinking, one.quantization) for one in cached_checkpoints()
    ]
    assert facts == [
        ("Qwen/Qwen3-VL-8B-Thinking-FP8", old, "ModelScope", True, "fp8"),
        ("Qwen/Qwen3-VL-4B-Instruct", new, "ModelScope", False, ""),
        ("Qwen/Qwen3-VL-2B-Instruct", small, "Hugging Face", False, ""),
    ]
    assert on_disk("Qwen/Qwen3-VL-4B-Instruct") == str(new)
    assert on_disk("Qwen/Qwen3-VL-2B-Instruct") == "Qwen/Qwen3-VL-2B-Instruct"
    assert on_disk("Qwen/Qwen3-VL-32B-Instruct") is None
    assert on_disk(str(small)) == str(small)


def test_the_hubs_own_variables_say_where_its_cache_is(caches: Path) -> None:
    """The hub's client reads them when it is imported, so it is asked in a process of its own."""
    in_hub_cache(caches, "Qwen/Qwen3-VL-2B-Instruct")
    program = (
        "from qvl_agent.agent.models.choice.found import cached_checkpoints\n"
        "print([found.name for found in cached_checkpoints()])"
    )

    def found(**variables: str) -> str:
        clean = {"PATH": "/usr/bin:/bin", "HOME": str(caches), **variables}
        words = [sys.executable, "-c", program]
        return subprocess.run(words, env=clean, capture_output=True, text=True, check=True).stdout.strip()

    assert found() == "[]"
    for variables in (
        {"HF_HOME": str(caches / "hf")},
        {"HF_HUB_CACHE": str(caches / "hf" / "hub")},
    ):
        assert found(**variables) == "['Qwen/Qwen3-VL-2B-Instruct']"


# What auto takes


@pytest.mark.parametrize(
    ("memory", "taken"),
    [
        (LAPTOP, "Qwen/Qwen3-VL-2B-Instruct"),  # an 8B would fit, and take minutes a step on a CPU
        (Memory(gpu=0, ram=5 * GIB), None),
        (CARD, "Qwen/Qwen3-VL-8B-Instruct"),
        (Memory(gpu=15 * GIB, ram=9 * GIB, fp8=True), "Qwen/Qwen3-VL-8B-Instruct-FP8"),
        (Memory(gpu=15 * GIB, ram=9 * GIB, fp8=False), "Qwen/Qwen3-VL-2B-Instruct"),
    ],
)
def test_of_the_cached_the_largest_that_fits_is_taken(
    caches: Path, memory: Memory, taken: str | None
) -> None:
    in_hub_cache(caches, "Qwen/Qwen3-VL-2B-Instruct", gib=3.96)
    in_hub_cache(
        caches, "Qwen/Qwen3-VL-8B-Instruct-FP8", gib=9.9, quantization_config={"quant_method": "fp8"}
    )
    in_hub_cache(caches, "Qwen/Qwen3-VL-8B-Instruct", gib=16.3)
    in_hub_cache(caches, "some/Qwen3-VL-32B-AWQ", gib=1, quantization_config={"quant_method": "awq"})
    chosen = look_around(places=(), memory=lambda: memory, offers=False)
    assert (chosen.found.name if isinstance(chosen, Checkpoint) else None) == taken
    assert taken is None or taken in chosen.why


@pytest.mark.parametrize(
    ("memory", "offered"),
    [
        (LAPTOP, "4b"),
        (Memory(gpu=0, ram=9 * GIB), "2b"),
        (LAPTOP, "4b-q4"),
        (Memory(gpu=0, ram=9 * GIB), "4b-q4"),
        (Memory(gpu=0, ram=7 * GIB), "2b-q4"),
        (CARD, "8b"),
        (Memory(gpu=16 * GIB, ram=0, fp8=True), "8b-fp8"),
        (Memory(gpu=16 * GIB, ram=0), "4b"),
        (Memory(gpu=80 * GIB, ram=0, fp8=True), "32b"),
        (Memory(gpu=640 * GIB, ram=0, fp8=True), "235b-a22b"),
    ],
)
def test_where_nothing_is_here_the_largest_that_fits_is_offered(
    memory: Memory, offered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "is_installed", lambda: memory.gpu == 0 and offered.endswith("q4"))
    offer = look_around(places=(), memory=lambda: memory)
    assert isinstance(offer, Offer)
    assert (offer.hub_id, offer.size) == (PRESETS[offered].hub_id, PRESETS[offered].download_bytes)
    assert offer.size is not None
    assert f"({offer.size / GIB:.1f} GiB)" in offer.what
    assert not ModelChooser().download(offer)


def test_too_little_memory_is_said() -> None:
    nothing = look_around(places=(), memory=lambda: Memory(gpu=0, ram=2 * GIB))
    assert isinstance(nothing, Nothing)
    assert "2.0 GiB" in nothing.why


def test_this_machine_has_memory() -> None:
    here = memory_here()
    assert 0.1 * GIB < here.ram < 2**50
    assert here.most in (here.gpu, here.ram)


class Answers(ModelChooser):
    """Takes down what it is told, and gives one answer."""

    def __init__(self, answer: bool) -> None:
        self.answer = answer
        self.told: list[str] = []
        self.offers: list[Offer] = []

    def chosen(self, why: str) -> None:
        self.told.append(why)

    def download(self, offer: Offer) -> bool:
        self.offers.append(offer)
        return self.answer


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server on the usual ports, whatever runs on this machine."""
    monkeypatch.setattr(auto, "look_around", partial(look_around, places=(), memory=lambda: LAPTOP))


@pytest.mark.usefixtures("alone")
def test_auto_asks_before_it_downloads_and_names_the_command() -> None:
    asked = Answers(False)
    with (
        pytest.raises(ModelError, match=r"hf download Qwen/Qwen3-VL-4B-Instruct-GGUF --include '\*Q4_K_M"),
        open_model_for(load_settings({}), chooser=asked),
    ):
        pass
    assert [offer.hub_id for offer in asked.offers] == ["Qwen/Qwen3-VL-4B-Instruct-GGUF"]
    with pytest.raises(ModelError, match="nothing is downloaded unasked"), open_model():
        pass


@pytest.mark.usefixtures("alone")
def test_auto_opens_a_cached_checkpoint_and_says_so(caches: Path) -> None:
    checkpoint(in_hub_cache(caches, "Qwen/Qwen3-VL-2B-Instruct"), words=FEW)
    told = Answers(False)
    with open_model_for(load_settings({"device": "cpu"}), chooser=told) as model:
        assert isinstance(model, TransformersModel)
    assert len(told.told) == 1
    assert "Qwen/Qwen3-VL-2B-Instruct is in the Hugging Face cache" in told.told[0]
    assert told.offers == []


def test_auto_opens_a_running_server_without_the_key_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Answers(False)
    with serving(says("hello"), models=("qwen3-vl:8b",)) as server:
        places = [LocalServer("Ollama", server.base_url)]
        monkeypatch.setattr(auto, "look_around", partial(look_around, places=places))
        with open_model_for(load_settings({"api_key": "secret"}), chooser=told) as model:
            assert model.name == "qwen3-vl:8b"
            assert isinstance(model, OpenAIModel)
            assert model.models() == ("qwen3-vl:8b",)
    assert told.told == [f"Ollama at {server.base_url} has qwen3-vl:8b"]
    assert not any("secret" in str(one.headers) for one in server.fetched)


@pytest.mark.parametrize(
    "name", ["forbidden_apps", "apps", "max_steps", "profile", "verify", "runs", "watchdog"]
)
def test_a_setting_that_a_model_has_no_use_for_is_refused_not_ignored(name: str) -> None:
    said = f"got {name}, which open_model would ignore.*Agent"
    with pytest.raises(SettingsError, match=said), open_model("4b", **{name: "x"}):
        pass


# What --model may say


def test_a_url_may_stand_in_the_place_of_a_model() -> None:
    with serving(says("hello"), models=("embedder", "Qwen3VL-8B-Q4_K_M.gguf")) as server:
        assert open_server(load_settings({"model": server.base_url})).name == "Qwen3VL-8B-Q4_K_M.gguf"
        named_one = {"model": server.base_url, "server_model": "embedder"}
        assert open_server(load_settings(named_one)).name == "embedder"
        assert open_server(load_settings({"server": server.base_url})).name == "Qwen3VL-8B-Q4_K_M.gguf"
        assert open_server(load_settings({"server": server.base_url, "model": "embedder"})).name == "embedder"
        with pytest.raises(SettingsError, match="both --model and --server"):
            open_server(load_settings({"model": server.base_url, "server": server.base_url}))
    with (
        serving(says("hello"), models=("qwen3-vl:2b", "qwen3-vl:8b")) as several,
        pytest.raises(SettingsError, match="--server-model: qwen3-vl:2b, qwen3-vl:8b"),
    ):
        open_server(load_settings({"model": several.base_url}))


def test_a_local_servers_cloud_model_needs_leave() -> None:
    with serving(says("hello"), models=("qwen3-vl:235b-cloud",)) as ollama:
        with pytest.raises(SettingsError, match=r"runs elsewhere.*--allow-remote"):
            open_server(load_settings({"model": ollama.base_url}))
        allowed = open_server(load_settings({"model": ollama.base_url, "allow_remote": True}))
        assert allowed.name == "qwen3-vl:235b-cloud"


def test_a_thinking_model_gets_room_for_its_thoughts_unless_told_otherwise() -> None:
    url = {"server": "http://127.0.0.1:9/v1"}
    rooms = {
        name: open_server(load_settings({**url, "model": name}))._fields["max_tokens"]
        for name in ("qwen3-vl:8b-instruct", "Qwen/Qwen3-VL-8B-Thinking")
    }
    assert list(rooms.values()) == [1024, 8192]
    set_by_person = {**url, "model": "Qwen/Qwen3-VL-8B-Thinking", "max_reply_tokens": 99}
    assert open_server(load_settings(set_by_person))._fields["max_tokens"] == 99


def test_a_sampled_reply_is_sampled_as_the_checkpoint_was_released_and_a_greedy_one_plainly() -> None:
    names = ("Qwen/Qwen3-VL-8B-Thinking", "Qwen/Qwen3-VL-8B-Instruct")
    asked = [{"server": "http://127.0.0.1:9/v1", "model": name, "temperature": 0.7} for name in names]
    fields = [open_server(load_settings(flags))._fields for flags in asked]
    assert [(one["temperature"], one["top_p"], one["top_k"]) for one in fields] == [
        (0.7, 0.95, 20),
        (0.7, 0.8, 20),
    ]
    greedy = open_server(load_settings({**asked[0], "temperature": 0}))._fields
    assert (greedy["temperature"], greedy["presence_penalty"], "top_p" in greedy) == (0, 0, False)


def test_a_short_name_opens_the_checkpoint_in_the_cache(caches: Path) -> None:
    checkpoint(bare(caches / "modelscope/hub/models/Qwen/Qwen3-VL-2B-Thinking"), thinking=True, words=FEW)
    with open_model("2b-thinking", device="cpu") as model:
        assert isinstance(model, TransformersModel)
        assert (model._max_new_tokens, model._top_p) == (8192, 0.95)


def test_a_named_checkpoint_that_isnt_here_is_offered_with_its_size_and_need() -> None:
    preset = find_preset("8b-4bit")
    offer = named("Qwen/Qwen3-VL-8B-Instruct", preset, lambda: LAPTOP)
    assert offer.what == "Qwen/Qwen3-VL-8B-Instruct (16.3 GiB) from the Hugging Face hub"
    assert offer.why == "which needs 12 GiB of memory (24 are free)"
    assert ModelChooser().download(offer)
    large = named("Qwen/Qwen3-VL-32B-Instruct", PRESETS["32b"], lambda: LAPTOP)
    assert not ModelChooser().download(large)
    assert "-fp8" in str(auto.nothing_here(large))
    unknown = named("someone/fine-tune", None, lambda: LAPTOP)
    assert "size unknown" in unknown.what
    assert ModelChooser().download(unknown)


def test_a_named_checkpoint_isnt_fetched_where_the_person_says_no() -> None:
    asked = Answers(False)
    with (
        pytest.raises(ModelError, match="not downloaded"),
        open_model_for(load_settings({"model": "2b"}), chooser=asked),
    ):
        pass
    assert [(one.hub_id, one.named) for one in asked.offers] == [("Qwen/Qwen3-VL-2B-Instruct", True)]


def test_the_doctor_says_what_auto_would_take_and_why(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "look_around", partial(look_around, places=(), memory=lambda: LAPTOP))
    (offered,) = doctor._model(load_settings({}))
    assert offered.state == "warn"
    assert "auto would offer to download Qwen/Qwen3-VL-4B-Instruct-GGUF in Q4_K_M (3.6 GiB)" in offered.fact
    in_hub_cache(caches, "Qwen/Qwen3-VL-2B-Instruct", gib=4)
    monkeypatch.setattr(auto, "memory_here", lambda: LAPTOP)
    (taken,) = doctor._model(load_settings({}))
    assert taken.state == "ok"
    assert "auto would take this: Qwen/Qwen3-VL-2B-Instruct is in the Hugging Face cache (4.0" in taken.fact
    (by_name,) = doctor._model(load_settings({"model": "2b"}))
    assert (by_name.state, "4.0 GiB of weights" in by_name.fact) == ("ok", True)
    with serving(says("hello")) as server:
        (served,) = doctor._model(load_settings({"model": server.base_url}))
    assert served.fact == f"{server.base_url} answers and has qwen3-vl"
