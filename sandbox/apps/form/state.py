"""The data of the visitor's form, and how a seed fills it. No Qt here."""

import random
import re
from datetime import date, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.apps.words import COMPANIES, PEOPLE

__all__ = ["FIELDS", "PURPOSES", "SLOTS", "FormState", "FormView", "Visit", "errors_in", "label_of"]

Labels = dict[str, tuple[str, str]]
"""The English and Chinese labels of choices, by the id that the state holds."""

FIELDS: Final[Labels] = {
    "name": ("Full name", "姓名"),
    "email": ("E-mail", "电子邮箱"),
    "phone": ("Phone", "电话"),
    "purpose": ("Purpose of the visit", "来访事由"),
    "day": ("Date (YYYY-MM-DD)", "日期（年-月-日）"),
    "slot": ("Time of day", "时段"),
    "notes": ("Notes", "备注"),
    "agreed": ("I agree to the house rules", "我同意参观须知"),
}
PURPOSES: Final[Labels] = {
    "meeting": ("Meeting", "会议"),
    "interview": ("Interview", "面试"),
    "delivery": ("Delivery", "送货"),
    "tour": ("Guided tour", "参观"),
    "repair": ("Repair", "维修"),
}
SLOTS: Final[Labels] = {
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


def label_of(words: Labels, name: str, language: Language) -> str:
    """Return a choice's label in a language."""
    return words[name][language == "zh"]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Visit(_State):
    """What is entered in the form. `day` is as typed; `slot` is "" while none is chosen."""

    name: str = ""
    email: str = ""
    phone: str = ""
    purpose: str = "meeting"
    day: str = ""
    slot: str = ""
    notes: str = ""
    agreed: bool = False


class FormView(_State):
    """What no task depends on.

    Attributes:
        calendar: The open month as YYYY-MM, or "".
        registered: Every visit that was registered, the first one first.
    """

    calendar: str = ""
    registered: list[Visit] = []


class FormState(_State):
    """All of the form's data.

    Attributes:
        visit: What is entered now.
        submitted: What was sent; None until the confirmation dialog was accepted.
        asking: Whether the confirmation dialog is open.
        tried: Whether "submit" was pressed, so that errors are shown.
        full: The times of day that are booked out.
        host, reference, today: Read-only facts that the window shows.
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

    @property
    def last_reference(self) -> str:
        """Return the number of the last registration: the first one's is `reference`, then they go up."""
        letter, _, number = self.reference.partition("-")
        return f"{letter}-{int(number) + max(0, len(self.view.registered) - 1)}"

    @classmethod
    def from_seed(cls, seed: int, language: Language) -> "FormState":
        """Fill in some of the form at random; the same seed gives the same form."""
        rng = random.Random(f"form/{seed}")
        which = 1 if language == "zh" else 0
        person = rng.choice(PEOPLE)
        today = date(2026, 1, 5) + timedelta(days=rng.randint(0, 700))
        visit = Visit(
            name=person[which] if rng.random() < 0.6 else "",
            email=email_of(person[0], rng) if rng.random() < 0.6 else "",
            phone=f"0{rng.randint(100, 999)} {rng.randint(100000, 999999)}",
            purpose=rng.choice(list(PURPOSES)),
            day=(today + timedelta(days=rng.randint(1, 40))).isoformat(),
            slot="",
            notes=rng.choice(_NOTES)[which] if rng.random() < 0.5 else "",
        )
        return cls(
            language=language,
            visit=visit,
            full=[],
            host=rng.choice(COMPANIES)[which],
            reference=f"{rng.choice('ABCDEFGHKLMNPRSTUVWXY')}-{rng.randint(1000, 9999)}",
            today=today.isoformat(),
        )


def email_of(name: str, rng: random.Random) -> str:
    """Make up an e-mail address for an English name."""
    first, *rest = name.lower().split()
    return f"{first}.{''.join(rest)}@{rng.choice(('example.com', 'example.org', 'mail.example'))}"


def errors_in(state: FormState) -> dict[str, str]:
    """Return the error message of each wrong field, by the field's id."""
    visit, wrong = state.visit, {}

    def pick(english: str, chinese: str) -> str:
        return chinese if state.language == "zh" else english

    if not visit.name.strip():
        wrong["name"] = pick("Please enter a name.", "请填写姓名。")
    if not _EMAIL.fullmatch(visit.email.strip()):
        wrong["email"] = pick("This isn't an e-mail address.", "邮箱地址不正确。")
    if visit.phone and not _PHONE.fullmatch(visit.phone):
        wrong["phone"] = pick("Digits and spaces only.", "只能包含数字和空格。")
    day = _day(visit.day)
    if day is None:
        wrong["day"] = pick("Write it as 2026-03-31.", "请按 2026-03-31 的格式填写。")
    elif day.isoformat() < state.today:
        wrong["day"] = pick("This day is in the past.", "日期已经过去。")
    if not visit.slot:
        wrong["slot"] = pick("Please choose a time.", "请选择时段。")
    if not visit.agreed:
        wrong["agreed"] = pick("Please agree first.", "请先同意。")
    return wrong


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
