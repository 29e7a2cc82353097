"""What the guard goes by: limits, regions and profiles. A file may tighten a policy, never loosen it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qvl_agent.actions.coordinates import Rect

__all__ = ["Policy", "Profile"]

Profile = Literal["standard", "careful", "unattended", "dry-run"]
"""standard: as the rules say · careful: every level one up · unattended: a question is a refusal ·
dry-run: nothing is sent."""


class Policy(BaseModel):
    """The limits in force for a run; hard limits of the action schema hold beside them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Profile = "standard"
    forbidden: tuple[Rect, ...] = ()
    """Regions, in logical pixels, that no pointer event may touch or cross with a button down."""
    max_steps: Annotated[int, Field(gt=0)] = 50
    max_seconds: Annotated[float, Field(gt=0)] = 15 * 60.0
    max_tokens: Annotated[int, Field(gt=0)] = 200_000
    max_approvals: Annotated[int, Field(ge=0)] = 5
    max_frame_age_s: Annotated[float, Field(gt=0)] = 30.0
    """A frame older than this is looked at again, even if nothing seems to have changed."""
    actions_per_second: Annotated[float, Field(gt=0)] = 5.0
    burst: Annotated[int, Field(gt=0)] = 10
