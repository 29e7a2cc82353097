"""Ask a model where something is: for targets by description, and for what healing can't find without one."""

from qvl_agent.actions.core.coordinates import FrameBox, model_box_to_frame
from qvl_agent.actions.core.errors import CoordinateError, ParseError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Click, Move
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.history import History

__all__ = ["point_at"]


def point_at(setup: Setup, words: str, frame: Frame) -> FrameBox | None:
    """Return where the model points if it is told to click something; None if it doesn't point.

    Args:
        setup: the model and its dialect.
        words: what to click, in words.
        frame: the whole screen.

    Raises:
        ModelError: the model failed, or the run has none.
        Stopped: the run was asked to stop.
    """
    history = History(f"Click {words}", setup.dialect, rules=setup.rules)
    history.show(frame)
    reply = setup.model.reply(history.messages, stop=setup.stop)
    try:
        action = read_reply(reply, pixel_space=setup.pixel_space)
    except (ParseError, CoordinateError):
        return None
    if not isinstance(action, (Click, Move)):
        return None
    return model_box_to_frame(action.target, frame.view)
