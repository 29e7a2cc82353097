"""Tasks for the visitor's form.

For each task: a set-up that returns the goal, `_want_…` that applies the wanted change to a copy of the
starting state, and the oracle's policy. `TASKS` puts them together.
"""

import random
from datetime import date, timedelta

from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.apps.form.state import SLOTS, FormState, email_of, errors_in, label_of
from qvl_agent.sandbox.apps.words import PEOPLE
from qvl_agent.sandbox.tasks.task import ExpectedAnswer, Goal, Task
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["TASKS"]


def _person(state: FormState, rng: random.Random) -> tuple[str, str]:
    """Draw a name in the form's language other than the entered one, and an e-mail address."""
    english, chinese = rng.choice([pair for pair in PEOPLE if state.visit.name not in pair])
    return (chinese if state.language == "zh" else english), email_of(english, rng)


def _complete(state: FormState, rng: random.Random) -> None:
    """Fill in every field that is missing."""
    name, email = _person(state, rng)
    visit = state.visit
    visit.name, visit.email = visit.name or name, visit.email or email
    visit.slot, visit.agreed = rng.choice(list(SLOTS)), True


def _submit(actions: WidgetActions, state: FormState, summary: str) -> Action:
    """Return the next action that submits the form: press the button, then confirm."""
    if state.submitted is not None:
        return actions.done(summary)
    if actions.tree.get("confirm/yes"):
        return actions.click("confirm/yes", "All is right; confirm.")
    return actions.click("submit", "The form is filled in; submit it.")


# enter a name


def _new_name(state: FormState, rng: random.Random) -> Goal:
    return {"name": _person(state, rng)[0]}


def _want_name(state: FormState, goal: Goal) -> None:
    state.visit.name = goal["name"]


def _enter_name(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    if state.visit.name == goal["name"]:
        return actions.done(f"The name is {goal['name']}.")
    return actions.type(goal["name"], "Write the name in place of what is there.", into="name", clear=True)


# register a visit


def _new_visit(state: FormState, rng: random.Random) -> Goal:
    name, email = _person(state, rng)
    state.visit.name = state.visit.email = state.visit.slot = ""
    state.visit.agreed = False
    slot = rng.choice(list(SLOTS))
    return {"name": name, "email": email, "slot": slot, "when": label_of(SLOTS, slot, state.language)}


def _want_visit(state: FormState, goal: Goal) -> None:
    visit = state.visit
    visit.name, visit.email, visit.slot, visit.agreed = goal["name"], goal["email"], goal["slot"], True
    state.submitted = visit.model_copy(deep=True)
    state.tried = True


def _register(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    visit = state.visit
    if visit.name != goal["name"]:
        return actions.type(goal["name"], "Enter the name.", into="name", clear=True)
    if visit.email != goal["email"]:
        field = actions.tree.get("email")
        if field is not None and field.state["focused"]:
            return actions.type(goal["email"], "The cursor is in the e-mail field; write the address.")
        return actions.press("tab", why="Go on to the next field.")
    if visit.slot != goal["slot"]:
        return actions.click(f"slot/{goal['slot']}", f"Choose {goal['when']}.")
    if not visit.agreed:
        return actions.click("agreed", "The rules must be agreed to.")
    return _submit(actions, state, f"The visit is registered as {state.reference}.")


# choose a day in the calendar


def _new_day(state: FormState, rng: random.Random) -> Goal:
    day = date.fromisoformat(state.visit.day)
    later = [day + timedelta(days=days) for days in (3, 9, 20, 33, 45, 61)]
    return {"day": rng.choice(later).isoformat()}


def _want_day(state: FormState, goal: Goal) -> None:
    state.visit.day = goal["day"]


def _pick_day(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    if state.visit.day == goal["day"]:
        return actions.done(f"The date is {goal['day']}.")
    if not state.view.calendar:
        return actions.click("pick", "Open the calendar.")
    if state.view.calendar < goal["day"][:7]:
        return actions.click("calendar/forth", "The day is in a later month.")
    if state.view.calendar > goal["day"][:7]:
        return actions.click("calendar/back", "The day is in an earlier month.")
    return actions.click(f"day/{goal['day']}", f"Choose {goal['day']}.")


# change the time of day


def _other_slot(state: FormState, rng: random.Random) -> Goal:
    state.visit.slot, slot = rng.sample(list(SLOTS), 2)
    return {"slot": slot, "when": label_of(SLOTS, slot, state.language)}


def _want_slot(state: FormState, goal: Goal) -> None:
    state.visit.slot = goal["slot"]


def _choose_slot(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    if state.visit.slot == goal["slot"]:
        return actions.done(f"The time is {goal['when']}.")
    return actions.click(f"slot/{goal['slot']}", f"Choose {goal['when']}.")


# put a wrong address right, and submit


def _wrong_email(state: FormState, rng: random.Random) -> Goal:
    _complete(state, rng)
    right = state.visit.email
    state.visit.email = right.replace("@", rng.choice((" at ", "", "")))
    state.tried = True
    return {"email": right}


def _want_email(state: FormState, goal: Goal) -> None:
    state.visit.email = goal["email"]
    state.submitted = state.visit.model_copy(deep=True)


def _mend_email(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    if "email" in errors_in(state) or state.visit.email != goal["email"]:
        return actions.type(
            goal["email"], "The address is wrong; write the right one.", into="email", clear=True
        )
    return _submit(actions, state, "The address is right, and the form submitted.")


# replace the notes


def _new_notes(state: FormState, rng: random.Random) -> Goal:
    place = rng.randint(2, 9)
    state.visit.notes = state.visit.notes or ("旧备注" if state.language == "zh" else "An old note")
    text = (
        f"从{place}号门进，带“蓝色”文件夹"
        if state.language == "zh"
        else f'Gate {place}, bring the "blue" folder'
    )
    return {"text": text}


def _want_notes(state: FormState, goal: Goal) -> None:
    state.visit.notes = goal["text"]


def _rewrite_notes(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    if state.visit.notes == goal["text"]:
        return actions.done("The notes say what they should.")
    notes = actions.tree.get("notes")
    if notes is None or not notes.state["focused"]:
        return actions.click("notes", "Put the cursor into the notes.")
    if not notes.state["all"]:
        return actions.press("ctrl", "a", why="Select the old text.")
    return actions.type(goal["text"], "Write over it.")


# go back from the dialog


def _asked_already(state: FormState, rng: random.Random) -> Goal:
    _complete(state, rng)
    state.tried = state.asking = True
    return {}


def _want_no_dialog(state: FormState, _: Goal) -> None:
    state.asking = False


def _cancel(actions: WidgetActions, state: FormState, _: Goal) -> Action:
    if not state.asking:
        return actions.done("The dialog is closed, and nothing was registered.")
    return actions.click("confirm/no", "Leave the dialog without registering.")


# read the reference


def _registered(state: FormState, rng: random.Random) -> Goal:
    _complete(state, rng)
    state.tried, state.submitted = True, state.visit.model_copy(deep=True)
    return {}


def _reference(state: FormState, _: Goal) -> ExpectedAnswer:
    return ExpectedAnswer(state.reference)


def _read_reference(actions: WidgetActions, _state: FormState, _: Goal) -> Action:
    banner = actions.tree.get("banner")
    return actions.wait(0.5, "Nothing is shown yet.") if banner is None else actions.answer(banner.label)


# choose a time that is booked out


def _full_slot(state: FormState, rng: random.Random) -> Goal:
    state.visit.slot, slot = rng.sample(list(SLOTS), 2)
    state.full = [slot]
    return {"slot": slot, "when": label_of(SLOTS, slot, state.language)}


def _try_full_slot(actions: WidgetActions, state: FormState, goal: Goal) -> Action:
    if goal["slot"] in state.full:
        return actions.fail(f"{goal['when']} is full and can't be chosen.")
    return actions.click(f"slot/{goal['slot']}", f"Choose {goal['when']}.")


TASKS: tuple[Task[FormState], ...] = (
    Task(
        "enter-name",
        ('put "{name}" into the name field', "把姓名改成“{name}”"),
        _new_name,
        _enter_name,
        _want_name,
    ),
    Task(
        "register-visit",
        (
            "register {name} ({email}) for the {when}: fill in the form, agree to the rules and submit it",
            "为{name}（{email}）登记{when}的来访：填写表单，同意须知并提交",
        ),
        _new_visit,
        _register,
        _want_visit,
    ),
    Task(
        "pick-day",
        ("change the date to {day}, with the calendar", "用日历把日期改为{day}"),
        _new_day,
        _pick_day,
        _want_day,
    ),
    Task(
        "choose-slot",
        ("change the time of day to {when}", "把时段改为“{when}”"),
        _other_slot,
        _choose_slot,
        _want_slot,
    ),
    Task(
        "mend-email",
        ("correct the e-mail address to {email} and submit the form", "把邮箱改为{email}，然后提交表单"),
        _wrong_email,
        _mend_email,
        _want_email,
    ),
    Task(
        "rewrite-notes",
        ("replace the notes with: {text}", "把备注替换为：{text}"),
        _new_notes,
        _rewrite_notes,
        _want_notes,
    ),
    Task(
        "cancel-registration",
        ("don't register the visit: cancel the dialog", "先不要登记：取消对话框"),
        _asked_already,
        _cancel,
        _want_no_dialog,
    ),
    Task(
        "find-reference",
        ("what is the reference of this registration?", "这次登记的编号是什么？"),
        _registered,
        _read_reference,
        answers=_reference,
    ),
    Task(
        "full-slot",
        ("book the visit for the {when}", "把时段改到“{when}”"),
        _full_slot,
        _try_full_slot,
        possible=False,
    ),
)
