"""What makes a step by llama.cpp shorter, and whether the model still points as well, on this machine.

    python benchmarks/picture_budgets.py [--shape 2b] [--budgets 512 1024 2048] [--screens 2] [--engine]
    python benchmarks/picture_budgets.py --nano [--budgets 180 240 360] [--seeds 4]

With a released model's shape the weights are random, in 8 bits: what such a model says means nothing, what
it costs is real. For each budget of image tokens, and with the vision tower in float32 and in 8 bits, it is
shown new 1920x1080 screens; --engine adds attention without its fast form, keys and values in 8 bits, and one
thread. Prints the median seconds until the first token, the processor's seconds of the whole reply, which
others' work on the machine hardly changes, and how much less that is than in the first row.

With --nano the small model does what it was trained for: it is asked at each step of the oracle's way
through the sandbox's tasks, with each budget and tower in turn at the same steps. Prints how many targets it
hits, the median seconds of a reply, and the budget that `qvl-agent doctor --budgets` would propose by that.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
from random_model import SHAPES, beside_the_weights, random_model

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.doctor.pointing.budgets import Budget, proposed
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.models.llama.engine import EngineOptions
from qvl_agent.agent.models.llama.files import GgufFiles
from qvl_agent.agent.models.llama.model import IMAGE_MIN_TOKENS, LlamaModel, context_for
from qvl_agent.sandbox.nano import CHECKPOINT, REPLY_TOKENS
from qvl_agent.sandbox.nano.making.evaluation.evaluation import FIRST_SEED, Evaluation
from qvl_agent.sandbox.nano.making.evaluation.figures import Case
from qvl_agent.sandbox.nano.making.shape import as_released
from qvl_agent.sandbox.tasks import TASKS

SIZE = (1920, 1080)
WRITTEN = 16
"""Tokens that a model of random weights writes."""
TOWERS = ("float32", "8 bits")
ENGINES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "plain attention": {"flash": False},
    "keys and values in 8 bits": {"cache_type": "q8_0"},
    "one thread": {"threads": 1},
}


def never() -> bool:
    return False


def both_towers(checkpoint: Path, folder: Path, *, eight_bits: bool) -> dict[str, GgufFiles]:
    """Convert a checkpoint with its tower in both precisions; the language model is one file for both."""
    exact = convert(checkpoint, folder, "exact", eight_bits=eight_bits)
    gc.collect()
    small = convert(checkpoint, folder, "small", eight_bits=eight_bits, tower_eight_bits=True)
    small.model.unlink()
    return dict(zip(TOWERS, (exact, GgufFiles(exact.model, small.mmproj)), strict=True))


def made(shape: str, folder: Path) -> dict[str, GgufFiles]:
    with random_model(shape, "cpu", dtype="bfloat16") as model:
        beside_the_weights(folder)
        model._loaded.model.save_pretrained(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(as_released(json.loads(path.read_text("utf-8")))), "utf-8")
    del model
    gc.collect()
    return both_towers(folder, folder / "gguf", eight_bits=True)


def screen(seed: int) -> Frame:
    dice = np.random.default_rng(seed)
    blocks = dice.integers(0, 256, (27, 48, 3), dtype=np.uint8)
    return Frame(np.kron(blocks, np.ones((40, 40, 1), np.uint8)), Rect(0, 0, *SIZE))


def in_the_shape(shape: str, budgets: Sequence[int], screens: int, *, engines: bool) -> None:
    """Print what a new screen costs in a released model's shape, one way after the other."""
    first: float | None = None
    with TemporaryDirectory() as folder:
        files = made(shape, Path(folder))
        print(f"{shape}: language model in 8 bits, {files['float32'].bytes / 2**30:.1f} GiB in all; {SIZE}\n")
        head = "tokens | vision tower | engine | until the first token | processor | times less | tokens/s"
        print(f"| {head} | loaded in | GiB |")
        print("|---|---|---|---|---|---|---|---|---|")
        ways = [(budget, tower, "as it is") for budget in budgets for tower in TOWERS]
        if engines:
            ways += [(budgets[0], "8 bits", engine) for engine in list(ENGINES)[1:]]
        for budget, tower, engine in ways:
            found = cost(files[tower], budget, screens, ENGINES[engine])
            first = first or found.busy
            print(
                f"| {found.tokens} | {tower} | {engine} | {found.seconds:.1f} s | {found.busy:.1f} s "
                f"| {first / found.busy:.2f} | {found.speed:.1f} | {found.loaded:.1f} s "
                f"| {found.memory:.1f} |",
                flush=True,
            )


@dataclass(frozen=True)
class Cost:
    """What a new screen costs: medians in seconds, but for the tokens, the tokens/s written, and the GiB."""

    tokens: int
    seconds: float
    busy: float
    speed: float
    loaded: float
    memory: float


def cost(files: GgufFiles, budget: int, screens: int, engine: dict[str, Any]) -> Cost:
    options = EngineOptions(context_for(budget, WRITTEN), min(IMAGE_MIN_TOKENS, budget), **engine)
    start = time.perf_counter()
    opened = LlamaModel(files, "random", max_picture_tokens=budget, max_new_tokens=WRITTEN, options=options)
    with closing(opened) as model:
        model.reply([Message("user", ("Warm up.",))], stop=never)
        loaded = time.perf_counter() - start
        process = psutil.Process(model._serving.engine.pid)
        seconds, busy, speeds = [], [], []
        for number in range(screens):
            before = sum(process.cpu_times()[:2])
            reply = model.reply([Message("user", (screen(number), "Where is it?"))], stop=never)
            busy.append(sum(process.cpu_times()[:2]) - before)
            until, total = reply.times["first_token"], reply.times["total"]
            seconds.append(until)
            speeds.append(((reply.reply_tokens or 1) - 1) / (total - until))
        memory = process.memory_info().rss / 2**30
        medians = (statistics.median(each) for each in (seconds, busy, speeds))
        return Cost(model.picture_tokens(SIZE), *medians, loaded, memory)


@dataclass
class Asked(Model):
    """A model whose replies are timed."""

    model: Model
    name: str = "nano"
    seconds: list[float] = field(default_factory=list)

    def reply(self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: Any = None) -> Reply:
        start = time.perf_counter()
        said = self.model.reply(messages, stop=stop, on_text=on_text)
        self.seconds.append(time.perf_counter() - start)
        return said

    def with_format(self, form: Any) -> Model:
        return Asked(self.model.with_format(form), seconds=self.seconds)

    def close(self) -> None:
        self.model.close()


def on_nano(budgets: Sequence[int], seeds: int) -> None:
    """Print how well nano points in the sandbox, each way at the same steps."""
    ways = [(budget, tower) for budget in budgets for tower in TOWERS]
    hits, right, asked = (dict.fromkeys(ways, 0) for _ in range(3))
    models: dict[tuple[int, str], Asked] = {}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        files = both_towers(CHECKPOINT, Path(folder), eight_bits=False)
        for budget, tower in ways:
            opened = LlamaModel(
                files[tower], "nano", max_picture_tokens=budget, max_new_tokens=REPLY_TOKENS, temperature=0.0
            )
            models[budget, tower] = Asked(stack.enter_context(closing(opened)))
        now = [ways[0]]
        evaluation = stack.enter_context(Evaluation("nano", lambda _: models[now[0]]))
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            for case in (Case(app, task, seed) for app in TASKS for task in TASKS[app]):
                for way in ways:
                    now[0] = way
                    aimed = [step for step in evaluation.steps(case).steps if step.hit is not None]
                    asked[way] += len(aimed)
                    hits[way] += sum(bool(step.hit) for step in aimed)
                    right[way] += sum(step.same for step in aimed)
        print("| budget | tokens | vision tower | targets hit | the same done | seconds a reply |")
        print("|---|---|---|---|---|---|")
        measured = {}
        for budget, tower in ways:
            way = budget, tower
            seconds = statistics.median(models[way].seconds)
            sent = models[way].model.picture_tokens((1280, 800))
            measured[way] = Budget(budget, hits[way], asked[way], seconds)
            share = f"{hits[way]} of {asked[way]}, {measured[way].rate:.0%}"
            print(f"| {budget} | {sent} | {tower} | {share} | {right[way]} | {seconds:.2f} |")
    exact = [each for (_, tower), each in measured.items() if tower == "float32"]
    best = proposed(exact)
    if best is not None:
        largest = max(exact, key=lambda each: each.tokens)
        gain = largest.seconds / best.seconds
        print(f"\nproposed: {best.tokens}, {gain:.1f} times as fast as with {largest.tokens}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="2b")
    parser.add_argument("--budgets", type=int, nargs="+", help="image tokens of a picture")
    parser.add_argument("--screens", type=int, default=2, help="new screens for each way")
    parser.add_argument("--engine", action="store_true", help="try the engine's options too")
    parser.add_argument("--nano", action="store_true", help="nano's real pointing, in the sandbox")
    parser.add_argument("--seeds", type=int, default=4, help="of each task, for nano")
    options = parser.parse_args()
    if options.nano:
        on_nano(options.budgets or [180, 240, 360], options.seeds)
    else:
        budgets = options.budgets or [512, 1024, 2048]
        in_the_shape(options.shape, budgets, options.screens, engines=options.engine)


if __name__ == "__main__":
    main()
