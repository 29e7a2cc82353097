"""What the model's side of a step costs: an episode of 20 steps at 1280x800, twice in one run.

The same conversation goes through ours (what was read stays read, the reply is kept to its format) and
through transformers' own `generate` over the whole conversation each step, which writes as many tokens.
The checkpoint has random weights in a given shape: what it writes means nothing, what it costs is real.
The history is the agent's own: with more than 10 pictures it drops all but 4, and that step reads anew.
With --llama the same weights go through llama.cpp too, in float32, as GGUF files run in the program; what it
writes is kept to the format by a grammar of its own, so that its replies are of other lengths: the seconds
until the first token are compared too. With --eight-bits it gets weights of the same shape in 8 bits, as one
would take them of a released model; --no-plain leaves transformers' own `generate` out.

    python benchmarks/model_steps.py [--shape tiny|small|2b|4b|8b] [--device cpu|cuda] [--steps 20] [--llama]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers
from picture_budgets import made
from random_model import SHAPES, as_gguf, random_model

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.llama.files import GgufFiles
from qvl_agent.agent.models.llama.model import LlamaModel
from qvl_agent.agent.run.history import History

SIZE = (1280, 800)
OUTCOME = 'click on "Save": done. The screen changed.'
TEXT = 24
"""Characters of each text in a reply, so that a random one is about as long as a real one."""


@dataclass
class Step:
    """One step of one way.

    Attributes:
        prompt: tokens of the whole conversation.
        prefilled: those that were read.
        new: those of the newest picture and text.
        compacted: the history dropped old pictures before this step.
        seconds: from messages to reply.
        busy: the processor's seconds in that time; on a CPU others' work doesn't count in them.
        reply: tokens written.
        first: seconds until the first token.
    """

    prompt: int
    prefilled: int
    new: int
    compacted: bool
    seconds: float
    busy: float
    reply: int
    first: float = 0.0


def screen(seed: int) -> Frame:
    """A screen with some windows; no two are alike."""
    dice = np.random.default_rng(seed)
    pixels = np.full((SIZE[1], SIZE[0], 3), 230, np.uint8)
    for _ in range(40):
        x, y = dice.integers(0, SIZE[0] - 80), dice.integers(0, SIZE[1] - 40)
        pixels[y : y + dice.integers(20, 200), x : x + dice.integers(40, 400)] = dice.integers(0, 256, 3)
    return Frame(pixels, Rect(0, 0, *SIZE))


def never() -> bool:
    return False


def plainly(model: TransformersModel, messages: Sequence[Message], tokens: int) -> tuple[float, float]:
    """Generate over the whole conversation, and return the seconds and the processor's seconds it took.

    The pictures are cut into patches already, which spares it a few milliseconds that ours needs.
    """
    loaded, prompt = model._loaded, model._encoder.prompt(messages)
    device = loaded.model.device
    ids = torch.tensor([prompt.ids], device=device)
    start, busy = time.perf_counter(), time.process_time()
    loaded.model.model.rope_deltas = None
    loaded.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        mm_token_type_ids=(ids == loaded.image_id).int(),
        pixel_values=torch.cat([picture.pixels for picture in prompt.pictures]).to(device),
        image_grid_thw=torch.cat([picture.grid for picture in prompt.pictures]).to(device),
        do_sample=False,
        max_new_tokens=tokens,
        min_new_tokens=tokens,
    )
    finish(device)
    return time.perf_counter() - start, time.process_time() - busy


def finish(device: Any) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def episode(
    model: TransformersModel, steps: int, llama: LlamaModel | None, *, plainly_too: bool
) -> tuple[list[Step], list[Step], list[Step]]:
    """Run the same steps each way, one after the other, so that a busy machine slows all."""
    form = reply_format("grounded", max_text=TEXT)
    kept, other = model.with_format(form), llama.with_format(form) if llama else None
    history = History("Save the document under another name.", "grounded")
    history.show(screen(0))
    ours, plain, theirs = [], [], []
    for number in range(1, steps + 1):
        before = pictures(history.messages)
        history.compact()
        messages = history.messages
        compacted = pictures(messages) < before
        start, busy = time.perf_counter(), time.process_time()
        reply = kept.reply(messages, stop=never)
        finish(model._loaded.model.device)
        spent = time.perf_counter() - start, time.process_time() - busy
        parse_action(reply.text)
        ours.append(step(model, messages, reply, *spent, compacted=compacted))
        one = ours[-1]
        spent = plainly(model, messages, one.reply) if plainly_too else (0.0, 0.0)
        plain.append(Step(one.prompt, one.prompt, one.new, compacted, *spent, one.reply))
        if other is not None:
            start = time.perf_counter()
            said = other.reply(messages, stop=never)
            seconds = time.perf_counter() - start
            theirs.append(step(model, messages, said, seconds, 0.0, compacted=compacted))
        history.heard(reply)
        history.show(screen(number), OUTCOME)
    return ours, plain, theirs


def by_llama(ours: list[Step], theirs: list[Step]) -> None:
    """Print what the same steps took by llama.cpp."""
    print(f"\n{'step':>4}{'ours reads':>12}{'llama reads':>12}{'ours s':>9}{'llama s':>9}{'wrote':>14}")
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True), 1):
        print(
            f"{number:>4}{one.prefilled:>12}{other.prefilled:>12}{one.seconds:>9.2f}{other.seconds:>9.2f}"
            f"{one.reply:>7}{other.reply:>7}"
        )
    for what, name in (("seconds", "a step"), ("first", "until the first token")):
        mine, his = (statistics.median(getattr(each, what) for each in steps) for steps in (ours, theirs))
        print(f"{name}, median: ours {mine:.2f} s, llama.cpp {his:.2f} s, {mine / his:.1f} times as fast")
    kept = 1 - sum(each.prefilled for each in theirs) / sum(each.prompt for each in theirs)
    print(f"of the tokens of its prompts llama.cpp had {kept:.0%} already")


def pictures(messages: Sequence[Message]) -> int:
    return sum(len(message.pictures) for message in messages)


def step(
    model: TransformersModel,
    messages: Sequence[Message],
    reply: Reply,
    seconds: float,
    busy: float,
    *,
    compacted: bool,
) -> Step:
    count: Callable[[Sequence[Message]], int] = lambda some: len(model._encoder.prompt(some).ids)  # noqa: E731
    prompt, cached, written = reply.prompt_tokens or 0, reply.cached_tokens or 0, reply.reply_tokens or 0
    new = prompt if len(messages) == 2 else prompt - count(messages[:-1]) + 3  # 3: where the answer begins
    first = reply.times.get("first_token", 0.0)
    return Step(prompt, prompt - cached, new, compacted, seconds, busy, written, first)


def report(ours: list[Step], plain: list[Step]) -> None:
    print(
        f"{'step':>4}{'prompt':>9}{'new':>7}{'ours reads':>12}{'plain reads':>12}{'ours s':>9}{'plain s':>9}"
    )
    for number, (one, other) in enumerate(zip(ours, plain, strict=True), 1):
        note = "   old pictures dropped" if one.compacted else ""
        print(
            f"{number:>4}{one.prompt:>9}{one.new:>7}{one.prefilled:>12}{other.prefilled:>12}"
            f"{one.seconds:>9.2f}{other.seconds:>9.2f}{note}"
        )
    usual = [one for one in ours[1:] if not one.compacted]
    over = [one.prefilled / one.new for one in usual]
    read, reread = (sum(one.prefilled for one in steps) for steps in (ours, plain))
    half = len(usual) // 2
    early, late = (statistics.median(one.prefilled for one in part) for part in (usual[:half], usual[half:]))
    print(
        "\ntokens read a step / new ones, where nothing was dropped: "
        f"median {statistics.median(over):.3f}, most {max(over):.3f}"
    )
    print(f"median read in the earlier steps {early:.0f}, in the later ones {late:.0f}")
    print(f"read in all, dropping included: {read} against {reread}, {reread / read:.1f} times less")
    for name, unit in (("seconds", "s"), ("busy", "s of the processor")):
        mine, theirs = ([getattr(one, name) for one in steps] for steps in (ours, plain))
        print(
            f"a step's median: {statistics.median(mine):.2f} against {statistics.median(theirs):.2f} {unit}; "
            f"all {len(ours)}: {sum(mine):.1f} against {sum(theirs):.1f}, "
            f"{sum(theirs) / sum(mine):.1f} times less"
        )


def depth(model: TransformersModel) -> None:
    """Say where the time of one warm step goes, and how near decoding comes to the memory's own speed."""
    loaded = model._loaded
    device = loaded.model.device
    form = reply_format("grounded", max_text=TEXT)
    history = History("Save the document under another name.", "grounded")
    history.show(screen(100))
    history.heard(model.with_format(form).reply(history.messages, stop=never))
    history.show(screen(101), OUTCOME)
    passes = [0]
    hook = loaded.model.register_forward_hook(lambda *_: passes.__setitem__(0, passes[0] + 1))
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    start = time.perf_counter()
    with torch.profiler.profile(activities=kinds[: 1 + (device.type == "cuda")]) as found:
        # In this thread: the profiler sees no other's.
        reply = model._generate(history.messages, form, lambda _: None)
        finish(device)
    wall = time.perf_counter() - start
    hook.remove()
    name = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    work = sum(getattr(event, name) for event in found.key_averages()) / 1e6
    print(
        f"\none step under the profiler: {wall:.2f} s, {work:.2f} s of it in kernels, "
        f"{max(0.0, 1 - work / wall):.0%} outside; {passes[0]} passes for {reply.reply_tokens} tokens"
    )
    speed(model, history.messages)


def speed(model: TransformersModel, messages: Sequence[Message]) -> None:
    """Decode freely from a warm cache, and compare with reading every weight and key once a pass."""
    loaded = model._loaded
    again = model.reply(messages, stop=never)
    each = again.times["decode"] / max(1, (again.reply_tokens or 1) - 1)
    text = loaded.model.config.get_text_config()
    kept = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim * (again.prompt_tokens or 0)
    size = loaded.model.lm_head.weight.element_size()
    weights = sum(weight.numel() for weight in loaded.model.model.language_model.layers.parameters())
    moved = (weights + loaded.model.lm_head.weight.numel() + kept) * size
    bandwidth = measured_bandwidth(loaded.model.device)
    print(
        f"decoding: {1 / each:.1f} tokens/s; a pass reads {moved / 1e9:.2f} GB, and with the measured "
        f"{bandwidth / 1e9:.0f} GB/s the memory allows {bandwidth / moved:.0f}; "
        f"that is {moved / bandwidth / each:.0%}"
    )


def measured_bandwidth(device: Any) -> float:
    """Bytes a second that a large sum reads."""
    block = torch.ones(2**28 if torch.device(device).type == "cuda" else 2**26, device=device)
    times = []
    for _ in range(5):
        finish(device)
        start = time.perf_counter()
        block.sum()
        finish(device)
        times.append(time.perf_counter() - start)
    return block.numel() * block.element_size() / min(times)


def opened_by_llama(stack: ExitStack, files: GgufFiles) -> LlamaModel:
    """Open them by llama.cpp, and let it answer once, as it loads what it needs by then."""
    opened = LlamaModel(files, "random", max_new_tokens=200)
    llama = stack.enter_context(closing(opened))
    llama.reply([Message("user", (screen(99), "Warm up."))], stop=never)
    return llama


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="auto", help="torch's name, or auto")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1, help="of the CPU")
    parser.add_argument("--llama", action="store_true", help="by llama.cpp too, with two threads")
    parser.add_argument("--eight-bits", action="store_true", help="for llama.cpp alone")
    parser.add_argument("--no-plain", action="store_true", help="leave transformers' own generate out")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    with TemporaryDirectory() as folder:
        small = made(chosen.shape, Path(folder))["float32"] if chosen.llama and chosen.eight_bits else None
        measure(chosen, Path(folder), small)


def measure(chosen: argparse.Namespace, folder: Path, small: GgufFiles | None) -> None:
    """Run the episode and print what it took; `small` are llama.cpp's files in 8 bits."""
    with random_model(chosen.shape, chosen.device, dtype=chosen.dtype, max_new_tokens=200) as model:
        about = model._loaded.model
        size = sum(weight.numel() for weight in about.parameters())
        print(
            f"{chosen.shape}: {size / 1e6:.0f} M random weights, {about.dtype}, {about.device}; "
            f"transformers {transformers.__version__}, torch {torch.__version__}; {SIZE[0]}x{SIZE[1]}\n"
        )
        model.with_format(reply_format("grounded", max_text=TEXT)).reply(
            [Message("user", (screen(99), "Warm up."))], stop=never
        )
        with ExitStack() as stack:
            llama = opened_by_llama(stack, small or as_gguf(model, folder)) if chosen.llama else None
            plainly_too = not chosen.no_plain
            ours, plain, theirs = episode(model, chosen.steps, llama, plainly_too=plainly_too)
        if plainly_too:
            report(ours, plain)
        if theirs:
            by_llama(ours, theirs)
        if plainly_too:
            depth(model)


if __name__ == "__main__":
    main()
