"""What a visitor's form holds, and how a seed fills it. Knows nothing of Qt."""

import random
import re
from datetime import date, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.apps.words import COMPANIES, PEOPLE

__all__ = ["FIELDS", "PURPOSES", "SLOTS", "FormState", "FormView", "Visit", "errors_in", "said"]

Words = dict[str, tuple[str, str]]
"""What a choice is called in English and Chinese, by the id that the state has."""

FIELDS: Final[Words] = {
    "name": ("Full name", "姓名"),
    "email": ("E-mail", "电子邮箱"),
    "phone": ("Phone", "电话"),
    "purpose": ("Purpose of the visit", "来访事由"),
    "day": ("Date (YYYY-MM-DD)", "日期（年-月-日）"),
    "slot": ("Time of day", "时段"),
    "notes": ("Notes", "备注"),
    "agreed": ("I agree to the house rules", "我同意参观须知"),
}
PURPOSES: Final[Words] = {
    "meeting": ("Meeting", "会议"),
    "interview": ("Interview", "面试"),
    "delivery": ("Delivery", "送货"),
    "tour": ("Guided tour", "参观"),
    "repair": ("Repair", "维修"),
}
SLOTS: Final[Words] = {
    "morning": ("Morning", "上午"),
    "afternoon": ("Afternoon", "下午"),
    "evening": ("Evening", "晚上"),
}
_NOTES: Final = (
    ("Please call when you arrive.", "到了请打电话。"),
    ("Needs a parking space.", "需要一个停车位。"),
    ("Brings a colleague along.", "会带一位同事。"),
    ("Vegetarian lunch, please.", "午餐请准备素食。"),
    ("Comes by train at ten.", "十点坐火车到。"),
)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")
_PHONE: Final = re.compile(r"[+\d][\d ]{5,}")


def said(words: Words, name: str, language: Language) -> str:
    """Say what a choice is called."""
    return words[name][language == "zh"]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Visit(_State):
    """What is written in the form. `day` is as typed; `slot` is "" while none is chosen."""

    name: str = ""
    email: str = ""
    phone: str = ""
    purpose: str = "meeting"
    day: str = ""
    slot: str = ""
    notes: str = ""
    agreed: bool = False


class FormView(_State):
    """What is only looked at. `calendar`: the month that is open, as YYYY-MM, or ""."""

    calendar: str = ""


class FormState(_State):
    """All of the form's data.

    Attributes:
        visit: what is written now.
        submitted: what was sent; None until the person confirmed.
        asking: whether the dialog that confirms stands open.
        tried: whether "submit" was pressed, so that errors are shown.
        full: the times of day that are booked out.
        host, reference, today: facts that the window shows.
    """

    language: Language
    visit: Visit
    submitted: Visit | None = None
    asking: bool = False
    tried: bool = False
    full: list[str]
    host: str
    reference: str
    today: str
    view: FormView = FormView()

    @classmethod
    def of(cls, seed: int, language: Language) -> "FormState":
        """Fill the form in half by chance; the same seed gives the same form."""
        chance = random.Random(f"form/{seed}")
        which = 1 if language == "zh" else 0
        person = chance.choice(PEOPLE)
        today = date(2026, 1, 5) + timedelta(days=chance.randint(0, 700))
        visit = Visit(
            name=person[which] if chance.random() < 0.6 else "",
            email=email_of(person[0], chance) if chance.random() < 0.6 else "",
            phone=f"0{chance.randint(100, 999)} {chance.randint(100000, 999999)}",
            purpose=chance.choice(list(PURPOSES)),
            day=(today + timedelta(days=chance.randint(1, 40))).isoformat(),
            slot="",
            notes=chance.choice(_NOTES)[which] if chance.random() < 0.5 else "",
        )
        return cls(
            language=language,
            visit=visit,
            full=[],
            host=chance.choice(COMPANIES)[which],
            reference=f"{chance.choice('ABCDEFGHKLMNPRSTUVWXY')}-{chance.randint(1000, 9999)}",
            today=today.isoformat(),
        )


def email_of(name: str, chance: random.Random) -> str:
    """Make an address up from an English name."""
    first, *rest = name.lower().split()
    return f"{first}.{''.join(rest)}@{chance.choice(('example.com', 'example.org', 'mail.example'))}"


def errors_in(state: FormState) -> dict[str, str]:
    """Say, for each field that isn't right, what is wrong with it."""
    visit, wrong = state.visit, {}

    def say(english: str, chinese: str) -> str:
        return chinese if state.language == "zh" else english

    if not visit.name.strip():
        wrong["name"] = say("Please enter a name.", "请填写姓名。")
    if not _EMAIL.fullmatch(visit.email.strip()):
        wrong["email"] = say("This isn't an e-mail address.", "邮箱地址不正确。")
    if visit.phone and not _PHONE.fullmatch(visit.phone):
        wrong["phone"] = say("Digits and spaces only.", "只能包含数字和空格。")
    day = _day(visit.day)
    if day is None:
        wrong["day"] = say("Write it as 2026-03-31.", "请按 2026-03-31 的格式填写。")
    elif day.isoformat() < state.today:
        wrong["day"] = say("This day is in the past.", "日期已经过去。")
    if not visit.slot:
        wrong["slot"] = say("Please choose a time.", "请选择时段。")
    if not visit.agreed:
        wrong["agreed"] = say("Please agree first.", "请先同意。")
    return wrong


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
