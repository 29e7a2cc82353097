"""llama.cpp in a process of its own: started at once, asked when it is ready, ended with this program."""

import logging
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

import psutil

from qvl_agent.actions.core.errors import ModelError, Stopped
from qvl_agent.agent.models.llama.child import KEY_VARIABLE
from qvl_agent.agent.models.llama.files import INSTALL, GgufFiles, check
from qvl_agent.agent.models.waiting import POLL_S

__all__ = ["Engine", "EngineOptions", "is_installed", "uses_a_gpu", "why"]

_log = logging.getLogger(__name__)

_HOST: Final = "127.0.0.1"
_KEPT_LINES: Final = 200
_END_S: Final = 2.0
"""Seconds that an engine has to end before it is killed."""
_KILLED: Final = -9
_LOG_LINE: Final = re.compile(r"^[\d.]+ ([EWID]) (?:\w+\s+)?(.*)$")
"""A line of llama.cpp's log: the time, the level, the module or function, and what it says."""
_UPDATE: Final = "pip install --upgrade xllamacpp"
_WHY: Final = (
    (
        r"not within the file bounds|failed to read key-value|failed to (seek|read).*tensor",
        "{file} is incomplete; download it again",
    ),
    (r"invalid magic", "{file} is no GGUF file; download it again"),
    (
        r"unknown model architecture|unknown projector type",
        f"this llama.cpp doesn't know its kind of model; {_UPDATE}",
    ),
    (
        r"GGUFv\d+ is no longer supported",
        "{file} is of an old version of the format; take a newer one",
    ),
    (
        r"mismatch between text model.*and mmproj",
        "the vision tower belongs to another model; give its own with --mmproj",
    ),
    (
        r"insufficient memory|(failed|unable) to allocate|out of memory|bad_alloc|[Cc]annot allocate",
        "the memory doesn't hold it; close other programs, or take a smaller model or --max-picture-tokens",
    ),
    (
        r"[Ff]ailed to load CLIP model|failed to load multimodal",
        "its vision tower {file} can't be loaded; give its own with --mmproj, or download it again",
    ),
)
"""What llama.cpp says when it can't load a model, and what that means; the first that is found counts."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is served.

    Attributes:
        context: tokens of a conversation, its pictures and the reply included.
        image_min_tokens: llama.cpp enlarges pictures of fewer tokens.
        threads: for the computation; 0 lets llama.cpp choose.
        cache_type: the type of the keys and values that are kept: "f16", "q8_0" (half the memory), "f32".
        flash: compute attention without its whole matrix, which is faster; without it, as transformers does.
    """

    context: int
    image_min_tokens: int
    threads: int = 0
    cache_type: str = "f16"
    flash: bool = True


class Engine:
    """One llama.cpp server on loopback, at a free port, with a key that nobody else knows.

    It is started at once and loads the model while the program goes on. It ends with `close`, and by itself
    when this process is gone.

    Attributes:
        key: its API key.
        loading: how much of the model is loaded, from 0 to 1, as far as its memory tells.
    """

    def __init__(self, files: GgufFiles, name: str, options: EngineOptions) -> None:
        """Start it.

        Args:
            files: the model.
            name: what it calls the model.
            options: how to serve it.

        Raises:
            ModelError: xllamacpp isn't installed, the files hold no Qwen3-VL, or no process can be started.
        """
        if not is_installed():
            raise ModelError(f"{name} needs llama.cpp; {INSTALL}")
        check(files)
        self._files, self._name = files, name
        self.key = secrets.token_urlsafe(24)
        self._said: deque[str] = deque(maxlen=_KEPT_LINES)
        self._heard: queue.Queue[str] = queue.Queue()
        self._address = ""
        self._closed = False
        words = [
            *(sys.executable, "-m", "qvl_agent.agent.models.llama.child", "--attached"),
            *("--model", str(files.model), "--mmproj", str(files.mmproj), "--alias", name),
            *("--host", _HOST, "--port", "0", "--context", str(options.context)),
            *("--image-min-tokens", str(options.image_min_tokens), "--threads", str(options.threads)),
            *("--cache-type", options.cache_type),
            *(() if options.flash else ("--no-flash",)),
        ]
        self._began = time.monotonic()
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, KEY_VARIABLE: self.key, "GGML_NO_BACKTRACE": "1"},
            )
        except OSError as error:
            raise ModelError(f"can't start llama.cpp: {error.strerror}; close other programs") from error
        self._readers = [
            threading.Thread(target=target, name=f"qvl-agent llama {target.__name__}", daemon=True)
            for target in (self._listen, self._log)
        ]
        for reader in self._readers:
            reader.start()

    def ready(self, stop: Callable[[], bool]) -> str:
        """Wait until it can be asked, and return its API's URL.

        Args:
            stop: called every 30 ms; once it returns True, nobody waits any more.

        Raises:
            ModelError: it can't load the model; the message says why, and what to do.
            Stopped: `stop` returned True.
        """
        while not self._address:
            if stop():
                raise Stopped("stopped while the model was being loaded")
            try:
                heard = self._heard.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if not heard:
                raise ModelError(self.why_ended())
            self._address = f"{heard}/v1"
            _log.info("llama.cpp loaded %s in %.1f s", self._name, time.monotonic() - self._began)
        return self._address

    @property
    def memory_bytes(self) -> int:
        """Return the memory that its process takes now, the file's pages that it has read included."""
        try:
            return psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:
            return 0

    @property
    def loading(self) -> float:
        return min(1.0, self.memory_bytes / max(1, self._files.bytes))

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self, within_s: float = 0.0) -> bool:
        """Return whether it is gone, or is so within some seconds."""
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def why_ended(self) -> str:
        """Say in a line why it isn't there any more, with a remedy."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        for reader in self._readers:
            reader.join(_END_S)
        reason = why(tuple(self._said), self._process.returncode, self._files)
        return f"llama.cpp can't run {self._name}: {reason}"

    def close(self) -> None:
        """End it. May be called twice."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in self._readers:
            reader.join(_END_S)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _listen(self) -> None:
        out = self._process.stdout
        if out is not None:
            self._heard.put(out.readline().decode("utf-8", "replace").strip())
            while out.read(4096):
                pass
        self._heard.put("")

    def _log(self) -> None:
        for line in self._process.stderr or ():
            said = line.decode("utf-8", "replace").rstrip()
            if said:
                self._said.append(said)
                _log.debug("llama.cpp: %s", said)


def is_installed() -> bool:
    """Return whether the wheel with llama.cpp is here."""
    return find_spec("xllamacpp") is not None


def uses_a_gpu() -> bool:
    """Return whether the llama.cpp that is installed can compute on a GPU of this machine."""
    import xllamacpp  # noqa: PLC0415 - heavy, and an extra

    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return any(device["type"] != cpu for device in xllamacpp.get_device_info())


def why(said: Sequence[str], status: int | None, files: GgufFiles) -> str:
    """Find the reason for an engine's end in what it said.

    Args:
        said: the lines of its log.
        status: its exit status, negative for a signal; None if it still runs.
        files: what it was to load.

    Returns:
        The reason and a remedy, without the end of a sentence.
    """
    for pattern, meaning in _WHY:
        line = next((line for line in said if re.search(pattern, line)), None)
        if line is not None:
            tower = re.search(r"clip|CLIP|mmproj|multimodal", line)
            return meaning.format(file=files.mmproj if tower else files.model)
    if status == _KILLED:
        return (
            "the system ended it, most likely as the memory ran out; close other programs, or take a smaller "
            "model"
        )
    errors = [found[2].strip() for line in said if (found := _LOG_LINE.match(line)) and found[1] == "E"]
    last = errors[0] if errors else (said[-1] if said else "it said nothing")
    signalled = f" (signal {signal.Signals(-status).name})" if status is not None and status < 0 else ""
    return f"it ended{signalled}: {last[:200]}; see its log with -vv"
