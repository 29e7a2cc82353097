"""Functions that open what a run needs: a desktop by its name, and the model that the settings choose.

A desktop's watchdog is a process that takes a while to start. So what only the run itself needs is imported
when it is asked for, which is while that process starts.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.desktops.display_lock import hold_display
from qvl_agent.actions.desktops.watchdog.client import Takeover, Watchdog
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent.models import Model
from qvl_agent.agent.registry.lookup import check_pair, desktop_kind, model_kind
from qvl_agent.agent.settings import Settings, load_settings

if TYPE_CHECKING:
    from qvl_agent.actions.core.messages import Reply
    from qvl_agent.actions.execution.person import Person
    from qvl_agent.actions.secrets.vault import Vault
    from qvl_agent.agent.models.choice.auto import ModelChooser
    from qvl_agent.agent.recording.recording import RecordedStep, Recording
    from qvl_agent.agent.recording.replay.rerun import Think
    from qvl_agent.agent.run.agent import Agent
    from qvl_agent.agent.run.events import Subscriber

__all__ = [
    "agent_for",
    "look_at_desktop",
    "open_desktop",
    "open_desktop_for",
    "open_model",
    "open_model_for",
    "open_thinker",
]

_log = logging.getLogger(__name__)

_NOT_THE_MODELS: Final = frozenset(Policy.model_fields) | {
    *("constrain", "desktop", "look_closer", "monitor", "ocr", "runs", "takeover", "verify", "watchdog")
}
"""Settings of the guard, the run and the desktop."""


@contextmanager
def open_desktop(
    name: str = "local", *, monitor: int = 1, watchdog: bool = True, takeover: Takeover | None = None
) -> Iterator[Desktop]:
    """Open a desktop, and hold its display so that no second agent acts on it.

    Args:
        name: "local", an X display (":1"), a Wayland session ("wayland-1"), "vnc://HOST[:PORT]",
            "rdp://USER@HOST[:PORT]", "sandbox:APP[/TASK][?seed=N]", or the same with "sandbox-wayland:".
        monitor: which monitor to look at, from 1.
        watchdog: on X11, start a second process that watches the kill switch and, after a crash, releases
            the keys and buttons that are held down.
        takeover: how a run reacts when the person moves the mouse or types: "pause", "stop" or "ignore";
            by default "pause" on the person's own desktop, "ignore" elsewhere.

    Raises:
        SettingsError: there is no such desktop.
        NoScreenError: there is no usable screen.
        DisplayBusyError: another agent holds the display.
    """
    kind = desktop_kind(name)
    _log.debug("the desktop %s is of the kind %s", name, kind.name)
    with ExitStack() as stack:
        desktop = stack.enter_context(kind.open(name, monitor))
        hold = stack.enter_context(hold_display(desktop.display or desktop.name))
        if watchdog and desktop.capabilities.watchdog:
            reaction = takeover or ("pause" if kind.is_persons else "ignore")
            desktop.watchdog = stack.enter_context(
                Watchdog(desktop.display, takeover=reaction, started=hold.watched_by)
            )
        yield desktop


def open_desktop_for(settings: Settings) -> AbstractContextManager[Desktop]:
    """Open the desktop that the settings name; see `open_desktop`."""
    return open_desktop(
        settings.desktop,
        monitor=settings.monitor,
        watchdog=settings.watchdog,
        takeover=settings.takeover,
    )


@contextmanager
def look_at_desktop(name: str, *, monitor: int = 1) -> Iterator[Desktop]:
    """Open a desktop only to look at it. Its display isn't locked: another agent may act on it meanwhile.

    Raises:
        SettingsError: there is no such desktop.
        NoScreenError: there is no usable screen.
    """
    with desktop_kind(name).open(name, monitor) as desktop:
        yield desktop


@contextmanager
def open_model(name: str = "", *, desktop: Desktop | None = None, **settings: object) -> Iterator[Model]:
    """Open a model for a script.

    Args:
        name: "auto"; a short name such as "8b"; a checkpoint's folder or hub id; a server's URL; with
            `server=` a server's model; or "nano" or "oracle", which work only on a sandbox's `desktop`.
            A model that is named is downloaded if it isn't on this machine; "auto" never downloads.
        desktop: the sandbox's desktop, for nano and the oracle.
        settings: the model's fields of `Settings`: server, device, max_picture_tokens and so on.

    Raises:
        SettingsError: a setting doesn't exist, doesn't fit, or isn't the model's.
        ModelError: the model can't be loaded or reached.
    """
    if others := sorted(settings.keys() & _NOT_THE_MODELS):
        raise SettingsError(
            f"expected settings of the model, got {', '.join(others)}, which open_model would ignore; "
            "give what the guard and the run need to Agent: policy=Policy(…), runs=…, verify=…"
        )
    wanted = load_settings({"model": name or None, **settings})
    check_pair(wanted, desktop.name if desktop else "")
    with open_model_for(wanted, desktop) as model:
        yield model


@contextmanager
def open_model_for(
    settings: Settings,
    desktop: Desktop | None = None,
    *,
    chooser: "ModelChooser | None" = None,
) -> Iterator[Model]:
    """Open the model that the settings choose.

    Args:
        settings: they name the model, or leave the choice to "auto".
        desktop: the sandbox's desktop, for the oracle.
        chooser: told which model "auto" takes, and asked before a download; None agrees to none.
    """
    from qvl_agent.agent.models.choice.auto import SILENT

    kind = model_kind(settings)
    _log.debug("the model is of the kind %s", kind.name)
    model = kind.open(settings, desktop, chooser or SILENT)
    try:
        yield model
    finally:
        model.close()


def agent_for(
    settings: Settings,
    desktop: Desktop,
    model: Model,
    *,
    secrets: "Vault",
    person: "Person",
    subscribers: "tuple[Subscriber, ...]",
    stop: StopCheck,
) -> "Agent":
    """Make an agent from the settings, and from the parts that no setting can hold."""
    from qvl_agent.actions.reading.rapidocr import open_reader
    from qvl_agent.agent.run.agent import Agent

    return Agent(
        desktop,
        model,
        runs=settings.runs,
        dialect=settings.dialect,
        policy=settings.policy.model_copy(update={"secrets": {}}),  # the vault has them
        secrets=secrets,
        person=person,
        reader=open_reader(settings.ocr),
        subscribers=subscribers,
        stop=stop,
        verify=settings.verify,
        look_closer=settings.look_closer,
        constrain=settings.constrain,
        picture_tokens=settings.max_picture_tokens,
    )


@contextmanager
def open_thinker(settings: Settings) -> "Iterator[Think]":
    """Open a model that answers recorded steps; yields a function from a step to the model's reply.

    The model is given the words and screens that were recorded.
    """
    from qvl_agent.actions.parsing.dialects.reply_format import reply_format
    from qvl_agent.agent.run.history import compacted

    with open_model_for(settings) as model:

        def think(step: "RecordedStep", recording: "Recording") -> "Reply":
            messages = compacted(recording.messages(step))
            asked = model
            if settings.constrain == "auto":
                asked = model.with_format(reply_format(recording.manifest.dialect))
            return asked.reply(messages, stop=lambda: False)

        yield think
