"""Make GGUF files of nano, for llama.cpp, with llama.cpp's own converter.

`python -m qvl_agent.sandbox.nano.to_gguf LLAMA_CPP FOLDER`: `LLAMA_CPP` holds llama.cpp's source; nano.gguf
and mmproj-nano.gguf (the vision tower) are written to `FOLDER`. The converter's own log is printed.

The converter recognises a pre-tokenizer by a hash over the token ids of a sample text, so it can't recognise
the one of a new vocabulary. nano's pre-tokenizer splits a text just as Llama 3's does: digits in groups of up
to three, and a piece that is in the vocabulary stays whole. This module checks that and sets it.
"""

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.sandbox.nano import CHECKPOINT

__all__ = ["CUTS", "PRE_TOKENIZER", "main", "pre_tokenizer"]

CUTS: Final = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Llama 3's regex for splitting texts, as in its tokenizer.json."""
PRE_TOKENIZER: Final = "llama-bpe"
"""llama.cpp's name of Llama 3's pre-tokenizer: `LLAMA_VOCAB_PRE_TYPE_LLAMA3` in its source."""
_SCRIPT: Final = "convert_hf_to_gguf.py"
_OUT_TYPES: Final = ("f32", "bf16", "f16", "q8_0")
"""The weight types that fit: the matrices are 320 and 800 wide, and smaller types need multiples of 256."""


def main() -> None:
    """Read the command line and convert."""
    parser = argparse.ArgumentParser(
        prog="python -m qvl_agent.sandbox.nano.to_gguf",
        description="Make GGUF files of nano with llama.cpp's own converter.",
    )
    parser.add_argument("llama_cpp", type=Path, metavar="LLAMA_CPP", help="a folder with llama.cpp's source")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the two files go")
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT, help="another one than nano's own")
    parser.add_argument("--outtype", choices=_OUT_TYPES, default="f32", help="of the weights (default: f32)")
    given = parser.parse_args()
    try:
        _convert(given.llama_cpp, given.checkpoint, given.folder, given.outtype)
    except SettingsError as error:
        parser.error(str(error))


def pre_tokenizer(checkpoint: Path) -> str:
    """Return llama.cpp's name of the pre-tokenizer that splits texts as the checkpoint's own does.

    Raises:
        SettingsError: There is no tokenizer.json, or its pre-tokenizer isn't Llama 3's.
    """
    path = checkpoint / "tokenizer.json"
    if not path.is_file():
        raise SettingsError(f"expected a checkpoint's tokenizer.json in {checkpoint}; name its folder")
    tokenizer = json.loads(path.read_text("utf-8"))
    steps = (tokenizer["pre_tokenizer"] or {}).get("pretokenizers", [])
    cuts = [step["pattern"].get("Regex") for step in steps if step["type"] == "Split"]
    if cuts == [CUTS] and len(steps) == 2 and tokenizer["model"].get("ignore_merges"):
        return PRE_TOKENIZER
    raise SettingsError(
        f"expected Llama 3's pre-tokenizer in {path}, as nano has it, found {cuts}; "
        f"for another Qwen3-VL run llama.cpp's {_SCRIPT} itself"
    )


def _convert(llama_cpp: Path, checkpoint: Path, folder: Path, outtype: str) -> None:
    pre = pre_tokenizer(checkpoint)
    converter = _converter(llama_cpp, pre)
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in (("nano.gguf", []), ("mmproj-nano.gguf", ["--mmproj"])):
        words = [
            str(checkpoint),
            "--outfile",
            str(folder / name),
            "--outtype",
            outtype,
            "--model-name",
            "nano",
        ]
        sys.argv = [_SCRIPT, *words, *kind]
        converter.main()


def _converter(llama_cpp: Path, pre: str) -> Any:
    """Import llama.cpp's converter, and make it use the pre-tokenizer `pre`."""
    if not (llama_cpp / _SCRIPT).is_file() or not (llama_cpp / "conversion").is_dir():
        raise SettingsError(
            f"expected llama.cpp's source of 2026 in {llama_cpp}, with {_SCRIPT} and conversion/; "
            "git clone https://github.com/ggml-org/llama.cpp"
        )
    sys.path[:0] = [str(llama_cpp.resolve()), str(llama_cpp.resolve() / "gguf-py")]
    try:
        base = importlib.import_module("conversion.base")
        importlib.import_module("sentencepiece")  # looked for late, where it makes a traceback
        converter = importlib.import_module(Path(_SCRIPT).stem)
    except ModuleNotFoundError as missing:
        raise SettingsError(
            f"llama.cpp's converter needs {missing.name}; pip install sentencepiece 'qvl-agent[transformers]'"
        ) from missing
    base.TextModel.get_vocab_base_pre = lambda _model, _tokenizer: pre
    return converter


if __name__ == "__main__":
    main()
