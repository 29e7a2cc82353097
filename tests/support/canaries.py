"""Secrets to look for afterwards: made at random, typed by the real command line, sought in every byte.

`python canaries.py COUNT` does it for COUNT of them and prints what came of it.
"""

import base64
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from screens import settled
from secret_encodings import ENCODINGS
from stream_server import Answer, Answering, StreamServer, says, serving
from terminals import Terminal, in_terminal
from text_fields import TextField

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.planning.placeholders import placeholder
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.actions.secrets.redactor import forms
from qvl_agent.agent.secret_sources import variable
from qvl_agent.sandbox.display import VirtualDisplay

APP = "text_fields.py"
LEGIBLE = 3
"""Characters in a row that are read right; fewer may be by chance."""
EACH_RUN = 5
"""Secrets in one run: a run may put five questions."""
_PROGRAM = (sys.executable, "-c", "from qvl_agent.agent.cli.main import main; main()")
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "0123456789",
    "\"'`\\/<>&%+=?#{}[]()$;:|~^*!@., ",
    "äöüßÄÖÜéèñçåøœłŁžčřąęğışőű",
    "ẽ̃äö",
    "Привет мирΩαβγδ",
    "密码支付银行中文字符訊息確認",
    "パスワードひらがな비밀번호",
    "😀🔑🚀🎉🐍",
    "ABCDEFGHabcdefgh0123456789+/==",
)


def canary(seed: int) -> str:
    """A value of 8 to 24 characters from a few scripts, or one that looks like base64."""
    dice = random.Random(f"canary {seed}")
    if seed % 5 == 4:
        return base64.b64encode(dice.randbytes(dice.randint(6, 15))).decode()
    alphabets = dice.sample(_ALPHABETS, 3)
    inner = "".join(dice.choice(dice.choice(alphabets)) for _ in range(dice.randint(6, 22)))
    return f"{dice.choice(_ALPHABETS[0])}{inner}{dice.choice(_ALPHABETS[0])}"


def needles(value: str) -> set[bytes]:
    """What to look for: the forms that the program knows, and those that other libraries make."""
    made = {encode(value).strip('"') for encode in ENCODINGS.values() if encode(value).strip('"')}
    kept = {text for text in made if len(text) >= 8 and "behind" not in text}
    whole = {text for text in kept if not text.startswith(("before", "{"))}
    return {text.encode("utf-8", "replace") for text in {*forms(value), value, *whole}}


@dataclass
class Places:
    """Every byte that left the process, by where it was found."""

    found: dict[str, bytes] = field(default_factory=dict)

    def add(self, name: str, data: bytes | str) -> None:
        data = data.encode("utf-8", "replace") if isinstance(data, str) else data
        self.found[name] = self.found.get(name, b"") + data

    def add_folder(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*")):
            self.add(f"the name {path.name}", str(path))
            if path.is_file():
                self.add(str(path.relative_to(folder.parent)), path.read_bytes())

    def holding(self, value: str) -> list[str]:
        """Name the places that hold a value in any form."""
        sought = needles(value)
        return [name for name, data in self.found.items() if any(each in data for each in sought)]


@dataclass
class Trial:
    """One run with some canaries.

    Attributes:
        values: by name.
        typed: what the field held after each was typed.
        places: all that the run wrote, printed and sent.
        shown: how much of each value's own pixels stood in a picture that was stored or sent, at most.
    """

    values: dict[str, str]
    typed: dict[str, str] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    shown: dict[str, float] = field(default_factory=dict)
    code: int = -1
    folder: Path = Path()
    pictures: list[Pixels] = field(default_factory=list)
    core_limit: str = ""
    legible: dict[str, tuple[int, ...]] = field(default_factory=dict)


class _Conversation:
    """The model: types one secret after the other, moves the cursor, says a raw value, and so on."""

    def __init__(self, trial: Trial, desktop: Desktop, text_field: TextField) -> None:
        self.trial, self._desktop, self._field = trial, desktop, text_field
        self._names = list(trial.values)
        self._empty = np.array(settled(desktop).pixels)
        self._drawn: dict[str, Pixels] = {}
        self.pid = 0

    def answers(self) -> list[Answer]:
        answers: list[Answer] = []
        for index, name in enumerate(self._names):
            typing = self._type(text=placeholder(name), clear=True)
            answers.append(self._then(lambda index=index: self._typed(index - 1), typing))
            keys = '["ctrl", "a"]' if index % 2 else '["home"]'
            answers.append(self._then(lambda: None, f'{{"action": "press", "keys": {keys}}}'))
        last = len(self._names) - 1
        raw = self.trial.values[self._names[-1]]
        answers.append(self._then(lambda: self._typed(last), self._type(text=raw)))
        answers.append(says(self._type(text="x", label=placeholder(self._names[0]))))
        answers.append(
            says(json.dumps({"action": "done", "summary": f"typed {placeholder(self._names[0])}"}))
        )
        return answers

    def _type(self, **fields: object) -> str:
        box = self._field_box()
        return json.dumps({"action": "type", "bbox_2d": box, "label": "field", **fields})

    def _field_box(self) -> list[int]:
        window = self._desktop.focused()
        assert window is not None
        assert window.rect is not None
        x = (window.rect.left + window.rect.width // 2) * 1000 // 1280
        y = (window.rect.top + window.rect.height * 2 // 3) * 1000 // 800
        return [x - 5, y - 5, x + 5, y + 5]

    def _then(self, look: object, said: str) -> Answer:
        speak = says(said)

        def answer(to: Answering) -> None:
            look()
            self._processes()
            speak(to)

        return answer

    def _look(self) -> Pixels:
        return np.array(self._desktop.grab().pixels)

    def _typed(self, index: int) -> None:
        if index < 0:
            return
        name = self._names[index]
        self.trial.typed[name] = self._field.text()
        self._drawn[name] = self._look()

    def _processes(self) -> None:
        """What other users, or other programs of this one, see of the process and its children."""
        if not self.pid:
            return
        self.trial.core_limit = (
            Path(f"/proc/{self.pid}/limits").read_text().split("Max core file size")[1].split()[0]
        )
        family = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        for process in family:
            with suppress(psutil.Error, OSError):
                self.trial.places.add("a command line", Path(f"/proc/{process.pid}/cmdline").read_bytes())
                if process.pid != self.pid:
                    self.trial.places.add(
                        "a child's environment", Path(f"/proc/{process.pid}/environ").read_bytes()
                    )

    def compare(self) -> None:
        """Say how much of what each secret drew can be seen in the worst picture."""
        for name, drawn in self._drawn.items():
            own = (drawn != self._empty).any(axis=-1)
            pictures = [picture for picture in self.trial.pictures if picture.shape == drawn.shape]
            self.trial.shown[name] = max(
                float((picture == drawn).all(axis=-1)[own].mean()) for picture in pictures
            )

    def read(self) -> None:
        """Read each secret from the screen as it was, and from the worst picture of the place: how many
        characters in a row are right.
        """
        reader = open_reader("auto")
        if reader is None:
            return
        for name, drawn in self._drawn.items():
            rows, columns = np.nonzero((drawn != self._empty).any(axis=-1))
            box = FrameBox(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
            pictures = [picture for picture in self.trial.pictures if picture.shape == drawn.shape]
            likest = max(pictures, key=lambda picture: float((picture == drawn).mean()))
            self.trial.legible[name] = tuple(
                _read(reader, picture, box, self.trial.values[name]) for picture in (drawn, likest)
            )


def _read(reader: Reader, picture: Pixels, box: FrameBox, value: str) -> int:
    height, width = picture.shape[:2]
    frame = Frame(np.array(picture), Rect(0, 0, width, height))
    lines = " ".join(line.text for line in reader.read(frame, box.grown(24, frame.size)))
    same = SequenceMatcher(None, lines, value, autojunk=False).find_longest_match()
    return same.size


def run_trial(
    values: dict[str, str], display: VirtualDisplay, folder: Path, *, legible: bool = False
) -> Trial:
    """Run the command line once, on a terminal of its own, with a server on loopback as its model."""
    trial = Trial(values)
    with ExitStack() as stack:
        text_field = stack.enter_context(TextField("qt", display.environment(), folder))
        desktop = open_local(display.name)
        stack.callback(desktop.close)
        conversation = _Conversation(trial, desktop, text_field)
        server = stack.enter_context(serving(*conversation.answers()))
        _run(trial, conversation, server, display, folder)
    _collect(trial, server, folder)
    conversation.compare()
    if legible:
        conversation.read()
    return trial


def _run(
    trial: Trial, conversation: _Conversation, server: StreamServer, display: VirtualDisplay, folder: Path
) -> None:
    task = "type " + ", ".join(placeholder(name) for name in trial.values)
    *in_environment, asked = trial.values
    command = [*_PROGRAM, task, "--desktop", display.name, "-v", "--server", server.base_url, "--no-verify"]
    command += [
        "--takeover",
        "ignore",
        "--look-closer",
        "never",
        "--ocr",
        "never",
        "--runs",
        str(folder / "runs"),
    ]
    for name in trial.values:
        command += ["--secret", f"{name}={APP}"]
    variables = {variable(name): trial.values[name] for name in in_environment}
    around = {**display.environment(), "TERM": "dumb", "XDG_RUNTIME_DIR": str(folder), **variables}
    with in_terminal(*command, cwd=folder, size=(50, 400), **around) as terminal:
        conversation.pid = terminal.program.pid
        terminal.wait_for("}}: ")
        terminal.type(f"{trial.values[asked]}\n")
        _say_yes(terminal)
        trial.code = terminal.end()
        trial.places.add("the terminal", terminal.shown)


def _say_yes(terminal: Terminal) -> None:
    """Answer each question for the whole run, once it has stood there for long enough to be read."""
    answered, deadline = 0, time.monotonic() + 120
    while terminal.program.poll() is None and time.monotonic() < deadline:
        terminal.watch(0.1)
        if terminal.shown.count(", then Enter.") > answered:
            answered += 1
            terminal.watch(0.7)
            terminal.type("r\r")


def _collect(trial: Trial, server: StreamServer, folder: Path) -> None:
    """Take in the run's folder, its report, and what the server got."""
    runs = folder / "runs"
    assert runs.is_dir(), f"it didn't begin: {trial.places.found}"
    trial.folder = next(runs.iterdir())
    for command in ("show", "replay"):
        done = subprocess.run([*_PROGRAM, command, str(trial.folder)], capture_output=True, check=True)
        trial.places.add(command, done.stdout + done.stderr)
    trial.places.add_folder(runs)
    for asked in (*server.asked, *server.fetched):
        trial.places.add("a request's head", f"{asked.path} {asked.headers}")
        body = asked.body
        trial.places.add("a request", json.dumps(body, ensure_ascii=False) + json.dumps(body))
        trial.pictures += [_pixels(url) for url in _urls(body)]
    trial.pictures += [
        np.asarray(Image.open(path).convert("RGB")) for path in sorted(trial.folder.glob("frames/*.png"))
    ]


def _urls(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _urls(each)
    elif isinstance(value, str) and value.startswith("data:image/"):
        yield value


def _pixels(url: str) -> Pixels:
    data = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def problems(trial: Trial) -> Sequence[str]:
    """Say in sentences what isn't as it should be."""
    found = [f"the program exited with {trial.code}"] if trial.code else []
    if trial.core_limit != "0":
        found.append(f"a crash would write {trial.core_limit} bytes of memory to the disk")
    for name, value in trial.values.items():
        if trial.typed.get(name) != value:
            found.append(f"{name}: typed {trial.typed.get(name)!r}, not {value!r}")
        found += [f"{name} is in {place}" for place in trial.places.holding(value)]
        if trial.shown.get(name, 1.0) > 0.02:
            found.append(f"{name}: {trial.shown.get(name, 1.0):.0%} of it can be seen in a picture")
        if name in trial.legible and trial.legible[name][1] > LEGIBLE:
            found.append(f"{name}: {trial.legible[name][1]} characters of it were read from a picture")
    return found


def trials(count: int, display: VirtualDisplay, folder: Path, *, legible: bool = False) -> Iterator[Trial]:
    """Run as many canaries, a few a run."""
    for start in range(0, count, EACH_RUN):
        values = {f"canary-{n}": canary(n) for n in range(start, min(start + EACH_RUN, count))}
        here = folder / f"{start}"
        here.mkdir()
        yield run_trial(values, display, here, legible=legible)


def main(count: int) -> int:
    bad = places = searched = pictures = done = readable = 0
    with VirtualDisplay((1280, 800)) as display, tempfile.TemporaryDirectory() as folder:
        for trial in trials(count, display, Path(folder), legible=True):
            found = problems(trial)
            bad += len(found)
            done += len(trial.values)
            places += len(trial.places.found)
            searched += sum(map(len, trial.places.found.values()))
            pictures += len(trial.pictures)
            reads = [max(0, each - LEGIBLE) > 0 for each, _ in trial.legible.values()]
            readable += sum(reads)
            print(*found, sep="\n", end="\n" if found else "")  # noqa: T201 - a program
    print(  # noqa: T201
        f"{done} canaries; searched {places} files and streams of {searched / 1e6:.1f} MB and {pictures} "
        f"pictures: {bad} problems ({readable} of them a reader of pixels could read from the screen itself)"
    )
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
