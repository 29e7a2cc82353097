"""What is allowed at all: a kind of action that isn't listed here is refused."""

from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.planning.action import (
    Answer,
    Ask,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)

__all__ = ["allowed"]

_REASONS: Final[dict[type, str]] = {
    Click: "a click on a target inside the captured screen",
    Move: "moving the pointer inside the captured screen",
    Drag: "a drag inside the captured screen",
    Scroll: "scrolling inside the captured screen",
    Type: "typing text without control characters",
    Press: "a key or chord that does no harm by itself",
    Wait: "waiting sends nothing",
    Zoom: "looking closer sends nothing",
    Ask: "a question to you sends nothing",
    Answer: "an answer to you sends nothing",
    Done: "ending the run sends nothing",
    Fail: "ending the run sends nothing",
}


def allowed(case: Case) -> Verdict | None:
    """Allow each known kind; any other rule that applies is stricter."""
    reason = _REASONS.get(type(case.action))
    return None if reason is None else Verdict(Level.ALLOW, f"allow-{case.action.kind}", reason)
