"""The data of the settings panel, and how a seed fills it. No Qt here."""

import random
from typing import Final

from pydantic import BaseModel, ConfigDict

from qvl_agent.sandbox.apps.appearance import Language
from qvl_agent.sandbox.apps.words import CITIES, PROGRAMS

__all__ = [
    "ACCENTS",
    "DEVICES",
    "STEP",
    "SWITCHES",
    "TABS",
    "TEXT_SIZES",
    "THEMES",
    "Program",
    "SettingsState",
    "SettingsView",
    "Switch",
    "label_of",
]

Labels = dict[str, tuple[str, str]]
"""The English and Chinese labels of choices, by the id that the state holds."""

STEP: Final = 5
"""The step of the sliders, in per cent."""
TABS: Final[Labels] = {
    "general": ("General", "常规"),
    "display": ("Display", "显示"),
    "sound": ("Sound", "声音"),
    "region": ("Region", "区域"),
    "notify": ("Notifications", "通知"),
}
SWITCHES: Final[Labels] = {
    "updates": ("Update automatically", "自动更新"),
    "login": ("Start when I sign in", "登录时启动"),
    "reports": ("Send usage reports", "发送使用报告"),
    "tray": ("Show an icon in the tray", "显示托盘图标"),
    "closing": ("Ask before closing", "关闭前询问"),
    "sync": ("Keep settings in sync", "同步设置"),
}
THEMES: Final[Labels] = {
    "light": ("Light", "浅色"),
    "dark": ("Dark", "深色"),
    "system": ("Follow the system", "跟随系统"),
    "contrast": ("High contrast", "高对比度"),
}
TEXT_SIZES: Final[Labels] = {
    "small": ("Small", "小"),
    "normal": ("Normal", "标准"),
    "large": ("Large", "大"),
    "huge": ("Very large", "特大"),
}
DEVICES: Final[Labels] = {
    "speakers": ("Built-in speakers", "内置扬声器"),
    "headphones": ("Headphones", "耳机"),
    "monitor": ("Monitor", "显示器"),
    "dock": ("Docking station", "扩展坞"),
}
ACCENTS: Final[dict[str, tuple[str, str, str]]] = {
    "red": ("red", "红色", "#d64541"),
    "orange": ("orange", "橙色", "#e8912d"),
    "yellow": ("yellow", "黄色", "#e3c52b"),
    "green": ("green", "绿色", "#3aa655"),
    "blue": ("blue", "蓝色", "#2f76d2"),
    "purple": ("purple", "紫色", "#8b4fc0"),
    "pink": ("pink", "粉色", "#e277a8"),
    "grey": ("grey", "灰色", "#8a9099"),
}
"""The English and Chinese names, and the colour as #rrggbb, by id."""


def label_of(words: Labels, name: str, language: Language) -> str:
    """Return a choice's label in a language."""
    return words[name][language == "zh"]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Switch(_State):
    """A check box of the general page; its label is in `SWITCHES`."""

    id: str
    on: bool


class Program(_State):
    """A program on the notifications page; `on`: it may notify."""

    id: str
    name: str
    on: bool


class SettingsView(_State):
    """What is open on the screen; no task depends on it.

    Attributes:
        tab: The open tab's id.
        update: The progress of the check for updates: "idle", "busy" or "done".
    """

    tab: str = "general"
    update: str = "idle"


class SettingsState(_State):
    """All of the panel's data.

    Attributes:
        tabs, accents, cities: In the order in which they are shown.
        brightness, volume: In per cent.
        night_light_works: False disables the night light, and a note explains why.
        version, newest: The installed version, and the one that a check for updates finds.
    """

    language: Language
    tabs: list[str]
    switches: list[Switch]
    theme: str
    text_size: str
    brightness: int
    night_light: bool
    night_light_works: bool = True
    accents: list[str]
    accent: str
    device: str
    volume: int
    mute: bool
    cities: list[str]
    city: str
    programs: list[Program]
    version: str
    newest: str
    view: SettingsView = SettingsView()

    def switch(self, name: str) -> Switch:
        """Return the check box of the general page with this id."""
        return next(switch for switch in self.switches if switch.id == name)

    def program(self, name: str) -> Program:
        """Return the program with this id."""
        return next(program for program in self.programs if program.id == name)

    @classmethod
    def from_seed(cls, seed: int, language: Language) -> "SettingsState":
        """Fill the panel at random; the same seed gives the same panel."""
        rng = random.Random(f"settings/{seed}")
        tabs = list(TABS)
        if rng.random() < 0.7:
            rng.shuffle(tabs)
        cities = sorted(rng.sample([pair[language == "zh"] for pair in CITIES], rng.randint(28, 48)))
        programs = [pair[language == "zh"] for pair in rng.sample(PROGRAMS, rng.randint(13, 20))]
        major, minor = rng.randint(1, 9), rng.randint(0, 20)
        return cls(
            language=language,
            tabs=tabs,
            switches=[Switch(id=name, on=rng.random() < 0.5) for name in rng.sample(list(SWITCHES), 6)],
            theme=rng.choice(list(THEMES)),
            text_size=rng.choice(list(TEXT_SIZES)),
            brightness=STEP * rng.randint(4, 18),
            night_light=rng.random() < 0.5,
            accents=rng.sample(list(ACCENTS), 8),
            accent=rng.choice(list(ACCENTS)),
            device=rng.choice(list(DEVICES)),
            volume=STEP * rng.randint(2, 18),
            mute=rng.random() < 0.5,
            cities=cities,
            city=rng.choice(cities),
            programs=[
                Program(id=f"p{number}", name=name, on=rng.random() < 0.6)
                for number, name in enumerate(programs)
            ],
            version=f"{major}.{minor}.{rng.randint(0, 9)}",
            newest=f"{major}.{minor + rng.randint(1, 6)}.{rng.randint(0, 9)}",
            view=SettingsView(tab=rng.choice(tabs)),
        )
