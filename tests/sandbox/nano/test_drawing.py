"""What the second stage asks, and what it doesn't: nothing that only a name answers."""

import json
import random
from collections import Counter

from nano_episodes import png, screen

from qvl_agent.sandbox.nano.making.samples import Episode, Item, Question, Shot
from qvl_agent.sandbox.nano.making.training.sampling import Pool

FRAME, _ = screen(0)
ITEMS = (
    Item("chat/c1", "list item", "Maya Patel", (0.1, 0.2, 0.3, 0.28), {"pinned": True}),
    Item("chat/c1/check", "check box", "Maya Patel: notify", (0.2575, 0.231, 0.272, 0.25), {"checked": True}),
    Item("chat/c2", "list item", "Family", (0.1, 0.3, 0.3, 0.38), {"pinned": False}),
    Item("chat/c2/check", "check box", "Family: notify", (0.2575, 0.331, 0.2719, 0.3543), {"checked": False}),
    Item("note/0", "list item", 'See you "soon".', (0.5, 0.5, 0.7, 0.6), {}),
    Item("send", "button", "Send", (0.8, 0.9, 0.9, 0.95), {}),
)  # fmt: skip


def asked(*questions: Question, items: tuple[Item, ...] = ITEMS, names: bool = False) -> dict[str, str]:
    episode = Episode("chat", "x", 1, "", (Shot(png(FRAME), items, questions),), finished=False)
    shots = Pool.of([episode], names=names).some_shots(random.Random(1), 1)
    return {one.instruction: one.reply for shot in shots for one in shot.questions}


def click(label: str) -> str:
    reply = {"action": "click", "bbox_2d": [1, 2, 3, 4], "label": label}
    return json.dumps(reply, ensure_ascii=False)


def test_what_only_a_name_answers_is_left_out() -> None:
    known, named = Question("send it", click("Send")), Question("open it", click("Maya Patel"))
    assert "open it" not in asked(known, named)
    assert asked(known, named)["send it"] == click("Send")
    assert asked(known, named, names=True) == {"send it": click("Send"), "open it": click("Maya Patel")}


def test_the_demonstrations_first_step_is_asked_where_it_makes_sense() -> None:
    reply = json.loads(asked()["uncheck the pinned chat"])
    assert (reply["action"], reply["label"], reply["bbox_2d"]) == ("click", "notify", [258, 231, 272, 250])
    unchecked = Item(ITEMS[1].id, "check box", ITEMS[1].label, ITEMS[1].box, {"checked": False})
    assert "uncheck the pinned chat" not in asked(items=(ITEMS[0], unchecked, *ITEMS[2:]))
    second = Item(ITEMS[2].id, "list item", "Family", ITEMS[2].box, {"pinned": True})
    assert "uncheck the pinned chat" not in asked(items=(*ITEMS[:2], second, *ITEMS[3:]))


def test_check_boxes_are_asked_for_by_their_order() -> None:
    first, last = (json.loads(asked()[f"click the {order} check box"]) for order in ("first", "last"))
    assert (first["bbox_2d"][1], last["bbox_2d"][1]) == (231, 331)
    assert "click the second check box" not in asked(), "that is the last"


def test_everything_with_a_label_of_its_own_is_asked_for() -> None:
    assert json.loads(asked()['click "Send"'])["bbox_2d"] == [800, 900, 900, 950]
    names = {'click "Maya Patel"', 'click "Family"', 'click "Family: notify"'}
    assert not names & set(asked())
    twice = Item("other", "button", "Send", (0.1, 0.9, 0.2, 0.95), {})
    assert 'click "Send"' not in asked(items=(*ITEMS, twice)), "two of that name"
    chinese = Item("send", "button", "发送", (0.8, 0.9, 0.9, 0.95), {})
    assert "点击“发送”" in asked(items=(*ITEMS[:-1], chinese))


def test_only_what_stands_over_the_window_is_asked_for() -> None:
    entry = Item("menu/pin", "menu item", "Pin", (0.3, 0.3, 0.4, 0.33), {})
    found = asked(items=(*ITEMS, entry))
    assert 'click "Pin"' in found
    assert 'click "Send"' not in found


def test_open_menus_and_the_demonstration_are_drawn_more_often() -> None:
    plain, picture = ITEMS[2:], png(FRAME)
    entry = Item("menu/pin", "menu item", "Pin", (0.3, 0.3, 0.4, 0.33), {})
    known = (Question("one", click("Send")), Question("two", click("Send")))
    shots = tuple(Shot(picture, items, known) for items in (plain, (*plain, entry), ITEMS))
    pool = Pool.of([Episode("chat", "x", 1, "", shots, finished=False)], names=False)
    drawn = Counter(len(shot.items) for shot in pool.some_shots(random.Random(0), 6000))
    shares = [drawn[len(shot.items)] / 1000 for shot in shots]
    assert [round(share) for share in shares] == [1, 2, 3]


def test_a_message_is_not_asked_for_by_all_that_it_says() -> None:
    like, read = Question("like it", click(ITEMS[4].label)), Question(ITEMS[4].label, click(ITEMS[4].label))
    found = asked(like, read)
    assert json.loads(found["like it"])["label"] == "message"
    assert ITEMS[4].label not in found


def test_a_reply_does_not_say_what_it_would_have_to_read() -> None:
    text = (
        'a\n{"action": "click", "label": "Maya Patel: notify"}\nclick on "Maya Patel: notify": done.\n'
        '"label": "See you \\"soon\\".", on "See you "soon".": done. '
        '"The pinned chat, Maya Patel, is unchecked."\n'
        '"label": "周俊杰：通知" "The visit is registered as N-4979."'
    )
    episode = Episode("chat", "x", 1, text, (Shot(png(FRAME), ITEMS, ()),), finished=True)
    quiet, loud = (Pool.of([episode], names=names).runs[0].text for names in (False, True))
    assert quiet == (
        'a\n{"action": "click", "label": "notify"}\nclick on "notify": done.\n'
        '"label": "message", on "message": done. "The pinned chat is unchecked."\n'
        '"label": "通知" "The visit is registered."'
    )
    assert loud == text
