"""Tasks for the settings panel.

For each task: a set-up that returns the goal, `_want_…` that applies the wanted change to a copy of the
starting state, and the oracle's policy. `TASKS` puts them together.
"""

import random

from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.apps.settings.state import ACCENTS, STEP, TABS, THEMES, SettingsState, label_of
from qvl_agent.sandbox.tasks.task import ExpectedAnswer, Goal, Task
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["TASKS"]


def _turn_to(actions: WidgetActions, state: SettingsState, tab: str) -> Action | None:
    """Return the click that opens a tab; None if it is open."""
    if state.view.tab == tab:
        return None
    name = label_of(TABS, tab, state.language)
    return actions.click(f"tab/{tab}", f"It should be on the tab {name}.")


# turn automatic updates off


def _updates_on(state: SettingsState, _: random.Random) -> Goal:
    state.switch("updates").on = True
    return {}


def _want_no_updates(state: SettingsState, _: Goal) -> None:
    state.switch("updates").on = False


def _stop_updates(actions: WidgetActions, state: SettingsState, _: Goal) -> Action:
    if not state.switch("updates").on:
        return actions.done("Automatic updates are off.")
    return _turn_to(actions, state, "general") or actions.click(
        "switch/updates", "Automatic updates are on; turn them off."
    )


# choose a theme


def _other_theme(state: SettingsState, rng: random.Random) -> Goal:
    theme = rng.choice([name for name in THEMES if name != state.theme])
    return {"theme": theme, "name": label_of(THEMES, theme, state.language)}


def _want_theme(state: SettingsState, goal: Goal) -> None:
    state.theme = goal["theme"]


def _choose_theme(actions: WidgetActions, state: SettingsState, goal: Goal) -> Action:
    if state.theme == goal["theme"]:
        return actions.done(f"The theme is {goal['name']}.")
    if actions.tree.get(f"theme/list/{goal['theme']}"):
        return actions.click(f"theme/list/{goal['theme']}", f"Choose {goal['name']} from the list.")
    return _turn_to(actions, state, "display") or actions.click("theme", "Open the list of themes.")


# set the brightness


def _other_brightness(state: SettingsState, rng: random.Random) -> Goal:
    steps = [step for step in range(1, 20) if abs(step * STEP - state.brightness) >= 2 * STEP]
    return {"value": str(STEP * rng.choice(steps))}


def _want_brightness(state: SettingsState, goal: Goal) -> None:
    state.brightness = int(goal["value"])


def _slide_brightness(actions: WidgetActions, state: SettingsState, goal: Goal) -> Action:
    if state.brightness == int(goal["value"]):
        return actions.done(f"The brightness is {goal['value']}%.")
    turn = _turn_to(actions, state, "display")
    return turn or actions.drag_slider(
        "brightness", int(goal["value"]), f"Drag the handle to {goal['value']}%."
    )


# set the time zone


def _other_city(state: SettingsState, rng: random.Random) -> Goal:
    return {"city": rng.choice([city for city in state.cities if city != state.city])}


def _want_city(state: SettingsState, goal: Goal) -> None:
    state.city = goal["city"]


def _choose_city(actions: WidgetActions, state: SettingsState, goal: Goal) -> Action:
    if state.city == goal["city"]:
        return actions.done(f"The time zone is {goal['city']}.")
    turn = _turn_to(actions, state, "region")
    return turn or actions.click(
        f"city/{goal['city']}", f"Double-click {goal['city']} to use its time.", count=2
    )


# find out which version is available


def _nothing(_state: SettingsState, _rng: random.Random) -> Goal:
    return {}


def _newest(state: SettingsState, _: Goal) -> ExpectedAnswer:
    return ExpectedAnswer(state.newest)


def _read_version(actions: WidgetActions, state: SettingsState, _: Goal) -> Action:
    turn = _turn_to(actions, state, "general")
    if turn:
        return turn
    status = actions.tree.get("update/status")
    match state.view.update:
        case "busy":
            return actions.wait(1.0, "It is still checking.")
        case "done" if status is not None:
            return actions.answer(status.label)
        case _:
            return actions.click("update/check", "Ask for the newest version.")


# choose an accent colour


def _other_accent(state: SettingsState, rng: random.Random) -> Goal:
    accent = rng.choice([name for name in state.accents if name != state.accent])
    return {"accent": accent, "name": ACCENTS[accent][state.language == "zh"]}


def _want_accent(state: SettingsState, goal: Goal) -> None:
    state.accent = goal["accent"]


def _choose_accent(actions: WidgetActions, state: SettingsState, goal: Goal) -> Action:
    if state.accent == goal["accent"]:
        return actions.done(f"The accent colour is {goal['name']}.")
    turn = _turn_to(actions, state, "display")
    if turn:
        return turn
    if not actions.zoomed and actions.tree.get(f"accent/{goal['accent']}"):
        return actions.zoom("accents", "The colours are small; look closer.")
    return actions.click(f"accent/{goal['accent']}", f"Choose {goal['name']}.")


# stop a program's notifications


def _a_noisy_program(state: SettingsState, rng: random.Random) -> Goal:
    program = rng.choice(state.programs)
    program.on = True
    return {"id": program.id, "name": program.name}


def _want_silence(state: SettingsState, goal: Goal) -> None:
    state.program(goal["id"]).on = False


def _silence(actions: WidgetActions, state: SettingsState, goal: Goal) -> Action:
    if not state.program(goal["id"]).on:
        return actions.done(f"{goal['name']} doesn't notify any more.")
    turn = _turn_to(actions, state, "notify")
    return turn or actions.click(f"program/{goal['id']}", f"{goal['name']} may notify; uncheck it.")


# turn on a night light that the screen doesn't have


def _no_night_light(state: SettingsState, _: random.Random) -> Goal:
    state.night_light = state.night_light_works = False
    return {}


def _try_night_light(actions: WidgetActions, state: SettingsState, _: Goal) -> Action:
    note = actions.tree.get("night/note")
    if note is not None:
        return actions.fail(note.label)
    return _turn_to(actions, state, "display") or actions.scroll_to("night/note", "Look for the night light.")


TASKS: tuple[Task[SettingsState], ...] = (
    Task(
        "stop-updates",
        ("turn off automatic updates", "关闭自动更新"),
        _updates_on,
        _stop_updates,
        _want_no_updates,
    ),
    Task(
        "choose-theme",
        ("set the theme to {name}", "把主题设为“{name}”"),
        _other_theme,
        _choose_theme,
        _want_theme,
    ),
    Task(
        "set-brightness",
        ("set the brightness to {value}%", "把亮度调到{value}%"),
        _other_brightness,
        _slide_brightness,
        _want_brightness,
    ),
    Task(
        "set-time-zone",
        ("set the time zone to {city}", "把时区设为{city}"),
        _other_city,
        _choose_city,
        _want_city,
    ),
    Task(
        "find-version",
        ("check for updates: which version is available?", "检查更新：最新版本是多少？"),
        _nothing,
        _read_version,
        answers=_newest,
    ),
    Task(
        "choose-accent",
        ("choose {name} as the accent colour", "把强调色改成{name}"),
        _other_accent,
        _choose_accent,
        _want_accent,
    ),
    Task(
        "silence-program",
        ("stop notifications from {name}", "关闭“{name}”的通知"),
        _a_noisy_program,
        _silence,
        _want_silence,
    ),
    Task(
        "night-light",
        ("turn on the night light", "打开夜间模式"),
        _no_night_light,
        _try_night_light,
        possible=False,
    ),
)
