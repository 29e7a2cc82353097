"""nano's GGUF files: what is told to llama.cpp's converter, and what is refused.

The converter comes with llama.cpp's source, which no package brings; what stands for it here takes the
same arguments, and says the same of a vocabulary that it doesn't know.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.sandbox.nano.to_gguf import CUTS, PRE_TOKENIZER, pre_tokenizer

BASE = """
class TextModel:
    def get_vocab_base_pre(self, tokenizer):
        raise NotImplementedError("BPE pre-tokenizer was not recognized")
"""
CONVERTER = """
import json
import sys
from pathlib import Path
from conversion.base import TextModel

def main():
    words = sys.argv[1:]
    made = {"words": words} if "--mmproj" in words else {"pre": TextModel().get_vocab_base_pre(None)}
    Path(words[words.index("--outfile") + 1]).write_text(json.dumps(made))
"""


def checkpoint(folder: Path, *, cuts: str = CUTS, ignore_merges: bool = True, digits: bool = False) -> Path:
    """A folder with a tokenizer and nothing else."""
    coder: Any = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    steps: list[Any] = [pre_tokenizers.Split(Regex(cuts), behavior="isolated")]
    steps += [pre_tokenizers.Digits()] if digits else []
    steps += [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    coder.pre_tokenizer = pre_tokenizers.Sequence(steps)
    folder.mkdir()
    coder.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def llama_cpp(tmp_path: Path) -> Path:
    source = tmp_path / "llama.cpp"
    (source / "conversion").mkdir(parents=True)
    (source / "conversion" / "base.py").write_text(BASE)
    (source / "convert_hf_to_gguf.py").write_text(CONVERTER)
    (source / "sentencepiece.py").touch()
    return source


def to_gguf(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "qvl_agent.sandbox.nano.to_gguf", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_converter_is_told_the_pre_tokenizer_and_makes_both_files(
    llama_cpp: Path, tmp_path: Path
) -> None:
    made, source = tmp_path / "made" / "here", checkpoint(tmp_path / "checkpoint")
    done = to_gguf(llama_cpp, made, "--checkpoint", source, "--outtype", "q8_0")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((made / "nano.gguf").read_text()) == {"pre": "llama-bpe"}
    words = json.loads((made / "mmproj-nano.gguf").read_text())["words"]
    assert words[0] == str(source)
    assert words[words.index("--outtype") + 1] == "q8_0"


def test_what_is_missing_is_said_in_one_line(llama_cpp: Path, tmp_path: Path) -> None:
    given = ("--checkpoint", checkpoint(tmp_path / "checkpoint"))
    nowhere = to_gguf(tmp_path, tmp_path / "made", *given)
    assert nowhere.returncode == 2
    assert f"expected llama.cpp's source of 2026 in {tmp_path}" in nowhere.stderr.splitlines()[-1]
    (llama_cpp / "sentencepiece.py").write_text("import a_module_that_nobody_has")
    lacking = to_gguf(llama_cpp, tmp_path / "made", *given)
    assert lacking.stderr.splitlines()[-1].endswith(
        "needs a_module_that_nobody_has; pip install sentencepiece 'qvl-agent[transformers]'"
    )
    assert not (tmp_path / "made").exists()


def test_only_a_tokenizer_that_cuts_as_llama_3_does_is_called_so(tmp_path: Path) -> None:
    assert pre_tokenizer(checkpoint(tmp_path / "right")) == PRE_TOKENIZER
    others: dict[str, Any] = {
        "qwen": {"cuts": PRETOKENIZE_REGEX},
        "merges": {"ignore_merges": False},
        "digits": {"digits": True},
    }
    for name, how in others.items():
        with pytest.raises(SettingsError, match="for another Qwen3-VL run"):
            pre_tokenizer(checkpoint(tmp_path / name, **how))
    with pytest.raises(SettingsError, match=r"expected a checkpoint's tokenizer.json in .*; name its folder"):
        pre_tokenizer(tmp_path)
