"""The steps of `qvl-agent serve`: choose an engine and a model, make the command, run it until it ends."""

import asyncio
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from types import FrameType
from typing import Final

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.agent.models.choice.auto import (
    Checkpoint,
    ModelChooser,
    Offer,
    look_around,
    named,
    nothing_here,
)
from qvl_agent.agent.models.choice.found import on_disk
from qvl_agent.agent.models.choice.memory import Memory, memory_here
from qvl_agent.agent.models.choice.presets import PRESETS, SIZES, Preset, find_preset
from qvl_agent.agent.models.openai.address import is_loopback
from qvl_agent.agent.models.openai.http import Refused, Server
from qvl_agent.agent.registry.lookup import our_model
from qvl_agent.agent.serve.engines import ENGINES, Command, Engine, Wanted
from qvl_agent.agent.serve.names import check_checkpoint, check_files, expanded

__all__ = ["choose_engine", "choose_model", "line", "plan", "run"]

_POLL_S: Final = 0.2
_ANSWER_S: Final = 2.0
_NO_SUCH_PAGE: Final = (404, 405)
_BY_SIGNAL: Final = 130
_WINDOWS: Final = sys.platform == "win32"
_GGUF_ENGINES: Final = ("llama.cpp", "ollama", "xllamacpp")
_LARGEST_ON_CPU: Final = "4b"


def choose_engine(name: str, *, only_print: bool) -> Engine:
    """Take the engine that was named, or the first that is installed.

    Args:
        name: one of `ENGINES`; "" for the first that is installed.
        only_print: accept an engine that isn't installed, as nothing is started.

    Raises:
        SettingsError: there is no such engine.
        ModelError: it isn't installed, or none is; the message says how to install one.
    """
    if name and name not in ENGINES:
        raise SettingsError(f"no engine '{name}'; choose {', '.join(ENGINES)}")
    if name:
        if not only_print and not _is_here(ENGINES[name]):
            raise ModelError(f"{name} isn't installed; get it with: {ENGINES[name].install}")
        return ENGINES[name]
    here = [engine for engine in ENGINES.values() if _is_here(engine)]
    if here:
        return here[0]
    if only_print:
        return ENGINES["vllm" if shutil.which("nvidia-smi") else "llama.cpp"]
    ways = "; ".join(f"{engine.name}: {engine.install}" for engine in ENGINES.values())
    raise ModelError(f"no engine is installed. Get one. {ways}")


def _is_here(engine: Engine) -> bool:
    return bool(shutil.which(engine.program)) if engine.program else find_spec(engine.module) is not None


def choose_model(
    name: str, engine: Engine, chooser: ModelChooser, memory: Callable[[], Memory] = memory_here
) -> tuple[str, Preset | None]:
    """Choose the model to serve: the one that is named, or one that suits this machine.

    The chooser is asked before a download, unless the engine downloads models itself.

    Args:
        name: a short name, hub id, folder or .gguf file; "" or "auto" for one that suits.
        engine: the engine that will serve it.
        chooser: told which model "auto" takes, and asked before a download.
        memory: measures this machine's memory.

    Returns:
        A hub id, folder or .gguf file; and its preset, if it has one.

    Raises:
        ModelError: no model suits, or the download was refused.
        SettingsError: the name is one of the program's own models, which aren't served, or of GGUF files that
            the engine doesn't serve.
    """
    if kind := our_model(name):
        raise SettingsError(
            f"{name} needs no server: the program runs it itself, in the sandbox (--model {kind.name})"
        )
    if name in ("", "auto"):
        return _suiting(engine, chooser, memory)
    preset = find_preset(name)
    place = preset.hub_id if preset else name
    if engine.name in _GGUF_ENGINES:
        return place, preset  # the engine's own download shows its progress
    check_checkpoint(expanded(place), engine.name)
    held = on_disk(place)
    if held is None and not chooser.download(offer := named(place, preset, memory)):
        raise nothing_here(offer)
    return held or place, preset


def _suiting(
    engine: Engine, chooser: ModelChooser, memory: Callable[[], Memory]
) -> tuple[str, Preset | None]:
    if engine.name in _GGUF_ENGINES:
        here = memory()
        preset = next(_fitting_in_four_bits(here), None)
        if preset is None:
            raise ModelError("too little memory for any Qwen3-VL; name one with --model to try all the same")
        chooser.chosen(f"{preset.name}, the largest that suits {here.most / 2**30:.0f} GiB in 4 bits")
        return preset.hub_id, preset
    found = look_around(places=(), memory=memory)
    if isinstance(found, Checkpoint):
        chooser.chosen(found.why)
        return found.found.place, None
    if isinstance(found, Offer) and chooser.download(found):
        return found.hub_id, next(one for one in PRESETS.values() if one.hub_id == found.hub_id)
    raise nothing_here(found)  # type: ignore[arg-type]  # no server was looked for


def _fitting_in_four_bits(memory: Memory) -> Iterator[Preset]:
    for size in reversed(SIZES):
        whole = PRESETS[size.name]
        need = whole.memory_bytes - whole.weight_bytes + size.parameters * 5 // 8  # Q4_K_M: 4.9 bits a weight
        small_enough = memory.gpu or size.parameters <= PRESETS[_LARGEST_ON_CPU].size.parameters
        if need <= memory.most and small_enough:
            yield whole


def plan(engine: Engine, wanted: Wanted) -> Command:
    """Make the command that starts an engine.

    Raises:
        SettingsError: the engine can't do what is wanted, or it would listen beyond this machine
            without a key.
    """
    if max(wanted.tensor_parallel, wanted.pipeline_parallel) > 1 and not engine.many_gpus:
        raise SettingsError(f"{engine.name} has no tensor parallelism; take --engine vllm or sglang")
    if (wanted.ray or wanted.pipeline_parallel > 1) and engine.name != "vllm":
        raise SettingsError(f"{engine.name} isn't started on a Ray cluster from here; take --engine vllm")
    wanted = replace(wanted, model=expanded(wanted.model), mmproj=expanded(wanted.mmproj))
    check_files(wanted.model, wanted.mmproj)
    command = engine.command(wanted)
    if not is_loopback(wanted.host) and not (wanted.key and command.key_variable):
        able = "set --api-key" if command.key_variable else "take --engine vllm or llama.cpp, and --api-key"
        raise SettingsError(f"{wanted.host} is open to other machines: whoever reaches it may use it; {able}")
    return command


def line(command: Command, *, key: bool = False) -> str:
    """Write a command for a shell; the key stands in it as a shell variable, never as its value."""
    environment = [f"{name}={shlex.quote(value)}" for name, value in command.environment.items()]
    if key and command.key_variable:
        environment.append(f'{command.key_variable}="$QVL_AGENT_API_KEY"')
    return " ".join([*environment, shlex.join(command.arguments)])


def url(host: str, port: int) -> str:
    """Return the server's URL for clients on this machine."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{shown}:{port}/v1"


def run(command: Command, host: str, *, key: str = "", say: Callable[[str], None]) -> int:
    """Start the engine, report when it is ready, and wait until it ends; signals are passed on to it.

    Args:
        command: the command that starts it.
        host: the address at which it will listen.
        key: the API key for it; "" for none.
        say: prints a sentence for the person.

    Returns:
        The engine's exit status; 130 if a signal was passed on to it.

    Raises:
        ModelError: the port is taken, the engine can't be started, or it ended before it was ready.
    """
    _check_free(host, command.port)
    environment = {**os.environ, **command.environment}
    if key and command.key_variable:
        environment[command.key_variable] = key
    try:
        process = subprocess.Popen(
            command.arguments, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise ModelError(f"can't start {command.arguments[0]}: {error.strerror}") from error
    ended, ready = threading.Event(), threading.Event()
    server = Server(url(host, command.port), key, allow_remote=True)
    watcher = threading.Thread(target=_watch, args=(server, command, ended, ready, say), daemon=True)
    with _forwarding(process) as came:
        watcher.start()
        try:
            status = _wait(process)
        finally:
            ended.set()
            watcher.join()
    if came:
        return _BY_SIGNAL
    if not ready.is_set():
        raise ModelError(f"{command.arguments[0]} ended with status {status} before it was ready; see above")
    return status


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ModelError(
                f"can't listen at {host}:{port} ({error.strerror}); is a server there already? "
                "Use it with --model auto, or take another --port"
            ) from error


def _wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait until the engine ends, then kill the workers that it may leave behind in its own session."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        _signal(
            process, signal.SIGKILL
        )  # until the engine is reaped by `wait`, no other process can have its number
    return process.wait()


def _watch(
    server: Server,
    command: Command,
    ended: threading.Event,
    ready: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Print how to use the server, once it answers."""
    while not ended.wait(_POLL_S):
        models = _models_at(server)
        if models is None:
            continue
        ready.set()
        if command.first and command.served_name not in models:
            say(f"it doesn't have the model yet; once, in another terminal: {command.first}")
        say(f'ready: qvl-agent "TASK" --model {server.base_url} --server-model {command.served_name}')
        return


def _models_at(server: Server) -> tuple[str, ...] | None:
    """Return the models of a server that is ready; None before that."""

    async def listed() -> tuple[str, ...]:
        try:
            async with server.request("GET", "/health", beside=True):
                pass
        except Refused as refused:
            if refused.status not in _NO_SUCH_PAGE:  # such as 503: it loads the model
                raise
        return await server.models()

    try:
        return asyncio.run(server.within(_ANSWER_S, listed))
    except (ModelError, Refused):
        return None


@contextmanager
def _forwarding(process: "subprocess.Popen[bytes]") -> Iterator[list[int]]:
    """Pass signals on to the engine while the block runs; yields the list of them. The second kills it."""
    came: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        _signal(process, number if len(came) == 1 else signal.SIGKILL)

    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to the engine and its workers; on Windows end the engine."""
    try:
        if _WINDOWS:
            process.terminate()
        else:
            os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
