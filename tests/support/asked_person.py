"""A process that asks in its terminal: python asked_person.py JSON; prints what was said."""

import json
import sys
import time

import numpy as np

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.execution.person import Question
from qvl_agent.actions.planning.action import Click, Type
from qvl_agent.agent.terminal.question import TerminalPerson


def main(given: str) -> None:
    facts = json.loads(given)
    label = facts.get("label", "Send")
    box = ModelBox.of(100, 100, 200, 200)
    action = (
        Type(target=box, text=facts["text"], label=label)
        if "text" in facts
        else Click(target=box, label=label)
    )
    start = time.monotonic()
    question = Question(
        action,
        Verdict(Level[facts.get("level", "ASK_ONCE")], "consequence-send", "this may send something"),
        Frame(np.full((400, 600, 3), 200, np.uint8), Rect(0, 0, 600, 400)),
        DesktopPoint(90, 60),
        (FrameBox(60, 40, 120, 80),),
        WindowInfo("Mail", facts.get("title", "To Alice"), "mailer"),
        limit_s=facts.get("limit_s", 60.0),
        stop=lambda: time.monotonic() - start > facts.get("stop_s", 600.0),
    )
    with TerminalPerson.here(as_json=False) as person:
        if "pauses" in facts:
            for why in facts["pauses"]:
                sys.stdout.write(f"goes on: {person.pause(why, question.stop)}\n")
                sys.stdout.flush()
            return
        if "asks" in facts:
            sys.stdout.write(f"answered: {person.answer(facts['asks'], stop=question.stop)!r}\n")
            return
        for _ in range(facts.get("times", 1)):
            sys.stdout.write(f"said: {person.approve(question).said}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
