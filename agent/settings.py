"""The settings: flags over the environment over files over defaults.

There are two files. The person's own is in their configuration folder, or named by `--config`. A project's
is `qvl-agent.toml` in the current folder: somebody else may have written it, so it may only tighten what the
person set, and only the settings in `PROJECT_MAY_SET`. No file may loosen the guard; flags and the
environment may. An unknown key is an error wherever it stands.
"""

import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, SecretStr, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.desktops.watchdog.client import Takeover
from qvl_agent.actions.guard.policy import Binding, Policy, Profile, stricter, tighten
from qvl_agent.actions.reading.rapidocr import Ocr
from qvl_agent.agent.paths import runs_folder, user_config_file
from qvl_agent.agent.run.modes import LookCloser, Verify
from qvl_agent.agent.secret_sources import VARIABLE

__all__ = ["FILE_NAME", "PREFIX", "PROJECT_MAY_SET", "Settings", "load_settings", "sources"]

FILE_NAME: Final = "qvl-agent.toml"
PREFIX: Final = "QVL_AGENT_"
PROJECT_MAY_SET: Final = frozenset(
    {
        *("profile", "forbidden", "apps", "forbidden_apps"),
        *("max_steps", "max_seconds", "max_tokens", "max_approvals"),
        *("ocr", "watchdog", "takeover"),
    }
)
"""What a project's file may hold: settings that can only tighten what may happen. Where pictures and keys go,
what is loaded and downloaded, what is acted on, where records lie and how a claim is verified is the
person's alone."""
_TAKEOVERS: Final[tuple[Takeover, ...]] = ("ignore", "pause", "stop")
"""From the loosest to the strictest."""
_RECTS: Final = TypeAdapter(tuple[Rect, ...])


def _regions(value: object) -> object:
    """Read regions as TOML and the environment have them; Rect itself takes only exact types."""
    if isinstance(value, list | tuple) and not all(isinstance(one, Rect) for one in value):
        return _RECTS.validate_json(json.dumps(value))
    return value


AUTO_NAMES: Final = ("", "auto")
"""What `model` is where nobody named one."""


class Settings(BaseSettings):
    """Every setting there is; a flag of the same name with dashes sets each."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, validate_default=False
    )

    model: str = "auto"
    """Which model: "auto", a short name such as "8b-fp8", a checkpoint's hub id or folder, a server's URL,
    a server's model name with `server`, or, in the sandbox alone, "nano" or "oracle"."""
    server: str = ""
    """An OpenAI-compatible server's base URL, such as http://127.0.0.1:8000/v1."""
    server_model: str = ""
    """What the server calls its model; not needed where it has one."""
    api_key: SecretStr | None = None
    allow_remote: bool = False
    """Let screens leave this machine, to a server that isn't on it."""
    dialect: Literal["grounded", "computer_use"] = "grounded"
    device: str = "auto"
    device_map: str = ""
    """How a checkpoint is laid over several devices: "auto", "balanced", "sequential", or a JSON object
    of module names and devices; over `device`."""
    dtype: str = "auto"
    quantize: Literal["none", "4bit"] = "none"
    """Load a checkpoint's layers in 4 bits, by bitsandbytes."""
    attention: Literal["auto", "flash_attention_2", "sdpa", "eager"] = "auto"
    """"auto" is FlashAttention where it is installed and can be used, else PyTorch's own."""
    mmproj: str = ""
    """The vision tower's .gguf file, for a model that is one; found beside it if there is only one."""
    adapter: str = ""
    """A LoRA adapter's folder or hub id, by PEFT."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    max_picture_tokens: Annotated[int, Field(ge=64, le=16384)] = limits.PICTURE_TOKENS
    max_reply_tokens: Annotated[int, Field(ge=16, le=32768)] = limits.REPLY_TOKENS
    """Where it isn't set, a thinking model gets 8192, as its thoughts count."""
    timeout: Annotated[float, Field(gt=0)] = limits.REPLY_TIMEOUT_S
    """Seconds a server may take for one reply; where it isn't set, llama.cpp in the program has 1800."""
    desktop: str = "local"
    """As `--desktop` takes it: "local", "sandbox:APP/TASK?seed=N", "vnc://HOST" and others."""
    monitor: Annotated[int, Field(ge=1)] = 1
    watchdog: bool = True
    """On X11, let a process of its own hold the kill switch and release what is down if the agent dies."""
    takeover: Takeover | None = None
    """What happens when you move the mouse or type during a run: "pause", "stop", or "ignore", the default
    in a sandbox. Where nobody is at a terminal, a pause is a stop."""
    runs: Path = Field(default_factory=runs_folder)
    """The folder where runs are recorded."""
    constrain: Literal["auto", "never"] = "auto"
    """Keep replies to the action format while they are written, where the model's backend can."""
    look_closer: LookCloser = "auto"
    """When the model points a second time, in a close-up: at small targets on a shrunk screen ("auto"),
    at every target, or never."""
    verify: Verify = "auto"
    """How a claim of "done" is checked: by the desktop's own checker, and where there is none by asking the
    model over a fresh screen ("auto"); by a "checker" alone; or "never"."""
    ocr: Ocr = "auto"
    """Read the text on a target from the pixels, as a second opinion to the model's label: where the extra is
    installed ("auto"), or never."""
    profile: Profile = "standard"
    forbidden: Annotated[tuple[Rect, ...], BeforeValidator(_regions)] = ()
    """Regions in logical pixels: [{left = 0, top = 0, width = 100, height = 50}]."""
    apps: tuple[str, ...] = ()
    """Applications to keep to; elsewhere it is asked. Empty: all."""
    forbidden_apps: tuple[str, ...] = ()
    """Applications that are never touched, beside those that the guard forbids anyway."""
    secrets: dict[str, Binding] = {}
    """The application that each secret is for: [secrets.bank-pin] application = "firefox"."""
    max_steps: Annotated[int, Field(gt=0)] = limits.MAX_STEPS
    max_seconds: Annotated[float, Field(gt=0)] = limits.MAX_SECONDS
    max_tokens: Annotated[int, Field(gt=0)] = limits.MAX_TOKENS
    max_approvals: Annotated[int, Field(ge=0)] = limits.MAX_APPROVALS
    """Questions to you before it gives up."""

    @property
    def policy(self) -> Policy:
        return Policy(
            profile=self.profile,
            forbidden=self.forbidden,
            apps=self.apps,
            forbidden_apps=self.forbidden_apps,
            secrets=self.secrets,
            max_steps=self.max_steps,
            max_seconds=self.max_seconds,
            max_tokens=self.max_tokens,
            max_approvals=self.max_approvals,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, the environment, then what `load_settings` read from a file; nothing else."""
        del settings_cls, dotenv_settings, file_secret_settings
        return init_settings, env_settings


def load_settings(flags: Mapping[str, object], *, file: Path | None = None) -> Settings:
    """Put the settings together.

    Args:
        flags: what was given on the command line; None means not given.
        file: the person's settings file; by default the one in their configuration folder, if there is one.

    Raises:
        SettingsError: an unknown key, a value that doesn't fit, a file that loosens the guard, or a project's
            file that sets what isn't its to set.
    """
    from_files = _from_files(file).values
    _known_environment()
    given = {name: value for name, value in flags.items() if value is not None}
    if "secrets" in given and "secrets" in from_files:
        given["secrets"] = {**from_files["secrets"], **_mapping(given["secrets"])}
    from_environment = {name for name in Settings.model_fields if os.environ.get(PREFIX + name.upper())}
    below = {name: value for name, value in from_files.items() if name not in from_environment}
    return _checked({**below, **given})


def sources(flags: Mapping[str, object], *, file: Path | None = None) -> dict[str, str]:
    """Return where each setting that isn't a default comes from: a flag, the environment or files' paths.

    Raises:
        SettingsError: as `load_settings` raises it for a file.
    """
    found = _from_files(file).sources
    for name in Settings.model_fields:
        if os.environ.get(PREFIX + name.upper()):
            found[name] = PREFIX + name.upper()
        if flags.get(name) is not None:
            found[name] = "flag"
    return found


class _Files(NamedTuple):
    """What the files say: the values, and the path of the file or files that each comes from."""

    values: dict[str, Any]
    sources: dict[str, str]


def _from_files(named: Path | None) -> _Files:
    """Read the person's file, and let a project's tighten it."""
    own = named or (path if (path := user_config_file()).is_file() else None)
    values = _read(own) if own else {}
    if own:
        _only_tighter(values, own)
    found = _Files(values, dict.fromkeys(values, str(own)))
    project = Path(FILE_NAME)
    if not project.is_file() or (own and project.resolve() == own.resolve()):
        return found
    return _tightened(found, _project_values(project), project)


def _project_values(path: Path) -> dict[str, Any]:
    """Read a project's file.

    Raises:
        SettingsError: it can't be read, loosens the guard, or sets what isn't a project's to set.
    """
    values = _read(path)
    _names_known(values, str(path))
    for name in values:
        if name not in PROJECT_MAY_SET:
            raise SettingsError(
                f"{path}: '{name}' isn't a project's to set; put it into {user_config_file()}, set "
                f"{PREFIX}{name.upper()}, or name this file with --config if it is yours"
            )
    _only_tighter(values, path)
    try:
        _checked(values)  # of two values the stricter one holds, so a wrong one could go unnoticed
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    return values


def _tightened(own: _Files, project: Mapping[str, Any], path: Path) -> _Files:
    """Merge a project's values into the person's: of each setting the stricter value holds."""
    try:
        before = _policy_in(own.values)
        after = stricter(before, _policy_in(project))
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}; leave one of them out") from error
    values, found = dict(own.values), dict(own.sources)
    for name in project.keys() & set(Policy.model_fields):
        value = getattr(after, name)
        values[name] = value
        if name not in own.values or value == getattr(_policy_in(project), name):
            found[name] = str(path)
        elif value != getattr(before, name):
            found[name] = f"{own.sources[name]}, {path}"
    if _strictness(project.get("takeover")) > _strictness(own.values.get("takeover")):
        values["takeover"], found["takeover"] = project["takeover"], str(path)
    return _Files(values, found)


def _strictness(takeover: object) -> int:
    return _TAKEOVERS.index(takeover) if takeover in _TAKEOVERS else -1


def _policy_in(values: Mapping[str, Any]) -> Policy:
    """Return the policy that some values make, with defaults for the others."""
    known = {name: value for name, value in values.items() if name in Policy.model_fields}
    return Policy.model_validate_json(json.dumps(known, default=str))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"can't read {path}: {error.strerror}; name another with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} isn't valid TOML: {error}") from error
    except RecursionError as error:
        raise SettingsError(f"{path} isn't valid TOML: it is nested too deeply") from error


def _only_tighter(from_file: Mapping[str, Any], path: Path) -> None:
    _names_known(from_file, str(path))
    try:
        tighten(Policy(), _policy_in(from_file))
    except ValidationError as error:
        raise SettingsError(f"{path}: {_said(error)}") from error
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}; a file may only tighten: give it as a flag") from error
    if from_file.get("ocr", "auto") == "never":
        raise SettingsError(
            f'{path}: ocr = "never" loosens the guard; a file may only tighten: give it as a flag'
        )
    if from_file.get("watchdog", True) is not True or from_file.get("takeover") == "ignore":
        raise SettingsError(
            f"{path}: the watchdog isn't switched off by a file, which may only tighten: give it as a flag"
        )


def _known_environment() -> None:
    names = {
        name.removeprefix(PREFIX).lower(): ""
        for name in os.environ
        if name.startswith(PREFIX) and not name.startswith(VARIABLE)
    }
    _names_known(names, "the environment")


def _names_known(names: Mapping[str, object], where: str) -> None:
    for name in names:
        if name not in Settings.model_fields:
            close = difflib.get_close_matches(name, Settings.model_fields, n=1)
            hint = f"did you mean '{close[0]}'?" if close else "`qvl-agent run --help` lists them"
            raise SettingsError(f"{where} has no setting to match '{name}'; {hint}")


def _checked(values: Mapping[str, object]) -> Settings:
    try:
        return Settings(**values)  # type: ignore[arg-type]  # pydantic checks each
    except ValidationError as error:
        raise SettingsError(_said(error)) from error


def _said(error: ValidationError) -> str:
    wrong = first_error(error)
    given = "" if wrong.where.startswith(("api_key", "secrets")) else f", not {wrong.given!r}"
    return f"{wrong.where}: {wrong.message.lower()}{given}"
