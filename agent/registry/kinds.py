"""What a kind of desktop and a kind of model is, for those built in and those of other packages."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent.models import Model
from qvl_agent.agent.settings import Settings

if TYPE_CHECKING:
    from qvl_agent.agent.models.choice.auto import ModelChooser

__all__ = ["DesktopKind", "ModelKind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesktopKind:
    """One kind of desktop.

    Attributes:
        name: how it is told apart from others: "local", "sandbox".
        usage: what to write for `--desktop`, for a message: "sandbox:APP[/TASK][?seed=N]".
        claims: whether a name given for `--desktop` is one of this kind's.
        open: opens a name that it claims, with the number of the monitor, from 1, where it has several.
            Leaving the context closes the desktop. Raises SettingsError, NoScreenError.
        is_persons: the person works there too, so that their mouse and keys pause a run.
        reopen: the name to open again from the one that a record holds; None if it isn't one of this kind's.
    """

    name: str
    usage: str
    claims: Callable[[str], bool]
    open: Callable[[str, int], AbstractContextManager[Desktop]]
    is_persons: bool = True
    reopen: Callable[[str], str | None] = lambda _recorded: None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind:
    """One kind of model.

    Attributes:
        name: how it is told apart from others: "server", "nano".
        usage: what to write for `--model`, for a message.
        claims: whether the settings name one of this kind.
        open: opens what the settings name; the desktop is the one that it will act on, if any. Raises
            SettingsError, ModelError.
        about: what it is, for the line that names the model of a run; "" if its name says enough.
        desktops: the kinds of desktop that it may act on; None if it may act on any.
        elsewhere: what is said when it is to act on another one, with a remedy.
        adapt: fills in what the model needs where the person set nothing.
        examine: a fact for `qvl-agent doctor`; raises QvlError if it can't be used, with a remedy.
        refuses_questions: why `qvl-agent ask` can't ask it, with a remedy; "" if it can.
        can_point: `qvl-agent doctor` may ask it where things are.
        is_ours: a part of this program: it needs no server, and a recorded run that names it may open it.
        sent_to: the machine that pictures of the screen go to; "" if they stay on this one.
    """

    name: str
    usage: str
    claims: Callable[[Settings], bool]
    open: Callable[[Settings, Desktop | None, "ModelChooser"], Model]
    about: str = ""
    desktops: frozenset[str] | None = None
    elsewhere: str = ""
    adapt: Callable[[Settings], Settings] = lambda settings: settings
    examine: Callable[[Settings], str] = lambda settings: f"{settings.model} is opened when it is needed"
    refuses_questions: str = ""
    can_point: bool = True
    is_ours: bool = False
    sent_to: Callable[[Settings], str] = lambda _settings: ""
