"""The peculiarities of each server: one table, and the few functions that read it.

| server | what it does |
|---|---|
| vLLM | takes `response_format` and `structured_outputs`; `guided_json` was removed in 0.12 and is ignored without a word; cached tokens are counted only with `--enable-prompt-tokens-details`; reads pictures with Pillow, WebP too |
| SGLang | eats the opening `<tool_call>` of a reply; counts cached tokens only with `--enable-cache-report`; reads pictures with Pillow, WebP too |
| llama.cpp | lets a schema's required fields be written only before all others; adds black bars to a picture whose sides aren't multiples of 32, shrinks one of more than 4096 image tokens, enlarges one of fewer than `--image-min-tokens` (1024 is what Qwen3-VL needs), with bars again; says what it took from its cache in `timings.cache_n`; refuses WebP, or leaves it out without a word |
| Ollama | shrinks a picture of more than 2 megapixels; drops the beginning of a conversation that doesn't fit its context, which is 4096 tokens on small cards and can't be asked for over `/v1`; puts thoughts into `reasoning`; takes WebP only in newer versions |
| LM Studio | shrinks a picture to 1024 pixels on its longer side unless its settings say more; forces a schema on a thinking model's thoughts, so that the answer lands there; refuses WebP |
| Docker Model Runner | llama.cpp, or vLLM, below `/engines/v1` |
"""  # noqa: E501 - a table's rows

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, Literal

from qvl_agent.agent.models.pictures import TILE, fit

__all__ = [
    "QUIRKS",
    "REASONING_FIELDS",
    "Form",
    "Quirks",
    "ServerName",
    "cached_tokens",
    "in_order",
    "schema_fields",
]

ServerName = Literal["vLLM", "SGLang", "llama.cpp", "Ollama", "LM Studio", "Docker Model Runner", ""]
"""A kind of server; "" is an unknown one."""
Form = Literal["response_format", "structured_outputs", "json_schema"]
"""A field of the request that asks for a schema. `guided_json` isn't among them, as vLLM ignores it."""
REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
"""The fields in which servers put a thinking model's thoughts, and sometimes its whole answer."""
_NAME: Final = "reply"


@dataclass(frozen=True, slots=True)
class Quirks:
    """The peculiarities of one server.

    Attributes:
        schema: the ways to ask it for a schema, the best first.
        most_tokens: it shrinks pictures of more image tokens.
        least_tokens: it may enlarge pictures of fewer image tokens, and add bars.
        longest_side: pixels to which it shrinks a longer side of a picture, keeping the proportions; None if
            it doesn't.
        show_more: advice to the person: how to let it take pictures as they are.
        more_context: advice to the person: how to give it room for a run's pictures.
        drops: whether it drops the beginning of a conversation that doesn't fit, without saying so.
        caching: advice to the person: how to let it cache prompts, or report that it does.
        webp: whether it is known to take WebP in every version; PNG is what all take.
        required_first: whether a schema lets it write an object's required fields only before all others, as
            llama.cpp's grammars do, whatever their order in the schema.
    """

    schema: tuple[Form, ...] = ("response_format",)
    most_tokens: int = 16384
    least_tokens: int = 64
    longest_side: int | None = None
    show_more: str = "look for its limit on pictures or image tokens"
    more_context: str = "start it with a context of 32768 tokens"
    drops: bool = False
    caching: str = "look for its prefix or prompt cache"
    webp: bool = False
    required_first: bool = False

    def picture_size(self, size: tuple[int, int], budget: int) -> tuple[int, int]:
        """Return the (width, height) in pixels to send, so that the server takes the picture as it is.

        Both are multiples of 32, within the budget of image tokens and the server's own limits. Stretching by
        a few pixels does no harm: coordinates are relative on each axis.

        Raises:
            ModelError: one side is more than 200 times the other.
        """
        most = min(budget, self.most_tokens)
        fitted = fit(size, most, min_tokens=min(self.least_tokens, most))
        if self.longest_side and max(fitted) > self.longest_side:
            return _shrinkable(fitted, self.longest_side)
        return fitted


QUIRKS: Final[Mapping[ServerName, Quirks]] = {
    "": Quirks(),
    "vLLM": Quirks(
        schema=("response_format", "structured_outputs"),
        show_more="start it without --mm-processor-kwargs that set a smaller size",
        more_context="start it with --max-model-len 32768",
        caching="start it without --no-enable-prefix-caching, and with --enable-prompt-tokens-details",
        webp=True,
    ),
    "SGLang": Quirks(
        show_more="start it with a larger SGLANG_IMAGE_MAX_PIXELS",
        more_context="start it with --context-length 32768",
        caching="start it without --disable-radix-cache, and with --enable-cache-report",
        webp=True,
    ),
    "llama.cpp": Quirks(
        schema=("response_format", "json_schema"),
        most_tokens=4096,
        least_tokens=1024,
        show_more="start llama-server with --image-min-tokens 1024 and no --image-max-tokens",
        more_context="start llama-server with -c 32768",
        caching="start llama-server without --no-cache-prompt, and with -np 1",
        required_first=True,
    ),
    "Ollama": Quirks(
        most_tokens=2048,
        show_more="update Ollama; an older one's own engine shrinks pictures",
        more_context="start it with OLLAMA_CONTEXT_LENGTH=32768, "
        "or make a model with PARAMETER num_ctx 32768",
        drops=True,
        caching="keep the model loaded: OLLAMA_KEEP_ALIVE=1h, OLLAMA_NUM_PARALLEL=1",
        required_first=True,
    ),
    "LM Studio": Quirks(
        longest_side=1024,
        show_more="in its settings, set the image input's resize to 2048 px or more",
        more_context="load the model with a context length of 32768",
        caching="keep the model loaded, and serve one client at a time",
        required_first=True,
    ),
    "Docker Model Runner": Quirks(
        schema=("response_format", "json_schema"),
        most_tokens=4096,
        least_tokens=1024,
        show_more="docker model configure --context-size 32768 MODEL -- --image-min-tokens 1024",
        more_context="docker model configure --context-size 32768 MODEL",
        caching="keep the model loaded",
        required_first=True,
    ),
}


def _shrinkable(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Find a size near `size` that has whole tiles before and after its longer side is shrunk to `side`.

    So no bars are added, whether the server shrinks the picture or not. A size may be stretched by 3 %;
    if that isn't enough, the picture is shrunk here.
    """
    long, short = max(size), min(size)
    for tiles in range(long // TILE, side // TILE, -1):
        step = tiles // math.gcd(tiles, side // TILE)
        wanted = short / long * tiles
        high = max(step, round(wanted / step) * step)
        if abs(high / wanted - 1) <= 0.03:
            return _like(size, tiles * TILE, high * TILE)
    return _like(size, side, max(TILE, round(short * side / long / TILE) * TILE))


def _like(size: tuple[int, int], long: int, short: int) -> tuple[int, int]:
    return (long, short) if size[0] >= size[1] else (short, long)


def schema_fields(form: Form, schema: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """Return the request's fields that ask for a JSON schema in the given form."""
    schema = in_order(schema) if quirks.required_first else dict(schema)
    match form:
        case "response_format":
            named = {"name": _NAME, "strict": True, "schema": schema}
            return {"response_format": {"type": "json_schema", "json_schema": named}}
        case "structured_outputs":
            return {"structured_outputs": {"json": schema}}
        case "json_schema":
            return {"json_schema": schema}


def in_order(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that admits the same objects, in which no field that may be left out precedes another.

    An object with such fields becomes the alternatives with and without each of them. Else a model behind
    llama.cpp couldn't say what it intends before it says what it does: once it has passed the place of a
    field that may be left out, it can't write it any more.
    """
    if "anyOf" in schema:
        each = [in_order(one) for one in schema["anyOf"]]
        return {**schema, "anyOf": [one for inner in each for one in inner.get("anyOf", (inner,))]}
    if "properties" not in schema:
        return dict(schema)
    fields = {name: in_order(value) for name, value in schema["properties"].items()}
    needed = [name for name in fields if name in schema.get("required", ())]
    last = list(fields).index(needed[-1]) if needed else 0
    early = [name for name in list(fields)[:last] if name not in needed]
    if not early:
        return {**schema, "properties": fields}
    ways = []
    for count in range(len(early), -1, -1):
        for kept in combinations(early, count):
            own = {name: value for name, value in fields.items() if name in kept or name not in early}
            required = [name for name in own if name in (*needed, *kept)]
            ways.append({**schema, "properties": own, "required": required})
    return {"anyOf": ways}


def cached_tokens(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> int | None:
    """Return how many of the prompt's tokens the server had cached; None where it doesn't say."""
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict) and (count := whole(details.get("cached_tokens"))) is not None:
        return count
    return whole(timings.get("cache_n"))


def whole(value: object) -> int | None:
    """Return a count that was read from JSON; None if the value is anything else, such as a bool."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
