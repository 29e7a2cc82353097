"""`qvl-agent resume`: from a recorded run to the settings by which it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent.recording.continuing import go_on_with
from qvl_agent.agent.recording.format import Manifest
from qvl_agent.agent.registry.lookup import our_model, reopened
from qvl_agent.agent.run.resume import past_of
from qvl_agent.agent.settings import PREFIX, Settings, load_settings, sources

__all__ = ["Resuming", "resuming"]


@dataclass(frozen=True, slots=True)
class Resuming:
    """What is gone on with, and how.

    Attributes:
        task: what it was told.
        explicit: the policy's names that a flag or the environment gives.
    """

    folder: Path
    task: str
    settings: Settings
    explicit: frozenset[str]


def resuming(run: Path, flags: Mapping[str, object], *, file: Path | None = None) -> Resuming:
    """Look at a run, and take from its record where, with what and how it went on, unless a setting says so.

    Args:
        run: its folder, or the name of one among the recorded runs.
        flags: as `load_settings` has them.
        file: a settings file.

    Raises:
        RunBusyError: another process is at it.
        RecordingError: it is over, or broken.
        SettingsError: as `load_settings`.
    """
    settings = load_settings(flags, file=file)
    folder = run if run.exists() or run.is_absolute() else settings.runs / run
    recorder, recording = go_on_with(folder)
    with recorder:
        past = past_of(recording)
    then = recording.manifest_at(past.steps + 1)
    said = sources(flags, file=file)
    settings = load_settings({**flags, **_recorded(then, said)}, file=file)
    named = {name for name, source in said.items() if source == "flag" or source.startswith(PREFIX)}
    return Resuming(recording.folder, then.task, settings, frozenset(named & set(Policy.model_fields)))


def _recorded(then: Manifest, said: Mapping[str, str]) -> dict[str, object]:
    """Fill in what nothing says now. A record names no model but our own: others could be anybody's."""
    found: dict[str, object] = {}
    if "dialect" not in said:
        found["dialect"] = then.dialect
    if then.policy.secrets and "secrets" not in said:
        found["secrets"] = then.policy.secrets
    if "desktop" not in said:
        found["desktop"] = reopened(then.desktop)
    if not {"model", "server", "server_model"} & said.keys() and our_model(then.model):
        found["model"] = then.model
    return found
