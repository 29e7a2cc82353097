import math
import random
from contextlib import closing
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from qvl_agent.actions.core.coordinates import (
    DesktopPoint,
    FrameBox,
    FramePoint,
    ModelBox,
    ModelPoint,
    Rect,
    View,
    desktop_to_frame,
    frame_to_desktop,
    frame_to_model,
    model_box_to_frame,
    model_to_desktop,
    model_to_frame,
)
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.desktops import open_local
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import MoveEvent
from qvl_agent.sandbox.display import VirtualDisplay

grid = st.floats(0, 1000, allow_nan=False) | st.integers(0, 1000).map(float)
boxes = st.tuples(grid, grid, grid, grid).map(lambda corners: ModelBox.of(*corners))


@st.composite
def monitors(draw: st.DrawFn) -> Rect:
    """A monitor left or right of the primary one, above or below, with a gap or without."""
    return Rect(
        draw(st.integers(-8000, 8000)),
        draw(st.integers(-5000, 5000)),
        draw(st.integers(320, 7680)),
        draw(st.integers(240, 4320)),
    )


@st.composite
def views(draw: st.DrawFn, *, crops: bool = True) -> View:
    """A frame of a monitor, or of a part of it, at one of the scales that systems use."""
    monitor = draw(monitors())
    scale = draw(st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0]))
    # Where the scale doesn't divide, a capture has the pixels that lie wholly on the monitor.
    width, height = int(monitor.width * scale), int(monitor.height * scale)
    if not crops or draw(st.booleans()):
        return View(width, height, monitor, scale)
    left, top = draw(st.integers(0, width - 32)), draw(st.integers(0, height - 32))
    size = draw(st.integers(16, width - left)), draw(st.integers(16, height - top))
    return View(*size, monitor, scale, FramePoint(left, top))


@given(boxes, views())
def test_a_boxs_centre_lands_inside_the_box_and_on_its_monitor(box: ModelBox, view: View) -> None:
    point = model_to_desktop(box.centre, view)
    assert point in view.monitor
    on_frame = model_box_to_frame(box, view)
    # the logical pixel's area in the frame meets the box
    left = (point.x - view.monitor.left) * view.scale - view.origin.x
    top = (point.y - view.monitor.top) * view.scale - view.origin.y
    assert left < on_frame.right
    assert left + view.scale > on_frame.left
    assert top < on_frame.bottom
    assert top + view.scale > on_frame.top


@pytest.mark.fault(32)
@given(grid, grid, views())
def test_model_to_desktop_and_back_is_within_a_pixel(x: float, y: float, view: View) -> None:
    point = ModelPoint(x, y)
    desktop = model_to_desktop(point, view)
    exact_x = view.monitor.left + (view.origin.x + x * view.width / 1000) / view.scale
    exact_y = view.monitor.top + (view.origin.y + y * view.height / 1000) / view.scale
    assert abs(desktop.x + 0.5 - exact_x) <= 1
    assert abs(desktop.y + 0.5 - exact_y) <= 1


@given(views(), st.data())
def test_a_pixel_goes_to_the_grid_and_comes_back_the_same(view: View, data: st.DataObject) -> None:
    pixel = FramePoint(data.draw(st.integers(0, view.width - 1)), data.draw(st.integers(0, view.height - 1)))
    assert model_to_frame(frame_to_model(pixel, view), view) == pixel


@given(views(), st.data())
def test_a_pixel_goes_to_the_desktop_and_comes_back_within_one_logical_pixel(
    view: View, data: st.DataObject
) -> None:
    pixel = FramePoint(data.draw(st.integers(0, view.width - 1)), data.draw(st.integers(0, view.height - 1)))
    desktop = frame_to_desktop(pixel, view)
    try:
        back = desktop_to_frame(desktop, view)
    except CoordinateError:
        # the logical pixel's middle can lie just past a crop's edge, never further
        assume(view.origin != FramePoint(0, 0) or view.scale != int(view.scale))
        at_edge = {0, view.width - 1, view.width - 2} & {pixel.x} or {0, view.height - 1, view.height - 2} & {
            pixel.y
        }
        assert at_edge
        return
    assert abs(back.x - pixel.x) <= math.ceil(view.scale)
    assert abs(back.y - pixel.y) <= math.ceil(view.scale)
    assert frame_to_desktop(back, view) == desktop


@given(views(crops=False), st.data())
def test_every_logical_pixel_of_a_monitor_can_be_reached(view: View, data: st.DataObject) -> None:
    point = DesktopPoint(
        view.monitor.left + data.draw(st.integers(0, int(view.width / view.scale) - 1)),
        view.monitor.top + data.draw(st.integers(0, int(view.height / view.scale) - 1)),
    )
    assert frame_to_desktop(desktop_to_frame(point, view), view) == point


@given(views(), st.data())
def test_a_crop_maps_to_the_same_desktop_as_the_whole(view: View, data: st.DataObject) -> None:
    whole = View(
        int(view.monitor.width * view.scale), int(view.monitor.height * view.scale), view.monitor, view.scale
    )
    pixel = FramePoint(data.draw(st.integers(0, view.width - 1)), data.draw(st.integers(0, view.height - 1)))
    on_whole = FramePoint(pixel.x + view.origin.x, pixel.y + view.origin.y)
    assert frame_to_desktop(pixel, view) == frame_to_desktop(on_whole, whole)


@given(
    st.floats(allow_nan=True, allow_infinity=True).filter(lambda value: not 0 <= value <= 1000)
    | st.integers(1001, 10**12)
    | st.integers(-(10**12), -1),
    grid,
    st.permutations([0, 1, 2, 3]),
)
def test_what_is_off_the_grid_is_refused_never_clamped(wrong: Any, right: float, order: list[int]) -> None:
    corners = [wrong, right, right, right]
    with pytest.raises(CoordinateError):
        ModelBox.of(*(corners[at] for at in order))
    with pytest.raises(ValidationError):
        ModelPoint(wrong, right)


@pytest.mark.parametrize("wrong", [True, "500", None, [500.0]])
def test_only_numbers_are_coordinates(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        ModelPoint(wrong, 500.0)
    with pytest.raises(ValidationError):
        DesktopPoint(wrong, 500)


@given(views(), st.integers(-3, 3), st.integers(-3, 3))
def test_a_pixel_outside_the_frame_is_refused(view: View, dx: int, dy: int) -> None:
    outside = FramePoint(view.width + dx, dy) if dx >= 0 else FramePoint(dx, view.height + dy)
    for convert in (frame_to_desktop, frame_to_model):
        with pytest.raises(CoordinateError, match="outside the frame"):
            convert(outside, view)


@pytest.mark.fault(33)
@given(monitors(), monitors(), st.integers(-9000, 17000), st.integers(-6000, 11000))
def test_a_desktop_may_have_holes(one: Any, two: Any, x: float, y: float) -> None:
    point = DesktopPoint(x, y)
    inside = [
        rect.left <= x < rect.left + rect.width and rect.top <= y < rect.top + rect.height
        for rect in (one, two)
    ]
    assert (point in Geometry((one, two))) == any(inside)


@pytest.mark.fault(32)
def test_two_monitors_one_left_of_the_primary_and_scaled() -> None:
    left = View(3840, 2160, Rect(-1920, -120, 1920, 1080), 2.0)
    primary = View(1366, 768, Rect(0, 0, 1366, 768))
    assert model_to_desktop(ModelPoint(0, 0), left) == DesktopPoint(-1920, -120)
    assert model_to_desktop(ModelPoint(1000, 1000), left) == DesktopPoint(-1, 959)
    assert model_to_desktop(ModelPoint(500, 500), primary) == DesktopPoint(683, 384)
    assert model_to_desktop(ModelPoint(1000, 1000), primary) == DesktopPoint(1365, 767)


def test_a_frame_larger_than_its_monitor_is_not_mapped_off_it() -> None:
    torn = View(2000, 800, Rect(0, 0, 1280, 800))
    with pytest.raises(CoordinateError, match="capture again"):
        model_to_desktop(ModelPoint(900, 500), torn)


@given(boxes, boxes)
def test_overlap_is_a_share_and_the_same_both_ways(one: Any, two: Any) -> None:
    assert 0 <= one.overlap(two) <= 1 + 1e-9
    assert one.overlap(two) == pytest.approx(two.overlap(one))
    assert one.overlap(one) == 1


def test_a_grown_box_stays_on_its_frame() -> None:
    assert FrameBox(2, 2, 10, 10).grown(5, (12, 100)) == FrameBox(0, 0, 12, 15)
    assert FrameBox(2, 3, 10, 10).moved(5, -1) == FrameBox(7, 2, 15, 9)
    whole = FrameBox(2, 2, 10, 10)
    assert whole.holds(whole)
    assert not any(
        whole.holds(FrameBox(*box)) for box in ((1, 2, 9, 9), (2, 2, 11, 9), (2, 1, 9, 9), (3, 3, 9, 11))
    )


def test_200_random_boxes_on_a_real_screen_put_the_pointer_on_their_centres() -> None:
    dice = random.Random(20)
    with (
        VirtualDisplay((1366, 768), window_manager=None) as display,
        closing(open_local(display.name)) as desktop,
    ):
        view = desktop.grab().view
        for _ in range(200):
            box = ModelBox.of(
                *(dice.choice((dice.uniform(0, 1000), dice.randint(0, 1000))) for _ in range(4))
            )
            goal = model_to_desktop(box.centre, view)
            desktop.perform(Approved((MoveEvent(goal),), "frame", desktop.geometry()), lambda: False)
            at = desktop.pointer()
            pixels = model_box_to_frame(box, view)
            assert pixels.left <= at.x < pixels.right
            assert pixels.top <= at.y < pixels.bottom
            assert abs(at.x + 0.5 - box.centre.x * 1366 / 1000) <= 1
            assert abs(at.y + 0.5 - box.centre.y * 768 / 1000) <= 1
