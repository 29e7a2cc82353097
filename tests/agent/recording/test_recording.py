"""The run on disk: what was acknowledged is found again, and what was tampered with is refused."""

import dataclasses
import hashlib
import io
import json
import os
import re
import resource
import shutil
import stat
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import Writer, chat_run, chat_screen, grounded, manifest, noise, small_run
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from project import SUPPORT
from pytest_mock import MockerFixture

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.agent.recording.format import FrameRef, RunResult, StepIntent, StepOutcome
from qvl_agent.agent.recording.journal import Journal, read_journal
from qvl_agent.agent.recording.png import MAX_PIXELS, decode, encode
from qvl_agent.agent.recording.recording import Recorder, Recording, turns

REPLY = Reply(grounded("done"))


def intent(step: int, ref: FrameRef, reply: Reply = REPLY, approval: str = "") -> StepIntent:
    return StepIntent(step=step, frame=ref, said=(), reply=reply, action=None, approval=approval)


def bodies(folder: Path) -> list[bytes]:
    return read_journal(folder / "journal.jsonl")[0]


def rewrite(folder: Path, lines: list[bytes]) -> None:
    """Write a journal whose checksums are right, as a forger would."""
    (folder / "journal.jsonl").unlink()
    journal = Journal(folder / "journal.jsonl")
    for line in lines:
        journal.append(line)
    journal.close()


# --- what is written is read back


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    run = chat_run(tmp_path)
    first, second = run.steps
    assert run.manifest == manifest()
    assert first.intent.action is not None
    assert first.intent.action.label == "王小明's pin"
    assert first.intent.reply.times == {"first_token": 0.6, "total": 1.23}
    assert first.intent.scene is not None
    assert first.outcome.outcome.change is not None
    assert first.outcome.outcome.change.boxes == (FrameBox(160, 192, 192, 224),)
    assert run.result is not None
    assert run.result.verified is True
    assert run.torn == ""
    assert np.array_equal(run.frame(first.intent.frame).pixels, chat_screen(frozenset({1, 4})).pixels)
    assert np.array_equal(run.frame(second.intent.frame).pixels, chat_screen(frozenset({4})).pixels)


def test_a_frame_keeps_its_id_view_and_time_in_the_run(tmp_path: Path) -> None:
    pixels = noise(1, 200, 100).pixels
    frame = Frame(pixels, Rect(-100, 50, 150, 100), 2.0, FramePoint(40, 60))
    with Recorder.create(tmp_path, manifest()) as recorder:
        ref = recorder.ref(frame)
        recorder.intent(intent(1, ref))
    read = Recording.open(recorder.folder).frame(ref)
    assert (read.id, read.view) == (frame.id, frame.view)
    assert read.time == ref.time
    assert abs(ref.time) < 60


def test_the_folder_is_named_by_time_and_task_and_is_its_owners_alone(tmp_path: Path) -> None:
    with Recorder.create(tmp_path / "runs", manifest("Öffne 设置 / ../etc  now!")) as recorder:
        recorder.intent(intent(1, recorder.ref(noise(1))))
    assert re.fullmatch(r"\d{8}-\d{6}-öffne-设置-etc-now-[0-9a-f]{4}", recorder.folder.name)
    for path in [recorder.folder, *recorder.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    names = sorted(str(path.relative_to(recorder.folder)) for path in recorder.folder.rglob("*"))
    assert names == ["frames", "frames/0001.png", "journal.jsonl", "manifest.json"]


def test_a_task_without_letters_and_one_of_a_thousand_still_name_a_folder(tmp_path: Path) -> None:
    for task in ("???", "x" * 1000, "\udcff", ""):
        with Recorder.create(tmp_path, manifest(task)) as recorder:
            recorder.intent(intent(1, recorder.ref(noise(1))))
        assert Recording.open(recorder.folder).manifest.task == task.replace("\udcff", "?")


@pytest.mark.fault(66)
def test_runs_of_one_second_never_share_a_folder(tmp_path: Path, mocker: MockerFixture) -> None:
    mocker.patch("time.strftime", return_value="20260102-030405")
    mocker.patch("secrets.token_hex", side_effect=["aaaa", "aaaa", "aaaa", "bbbb"])
    with Recorder.create(tmp_path, manifest()) as one, Recorder.create(tmp_path, manifest()) as two:
        assert {one.folder.name[-4:], two.folder.name[-4:]} == {"aaaa", "bbbb"}


def test_the_journal_is_json_lines(tmp_path: Path) -> None:
    folder = small_run(tmp_path).folder
    for line in (folder / "journal.jsonl").read_text("utf-8").splitlines():
        assert json.loads(line)["line"]["type"] in ("intent", "outcome", "result")


def test_equal_frames_are_stored_once(tmp_path: Path) -> None:
    one, other = noise(1), noise(2)
    again = Frame(one.pixels.copy(), one.monitor)
    back = Frame(one.pixels.copy(), one.monitor)
    with Recorder.create(tmp_path, manifest()) as recorder:
        refs = [recorder.ref(frame) for frame in (one, again, other, back)]
    assert [ref.file for ref in refs] == [f"frames/000{n}.png" for n in (1, 1, 2, 1)]
    assert len({ref.id for ref in refs}) == 4
    assert len(list((recorder.folder / "frames").iterdir())) == 2


def test_keeping_a_frame_and_asking_for_it_twice_gives_one_reference(tmp_path: Path) -> None:
    frame = noise(1)
    with Recorder.create(tmp_path, manifest()) as recorder:
        recorder.keep(frame)
        recorder.keep(frame)
        assert recorder.ref(frame) is recorder.ref(frame)
        assert (recorder.folder / recorder.ref(frame).file).exists()


def test_messages_become_turns_and_come_back_as_messages(tmp_path: Path) -> None:
    frame = noise(1)
    told = (Message("system", ("be exact",)), Message("user", (frame, "the task")))
    with Recorder.create(tmp_path, manifest()) as recorder:
        ref = recorder.ref(frame)
        for step, messages in ((1, told), (2, (Message("user", ("go on",)),))):
            recorder.intent(
                StepIntent(step=step, frame=ref, said=turns(messages, recorder), reply=REPLY, action=None)
            )
    run = Recording.open(recorder.folder)
    messages = run.messages(run.steps[1])
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert [message.text for message in messages] == ["be exact", "the task", REPLY.text, "go on"]
    assert np.array_equal(messages[1].pictures[0].pixels, frame.pixels)
    assert len(run.messages(run.steps[0])) == 2


@pytest.mark.parametrize(
    "text", ["\x00\x1b[31m\u202e", "\ud800 alone", "x" * 1_000_000, "</script>\n\r\u2028"]
)
def test_whatever_a_model_says_is_recorded(tmp_path: Path, text: str) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        recorder.intent(intent(1, recorder.ref(noise(1)), Reply(text, reasoning=text)))
    recorded = Recording.open(recorder.folder).steps[0].intent.reply
    assert recorded.text == recorded.reasoning == text.replace("\ud800", "?")


def test_a_number_that_is_no_number_is_not_recorded(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        ref = recorder.ref(noise(1))
        with pytest.raises(RecordingError, match="StepIntent"):
            recorder.intent(intent(1, ref, dataclasses.replace(REPLY, times={"total": float("nan")})))
        recorder.intent(intent(1, ref))
    assert len(Recording.open(recorder.folder).steps) == 1


# --- what a crash leaves


def test_no_acknowledged_line_is_lost_to_sigkill(tmp_path: Path) -> None:
    script = SUPPORT / "killed_writer.py"
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), "24", "7"], check=True, capture_output=True, text=True
    )
    lost_nothing = 0
    for line in done.stdout.splitlines():
        folder, acknowledged = line.rsplit(" ", 1)
        kept = len(bodies(Path(folder)))
        assert kept >= int(acknowledged), folder
        if kept:
            Recording.open(folder).check_frames()
            lost_nothing += 1
    assert lost_nothing >= 12, "most children should have written something before they were killed"


@pytest.mark.fault(61)
def test_a_line_cut_off_anywhere_is_dropped_and_reported(tmp_path: Path) -> None:
    journal = small_run(tmp_path, steps=2).folder / "journal.jsonl"
    whole = journal.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    for size in range(start, len(whole)):
        journal.write_bytes(whole[:size])
        kept, torn = read_journal(journal)
        assert len(kept) == 4
        assert bool(torn) == (size > start)
    run = Recording.open(journal.parent)
    assert (len(run.steps), run.result) == (2, None)
    assert "line 5 was cut off" in run.torn


@pytest.mark.fault(61)
def test_a_hole_at_the_end_is_a_torn_line_too(tmp_path: Path) -> None:
    journal = small_run(tmp_path, steps=1).folder / "journal.jsonl"
    whole = journal.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    journal.write_bytes(whole[:start] + bytes(40) + whole[start + 40 :])
    kept, torn = read_journal(journal)
    assert (len(kept), torn != "") == (2, True)


@pytest.mark.fault(60)
def test_every_flipped_bit_is_found_and_its_line_named(tmp_path: Path) -> None:
    journal = small_run(tmp_path, steps=1).folder / "journal.jsonl"
    whole = bytearray(journal.read_bytes())
    for at in range(len(whole)):
        number = whole.count(b"\n", 0, at) + 1
        whole[at] ^= 1 << (at % 8)
        journal.write_bytes(whole)
        with pytest.raises(RecordingError, match=f"line {number}: damaged"):
            read_journal(journal)
        whole[at] ^= 1 << (at % 8)


@pytest.mark.fault(62)
def test_a_lost_doubled_or_exchanged_line_is_found(tmp_path: Path) -> None:
    journal = small_run(tmp_path, steps=2).folder / "journal.jsonl"
    first, second, third, *rest = journal.read_bytes().splitlines(keepends=True)
    for lines, number in (
        ([first, third, *rest], 2),
        ([first, first, second, third, *rest], 2),
        ([first, third, second, *rest], 2),
        ([second, third, *rest], 1),
    ):
        journal.write_bytes(b"".join(lines))
        with pytest.raises(RecordingError, match=f"line {number}: damaged"):
            Recording.open(journal.parent)


def test_an_intent_without_an_outcome_is_unknown(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        ref = recorder.ref(noise(1))
        recorder.intent(intent(1, ref))
        recorder.intent(intent(2, ref, approval="a1"))
    one, two = Recording.open(recorder.folder).steps
    assert one.outcome.outcome.status == two.outcome.outcome.status == "unknown"
    assert "nothing was sent" in one.outcome.outcome.detail
    assert "may have been sent" in two.outcome.outcome.detail


def test_an_interrupted_append_leaves_no_half_line(tmp_path: Path, mocker: MockerFixture) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        ref = recorder.ref(noise(1))
        recorder.intent(intent(1, ref))
        interrupted = mocker.patch(
            "qvl_agent.agent.recording.journal.os.fsync", side_effect=KeyboardInterrupt
        )
        with pytest.raises(KeyboardInterrupt):
            recorder.outcome(StepOutcome(step=1, outcome=Outcome("done")))
        mocker.stop(interrupted)
        recorder.outcome(StepOutcome(step=1, outcome=Outcome("failed")))
    run = Recording.open(recorder.folder)
    assert [step.outcome.outcome.status for step in run.steps] == ["failed"]


@pytest.mark.fault(65)
def test_a_full_disk_is_an_error_and_costs_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        ref = recorder.ref(noise(1))
        recorder.intent(intent(1, ref))
        size = (recorder.folder / "journal.jsonl").stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        try:
            with pytest.raises(RecordingError, match="can't write"):
                recorder.intent(intent(2, ref))
            with pytest.raises(RecordingError, match="can't store a frame"):
                recorder.ref(noise(2, 400, 400))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert len(list((recorder.folder / "frames").iterdir())) == 1
        recorder.intent(intent(2, recorder.ref(noise(2, 400, 400))))
    run = Recording.open(recorder.folder)
    assert [step.intent.step for step in run.steps] == [1, 2]
    run.check_frames()


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.fault(65)
def test_a_disk_that_fills_up_stops_the_run_before_anything_else_is_sent(small_disk: Path) -> None:
    acknowledged = 0
    with Recorder.create(small_disk, manifest()) as recorder:
        with pytest.raises(RecordingError, match="No space left"):  # noqa: PT012 - any of them may be the one
            for step in range(1, 100):
                recorder.intent(intent(step, recorder.ref(noise(step, 100, 100))))
                acknowledged = step
        recorder.result(RunResult(status="crashed"))
    run = Recording.open(recorder.folder)
    assert len(run.steps) == acknowledged > 5
    assert run.result is not None
    run.check_frames()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="name another folder"):
        Recorder.create(tmp_path / "file", manifest())


def test_a_closed_recorder_refuses_and_closes_twice(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, manifest())
    ref = recorder.ref(noise(1))
    recorder.close()
    recorder.close()
    with pytest.raises(RecordingError, match="closed"):
        recorder.keep(noise(2))
    with pytest.raises(RecordingError):
        recorder.intent(intent(1, ref))


# --- what a stranger may have done


def test_a_folder_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing", Path(__file__), "\0"):
        with pytest.raises(RecordingError):
            Recording.open(path)


@pytest.mark.fault(63)
def test_another_version_is_refused_by_both_names(tmp_path: Path) -> None:
    folder = small_run(tmp_path).folder
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace('"format": 1', '"format": 7'))
    with pytest.raises(RecordingError, match=r"version 7 of the format.* reads version 1"):
        Recording.open(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda facts: facts | {"extra": 1},
        lambda facts: facts | {"policy": {"profile": "anything goes"}},
        lambda facts: {name: facts[name] for name in facts if name != "task"},
        lambda facts: [facts],
    ],
)
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, change: object) -> None:
    path = small_run(tmp_path).folder / "manifest.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(RecordingError, match=r"manifest\.json"):
        Recording.open(path.parent)


def test_a_manifest_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    path = small_run(tmp_path).folder / "manifest.json"
    path.write_text("[" * 100_000)
    with pytest.raises(RecordingError):
        Recording.open(path.parent)


@pytest.mark.fault(67)
def test_a_recording_without_a_step_is_refused(tmp_path: Path) -> None:
    recorder = Recorder.create(tmp_path, manifest())
    recorder.close()
    with pytest.raises(RecordingError, match="no step"):
        Recording.open(recorder.folder)
    rewrite(recorder.folder, [b'{"type": "result", "status": "done"}'])
    with pytest.raises(RecordingError, match="no step"):
        Recording.open(recorder.folder)


@pytest.mark.parametrize(
    ("order", "line"),
    [
        ((1, 0), 1),
        ((0, 1, 1), 3),
        ((0, 0), 2),
        ((2, 3, 0, 1), 3),
        ((4, 0, 1), 2),
        ((0, 1, 4, 4), 4),
        ((0, 3), 2),
    ],
    ids=[
        "outcome first",
        "two outcomes",
        "a step twice",
        "backwards",
        "after the end",
        "two ends",
        "crossed",
    ],
)
def test_lines_in_no_order_that_a_run_writes_are_refused(
    tmp_path: Path, order: tuple[int, ...], line: int
) -> None:
    folder = small_run(tmp_path, steps=2).folder
    lines = bodies(folder)
    rewrite(folder, [lines[index] for index in order])
    with pytest.raises(RecordingError, match=rf"journal\.jsonl, line {line}:"):
        Recording.open(folder)


@pytest.mark.fault(55)
@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "../0001.png",
        "frames/../../x.png",
        "frames/CON",
        "CON",
        "NUL.png",
        "frames/0001.png\n",
        "frames\\0001.png",
        "C:\\x.png",
        "//host/share/1.png",
        "frames/0001.png:stream",
        "frames//0001.png",
        "manifest.json",
        "",
    ],
)
def test_no_reference_leads_out_of_the_folder(tmp_path: Path, file: str) -> None:
    folder = small_run(tmp_path, steps=1).folder
    name = json.dumps(file).encode()
    rewrite(folder, [line.replace(b'"frames/0001.png"', name) for line in bodies(folder)])
    with pytest.raises(RecordingError, match="file"):
        Recording.open(folder)


@pytest.mark.fault(55)
def test_links_are_refused_wherever_they_stand(tmp_path: Path) -> None:
    for number, name in enumerate(("frames/0001.png", "frames", "journal.jsonl", "manifest.json")):
        run = small_run(tmp_path / str(number))
        elsewhere = tmp_path / f"elsewhere-{number}"
        shutil.move(run.folder / name, elsewhere)
        (run.folder / name).symlink_to(elsewhere)
        with pytest.raises(RecordingError, match="link"):
            Recording.open(run.folder).check_frames()


def test_what_is_no_run_is_said_with_what_to_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in (
        (tmp_path / "gone", "No such file"),
        (tmp_path, "no manifest"),
        (tmp_path / "file", "no manifest"),
    ):
        with pytest.raises(RecordingError, match=f"{why}.*; name a run's folder") as refused:
            Recording.open(path)
        assert "Errno" not in str(refused.value)


def test_a_link_to_a_run_is_followed(tmp_path: Path) -> None:
    run = small_run(tmp_path / "runs")
    (tmp_path / "latest").symlink_to(run.folder)
    assert Recording.open(tmp_path / "latest").folder == run.folder.resolve()


@pytest.mark.fault(55)
def test_a_pipe_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    for number, name in enumerate(("frames/0001.png", "journal.jsonl", "manifest.json")):
        run = small_run(tmp_path / str(number))
        (run.folder / name).unlink()
        os.mkfifo(run.folder / name)
        with pytest.raises(RecordingError, match="plain file"):
            Recording.open(run.folder).check_frames()


@pytest.mark.fault(59)
def test_a_changed_missing_or_cut_picture_is_refused(tmp_path: Path) -> None:
    run = small_run(tmp_path, steps=1)
    path = run.folder / "frames/0001.png"
    png = path.read_bytes()
    flipped = bytearray(png)
    flipped[len(png) // 2] ^= 4
    for broken in (bytes(flipped), png[:-12], png[: len(png) // 2], b"", png + b"\0"):
        path.write_bytes(broken)
        with pytest.raises(RecordingError, match=r"0001\.png"):
            run.check_frames()
    path.unlink()
    with pytest.raises(RecordingError, match=r"0001\.png"):
        run.check_frames()


def forged(run: Recording, png: bytes) -> Recording:
    """Put another picture in place, with a fitting checksum."""
    (run.folder / "frames/0001.png").write_bytes(png)
    old, new = run.steps[0].intent.frame.sha256, hashlib.sha256(png).hexdigest()
    rewrite(run.folder, [line.replace(old.encode(), new.encode()) for line in bodies(run.folder)])
    return Recording.open(run.folder)


def header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", len(data) - 4)
        + data
        + struct.pack(">I", zlib.crc32(data))
        + b"\0\0\0\0IEND\xaeB\x60\x82"
    )


@pytest.mark.fault(58)
def test_a_picture_of_20000_by_20000_is_refused_before_it_is_decoded(
    tmp_path: Path, mocker: MockerFixture
) -> None:
    run = small_run(tmp_path, steps=1)
    opened = mocker.spy(Image, "open")
    lying = forged(run, header(20_000, 20_000))
    with pytest.raises(RecordingError, match="20000x20000 is refused"):
        lying.check_frames()
    with pytest.raises(RecordingError, match="20000x20000 is refused"):
        decode(header(20_000, 20_000), (20_000, 20_000))
    assert opened.call_count == 0


def test_a_picture_of_another_size_than_recorded_is_refused(tmp_path: Path) -> None:
    run = forged(small_run(tmp_path, steps=1), encode(noise(9, 65, 48).pixels))
    with pytest.raises(RecordingError, match="expected a 64x48 RGB picture, got 65x48"):
        run.check_frames()


def saved(mode: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (64, 48)).save(file, **({"format": "PNG"} | options))
    return file.getvalue()


@pytest.mark.parametrize(
    "png",
    [
        pytest.param(saved("P"), id="palette"),
        pytest.param(saved("L"), id="grey"),
        pytest.param(saved("RGBA"), id="alpha"),
        pytest.param(saved("I;16"), id="16 bits"),
        pytest.param(saved("RGB", format="JPEG"), id="jpeg"),
        pytest.param(saved("RGB")[:-12], id="cut off"),
        pytest.param(header(64, 48), id="no pixels"),
        pytest.param(header(0, 0), id="no size"),
        pytest.param(b"", id="empty"),
        pytest.param(b"cos\nsystem\n(S'true'\ntR.", id="pickle"),
    ],
)
def test_only_whole_rgb_pngs_are_read(png: bytes) -> None:
    with pytest.raises(RecordingError):
        decode(png, (64, 48))


def test_a_frame_too_large_to_read_back_is_not_written() -> None:
    wide = np.broadcast_to(np.zeros((1, 1, 3), np.uint8), (8193, 8192, 3))
    with pytest.raises(RecordingError, match=f"{MAX_PIXELS} pixels are allowed"):
        encode(wide)


def test_a_view_that_no_picture_has_is_refused(tmp_path: Path) -> None:
    for broken in (b'"scale": 0.0', b'"scale": -1.0', b'"scale": NaN', b'"scale": 1e999'):
        folder = small_run(tmp_path, steps=1).folder
        rewrite(folder, [line.replace(b'"scale": 1.0', broken) for line in bodies(folder)])
        with pytest.raises(RecordingError, match="view"):
            Recording.open(folder)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32 - 1), st.booleans())
def test_every_pixel_survives_a_png(width: int, height: int, seed: int, cropped: bool) -> None:
    pixels = noise(seed, width, height).pixels
    if cropped:
        pixels = pixels[height // 3 :, width // 2 :]
    size = (pixels.shape[1], pixels.shape[0])
    assert np.array_equal(decode(encode(pixels), size), pixels)


def test_a_writer_and_its_steps_agree_with_the_reader(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        written = [Writer(recorder).play(noise(1), Reply("no action here, 500 and 300"))]
    read = Recording.open(recorder.folder)
    assert [step.intent for step in read.steps] == written
    assert read.steps[0].intent.error


@pytest.mark.parametrize("at", [20, 60, 200, -60, -17, -14])
def test_a_png_with_a_flipped_bit_is_refused(at: int) -> None:
    whole = bytearray(encode(noise(3, 64, 48).pixels))
    whole[at] ^= 1
    with pytest.raises(RecordingError):
        decode(bytes(whole), (64, 48))


def test_a_png_with_row_filters_and_notes_in_it_is_read_as_well() -> None:
    pixels = np.sort(noise(4, 64, 48).pixels, axis=1)
    notes = PngInfo()
    notes.add_text("Software", "another program")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", pnginfo=notes)
    filtered = file.getvalue()
    assert _filters(filtered, 64)
    assert np.array_equal(decode(filtered, (64, 48)), pixels)


def test_pixels_that_are_missing_or_too_many_are_refused() -> None:
    for rows in (47, 49):
        png = encode(noise(5, 64, rows).pixels)
        head = header(64, 48)
        with pytest.raises(RecordingError):
            decode(head + png[len(head) :], (64, 48))


def _filters(png: bytes, width: int) -> set[int]:
    at, packed = 8, b""
    while at < len(png):
        length = int.from_bytes(png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    return set(zlib.decompress(packed)[:: 1 + 3 * width]) - {0}
