"""Small Qwen3-VL checkpoints of the real classes with the real vocabulary, written as Qwen releases them.

A vocabulary can be cut to its first words, which loads in a fifth of the time. The weights are random, or
arranged so that the model says a given text after any prompt. The vocabulary is the one in the PyPI package
dashscope (resources/qwen.tiktoken, 151643 byte-pair ranks); the package is looked up, never imported.
"""

import base64
import importlib.metadata
import json
import tempfile
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers.convert_slow_tokenizer import bytes_to_unicode
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL, TEMPLATE
from qvl_agent.sandbox.nano.making.shape import as_released

ADDED = [
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
]
"""From 151657 on, after the special ones, which nano has too; ordinary text to a decoder."""
REPLY_BEGINS = "<|im_start|>assistant\\n"
"""Where the template lets a reply begin."""
FIRST_SPECIAL = 151643
VOCAB = 151936
FEW = 20_000
"""Words that are enough for a checkpoint of which nobody asks how it cuts up a text."""

VISION = {
    "depth": 4,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_heads": 4,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "out_hidden_size": 64,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [0, 1, 2],
}
ROPE = {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True}
TEXT = {
    "vocab_size": VOCAB,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 32768,
    "rope_theta": 5_000_000.0,
    "rope_scaling": ROPE,
}
"""As in the released checkpoints, whose names both transformers 4.57 and 5 read."""
RELEASED_HEADS = {
    "head_dim": 128,
    "rope_scaling": ROPE | {"mrope_section": [24, 20, 20]},
}
"""The attention heads of every released size; vLLM's kernels for CPUs know no narrower than 32."""
EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 48,
    "tie_word_embeddings": False,
}
PREPROCESSOR = {
    "size": {"longest_edge": 16777216, "shortest_edge": 65536},
    "patch_size": 16,
    "temporal_patch_size": 2,
    "merge_size": 2,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "processor_class": "Qwen3VLProcessor",
    "image_processor_type": "Qwen2VLImageProcessorFast",
}
SAMPLING_IDS = {"bos_token_id": 151643, "pad_token_id": 151643, "eos_token_id": [151645, 151643]}
PICTURE_IDS = {
    "image_token_id": 151655,
    "video_token_id": 151656,
    "vision_start_token_id": 151652,
    "vision_end_token_id": 151653,
}
SAMPLING = {
    "do_sample": True,
    "top_k": 20,
    "top_p": 0.8,
    "temperature": 0.7,
}


def checkpoint(
    folder: Path,
    *,
    moe: bool = False,
    thinking: bool = False,
    says: str | None = None,
    released_heads: bool = False,
    words: int = FIRST_SPECIAL,
) -> Path:
    """Write a checkpoint to `folder`.

    Args:
        folder: is made; what stands in it is written over.
        moe: a mixture of experts, as the 30B-A3B is one.
        thinking: the template opens <think>, as the Thinking checkpoints' does.
        says: the text that the model answers any prompt with, no token of it twice; None for random words.
        released_heads: attention heads as wide as the released ones, for engines that need them.
        words: how many words of the real vocabulary it has, the special tokens behind them.
    """
    tokenizer(folder, words)
    template = TEMPLATE.replace(REPLY_BEGINS, REPLY_BEGINS + "<think>\\n") if thinking else TEMPLATE
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    _write(folder / "preprocessor_config.json", PREPROCESSOR)
    shape = TEXT | {"vocab_size": VOCAB - FIRST_SPECIAL + words} | (RELEASED_HEADS if released_heads else {})
    model = _model(moe=moe, shape=shape, words=words)
    if says is not None:
        _teach(model, folder, says)
    model.to(torch.bfloat16).save_pretrained(folder)
    _write(folder / "config.json", as_released(json.loads((folder / "config.json").read_text("utf-8"))))
    if moe:
        _transpose_experts(folder / "model.safetensors")
    _write(folder / "generation_config.json", SAMPLING | _placed(SAMPLING_IDS, words))
    return folder


def _transpose_experts(path: Path) -> None:
    """The released weights of the experts are stored the other way round than transformers 5 does."""
    weights = load_file(path)
    for name in weights:
        width = (
            TEXT["hidden_size"] if name.endswith("experts.gate_up_proj") else EXPERTS["moe_intermediate_size"]
        )
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")) and weights[name].shape[1] != width:
            weights[name] = weights[name].transpose(1, 2).contiguous()
    save_file(weights, path, metadata={"format": "pt"})


def _placed(ids: dict[str, Any], words: int) -> dict[str, Any]:
    """Move the ids of special tokens to where they are behind so many words."""
    by = words - FIRST_SPECIAL
    return {
        name: [each + by for each in place] if isinstance(place, list) else place + by
        for name, place in ids.items()
    }


def _model(*, moe: bool, shape: dict[str, Any], words: int = FIRST_SPECIAL) -> Any:
    torch.set_num_threads(1)
    torch.manual_seed(7)
    prefix = "Qwen3VLMoe" if moe else "Qwen3VL"
    config = getattr(transformers, f"{prefix}Config")(
        text_config=shape | (EXPERTS if moe else {}),
        vision_config=VISION,
        tie_word_embeddings=False,
        **_placed(PICTURE_IDS, words),
    )
    return getattr(transformers, f"{prefix}ForConditionalGeneration")(config).eval()


def _teach(model: Any, folder: Path, says: str) -> None:
    """Make the next token depend on the last one alone, along a chain that spells the text."""
    coder: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
    newline, end = coder.token_to_id("Ċ"), coder.token_to_id("<|im_end|>")
    chain = [newline, *coder.encode(says).ids, end]  # every prompt ends in a newline
    if len(set(chain)) != len(chain):
        raise ValueError(f"a token comes twice in {says!r}: {coder.encode(says).tokens}")
    with torch.no_grad():
        for name, weight in model.model.language_model.layers.named_parameters():
            if "o_proj" in name or "down_proj" in name:
                weight.zero_()
        words = model.model.language_model.embed_tokens.weight
        model.lm_head.weight.zero_()
        for last, following in pairwise(chain):
            model.lm_head.weight[following] = words[last] / words[last].norm()


def tokenizer(folder: Path, words: int = FIRST_SPECIAL) -> Path:
    """Write tokenizer.json and tokenizer_config.json with so much of the vocabulary; made once a machine."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"qvl-agent-tokenizer-{importlib.metadata.version('dashscope')}-{words}.json"
    kept = Path(tempfile.gettempdir()) / name
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            half = kept.with_suffix(".half")
            _tokenizer(words).save(str(half))
            half.rename(kept)
    (folder / "tokenizer.json").write_bytes(kept.read_bytes())
    added = {
        str(words + place): {"content": name, "special": name in SPECIAL}
        | dict.fromkeys(("lstrip", "normalized", "rstrip", "single_word"), False)
        for place, name in enumerate([*SPECIAL, *ADDED])
    }
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "Qwen2Tokenizer",
            "added_tokens_decoder": added,
            "add_prefix_space": False,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "bos_token": None,
            "unk_token": None,
            "clean_up_tokenization_spaces": False,
            "model_max_length": 262144,
        },
    )
    return folder


def _tokenizer(words: int) -> Any:
    vocab, merges = _byte_pairs(words)
    made = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    made.add_tokens(
        [AddedToken(name, special=name in SPECIAL, normalized=False) for name in [*SPECIAL, *ADDED]]
    )
    return made


def _byte_pairs(words: int) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Read the first ranks, and find the two parts that each token is merged from; those rank before it."""
    letters = bytes_to_unicode()
    with ranks_file().open("rb") as file:
        ranks = {base64.b64decode(word): int(rank) for word, rank in map(bytes.split, islice(file, words))}
    merges: list[tuple[str, str]] = []
    spelt = {word: "".join(letters[byte] for byte in word) for word in ranks}
    for word in ranks:
        parts = [(word[:cut], word[cut:]) for cut in range(1, len(word))]
        pairs = sorted((ranks[a], ranks[b], a, b) for a, b in parts if a in ranks and b in ranks)
        merges += [(spelt[a], spelt[b]) for _, _, a, b in pairs]
    return {spelt[word]: rank for word, rank in ranks.items()}, merges


def ranks_file() -> Path:
    files = importlib.metadata.files("dashscope") or []
    return Path(str(next(file for file in files if file.name == "qwen.tiktoken").locate()))


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), "utf-8")
