"""The queue: nothing is lost, nothing is done twice, and a person decides what nobody knows."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest
from project import ROOT

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.secrets import Redactor
from qvl_agent.agent.flows.queue import ENDED, Item, Queue, Written


def item(key: str, number: int, problem: str = "", **values: object) -> Item:
    return Item(key, number, values, problem)  # type: ignore[arg-type]


def made(path: Path, count: int = 3, only: str | None = None) -> Queue:
    """A queue of A1, A2 … in rows 2, 3 …"""
    items = [item(f"A{number}", number + 1, amount=number) for number in range(1, count + 1)]
    return Queue.create(path, items, flow_digest="flow", data_digest="data", only=only)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "done.queue"


@pytest.fixture
def queue(path: Path) -> Iterator[Queue]:
    with made(path) as queue:
        yield queue


def again(path: Path) -> Queue:
    """A new process's view, near enough: the worker's lock of the old one is free."""
    return Queue.open(path, flow_digest="flow", data_digest="data")


def taken(queue: Queue) -> str:
    found = queue.take("me")
    assert found is not None
    return found.key


def test_items_come_in_the_order_of_the_data_and_each_once(queue: Queue) -> None:
    keys = []
    while found := queue.take("me"):
        keys.append((found.key, found.number, found.data["amount"], found.after, found.tries))
        assert queue.finish(found.key, "done", {"id": f"id {found.key}"}) == "done"
    assert keys == [("A1", 2, 1, "", 1), ("A2", 3, 2, "", 1), ("A3", 4, 3, "", 1)]
    assert queue.counts() == {"done": 3}
    assert [(entry.key, entry.values) for entry in queue.items()] == [
        (key, {"id": f"id {key}"}) for key, *_ in keys
    ]


def test_a_worker_has_one_item_and_another_gets_the_next(queue: Queue, path: Path) -> None:
    assert taken(queue) == "A1"
    with pytest.raises(ValueError, match="A1 isn't finished"):
        queue.take("me")
    with again(path) as other:
        assert taken(other) == "A2"
        for change in (
            lambda: other.checkpoint("A1", {}),
            lambda: other.begin_once("A1", "1"),
            lambda: other.finish("A1", "done", {}),
        ):
            with pytest.raises(FlowError, match="A1 isn't this worker's"):
                change()
        assert other.recover() == ()
    assert queue.recover() == ("A2",)
    assert queue.counts() == {"working": 1, "waiting": 2}


def test_a_dead_workers_item_waits_from_its_beginning(queue: Queue, path: Path) -> None:
    with again(path) as dead:
        key = taken(dead)
        dead.checkpoint(key, {"id": 7})
        assert dead.item(key).values == {"id": 7}
    found = queue.take("me")
    assert found is not None
    assert (found.key, found.after, found.values, found.tries) == (key, "", {}, 2)


def test_it_goes_on_after_the_last_once_step_that_is_done(queue: Queue, path: Path) -> None:
    with again(path) as dead:
        key = taken(dead)
        for step in ("2.1", "2.4[1]"):
            dead.begin_once(key, step)
            dead.end_once(key, step, {"saved": step})
        dead.checkpoint(key, {"saved": "later"})
    found = queue.take("me")
    assert found is not None
    assert (found.key, found.after, found.values) == (key, "2.4[1]", {"saved": "2.4[1]"})
    for step in ("2.1", "2.4[1]"):
        with pytest.raises(FlowError, match="is done already"):
            queue.begin_once(key, step)
    assert queue.finish(key, "application-error", {}) == "application-error"
    assert queue.again() == 1
    found = queue.take("me")
    assert found is not None
    assert (found.after, found.values) == ("2.4[1]", {"saved": "2.4[1]"}), "a retry does nothing twice either"


def test_what_was_begun_and_never_ended_is_parked(queue: Queue, path: Path) -> None:
    with again(path) as dead:
        key = taken(dead)
        dead.begin_once(key, "2")
        dead.end_once(key, "2", {"first": 1})
        dead.begin_once(key, "3")
    assert queue.recover() == (key,)
    entry = queue.item(key)
    assert (entry.status, entry.where, entry.values) == ("parked", "3", {"first": 1})
    assert "nobody knows whether it was done" in entry.message
    assert queue.again(business=True) == 0, "no retry overrides that"
    assert taken(queue) == "A2"


@pytest.mark.parametrize("status", ENDED)
def test_no_end_overrides_an_unknown_fate(queue: Queue, status: str) -> None:
    key = taken(queue)
    queue.begin_once(key, "2")
    with pytest.raises(FlowError, match="was begun already"):
        queue.begin_once(key, "2")
    assert queue.finish(key, status, {}, "the screen froze", "4") == "parked"  # type: ignore[arg-type]
    entry = queue.item(key)
    assert (entry.status, entry.where) == ("parked", "2")
    assert entry.message.startswith("the screen froze; step 2 was begun")


def test_a_step_that_sent_nothing_may_be_begun_again(queue: Queue) -> None:
    key = taken(queue)
    queue.begin_once(key, "2")
    queue.withdraw_once(key, "2")
    queue.begin_once(key, "2")
    queue.end_once(key, "2", {})
    for call in (lambda: queue.withdraw_once(key, "2"), lambda: queue.end_once(key, "9", {})):
        with pytest.raises(FlowError, match="wasn't begun"):
            call()
    assert queue.finish(key, "done", {}) == "done"


def test_a_person_settles_what_is_parked(queue: Queue) -> None:
    for answer in ("done", "again"):
        key = taken(queue)
        queue.begin_once(key, "2")
        queue.finish(key, "parked", {"id": 5})
        queue.resolve(key, answer)  # type: ignore[arg-type]
        with pytest.raises(FlowError, match="not parked"):
            queue.resolve(key, "done")
    assert (queue.item("A1").status, queue.item("A1").values) == ("done", {"id": 5})
    assert queue.item("A2").status == "waiting"
    found = queue.take("me")
    assert found is not None
    assert (found.key, found.after, found.values) == ("A2", "", {})
    queue.begin_once("A2", "2")
    with pytest.raises(FlowError, match="no item A9"):
        queue.resolve("A9", "done")
    with pytest.raises(ValueError, match="expected done or again"):
        queue.resolve("A1", "maybe")  # type: ignore[arg-type]


def test_only_application_errors_are_retried_unless_asked(path: Path) -> None:
    with made(path, 4) as queue:
        for status in ("application-error", "business-error", "skipped", "done"):
            queue.finish(taken(queue), status, {"id": 1}, "why", "1.2")  # type: ignore[arg-type]
        assert queue.take("me") is None
        assert queue.again() == 1
        assert (queue.item("A1").status, queue.item("A1").message) == ("waiting", "")
        assert queue.again(business=True) == 1
        assert [entry.status for entry in queue.items()] == ["waiting", "waiting", "skipped", "done"]
        with pytest.raises(ValueError, match="expected one of done"):
            queue.finish(taken(queue), "waiting", {})


@pytest.mark.parametrize(
    ("only", "keys"),
    [
        ("A2", ["A2"]),
        ("A3, A1", ["A1", "A3"]),
        ("3-4", ["A2", "A3"]),
        ("4-", ["A3", "A4", "5-6"]),
        ("2-2,A4", ["A1", "A4"]),
        ("5-6", ["5-6"]),
        (None, ["A1", "A2", "A3", "A4", "5-6"]),
    ],
)
def test_a_run_takes_what_was_chosen(path: Path, only: str | None, keys: list[str]) -> None:
    items = [*(item(f"A{number}", number + 1) for number in range(1, 5)), item("5-6", 6)]
    with Queue.create(path, items, flow_digest="f", data_digest="d", only=only) as queue:
        assert [entry.key for entry in queue.items() if entry.chosen] == keys
        found = []
        while one := queue.take("me"):
            found.append(one.key)
            queue.finish(one.key, "done", {})
        assert found == keys
        assert queue.choose(None) == 5
        assert queue.counts().get("waiting", 0) == 5 - len(keys), "a later run takes the rest"


@pytest.mark.parametrize("only", ["A9", "A1,A9", "20-30", "", "0-3", "3-2"])
def test_a_choice_of_nothing_is_refused_and_leaves_no_queue(path: Path, only: str) -> None:
    with pytest.raises(FlowError, match="no item"):
        made(path, only=only)
    assert list(path.parent.iterdir()) == []


def test_a_bad_row_is_a_business_error_once_it_is_chosen(path: Path) -> None:
    items = [item("A1", 2), item("A2", 3, "row 3 shows #N/A"), item("A3", 4, "row 4 has a cell too many")]
    with Queue.create(path, items, flow_digest="f", data_digest="d", only="A1,A2") as queue:
        assert queue.counts() == {"waiting": 2, "business-error": 1}
        assert queue.item("A2").message == "row 3 shows #N/A"
        assert queue.again(business=True) == 0, "again wouldn't help"
        queue.choose(None)
        assert queue.counts() == {"waiting": 1, "business-error": 2}


def test_two_items_of_one_key_make_no_queue(path: Path) -> None:
    with pytest.raises(FlowError, match="rows 2 and 9 have one key, 'A1'"):
        Queue.create(path, [item("A1", 2), item("A1", 9)], flow_digest="f", data_digest="d")
    assert list(path.parent.iterdir()) == []


def test_it_is_made_whole_once_and_for_its_owner_alone(queue: Queue, path: Path) -> None:
    taken(queue)
    queue.begin_once("A1", "1")
    before = path.read_bytes()
    with pytest.raises(FlowError, match="is there already"):
        made(path)
    assert path.read_bytes() == before
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
    queue.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name], "one file, and no lock left"


def test_it_goes_on_only_with_what_it_was_made_of(queue: Queue, path: Path) -> None:
    with pytest.raises(FlowError, match="another version of the flow"):
        Queue.open(path, flow_digest="other", data_digest="data")
    with pytest.raises(FlowError, match="the data was changed"):
        Queue.open(path, flow_digest="flow", data_digest="other")
    Queue.open(path).close()


def test_what_isnt_a_queue_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="no queue"):
        Queue.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    (tmp_path / "text").write_text("number,amount\n" * 100)
    (tmp_path / "empty").write_bytes(b"")
    connection = sqlite3.connect(tmp_path / "other")
    connection.executescript("CREATE TABLE made_of (flow, data); PRAGMA user_version = 1")
    connection.close()
    for name in ("text", "empty", "other"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(FlowError, match="isn't a"):
            Queue.open(tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_later_version_and_a_broken_file_are_refused(queue: Queue, path: Path) -> None:
    queue.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(FlowError, match="of version 2"):
        Queue.open(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(FlowError, match=r"broken|isn't a queue"):
        list(Queue.open(path).items())


def test_a_folder_that_isnt_there(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match="can't write the queue"):
        made(tmp_path / "no" / "done.queue")


def test_values_come_back_as_they_were(queue: Queue) -> None:
    values = {
        "text": "=1+1 ü 中\n",
        "whole": 10**30,
        "number": 0.1,
        "money": Written("12.50"),
        "yes": True,
        "nothing": None,
        "day": date(2024, 2, 29),
        "time": datetime.fromisoformat("2024-02-29T12:30"),
        "list": [1, date(2024, 1, 1), {"date": "no date"}],
        "map": {"map": {"written": "1.0"}},
    }
    key = taken(queue)
    queue.finish(key, "done", values)
    back = queue.item(key).values
    assert back == values
    assert {name: type(value) for name, value in back.items()} == {
        name: type(value) for name, value in values.items()
    }
    assert str(back["money"]) == "12.50"
    with pytest.raises(ValueError, match="Out of range"):
        queue.finish(taken(queue), "done", {"x": float("nan")})
    assert queue.counts() == {"done": 1, "working": 1, "waiting": 1}


def test_secrets_are_covered_in_messages_and_variables(path: Path) -> None:
    redact = Redactor({"erp-pin": "hunter2-pin"}).text
    with Queue.create(path, [item("A1", 2)], flow_digest="f", data_digest="d", redact=redact) as queue:
        key = taken(queue)
        queue.checkpoint(key, {"seen": "the pin hunter2-pin", "list": ["hunter2-pin"]})
        queue.begin_once(key, "1")
        queue.end_once(key, "1", {"map": {"x": "hunter2-pin"}})
        queue.finish(key, "application-error", {"read": "hunter2-pin"}, "typed hunter2-pin")
    assert b"hunter2" not in path.read_bytes()


def test_corrected_data_is_taken_up(path: Path) -> None:
    items = [item(f"K{number}", number, amount=number) for number in range(2, 9)]
    items[2] = item("K4", 4, "row 4 shows #N/A", amount=None)
    with Queue.create(path, items, flow_digest="f", data_digest="old") as queue:
        queue.finish(taken(queue), "done", {})  # K2
        key = taken(queue)  # K3
        queue.begin_once(key, "1")
        queue.end_once(key, "1", {})
        queue.finish(key, "application-error", {})
        queue.finish(taken(queue), "business-error", {})  # K5
        queue.finish(taken(queue), "business-error", {})  # K6
        changed = [item("NEW", 2, amount=1)]
        changed += [item(f"K{number}", number + 1, amount=number * 10) for number in (2, 3, 4, 5)]
        changed.append(item("K6", 7, amount=6))
        assert queue.renew(changed, "new") == {"added": 1, "changed": 2, "kept": 3, "removed": 2}
        assert [(entry.key, entry.number, entry.status, entry.data["amount"]) for entry in queue.items()] == [
            ("NEW", 2, "waiting", 1),
            ("K2", 3, "done", 2),
            ("K3", 4, "application-error", 3),
            ("K4", 5, "waiting", 40),
            ("K5", 6, "waiting", 50),
            ("K6", 7, "business-error", 6),
            ("K7", 7, "skipped", 7),
            ("K8", 8, "skipped", 8),
        ]
        with pytest.raises(FlowError, match="the key 'K2' of another row"):
            queue.renew([item("K2", 2), item("K2", 3)], "newer")
    Queue.open(path, data_digest="new").close()


def test_rows_that_only_have_numbers_cant_be_renewed(path: Path) -> None:
    items = [item("2", 2), item("3", 3)]
    with (
        Queue.create(path, items, flow_digest="f", data_digest="d") as queue,
        pytest.raises(FlowError, match="name a key column"),
    ):
        queue.renew([item("2", 2)], "new")


def test_a_workers_lock_that_was_removed_lets_it_send_nothing_more(queue: Queue, path: Path) -> None:
    """A person who tidies up hidden files mustn't cause an item to be done twice."""
    key = taken(queue)
    for file in path.parent.glob(f".{path.name}.*.worker"):
        file.unlink()
    with again(path) as other:
        assert taken(other) == key
        with pytest.raises(FlowError, match="isn't this worker's"):
            queue.begin_once(key, "2")
        other.finish(key, "done", {})


def test_reading_doesnt_keep_others_from_working(queue: Queue, path: Path) -> None:
    going = queue.items()
    next(going)
    with again(path) as other:
        other.finish(taken(other), "done", {})
    assert [entry.key for entry in going] == ["A2", "A3"]


@pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX does")
def test_workers_that_are_killed_lose_nothing_and_do_nothing_twice() -> None:
    script = ROOT / "benchmarks/flows_queue.py"
    done = subprocess.run(
        [sys.executable, str(script), "--kills", "12", "--items", "12", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["twice"], found["lost"], found["wrong lines"]) == (0, 0, 0)
    assert found["kills"] >= 12
    assert found["items"] >= 12
    assert found["once steps"] > 0
