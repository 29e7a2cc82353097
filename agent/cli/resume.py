"""The work of `qvl-agent resume` before the run goes on: read the record, and load the settings for it."""

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
    """A recorded run that is to go on, and its settings.

    Attributes:
        folder: the run's folder.
        task: the run's task.
        settings: the settings by which it goes on.
        explicit: the names of the policy's settings that a flag or the environment gives.
    """

    folder: Path
    task: str
    settings: Settings
    explicit: frozenset[str]


def resuming(run: Path, flags: Mapping[str, object], *, file: Path | None = None) -> Resuming:
    """Read a recorded run, and load the settings by which it goes on.

    Desktop, dialect, secrets and one of our own models are taken from the record, unless a setting gives
    them.

    Args:
        run: the run's folder, or the name of one among the recorded runs.
        flags: the command line's settings, as `load_settings` takes them.
        file: a settings file.

    Raises:
        RunBusyError: another process is writing the run.
        RecordingError: the run's task is over, or the record is broken.
        SettingsError: as `load_settings` raises it.
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
    """Return the record's values for settings that are given nowhere.

    A model is taken only if it is one of our own: another's name doesn't say whose model it is.
    """
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
