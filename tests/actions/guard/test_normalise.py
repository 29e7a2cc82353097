"""Words in disguise are read as a person reads them."""

import pytest

from qvl_agent.actions.guard.lexicon.normalise import undisguised
from qvl_agent.actions.guard.lexicon.search import in_label, named_in


@pytest.mark.parametrize(
    ("disguised", "plain"),
    [
        ("Ｐａｙ ｎｏｗ", "pay now"),
        ("Рау now", "pay now"),  # Cyrillic
        ("Βuy", "buy"),  # Greek
        ("ᴘᴀʏ", "pay"),
        ("P\u200ba\u2060y", "pay"),
        ("Pa\u0336y\u0336", "pay"),
        ("Páy", "pay"),
        ("P a y", "pay"),
        ("S.e.n.d", "send"),
        ("D-e-l-e-t-e all", "delete all"),
        ("ⓟⓐⓨ", "pay"),
        ("𝐏𝐚𝐲", "pay"),
        ("P4y n0w", "pay now"),
        ("d3l3te", "delete"),
        ("支 付", "支付"),
        ("立·即·支·付", "立即支付"),
        ("刪除", "删除"),
        ("訂閱", "订阅"),
        ("don’t", "don't"),
    ],
)
def test_a_disguise_is_taken_off(disguised: str, plain: str) -> None:
    assert undisguised(disguised) == plain


@pytest.mark.parametrize(
    "text",
    [
        "i am a cat",
        "a b",
        "plan b or c",
        "取消 发送",
        "e-mail",
        "10:30",
        "49usd",
        "h264",
        "2024",
        "a1",
        "x86_64",
        "r.txt",
    ],
)
def test_what_is_no_disguise_stays(text: str) -> None:
    assert undisguised(text) == text


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Ｐａｙ", "pay"),
        ("P a y", "pay"),
        ("Рау", "pay"),
        ("刪除", "delete"),
        ("立即購買", "pay"),
        ("發 送", "send"),
        ("授權", "grant"),
        ("變更密碼", "account"),
        ("安裝", "install"),
        ("上傳", "publish"),
    ],
)
def test_a_disguised_label_announces_what_it_does(label: str, kind: str) -> None:
    assert kind in in_label(label)


def test_a_disguised_task_asks_for_what_it_says() -> None:
    assert "delete" in named_in("刪除這封郵件")


def test_a_flood_of_letters_is_read_at_once() -> None:
    assert undisguised("a " * 50_000).startswith("aaa")
