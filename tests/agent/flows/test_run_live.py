"""A flow in a real window: killed, gone on with, shown and replayed; and no secret stays."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from canaries import canary, needles
from order_form import OrderForm
from text_fields import wait_until

from qvl_agent.actions.desktops import open_local
from qvl_agent.actions.execution.person import CallablePerson
from qvl_agent.actions.planning.placeholders import SecretValue
from qvl_agent.actions.secrets.vault import Vault
from qvl_agent.agent.flows.api import Flow
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.work import queue_file
from qvl_agent.agent.run.events import RunEvent
from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")
FLOW = """\
flow: Orders
data: {file: rows.csv, key: number}
steps:
- for_each: row
  steps:
  - type: {into: Number, text: "${row.number}", clear: true}
  - click: Save
    once: true
    then: {see: "Order ${row.number} saved", within: 3s}
output: {file: done.csv, columns: [number, status]}
"""


def qvl(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words], cwd=home, env=around(home, **more), capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=120,
    )  # fmt: skip


def around(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home), **more}


def options(screen: VirtualDisplay) -> tuple[str, ...]:
    return ("--desktop", screen.name, "--takeover", "ignore", "--runs", "runs")


@pytest.mark.nightly
def test_a_run_that_is_killed_behind_a_click_parks_its_item_and_the_rest_is_done_once(
    tmp_path: Path, screen: VirtualDisplay
) -> None:
    flow = tmp_path / "x.flow.yaml"
    flow.write_text(FLOW.replace("3s", "60s").replace("saved", "approved"))
    (tmp_path / "rows.csv").write_text("number\n4711\n4712\n")
    command = [PROGRAM, "flow", "run", "x.flow.yaml", *options(screen)]
    with OrderForm(screen.environment(), tmp_path / "log") as form:
        with subprocess.Popen(command, cwd=tmp_path, env=around(tmp_path), stdout=subprocess.PIPE) as running:
            wait_until(lambda: form.pressed == ["Save 4711"], "the click", 60)
            running.send_signal(signal.SIGKILL)
        open_ = qvl(tmp_path, "flow", "run", "x.flow.yaml", *options(screen))
        assert open_.returncode == 2
        assert "go on with --resume" in open_.stderr
        left = qvl(tmp_path, "flow", "items", "x.flow.yaml")
        assert "4711  parked" in left.stdout, left
        settled = qvl(tmp_path, "flow", "items", "x.flow.yaml", "--done", "4711")
        assert settled.returncode == 0, settled.stderr
        changed = FLOW
        flow.write_text(changed)
        other = qvl(tmp_path, "flow", "run", "x.flow.yaml", "--resume", *options(screen))
        assert "another version of the flow" in other.stderr
        fresh = qvl(tmp_path, "flow", "run", "x.flow.yaml", "--fresh", "--items", "4712", *options(screen))
        assert fresh.returncode == 0, fresh.stdout + fresh.stderr
        assert form.pressed == ["Save 4711", "Save 4712"]
    assert (tmp_path / "done.csv").read_text("utf-8-sig").splitlines() == ["number,status", "4712,done"]
    run = max((tmp_path / "runs").iterdir())
    assert qvl(tmp_path, "replay", str(run)).returncode == 0
    assert qvl(tmp_path, "show", str(run)).returncode == 0
    resumed = qvl(tmp_path, "resume", str(run))
    assert resumed.returncode == 2
    assert "qvl-agent flow run" in resumed.stderr
    assert not queue_file(load(flow), tmp_path / "rows.csv").exists(), (
        "the queue lies in the person's own home"
    )


def test_no_value_of_a_secret_stays_in_any_file(tmp_path: Path, screen: VirtualDisplay) -> None:
    value = "".join(each for each in canary(0) if each.isascii() and each.isalnum()) + "Zq7x"
    flow = tmp_path / "x.flow.yaml"
    flow.write_text(
        "flow: Log in\nsecrets: [erp-pin]\nsteps:\n"
        '- type: {into: Number, text: "{{secret:erp-pin}}"}\n- click: New\n'
        "- check: {see: Nowhere, within: 1s}\n"
    )
    events: list[RunEvent] = []
    with (
        closing(open_local(screen.name)) as desktop,
        OrderForm(screen.environment(), tmp_path / "log", ("Cancel", "New", "Other")) as form,
    ):
        done = Flow.load(flow).run(
            desktop,
            person=CallablePerson(lambda _: True),
            secrets=Vault({"erp-pin": SecretValue(value, "order_form.py")}),
            runs=tmp_path / "runs",
            subscribers=(events.append,),
        )
        assert form.pressed == [f"New {value}"], done.result.message
    assert done.status == "failed"
    texts = [file.read_bytes() for file in (tmp_path / "runs").rglob("*") if file.is_file()]
    assert len(texts) > 5
    texts.append(repr(events).encode())
    assert not [needle for needle in needles(value) for text in texts if needle in text]


@pytest.mark.parametrize("flag", [("--resume",), ("--only-failed",), ("--items", "1")])
def test_a_flow_without_rows_has_none_to_go_on_with(tmp_path: Path, flag: tuple[str, ...]) -> None:
    (tmp_path / "x.flow.yaml").write_text("flow: x\nsteps:\n- press: a\n")
    said = qvl(tmp_path, "flow", "run", "x.flow.yaml", *flag)
    assert said.returncode == 2
    assert f"run it without {flag[0]}" in said.stderr


def test_a_run_that_found_not_even_its_first_target_can_be_shown(
    tmp_path: Path, screen: VirtualDisplay
) -> None:
    (tmp_path / "x.flow.yaml").write_text('flow: x\nsteps:\n- {click: "Nowhere", within: 0s}\n')
    assert qvl(tmp_path, "flow", "run", "x.flow.yaml", *options(screen)).returncode == 1
    run = str(next((tmp_path / "runs").iterdir()))
    shown = qvl(tmp_path, "show", run)
    assert shown.returncode == 0, shown.stderr
    replayed = qvl(tmp_path, "replay", run)
    assert (replayed.returncode, "nothing was compared" in replayed.stdout) == (1, True)
