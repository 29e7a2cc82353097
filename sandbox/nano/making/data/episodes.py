"""Make training data: whole runs of the oracle, in real windows, with the prompts of the agent's loop.

Each picture is kept with the widgets on it and with further questions about it, with the reply that the
oracle would give: a picture costs far more than the few words about it. In some runs a few clicks miss on
purpose (`Slips`), so that the model learns to go on after a miss.
"""

import io
import random
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from qvl_agent.actions.core.coordinates import Rect, model_box_to_frame
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.parsing.dialects import format_action
from qvl_agent.actions.planning.action import Action, Answer, Click, Done, Fail, Type, Zoom
from qvl_agent.actions.screen.changes import compare
from qvl_agent.agent.models.chat import chatml
from qvl_agent.agent.models.pictures import resized
from qvl_agent.agent.run.history import History, describe
from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.protocol import PASSIVE, Node, Tree
from qvl_agent.sandbox.nano import DIALECT, PICTURE_TOKENS, SCREEN
from qvl_agent.sandbox.nano.making.data.held_out import held_out
from qvl_agent.sandbox.nano.making.data.live_app import LiveApp
from qvl_agent.sandbox.nano.making.network.tokenizer import ANSWERING
from qvl_agent.sandbox.nano.making.samples import Episode, Item, Question, Shot
from qvl_agent.sandbox.tasks import TASKS, start_exercise
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["Slips", "make_episode", "make_episodes"]

_MOST_STEPS: Final = 12
"""Steps of a run."""
_POINTING_QUESTIONS: Final = 6
"""How many widgets of a picture are asked for by their labels, at most."""
_SLIPPING_RUNS: Final = 0.5
"""The share of runs that may have slips."""
_SLIP_CHANCE: Final = 0.35
"""The share of such a run's clicks that are slips, until it has had `_MOST_SLIPS`."""
_MOST_SLIPS: Final = 2
"""Slips in a run."""
_SAME_ROLE: Final = 0.5
"""The share of slips that hit another widget of the target's role; the others land beside the target."""


def make_episodes(live_app: LiveApp, start: int, *, every: int = 1) -> Iterator[Episode]:
    """Yield runs without end, on every `every`-th seed from `start` on whose appearance isn't held out."""
    seed = start
    while True:
        if not held_out(Appearance.from_seed(live_app.app, seed, SCREEN)):
            tasks = list(TASKS[live_app.app])
            yield make_episode(live_app, random.Random(seed).choices(tasks, _weights(len(tasks)))[0], seed)
        seed += every


def make_episode(live_app: LiveApp, task: str, seed: int) -> Episode:
    """Let the oracle solve a task, maybe with slips, and return the run."""
    exercise = start_exercise(live_app.app, task, seed)
    rng = random.Random(f"nano/{live_app.app}/{task}/{seed}")
    live_app.set_up(task, seed)
    history = History(exercise.instruction, DIALECT)
    frame, outcome, close_up = live_app.capture(), "", ""
    slips, slipped = Slips(rng), list[int]()
    shots, finished, ended = list[Shot](), False, False
    while len(shots) < _MOST_STEPS and not ended:
        tree = live_app.tree()
        if close_up:
            history.show_close_up(frame, close_up)
        else:
            history.show(frame, outcome)
        actions = WidgetActions(frame.view, tree)
        try:
            action = exercise.next_action(actions, live_app.state())
        except CoordinateError:  # too small to be pointed at in this picture
            break
        if not close_up and (slip := slips.instead(action, actions)):
            slipped.append(len(shots))
            action = slip
        asked = () if close_up else _questions(live_app, frame, tree, rng)
        shots.append(Shot(_png(frame), _items(frame, tree), asked))
        history.heard(Reply(text=format_action(action, DIALECT)))
        if isinstance(action, (Done, Fail, Answer)):
            ended = True
            answer = action.text if isinstance(action, Answer) else None
            finished = exercise.check(live_app.state(), answer, failed=isinstance(action, Fail)).passed
        elif isinstance(action, Zoom):
            frame, close_up = (
                frame.crop(model_box_to_frame(action.target, frame.view)),
                action.label or "the place",
            )
        else:
            frame, outcome = _act(live_app, action, frame, closer=bool(close_up))
            close_up = ""
    text = chatml(history.messages).removesuffix(ANSWERING)
    return Episode(live_app.app, task, seed, text, tuple(shots), finished, tuple(slipped))


class Slips:
    """Makes some of one run's clicks miss.

    Args:
        rng: Chooses which ones, and where they land.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left = _MOST_SLIPS if rng.random() < _SLIPPING_RUNS else 0

    def instead(self, action: Action, actions: WidgetActions) -> Action | None:
        """Return the same action with a target elsewhere; None if this action isn't to slip."""
        if not self._left or not isinstance(action, (Click, Type)) or not actions.target_ids:
            return None
        meant = actions.tree.get(actions.target_ids[-1])
        if meant is None or self._rng.random() >= _SLIP_CHANCE:
            return None
        where = self._elsewhere(meant, actions)
        if not _in_window(where, actions):
            return None
        try:
            target = actions.box(where)
        except CoordinateError:  # too small
            return None
        self._left -= 1
        return action.model_copy(update={"target": target})

    def _elsewhere(self, meant: Node, actions: WidgetActions) -> Rect:
        alike = [
            node
            for node in actions.tree.nodes
            if node.role == meant.role and node.id != meant.id and actions.is_in_view(node.id)
        ]
        if alike and self._rng.random() < _SAME_ROLE:
            return self._rng.choice(alike).rect
        return self._beside(meant.rect)

    def _beside(self, rect: Rect) -> Rect:
        far = self._rng.choice((-1, 1)) * self._rng.uniform(0.7, 2.0)
        if self._rng.random() < 0.5:
            return Rect(rect.left + round(far * rect.width), rect.top, rect.width, rect.height)
        return Rect(rect.left, rect.top + round(far * rect.height), rect.width, rect.height)


def _act(live_app: LiveApp, action: Action, seen: Frame, *, closer: bool) -> tuple[Frame, str]:
    """Carry out an action; return the next picture, and the loop's words about the outcome."""
    live_app.act(action, seen)
    screen = live_app.capture()
    change = None if closer else compare(seen, screen, live_app.target_box(action, seen))
    return screen, describe(action, Outcome("done", change=change))


def _png(frame: Frame) -> bytes:
    """Return a picture as PNG, in the size in which the model sees it."""
    out = io.BytesIO()
    resized(frame, PICTURE_TOKENS).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _items(frame: Frame, tree: Tree) -> tuple[Item, ...]:
    """Return the widgets on the picture, their boxes cut off at its edges."""
    width, height = frame.size
    found = []
    for node in tree.nodes:
        left, top = node.rect.left - frame.origin.x, node.rect.top - frame.origin.y
        right, bottom = left + node.rect.width, top + node.rect.height
        left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
        if right > left and bottom > top:
            box = (left / width, top / height, right / width, bottom / height)
            found.append(Item(node.id, node.role, node.label, box, node.state))
    return tuple(found)


def _questions(live_app: LiveApp, frame: Frame, tree: Tree, rng: random.Random) -> tuple[Question, ...]:
    actions = WidgetActions(frame.view, tree)
    found = list(_pointing_questions(actions, tree, _language(live_app.state()), rng))
    if _has_no_overlay(tree):
        found += _other_task_questions(live_app, actions, rng)
    return tuple(found)


def _pointing_questions(
    actions: WidgetActions, tree: Tree, language: str, rng: random.Random
) -> Iterator[Question]:
    """Yield questions that ask for some widgets by their labels; only for labels that occur once."""
    names = [node.label for node in tree.nodes if node.role not in PASSIVE]
    named = [
        node
        for node in tree.nodes
        if node.role not in PASSIVE and 0 < len(node.label) <= 40 and names.count(node.label) == 1
    ]
    for node in rng.sample(named, min(_POINTING_QUESTIONS, len(named))):
        words = f"点击“{node.label}”" if language == "zh" else f'click "{node.label}"'
        try:
            action = actions.click(node.id, f'Click "{node.label}".')
        except (CoordinateError, ValueError):
            continue
        yield Question(words, format_action(action, DIALECT))


def _other_task_questions(
    live_app: LiveApp, actions: WidgetActions, rng: random.Random
) -> Iterator[Question]:
    """Yield questions that ask for the first step of other tasks that make sense in the current state.

    A task's set-up changes the state so that the task makes sense. If it changes nothing, it already does.
    """
    state = live_app.state()
    for task in TASKS[live_app.app].values():
        for _ in range(2):
            changed = state.model_copy(deep=True)
            try:
                goal = task.set_up(changed, rng)
            except (IndexError, ValueError, KeyError):
                continue
            if changed != state:
                continue
            try:
                action = task.policy(actions, state, goal)
                reply = format_action(action, DIALECT)
            except (CoordinateError, ValueError, KeyError):
                continue
            if isinstance(action, Fail) and task.possible:
                continue
            words = task.words[_language(state) == "zh"].format(**goal)
            yield Question(words, reply)
            if not goal:
                break


def _has_no_overlay(tree: Tree) -> bool:
    """Whether no menu, list or dialog is open over the window: a policy takes those for its own doing."""
    roles = {node.role for node in tree.nodes}
    dialog_open = any(node.id.startswith(("confirm/", "calendar/")) for node in tree.nodes)
    return not dialog_open and not roles & {"menu item", "option"}


def _language(state: BaseModel) -> str:
    """Return the language of the application's window."""
    return str(getattr(state, "language", "en"))


def _weights(tasks: int) -> list[int]:
    """Return how often each task is drawn: an application's first one, its demonstration, twice as often."""
    return [2] + [1] * (tasks - 1)


def _in_window(rect: Rect, actions: WidgetActions) -> bool:
    """Whether a rectangle's middle lies within the bounds of the window's widgets."""
    x, y = rect.left + rect.width // 2, rect.top + rect.height // 2
    rects = [node.rect for node in actions.tree.nodes]
    across = min(one.left for one in rects) <= x < max(one.left + one.width for one in rects)
    return across and min(one.top for one in rects) <= y < max(one.top + one.height for one in rects)
