"""llama.cpp in a process of its own: it replies, ends with the program, and says why if it can't."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import engine_probe as probe
import httpx2
import psutil
import pytest
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.actions.core.errors import ModelError, SettingsError, Stopped
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.llama import engine as engines
from qvl_agent.agent.models.llama.convert import convert, converted
from qvl_agent.agent.models.llama.engine import Engine, EngineOptions, why
from qvl_agent.agent.models.llama.files import GgufFiles, architecture, check, vision_tower
from qvl_agent.agent.models.llama.model import LlamaModel, context_for
from qvl_agent.sandbox.nano import CHECKPOINT

SMALL = EngineOptions(context=4096, image_min_tokens=64)
QUESTION = [Message("user", (probe.picture(256, 160), "What is this?"))]


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> GgufFiles:
    folder = tmp_path_factory.mktemp("llama")
    return convert(checkpoint(folder / "checkpoint", words=FEW), folder / "gguf", "qwen3-vl-tiny")


@pytest.fixture
def own(files: GgufFiles, tmp_path: Path) -> GgufFiles:
    """Copies that a test may break."""
    return GgufFiles(*(Path(shutil.copy(file, tmp_path)) for file in (files.model, files.mmproj)))


@pytest.fixture(scope="module")
def model(files: GgufFiles) -> Iterator[LlamaModel]:
    with closing(LlamaModel(files, "tiny", max_picture_tokens=256, max_new_tokens=16)) as opened:
        yield opened


def until(holds: Callable[[], bool], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_it_replies_and_reads_a_prompt_that_it_knows_only_once(model: LlamaModel) -> None:
    first = model.reply(QUESTION, stop=never)
    longer = [*QUESTION, Message("assistant", (first.text or "x",)), Message("user", ("And now?",))]
    second = model.reply(longer, stop=never)
    assert first.reply_tokens
    assert second.cached_tokens is not None
    assert first.prompt_tokens is not None
    assert second.cached_tokens > first.prompt_tokens // 2


def test_a_picture_is_as_many_tokens_as_is_said(model: LlamaModel) -> None:
    words = [Message("user", ("What is this?",))]
    counts = [model.reply(messages, stop=never).prompt_tokens for messages in (QUESTION, words)]
    assert None not in counts
    assert counts[0] - counts[1] - 2 == model.picture_tokens((256, 160))  # type: ignore[operator]


def test_nobody_without_its_key_may_ask(files: GgufFiles) -> None:
    with closing(Engine(files, "tiny", SMALL)) as engine:
        url = engine.ready(never)
        asked = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
        answers = [
            httpx2.post(f"{url}/chat/completions", json=asked, headers=headers, trust_env=False)
            for headers in ({}, {"Authorization": f"Bearer {engine.key}"})
        ]
        words = Path(f"/proc/{engine.pid}/cmdline").read_bytes()
    assert [answer.status_code for answer in answers] == [401, 200]
    assert engine.key.encode() not in words
    assert urlsplit(url).hostname == "127.0.0.1"


def test_it_is_gone_once_it_is_closed(files: GgufFiles) -> None:
    engine = Engine(files, "tiny", SMALL)
    port = urlsplit(engine.ready(never)).port
    engine.close()
    engine.close()
    assert not running(engine.pid)
    with socket.socket() as probe_, pytest.raises(ConnectionRefusedError):
        probe_.connect(("127.0.0.1", port))


PROGRAM = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts deaf to it
from qvl_agent.agent.models.llama.engine import Engine, EngineOptions
from qvl_agent.agent.models.llama.files import GgufFiles
engine = Engine(GgufFiles(*map(Path, sys.argv[1:3])), "tiny", EngineOptions(4096, 64))
print(engine.pid, flush=True)
if "ready" in sys.argv: print(engine.ready(lambda: False), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("when", ["loading", "ready"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_the_program_however_that_ends(files: GgufFiles, when: str, number: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(files.model), str(files.mmproj), when]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        assert when != "ready" or program.stdout.readline()
        program.send_signal(number)
        program.wait(15)
    until(lambda: not running(pid), "the engine's end")


def test_a_person_who_stops_doesnt_wait_for_the_loading(files: GgufFiles) -> None:
    with closing(Engine(files, "tiny", SMALL)) as engine, pytest.raises(Stopped):
        engine.ready(lambda: True)


def test_an_engine_that_dies_is_said_and_not_asked_again(files: GgufFiles) -> None:
    with closing(LlamaModel(files, "tiny", max_picture_tokens=256, max_new_tokens=16)) as model:
        model.reply(QUESTION, stop=never)
        os.kill(model._serving.engine.pid, signal.SIGKILL)
        with pytest.raises(
            ModelError, match=r"can't run tiny: the system ended it, most likely as the memory"
        ):
            model.reply(QUESTION, stop=never)


def fails(files: GgufFiles, options: EngineOptions = SMALL) -> str:
    with pytest.raises(ModelError) as failed, closing(Engine(files, "tiny", options)) as engine:
        engine.ready(never)
    said = str(failed.value)
    assert "\n" not in said
    return said


def cut(file: Path, share: float) -> None:
    os.truncate(file, int(file.stat().st_size * share))


def test_a_file_that_was_broken_off_is_named(own: GgufFiles) -> None:
    cut(own.mmproj, 0.6)
    assert f"{own.mmproj} is incomplete; download it again" in fails(own)
    cut(own.model, 0.9)
    assert f"{own.model} is incomplete; download it again" in fails(own)
    cut(own.model, 0.00002)
    assert f"{own.model} is incomplete; download it again" in fails(own)


def test_what_is_no_gguf_file_is_named(own: GgufFiles) -> None:
    own.model.write_bytes(b"<html>not found</html>" * 100)
    assert f"{own.model} is no GGUF file" in fails(own)
    own.model.unlink()
    assert f"can't read {own.model}: No such file" in fails(own)


def test_a_file_of_the_first_version_of_the_format_is_refused(own: GgufFiles) -> None:
    with own.model.open("r+b") as file:
        file.seek(4)
        file.write(b"\x01")
    assert "of version 1 of the format" in fails(own)


def test_another_kind_of_model_is_refused_by_its_name(own: GgufFiles) -> None:
    data = own.model.read_bytes()
    own.model.write_bytes(data.replace(b"qwen3vl", b"qwen2vl", 1))
    assert architecture(own.model) == "qwen2vl"
    assert "holds a qwen2vl model, not a Qwen3-VL; take another one" in fails(own)


def test_files_that_were_exchanged_are_said(files: GgufFiles) -> None:
    assert "is a vision tower, not the model" in fails(GgufFiles(files.mmproj, files.model))
    assert "holds a qwen3vl model, not a vision tower" in fails(GgufFiles(files.model, files.model))


def test_the_vision_tower_of_another_model_is_refused(files: GgufFiles, tmp_path: Path) -> None:
    other = convert(CHECKPOINT, tmp_path, "nano")
    assert "belongs to another model; give its own with --mmproj" in fails(
        GgufFiles(files.model, other.mmproj)
    )


def test_a_missing_vision_tower_is_said_before_anything_starts(own: GgufFiles) -> None:
    assert vision_tower(str(own.model), "") == str(own.mmproj)
    own.mmproj.unlink()
    with pytest.raises(SettingsError, match="found 0; name it with --mmproj"):
        vision_tower(str(own.model), "")


def test_of_several_precisions_of_a_vision_tower_the_one_of_16_bits_is_taken(tmp_path: Path) -> None:
    for name in ("m-Q4_K_M.gguf", "mmproj-m-F16.gguf", "mmproj-m-Q8_0.gguf", "mmproj-m-BF16.gguf"):
        (tmp_path / name).touch()
    assert vision_tower(str(tmp_path / "m-Q4_K_M.gguf"), "") == str(tmp_path / "mmproj-m-F16.gguf")


LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.llama.engine import Engine, EngineOptions
from qvl_agent.agent.models.llama.files import GgufFiles
engine = Engine(GgufFiles(*map(Path, sys.argv[1:3])), "tiny", EngineOptions(int(sys.argv[4]), 64))
try: print(engine.ready(lambda: False))
except ModelError as error: print(error)
engine.close()
"""


def test_too_little_memory_is_said_with_what_to_do(files: GgufFiles) -> None:
    limit, context = 3 * 2**30, 2_000_000
    command = [sys.executable, "-c", LIMITED, str(files.model), str(files.mmproj), str(limit), str(context)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(
        "llama.cpp can't run tiny: the memory doesn't hold it; close other programs"
    )


def test_what_isnt_installed_is_said_with_the_command(
    files: GgufFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "is_installed", lambda: False)
    with pytest.raises(ModelError, match=r"tiny needs llama.cpp; pip install 'qvl-agent\[llama\]'"):
        Engine(files, "tiny", SMALL)


def test_an_end_that_nobody_knows_is_told_in_its_own_words(files: GgufFiles) -> None:
    log = ["0.00.1 I srv init: fine", "0.00.2 E srv load_model: the moon is full", "0.00.3 E x"]
    assert why(log, 1, files) == "it ended: load_model: the moon is full; see its log with -vv"
    assert why([], -signal.SIGABRT, files).startswith("it ended (signal SIGABRT): it said nothing")


def test_a_conversation_has_room_for_its_pictures() -> None:
    assert context_for(2048, 1024) > 10 * 2048 + 1024
    assert context_for(256, 1024) < context_for(2048, 1024) / 2


class TestFilesAreMadeOnce:
    def test_of_the_same_weights(self, tmp_path: Path) -> None:
        made = converted(CHECKPOINT, tmp_path, "nano")
        check(made)
        times = made.model.stat().st_mtime_ns
        assert converted(CHECKPOINT, tmp_path, "nano") == made
        assert made.model.stat().st_mtime_ns == times
        assert [each.name for each in tmp_path.iterdir()] == [made.model.parent.name]

    def test_and_anew_where_one_was_damaged(self, tmp_path: Path) -> None:
        made = converted(CHECKPOINT, tmp_path, "nano")
        whole = made.model.read_bytes()
        made.model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert converted(CHECKPOINT, tmp_path, "nano").model.read_bytes() == whole

    def test_and_for_other_weights_apart(self, tmp_path: Path) -> None:
        other = tmp_path / "other"
        shutil.copytree(CHECKPOINT, other)
        card = other / "tokenizer_config.json"
        card.write_text(card.read_text().replace("16384", "16000"))
        places = {converted(each, tmp_path / "cache", "nano").model for each in (CHECKPOINT, other)}
        assert len(places) == 2

    def test_a_folder_that_cant_be_written_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ModelError, match="set XDG_CACHE_HOME"):
            converted(CHECKPOINT, tmp_path / "file", "nano")

    def test_a_full_disk_is_said_and_leaves_nothing(self, tmp_path: Path) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000_000, before[1]))
        try:
            with pytest.raises(ModelError, match="make room, or set XDG_CACHE_HOME"):
                converted(CHECKPOINT, tmp_path, "nano")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert list(tmp_path.iterdir()) == []
