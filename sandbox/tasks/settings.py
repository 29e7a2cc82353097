"""Tasks for the settings panel."""

import random

from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.apps.settings.state import ACCENTS, STEP, TABS, THEMES, SettingsState, said
from qvl_agent.sandbox.tasks.task import Answers, Goal, Task
from qvl_agent.sandbox.tasks.widget_actions import Hand

__all__ = ["TASKS"]


def _turn_to(hand: Hand, state: SettingsState, tab: str) -> Action | None:
    """Open a tab; None if it is open."""
    if state.view.tab == tab:
        return None
    name = said(TABS, tab, state.language)
    return hand.click(f"tab/{tab}", f"It should be on the tab {name}.")


# turn automatic updates off


def _updates_on(state: SettingsState, _: random.Random) -> Goal:
    state.switch("updates").on = True
    return {}


def _want_no_updates(state: SettingsState, _: Goal) -> None:
    state.switch("updates").on = False


def _stop_updates(hand: Hand, state: SettingsState, _: Goal) -> Action:
    if not state.switch("updates").on:
        return hand.done("Automatic updates are off.")
    return _turn_to(hand, state, "general") or hand.click(
        "switch/updates", "Automatic updates are on; turn them off."
    )


# choose a theme


def _other_theme(state: SettingsState, chance: random.Random) -> Goal:
    theme = chance.choice([name for name in THEMES if name != state.theme])
    return {"theme": theme, "name": said(THEMES, theme, state.language)}


def _want_theme(state: SettingsState, goal: Goal) -> None:
    state.theme = goal["theme"]


def _choose_theme(hand: Hand, state: SettingsState, goal: Goal) -> Action:
    if state.theme == goal["theme"]:
        return hand.done(f"The theme is {goal['name']}.")
    if hand.tree.get(f"theme/list/{goal['theme']}"):
        return hand.click(f"theme/list/{goal['theme']}", f"Choose {goal['name']} from the list.")
    return _turn_to(hand, state, "display") or hand.click("theme", "Open the list of themes.")


# set the brightness


def _other_brightness(state: SettingsState, chance: random.Random) -> Goal:
    steps = [step for step in range(1, 20) if abs(step * STEP - state.brightness) >= 2 * STEP]
    return {"value": str(STEP * chance.choice(steps))}


def _want_brightness(state: SettingsState, goal: Goal) -> None:
    state.brightness = int(goal["value"])


def _slide_brightness(hand: Hand, state: SettingsState, goal: Goal) -> Action:
    if state.brightness == int(goal["value"]):
        return hand.done(f"The brightness is {goal['value']}%.")
    turn = _turn_to(hand, state, "display")
    return turn or hand.slide("brightness", int(goal["value"]), f"Drag the handle to {goal['value']}%.")


# set the time zone


def _other_city(state: SettingsState, chance: random.Random) -> Goal:
    return {"city": chance.choice([city for city in state.cities if city != state.city])}


def _want_city(state: SettingsState, goal: Goal) -> None:
    state.city = goal["city"]


def _choose_city(hand: Hand, state: SettingsState, goal: Goal) -> Action:
    if state.city == goal["city"]:
        return hand.done(f"The time zone is {goal['city']}.")
    turn = _turn_to(hand, state, "region")
    return turn or hand.click(
        f"city/{goal['city']}", f"Double-click {goal['city']} to use its time.", count=2
    )


# find out which version is available


def _nothing(_state: SettingsState, _chance: random.Random) -> Goal:
    return {}


def _newest(state: SettingsState, _: Goal) -> Answers:
    return Answers(state.newest)


def _read_version(hand: Hand, state: SettingsState, _: Goal) -> Action:
    turn = _turn_to(hand, state, "general")
    if turn:
        return turn
    status = hand.tree.get("update/status")
    match state.view.update:
        case "busy":
            return hand.wait(1.0, "It is still checking.")
        case "done" if status is not None:
            return hand.answer(status.label)
        case _:
            return hand.click("update/check", "Ask for the newest version.")


# choose an accent colour


def _other_accent(state: SettingsState, chance: random.Random) -> Goal:
    accent = chance.choice([name for name in state.accents if name != state.accent])
    return {"accent": accent, "name": ACCENTS[accent][state.language == "zh"]}


def _want_accent(state: SettingsState, goal: Goal) -> None:
    state.accent = goal["accent"]


def _choose_accent(hand: Hand, state: SettingsState, goal: Goal) -> Action:
    if state.accent == goal["accent"]:
        return hand.done(f"The accent colour is {goal['name']}.")
    turn = _turn_to(hand, state, "display")
    if turn:
        return turn
    if not hand.zoomed and hand.tree.get(f"accent/{goal['accent']}"):
        return hand.zoom("accents", "The colours are small; look closer.")
    return hand.click(f"accent/{goal['accent']}", f"Choose {goal['name']}.")


# stop a program's notifications


def _a_noisy_program(state: SettingsState, chance: random.Random) -> Goal:
    program = chance.choice(state.programs)
    program.on = True
    return {"id": program.id, "name": program.name}


def _want_silence(state: SettingsState, goal: Goal) -> None:
    state.program(goal["id"]).on = False


def _silence(hand: Hand, state: SettingsState, goal: Goal) -> Action:
    if not state.program(goal["id"]).on:
        return hand.done(f"{goal['name']} doesn't notify any more.")
    turn = _turn_to(hand, state, "notify")
    return turn or hand.click(f"program/{goal['id']}", f"{goal['name']} may notify; uncheck it.")


# turn on a night light that the screen doesn't have


def _no_night_light(state: SettingsState, _: random.Random) -> Goal:
    state.night_light = state.night_light_works = False
    return {}


def _try_night_light(hand: Hand, state: SettingsState, _: Goal) -> Action:
    note = hand.tree.get("night/note")
    if note is not None:
        return hand.fail(note.label)
    return _turn_to(hand, state, "display") or hand.scroll_to("night/note", "Look for the night light.")


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
