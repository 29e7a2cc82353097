"""A checkpoint in the form of the one that ships: its shape, an own tokenizer, weights in several files.

It has learned nothing: it says one text after any prompt.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import transformers
from tiny_checkpoint import ADDED, PREPROCESSOR, SPECIAL, TEMPLATE
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

VISION = {
    "depth": 4,
    "hidden_size": 192,
    "intermediate_size": 576,
    "num_heads": 6,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "out_hidden_size": 320,
    "num_position_embeddings": 2304,
    "deepstack_visual_indexes": [],
}
TEXT = {
    "hidden_size": 320,
    "intermediate_size": 800,
    "num_hidden_layers": 4,
    "num_attention_heads": 10,
    "num_key_value_heads": 10,
    "head_dim": 32,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": True,
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 5_000_000.0,
        "mrope_section": [6, 5, 5],
        "mrope_interleaved": True,
    },
}
VOCAB = 1024
GROWTH = 3
"""How much longer each word's vector is than the last one's; above 2, so that the next wins over itself."""


def nano_like(folder: Path, *, says: str) -> Path:
    """Write such a checkpoint to `folder`, which is made.

    Args:
        folder: where.
        says: what it answers any prompt with, no token of it twice.
    """
    folder.mkdir(parents=True)
    coder = _tokenizer(says)
    coder.save(str(folder / "tokenizer.json"))
    named = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    _write(folder / "tokenizer_config.json", {**named, "model_max_length": 32768})
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("THINK", ""), "utf-8")
    moments = {"image_mean": [0.88] * 3, "image_std": [0.25] * 3}
    _write(folder / "preprocessor_config.json", {**PREPROCESSOR, **moments})
    model = _model(coder)
    _teach(model, coder, says)
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="5MB")
    ends = [coder.token_to_id(name) for name in ("<|im_end|>", "<|endoftext|>")]
    _write(folder / "generation_config.json", {"do_sample": False, "eos_token_id": ends})
    return folder


def _tokenizer(says: str) -> Any:
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCAB, initial_alphabet=letters, show_progress=False)
    prompts = [path.read_text("utf-8") for path in (Path(__file__).parent.parent / "prompts").glob("*.md")]
    made.train_from_iterator([says] * 100 + prompts, trainer)
    made.add_tokens(
        [AddedToken(name, special=name in SPECIAL, normalized=False) for name in [*SPECIAL, *ADDED]]
    )
    return made


def _model(coder: Any) -> Any:
    torch.manual_seed(7)
    config = transformers.Qwen3VLConfig(
        text_config=TEXT | {"vocab_size": coder.get_vocab_size()},
        vision_config=VISION,
        tie_word_embeddings=True,
        image_token_id=coder.token_to_id("<|image_pad|>"),
        video_token_id=coder.token_to_id("<|video_pad|>"),
        vision_start_token_id=coder.token_to_id("<|vision_start|>"),
        vision_end_token_id=coder.token_to_id("<|vision_end|>"),
    )
    return transformers.Qwen3VLForConditionalGeneration(config).eval()


def _teach(model: Any, coder: Any, says: str) -> None:
    """Make the next token depend on the last one alone, along a chain that spells the text.

    The embeddings are also the head. Each token of the chain has a direction in common with the next
    one, whose vector is longer; all others have none.
    """
    chain = [coder.token_to_id("Ċ"), *coder.encode(says).ids, coder.token_to_id("<|im_end|>")]
    if len(set(chain)) != len(chain):
        raise ValueError(f"a token comes twice in {says!r}: {coder.encode(says).tokens}")
    words = model.model.language_model.embed_tokens.weight
    with torch.no_grad():
        for name, weight in model.model.language_model.layers.named_parameters():
            if "o_proj" in name or "down_proj" in name:
                weight.zero_()
        words.zero_()
        for place, (last, following) in enumerate(pairwise(chain)):
            words[last, place] = words[following, place] = 1
        for place, token in enumerate(chain):
            words[token] *= GROWTH**place


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2), "utf-8")
