"""Every command in the README and in docs/ does what it says, and every link leads somewhere.

`make demo` and `make test` are run by the check-in script itself. What stands for a model's server
is one on loopback, and for a checkpoint a small one of the real class: the commands are those of the
pages but for that address and that name.
"""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from called import called
from project import ROOT
from stream_server import StreamServer, says, serving
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.models.llama.files import GgufFiles
from qvl_agent.agent.settings import load_settings
from qvl_agent.sandbox.display import VirtualDisplay

README = ROOT / "README.md"
PARTS_OF_A_PACKAGE = "docs/plugins.md"
"""Its blocks are one package, which tests/agent/registry/test_plugins.py installs."""
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (README, *sorted((ROOT / "docs").glob("*.md")))
}
FLOWS = "docs/flows-run.md"
MOST_LINES = 200
ADDRESS = r"http://127\.0\.0\.1:\d+"
BIN = Path(sys.executable).parent
DONE = '{"action": "done"}'
SECRET = "correct horse"
PROCESSES = {"qvl-agent --help", "qvl-agent demo settings --model oracle", "qvl-agent resume RUN"}
"""Commands that run in a process of their own, as a person's do; the others are called in this one."""


def blocks(language: str, *pages: str) -> list[str]:
    """The code blocks of these pages, or of all; what stands on two pages comes once."""
    texts = [PAGES[name] for name in pages or [page for page in PAGES if page != PARTS_OF_A_PACKAGE]]
    found = [
        re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL) for text in texts
    ]
    return list(dict.fromkeys(block for each in found for block in each))


def commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    asks = "qvl-agent ask "  # these need a model and files: see test_ask.py
    flows = [line for block in blocks("sh", FLOWS) for line in block.splitlines()]  # see test_docs_flows.py
    ours = [line for line in lines if line.startswith("qvl-agent ") and not line.startswith(asks)]
    ours = [line for line in ours if not any(each.startswith(line) for each in flows)]
    return list(dict.fromkeys(ours))


def asks_a_server(command: str) -> bool:
    return re.search(ADDRESS, command) is not None


def asks_a_file(command: str) -> bool:
    """Return whether it asks the model that is downloaded first."""
    return "--model 4b" in command and not command.startswith("qvl-agent serve")


def model_rows() -> list[str]:
    """Complete each row of the tables of models to a whole command."""
    rows = []
    for line in (line for text in PAGES.values() for line in text.splitlines()):
        said = r"`((?:qvl-agent \"TASK\"|--server http)[^`]*)`"
        for words in re.findall(said, line) if line.startswith("|") else []:
            options = re.search(r"--(?:server|model) .*", words)
            if options:
                rows.append(options.group())
    return rows


def at(server: StreamServer, words: str) -> str:
    return re.sub(ADDRESS, f"http://127.0.0.1:{server.server_port}", words)


def run(words: list[str], cwd: Path, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(cwd), "PYTHONPATH": ""} | environment
    return subprocess.run(
        words, cwd=cwd, env=environment, capture_output=True, text=True, check=False, input=said, timeout=240
    )


def here(words: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in this process."""
    program, *words = words
    assert program == "qvl-agent"
    return called(words, cwd, {"PATH": os.environ["PATH"], "HOME": str(cwd)} | environment)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As many models at once as there are tests at once: each with a thread is the quickest."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that holds what the commands name, as a clone does."""
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "examples").symlink_to(ROOT / "sandbox" / "examples")
    (tmp_path / "nano-gguf").mkdir()
    for name in ("nano.gguf", "mmproj-nano.gguf"):
        (tmp_path / "nano-gguf" / name).touch()
    cut_off(tmp_path / "RUN")
    return tmp_path


def cut_off(folder: Path) -> None:
    """Make a run that was killed after its first step."""
    shutil.copytree(ROOT / "sandbox" / "examples" / "uncheck-the-pinned-chat", folder)
    journal = folder / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:2]), encoding="utf-8")


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with serving(says(DONE)) as running:
        yield running


def when(command: str) -> Any:
    """Twice nano is once too often for every day: the demo will do."""
    return pytest.param(
        command, marks=[] if "nano" not in command or "demo" in command else pytest.mark.nightly
    )


@pytest.mark.parametrize(
    "command", [when(each) for each in commands() if not (asks_a_server(each) or asks_a_file(each))]
)
def test_the_commands_work(command: str, clone: Path) -> None:
    secrets = {"QVL_AGENT_SECRET_BANK_PIN": SECRET, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    if "secret" in command or command in PROCESSES:
        done = run(shlex.split(command), clone, f"{SECRET}\n", **secrets)
    else:
        done = here(shlex.split(command), clone)
    no_screen = command == "qvl-agent doctor" or "{{secret:" in command
    expected = 69 if no_screen else 0  # there is none here, and it says so
    assert SECRET not in done.stdout + done.stderr
    assert done.returncode == expected, done.stdout + done.stderr


@pytest.mark.parametrize("command", [each for each in commands() if asks_a_server(each)])
def test_the_commands_with_a_server_reach_it(
    command: str, server: StreamServer, display: VirtualDisplay, tmp_path: Path
) -> None:
    """It says "done" at once: the doctor hears no place, and nobody believes that a task is done."""
    done = here(shlex.split(at(server, command)), tmp_path, DISPLAY=display.name)
    assert done.returncode == (5 if command.startswith("qvl-agent doctor") else 3), done.stdout + done.stderr
    assert server.asked


@pytest.mark.parametrize("command", [each for each in commands() if asks_a_file(each)])
def test_the_commands_with_a_short_name_run_the_file_that_is_here(
    command: str, display: VirtualDisplay, tmp_path: Path, said_done: GgufFiles
) -> None:
    folder = tmp_path / ".lmstudio/models/Qwen/Qwen3-VL-4B-Instruct-GGUF"
    folder.mkdir(parents=True)
    (folder / "Qwen3VL-4B-Instruct-Q4_K_M.gguf").symlink_to(said_done.model)
    (folder / "mmproj-Qwen3VL-4B-Instruct-F16.gguf").symlink_to(said_done.mmproj)
    done = here(shlex.split(command), tmp_path, DISPLAY=display.name)
    # Asked whether it is done, and kept to a schema, a model that knows one sentence says anything.
    expected = {5} if command.startswith("qvl-agent doctor") else {0, 3}
    assert done.returncode in expected, done.stdout + done.stderr
    assert "Qwen3VL-4B-Instruct-Q4_K_M" in done.stdout


@pytest.fixture(scope="module")
def said_done(tmp_path_factory: pytest.TempPathFactory) -> GgufFiles:
    """A tiny model that says "done" to everything."""
    folder = tmp_path_factory.mktemp("said-done")
    return convert(checkpoint(folder / "checkpoint", says=DONE, words=FEW), folder, "tiny")


@pytest.mark.parametrize("options", [row for row in model_rows() if "--server" in row])
def test_each_servers_line_reaches_a_server(
    options: str, server: StreamServer, display: VirtualDisplay, tmp_path: Path
) -> None:
    """The model says "done" at once and doesn't stand by it when asked: exit 3 shows the whole way."""
    words = ["qvl-agent", "uncheck the pinned chat", "--desktop", display.name]
    done = here([*words, *shlex.split(at(server, options))], tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr


def test_the_checkpoints_line_loads_a_checkpoint(display: VirtualDisplay, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "tiny", says=DONE, words=FEW)
    (options,) = (row for row in model_rows() if "--server" not in row)
    options = re.sub(r"--model \S+", f"--model {folder}", options)
    words = ["qvl-agent", "uncheck the pinned chat", "--desktop", display.name, *shlex.split(options)]
    done = here(words, tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr


def test_the_script_runs_and_prints_the_evidence(tmp_path: Path) -> None:
    (script,) = blocks("python", "README.md")
    assert script in blocks("python", "docs/python.md")
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "done True"
    assert "kind='click'" in lines[1]


@pytest.mark.parametrize(
    "script",
    [
        each
        for each in blocks("python")
        if each not in (*blocks("python", "README.md"), *blocks("python", FLOWS))
    ],
)
def test_the_other_scripts_run(script: str, tmp_path: Path) -> None:
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", blocks("toml"))
def test_the_settings_files_are_valid(block: str, tmp_path: Path) -> None:
    file = tmp_path / "qvl-agent.toml"
    file.write_text(block, encoding="utf-8")
    load_settings({}, file=file)


def test_every_kind_of_block_is_there() -> None:
    """A page that is moved or a fence that is misspelt would else take its commands out of the tests."""
    assert len(commands()) >= 20
    assert sum(map(asks_a_file, commands())) >= 4
    assert len(model_rows()) >= 8
    assert len(blocks("python")) >= 2
    assert len(blocks("toml")) >= 3


def test_the_ci_snippet_replays_every_recording_and_fails_on_a_broken_one(tmp_path: Path) -> None:
    (command,) = re.findall(r"- run: (for .*)", "".join(blocks("yaml", "docs/ci.md")))
    runs = tmp_path / "recordings"
    runs.mkdir()
    source = ROOT / "sandbox" / "examples" / "uncheck-the-pinned-chat"
    (runs / "one").symlink_to(source)
    shell = ["bash", "-e", "-o", "pipefail", "-c", command]  # as GitHub runs it
    good = run(shell, tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    (runs / "a-broken-one").mkdir()
    assert run(shell, tmp_path).returncode != 0
    (runs / "a-broken-one").rename(runs / "the-last-is-broken")
    assert run(shell, tmp_path).returncode != 0


# --- pages and links


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """What the text's links and pictures lead to, those to other sites left out."""
    prose = re.sub(r"`[^`\n]*`", "``", without_code(text))
    found = re.findall(r"\]\(([^()\s]+)\)", prose)
    return [each for each in found if not re.match(r"[a-z]+:", each)]


def anchors(text: str) -> set[str]:
    """The names that GitHub gives the headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.*?) *#*$", without_code(text), flags=re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        several = (f"{slug}-{number}" for number in itertools.count(1))
        found.add(slug if slug not in found else next(each for each in several if each not in found))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: str) -> None:
    for link in links(PAGES[page]):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.is_file(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {link}"


def test_headings_are_named_as_github_names_them() -> None:
    text = '# nano: a small Qwen3-VL of our own\n## "Done", `ask` & _more_\n## A\n```\n# no\n```\n## A\n'
    assert anchors(text) == {"nano-a-small-qwen3-vl-of-our-own", "done-ask--_more_", "a", "a-1"}


def test_the_index_names_every_page() -> None:
    named = set(links(PAGES["docs/index.md"]))
    pages = {Path(page).name for page in PAGES if page.startswith("docs/")} - {"index.md"}
    assert pages <= named, pages - named


def test_the_readme_stays_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= MOST_LINES
