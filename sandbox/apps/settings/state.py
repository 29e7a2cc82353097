"""What a settings panel holds, and how a seed fills it. Knows nothing of Qt."""

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
    "said",
]

Words = dict[str, tuple[str, str]]
"""What a choice is called in English and Chinese, by the id that the state has."""

STEP: Final = 5
"""Sliders move by this many per cent."""
TABS: Final[Words] = {
    "general": ("General", "常规"),
    "display": ("Display", "显示"),
    "sound": ("Sound", "声音"),
    "region": ("Region", "区域"),
    "notify": ("Notifications", "通知"),
}
SWITCHES: Final[Words] = {
    "updates": ("Update automatically", "自动更新"),
    "login": ("Start when I sign in", "登录时启动"),
    "reports": ("Send usage reports", "发送使用报告"),
    "tray": ("Show an icon in the tray", "显示托盘图标"),
    "closing": ("Ask before closing", "关闭前询问"),
    "sync": ("Keep settings in sync", "同步设置"),
}
THEMES: Final[Words] = {
    "light": ("Light", "浅色"),
    "dark": ("Dark", "深色"),
    "system": ("Follow the system", "跟随系统"),
    "contrast": ("High contrast", "高对比度"),
}
TEXT_SIZES: Final[Words] = {
    "small": ("Small", "小"),
    "normal": ("Normal", "标准"),
    "large": ("Large", "大"),
    "huge": ("Very large", "特大"),
}
DEVICES: Final[Words] = {
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
"""English and Chinese names, and the colour itself."""


def said(words: Words, name: str, language: Language) -> str:
    """Say what a choice is called."""
    return words[name][language == "zh"]


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Switch(_State):
    """A check box of the general page; its words are in `SWITCHES`."""

    id: str
    on: bool


class Program(_State):
    """A program that may or may not notify."""

    id: str
    name: str
    on: bool


class SettingsView(_State):
    """What is only looked at. `update`: whether a check for updates is "idle", "busy" or "done"."""

    tab: str = "general"
    update: str = "idle"


class SettingsState(_State):
    """All of the panel's data.

    Attributes:
        tabs, accents, cities: the order in which they are shown.
        night_light_works: False greys the night light out, and a note says why.
        version, newest: the installed version and the one that a check finds.
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
        """Find a check box of the general page."""
        return next(switch for switch in self.switches if switch.id == name)

    def program(self, name: str) -> Program:
        """Find a program by its id."""
        return next(program for program in self.programs if program.id == name)

    @classmethod
    def of(cls, seed: int, language: Language) -> "SettingsState":
        """Fill the panel by chance; the same seed gives the same panel."""
        chance = random.Random(f"settings/{seed}")
        tabs = list(TABS)
        if chance.random() < 0.7:
            chance.shuffle(tabs)
        cities = sorted(chance.sample([pair[language == "zh"] for pair in CITIES], chance.randint(28, 48)))
        programs = [pair[language == "zh"] for pair in chance.sample(PROGRAMS, chance.randint(13, 20))]
        major, minor = chance.randint(1, 9), chance.randint(0, 20)
        return cls(
            language=language,
            tabs=tabs,
            switches=[Switch(id=name, on=chance.random() < 0.5) for name in chance.sample(list(SWITCHES), 6)],
            theme=chance.choice(list(THEMES)),
            text_size=chance.choice(list(TEXT_SIZES)),
            brightness=STEP * chance.randint(4, 18),
            night_light=chance.random() < 0.5,
            accents=chance.sample(list(ACCENTS), 8),
            accent=chance.choice(list(ACCENTS)),
            device=chance.choice(list(DEVICES)),
            volume=STEP * chance.randint(2, 18),
            mute=chance.random() < 0.5,
            cities=cities,
            city=chance.choice(cities),
            programs=[
                Program(id=f"p{number}", name=name, on=chance.random() < 0.6)
                for number, name in enumerate(programs)
            ],
            version=f"{major}.{minor}.{chance.randint(0, 9)}",
            newest=f"{major}.{minor + chance.randint(1, 6)}.{chance.randint(0, 9)}",
            view=SettingsView(tab=chance.choice(tabs)),
        )
