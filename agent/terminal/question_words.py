"""A question to the person in words. Text from the model or a window can't imitate the program's lines."""

from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.execution.person import Question
from qvl_agent.actions.planning.action import Type
from qvl_agent.agent.wording import action_words, shortened, visible

__all__ = ["choices", "noticed", "print_question", "safe"]

_LONGEST_NAME: Final = 80
_LONGEST_WHY: Final = 300
_TEXT_HEAD, _TEXT_TAIL = 1500, 500


def safe(text: str) -> str:
    """Make a text safe to print: without markup, and with nothing that controls the terminal."""
    return escape(visible(text))


def choices(question: Question) -> str:
    """Return the possible answers to a question, as markup."""
    run = ", [bold]r[/] (for this whole run)" if question.verdict.level is Level.ASK_ONCE else ""
    return f"[bold]y[/] (yes, once){run}, [bold]n[/] (no), [bold]s[/] (stop) or [bold]p[/] (picture file)"


def print_question(question: Question, console: Console) -> None:
    """Print a question's words: all but the picture and the line for the answer."""
    action, verdict = question.action, question.verdict
    console.print("[bold reverse] May the agent do this? [/]")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("it would", Text(_what(question), "bold"))
    facts.add_row("where", _one_line(_where(question)))
    if action.intent:
        facts.add_row("it says", _one_line(f"“{shortened(visible(action.intent), _LONGEST_WHY)}”"))
    facts.add_row("asked", _one_line(f"because {visible(verdict.reason)} ({verdict.rule})"))
    console.print(facts)
    if isinstance(action, Type):
        console.print(Panel(Text(_typed(action.text)), title="the text", title_align="left", expand=False))
    console.print(f"Type {choices(question)}, then Enter.")


def noticed(question: Question, seconds: float) -> str:
    """Return a notice as one line of markup; any key within `seconds` cancels the action."""
    what = escape(f"{_what(question)}, {_where(question)}")
    reason = safe(question.verdict.reason)
    return f"     [yellow]about to:[/] {what} ({reason}); any key within {seconds:g} s cancels it"


def _what(question: Question) -> str:
    action = question.action
    if not isinstance(action, Type):
        return shortened(visible(action_words(action)), 200)
    on = f" into “{shortened(visible(action.label), _LONGEST_NAME)}”" if action.label else ""
    first = "click, empty the field, and " if action.clear and action.target else ""
    first = first or ("empty the field, and " if action.clear else "click, and " if action.target else "")
    lines = action.text.count("\n")
    enters = lines + action.enter
    then = f", pressing Enter {enters} times" if enters > 1 else ", and press Enter" if enters else ""
    words = f"{first}type {len(action.text):,} characters{on}{then}"
    return words[0].upper() + words[1:]


def _where(question: Question) -> str:
    point = f"at ({question.goal.x}, {question.goal.y}), " if question.goal else ""
    return f"{point}in {_window(question.window)}"


def _window(window: WindowInfo | None) -> str:
    if window is None:
        return "a window that isn't known"
    name = shortened(visible(window.called), _LONGEST_NAME)
    if window.program and window.program.casefold() != window.called.casefold():
        name = f"{name} (program {shortened(visible(window.program), _LONGEST_NAME)})"
    title = shortened(visible(window.title), _LONGEST_NAME)
    return f"{name}: “{title}”" if title and title != window.called else name


def _typed(text: str) -> str:
    """Return the whole text, or both ends of a long one."""
    if len(text) <= _TEXT_HEAD + _TEXT_TAIL:
        return visible(text)
    left_out = len(text) - _TEXT_HEAD - _TEXT_TAIL
    return f"{visible(text[:_TEXT_HEAD])}\n[… {left_out:,} characters …]\n{visible(text[-_TEXT_TAIL:])}"


def _one_line(text: str) -> Text:
    return Text(" ".join(text.split()))
