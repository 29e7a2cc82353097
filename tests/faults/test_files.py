"""What files of a stranger may hold, and what a disk may do: nothing runs, nothing bursts, nothing passes."""

import ast
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fault_rig import CLICK, DONE, Scripted, rig_on
from project import ROOT

from qvl_agent.actions.core.errors import RecordingError, SettingsError
from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent.ask.pictures import is_still, read_picture
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.settings import load_settings
from qvl_agent.sandbox.display import VirtualDisplay

RUNS = ROOT / "tests/data/runs"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy of a real recorded run."""
    return Path(shutil.copytree(RUNS / "set-brightness", tmp_path / "run"))


def qvl(*words: str) -> Result:
    """The command line, in this process: its exit code and what it prints."""
    return CliRunner().invoke(main, words)


def refused(folder: Path) -> str:
    """What `replay` says of a recording that it must not pass: one line, and exit code 2."""
    done = qvl("replay", str(folder))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert "agree" not in done.stdout
    return done.stderr


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros() -> bytes:
    """A GiB of zeros in a MiB of deflate."""
    packer, some = zlib.compressobj(9), bytes(2**24)
    return b"".join((*(packer.compress(some) for _ in range(64)), packer.flush()))


def bombs(folder: Path) -> None:
    """Pictures of 64x48 that hold a GiB in their pixels, a text, or a colour profile."""
    flood = zeros()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    pixels, end = chunk(b"IDAT", zlib.compress(bytes(48 * (1 + 3 * 64)))), chunk(b"IEND", b"")
    for name, body in (
        ("pixels", chunk(b"IDAT", flood)),
        ("text", chunk(b"zTXt", b"Comment\0\0" + flood) + pixels),
        ("profile", chunk(b"iCCP", b"icc\0\0" + flood) + pixels),
    ):
        (folder / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + end)


UNPACK = """
import resource, sys
from pathlib import Path
from qvl_agent.actions.core.errors import QvlError
from qvl_agent.agent.ask.pictures import read_picture
from qvl_agent.agent.recording.png import decode
path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for read in (lambda: decode(path.read_bytes(), (64, 48)), lambda: read_picture(path).pixels):
    try:
        assert read().shape == (48, 64, 3)
    except QvlError as error:
        assert "\\n" not in str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.fault(56)
def test_what_unpacks_to_a_gigabyte_is_never_unpacked(tmp_path: Path) -> None:
    bombs(tmp_path)
    for path in sorted(tmp_path.glob("*.png")):
        done = subprocess.run(
            [sys.executable, "-c", UNPACK, str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) < 100, path


@pytest.mark.fault(55)
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_a_picture_that_is_no_plain_file_is_refused(tmp_path: Path, make: object) -> None:
    path = tmp_path / "picture.png"
    make(path)  # type: ignore[operator]
    for read in (is_still, read_picture):
        with pytest.raises(SettingsError, match="plain file"):
            read(path)


@pytest.mark.fault(55)
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/tty", "/dev/stdin", "../../../../etc/passwd"])
def test_a_link_in_a_recording_leads_nowhere(run: Path, device: str) -> None:
    frame = next((run / "frames").iterdir())
    frame.unlink()
    frame.symlink_to(device)
    assert "link" in refused(run)


YAML = '!!python/object/apply:os.system ["touch owned"]\n'
PICKLE = b"cos\nsystem\n(S'touch owned'\ntR."


@pytest.mark.fault(57)
@pytest.mark.parametrize("name", ["manifest.json", "journal.jsonl", "frames/0001.png"])
@pytest.mark.parametrize("body", [YAML.encode(), PICKLE, b"__import__('os').system('touch owned')"])
def test_what_would_run_elsewhere_is_only_a_broken_file(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, body: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    (run / name).write_bytes(body)
    refused(run)
    assert not (tmp_path / "owned").exists()


@pytest.mark.fault(57)
@pytest.mark.parametrize("body", [YAML.encode(), PICKLE, b'model = "{{ cycler.__init__.__globals__ }}"\nx='])
def test_settings_run_nothing_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qvl-agent.toml").write_bytes(body)
    with pytest.raises(SettingsError):
        load_settings({})
    assert not (tmp_path / "owned").exists()


@pytest.mark.fault(57)
def test_no_module_can_read_what_runs() -> None:
    """Nothing imports what makes objects of a file; checkpoints are read as safetensors alone."""
    running = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml"}
    for room in ("actions", "prompts", "sandbox", "agent"):
        for path in (ROOT / room).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = {
                name.split(".")[0]
                for node in ast.walk(tree)
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            assert not names & running, path
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                    assert isinstance(node.value, ast.Constant), path
                    assert node.value.value is False, path
                if (
                    isinstance(node, ast.keyword) and node.arg == "typ"
                ):  # of ruamel.yaml, which a flow is read by
                    assert isinstance(node.value, ast.Constant), path
                    assert node.value.value in ("rt", "safe"), path
                if isinstance(node, ast.Attribute) and node.attr == "load":
                    assert not (isinstance(node.value, ast.Name) and node.value.id in ("torch", "np")), path


@pytest.mark.fault(58, 59, 60)
@pytest.mark.parametrize("how", ["huge", "cut", "flipped"])
def test_a_bad_picture_is_no_pass(run: Path, how: str) -> None:
    frame = next((run / "frames").iterdir())
    data = bytearray(frame.read_bytes())
    match how:
        case "huge":
            data[16:24] = struct.pack(">II", 20_000, 20_000)
            data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        case "cut":
            del data[len(data) // 2 :]
        case _:
            data[len(data) // 2] ^= 8
    frame.write_bytes(data)
    assert frame.name in refused(run)


@pytest.mark.fault(60, 62)
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_a_flipped_bit_in_the_journal_is_no_pass(run: Path, at: float) -> None:
    journal = run / "journal.jsonl"
    data = bytearray(journal.read_bytes())
    place = int(len(data) * at)
    data[place] ^= 1
    journal.write_bytes(data)
    line = data.count(b"\n", 0, place) + 1
    assert f"line {line}" in refused(run)


@pytest.mark.fault(62)
@pytest.mark.parametrize("line", [b"", b"{}", b"garbage", b"\0" * 40, b'{"crc32":"00000000","line":{}}'])
def test_a_corrupt_line_in_the_middle_is_no_pass(run: Path, line: bytes) -> None:
    journal = run / "journal.jsonl"
    first, *rest = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join((first, line, *rest[1:])) + b"\n")
    assert "line 2" in refused(run)


@pytest.mark.fault(63)
@pytest.mark.parametrize("version", ["2", "0", "-1", '"1"', "1e9", "null", "true"])
def test_another_version_is_no_pass(run: Path, version: str) -> None:
    manifest = run / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    assert '"format": 1' in text
    manifest.write_text(text.replace('"format": 1', f'"format": {version}'), encoding="utf-8")
    assert "format" in refused(run)


LOOSER = {
    "max_steps = 51": "max_steps",
    "max_seconds = 901": "max_seconds",
    "max_tokens = 300000": "max_tokens",
    "max_approvals = 6": "max_approvals",
    "max_frame_age_s = 31": "max_frame_age_s",
    "actions_per_second = 6": "actions_per_second",
    "burst = 11": "burst",
    "profile = 'yolo'": "profile",
    "watchdog = false": "watchdog",
    "takeover = 'ignore'": "watchdog",
    "granted = ['send']": "granted",
    "approve = 'always'": "approve",
}


@pytest.mark.fault(64)
@pytest.mark.parametrize("line", LOOSER)
def test_a_file_that_loosens_the_policy_ends_the_run_before_it_begins(
    tmp_path: Path, display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """Exit code 2 with one line that names what is wrong; no screen is opened, and nothing is recorded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qvl-agent.toml").write_text(line, encoding="utf-8")
    done = qvl("do it", "--desktop", display.name, "--model", "oracle", "--runs", str(tmp_path / "runs"))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert LOOSER[line] in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.fault(65)
def test_without_a_durable_intent_nothing_is_sent(
    display: VirtualDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    """The journal's disk is full from the first step on: /dev/full says so for every write."""
    with rig_on(desktop, display.name, tmp_path / "runs") as rig:

        def fill(_: int) -> None:
            (folder,) = (tmp_path / "runs").iterdir()
            full = os.open("/dev/full", os.O_WRONLY)
            for opened in list(Path("/proc/self/fd").iterdir()):
                if opened.resolve() == folder / "journal.jsonl":
                    os.dup2(full, int(opened.name))
            os.close(full)

        with pytest.raises(RecordingError, match="No space left"):
            rig.run(Scripted(CLICK, DONE, meanwhile=fill))
        assert rig.sent() == []


@pytest.mark.fault(67)
@pytest.mark.parametrize("what", ["no folder", "empty folder", "no journal", "empty journal", "no step"])
def test_an_empty_recording_is_no_pass(run: Path, what: str) -> None:
    journal = run / "journal.jsonl"
    match what:
        case "no folder":
            shutil.rmtree(run)
        case "empty folder":
            shutil.rmtree(run)
            run.mkdir()
        case "no journal":
            journal.unlink()
        case "empty journal":
            journal.write_bytes(b"")
        case _:
            body = b'{"type":"result","status":"done"}'
            journal.write_bytes(b'{"crc32":"%08x","line":%s}\n' % (zlib.crc32(body), body))
    refused(run)


@pytest.mark.fault(61)
def test_a_torn_last_line_is_said_and_the_rest_is_replayed(run: Path) -> None:
    journal = run / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    for words in ((), ("--json",)):
        done = qvl("replay", str(run), *words)
        assert done.exit_code == 0, done.output
        assert "was cut off" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1])["agreed"] is True
