"""The files of words: the shipped ones are whole, broken ones are refused, a third language needs no code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT
from pydantic import ValidationError

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.guard.lexicon import pressing, search
from qvl_agent.actions.guard.lexicon.patterns import Lexicon, lexicon
from qvl_agent.actions.guard.lexicon.words import (
    CONSEQUENCES,
    Programs,
    languages,
    programs,
    read_languages,
    read_programs,
)
from qvl_agent.actions.guard.rules import power

SHIPPED = ROOT / "actions/guard/lexicon"
GERMAN = """
spaces = true

[phrases]
pay = ["bezahlen", "=kasse"]
grant = ["erlauben"]
account = ["konto anlegen"]
delete = ["löschen"]
publish = ["veröffentlichen"]
send = ["schicke"]
install = ["installieren"]
final = ["unterschreiben"]

[[pairs.pay]]
verbs = ["überweise"]
things = ["geld"]

[around]
undoing = ["nicht"]
noun_ends = ["verlauf"]
objects = ["notizen"]
only_verbs = ["löschen"]

[verb_endings]
added = ["n"]
doubling = []
replacing_e = []

[labels]
widgets = ["der", "knopf"]
button = ["knopf"]
submitting = ["absenden"]
without_object = ["formular"]
going_on = ["speichern"]
harmless = ["filter löschen"]
agreeing = ["weiter"]
refusing = ["abbrechen", "schließen"]

[sentences]
leads = ["bitte"]
writing = ["notiere"]
telling = ["sag"]
told_after = ["dass"]
speaker = ["mir"]
negating = ["nicht", "ohne"]
pressing = ["drücke", "klicke auf"]
before_pressing = ["und", "dann"]
after_pressing = ["und", "danach"]
reporting = ["sag", "schreib"]
entering = ["schreibfeld"]
not_negating = ["nicht nur"]
alternatives = ["oder"]
conditions = ["wenn"]

[task_verbs]
send = ["antworte"]

[task_pairs]

[objects]
pay = ["bestellung"]

[power]
always = ["herunterfahren"]
also_in_apps = ["neu starten"]
in_shells = ["sperren"]
before = ["ja"]
after = ["jetzt"]
place = ["im"]
undoing = []

[titles]
session = ["abmelden"]
system = ["anmeldung nötig"]
"""


def folder_with(tmp_path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lexicon:
    """A folder with German beside the two languages that are shipped."""
    for name in ("english.toml", "chinese.toml", "programs.toml"):
        shutil.copy(SHIPPED / name, tmp_path)
    three = Lexicon(read_languages(folder_with(tmp_path, german=GERMAN)))
    for module in (search, pressing, power):
        monkeypatch.setattr(module, "lexicon", lambda: three)
    return three


def test_the_shipped_files_are_read_whole() -> None:
    assert len(languages()) == len(list(SHIPPED.glob("*.toml"))) - 1 >= 2
    english, chinese = languages()[0], languages()[-1]
    assert (english.spaces, chinese.spaces) == (True, False)
    for language, least in ((english, 150), (chinese, 110)):
        assert set(language.phrases) == set(language.pairs) == set(CONSEQUENCES)
        assert sum(map(len, language.phrases.values())) > least
    assert {"pay", "=order"} <= set(english.phrases["pay"])
    assert {"支付", "=订阅"} <= set(chinese.phrases["pay"])
    sizes = {name: len(getattr(programs(), name)) for name in Programs.model_fields}
    assert len(sizes) == 14
    assert min(sizes.values()) >= 10, sizes
    assert "keepassxc" in programs().password_managers


def test_what_is_read_cannot_be_changed() -> None:
    english = languages()[0]
    with pytest.raises(ValidationError):
        english.spaces = False  # type: ignore[misc]
    with pytest.raises(TypeError):
        english.phrases["pay"] = ()  # type: ignore[index]
    assert isinstance(english.phrases["pay"], tuple)
    assert isinstance(programs().terminals, frozenset)


def test_importing_reads_no_file() -> None:
    program = """
from qvl_agent.actions.execution import executor
from qvl_agent.actions.guard.lexicon import patterns, search, words
from qvl_agent.actions.guard.rules import consequence, power, windows
caches = (words.languages, words.programs, patterns.lexicon)
assert [cache.cache_info().misses for cache in caches] == [0, 0, 0]
search.in_label("Pay now")
print([cache.cache_info().misses for cache in caches])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[1, 0, 1]\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[phrases]\n", '[phrases]\nfly = ["fly"]\n', "phrases.fly: "),
        ("[[pairs.pay]]", "[[pairs.fly]]", "pairs.fly: "),
        ("[task_verbs]\n", '[task_verbs]\nfly = ["fly"]\n', "task_verbs.fly: "),
        ("[labels]\n", '[labels]\ncolours = ["red"]\n', "labels.colours: "),
        ("spaces = true\n", "spaces = true\ncolour = 1\n", "colour: "),
        ("spaces = true", 'spaces = "true"', "spaces: "),
        ('speaker = ["me", "us"]', "", "sentences.speaker: "),
        ('replacing_e = ["ing"]', 'replacing_e = "ing"', "verb_endings.replacing_e: "),
        ('replacing_e = ["ing"]', "replacing_e = [1]", "verb_endings.replacing_e.1: "),
        ('"pay", "payment"', '"pay", "pay"', "phrases.pay: 'pay' stands in the list twice"),
        ('"pay", "payment"', '"pay", "=pay"', "phrases.pay: 'pay' stands in the list twice"),
        ('"pay", "payment"', '"pay", ""', "phrases.pay.2: a word is empty"),
        ('"pay", "payment"', '"pay", "="', "phrases.pay.2: a word is empty"),
        ('"pay", "payment"', '"pay", "Payment"', "phrases.pay.2: 'Payment' isn't in small letters"),
        ('"pay", "payment"', '"pay", "=Payment"', "phrases.pay.2: 'Payment' isn't in small letters"),
        ('"pay", "payment"', '"pay", "==payment"', "phrases.pay.2: '=payment' begins with '='"),
        ('"pay", "payment"', '"pay", "= payment"', "phrases.pay.2: ' payment' has blanks"),
        ('"pay", "payment"', '"pay", "my  payment"', "phrases.pay.2: 'my  payment' has blanks"),
        ('"pay", "payment"', '"pay", "my\\npayment"', "phrases.pay.2: 'my payment' has blanks"),
        ('speaker = ["me"', 'speaker = ["=me"', "sentences.speaker.1: '=me' begins with '='"),
        ("session = [\n", 'session = [\n"Shut it",\n', "titles.session"),
        ('verbs = ["trust"]', "verbs = []", "pairs.grant.4: a pair needs verbs and things"),
        ('verbs = ["trust"]', 'verbs = ["Trust"]', "pairs.grant.4.verbs.1: 'Trust' isn't"),
        ("spaces = true", "spaces = false", "around.objects must be empty where spaces = false"),
        ("undoing = []", 'undoing = ["not"]', "power.undoing must be empty where spaces = true"),
        ("spaces = true", "spaces = tru", "english.toml isn't valid TOML: "),
        ("[phrases]\n", "[phrases\n", "english.toml isn't valid TOML: "),
    ],
)  # fmt: skip
def test_a_broken_language_is_refused_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    whole = (SHIPPED / "english.toml").read_text(encoding="utf-8")
    assert old in whole
    folder = folder_with(tmp_path, english=whole)
    assert len(read_languages(folder)) == 1
    folder_with(tmp_path, english=whole.replace(old, new, 1))
    with pytest.raises(SettingsError) as caught:
        read_languages(folder)
    message = str(caught.value)
    assert message.startswith("english.toml")
    assert said in message
    assert "\n" not in message


def test_a_kind_without_phrases_is_refused(tmp_path: Path) -> None:
    for gone in ("", "send = []"):
        broken = GERMAN.replace('send = ["schicke"]', gone)
        assert broken != GERMAN
        with pytest.raises(SettingsError, match=r"^german.toml: phrases: there are no phrases for send$"):
            read_languages(folder_with(tmp_path, german=broken))


def test_a_folder_without_languages_and_a_file_that_is_no_text_are_refused(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "programs.toml", tmp_path)
    with pytest.raises(SettingsError, match="no language in "):
        read_languages(tmp_path)
    (tmp_path / "german.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"^german.toml isn't valid TOML: "):
        read_languages(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"keepassxc"', '"KeePassXC"', "password_managers.1: 'KeePassXC' isn't in small letters"),
        ('"keepassxc"', '"keepassxc.exe"', "password_managers.1: 'keepassxc.exe' must stand without '.exe'"),
        (
            '"keepassxc"',
            '"keepassxc", "keepassxc"',
            "password_managers: 'keepassxc' stands in the list twice",
        ),
        ('"keepassxc"', '""', "password_managers.1: a word is empty"),
        ("lock_screens", "looking_screens", "lock_screens: "),
    ],
)
def test_broken_programs_are_refused_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    whole = (SHIPPED / "programs.toml").read_text(encoding="utf-8")
    assert old in whole
    assert read_programs(folder_with(tmp_path, programs=whole)) == programs()
    with pytest.raises(SettingsError) as caught:
        read_programs(folder_with(tmp_path, programs=whole.replace(old, new, 1)))
    assert str(caught.value).startswith(f"programs.toml: {said}")
    assert "\n" not in str(caught.value)


def test_missing_programs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^can't read programs.toml: "):
        read_programs(tmp_path)


@pytest.mark.parametrize(
    ("read", "text", "kinds"),
    [
        (search.in_label, "Jetzt bezahlen", ["pay"]),
        (search.in_label, "Kasse", ["pay"]),
        (search.in_label, "LÖSCHEN", ["delete"]),
        (search.in_label, "Löschen Notizen", ["delete"]),
        (search.in_label, "Überweise das Geld", ["pay"]),
        (search.in_intent, "Bitte löschen", ["delete"]),
        (search.mentioned, "etwas schicken", ["send"]),
        (search.named_in, "bitte antworte Lena", ["send"]),
        (search.named_in, "antworte Lena dass wir löschen", ["send"]),
        (search.in_label, "Absenden Bericht", ["send"]),
        (search.object_in, "Bestellung 12 – Laden", ["pay"]),
    ],
)
def test_a_third_language_is_found(
    request: pytest.FixtureRequest, read: object, text: str, kinds: list[str]
) -> None:
    assert callable(read)
    assert list(read(text)) == []
    request.getfixturevalue("german")
    assert list(read(text)) == kinds


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (search.in_label, "Nicht löschen"),
        (search.in_label, "Die Kasse links"),
        (search.in_label, "bezahlen Verlauf"),
        (search.named_in, "antworte mir"),
        (search.named_in, "löschen, aber nicht löschen"),
        (search.named_in, "sag Lena dass wir löschen"),
        (search.named_in, "notiere: löschen"),
    ],
)
def test_a_third_language_has_words_that_take_it_back(german: Lexicon, read: object, text: str) -> None:
    assert callable(read)
    assert list(read(text)) == []


def test_a_third_language_agrees_refuses_and_names_power_buttons(german: Lexicon) -> None:
    said = [search.agrees_only("Der Weiter Knopf"), search.says_no("Schließen"), search.says_no("Weiter")]
    assert said == [True, True, False]
    weights = [power._weight(text) for text in ("Ja, herunterfahren", "Neu starten jetzt", "sperren im Menü")]
    assert weights == ["always", "also in apps", "in shells"]
    assert "abmelden" in german.session_titles - lexicon().session_titles
    assert "anmeldung nötig" in german.system_titles - lexicon().system_titles


def test_a_third_language_leaves_the_others_as_they_are(german: Lexicon) -> None:
    for label in ("Pay now", "Don't delete", "删除聊天", "支付宝", "Payment history"):
        assert [search.in_label(label), search.says_no(label)] == [
            {"Pay now": {"pay": "pay"}, "删除聊天": {"delete": "删除"}}.get(label, {}),
            label == "Don't delete",
        ]


def test_a_language_alone_finds_only_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no Chinese, or no pair, the empty choice must match nothing rather than everything."""
    alone = Lexicon(read_languages(folder_with(tmp_path, german=GERMAN)))
    for module in (search, pressing, power):
        monkeypatch.setattr(module, "lexicon", lambda: alone)
    for text in ("Pay now", "删除", "Ein Satz", "x"):
        assert (search.in_label(text), search.mentioned(text), search.named_in(text)) == ({}, {}, frozenset())
        assert not search.says_no(text)
        assert power._weight(text) is None
    assert list(search.in_label("Löschen")) == ["delete"]
