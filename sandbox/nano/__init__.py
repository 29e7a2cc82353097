"""nano: a very small Qwen3-VL of this project's own, trained on the sandbox's applications.

It is for the sandbox, the demo and the tests only: it has seen no other windows, so a real desktop needs a
real Qwen3-VL. The checkpoint beside this file is in the released checkpoints' format, and the ordinary
transformers backend loads it.

This module holds the constants that the agent needs, and imports nothing of the project. `making` makes the
data, trains and evaluates; it writes prompts with the agent's own code, which is why this is the only folder
of the sandbox that imports the agent.
"""

from pathlib import Path
from typing import Final, Literal

__all__ = ["CHECKPOINT", "DEMO_MODEL", "DIALECT", "PICTURE_TOKENS", "REPLY_TOKENS", "SCREEN"]

CHECKPOINT: Final = Path(__file__).parent / "checkpoint"
"""The folder with config.json, tokenizer and weights."""
DIALECT: Final = "grounded"
"""The action format of its replies."""
SCREEN: Final = (1280, 800)
"""Width and height of the sandbox's screen, in px."""
PICTURE_TOKENS: Final = 360
"""The image tokens of a picture in its training: it sees the sandbox's 1280x800 as 768x480."""
REPLY_TOKENS: Final = 256
"""The longest reply, in tokens; the longest right one types a sentence and is shorter."""
DEMO_MODEL: Final[Literal["oracle", "nano"]] = "nano"
"""The model of `qvl-agent demo` if no other Qwen3-VL is configured."""
