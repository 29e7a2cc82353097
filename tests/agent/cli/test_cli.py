"""The command line as a person uses it, by its exit codes and its words.

What depends on the process runs in one of its own; the rest is called here, which spares a second each.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from called import called

from qvl_agent.agent.exit_codes import exit_code
from qvl_agent.agent.recording.format import RunResult
from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")


def qvl(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return subprocess.run(
        [PROGRAM, *args],
        cwd=cwd,
        env={**inherited, "HOME": str(cwd)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def here(*words: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """The same in this process."""
    return called(list(words), cwd, {"PATH": os.environ["PATH"], "HOME": str(cwd), **more})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """One run of the demo, and the folder it recorded."""
    home = tmp_path_factory.mktemp("home")
    done = qvl("demo", "--model", "oracle", "--runs", "runs", cwd=home)
    folders = list((home / "runs").iterdir()) if (home / "runs").exists() else []
    assert len(folders) == 1, done.stderr
    return done, folders[0]


def test_the_demo_does_its_job_and_says_who_answered(
    demo: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = demo
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first = done.stdout.splitlines()[0]
    assert "oracle" in first
    assert "stand-in" in first
    assert "uncheck the pinned chat" in done.stdout
    assert "checker: passed" in done.stdout
    assert (folder / "report.html").stat().st_size > 10_000


def test_a_recording_replays_offline(
    demo: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, folder = demo
    done = qvl("replay", str(folder), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "all agree" in done.stdout
    assert here("--dry-run", str(folder), cwd=tmp_path).stdout == done.stdout
    shown = here("replay", str(folder), "--json", cwd=tmp_path)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert lines[-1] == {"event": "replayed", "agreed": True, "steps": len(lines) - 1, "torn": ""}


def test_a_broken_recording_is_never_a_pass(
    demo: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, folder = demo
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    frame = next((broken / "frames").iterdir())
    data = bytearray(frame.read_bytes())
    data[len(data) // 2] ^= 1
    frame.write_bytes(data)
    done = here("replay", str(broken), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert frame.name in done.stderr


def test_show_writes_one_page(demo: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path) -> None:
    _, folder = demo
    done = here("show", str(folder), "-o", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "uncheck the pinned chat" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_json_gives_machines_the_same_facts(tmp_path: Path) -> None:
    done = qvl(
        "uncheck the pinned chat",
        "--desktop",
        "sandbox:chat?seed=5",
        "--model",
        "oracle",
        "--ocr",
        "never",
        "--json",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "started"
    assert events[-1]["event"] == "ended"
    assert events[-1]["verified"] is True


def test_a_dry_run_on_the_live_screen_sends_nothing_and_exits_0(tmp_path: Path) -> None:
    words = (
        "uncheck the pinned chat",
        "--desktop",
        "sandbox:chat",
        "--model",
        "oracle",
        "--ocr",
        "never",
        "--dry-run",
        "--json",
    )
    done = qvl(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["outcome"]["status"] for event in events if event["event"] == "acted"] == ["dry-run"]
    assert events[-1]["status"] == "dry-run"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 0, "Usage: qvl-agent"),
        (("replya",), 2, "did you mean 'replay'"),
        (("run",), 2, "Say what to do"),
        (("do it", "--desktop", "sandbox:chat/no-such-task"), 2, "no-such-task"),
        (("do it", "--desktop", "sandbox:nothing"), 2, "nothing"),
        (("do it", "--desktop", "elsewhere", "--model", "x"), 2, "no desktop 'elsewhere'"),
        (("do it", "--server", "http://127.0.0.1:9/v1", "--model", "m", "--desktop", ":987"), 69, ":987"),
        (("do it", "--model", "oracle"), 2, "use it with --desktop sandbox:chat"),
        (("replay", "nowhere"), 2, "nowhere"),
        (("show", "nowhere"), 2, "nowhere"),
        (("do it", "--config", "missing.toml"), 2, "missing.toml"),
        (("demo", "--model", "nowhere/at/all"), 5, "nowhere/at/all"),
        (("demo", "--server", "http://127.0.0.1:9/v1", "--model", "m"), 5, "127.0.0.1:9"),
        (("demo", "--server", "http://192.0.2.1/v1", "--model", "m"), 2, "allow_remote"),
    ],
)
def test_what_goes_wrong_is_one_line_with_a_remedy_and_a_code(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    done = here(*words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr


def test_a_display_that_cannot_be_is_a_line_too(tmp_path: Path) -> None:
    words = ("do it", "--server", "http://127.0.0.1:9/v1", "--model", "m", "--desktop", ":99999")
    done = qvl(*words, cwd=tmp_path)  # Xlib leaves its socket to the end of the process
    assert (done.returncode, done.stderr.count("\n")) == (69, 1), done.stderr
    assert ":99999" in done.stderr


@pytest.mark.parametrize("words", [("replya",), ("demo", "--model", "nowhere/at/all")])
def test_a_process_ends_as_a_call_does(words: tuple[str, ...], tmp_path: Path) -> None:
    done, same = qvl(*words, cwd=tmp_path), here(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (same.returncode, same.stdout, same.stderr)


@pytest.mark.fault(42)
def test_without_a_screen_the_remedy_is_named(tmp_path: Path) -> None:
    done = qvl("do it", "--server", "http://127.0.0.1:9/v1", "--model", "m", cwd=tmp_path)
    assert done.returncode == 69
    assert "DISPLAY" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_doctor_names_a_remedy_for_each_thing(tmp_path: Path, display: VirtualDisplay) -> None:
    done = qvl("doctor", "--json", cwd=tmp_path)
    findings = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 69
    assert {"program", "screen", "sandbox", "memory", "model", "records"} <= {
        each["name"] for each in findings
    }
    assert all(each["remedy"] for each in findings if each["state"] != "ok")
    with_screen = here("doctor", cwd=tmp_path, DISPLAY=display.name)
    assert with_screen.returncode == 0, with_screen.stdout
    assert "1280x800" in with_screen.stdout


def test_help_is_quick_and_heavy_libraries_stay_away(tmp_path: Path) -> None:
    """Less than 0.4 s of CPU time: counted by the kernel, so a busy machine doesn't matter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = qvl("--help", cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.4
    loaded = "sorted({'torch', 'transformers'} & set(sys.modules))"
    program = f"import sys; from qvl_agent.agent import cli; print({loaded})"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("status", "verified", "code"),
    [
        ("done", True, 0),
        ("done", None, 0),
        ("done", False, 3),
        ("failed", None, 1),
        ("refused", None, 4),
        ("stuck", None, 4),
        ("model-error", None, 5),
        ("budget", None, 6),
        ("parked", None, 7),
        ("desktop-error", None, 69),
        ("crashed", None, 70),
        ("stopped", None, 130),
        ("dry-run", None, 0),
    ],
)
def test_every_end_has_its_code(status: str, verified: bool | None, code: int) -> None:
    assert exit_code(RunResult.model_validate({"status": status, "verified": verified})) == code


@pytest.mark.parametrize(("verified", "code"), [(True, 0), (False, 3), (None, 3)])
def test_a_claim_that_the_model_was_asked_about_is_worth_its_answer(verified: bool | None, code: int) -> None:
    """Asked, and no usable answer: the claim isn't verified."""
    assert exit_code(RunResult(status="done", verified=verified, verified_by="model")) == code
    assert exit_code(RunResult(status="failed", verified=verified, verified_by="model")) == 1


def test_a_run_says_when_screens_leave_this_machine(tmp_path: Path) -> None:
    words = ("look", "--server", "https://gpu-box.invalid/v1", "--allow-remote", "--model", "m")
    done = qvl(*words, "--desktop", ":987", cwd=tmp_path)
    assert done.returncode == 69
    assert "leave this machine: they go to gpu-box.invalid" in done.stdout


HUNGRY = """
import resource
from qvl_agent.agent.exit_codes import errors_to_codes
resource.setrlimit(resource.RLIMIT_AS, (2**31, resource.RLIM_INFINITY))

@errors_to_codes
def eat():
    hoard = []
    while True:
        hoard.append(bytearray(2**26))

eat()
"""


@pytest.mark.fault(78)
def test_without_memory_it_ends_with_a_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUNGRY], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (70, 1), done.stderr
    assert "memory ran out" in done.stderr


def test_the_doctor_looks_at_the_desktop_that_is_named(tmp_path: Path, display: VirtualDisplay) -> None:
    """Not at the one of the session; it says what that desktop can do."""
    named = here("doctor", "--desktop", display.name, "--no-pointing", cwd=tmp_path)
    assert f"screen: local {display.name}" in named.stdout
    assert "typing: any text is typed exactly" in named.stdout
    unknown = here("doctor", "--desktop", "nope", "--no-pointing", cwd=tmp_path)
    assert (unknown.returncode, "no desktop 'nope'; choose local" in unknown.stdout) == (69, True)
    sandbox = here("doctor", "--desktop", "sandbox:chat", "--no-pointing", cwd=tmp_path)
    assert (sandbox.returncode, "screen:" in sandbox.stdout) == (0, False), "it has a screen of its own"


def test_the_doctor_says_where_pictures_would_go(tmp_path: Path) -> None:
    server = ["--desktop", "sandbox:chat", "--no-pointing", "--server", "http://127.0.0.1:9/v1"]
    away = here("doctor", *server, "--model", "qwen3-vl:235b-cloud", "--allow-remote", cwd=tmp_path)
    assert "leave this machine: they go to qwen3-vl:235b-cloud's provider" in away.stdout
    stays = here("doctor", *server, "--model", "qwen3-vl", cwd=tmp_path)
    assert "pictures of the screen stay on this machine" in stays.stdout


LOGGED = """
import logging
from qvl_agent.agent.logs import configure, hide
from qvl_agent.actions.secrets import Redactor
from pathlib import Path
configure(verbose=True, file=Path("log.txt"))
hide(Redactor({"pin": "correct horse"}))
log = logging.getLogger("qvl_agent.somewhere")
log.info("typed %s", "correct horse")
try:
    raise ValueError("it was correct horse")
except ValueError:
    log.exception("failed")
"""


def test_the_log_goes_where_it_is_asked_for_and_holds_no_secret(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOGGED], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    log = tmp_path / "log.txt"
    assert log.stat().st_mode & 0o777 == 0o600
    for text in (done.stderr, log.read_text(encoding="utf-8")):
        assert "qvl_agent.somewhere: typed ⟦secret pin⟧" in text
        assert "ValueError: it was ⟦secret pin⟧" in text
        assert "correct horse" not in text


def test_a_run_logs_its_steps_only_if_asked(tmp_path: Path) -> None:
    """Without a word about it nothing is logged: `test_the_demo_does_its_job_and_says_who_answered`."""
    words = ["demo", "--model", "oracle", "--json", "--ocr", "never", "--runs", str(tmp_path / "runs")]
    log = tmp_path / "log.txt"
    shown = qvl(*words, "-vv", "--log-file", str(log), cwd=tmp_path)
    assert shown.returncode == 0
    for text in (shown.stderr, log.read_text(encoding="utf-8")):
        assert "step 1: click, ALLOW by allow-click; ms: capture" in text
        assert "run ended: done" in text
    assert here(*words, "--log-file", str(tmp_path), cwd=tmp_path).returncode == 2
    nowhere = here(*words, "--log-file", str(tmp_path / "no" / "log.txt"), cwd=tmp_path)
    assert nowhere.returncode == 2
    assert nowhere.stderr.count("\n") == 1
    assert "name another with --log-file" in nowhere.stderr
