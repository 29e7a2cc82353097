"""Whether llama.cpp's process ever outlives the program that started it, or holds its port.

    python benchmarks/engine_kills.py [--kills 100] [--seed 0]

A program opens nano by llama.cpp and asks it something, over and over; at a random moment, while it starts,
loads, is asked or replies, it is killed (SIGKILL, SIGTERM, SIGINT or SIGHUP in turn). Within five seconds its
engine has to be gone, and the port that it listened at free. Prints when it was killed, and what was left;
exits with 1 if anything was.
"""

import argparse
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter

import psutil

PROGRAM = """
import sys
from contextlib import closing
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.llama.convert import converted
from qvl_agent.agent.models.llama.model import LlamaModel
from qvl_agent.agent.paths import cache_folder
from qvl_agent.sandbox.nano import CHECKPOINT
print("begins", flush=True)
files = converted(CHECKPOINT, cache_folder(), "nano")
with closing(LlamaModel(files, "nano", max_picture_tokens=360, max_new_tokens=200)) as model:
    print("loading", model._serving.engine.pid, flush=True)
    while True:
        model.reply([Message("user", ("Say something.",))], stop=lambda: False)
        print("replied", flush=True)
"""
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LATEST_S = 2.0
GONE_S = 5.0


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def ports(processes: list[psutil.Process]) -> set[int]:
    found = set()
    for process in processes:
        try:
            found |= {each.laddr[1] for each in process.net_connections() if each.status == "LISTEN"}
        except psutil.Error:
            continue
    return found


def killed(number: int, after_s: float) -> tuple[str, list[int], set[int], float]:
    """Kill one program; return how far it was, the engines and ports left, and the seconds until none was."""
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as program:
        assert program.stdout is not None
        program.stdout.readline()
        time.sleep(after_s)
        engines = children(psutil.Process(program.pid))
        held = ports(engines)
        program.send_signal(number)
        start = time.monotonic()
        said = program.stdout.read().split("\n")
        program.wait()
    # One that was started between the look and the signal is the program's too.
    told = {int(line.split()[1]) for line in said if line.startswith("loading")}
    left = sorted({each.pid for each in engines} | told)
    state = "starting" if not left else "replied" if "replied" in said else "loading"
    while (left or held) and time.monotonic() - start < GONE_S:
        time.sleep(0.01)
        left = [pid for pid in left if is_running(pid)]
        held &= {each.laddr[1] for each in psutil.net_connections("tcp4") if each.status == "LISTEN"}
    return state, left, held, time.monotonic() - start


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    dice, states = random.Random(options.seed), Counter[str]()
    engines, held, seconds = 0, 0, []
    for number in range(options.kills):
        state, left, kept, gone_s = killed(SIGNALS[number % len(SIGNALS)], dice.uniform(0, LATEST_S))
        states[state] += 1
        engines, held = engines + len(left), held + len(kept)
        seconds.append(gone_s)
    print(f"{options.kills} kills: {dict(states)}")
    print(f"engines left: {engines}, ports held: {held}")
    print(
        f"an engine was gone after {statistics.median(seconds):.2f} s (median), {max(seconds):.2f} s at most"
    )
    return 1 if engines or held else 0


if __name__ == "__main__":
    sys.exit(main())
