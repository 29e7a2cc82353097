"""What the pictures of a request weigh, and what it costs to write and to read them.

    .venv/bin/python benchmarks/request_pictures.py [--repeats 5]

Real screens: the sandbox's applications in their themes, at 1280x800, which is sent as it is, and at
1920x1080, which is resized. Each is written as the servers get it (PNG, and WebP where a server is known to
take it) and as Pillow writes a PNG at its quickest level, one after the other in one run. Every picture is
decoded again and compared pixel by pixel. The times are the processor's, so that others' work doesn't count.
"""

import argparse
import base64
import io
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.models.pictures import data_url, fit, resized
from qvl_agent.sandbox.session import open_sandbox

APPS = ("chat", "settings", "form")
SIZES = ((1280, 800), (1920, 1080))
SEEDS = 2


@dataclass(frozen=True)
class Cost:
    """One picture, written one way: bytes of its data: URL, milliseconds to write it and to read it."""

    weight: int
    write_ms: float
    read_ms: float


def by_pillow(frame: Frame, size: tuple[int, int]) -> str:
    out = io.BytesIO()
    image = frame.image()
    image = image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)
    image.save(out, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


WAYS: dict[str, Callable[[Frame, tuple[int, int]], str]] = {
    "Pillow's PNG": by_pillow,
    "ours, PNG": data_url,
    "ours, WebP": lambda frame, size: data_url(frame, size, webp=True),
}


def cost(write: Callable[[Frame, tuple[int, int]], str], frame: Frame, repeats: int) -> Cost:
    size = fit(frame.size, limits.PICTURE_TOKENS)
    writes, reads, url = [], [], ""
    for _ in range(repeats):
        start = time.process_time()
        url = write(frame, size)
        writes.append(time.process_time() - start)
        start = time.process_time()
        with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
            pixels = np.asarray(image.convert("RGB"))
        reads.append(time.process_time() - start)
    assert np.array_equal(pixels, np.asarray(resized(frame, limits.PICTURE_TOKENS))), "not the same pixels"
    return Cost(len(url), min(writes) * 1000, min(reads) * 1000)


def screens(size: tuple[int, int]) -> list[Frame]:
    found = []
    for app in APPS:
        with open_sandbox(app, seed=0, size=size) as sandbox:
            for seed in range(SEEDS):
                sandbox.reset(sandbox.task.name, seed)
                found.append(sandbox.desktop.grab())
    return found


def report(size: tuple[int, int], frames: list[Frame], repeats: int) -> None:
    costs = {way: [cost(write, frame, repeats) for frame in frames] for way, write in WAYS.items()}
    sent = fit(size, limits.PICTURE_TOKENS)
    print(f"\n{len(frames)} screens of {size[0]}x{size[1]}, sent as {sent[0]}x{sent[1]}; medians")
    print(f"{'':<16}{'KB':>8}{'write ms':>10}{'read ms':>10}{'  of it: KB':>14}{'write':>8}{'read':>8}")
    before = costs["Pillow's PNG"]
    for way, ones in costs.items():
        print(f"{way:<16}", end="")
        print(f"{statistics.median(one.weight for one in ones) / 1000:>8.1f}", end="")
        for part in ("write_ms", "read_ms"):
            print(f"{statistics.median(getattr(one, part) for one in ones):>10.1f}", end="")
        for part, width in (("weight", 14), ("write_ms", 8), ("read_ms", 8)):
            pairs = zip(ones, before, strict=True)
            ratio = statistics.median(getattr(one, part) / getattr(other, part) for one, other in pairs)
            print(f"{ratio:>{width}.2f}", end="")
        print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="times each is written; the least counts")
    repeats = parser.parse_args().repeats
    for size in SIZES:
        report(size, screens(size), repeats)


if __name__ == "__main__":
    main()
