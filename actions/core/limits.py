"""Every limit's default: the policy, the settings, the models and the help texts take it from here."""

from typing import Final

__all__ = [
    "MAX_APPROVALS",
    "MAX_SECONDS",
    "MAX_STEPS",
    "MAX_TOKENS",
    "PICTURE_TOKENS",
    "REPLY_TIMEOUT_S",
    "REPLY_TOKENS",
]

MAX_STEPS: Final = 50
"""Steps of a run."""
MAX_SECONDS: Final = 900.0
"""Seconds of a run."""
MAX_TOKENS: Final = 200_000
"""Tokens of a run."""
MAX_APPROVALS: Final = 5
"""Questions that a run may ask the person."""
PICTURE_TOKENS: Final = 2048
"""Image tokens that one screenshot may cost the model."""
REPLY_TOKENS: Final = 1024
"""Tokens of one reply, where the model doesn't think first."""
REPLY_TIMEOUT_S: Final = 120.0
"""Seconds that a server may take for one reply."""
