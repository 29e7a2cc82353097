"""nano: a very small Qwen3-VL of this project's own, trained on the sandbox's applications.

It is for the sandbox, the demo and the tests: it has seen nothing but their windows, so a real desktop
needs a real Qwen3-VL. The checkpoint beside this file is in the released checkpoints' format, and the
ordinary transformers backend loads it.

This module is light. The others make the data, train and evaluate; they speak to the model in the
loop's own words, which is why this is the one folder of the sandbox that imports the agent.
"""

from pathlib import Path
from typing import Final, Literal

__all__ = ["CHECKPOINT", "DEMO_MODEL", "DIALECT", "PICTURE_TOKENS", "REPLY_TOKENS", "SCREEN"]

CHECKPOINT: Final = Path(__file__).parent / "checkpoint"
"""The folder of config.json, tokenizer and weights."""
DIALECT: Final = "grounded"
"""In which it answers."""
SCREEN: Final = (1280, 800)
"""The sandbox's, in pixels."""
PICTURE_TOKENS: Final = 360
"""The picture budget that it was trained with: it sees the sandbox's 1280x800 as 768x480."""
REPLY_TOKENS: Final = 256
"""A longer reply has lost its way: the longest that is right types a sentence."""
DEMO_MODEL: Final[Literal["oracle", "nano"]] = "oracle"
"""Who answers in `qvl-agent demo` where no other Qwen3-VL is configured."""
