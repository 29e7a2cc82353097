"""Functions that commands share: settings from options, a run, and a replay."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from qvl_agent.agent.cli.resume import Resuming
    from qvl_agent.agent.run.agent import Run
    from qvl_agent.agent.run.events import Subscriber
    from qvl_agent.agent.settings import Settings

__all__ = ["flags_of", "play", "replay_folder", "settings_of"]


_LOOKS: Final[dict[str, dict[str, Any]]] = {
    "hurry": {"max_picture_tokens": 1024},
    "careful_look": {"max_picture_tokens": 4096, "look_closer": "always"},
}
"""What the two options stand for."""
_NO_SETTINGS: Final = frozenset({"config", "as_json", "verbose", *_LOOKS})


def settings_of(options: dict[str, Any], **more: object) -> "Settings":
    """Load the settings: a command's options, over environment, file and defaults.

    Raises:
        SettingsError: as `load_settings` raises it.
    """
    from qvl_agent.agent.settings import load_settings

    return load_settings({**flags_of(options), **more}, file=options["config"])


def flags_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return a command's options that are settings; what `--hurry` stands for gives way to what is said."""
    flags = {name: value for name, value in options.items() if name not in _NO_SETTINGS}
    chosen = [name for name in _LOOKS if options.get(name)]
    if len(chosen) > 1:
        raise click.UsageError("Take --hurry or --careful-look, not both.")
    meant = _LOOKS[chosen[0]] if chosen else {}
    return flags | {name: value for name, value in meant.items() if flags.get(name) is None}


def play(
    task: str | None,
    settings: "Settings",
    options: dict[str, Any],
    *,
    note: str = "",
    again: "Resuming | None" = None,
    subscribers: "tuple[Subscriber, ...]" = (),
) -> "Run":
    """Run a task, or go on with a run, and report it in the terminal.

    Args:
        task: the task; None for the sandbox's own.
        settings: the desktop, the model and the rules.
        options: the command's options; `as_json` and `verbose` choose the report.
        note: a sentence that is shown first; "" for none.
        again: the run to go on with, if any.
        subscribers: get the run's events too.
    """
    from qvl_agent.actions.guard.lexicon.search import warm_up
    from qvl_agent.agent.cli.secret_values import secrets_of
    from qvl_agent.agent.cli.signals import stop_on_signals
    from qvl_agent.agent.opening import agent_for, open_desktop_for, open_model_for
    from qvl_agent.agent.registry.lookup import desktop_kind, fitted, model_kind

    settings = fitted(settings)
    warm_up()  # while the desktop is opened
    as_json = options["as_json"]
    secrets = secrets_of(task or "", settings, as_json=as_json)
    _warn(note, options)
    if place := model_kind(settings).sent_to(settings):
        _warn(f"pictures of this screen leave this machine: they go to {place}", options)
    with stop_on_signals() as stop, open_desktop_for(settings) as desktop:
        # The rest is imported while the watchdog's process starts, on another core.
        from qvl_agent.agent.doctor.hands import try_once
        from qvl_agent.agent.logs import log_event
        from qvl_agent.agent.terminal.chooser import TerminalChooser
        from qvl_agent.agent.terminal.question import TerminalPerson

        with (
            open_model_for(settings, desktop, chooser=TerminalChooser(as_json=as_json)) as model,
            TerminalPerson.here(as_json=as_json) as person,
        ):
            agent = agent_for(
                settings,
                desktop,
                model,
                secrets=secrets,
                person=person,
                subscribers=(_reporter(options), log_event, *subscribers),
                stop=stop,
            )
            if desktop_kind(settings.desktop).is_persons and settings.policy.profile != "dry-run":
                try_once(desktop, stop=stop)
            if again is not None:
                return agent.resume(again.folder, explicit=again.explicit)
            return agent.run(desktop.own_task() if task is None else task)


def _reporter(options: dict[str, Any]) -> "Subscriber":
    from qvl_agent.agent.terminal.reporter import JsonReporter, TerminalReporter

    return JsonReporter() if options["as_json"] else TerminalReporter(verbose=bool(options["verbose"]))


def _warn(sentence: str, options: dict[str, Any]) -> None:
    """Show the person a sentence before the run; "" is none."""
    if not sentence:
        return
    from qvl_agent.agent.run.events import Warned

    _reporter(options)(Warned(sentence))


def replay_folder(folder: Path, options: dict[str, Any]) -> int:
    """Replay a recording, print what differs, and return the exit code: 0 if nothing does, else 1.

    A live model answers if the options name a model or a server; else the recorded replies are taken.
    """
    from qvl_agent.agent.opening import open_thinker
    from qvl_agent.agent.recording.recording import Recording
    from qvl_agent.agent.recording.replay.rerun import replay as compare
    from qvl_agent.agent.terminal.reporter import print_replay

    recording = Recording.open(folder)
    live = options.get("model") or options.get("server")
    if live:
        with open_thinker(settings_of(options)) as think:
            report = compare(recording, think)
    else:
        report = compare(recording)
    print_replay(report, as_json=options["as_json"])
    return 0 if report.agreed else 1
