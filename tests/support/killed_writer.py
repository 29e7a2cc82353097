"""Records runs in child processes and kills each with SIGKILL at a random moment.

Run as a script: `killed_writer.py ROOT ROUNDS SEED` prints one line a round, `<folder> <acknowledged>`,
where `acknowledged` counts the journal lines whose call returned before the kill.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from made_runs import grounded, manifest, noise

from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.agent.recording.format import StepIntent, StepOutcome
from qvl_agent.agent.recording.recording import Recorder


def record(root: Path, pipe: int) -> None:
    recorder = Recorder.create(root, manifest())
    os.write(pipe, f"{recorder.folder}\n".encode())
    for step in range(1, 10_000):
        ref = recorder.ref(noise(step, 200, 150))
        reply = Reply(grounded("done") + "x" * 20_000)
        recorder.intent(StepIntent(step=step, frame=ref, said=(), reply=reply, action=None))
        os.write(pipe, b".")
        recorder.outcome(StepOutcome(step=step, outcome=Outcome("done")))
        os.write(pipe, b".")


def one_round(root: Path, delay: float, *, begun: bool) -> str:
    """Kill a child `delay` seconds after its folder stands or, if `begun`, after its first line does."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            record(root, writer)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as acknowledged:
        folder = acknowledged.readline().decode().strip()
        count = len(acknowledged.read(1)) if begun else 0
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return f"{folder} {count + len(acknowledged.read())}"


if __name__ == "__main__":
    moments = random.Random(int(sys.argv[3]))
    for number in range(int(sys.argv[2])):
        line = one_round(Path(sys.argv[1]), moments.uniform(0, 0.08), begun=number % 4 > 0)
        print(line, flush=True)  # noqa: T201 - its answer
