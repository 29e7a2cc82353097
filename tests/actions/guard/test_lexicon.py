"""What words announce: on buttons, in reasons, in titles and in tasks, in English and Chinese."""

import importlib.util
from types import ModuleType

import pytest
from project import ROOT

from qvl_agent.actions.guard.lexicon.search import (
    agrees_only,
    in_button,
    in_intent,
    in_label,
    in_title,
    mentioned,
    named_in,
)
from qvl_agent.actions.guard.lexicon.words import CONSEQUENCES, Consequence, languages


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lexicon_benchmark", ROOT / "benchmarks/lexicon.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("spaces", [True, False])
@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_every_phrase_is_found_as_a_whole_label(kind: Consequence, spaces: bool) -> None:
    phrases = [phrase for each in languages() if each.spaces is spaces for phrase in each.phrases[kind]]
    assert len(phrases) >= 7
    for phrase in phrases:
        label = phrase.removeprefix("=")
        assert kind in in_label(label), label
        assert kind in in_label(f"“{label.title()}”"), label


@pytest.mark.parametrize("spaces", [True, False])
@pytest.mark.parametrize("kind", CONSEQUENCES)
def test_every_pair_is_found_as_a_whole_label(kind: Consequence, spaces: bool) -> None:
    pairs = [pair for each in languages() if each.spaces is spaces for pair in each.pairs.get(kind, ())]
    assert len(pairs) >= 3
    gap = " " if spaces else ""
    for pair in pairs:
        for label in (f"{verb}{gap}{thing}" for verb in pair.verbs for thing in pair.things):
            assert kind in in_label(label), label


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Send", "send"),
        ("SEND", "send"),
        ("Ｓｅｎｄ", "send"),
        ("Se\u200bnd", "send"),
        ("the blue 'Pay now' button at the bottom right of the page", "pay"),
        ("Delete…", "delete"),
        ("Delete notes", "delete"),
        ("Send report", "send"),
        ("“立即支付”按钮", "pay"),
        ("删除聊天", "delete"),
    ],
)
def test_a_label_is_read_whatever_it_looks_like(label: str, kind: str) -> None:
    assert list(in_label(label)) == [kind]


@pytest.mark.parametrize(
    "label",
    ["", "Sender", "delete.txt", "Undeleted", "Don't delete", "Undo send", "Payment history", "Post office",
     "Purchase history", "Order details",
     "notify", "Send to back", "Payment methods", "Clear search", "删除线", "清除格式", "复原删除",
     "I wanted to buy the one that you sent to me",
     "支付宝", "发布小队", "已发送", "不删除", "取消订单", "公开课"],
)  # fmt: skip
def test_words_that_only_look_like_it_are_left_alone(label: str) -> None:
    assert in_label(label) == {}


@pytest.mark.parametrize(
    ("intent", "kinds"),
    [
        ("Send the message.", ["send"]),
        ("Click the 'Send' button", ["send"]),
        ("The menu is open; delete the chat.", ["delete"]),
        ("Now I will be sending it", []),
        ("Open the chat to send a message", []),
        ("点击发送按钮", ["send"]),
        ("打开聊天以便发送消息", []),
    ],
)
def test_a_reason_counts_for_what_is_done_now(intent: str, kinds: list[str]) -> None:
    assert list(in_intent(intent)) == kinds


def test_a_dialogs_title_counts_and_a_pages_does_not() -> None:
    assert list(in_title("Delete file?")) == ["delete"]
    assert list(in_title("确认付款")) == ["pay"]
    assert in_title("How to delete a file - Northwind Help") == {}
    assert in_title("Alice wrote that she wants to buy a boat") == {}
    assert list(mentioned("How to delete a file - Northwind Help")) == ["delete"]


def test_buttons_that_only_agree() -> None:
    assert all(map(agrees_only, ("OK", "the Yes button", "确定", "“继续”按钮", "Continue.")))
    assert not any(map(agrees_only, ("", "Cancel", "OK, delete it", "不同意")))


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        ("uncheck the pinned chat", set()),
        ("send 'hello' to Alice", {"send"}),
        ("Reply to Bob, then delete his message", {"send", "delete"}),
        ('send "please delete it and pay" to Bob', {"send"}),
        ("reply to Bob: delete everything", {"send"}),
        ("fill in the form, agree to the rules and submit it", {"send"}),
        ("register A (a@b.c) for 10:30: fill in the form and submit it", {"send"}),
        ("don't send the mail, save it", set()),
        ("delete the draft, but do not delete the mail", set()),
        ("put “send it” into the name field", set()),
        ("replace the notes with: delete the old ones", set()),
        ("open the settings", set()),
        ("Tell me what Lena wrote", set()),
        ("告诉我小林写了什么", set()),
        ("send 'I'll delete it, don't worry' to Bob", {"send"}),
        ("tell Bob I will delete the file", {"send"}),
        ("send a note saying we publish tomorrow", {"send"}),
        ("告诉小李我会删除文件", {"send"}),
        ("给“李明轩”发送消息：全部删除", {"send"}),
        ("删除与“发布小队”的聊天", {"delete"}),
        ("安装更新，不要重启", {"install"}),
        ("先不要提交：取消对话框", set()),
        ('Write "don\'t forget the milk" in the note to Paul and send it', {"send"}),
        ("Cancel my booking", {"final"}),
        ("cancel the dialog", set()),
        ("取消腾讯视频的连续包月", {"final"}),
        ("给妈妈发“别忘了买牛奶”", {"send"}),
        ("在发票里填金额", set()),
        ("go to the page where one can cancel the subscription", set()),
        ("", set()),
    ],
)
def test_what_a_task_asks_for(task: str, kinds: set[str]) -> None:
    assert {kind for kind in named_in(task) if ": " not in kind} == kinds


def test_a_page_of_text_is_read_at_once() -> None:
    text = "send delete pay 删除 " * 50_000
    for read in (in_label, in_intent, in_title, mentioned, named_in):
        read(text)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_labelled_sets_are_read_no_worse_than_they_were(language: str) -> None:
    """The figures that docs/safety.md names; the script prints them by kind."""
    lexicon = benchmark()
    for rows, least, recall, precision in (
        (lexicon.read(), 500, 0.97, 0.98),
        (lexicon.read(lexicon.HELD_OUT), 300, 0.68, 0.96),
        (lexicon.new_words(), 300, 0.64, 0.96),
        (lexicon.read(lexicon.part("general")), 59, 0.95, 0.95),
        (lexicon.read(lexicon.part("words")), 74, 0.95, 0.95),
        (lexicon.read(lexicon.part("tasks")), 49, 0.85, 0.8),
    ):
        there = [row for row in rows if row.language == language]
        assert len(there) > least
        found = lexicon.figures(there)
        assert found.recall >= recall
        assert found.precision >= precision


@pytest.mark.parametrize(
    ("text", "bounded", "kinds"),
    [
        ("Agree and pay $49", True, ["pay"]),
        ("Yes, pay $1,249.00 now", True, ["pay"]),
        ("同意并支付49元", True, ["pay"]),
        ("继续并立即支付订单", True, ["pay"]),
        ("Agree and pay $49", False, []),
        ("the notes say what to pay", True, []),
        ("周末聚会的费用怎么付款给他", True, []),
    ],
)
def test_a_button_is_read_whole_and_a_line_from_its_start(text: str, bounded: bool, kinds: list[str]) -> None:
    assert list(in_button(text, bounded=bounded)) == kinds
