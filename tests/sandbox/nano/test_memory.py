"""Memory that jemalloc keeps is given back; without jemalloc nothing is done."""

import subprocess
import sys
from pathlib import Path

import pytest

from qvl_agent.sandbox.nano.making.training import loop as memory

JEMALLOC = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2")
KEEPING = """
import numpy as np
from qvl_agent.sandbox.nano.making.training import loop as memory
memory._MEMORY_SHARE = 0.0
def megabytes(): return int(memory._STATM.read_text().split()[1]) * 4096 / 1e6
blocks = [np.ones(125_000) for _ in range(300)]
before = megabytes()
del blocks
kept = megabytes()
assert memory.release_memory()
print(before - kept < 100, kept - megabytes() > 200)
"""


def test_without_jemalloc_nothing_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_MEMORY_SHARE", 0.0)
    assert not memory.release_memory()


@pytest.mark.skipif(not JEMALLOC.is_file(), reason="there is no jemalloc here")
def test_what_jemalloc_keeps_is_given_back() -> None:
    env = {"LD_PRELOAD": str(JEMALLOC), "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
    done = subprocess.run(
        [sys.executable, "-c", KEEPING], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "True"]
