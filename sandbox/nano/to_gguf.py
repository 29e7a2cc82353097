"""Make GGUF files of nano, for llama.cpp, with llama.cpp's own converter.

`python -m qvl_agent.sandbox.nano.to_gguf LLAMA_CPP FOLDER`: `LLAMA_CPP` holds llama.cpp's source, `FOLDER`
gets nano.gguf and mmproj-nano.gguf (the vision tower). What is printed is the converter's own log.

The converter tells pre-tokenizers apart by a hash over the ids that a text is encoded to, so it knows none
of a vocabulary that is new. nano's cuts a text up just as Llama 3's does: digits in groups of up to three,
and a piece that is in the vocabulary stays whole. That is checked here, and the converter is told so.
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
"""Llama 3's regex, as in its tokenizer.json."""
PRE_TOKENIZER: Final = "llama-bpe"
"""What llama.cpp calls it: `LLAMA_VOCAB_PRE_TYPE_LLAMA3` in its source."""
_SCRIPT: Final = "convert_hf_to_gguf.py"
_OUT_TYPES: Final = ("f32", "bf16", "f16", "q8_0")
"""The weights are 320 and 800 wide, and the smaller types need multiples of 256."""


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
    """Say which of llama.cpp's pre-tokenizers cuts texts up as a checkpoint's own does.

    Raises:
        SettingsError: its tokenizer isn't of nano's kind.
    """
    path = checkpoint / "tokenizer.json"
    if not path.is_file():
        raise SettingsError(f"expected a checkpoint's tokenizer.json in {checkpoint}; name its folder")
    coder = json.loads(path.read_text("utf-8"))
    steps = (coder["pre_tokenizer"] or {}).get("pretokenizers", [])
    cuts = [step["pattern"].get("Regex") for step in steps if step["type"] == "Split"]
    if cuts == [CUTS] and len(steps) == 2 and coder["model"].get("ignore_merges"):
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
    """Import llama.cpp's converter, and let it know our pre-tokenizer."""
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
