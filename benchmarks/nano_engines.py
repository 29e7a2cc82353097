"""Whether nano says the same by llama.cpp as by transformers, and what each takes.

    python benchmarks/nano_engines.py [--steps 100] [--all]

The oracle does the sandbox's tasks, on seeds that nano was never trained on. At each step nano is asked by
transformers in float32, and by llama.cpp from the GGUF files that the program makes: as it runs, and
computed as transformers does; with --all, by transformers in bfloat16 too, in which the weights are shipped.
All get the same conversation, and answer greedily and kept to the reply format, as in a run. Prints how many
replies are the same, letter by letter, those that aren't, and the median seconds of a reply by each. Exits
with 1 if llama.cpp's differ in more than one of twenty.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat, reply_format
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.llama.convert import converted
from qvl_agent.agent.models.llama.engine import EngineOptions
from qvl_agent.agent.models.llama.model import LlamaModel, context_for
from qvl_agent.agent.paths import cache_folder
from qvl_agent.sandbox.nano import CHECKPOINT, DIALECT, PICTURE_TOKENS, REPLY_TOKENS
from qvl_agent.sandbox.nano.making.evaluation.evaluation import FIRST_SEED, Evaluation
from qvl_agent.sandbox.nano.making.evaluation.figures import Case
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import SandboxDesktop
from qvl_agent.sandbox.tasks import TASKS

REFERENCE = "transformers, float32"
LEAST = 0.95
LIMITS = {"max_picture_tokens": PICTURE_TOKENS, "max_new_tokens": REPLY_TOKENS}


class Asked:
    """What each engine said, step by step, and the seconds it took."""

    def __init__(self, engines: dict[str, Model]) -> None:
        self.engines = engines
        self.said: list[dict[str, str]] = []
        self.seconds: dict[str, list[float]] = {name: [] for name in engines}

    def ask(self, messages: Sequence[Message], stop: StopCheck) -> None:
        said = {}
        for name, engine in self.engines.items():
            start = time.monotonic()
            said[name] = engine.reply(messages, stop=stop).text
            self.seconds[name].append(time.monotonic() - start)
        self.said.append(said)


class Listening(Model):
    """The oracle, with the engines asked beside it."""

    name = "oracle"

    def __init__(self, desktop: SandboxDesktop, asked: Asked) -> None:
        self._oracle, self._asked = Oracle(desktop.sandbox), asked

    def with_format(self, form: ReplyFormat) -> "Listening":
        del form
        return self

    def reply(self, messages: Sequence[Message], *, stop: StopCheck, on_text: OnText | None = None) -> Reply:
        self._asked.ask(messages, stop)
        return self._oracle.reply(messages, stop=stop, on_text=on_text)

    def close(self) -> None:
        """Nothing is held."""


def opened(stack: ExitStack, *, every: bool) -> dict[str, Model]:
    context = context_for(PICTURE_TOKENS, REPLY_TOKENS)
    exact = EngineOptions(context, PICTURE_TOKENS, cache_type="f32", flash=False)
    files = converted(CHECKPOINT, cache_folder(), "nano")
    models: dict[str, Model] = {
        REFERENCE: TransformersModel(str(CHECKPOINT), device="cpu", dtype="float32", **LIMITS),
        "llama.cpp": LlamaModel(files, "nano", **LIMITS),
        "llama.cpp, all in float32": LlamaModel(files, "nano", options=exact, **LIMITS),
    }
    if every:
        models["transformers, bfloat16"] = TransformersModel(
            str(CHECKPOINT), device="cpu", dtype="bfloat16", **LIMITS
        )
    form = reply_format(DIALECT)
    return {name: stack.enter_context(closing(model)).with_format(form) for name, model in models.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--all", action="store_true", help="ask transformers in bfloat16 too")
    options = parser.parse_args()
    tasks = [(app, task) for app in TASKS for task in TASKS[app]]
    with ExitStack() as stack:
        asked = Asked(opened(stack, every=options.all))
        evaluation = stack.enter_context(Evaluation("both", lambda desktop: Listening(desktop, asked)))
        number, least = 0, 1.0
        while len(asked.said) < options.steps:
            app, task = tasks[number % len(tasks)]
            evaluation.run(Case(app, task, FIRST_SEED + number // len(tasks)))
            number += 1
    for name in asked.engines:
        if name == REFERENCE:
            continue
        other = [said for said in asked.said if said[name] != said[REFERENCE]]
        count = len(asked.said)
        least = min(least, 1 - len(other) / count) if name.startswith("llama") else least
        print(f"{name} says what {REFERENCE} says in {count - len(other)} of {count} steps")
        for said in other[:10]:
            print(f"  {REFERENCE}: {said[REFERENCE]}\n  {name}: {said[name]}")
    for name, seconds in asked.seconds.items():
        print(f"a reply by {name}: {statistics.median(seconds):.2f} s")
    return 0 if least >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
