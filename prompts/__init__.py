"""The prompts for the model: one Markdown template each, and `render`, which fills them in."""

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["names", "render"]


def render(name: str, /, **values: object) -> str:
    """Fill in the prompt `<name>.md`; the values are inserted as they are, never read as a template.

    Raises:
        ValueError: there is no such prompt, or the values aren't exactly its variables.
    """
    if name not in names():
        raise ValueError(f"No prompt {name!r}; choose {', '.join(names())}.")
    template, needed = _load(name)
    if values.keys() != needed:
        want, got = (", ".join(sorted(some)) or "nothing" for some in (needed, values))
        raise ValueError(f"The prompt {name!r} needs {want}; got {got}.")
    return template.render(values).strip()


@cache
def names() -> tuple[str, ...]:
    """Return the names of all prompts, sorted."""
    found = (entry.name for entry in files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in found if name.endswith(".md")))


@cache
def _load(name: str) -> tuple["Template", frozenset[str]]:
    """Read a prompt's template, and find the names of its variables."""
    from jinja2 import Environment, StrictUndefined, meta  # noqa: PLC0415 - only when a prompt is needed

    # Plain text for a model, not HTML for a browser: escaping would change the task's words.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701
    source = files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
    needed = meta.find_undeclared_variables(environment.parse(source))
    return environment.from_string(source), frozenset(needed)
