"""What each patch of a picture is said to show."""

import pytest

from qvl_agent.sandbox.nano.making.network.targets import FLAGS, IGNORED, ROLES, cell_of, paint_targets
from qvl_agent.sandbox.nano.making.samples import Item
from qvl_agent.sandbox.nano.making.shape import GRID, PICTURE

WIDE, HIGH = PICTURE
ROW = Item("chat/1", "list item", "Ada", (0, 0, 192 / WIDE, 64 / HIGH), {"selected": True})
CHECK = Item(
    "chat/1/check", "check box", "Pinned", (16 / WIDE, 16 / HIGH, 32 / WIDE, 32 / HIGH), {"checked": False}
)
FIELD = Item("name", "text field", "", (320 / WIDE, 320 / HIGH, 480 / WIDE, 336 / HIGH), {"value": "Bo"})
WORDS = {"Ada": 1, "Bo": 2}


def patch(row: int, column: int) -> tuple[int, int]:
    """Where a patch of 16x16 is among the cells."""
    return row // 2 * GRID[1] + column // 2, row % 2 * 2 + column % 2


def test_the_smallest_widget_over_a_patch_counts() -> None:
    found = paint_targets([CHECK, ROW, FIELD], WORDS)
    box, row, field, nothing = patch(1, 1), patch(2, 5), patch(20, 25), patch(29, 0)
    assert [ROLES[found.role[at]] for at in (box, row, field, nothing)] == [
        "check box", "list item", "text field", "nothing",
    ]  # fmt: skip
    assert [found.word[at] for at in (box, row, field, nothing)] == [0, 1, IGNORED, IGNORED]
    assert [found.row[at] for at in (box, row, field, nothing)] == [1, 1, IGNORED, IGNORED]
    assert [found.value[at] for at in (box, field)] == [IGNORED, 2]
    patches, cells = found.role[:, :4] != 0, found.role[:, 4] != 0
    assert patches.sum() == 12 * 4 + 10, "12x4 patches of the row, 10 of the field"
    assert cells.sum() == 3, "the cells of the middles"


def test_a_widget_says_its_state_and_else_its_rows() -> None:
    found = paint_targets([ROW, CHECK], WORDS)
    checked, chosen, muted = (FLAGS.index(name) for name in ("checked", "selected", "muted"))
    box, row = patch(1, 1), patch(0, 0)
    assert (found.flags[(*box, checked)], found.flags[(*box, chosen)]) == (0, 1)
    assert (found.flags[(*row, checked)], found.flags[(*row, chosen)]) == (IGNORED, 1)
    assert found.flags[(*box, muted)] == IGNORED


def test_a_small_widget_matters_nearly_as_much_as_a_large_one() -> None:
    weights = paint_targets([ROW, CHECK, FIELD], WORDS).weights
    small, large = weights[patch(1, 1)], weights[patch(2, 5)]
    patches = 12 * 4 - 1
    assert weights[:, :4].mean() == pytest.approx(1, rel=1e-5)
    assert small / large == pytest.approx(patches**0.7)
    assert small < large * patches


def test_boxes_are_on_the_scale_of_the_replies() -> None:
    found = paint_targets([FIELD], WORDS)
    assert found.boxes[patch(20, 25)].tolist() == [417, 667, 625, 700]
    assert set(found.boxes[patch(0, 0)].tolist()) == {IGNORED}


def test_a_moved_picture_has_moved_targets_and_no_edges_that_are_cut_off() -> None:
    still, moved = paint_targets([ROW, FIELD], WORDS), paint_targets([ROW, FIELD], WORDS, (-16, 32))
    assert ROLES[moved.role[patch(22, 24)]] == "text field"
    assert moved.boxes[patch(22, 24)].tolist() == [396, 733, 604, 767]
    assert moved.boxes[patch(3, 3)].tolist() == [IGNORED, 67, 229, 200]
    assert still.boxes[patch(3, 3)].tolist() == [0, 0, 250, 133]


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ((0, 0, 125, 67), 1),
        ((958, 933, 1000, 1000), 359),
        ((1000, 1000, 1000, 1000), 359),
        ((501, 501, 503, 502), 7 * 24 + 12),
        ((500, 500, 542, 567), 8 * 24 + 12),
    ],
)
def test_the_cell_of_a_replys_box(box: tuple[int, int, int, int], cell: int) -> None:
    assert cell_of(box) == cell


def test_the_cell_of_a_box_knows_its_widget() -> None:
    found = paint_targets([ROW, CHECK, FIELD], WORDS)
    for item in (CHECK, FIELD):
        box = [round(1000 * side) for side in item.box]
        assert found.boxes[cell_of(box), 4].tolist() == box
        assert ROLES[found.role[cell_of(box), 4]] == item.role
    checked = found.flags[cell_of([21, 33, 42, 67]), 4, FLAGS.index("selected")]
    assert checked == 1, "its row's"


def test_of_equally_large_widgets_the_one_in_the_middle_of_a_cell_is_its_own() -> None:
    near = Item("near", "menu item", "", (0, 8 / HIGH, 96 / WIDE, 24 / HIGH), {})
    far = Item("far", "menu item", "", (0, 24 / HIGH, 96 / WIDE, 38 / HIGH), {})
    for items in ([near, far], [far, near]):
        assert paint_targets(items, WORDS).boxes[1, 4].tolist() == [0, 17, 125, 50]
