"""The kinds there are, those of other packages included, and which one a name or a setting means."""

import logging
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.registry.checkpoints import CHECKPOINT
from qvl_agent.agent.registry.desktops import DESKTOPS, LOCAL
from qvl_agent.agent.registry.kinds import DesktopKind, ModelKind
from qvl_agent.agent.registry.models import MODELS
from qvl_agent.agent.settings import Settings

__all__ = [
    "DESKTOP_GROUP",
    "MODEL_GROUP",
    "about_model",
    "check_pair",
    "desktop_kind",
    "desktop_kinds",
    "fitted",
    "model_kind",
    "model_kinds",
    "our_model",
    "reopened",
]

_log = logging.getLogger(__name__)

DESKTOP_GROUP: Final = "qvl_agent.desktops"
"""The entry points' group whose objects are `DesktopKind`s."""
MODEL_GROUP: Final = "qvl_agent.models"
"""The entry points' group whose objects are `ModelKind`s."""

K = TypeVar("K", DesktopKind, ModelKind)
A = TypeVar("A")
R = TypeVar("R")


@cache
def desktop_kinds() -> tuple[DesktopKind, ...]:
    """Return every kind of desktop, in the order in which they are asked whether a name is theirs."""
    return (*DESKTOPS, *_installed(DESKTOP_GROUP, DesktopKind, DESKTOPS))


@cache
def model_kinds() -> tuple[ModelKind, ...]:
    """Return every kind of model, in the order in which they are asked; a checkpoint takes any name left."""
    return (*MODELS, *_installed(MODEL_GROUP, ModelKind, (*MODELS, CHECKPOINT)), CHECKPOINT)


def _installed(group: str, kind: type[K], built_in: tuple[K, ...]) -> tuple[K, ...]:
    """Load what other packages add. One that is broken, or takes a name, is left out and logged."""
    found: dict[str, K] = {one.name: one for one in built_in}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if (loaded := _load(point, kind)) is None:
            continue
        if loaded.name in found:
            _log.warning(
                "%s of %s is left out: there is a kind called %r already", point.value, group, loaded.name
            )
            continue
        found[loaded.name] = loaded
    return tuple(found.values())[len(built_in) :]


def _load(point: EntryPoint, kind: type[K]) -> K | None:
    try:
        loaded = point.load()
    except (Exception, SystemExit):  # noqa: BLE001 - another package's code; nothing of ours depends on it
        _log.warning("the entry point %s of %s can't be loaded", point.value, point.group, exc_info=True)
        return None
    if isinstance(loaded, kind) and isinstance(loaded.name, str) and loaded.name:
        return loaded
    _log.warning("the entry point %s of %s isn't a %s with a name", point.value, point.group, kind.__name__)
    return None


def _asked(kind: DesktopKind | ModelKind, function: Callable[[A], R], about: A) -> R | None:
    """Ask a kind something; one of another package that fails is logged, and none is its answer."""
    try:
        return function(about)
    except Exception:
        if kind in (*DESKTOPS, *MODELS, CHECKPOINT):
            raise
        _log.warning("the kind %s of another package failed", kind.name, exc_info=True)
        return None


def desktop_kind(name: str) -> DesktopKind:
    """Return the kind of desktop that a name means.

    Raises:
        SettingsError: no kind claims it; the message lists what could be written.
    """
    for kind in desktop_kinds():
        if _asked(kind, kind.claims, name):
            return kind
    raise SettingsError(f"no desktop '{name}'; choose {', '.join(kind.usage for kind in desktop_kinds())}")


def reopened(recorded: str) -> str:
    """Return the name by which to open the desktop that a record names."""
    names = (_asked(kind, kind.reopen, recorded) for kind in desktop_kinds())
    return next((name for name in names if name is not None), LOCAL.name)


def model_kind(settings: Settings) -> ModelKind:
    """Return the kind of model that the settings name."""
    return next(kind for kind in model_kinds() if _asked(kind, kind.claims, settings))


def our_model(name: str) -> ModelKind | None:
    """Return the kind of a model that is a part of this program, by its name; None for any other."""
    return next((kind for kind in model_kinds() if kind.is_ours and kind.name == name), None)


def about_model(name: str) -> str:
    """Return what a model of this program is and where it works; "" for any other."""
    kind = our_model(name)
    return kind.about if kind else ""


def check_pair(settings: Settings, desktop: str) -> None:
    """Refuse a model a desktop that it isn't made for.

    Args:
        settings: they name the model.
        desktop: the desktop's name, as given or as recorded; "" if there is none.

    Raises:
        SettingsError: it isn't made for it.
    """
    kind = model_kind(settings)
    if kind.desktops is None:
        return
    if not any(one.name in kind.desktops and _asked(one, one.claims, desktop) for one in desktop_kinds()):
        raise SettingsError(kind.elsewhere)


def fitted(settings: Settings) -> Settings:
    """Check that the desktop and the model that are named fit each other, and fill in what the model needs.

    Raises:
        SettingsError: there is no such desktop, or the model isn't made for it.
    """
    desktop_kind(settings.desktop)
    check_pair(settings, settings.desktop)
    return model_kind(settings).adapt(settings)
