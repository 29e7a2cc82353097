"""Sizes as every engine computes them, and pictures that survive the way."""

import base64
import io
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.models.pictures import MIN_TOKENS, TILE, Kept, data_url, fit, resized, tokens
from qvl_agent.agent.run.history import MAX_PICTURES

# Where the rule stands that needs no torchvision: transformers 5 moved it.
_QWEN = "transformers.models.qwen2_vl.image_processing_{}qwen2_vl"
smart_resize = import_module(_QWEN.format("pil_" if find_spec(_QWEN.format("pil_")) else "")).smart_resize

RUNS = Path(__file__).parents[2] / "data/runs"
SIDES = some.integers(1, 8000)


def frame(width: int, height: int) -> Frame:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    return Frame(pixels, Rect(0, 0, width, height))


@given(SIDES, SIDES, some.integers(256, 16384))
def test_the_size_is_the_one_the_image_processor_would_choose(width: int, height: int, budget: int) -> None:
    if max(width, height) > 200 * min(width, height):
        with pytest.raises(ModelError, match="too narrow"):
            fit((width, height), budget)
        return
    least = min(MIN_TOKENS, budget) * TILE**2
    high, wide = smart_resize(height, width, TILE, least, budget * TILE**2)
    assert fit((width, height), budget) == (wide, high)
    assert fit((wide, high), budget) == (wide, high)
    assert tokens((width, height), budget) <= budget


@pytest.mark.parametrize(
    ("size", "budget", "expected"),
    [
        ((1280, 720), 2048, 880),
        ((1920, 1080), 2048, 2040),
        ((1920, 1080), 1280, 1222),
        ((2560, 1440), 2048, 1980),
        ((3840, 2160), 2048, 1980),
        ((3840, 2160), 16384, 8160),
    ],
)
def test_the_tokens_of_usual_screens(size: tuple[int, int], budget: int, expected: int) -> None:
    assert tokens(size, budget) == expected


def decoded(url: str) -> tuple[str, Image.Image]:
    """The kind of picture that a data: URL says it is, and the picture."""
    head, _, data = url.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert head == f"data:image/{(image.format or '').lower()}"
    return head.removeprefix("data:image/"), image


def recorded(name: str) -> Frame:
    """A screen of a recorded run: real text, smooth edges, 1280x800."""
    pixels = np.array(Image.open(RUNS / name / "frames" / "0001.png").convert("RGB"))
    return Frame(pixels, Rect(0, 0, *pixels.shape[1::-1]))


def few_colours() -> Frame:
    pixels = np.full((320, 640, 3), 255, np.uint8)
    pixels[50:90, 100:300] = (10, 20, 200)
    return Frame(pixels, Rect(0, 0, 640, 320))


SCREENS = {
    "set-brightness": lambda: recorded("set-brightness"),
    "register-visit": lambda: recorded("register-visit"),
    "few colours": few_colours,
    "noise": lambda: frame(640, 352),
    "a part": lambda: recorded("set-brightness").crop(FrameBox(3, 5, 646, 358)),
}


@pytest.mark.parametrize("webp", [False, True], ids=["png", "webp"])
@pytest.mark.parametrize("name", SCREENS)
@pytest.mark.parametrize("budget", [2048, 256])
def test_a_picture_loses_nothing_on_its_way(name: str, budget: int, webp: bool) -> None:
    shot = SCREENS[name]()
    size = fit(shot.size, budget)
    kind, image = decoded(data_url(shot, size, webp=webp))
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), np.asarray(resized(shot, budget)))
    if size == shot.size:
        assert np.array_equal(np.asarray(image), shot.pixels)
    assert kind == ("webp" if webp and size == shot.size and name != "noise" else "png")


@pytest.mark.parametrize("name", ["set-brightness", "register-visit"])
def test_a_screen_weighs_less_than_pillow_would_make_it(name: str) -> None:
    shot = recorded(name)
    plain = io.BytesIO()
    shot.image().save(plain, "PNG", compress_level=1)
    weight = len(base64.b64encode(plain.getvalue()))
    assert len(data_url(shot, shot.size)) < 0.85 * weight
    assert len(data_url(shot, shot.size, webp=True)) < 0.5 * weight


def test_a_picture_too_long_for_webp_is_a_png() -> None:
    shot = Frame(np.zeros((96, 16416, 3), np.uint8), Rect(0, 0, 16416, 96))
    kind, image = decoded(data_url(shot, shot.size, webp=True))
    assert (kind, image.size) == ("png", shot.size)


def test_a_picture_is_resized_whole() -> None:
    assert resized(frame(1921, 1081), 512).size == fit((1921, 1081), 512)
    crop = frame(300, 200).crop(frame(300, 200).box.grown(-40, (300, 200)))
    assert resized(crop, 2048).size == (352, 192)


def made_by(requests: list[list[str]]) -> list[str]:
    """The pictures that were made, in their order, for requests that hold them."""
    made: list[str] = []
    kept: Kept[str] = Kept()
    for request in requests:
        kept.begin()
        for name in request:
            assert kept.get((name, 1), lambda name=name: made.append(name) or name) == name  # type: ignore[misc]
    return made


@pytest.mark.parametrize("most", [1, MAX_PICTURES, 32, 100])
def test_a_request_s_pictures_are_made_once_however_many_they_are(most: int) -> None:
    names = [str(number) for number in range(most)]
    growing = [names[:count] for count in range(1, most + 1)]
    assert made_by([*growing, names, names]) == names


def test_questions_beside_a_run_displace_none_of_its_pictures() -> None:
    run = [str(number) for number in range(MAX_PICTURES)]
    smaller = [f"{name} smaller" for name in run]
    step = [run, smaller, ["close-up"], ["close-up smaller"]]
    assert made_by(step * 3) == [name for request in step for name in request]


def test_what_no_request_shows_any_more_is_forgotten() -> None:
    assert made_by([["a"], ["b"], ["b"], ["b"], ["a"]]) == ["a", "b"]
    assert made_by([["a"], ["b"], ["b"], ["b"], ["b"], ["a"]]) == ["a", "b", "a"]


def test_a_picture_that_cannot_be_made_is_tried_again() -> None:
    kept: Kept[int] = Kept()
    kept.begin()
    with pytest.raises(ZeroDivisionError):
        kept.get(("a", 1), lambda: 1 // 0)
    assert kept.get(("a", 1), lambda: 0) == 0
    assert kept.get(("a", 1), lambda: 1) == 0
