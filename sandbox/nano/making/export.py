"""Writes the checkpoint, in the released checkpoints' format, from a training's state."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from transformers import GenerationConfig
from transformers.utils import logging

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.sandbox.nano.making.network.start import build
from qvl_agent.sandbox.nano.making.network.tokenizer import Coder, write
from qvl_agent.sandbox.nano.making.shape import preprocessor
from qvl_agent.sandbox.nano.making.training.state import State

__all__ = ["export", "write_checkpoint"]

_SHARD: Final = "12MB"


def export(state: State, folder: Path) -> None:
    """Write the checkpoint of a state of the second stage.

    Raises:
        SettingsError: it is of the first one, which has no language yet.
    """
    if state.notes.get("stage") != "speak":
        raise SettingsError(f"expected a state of the stage speak, got one of {state.notes.get('stage')!r}")
    coder = Coder(state.notes["tokenizer"])
    model = build(coder.special)
    for name, module in (("visual", model.model.visual), ("text", model.model.language_model)):
        module.load_state_dict(state.under(f"weights/{name}/"))
    write_checkpoint(model, coder, folder)


def write_checkpoint(model: Any, coder: Coder, folder: Path) -> None:
    """Write weights in bfloat16, configs, tokenizer and chat template; what else is in the folder stays.

    Args:
        model: Qwen3VLForConditionalGeneration, as `start.build` makes it; it is bfloat16 afterwards.
        coder: the tokenizer that it was trained with.
        folder: where; weights of another one are replaced.
    """
    ends = [coder.special["<|im_end|>"], coder.special["<|endoftext|>"]]
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=ends, pad_token_id=ends[1])
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as beside:
        made = Path(beside)
        logging.disable_progress_bar()
        model.to(torch.bfloat16).save_pretrained(made, max_shard_size=_SHARD)
        write(json.loads(coder.text), made)
        _write(made / "preprocessor_config.json", preprocessor())
        for old in folder.glob("*.safetensors*"):
            old.unlink()
        for path in made.iterdir():
            path.chmod(0o644)
            path.replace(folder / path.name)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
