"""Names of sandboxes, and what a sandbox starts and stops."""

import os
from pathlib import Path

import pytest

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.sandbox.session import DEFAULT_SEED, SandboxDesktop, open_sandbox, parse_sandbox_name


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("sandbox:chat", ("chat", None, DEFAULT_SEED, False)),
        ("sandbox:chat?seed=7", ("chat", None, 7, False)),
        ("sandbox:chat/mute-chat", ("chat", "mute-chat", DEFAULT_SEED, False)),
        ("sandbox:form/pick-day?seed=12", ("form", "pick-day", 12, False)),
        ("sandbox-wayland:form/pick-day?seed=12", ("form", "pick-day", 12, True)),
    ],
)
def test_names(name: str, means: tuple[str, str | None, int, bool]) -> None:
    assert parse_sandbox_name(name) == means


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sandbox:mail", "no application 'mail'; choose chat, settings, form"),
        ("sandbox:chat/nosuch", "no task in chat 'nosuch'; choose uncheck-pinned-chat, mute-chat"),
        ("sandbox:", "expected sandbox:APP"),
        ("sandbox:chat?seed=x", "expected sandbox:APP"),
        ("sandbox:chat?seed=-1", "expected sandbox:APP"),
        ("sandbox:chat?sed=1", "expected sandbox:APP"),
        ("sandbox:chat/", "expected sandbox:APP"),
        ("chat", "expected sandbox:APP"),
    ],
)
def test_bad_names_list_the_choices(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_sandbox_name(name)


def test_unknown_ones_start_nothing() -> None:
    with pytest.raises(SettingsError, match="choose chat, settings, form"):
        open_sandbox("mail")


def test_a_sandbox_shows_its_task_and_leaves_nothing_behind() -> None:
    before = children()
    with open_sandbox("chat", size=(1024, 768)) as sandbox:
        assert sandbox.instruction == "uncheck the pinned chat"
        assert sandbox.task.name == "uncheck-pinned-chat"
        desktop = SandboxDesktop(sandbox, "sandbox:chat")
        assert desktop.grab().size == (1024, 768)
        assert desktop.geometry() == sandbox.desktop.geometry()
        check = desktop.check(sandbox.instruction, None)
        assert check is not None
        assert not check.passed
        assert "checked is True, not False" in check.reason
        assert desktop.check("do something else", None) is None
        assert children() > before
    sandbox.close()
    assert children() == before


def children() -> set[str]:
    """The processes that this one started and that still run."""
    tasks = Path(f"/proc/{os.getpid()}/task")
    return {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


def test_a_bad_reset_leaves_the_exercise_as_it_was() -> None:
    with open_sandbox("form", seed=2) as sandbox:
        with pytest.raises(SettingsError, match="no task in form 'x'"):
            sandbox.reset("x", 1)
        assert sandbox.exercise.seed == 2
        assert sandbox.state() == sandbox.exercise.start
