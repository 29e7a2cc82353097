"""How much memory there is for a model here."""

import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import psutil

__all__ = ["Memory", "memory_here", "total_memory"]

_MIB: Final = 2**20
_FP8_CAPABILITY: Final = (8, 9)
"""Older GPUs can't multiply FP8; transformers would unpack such a checkpoint to bfloat16."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a model could use now, in bytes.

    Attributes:
        gpu: free on all GPUs together, among which a model's layers can be split; 0 without one.
        ram: free for programs.
        fp8: whether every GPU can multiply FP8.
    """

    gpu: int
    ram: int
    fp8: bool = False

    @property
    def most(self) -> int:
        """Where a model would go: the GPUs if there are any, else RAM."""
        return self.gpu or self.ram


def memory_here() -> Memory:
    """Look at this machine. Where torch is installed it is asked, else nvidia-smi."""
    ram = _free_ram()
    gpu, fp8 = _torch_gpus(ram) if find_spec("torch") else _nvidia_gpus()
    return Memory(gpu, ram, fp8)


def _torch_gpus(ram: int) -> tuple[int, bool]:
    import torch  # noqa: PLC0415 - heavy, and an extra

    if torch.cuda.is_available():
        places = range(torch.cuda.device_count())
        free = sum(torch.cuda.mem_get_info(place)[0] for place in places)
        return free, all(torch.cuda.get_device_capability(place) >= _FP8_CAPABILITY for place in places)
    return (ram if torch.backends.mps.is_available() else 0), False  # Apple's GPU uses the same memory


def _nvidia_gpus() -> tuple[int, bool]:
    query = ["nvidia-smi", "--query-gpu=memory.free,compute_cap", "--format=csv,noheader,nounits"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
        rows = [line.split(",") for line in listed.splitlines()]
        free = sum(int(row[0]) * _MIB for row in rows)
        fp8 = all(tuple(map(int, row[1].split("."))) >= _FP8_CAPABILITY for row in rows)
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return 0, False
    return free, fp8 and bool(rows)


def total_memory() -> int:
    """Return this machine's RAM in bytes."""
    return psutil.virtual_memory().total


def _free_ram() -> int:
    """Return what programs can still take, in bytes: of the machine, or of the container if that is less."""
    limit, used = (_number_in(f"/sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    free = psutil.virtual_memory().available  # of the machine, also in a container
    return max(0, free if limit is None or used is None else min(free, limit - used))


def _number_in(path: str) -> int | None:
    """Read the number in one of the kernel's files; None if there is none, or no limit ("max")."""
    try:
        return int(Path(path).read_text("ascii"))
    except (OSError, ValueError):
        return None
