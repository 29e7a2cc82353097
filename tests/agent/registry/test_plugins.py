"""Another package adds a desktop and a model: the one that docs/plugins.md shows, installed for real."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

from qvl_agent.agent.recording import Recording

PAGE = (ROOT / "docs/plugins.md").read_text(encoding="utf-8")
PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "my-package"
version = "0.1"
"""
MY_DESKTOP = '''
from contextlib import suppress
import numpy as np
from qvl_agent.actions.core import DesktopPoint, Frame, FramePoint, Geometry, Rect
from qvl_agent.actions.desktops import Capabilities

SCREEN = Rect(0, 0, 640, 480)


class MyDesktop(Desktop):
    """A white screen that turns black where it is clicked."""

    capabilities = Capabilities(pointer=True)

    def __init__(self, address):
        self.name = f"mine:{address}"
        self._at = DesktopPoint(0, 0)
        self._pixels = np.full((480, 640, 3), 255, np.uint8)
        self._pixels[200:240, 300:340] = 128

    def geometry(self):
        return Geometry((SCREEN,))

    def grab(self, region=None):
        frame = Frame(self._pixels.copy(), SCREEN)
        if region is None:
            return frame
        bottom, right = region.top + region.height, region.left + region.width
        pixels = self._pixels[region.top : bottom, region.left : right].copy()
        return Frame(pixels, SCREEN, origin=FramePoint(region.left, region.top))

    def pointer(self):
        return self._at

    def off_limits(self):
        return ()

    def window_at(self, point):
        return None

    def focused(self):
        return None

    def layout(self):
        return None

    def perform(self, approved, stop):
        for event in approved.spend(self.geometry()):
            with suppress(AttributeError):
                self._at = event.point
        self._pixels[self._at.y - 20 : self._at.y + 20, self._at.x - 20 : self._at.x + 20] = 0

    def release(self):
        pass

    def close(self):
        pass
'''
MY_MODEL = '''
from qvl_agent.actions.core import Reply
from qvl_agent.agent.models import Model


class MyModel(Model):
    """Waits, clicks the grey square, and says so."""

    def __init__(self, settings):
        self.name = settings.model
        self._replies = iter((
            '{"action": "wait", "seconds": 0}',
            '{"action": "click", "bbox_2d": [470, 420, 530, 500], "label": "square"}',
            '{"action": "done", "summary": "it is black"}',
        ))

    def reply(self, messages, *, stop, on_text=None):
        return Reply(next(self._replies))

    def close(self):
        pass
'''


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the page's package is installed into."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "my_package").mkdir()
    (source / "my_package/__init__.py").touch()
    desktops, models = blocks("python")
    (source / "my_package/desktops.py").write_text(desktops + MY_DESKTOP)
    (source / "my_package/models.py").write_text(models + MY_MODEL)
    (source / "my_package/broken.py").write_text("raise RuntimeError('this package is broken')")
    broken = 'broken = "my_package.broken:KIND"\nno-kind = "my_package.models:MyModel"\n'
    (source / "pyproject.toml").write_text(PROJECT + "".join(blocks("toml")) + broken)
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", target, source]
    subprocess.run(install, check=True, capture_output=True)
    return target


def qvl(site: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(site)}
    return subprocess.run(
        [Path(sys.executable).parent / "qvl-agent", *words],
        env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_its_desktop_and_its_model_do_a_task(site: Path, tmp_path: Path) -> None:
    options = ["--desktop", "mine:7", "--model", "my-model", "--verify", "checker", "--ocr", "never"]
    done = qvl(site, tmp_path, "click the square", *options, "--runs", str(tmp_path / "runs"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (lines[0]["desktop"], lines[0]["model"]) == ("mine:7", "my-model")
    (folder,) = (tmp_path / "runs").iterdir()
    _, click, _ = Recording.open(folder).steps
    assert click.outcome.outcome.status == "done"
    assert click.outcome.outcome.pointer == click.outcome.outcome.planned
    assert click.outcome.outcome.change, "the square turned black"


def test_a_run_on_it_can_go_on(site: Path, tmp_path: Path) -> None:
    named = ["--desktop", "mine:7", "--model", "my-model", "--runs", str(tmp_path / "runs")]
    options = [*named, "--max-steps", "1", "--verify", "checker", "--ocr", "never"]
    ended = qvl(site, tmp_path, "click the square", *options)
    assert ended.returncode == 6, ended.stdout + ended.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    again = ["--model", "my-model", "--max-steps", "5", "--verify", "checker", "--ocr", "never"]
    resumed = qvl(site, tmp_path, "resume", str(folder), *again)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "mine:7" in resumed.stdout, "its desktop is known from the record"


def test_what_is_no_kind_is_left_out_and_logged(site: Path, tmp_path: Path) -> None:
    done = qvl(site, tmp_path, "doctor", "--no-pointing", "-vv", "--desktop", "mine:7")
    assert "my_package.broken:KIND of qvl_agent.models can't be loaded" in done.stderr
    assert "RuntimeError: this package is broken" in done.stderr
    assert "my_package.models:MyModel of qvl_agent.models isn't a ModelKind" in done.stderr


def test_a_desktop_that_nobody_knows_is_one_line_that_lists_what_there_is(site: Path, tmp_path: Path) -> None:
    done = qvl(site, tmp_path, "do it", "--desktop", "yours:7", "--model", "my-model")
    assert done.returncode == 2
    # and no word about what can't be loaded, where no log is asked for
    assert done.stderr == (
        "qvl-agent: no desktop 'yours:7'; choose local, an X display (:1), a Wayland session "
        "(wayland-1), sandbox[-wayland]:APP[/TASK][?seed=N], vnc://[USER@]HOST[:PORT], "
        "rdp://USER@HOST[:PORT], mine:ADDRESS\n"
    )
    alone = qvl(tmp_path, tmp_path, "do it", "--desktop", "mine:7", "--model", "oracle")
    assert (alone.returncode, "no desktop 'mine:7'" in alone.stderr) == (2, True), "without the package"
