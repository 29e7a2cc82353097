"""What transformers makes of a request: the next token's log-probabilities, to hold an engine's against.

Everything here is transformers' own, the image processor too, so that our resizing has to agree with it.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import numpy.typing as npt
import torch
import transformers
from PIL import Image

Turn = dict[str, Any]
"""One message as it goes to a server."""
TOP = 20


class Reference:
    """A checkpoint in transformers, in float32."""

    def __init__(self, checkpoint: Path) -> None:
        torch.set_num_threads(1)
        kind = transformers.AutoModelForImageTextToText
        self._model = kind.from_pretrained(checkpoint, dtype=torch.float32).eval()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        self._processor = transformers.Qwen2VLImageProcessorPil.from_pretrained(checkpoint)

    def log_probabilities(self, turns: Sequence[Turn]) -> npt.NDArray[np.float64]:
        """The next token's, over the whole vocabulary."""
        return self.along(turns, ())[0]

    def along(self, turns: Sequence[Turn], reply: Sequence[int]) -> npt.NDArray[np.float64]:
        """Those of each token of a reply, given as ids, and of the one after it."""
        seen = self._processor([image for turn in turns for image in pictures(turn)], return_tensors="pt")
        counts = iter(seen["image_grid_thw"].prod(-1).div(4).int().tolist())
        text = "".join(f"<|im_start|>{turn['role']}\n{_said(turn, counts)}<|im_end|>\n" for turn in turns)
        ids = self._tokenizer(f"{text}<|im_start|>assistant\n", return_tensors="pt")["input_ids"]
        ids = torch.cat([ids, torch.tensor([list(reply)], dtype=ids.dtype)], -1)
        kinds = (ids == self._model.config.image_token_id).int()
        with torch.no_grad():
            out = self._model(input_ids=ids, mm_token_type_ids=kinds, **seen)
        return torch.log_softmax(out.logits[0, -len(reply) - 1 :].double(), -1).numpy()


def likeliest(base_url: str, model: str, turns: Sequence[Turn]) -> dict[int, float]:
    """A server's likeliest next tokens and their log-probabilities, the likeliest first."""
    return likeliest_along(base_url, model, turns, 1)[0]


def likeliest_along(base_url: str, model: str, turns: Sequence[Turn], most: int) -> list[dict[int, float]]:
    """The same for each token of its reply, of `most` tokens or fewer."""
    wish = {"model": model, "messages": list(turns), "max_tokens": most, "temperature": 0}
    wish |= {"logprobs": True, "top_logprobs": TOP, "return_tokens_as_token_ids": True}  # the last: vLLM
    answer = httpx2.post(f"{base_url}/chat/completions", json=wish, timeout=60, trust_env=False)
    tokens = answer.raise_for_status().json()["choices"][0]["logprobs"]["content"]
    return [
        {
            one["id"] if "id" in one else int(one["token"].removeprefix("token_id:")): one["logprob"]
            for one in token["top_logprobs"]
        }
        for token in tokens
    ]


def distance(likely: dict[int, float], expected: npt.NDArray[np.float64]) -> float:
    """The largest difference between log-probabilities, of the tokens that the server calls likeliest."""
    return max(abs(value - float(expected[token])) for token, value in likely.items())


def pictures(turn: Turn) -> list[Image.Image]:
    """The pictures of a message, out of their data: URLs."""
    if isinstance(turn["content"], str):
        return []
    urls = [part["image_url"]["url"] for part in turn["content"] if part["type"] == "image_url"]
    return [Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) for url in urls]


def _said(turn: Turn, counts: Iterator[int]) -> str:
    if isinstance(turn["content"], str):
        return turn["content"]
    return "".join(
        part["text"]
        if part["type"] == "text"
        else f"<|vision_start|>{'<|image_pad|>' * next(counts)}<|vision_end|>"
        for part in turn["content"]
    )
