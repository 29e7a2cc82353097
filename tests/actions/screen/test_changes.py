"""Differences are found exactly, in whatever way the pixels lie in memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import blank, frame, with_box

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.screen import changes
from qvl_agent.actions.screen.changes import TILE, Mask, boxes, compare, difference, groups, same, tile_map

SMALL = Rect(0, 0, 100, 70)
BASE = blank(100, 70)


def shot(buffer: np.ndarray) -> Frame:  # type: ignore[type-arg]
    return frame(buffer, SMALL)


def contiguous(view: Frame) -> Frame:
    return Frame(np.ascontiguousarray(view.pixels), view.monitor, view.scale, view.origin)


def test_equal_screens_are_the_same_and_unused_bytes_do_not_count() -> None:
    other = BASE.copy()
    other[..., 3] ^= 255
    assert same(shot(BASE), shot(other))
    assert compare(shot(BASE), shot(other)) == compare(shot(BASE), contiguous(shot(BASE)))
    assert not compare(shot(BASE), shot(other))


@given(st.integers(0, 99), st.integers(0, 69), st.integers(0, 2), st.booleans(), st.booleans())
def test_one_changed_bit_is_found_where_it_is(
    x: int, y: int, channel: int, first: bool, second: bool
) -> None:
    other = BASE.copy()
    other[y, x, channel] ^= 1
    before, after = shot(BASE), shot(other)
    before, after = contiguous(before) if first else before, contiguous(after) if second else after
    tiles, pixels = tile_map(before, after), difference(before, after)
    assert np.argwhere(tiles).tolist() == [[y // TILE, x // TILE]]
    assert np.argwhere(pixels).tolist() == [[y, x]]
    (box,) = compare(before, after).boxes
    assert box.left <= x < box.right <= 100
    assert box.top <= y < box.bottom <= 70


@given(st.data())
def test_a_crop_compares_like_its_part_of_the_whole(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(0, 98)), data.draw(st.integers(0, 68))
    box = FrameBox(left, top, data.draw(st.integers(left + 1, 100)), data.draw(st.integers(top + 1, 70)))
    noise = np.random.default_rng(data.draw(st.integers(0, 99))).random(BASE.shape[:2]) < 0.01
    other = BASE ^ (noise[..., None] * np.uint8(4)).astype(np.uint8)
    before, after = shot(BASE).crop(box), shot(other).crop(box)
    whole = difference(shot(BASE), shot(other))
    assert (difference(before, after) == whole[box.top : box.bottom, box.left : box.right]).all()
    assert same(before, after) is not tile_map(before, after).any()


def test_screens_are_compared_as_words_where_they_are_captures() -> None:
    view = shot(BASE)
    assert changes._words(view.pixels) is not None
    assert changes._words(view.crop(FrameBox(3, 5, 80, 60)).pixels) is not None
    assert changes._words(contiguous(view).pixels) is None


def test_a_buffer_that_ends_with_the_last_colour_is_not_read_past_its_end() -> None:
    raw = np.frombuffer(bytearray(BASE.tobytes()[:-1]), np.uint8)
    tight = np.lib.stride_tricks.as_strided(raw, (70, 100, 3), (400, 4, 1))[..., ::-1]
    assert changes._words(tight) is None
    assert same(Frame(tight, SMALL), shot(BASE))


def test_other_places_and_sizes_differ_everywhere() -> None:
    moved = Frame(shot(BASE).pixels, Rect(100, 0, 100, 70))
    assert compare(shot(BASE), moved).boxes == (moved.box,)
    larger = frame(blank(200, 90), Rect(0, 0, 200, 90))
    assert compare(shot(BASE), larger, FrameBox(0, 0, 5, 5)).boxes == (larger.box,)
    assert compare(shot(BASE), larger, FrameBox(0, 0, 5, 5)).near_target is True
    assert difference(shot(BASE), larger).all()
    assert not same(shot(BASE), moved)


def test_neighbours_share_a_box_and_others_do_not() -> None:
    before = frame(blank())
    after = with_box(with_box(blank(), FrameBox(30, 30, 34, 34)), FrameBox(640, 100, 650, 101))
    assert compare(before, frame(after)).boxes == (FrameBox(0, 0, 64, 64), FrameBox(640, 96, 672, 128))


@pytest.mark.parametrize(
    ("target", "near"),
    [
        (None, None),
        (FrameBox(640, 100, 700, 130), True),
        (FrameBox(600, 100, 630, 130), True),
        (FrameBox(400, 100, 430, 130), False),
        (FrameBox(640, 300, 700, 330), False),
        (FrameBox(0, 0, 1280, 720), True),
    ],
)
def test_near_the_target(target: FrameBox | None, near: bool | None) -> None:
    after = with_box(blank(), FrameBox(640, 100, 650, 101))
    assert compare(frame(blank()), frame(after), target).near_target is near


@given(st.lists(st.lists(st.booleans(), min_size=9, max_size=9), min_size=1, max_size=7))
def test_groups_cover_each_tile_once_and_touch_no_other(rows: list[list[bool]]) -> None:
    tiles: Mask = np.array(rows)
    found = groups(tiles)
    everything = [cell for group in found for cell in group]
    assert sorted(everything) == [tuple(cell) for cell in np.argwhere(tiles).tolist()]
    for number, group in enumerate(found):
        others = {cell for other in found[:number] + found[number + 1 :] for cell in other}
        assert not others & {(r + i, c + j) for r, c in group for i in (-1, 0, 1) for j in (-1, 0, 1)}
    size = (9 * TILE - 5, len(rows) * TILE - 5)
    assert len(boxes(tiles, size)) == (1 if tiles.all() else len(found))
    for box in boxes(tiles, size):
        assert 0 <= box.left < box.right <= size[0]
        assert 0 <= box.top < box.bottom <= size[1]
