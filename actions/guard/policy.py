"""The policy of a run: limits, regions, applications and a profile. A file may only tighten it."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import SettingsError

__all__ = ["Binding", "Policy", "Profile", "stricter", "tighten"]

Profile = Literal["standard", "careful", "unattended", "dry-run"]
"""standard: as the rules say · careful: every level one up · unattended: a question parks the
run, for a person to resume · dry-run: nothing is sent."""

_TIGHTER: Final[dict[Profile, frozenset[Profile]]] = {
    "standard": frozenset({"standard", "careful", "unattended", "dry-run"}),
    "careful": frozenset({"careful", "dry-run"}),
    "unattended": frozenset({"unattended", "dry-run"}),
    "dry-run": frozenset({"dry-run"}),
}
"""The profiles that each profile may be changed to. Careful asks in cases in which unattended goes on, and
the other way round, so neither of the two is the tighter one."""

_LIMITS: Final = (
    "max_steps",
    "max_seconds",
    "max_tokens",
    "max_approvals",
    "max_frame_age_s",
    "actions_per_second",
    "burst",
)
_LISTS: Final = ("forbidden", "forbidden_apps")
"""Fields whose entries are added to those in force, as each entry forbids something."""


class Binding(BaseModel):
    """The application that a secret may be typed into."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    application: str = ""
    """The name of the application or of its program; "" for none."""


class Policy(BaseModel):
    """The limits in force for a run; the hard limits of the action classes apply too."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    profile: Profile = "standard"
    forbidden: tuple[Rect, ...] = ()
    """Regions, in logical pixels, that no pointer event may touch or cross with a button down."""
    apps: tuple[str, ...] = ()
    """Applications to work in, by their name or their program's; the person is asked about all others. Empty:
    all may be worked in."""
    forbidden_apps: tuple[str, ...] = ()
    """Applications that are never touched, beside those that no agent may touch."""
    secrets: dict[str, Binding] = {}
    """The secrets that may be typed, by name, each with its one application."""
    max_steps: Annotated[int, Field(gt=0)] = limits.MAX_STEPS
    max_seconds: Annotated[float, Field(gt=0)] = limits.MAX_SECONDS
    max_tokens: Annotated[int, Field(gt=0)] = limits.MAX_TOKENS
    max_approvals: Annotated[int, Field(ge=0)] = limits.MAX_APPROVALS
    max_frame_age_s: Annotated[float, Field(gt=0)] = 30.0
    """Seconds after which a new frame is needed, even if nothing seems to have changed."""
    actions_per_second: Annotated[float, Field(gt=0)] = 5.0
    burst: Annotated[int, Field(gt=0)] = 10


def tighten(base: Policy, other: Policy) -> Policy:
    """Return `base` tightened by `other`: lower limits, more regions, fewer applications, a stricter profile.

    Only the fields that were set on `other` count; its defaults change nothing.

    Raises:
        SettingsError: `other` allows more than `base` does.
    """
    given = other.model_fields_set
    if "profile" in given and other.profile not in _TIGHTER[base.profile]:
        raise SettingsError(f"profile '{other.profile}' would loosen '{base.profile}'")
    for name in _LIMITS:
        if name in given and getattr(other, name) > getattr(base, name):
            raise SettingsError(
                f"{name} = {getattr(other, name):g} is looser than the {getattr(base, name):g} in force"
            )
    if "apps" in given and base.apps and not set() < set(other.apps) <= set(base.apps):
        raise SettingsError(f"apps = {list(other.apps)} names more than the {list(base.apps)} in force")
    for name, bound in other.secrets.items():
        if name in base.secrets and bound != base.secrets[name]:
            ours = base.secrets[name].application
            raise SettingsError(f"the secret '{name}' is bound to '{ours}', not '{bound.application}'")
    changes = {name: getattr(other, name) for name in given}
    for name in _LISTS:
        changes[name] = tuple(dict.fromkeys((*getattr(base, name), *getattr(other, name))))
    changes["secrets"] = {**base.secrets, **other.secrets}
    return base.model_copy(update=changes)


def stricter(base: Policy, other: Policy) -> Policy:
    """Return what holds where both have a say: of each field the stricter value, whichever has it.

    Only the fields that were set on `other` count; its defaults change nothing.

    Raises:
        SettingsError: no value is the stricter of the two: different profiles, or no application in both.
    """
    given = other.model_fields_set
    changes: dict[str, object] = {
        name: min(getattr(base, name), getattr(other, name)) for name in _LIMITS if name in given
    }
    if "profile" in given:
        if other.profile not in _TIGHTER[base.profile] and base.profile not in _TIGHTER[other.profile]:
            raise SettingsError(f"the profiles '{base.profile}' and '{other.profile}' exclude each other")
        changes["profile"] = other.profile if other.profile in _TIGHTER[base.profile] else base.profile
    if "apps" in given and base.apps and other.apps:
        both = tuple(app for app in base.apps if app in other.apps)
        if not both:
            raise SettingsError(
                f"apps = {list(other.apps)} leaves none of the applications {list(base.apps)} in force"
            )
        changes["apps"] = both
    elif "apps" in given:
        changes["apps"] = base.apps or other.apps
    for name in _LISTS:
        changes[name] = tuple(dict.fromkeys((*getattr(base, name), *getattr(other, name))))
    return base.model_copy(update=changes)
