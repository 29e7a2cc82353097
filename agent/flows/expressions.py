"""Expressions over variables, such as `row.amount > 10000`, as Jinja2 writes them.

Only data comes in and out. There are names, columns, numbers, texts, comparisons, `and`, `or`, `not`, `in`,
`if … else`, `+ - * / // %`, and the filters and functions listed here; no attribute or method of a Python
object can be reached. What stands in a value is never read as an expression. Source of the grammar: Jinja2's
documentation, "Expressions".
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from jinja2 import StrictUndefined, TemplateError, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser
from jinja2.sandbox import SandboxedEnvironment

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.cells import MAX_NUMBER, Cell, Row, did_you_mean, number, plain, short, shown

__all__ = ["FILTERS", "FUNCTIONS", "Reference", "calculate", "references", "unknown"]

MAX_EXPRESSION: Final = 500
"""Characters of an expression."""
MAX_VALUE: Final = 100_000
"""Characters of a text that an expression comes to."""
_MAX_DEPTH: Final = 12
"""Brackets in each other; the parser would need too much of Python's stack for many."""
_DATE_FORMAT: Final = re.compile(r"(?:[^%]|%[dmYyHMSjBbAa%])*")


class Reference(NamedTuple):
    """A variable that an expression uses, and the column of it, if it names one."""

    name: str
    column: str | None = None

    def __str__(self) -> str:
        if self.column is None:
            return self.name
        return f"{self.name}.{self.column}" if self.column.isidentifier() else f'{self.name}["{self.column}"]'


def calculate(expression: str, values: Mapping[str, Any]) -> Any:
    """Return what an expression comes to.

    Args:
        expression: without the `${` and `}` around it.
        values: the variables.

    Raises:
        FlowError: it isn't one, uses what isn't there, or comes to nothing that is data.
    """
    used = references(expression)
    compiled = _compiled(expression)
    for reference in used:
        if reference.name not in values:
            raise FlowError(unknown(reference.name, values))
    try:
        result = compiled(**{used.name: plain(values[used.name]) for used in used})
        return _bounded(result)
    except FlowError as error:
        raise FlowError(f"in {expression.strip()!r}: {error}") from None
    except ZeroDivisionError:
        raise FlowError(
            f"in {expression.strip()!r}: a number is divided by 0; check it before with if"
        ) from None
    except (TypeError, ValueError, OverflowError, ArithmeticError, TemplateError) as error:
        why = " ".join(str(error).split())
        raise FlowError(
            f"{expression.strip()!r} can't be worked out ({why}); check the kinds of its values"
        ) from None


def unknown(name: str, known: Iterable[str]) -> str:
    """Return the message for a variable that isn't there."""
    listed = sorted(known)
    otherwise = f"there are {', '.join(listed)}" if listed else "give it under variables, or read it before"
    return f"there is no variable {name}; {did_you_mean(name, listed, otherwise)}"


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > MAX_VALUE:
            raise FlowError(f"the text is longer than {MAX_VALUE} characters; shorten it")
        return str(value)
    if isinstance(value, list | tuple):
        return [_bounded(each) for each in value]
    if isinstance(value, bool | Row):
        return value
    if isinstance(value, int | float) and abs(value) <= MAX_NUMBER:
        return plain(value)
    raise FlowError("the result is no text or number of a sensible size; check the numbers in it")


class _Expressions(SandboxedEnvironment):
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%"))
    intercepted_unops = frozenset(("+", "-"))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a column of a row; nothing else has attributes here."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return a column of a row, or a value of a list, counted from 0."""
        if isinstance(obj, Row) and isinstance(argument, str):
            return obj.column(argument)
        if isinstance(obj, list) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        raise FlowError(f"there is nothing named {short(argument)} in {short(obj)}; only a row has columns")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate with numbers, also those that are written in texts; + joins two texts."""
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return Cell(left + right)
        return super().call_binop(context, operator, number(left), number(right))

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        return super().call_unop(context, operator, number(arg))


def _replace(text: str, old: str, new: str) -> str:
    if not old or len(text) + text.count(old) * len(new) > MAX_VALUE:
        raise FlowError("replace needs a text to look for, and a result of a sensible length; shorten them")
    return Cell(_words(text).replace(old, new))


def _words(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _round(value: Any, digits: int = 0) -> int | float:
    rounded = round(number(value), min(max(int(digits), 0), 15))
    return rounded if digits else int(rounded)


def _formatted(value: Any, digits: int = 2, point: str = ".", thousands: str = "") -> str:
    """Write a number with so many digits behind the point: 4711.5|number(2, ",", ".") is 4.711,50."""
    said = f"{number(value):,.{min(max(int(digits), 0), 15)}f}"
    return Cell(said.replace(",", "\0").replace(".", point[:3]).replace("\0", thousands[:3]))


def _dated(value: Any, pattern: str) -> str:
    """Write a date in another way: row.due|date("%d.%m.%Y")."""
    if not _DATE_FORMAT.fullmatch(pattern):
        raise FlowError(f"{short(pattern)} is no pattern of a date; write one such as %d.%m.%Y")
    try:
        return Cell(dt.datetime.fromisoformat(_words(value).strip()).strftime(pattern))
    except ValueError:
        raise FlowError(f"{short(value)} is no date such as 2026-11-30; mend the data") from None


def _or(value: Any, instead: Any = "") -> Any:
    return instead if isinstance(value, str) and not value.strip() else value


def _parts(value: Any, between: str = ",") -> list[str]:
    if not between:
        return [Cell(letter) for letter in _words(value)]
    return [Cell(part.strip()) for part in _words(value).split(between) if part.strip()]


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list) else len(_words(value))


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "lower": lambda value: Cell(_words(value).lower()),
    "upper": lambda value: Cell(_words(value).upper()),
    "trim": lambda value: Cell(_words(value).strip()),
    "replace": lambda value, old, new="": _replace(_words(value), _words(old), _words(new)),
    "split": _parts,
    "length": _length,
    "int": lambda value: int(number(value)),
    "float": lambda value: float(number(value)),
    "round": _round,
    "number": _formatted,
    "date": _dated,
    "default": _or,
}
"""What may stand behind a value: `row.name|upper`."""


def _today(days: int = 0) -> str:
    """Return today's date on this machine, or that of so many days later."""
    return Cell((dt.datetime.now().astimezone().date() + dt.timedelta(days=int(days))).isoformat())


FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {"today": _today}
_ALLOWED: Final = (
    nodes.Const, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Compare, nodes.Operand, nodes.And, nodes.Or,
    nodes.Not, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Neg, nodes.Pos,
    nodes.CondExpr, nodes.List, nodes.Tuple, nodes.Filter, nodes.Call, nodes.Keyword,
)  # fmt: skip
_NOT_ALLOWED: Final = {
    nodes.Pow: "** isn't calculated here; write a product",
    nodes.Concat: "~ isn't used here; join texts with +",
    nodes.Dict: "there are no {…} in expressions; put the values under variables",
    nodes.Test: "is … isn't used here; compare with == or !=",
    nodes.Slice: "parts of texts can't be cut out here; read what you need with a pattern",
}


@cache
def _environment() -> SandboxedEnvironment:
    made = _Expressions(undefined=StrictUndefined, autoescape=False, cache_size=0)
    made.globals.clear()
    made.globals.update(FUNCTIONS)
    made.filters.clear()
    made.filters.update(FILTERS)
    made.tests.clear()
    return made


@lru_cache(maxsize=512)
def _compiled(expression: str) -> TemplateExpression:
    """Compile an expression that was checked before."""
    with _reading(expression):
        return _environment().compile_expression(expression, undefined_to_none=False)


@lru_cache(maxsize=2048)
def references(expression: str) -> tuple[Reference, ...]:
    """Return the variables and columns that an expression uses, each once, in their order.

    Raises:
        FlowError: it can't be read as an expression, or has what isn't allowed in one.
    """
    if not expression.strip():
        raise FlowError("an expression is empty; write one such as row.number")
    if len(expression) > MAX_EXPRESSION or _depth(expression) > _MAX_DEPTH:
        raise FlowError(f"the expression {short(expression)} is too long; divide it among several steps")
    with _reading(expression):
        parser = Parser(_environment(), expression, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            said = short(expression.strip())
            raise FlowError(f"{said} isn't one expression; compare with == and join with and, or")
        return tuple(dict.fromkeys(_checked(tree)))


@contextmanager
def _reading(expression: str) -> Iterator[None]:
    try:
        yield
    except (TemplateError, SyntaxError, RecursionError, MemoryError, ValueError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        said = short(expression.strip())
        raise FlowError(
            f"{said} can't be read as an expression ({why}); write one such as row.amount > 100"
        ) from None


def _depth(expression: str) -> int:
    depth = deepest = 0
    for letter in expression:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    return deepest + len(re.findall(r"\bnot\b|[-+]\s*(?=[-+])", expression))


def _checked(node: nodes.Node) -> Iterator[Reference]:
    """Yield what an expression uses; refuse what isn't allowed in one."""
    if not isinstance(node, _ALLOWED):
        what = next((said for kind, said in _NOT_ALLOWED.items() if isinstance(node, kind)), "")
        raise FlowError(what or f"an expression can't have a {type(node).__name__}; see docs/flows.md")
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise FlowError(_no("filter", node.name, FILTERS))
    if isinstance(node, nodes.Call):
        name = node.node.name if isinstance(node.node, nodes.Name) else "of a value"
        if name not in FUNCTIONS or node.dyn_args or node.dyn_kwargs:
            raise FlowError(_no("function", name, FUNCTIONS))
        for argument in (*node.args, *node.kwargs):
            yield from _checked(argument)
        return
    if isinstance(node, nodes.Name):
        yield Reference(node.name)
        return
    if column := _column(node):
        yield column
        return
    for child in node.iter_child_nodes():
        yield from _checked(child)


def _column(node: nodes.Node) -> Reference | None:
    match node:
        case nodes.Getattr(node=nodes.Name(name=name), attr=column):
            return Reference(name, column)
        case nodes.Getitem(node=nodes.Name(name=name), arg=nodes.Const(value=str() as column)):
            return Reference(name, column)
        case _:
            return None


def _no(kind: str, name: str, known: Iterable[str]) -> str:
    listed = list(known)
    return f"there is no {kind} {name}; {did_you_mean(name, listed, 'there are ' + ', '.join(listed))}"
