"""Memory that jemalloc keeps: given back once it is too much.

With `dirty_decay_ms:-1` jemalloc keeps all freed memory, which makes a step several times quicker; and as
no two packs are equally long, it would in the end keep all there is.
"""

import ctypes
import os
from pathlib import Path
from typing import Final

__all__ = ["give_back"]

_ALL_ARENAS: Final = 4096
_SHARE: Final = 0.5
"""Of the machine's memory."""
_STATM: Final = Path("/proc/self/statm")


def give_back() -> bool:
    """Let jemalloc give all freed pages back, if it is loaded and the process holds half of the memory.

    Returns:
        whether it did.
    """
    control = getattr(ctypes.CDLL(None), "mallctl", None)
    if control is None or not _STATM.is_file():
        return False
    pages = int(_STATM.read_text("ascii").split()[1])
    if pages < _SHARE * os.sysconf("SC_PHYS_PAGES"):
        return False
    purge = f"arena.{_ALL_ARENAS}.purge".encode()
    return bool(control(purge, None, None, None, ctypes.c_size_t(0)) == 0)
