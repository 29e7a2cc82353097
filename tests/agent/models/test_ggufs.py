"""GGUF models by their names: found in the caches as each program lays them out, or fetched and checked."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import huggingface_hub.constants
import pytest
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.doctor import environment as doctor
from qvl_agent.agent.models.choice import auto, ggufs
from qvl_agent.agent.models.choice.auto import Gguf, ModelChooser, Offer, look_around
from qvl_agent.agent.models.choice.ggufs import cached_ggufs, quantisation_of
from qvl_agent.agent.models.choice.memory import Memory
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.models.llama.files import GgufFiles
from qvl_agent.agent.models.llama.model import LlamaModel
from qvl_agent.agent.opening import open_model, open_model_for
from qvl_agent.agent.registry import ggufs as gguf_kind
from qvl_agent.agent.registry.lookup import model_kind
from qvl_agent.agent.settings import load_settings

REPOSITORY = "Qwen/Qwen3-VL-4B-Instruct-GGUF"
NAMES = ("Qwen3VL-4B-Instruct-Q4_K_M.gguf", "mmproj-Qwen3VL-4B-Instruct-F16.gguf")
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LAPTOP = Memory(gpu=0, ram=24 * 2**30)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> GgufFiles:
    folder = tmp_path_factory.mktemp("ggufs")
    return convert(checkpoint(folder / "checkpoint", words=FEW), folder / "gguf", "tiny")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any model in it, and no settings of this machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    for name in ("MODELSCOPE_CACHE", "LLAMA_CACHE", *(n for n in os.environ if n.startswith("QVL_AGENT_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def put(files: GgufFiles, folder: Path, names: tuple[str, str] = NAMES) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, name in zip((files.model, files.mmproj), names, strict=True):
        (folder / name).hardlink_to(file)


def hub_folder(home: Path, repository: str = REPOSITORY) -> Path:
    root = home / "hub" / f"models--{repository.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text("a" * 40)
    return root / "snapshots" / ("a" * 40)


@pytest.mark.parametrize(
    ("cache", "folder", "names"),
    [
        ("Hugging Face", "", NAMES),
        ("ModelScope", f".cache/modelscope/hub/models/{REPOSITORY}", NAMES),
        ("ModelScope", f".cache/modelscope/{REPOSITORY}", NAMES),
        ("LM Studio", ".lmstudio/models/lmstudio-community/Qwen3-VL-4B-Instruct-GGUF", NAMES),
        (
            "llama.cpp",
            ".cache/llama.cpp",
            tuple(f"{REPOSITORY.replace('/', '_')}_{name}" for name in NAMES),
        ),
    ],
)
def test_a_model_is_found_where_each_program_keeps_it(
    files: GgufFiles, home: Path, cache: str, folder: str, names: tuple[str, str]
) -> None:
    put(files, home / folder if folder else hub_folder(home), names)
    (found,) = cached_ggufs()
    assert (found.cache, found.quantisation, found.thinking) == (cache, "Q4_K_M", False)
    assert found.size is not None
    assert found.size.name == "4b"
    assert (found.files.model.name, found.files.mmproj.name) == names


def test_what_isnt_whole_or_no_qwen3_vl_is_passed_over(files: GgufFiles, home: Path) -> None:
    for number, names in enumerate(
        (
            ("Qwen3VL-2B-Q4_K_M.gguf", "tower.gguf"),
            ("Qwen2.5-VL-7B-Q4_K_M.gguf", NAMES[1]),
            ("Qwen3-VL-8B-Q8_0-00001-of-00002.gguf", NAMES[1]),
        )
    ):
        put(files, home / ".lmstudio/models/some" / str(number), names)
    broken = home / ".lmstudio/models/some/broken"
    put(files, broken)
    (broken / NAMES[0]).unlink()
    (broken / NAMES[0]).write_bytes(b"GGUF\x03")
    assert cached_ggufs() == ()


def test_the_parts_of_a_split_model_count_together(files: GgufFiles, home: Path) -> None:
    folder = home / ".lmstudio/models/some/parts"
    put(files, folder, ("Qwen3-VL-8B-Q8_0-00001-of-00002.gguf", NAMES[1]))
    (folder / "Qwen3-VL-8B-Q8_0-00002-of-00002.gguf").write_bytes(b"x" * 1000)
    (found,) = cached_ggufs()
    assert found.bytes == files.bytes + 1000


def test_the_larger_comes_first_then_the_more_exact(files: GgufFiles, home: Path) -> None:
    for name in ("Qwen3VL-2B-Instruct-Q8_0.gguf", "Qwen3VL-8B-Instruct-Q4_K_M.gguf"):
        put(files, home / ".lmstudio/models/some" / name, (name, NAMES[1]))
    assert [one.name for one in cached_ggufs()] == ["Qwen3VL-8B-Instruct-Q4_K_M", "Qwen3VL-2B-Instruct-Q8_0"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("Qwen3VL-4B-Instruct-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen3-vl-8b-instruct-iq4_xs.gguf", "IQ4_XS"),
        ("Qwen3-VL-8B-UD-Q5_K_XL.gguf", "Q5_K_XL"),
        ("mmproj-F16.gguf", "F16"),
        ("mmproj-BF16.gguf", "BF16"),
        ("Qwen3-VL-30B-A3B-Q8_0-00001-of-00002.gguf", "Q8_0"),
        ("Qwen3-VL-8B.gguf", ""),
    ],
)
def test_a_quantisation_is_read_from_a_name(name: str, found: str) -> None:
    assert quantisation_of(name) == found


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("somewhere/x.gguf", "gguf"),
        (REPOSITORY, "gguf"),
        (f"{REPOSITORY}:Q8_0", "gguf"),
        ("unsloth/Qwen3-VL-8B-Instruct-GGUF:UD-Q4_K_XL", "gguf"),
        ("4b-q4", "gguf"),
        ("8b-thinking-q8", "gguf"),
        ("4b", "checkpoint"),
        ("8b-fp8", "checkpoint"),
        ("Qwen/Qwen3-VL-4B-Instruct", "checkpoint"),
        ("nano", "nano"),
        ("http://127.0.0.1:8080/v1", "server"),
    ],
)
def test_a_name_says_what_runs_it(name: str, kind: str) -> None:
    assert model_kind(load_settings({"model": name})).name == kind


def test_a_short_name_is_a_gguf_file_where_transformers_isnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_kind, "find_spec", lambda name: None)
    assert model_kind(load_settings({"model": "4b"})).name == "gguf"
    assert model_kind(load_settings({"model": "8b-fp8"})).name == "checkpoint"


def test_a_file_is_opened_with_the_tower_beside_it_or_the_one_that_is_named(
    files: GgufFiles, home: Path
) -> None:
    put(files, home / "models")
    with open_model(str(home / "models" / NAMES[0])) as model:
        assert isinstance(model, LlamaModel)
        assert model.name == "Qwen3VL-4B-Instruct-Q4_K_M"
    with open_model("~/models/" + NAMES[0], mmproj="~/models/" + NAMES[1]) as model:
        assert isinstance(model, LlamaModel)
    with (
        pytest.raises(ModelError, match=r"can't read .*nowhere\.gguf"),
        open_model(str(home / "models" / NAMES[0]), mmproj="nowhere.gguf"),
    ):
        pass
    with pytest.raises(SettingsError, match=r"there is no nowhere\.gguf"), open_model("nowhere.gguf"):
        pass


@pytest.mark.parametrize("name", ["4b-q4", REPOSITORY, f"{REPOSITORY}:Q4_K_M"])
def test_a_model_that_is_here_is_opened_by_its_names(files: GgufFiles, home: Path, name: str) -> None:
    put(files, hub_folder(home))
    with open_model(name) as model:
        assert isinstance(model, LlamaModel)
        assert (model._budget, model.timeout_s) == (2048, 1800), "a CPU may read a picture for minutes"
    with open_model(name, timeout=60) as hurried:
        assert isinstance(hurried, LlamaModel)
        assert hurried.timeout_s == 60


class Told(ModelChooser):
    def __init__(self) -> None:
        self.why: list[str] = []
        self.offers: list[Offer] = []

    def chosen(self, why: str) -> None:
        self.why.append(why)

    def download(self, offer: Offer) -> bool:
        self.offers.append(offer)
        return False


def test_auto_takes_a_gguf_file_without_a_gpu_and_a_checkpoint_with_one(
    files: GgufFiles, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, hub_folder(home))
    found = look_around(places=(), memory=lambda: LAPTOP)
    assert isinstance(found, Gguf)
    monkeypatch.setattr(auto, "look_around", lambda **_: found)
    told = Told()
    with open_model_for(load_settings({}), chooser=told) as model:
        assert isinstance(model, LlamaModel)
    (why,) = told.why
    assert why.startswith("Qwen3VL-4B-Instruct-Q4_K_M is in the cache of Hugging Face (")
    assert not isinstance(look_around(places=(), memory=lambda: Memory(0, 2**30)), Gguf)


def test_the_doctor_says_what_each_other_model_here_would_take(
    files: GgufFiles, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(files, hub_folder(home))
    folder = home / ".lmstudio" / "models" / "lmstudio-community"
    put(files, folder / "Qwen3-VL-32B-Instruct-GGUF", ("Qwen3-VL-32B-Q8_0.gguf", NAMES[1]))
    monkeypatch.setattr(auto, "memory_here", lambda: LAPTOP)
    monkeypatch.setattr(auto, "look_around", partial(look_around, places=(), memory=lambda: LAPTOP))
    taken, *others = (finding.fact for finding in doctor._model(load_settings({})))
    assert taken.startswith("auto would take this: Qwen3VL-4B-Instruct-Q4_K_M")
    (large,) = others
    assert large.startswith("Qwen3-VL-32B-Q8_0, by llama.cpp: ")
    assert large.endswith(" GiB with a conversation, which auto doesn't take here")


def test_a_model_that_isnt_here_is_offered_with_its_size_and_its_place() -> None:
    told = Told()
    with (
        pytest.raises(ModelError, match="not downloaded"),
        open_model_for(load_settings({"model": "8b-q8"}), chooser=told),
    ):
        pass
    (offer,) = told.offers
    assert offer.what == ("Qwen/Qwen3-VL-8B-Instruct-GGUF in Q8_0 (10.3 GiB) from the Hugging Face hub")


class Hub(ThreadingHTTPServer):
    """What huggingface_hub asks of the hub, for one repository.

    Attributes:
        contents: the files by name.
        wrong: those whose SHA-256 isn't the one that is told.
        cut: those that break off in the middle when they are asked for the first time.
        ranges: what was asked for of a part of a file.
    """

    def __init__(self, contents: dict[str, bytes], wrong: str = "", cut: str = "") -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.contents, self.wrong, self.cut = contents, wrong, cut
        self.ranges: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def sum(self, name: str) -> str:
        return hashlib.sha256(self.contents[name] + (b"!" if name == self.wrong else b"")).hexdigest()


class HubRequest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_GET(self) -> None:
        if self.path.startswith("/api/models/"):
            self._listing()
        else:
            self._file(body=True)

    def do_HEAD(self) -> None:
        self._file(body=False)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _listing(self) -> None:
        siblings = [
            {"rfilename": name, "size": len(data), "lfs": self._lfs(name, len(data))}
            for name, data in self.server.contents.items()
        ]
        said = json.dumps({"id": REPOSITORY, "sha": "a" * 40, "siblings": siblings}).encode()
        self._head(200, len(said))
        self.wfile.write(said)

    def _lfs(self, name: str, size: int) -> dict[str, object]:
        return {"sha256": self.server.sum(name), "size": size, "pointerSize": 1}

    def _file(self, *, body: bool) -> None:
        hub, name = self.server, self.path.rsplit("/", 1)[1]
        if name not in hub.contents:
            self.send_error(404)
            return
        data = hub.contents[name]
        headers = {"X-Repo-Commit": "a" * 40, "ETag": f'"{hub.sum(name)}"', "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not body:
            self._head(200, len(data), headers)
        elif asked:
            hub.ranges.append(asked[0])
            start = int(asked[1])
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._head(206, len(data) - start, headers)
            self.wfile.write(data[start:])
        else:
            self._head(200, len(data), headers)
            self.wfile.write(data[: len(data) // 2] if name == hub.cut else data)
            self.close_connection = name == hub.cut
            hub.cut = "" if name == hub.cut else hub.cut

    def _head(self, status: int, length: int, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()


@contextmanager
def hub(contents: dict[str, bytes], **faults: str) -> Iterator[Hub]:
    with Hub(contents, **faults) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


FETCH = """
import sys
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.choice.download import fetch
try: files = fetch(*sys.argv[1:3])
except ModelError as error: sys.exit(f"ModelError: {error}")
print(files.model, files.mmproj, sep="\\n")
"""


def fetched(url: str, home: Path, quantisation: str = "Q4_K_M") -> subprocess.CompletedProcess[str]:
    """Fetch in a process of its own: the hub's client reads its address when it is imported."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": url,
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-c", FETCH, REPOSITORY, quantisation]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def contents(files: GgufFiles) -> dict[str, bytes]:
    return {
        NAMES[0]: files.model.read_bytes(),
        "Qwen3VL-4B-Instruct-Q8_0.gguf": b"GGUF another",
        NAMES[1]: files.mmproj.read_bytes(),
        "mmproj-Qwen3VL-4B-Instruct-Q8_0.gguf": b"GGUF another",
        "README.md": b"# a card",
    }


def test_the_two_files_that_are_needed_are_fetched_and_found_again(files: GgufFiles, home: Path) -> None:
    with hub(contents(files)) as served:
        done = fetched(served.url, home)
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.split()] == list(NAMES)
    (found,) = ggufs.cached_ggufs()
    assert found.files.model.read_bytes() == files.model.read_bytes()


def test_a_file_that_isnt_what_the_hub_has_is_removed_and_said(files: GgufFiles, home: Path) -> None:
    with hub(contents(files), wrong=NAMES[0]) as served:
        done = fetched(served.url, home)
    assert "isn't what the hub has, and was removed; start the download again" in done.stderr
    assert ggufs.cached_ggufs() == ()


def test_a_download_that_breaks_off_goes_on_where_it_was(files: GgufFiles, home: Path) -> None:
    large = {**contents(files), NAMES[0]: files.model.read_bytes().ljust(48 * 2**20)}
    with hub(large, cut=NAMES[0]) as served:
        done = fetched(served.url, home)
    assert done.returncode == 0, done.stderr
    assert [int(each.split("=")[1].split("-")[0]) > 2**20 for each in served.ranges] == [True]


def test_what_the_hub_doesnt_have_is_said(files: GgufFiles, home: Path) -> None:
    with hub(contents(files)) as served:
        said = fetched(served.url, home, "Q5_K_M").stderr
        assert "has no Q5_K_M; it has Q4_K_M, Q8_0: name one behind a colon" in said
    with hub({NAMES[0]: b"GGUF"}) as served:
        assert "has no vision tower (mmproj*.gguf)" in fetched(served.url, home).stderr
    assert "can't ask the Hugging Face hub about" in fetched("http://127.0.0.1:9", home).stderr
