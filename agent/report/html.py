"""How a page is made: its template filled in, everything escaped, and the file written in one go.

`base.html.j2` has the look and the policy of every page, `parts.html.j2` what several of them draw.
"""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.agent.recording.files import make_private, write_new
from qvl_agent.agent.wording import shortened, visible

__all__ = ["render", "seconds", "write_page"]


def render(template: str, /, **facts: Any) -> str:
    """Fill in one of this package's templates; hidden characters in texts are shown by their codes."""
    import jinja2  # noqa: PLC0415 - only reports need it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("qvl_agent.agent.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters.update(seconds=seconds, shortened=shortened)
    return environment.get_template(template).render(**facts)


def write_page(path: Path, page: str) -> None:
    """Write a page, readable by its owner alone; a file at `path` is replaced in one go.

    Raises:
        RecordingError: the page can't be written there.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        make_private(path.parent)
        write_new(new, page.encode())
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink(missing_ok=True)
        raise RecordingError(f"can't write the report {path}: {error}; name another place") from error


def seconds(value: float) -> str:
    """Write a duration, given in seconds, in milliseconds or seconds, whichever reads better."""
    if value < 0.000_05:
        return "< 0.1 ms"
    if value < 0.000_95:
        return f"{value * 1000:.1f} ms"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.95 else f"{value:.1f} s"
