"""What a user installs: the wheel has every file, and works in a clean environment."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from project import ROOT

ROOMS = ("actions", "agent", "prompts", "sandbox")
NOT_PACKED = ("sandbox/attacks/", "sandbox/nano/making/")
"""What users never run."""
DATA = {
    *(".py", ".pyi", ".md", ".j2", ".typed", ".xml"),
    *(".json", ".jsonl", ".png", ".jinja", ".safetensors", ".toml"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a clean copy of what git tracks, so that nothing left over gets in."""
    source = tmp_path_factory.mktemp("source")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    names = [name for name in os.fsdecode(tracked).split("\0") if name and (ROOT / name).is_file()]
    for name in names:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", "dist", "."],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = (source / "dist").glob("*.whl")
    return built


def test_the_wheel_holds_every_file_and_no_other(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", *ROOMS], cwd=ROOT, capture_output=True, check=True
    ).stdout
    wanted = {
        f"qvl_agent/{name}"
        for name in os.fsdecode(tracked).split("\0")
        if Path(name).suffix in DATA and not name.startswith(NOT_PACKED)
    }
    with zipfile.ZipFile(wheel) as packed:
        found = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert found == wanted


def test_a_clean_install_helps_looks_and_replays(wheel: Path, tmp_path: Path) -> None:
    """No torch, no Qt, no screen: what a CI that replays recordings has."""
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "clean"], check=True)
    python, program = tmp_path / "clean/bin/python", tmp_path / "clean/bin/qvl-agent"
    constraints = ROOT / "constraints.txt"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile"]
    subprocess.run([*install, "-c", constraints, wheel], check=True, capture_output=True)
    clean = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONWARNINGS": "error"}

    def qvl(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words], env=clean, capture_output=True, text=True, check=False, cwd=home
        )

    assert "uncheck the pinned chat" in qvl("--help").stdout
    doctor = qvl("doctor")
    assert doctor.returncode == 69, doctor.stderr
    assert "pip install 'qvl-agent[sandbox]'" in doctor.stdout
    where = "from importlib.resources import files; print(files('qvl_agent.sandbox') / 'examples')"
    examples = subprocess.run([python, "-c", where], env=clean, capture_output=True, text=True, check=True)
    replayed = qvl("replay", f"{examples.stdout.strip()}/uncheck-the-pinned-chat")
    assert (replayed.returncode, replayed.stderr) == (0, "")
    demo = qvl("demo")
    assert demo.returncode == 69
    assert demo.stderr.count("\n") == 1
