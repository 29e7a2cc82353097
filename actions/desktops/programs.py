"""What is known about the program of a process: its name, its libraries, and what it does with input."""

from pathlib import Path
from typing import Final

__all__ = ["libraries_of", "polls", "program_of"]

_QUEUES: Final = ("/libQt5Widgets.", "/libQt6Widgets.", "/libgtk-3.", "/libgtk-4.", "/libtk8", "/libXt.")
"""Libraries of toolkits that get each event in its turn, however short a press is."""
_POLLS: Final = (
    "/libSDL", "/libglfw", "/libsfml-window", "/liballegro", "/UnityPlayer", "/libxul.", "/libcef.",
    "/chrome", "/chromium", "/libffmpeg.so", "/libQt5WebEngineCore.", "/libQt6WebEngineCore.",
    "/libwebkit2gtk",
)  # fmt: skip
"""Libraries of games and browsers, of whose programs some look at the mouse and the keys once a frame."""


def program_of(pid: int | None) -> str:
    """Return the name of a process's executable, or its short name if it runs as another user; else ""."""
    if pid is None:
        return ""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def libraries_of(process: int | None) -> str:
    """Return what a process has loaded, by proc(5), "maps"; "" if it isn't known."""
    try:
        return Path(f"/proc/{process}/maps").read_text(errors="replace") if process else ""
    except OSError:
        return ""


def polls(process: int | None) -> bool:
    """Return whether a program may look at the mouse and the keys only once a frame.

    Such a program doesn't see a press that ends before it looks. A program that isn't known may be one.
    """
    loaded = libraries_of(process)
    return not any(each in loaded for each in _QUEUES) or any(each in loaded for each in _POLLS)
