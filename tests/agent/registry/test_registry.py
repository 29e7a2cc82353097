"""What names mean, and that no other package can take over a built-in one."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from qvl_agent.actions.core import SettingsError
from qvl_agent.agent.registry import desktop_kind, lookup, model_kind
from qvl_agent.agent.registry.kinds import DesktopKind
from qvl_agent.agent.settings import load_settings


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("local", "local"),
        (":1", "local"),
        (":1.0", "local"),
        ("sandbox:chat/mute-chat?seed=7", "sandbox"),
        ("vnc://127.0.0.1:5901", "vnc"),
    ],
)
def test_what_a_desktops_name_means(name: str, kind: str) -> None:
    assert desktop_kind(name).name == kind


@pytest.mark.parametrize("name", ["", "Local", "sandbox", "ftp://127.0.0.1:3389", "localhost:0"])
def test_what_no_kind_claims_is_refused(name: str) -> None:
    listed = r"choose local, an X display \(:1\), a Wayland session \(wayland-1\), sandbox"
    with pytest.raises(SettingsError, match=listed):
        desktop_kind(name)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, "auto"),
        ({"model": "auto"}, "auto"),
        ({"model": "oracle"}, "oracle"),
        ({"model": "nano"}, "nano"),
        ({"model": "8b-fp8"}, "checkpoint"),
        ({"model": "Qwen/Qwen3-VL-4B-Instruct"}, "checkpoint"),
        ({"model": "./oracle"}, "checkpoint"),
        ({"model": "http://127.0.0.1:8000/v1"}, "server"),
        ({"server": "http://127.0.0.1:8000/v1"}, "server"),
        ({"server": "http://127.0.0.1:8000/v1", "model": "nano"}, "server"),
        ({"server": "http://127.0.0.1:8000/v1", "model": "oracle"}, "server"),
    ],
)
def test_what_settings_mean(settings: dict[str, object], kind: str) -> None:
    assert model_kind(load_settings(settings)).name == kind


@pytest.mark.parametrize(
    ("recorded", "name"),
    [
        ("local :0", ":0"),
        ("local :1.0", ":1"),
        ("local", "local"),
        (":3", ":3"),
        ("sandbox:chat?seed=3", "sandbox:chat?seed=3"),
        ("gone:7", "local"),
    ],
)
def test_where_a_recorded_run_goes_on(recorded: str, name: str) -> None:
    assert lookup.reopened(recorded) == name


def test_the_programs_own_models_are_known_by_name_and_refuse_other_desktops() -> None:
    for name in ("nano", "oracle"):
        assert lookup.our_model(name)
        assert "sandbox" in lookup.about_model(name)
        lookup.check_pair(load_settings({"model": name}), "sandbox:form")
        for elsewhere in ("local", "local :0", ":1", "", "mine:sandbox:chat"):
            with pytest.raises(SettingsError, match="sandbox"):
                lookup.check_pair(load_settings({"model": name}), elsewhere)
    for other in ("8b", "server", "auto", "checkpoint"):
        assert lookup.our_model(other) is None
        lookup.check_pair(load_settings({"model": other}), "local")


THIEF = DesktopKind(
    name="local", usage="", claims=lambda _: True, open=lambda *_: pytest.fail("it was asked")
)
GREEDY = DesktopKind(
    name="greedy", usage="", claims=lambda _: True, open=lambda *_: pytest.fail("it was asked")
)


def test_another_package_takes_over_no_built_in_name(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [
        EntryPoint("a", f"{__name__}:THIEF", lookup.DESKTOP_GROUP),
        EntryPoint("b", f"{__name__}:GREEDY", lookup.DESKTOP_GROUP),
    ]
    kinds = dict(zip(points, (THIEF, GREEDY), strict=True))
    monkeypatch.setattr(lookup, "entry_points", lambda *, group: points)
    monkeypatch.setattr(lookup, "_load", lambda point, _: kinds[point])
    lookup.desktop_kinds.cache_clear()
    try:
        assert desktop_kind("local").name == "local"
        assert desktop_kind("local") is not THIEF
        assert desktop_kind("sandbox:chat").name == "sandbox"
        assert desktop_kind("anything else") is GREEDY
        assert "there is a kind called 'local' already" in caplog.text
    finally:
        lookup.desktop_kinds.cache_clear()


BROKEN = DesktopKind(
    name="broken",
    usage="broken:",
    claims=lambda _: 1 / 0 > 0,
    open=lambda *_: pytest.fail("it was asked"),
    reopen=lambda _: pytest.fail("it was asked"),
)


def test_another_package_that_fails_or_exits_takes_no_name_with_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    (tmp_path / "exits_at_import.py").write_text("import sys\nsys.exit('no')\n")
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("a", "exits_at_import:KIND", lookup.DESKTOP_GROUP),
        EntryPoint("b", f"{__name__}:BROKEN", lookup.DESKTOP_GROUP),
    ]
    monkeypatch.setattr(lookup, "entry_points", lambda *, group: points)
    lookup.desktop_kinds.cache_clear()
    try:
        assert desktop_kind("local").name == "local"
        with pytest.raises(SettingsError, match=r"no desktop 'ftp://x'; choose .*broken:"):
            desktop_kind("ftp://x")
    finally:
        lookup.desktop_kinds.cache_clear()
    assert "exits_at_import:KIND" in caplog.text
    assert "the kind broken of another package failed" in caplog.text
