"""`make engines`: real engines serve a tiny checkpoint, and a table says what each answers, in tokens.

The weights are random, so the plumbing is what is looked at: does the engine count a picture as we do,
see what transformers sees, keep the prompt from step to step, and obey a schema?
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import engine_probe as probe
import llama_server
import tiny_checkpoint
import transformers
import vllm_server
from engine_reference import Reference, distance, likeliest
from rich.console import Console
from rich.table import Table

from qvl_agent.actions.core.errors import ParseError, QvlError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.agent.models.llama.convert import convert

MODEL = "tiny"
SIZES = ((1280, 800), (1366, 768), (500, 300), (300, 700))
SEEDS = 10
CLOSE = 1e-3
"""Between log-probabilities in float32."""


class Fact(NamedTuple):
    """One row of the table."""

    what: str
    said: str
    good: bool = True


def main() -> int:
    """Ask each engine in turn; 1 if any of them answers otherwise than a run needs."""
    console = Console(width=110)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory(prefix="qvl-agent-engines-") as name:
        folder = Path(name)
        checkpoint = tiny_checkpoint.checkpoint(folder / "checkpoint", released_heads=True)
        reference = Reference(checkpoint)
        found: dict[str, list[Fact]] = {}
        wrong: list[str] = []
        for engine, serve in (("llama.cpp", _llama_cpp), ("vLLM", _vllm)):
            console.print(f"starting {engine} ...", highlight=False)
            try:
                with serve(checkpoint, folder) as base_url:
                    found[engine] = list(facts(base_url, reference, folder / f"runs-{engine}"))
            except (RuntimeError, QvlError) as error:
                wrong.append(f"{engine}: {error}")
    console.print(_table(found))
    wrong += [
        f"{engine}, {fact.what}: {fact.said}"
        for engine, said in found.items()
        for fact in said
        if not fact.good
    ]
    for line in wrong:
        console.print(f"not as it should be: {line}", style="red", highlight=False, markup=False)
    return 1 if wrong else 0


@contextmanager
def _llama_cpp(checkpoint: Path, folder: Path) -> Iterator[str]:
    files = convert(checkpoint, folder / "gguf", "tiny")
    with llama_server.running(files, folder / "llama.cpp.log") as base_url:
        yield base_url


@contextmanager
def _vllm(checkpoint: Path, folder: Path) -> Iterator[str]:
    with vllm_server.running(checkpoint, folder / "vllm.log") as base_url:
        yield base_url


def facts(base_url: str, reference: Reference, runs: Path) -> Iterator[Fact]:
    """Ask one engine everything."""
    known = probe.connect_free(base_url, MODEL).about()
    yield Fact("known as", f"{known.name} {known.version}".strip(), bool(known.name))
    yield Fact("context", f"{known.context} tokens", known.context is not None)
    yield from _pictures(base_url, reference)
    yield from _sandbox(base_url, runs)
    read = sum(map(_is_read, (_at_random(base_url, seed) for seed in range(SEEDS))))
    yield Fact("any action, at random: read", f"{read} of {SEEDS}", read == SEEDS)


def _pictures(base_url: str, reference: Reference) -> Iterator[Fact]:
    model = probe.connect_free(base_url, MODEL)
    counts = [probe.count(model, *size) for size in SIZES]
    yield Fact(
        "picture tokens: counted / due",
        "  ".join(f"{counted.picture_tokens}/{counted.expected}" for counted in counts),
        all(counted.picture_tokens == counted.expected for counted in counts),
    )
    off = 0.0
    for size in SIZES:
        turns = probe.sent(model, [Message("user", (probe.picture(*size), "Where is the button?"))])
        off = max(off, distance(likeliest(base_url, MODEL, turns), reference.log_probabilities(turns)))
    yield Fact("log-probabilities off by", f"{off:.1e}", off < CLOSE)


def _sandbox(base_url: str, runs: Path) -> Iterator[Fact]:
    model = probe.connect(base_url, MODEL)
    run = probe.drive(model, runs)
    replies = probe.replies(run)
    before = 0
    for step in range(probe.STEPS):
        reply = replies[step] if step < len(replies) else Reply("")
        said = f"{reply.prompt_tokens} / {reply.cached_tokens} / {reply.reply_tokens}"
        yield Fact(f"step {step + 1}: prompt / cached / reply", said, _kept(reply, before))
        before = reply.prompt_tokens or 0
    done = [step.outcome.outcome.status for step in run.recording().steps].count("done")
    yield Fact("actions done in the sandbox", f"{done} of {probe.STEPS}", done == probe.STEPS)
    yield Fact("the schema is asked for by", model.schema_form or "nothing", model.schema_form is not None)
    obeyed = sum(map(probe.obeyed, replies))
    yield Fact("replies that obey it", f"{obeyed} of {len(replies)}", obeyed == len(replies) > 0)


def _kept(reply: Reply, before: int) -> bool:
    """Whether the counts are there, and nearly all of the prompt before was kept; vLLM keeps whole blocks."""
    counts = (reply.prompt_tokens, reply.cached_tokens, reply.reply_tokens)
    return None not in counts and (reply.cached_tokens or 0) >= 0.8 * before


def _at_random(base_url: str, seed: int) -> Reply:
    return probe.reply(probe.talkative(base_url, MODEL, seed), [Message("user", ("What next?",))])


def _is_read(reply: Reply) -> bool:
    try:
        read_reply(reply)
    except ParseError:
        return False
    return True


def _table(found: dict[str, list[Fact]]) -> Table:
    table = Table("", *found)
    for row in zip(*found.values(), strict=True):
        table.add_row(row[0].what, *(fact.said for fact in row))
    return table


if __name__ == "__main__":
    sys.exit(main())
