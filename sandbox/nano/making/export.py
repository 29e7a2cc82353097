"""Write a checkpoint in the released checkpoints' format from a training's state."""

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
from qvl_agent.sandbox.nano.making.network.tokenizer import NanoTokenizer, write_tokenizer
from qvl_agent.sandbox.nano.making.shape import as_released, preprocessor
from qvl_agent.sandbox.nano.making.training.state import State

__all__ = ["export", "write_checkpoint"]

_SHARD: Final = "12MB"
"""The largest weights file."""


def export(state: State, folder: Path) -> None:
    """Write the checkpoint of a state of the second stage.

    Raises:
        SettingsError: The state is of the first stage, which has no language model yet.
    """
    if state.notes.get("stage") != "speak":
        raise SettingsError(f"expected a state of the stage speak, got one of {state.notes.get('stage')!r}")
    tokenizer = NanoTokenizer(state.notes["tokenizer"])
    model = build(tokenizer.special)
    for name, module in (("visual", model.model.visual), ("text", model.model.language_model)):
        module.load_state_dict(state.with_prefix(f"weights/{name}/"))
    write_checkpoint(model, tokenizer, folder)


def write_checkpoint(model: Any, tokenizer: NanoTokenizer, folder: Path) -> None:
    """Write weights in bfloat16, configs, tokenizer and chat template; other files in the folder stay.

    Args:
        model: Qwen3VLForConditionalGeneration, as `start.build` makes it. Converted to bfloat16 in place.
        tokenizer: The tokenizer that it was trained with.
        folder: The checkpoint's folder; weights that are there are replaced.
    """
    ends = [tokenizer.special["<|im_end|>"], tokenizer.special["<|endoftext|>"]]
    model.generation_config = GenerationConfig(do_sample=False, eos_token_id=ends, pad_token_id=ends[1])
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent) as draft:
        made = Path(draft)
        logging.disable_progress_bar()
        model.to(torch.bfloat16).save_pretrained(made, max_shard_size=_SHARD)
        config = json.loads((made / "config.json").read_text("utf-8"))
        _write_json(made / "config.json", as_released(config))
        write_tokenizer(json.loads(tokenizer.text), made)
        _write_json(made / "preprocessor_config.json", preprocessor())
        for old in folder.glob("*.safetensors*"):
            old.unlink()
        for path in made.iterdir():
            path.chmod(0o644)
            path.replace(folder / path.name)


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
