"""An agent that a person stops: python watched_agent.py DISPLAY FOLDER KIND [MODEL]; for `kill_switch.py`.

`Child` starts it and talks to it. Each line on its input is a seed for one run. It prints what it is doing, a
JSON line each, and how it ended. With the kind "any" each run is a process of its own, forked from this one,
and every action of another kind.
"""

import json
import os
import random
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent import Agent, open_desktop, open_model
from qvl_agent.agent.cli.signals import stop_on_signals
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.run.events import Decided, RunEvent, Thinking

POLL_S: Final = 0.005
ACTIONS: Final = ("click", "drag", "drag", "scroll", "typing", "typing", "chord")
LETTERS = "abcdefghijklmnopqrstuvwxyz      ABCDEFGH"
BEYOND = "äöüßéñ你好世界данет—€"


class Child:
    """The process that runs the agent."""

    def __init__(self, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout
        self._out, self._rest = self._process.stdout.fileno(), b""
        self.pid = self._process.pid

    def start(self, seed: int) -> None:
        assert self._process.stdin
        self._process.stdin.write(b"%d\n" % seed)
        self._process.stdin.flush()

    def heard(self, wait_s: float) -> list[dict[str, Any]]:
        """What it said, waiting at most so long for something."""
        if not select.select([self._out], [], [], wait_s)[0]:
            return []
        if not (data := os.read(self._out, 65536)):
            raise SystemExit("the agent's process ended")
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def until(
        self, now: str, *, limit_s: float = 120.0, meanwhile: Callable[[], object] = lambda: None
    ) -> Any:
        """Wait until it says so."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            meanwhile()
            for facts in self.heard(POLL_S):
                if facts["now"] == now:
                    return facts
        return None

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps({"at": time.monotonic(), **facts}) + "\n")
    sys.stdout.flush()


def reply(kind: str, dice: random.Random) -> dict[str, object]:
    """One action of a kind, at another place each time, so that no run is taken for a loop."""
    here, there = ([x := dice.randrange(50, 900), y := dice.randrange(50, 900), x + 9, y + 9] for _ in "ab")
    match kind:
        case "drag":
            return {"action": "drag", "bbox_2d": here, "bbox_2d_end": there}
        case "scroll":
            ways = ["up", "down", "left", "right"]
            return {"action": "scroll", "bbox_2d": here, "direction": dice.choice(ways), "amount": 20}
        case "typing":
            letters = LETTERS if dice.random() < 0.5 else LETTERS + BEYOND
            return {"action": "type", "text": "".join(dice.choices(letters, k=4500))}
        case "chord":
            return {"action": "press", "keys": ["ctrl", "alt", "shift", dice.choice("bcdehijk")]}
        case "wait":
            return {"action": "wait", "seconds": 30}
        case "settle":
            return {"action": "press", "keys": [dice.choice(["f8", "f9"])]}
        case _:
            return {"action": "click", "bbox_2d": here, "count": dice.choice([1, 1, 2])}


class Quick(Model):
    """Answers at once, with another action of its kind each time."""

    def __init__(self, kind: str) -> None:
        self.name = kind
        self.dice = random.Random(0)

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        del messages, on_text
        if stop():
            raise Stopped("stopped while the model was at work")
        kind = self.dice.choice(ACTIONS) if self.name == "any" else self.name
        return Reply(json.dumps(reply(kind, self.dice)))

    def close(self) -> None:
        pass


def tell(event: RunEvent) -> None:
    """Say what the run does now."""
    match event:
        case Thinking(step):
            say(now="thinking", step=step)
        case Decided(intent):
            say(now="acting", step=intent.step)


@contextmanager
def model_of(kind: str, where: str) -> Iterator[Model]:
    if kind == "server":
        with open_model(where, max_picture_tokens=256) as model:
            yield model
    elif kind == "transformers":
        with open_model(where, max_picture_tokens=256, device="cpu") as model:
            yield model
    else:
        yield Quick(kind)


def run(display: str, folder: str, model: Model) -> None:
    """Go on until somebody stops it."""
    with stop_on_signals() as stop, open_desktop(display, takeover="ignore") as desktop:
        agent = Agent(desktop, model, stop=stop, subscribers=(tell,), runs=Path(folder), verify="never")
        result = agent.run("go on and on").result
    say(now="ended", status=result.status, message=result.message)


def run_apart(display: str, folder: str, model: Model) -> None:
    """The same in a process of its own; no thread and no connection is open here that it would share."""
    if pid := os.fork():
        say(now="forked", pid=pid)
        _, code = os.waitpid(pid, 0)
        say(now="gone", code=os.waitstatus_to_exitcode(code))
        return
    code = 70
    try:
        run(display, folder, model)
        code = 0
    finally:
        os._exit(code)


def main(display: str, folder: str, kind: str, where: str = "") -> None:
    with model_of(kind, where) as model:
        say(now="ready")
        for seed in sys.stdin:
            if isinstance(model, Quick):
                model.dice.seed(int(seed))
            (run_apart if kind == "any" else run)(display, folder, model)


if __name__ == "__main__":
    main(*sys.argv[1:])
