"""Key names: one canonical name each, chords read without guessing."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.errors import KeyNameError
from qvl_agent.actions.planning import keys
from qvl_agent.actions.planning.keys import KEYS, MODIFIERS, canonical, chord, modifiers


def test_every_ascii_character_is_a_key() -> None:
    assert set(string.ascii_lowercase + string.digits + string.punctuation) <= KEYS
    assert MODIFIERS < KEYS
    assert {"f1", "f24", "enter", "pagedown", "printscreen", "altgr"} <= KEYS


def test_no_alias_means_two_keys_or_hides_a_key() -> None:
    seen = {key: key for key in KEYS}
    for key, aliases in keys._ALIASES.items():
        assert key in KEYS
        for alias in map(keys._squeezed, aliases.split()):
            assert seen.setdefault(alias, key) == key, alias


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Return", "enter"),
        ("KP_Enter", "enter"),
        ("escape", "esc"),
        ("Control_L", "ctrl"),
        ("Control", "ctrl"),
        ("ctrlleft", "ctrl"),
        ("ControlRight", "ctrl"),
        ("Super_L", "meta"),
        ("winleft", "meta"),
        ("Meta", "meta"),
        ("cmd", "meta"),
        ("option", "alt"),
        ("AltGraph", "altgr"),
        ("ISO_Level3_Shift", "altgr"),
        ("Prior", "pageup"),
        ("Next", "pagedown"),
        ("Page_Down", "pagedown"),
        ("page-down", "pagedown"),
        ("Page Down", "pagedown"),
        ("PgDn", "pagedown"),
        ("ArrowUp", "up"),
        ("arrow_left", "left"),
        ("Spacebar", "space"),
        (" ", "space"),
        ("\n", "enter"),
        ("\t", "tab"),
        ("prtsc", "printscreen"),
        ("KeyA", "a"),
        ("A", "a"),
        ("Digit7", "7"),
        ("num7", "7"),
        ("KP_7", "7"),
        ("plus", "+"),
        ("bracketleft", "["),
        ("F12", "f12"),
    ],
)
def test_aliases(name: str, key: str) -> None:
    assert canonical(name) == key


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("ctrl+shift+t", ("ctrl", "shift", "t")),
        ("shift+ctrl+t", ("ctrl", "shift", "t")),
        (["Control_L", "c"], ("ctrl", "c")),
        (["c", "ctrl"], ("ctrl", "c")),
        (["ctrl", "C"], ("ctrl", "c")),
        (["ctrl+c"], ("ctrl", "c")),
        ("CTRL-C", ("ctrl", "c")),
        ("ctrl + c", ("ctrl", "c")),
        ("ctrl alt del", ("ctrl", "alt", "delete")),
        ("ctrl++", ("ctrl", "+")),
        ("ctrl + +", ("ctrl", "+")),
        ("ctrl+-", ("ctrl", "-")),
        ("ctrl--", ("ctrl", "-")),
        ("ctrl -", ("ctrl", "-")),
        (["ctrl", "+"], ("ctrl", "+")),
        ("+", ("+",)),
        ("-", ("-",)),
        (" ", ("space",)),
        ("Page Down", ("pagedown",)),
        ("ctrl+page down", ("ctrl", "pagedown")),
        ("alt F4", ("alt", "f4")),
        ("meta", ("meta",)),
        # A hyphen or a space after a modifier joins; Control_L and winleft are keys by themselves.
        ("ctrl-l", ("ctrl", "l")),
        ("Control_L", ("ctrl",)),
        ("super l", ("meta", "l")),
        ("win-left", ("meta", "left")),
        ("winleft", ("meta",)),
        ("alt gr", ("altgr",)),
    ],
)
def test_chords(names: str | list[str], expected: tuple[str, ...]) -> None:
    assert chord(names) == expected


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["ctrl", "nosuchkey"], "nosuchkey"),
        ("ctrl+nosuchkey", "nosuchkey"),
        ("entr", "did you mean enter?"),
        ("ctrl+", "empty"),
        ("+ctrl", "empty"),
        ("ctrl-", "ctrl-"),
        ("++", "empty"),
        ("", "at least one"),
        ([], "at least one"),
        ([""], "empty"),
        ("a+b", "a and b"),
        (["down", "down"], "twice"),
        (["ctrl", "Control_R", "c"], "ctrl twice"),
        ("é", "types text"),
        ("中", "types text"),
        ("power", "power"),
        ("sysrq", "sysrq"),
        ([True], "bool"),
        ([["ctrl"]], "list"),
    ],
)
def test_what_is_not_sure_refuses_the_whole_chord(names: str | list[str], said: str) -> None:
    with pytest.raises(KeyNameError, match=said.replace("+", r"\+")):
        chord(names)


def test_a_huge_name_is_refused_quickly_and_briefly() -> None:
    with pytest.raises(KeyNameError) as caught:
        chord("x" * 1_000_000)
    assert len(str(caught.value)) < 200


def test_modifiers_take_modifiers_only() -> None:
    assert modifiers(()) == modifiers("") == ()
    assert modifiers(["Shift", "Control"]) == modifiers("shift+ctrl") == ("ctrl", "shift")
    assert modifiers(["ctrl", "ctrl"]) == ("ctrl",)
    with pytest.raises(KeyNameError, match="not c"):
        modifiers("ctrl+c")


@given(st.sets(st.sampled_from(sorted(MODIFIERS))), st.sampled_from(sorted(KEYS)), st.randoms())
def test_a_chord_reads_back_as_itself_in_any_order_and_form(held: set[str], key: str, random: object) -> None:
    names = [*sorted(held - {key}), key]
    expected = chord(names)
    assert set(expected) == set(names)
    assert chord(expected) == expected
    assert chord("+".join(expected)) == expected
    assert chord([name.upper() for name in reversed(names)]) == expected


@given(st.text(max_size=30) | st.text("ctrlshifta+-_ ", max_size=20))
def test_any_text_is_a_chord_or_a_key_name_error(text: str) -> None:
    try:
        keys_read = chord(text)
    except KeyNameError:
        return
    assert set(keys_read) <= KEYS
    assert chord(keys_read) == keys_read
