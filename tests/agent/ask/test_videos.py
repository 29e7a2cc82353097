"""Videos as the model is shown them: real files by FFmpeg's own encoders, and Qwen's code for the layout."""

import itertools
import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_runs import Writer, chat_screen, grounded, manifest, noise
from tiny_checkpoint import TEXT, _model
from transformers.models.qwen3_vl.processing_qwen3_vl import Qwen3VLProcessor

from qvl_agent.actions.core.coordinates import ModelBox, Rect
from qvl_agent.actions.core.errors import RecordingError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.agent.ask.clips import (
    MOST_PER_FRAME,
    TOTAL_TOKENS,
    Clip,
    Moment,
    as_parts,
    frame_tokens,
    marker,
    read_run,
)
from qvl_agent.agent.ask.videos import read_video
from qvl_agent.agent.recording.format import RunResult
from qvl_agent.agent.recording.recording import Recorder, Recording

SIZE = (320, 256)
STEP = 8
"""The grey of a film's frame is its place times this, so that a picture tells its time."""


def film(
    path: Path,
    times: list[float],
    *,
    codec: str = "libx264",
    key_every: int = 12,
    greys: list[int] | None = None,
    pictures: list[np.ndarray] | None = None,
    sound: tuple[float, float] | None = None,
    setting: Callable[[av.VideoStream], None] = lambda _: None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video whose frame at `times[i]` has the grey 8 * i, or `greys[i]`, or is `pictures[i]`.

    `sound` is when silence begins and ends; `setting` says more of the stream, `options` of the container.
    """
    with av.open(path, "w", options=options) as container:
        stream = container.add_stream(codec, rate=Fraction(25))
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = key_every
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        setting(stream)
        silence = container.add_stream("aac", rate=8000) if sound else None
        for place, seconds in enumerate(times):
            grey = greys[place] if greys else STEP * place
            pixels = pictures[place] if pictures else np.full((SIZE[1], SIZE[0], 3), grey, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(seconds * 1000), Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
        for begin in range(int(sound[0] * 8000), int(sound[1] * 8000), 1024) if sound else ():
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            quiet.sample_rate, quiet.pts, quiet.time_base = 8000, begin, Fraction(1, 8000)
            container.mux(silence.encode(quiet))
        if silence:
            container.mux(silence.encode())
    return path


def read(path: Path, fps: float = 2.0, max_frames: int = 32, tokens: int = 2048) -> Clip:
    return read_video(path, fps=fps, max_frames=max_frames, max_picture_tokens=tokens)


def grey(moment: Moment) -> float:
    return float(moment.frame.pixels.mean())


def places(clip: Clip, step: int = STEP) -> list[int]:
    """Which frame of the film each moment shows."""
    return [round(grey(moment) / step) for moment in clip.moments]


# --- how it is said


@pytest.mark.parametrize(
    ("seconds", "plain", "hms"),
    [
        (0.0, "<0.0 seconds>", "<00:00:00.0>"),
        (3.04, "<3.0 seconds>", "<00:00:03.0>"),
        (59.96, "<60.0 seconds>", "<00:01:00.0>"),
        (3725.5, "<3725.5 seconds>", "<01:02:05.5>"),
    ],
)
def test_times_are_written_as_qwen_writes_them(seconds: float, plain: str, hms: str) -> None:
    assert marker(seconds) == plain
    assert marker(seconds, "hms") == hms


def test_the_layout_is_that_of_qwens_own_processor() -> None:
    """The same text as its processor makes of a video whose frames each come twice."""
    seconds = [0.0, 0.5, 3.0, 61.25]
    clip = Clip(tuple(Moment(at, noise(1, 64, 64)) for at in seconds), 62.0)
    mine = "".join(
        f"<|vision_start|>{'<|video_pad|>' * 4}<|vision_end|>" if isinstance(part, Frame) else part
        for part in as_parts(clip)
    )
    processor = SimpleNamespace(
        video_processor=SimpleNamespace(merge_size=2, temporal_patch_size=2),
        vision_start_token="<|vision_start|>",
        vision_end_token="<|vision_end|>",
        video_token="<|video_pad|>",
    )
    processor._calculate_timestamps = lambda *args: Qwen3VLProcessor._calculate_timestamps(processor, *args)
    doubled = [round(at * 4) for at in seconds for _ in range(2)]
    inputs = {
        "video_grid_thw": np.array([[len(seconds), 4, 4]]),
        "video_metadata": [SimpleNamespace(fps=4, frames_indices=doubled)],
    }
    assert mine == Qwen3VLProcessor.replace_video_token(processor, inputs, 0)


def test_to_the_model_a_frame_twice_is_a_picture() -> None:
    """The same tokens, positions and logits, as pictures behind times and as a video of doubled frames."""
    model = _model(moe=False, shape=TEXT).float()
    patches = torch.randn(3 * 16, 1536, generator=torch.Generator().manual_seed(1))
    assert patches.shape[1] == 3 * 2 * 16 * 16, "a patch holds two moments; both are the same in a picture"
    start, end, said = 151652, 151653, [27, 15, 13, 15, 6486, 29]

    def logits(pad: int, kind: int, name: str, grid: list[list[int]]) -> torch.Tensor:
        ids = torch.tensor(
            [[*itertools.chain.from_iterable([*said, start, *[pad] * 4, end] for _ in range(3)), 198]]
        )
        return model(
            input_ids=ids,
            mm_token_type_ids=(ids == pad).int() * kind,
            **{
                f"pixel_values{name}": patches,
                f"{'video' if name else 'image'}_grid_thw": torch.tensor(grid),
            },
        ).logits

    with torch.inference_mode():
        pictures = logits(151655, 1, "", [[1, 4, 4]] * 3)
        video = logits(151656, 2, "_videos", [[3, 4, 4]])
    torch.testing.assert_close(pictures, video, rtol=1e-4, atol=1e-5)


@given(st.integers(1, 768), st.integers(64, 4096))
def test_all_frames_together_stay_within_the_budget(count: int, most: int) -> None:
    each = frame_tokens(count, most)
    assert 1 <= each <= min(MOST_PER_FRAME, most)
    assert each * count <= TOTAL_TOKENS


# --- what is taken out of a file


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")],
)
def test_frames_are_taken_evenly_with_their_true_times(tmp_path: Path, name: str, codec: str) -> None:
    path = film(tmp_path / name, [place / 10 for place in range(30)], codec=codec)
    clip = read(path)
    assert clip.seconds == pytest.approx(3.0, abs=0.11)
    times = [moment.seconds for moment in clip.moments]
    assert times == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 2.9]), "the last one is always among them"
    assert places(clip) == pytest.approx([0, 5, 10, 15, 20, 25, 29], abs=1 if codec == "libvpx" else 0)


def test_more_than_allowed_are_spread_to_the_last(tmp_path: Path) -> None:
    clip = read(film(tmp_path / "a.mp4", [place / 10 for place in range(30)]), fps=10, max_frames=4)
    assert [moment.seconds for moment in clip.moments] == pytest.approx([0, 1, 2, 2.9], abs=0.05)
    assert places(clip)[0] == 0
    assert places(clip)[-1] in (28, 29)
    assert places(read(tmp_path / "a.mp4", max_frames=1)) == [0]


def test_a_screen_that_stays_is_shown_as_long_as_it_stays(tmp_path: Path) -> None:
    """Screen recorders write a frame where something changes, and nothing while nothing does."""
    path = film(tmp_path / "a.mkv", [0.0, 0.9, 4.1, 4.2, 6.0])
    clip = read(path, fps=1)
    assert places(clip)[:6] == [0, 1, 1, 1, 1, 3]
    assert clip.moments[1].frame is clip.moments[4].frame, "an unchanged picture is encoded once"


@pytest.mark.parametrize("key_every", [5, 1000])
def test_long_videos_are_jumped_through_to_the_same_frames(tmp_path: Path, key_every: int) -> None:
    times = [float(second) for second in range(0, 240, 2)]
    path = film(tmp_path / "a.mp4", times, key_every=key_every, greys=[2 * place for place in range(120)])
    clip = read(path, max_frames=6)
    shown = [moment.seconds for moment in clip.moments]
    assert np.diff(shown).min() > 40
    assert places(clip, 2) == pytest.approx([int(at / 2) for at in shown], abs=1)


def test_frames_fit_the_model_and_the_budget(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [place / 10 for place in range(30)])
    (first, *_) = read(path).moments
    assert first.frame.size == SIZE
    (small, *_) = read(path, tokens=40).moments
    assert small.frame.size == (224, 160)
    assert not small.frame.pixels.flags.writeable


# --- over how long


LATE = [0.0, 50.0, 58.0]
"""A screen recording with a frame where something changes, 60 s long; the last change lasts 2 s."""


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.flv", "a.ts"])
def test_a_recording_with_a_frame_for_each_change_is_seen_to_its_end(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, [*LATE, 60.0], greys=[0, 80, 160, 160])
    clip = read(path)
    assert clip.seconds == pytest.approx(60, abs=1.1 if name == "a.ts" else 0.1), "FFmpeg guesses a TS's end"
    assert len(clip.moments) == 32
    for moment in clip.moments:
        right = 160 if moment.seconds >= 58 else 80 if moment.seconds >= 50 else 0
        assert grey(moment) == pytest.approx(right, abs=3), moment.seconds
    assert [moment.seconds for moment in clip.moments][:2] == pytest.approx([0, 60 / 31], abs=0.05)
    every = read(path, fps=1, max_frames=100)
    assert [round(grey(every.moments[at]) / 80) for at in (49, 50, 57, 58, -1)] == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("times", [[0.0, 9.0, 9.5], [0.0, 0.4], [0.0, 0.01], [0.0, 29.9, 29.95]])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_the_last_frame_is_always_seen_however_late(tmp_path: Path, name: str, times: list[float]) -> None:
    clip = read(film(tmp_path / name, times, greys=[0, 80, 160][-len(times) :]))
    assert grey(clip.moments[-1]) == pytest.approx(160, abs=3)
    assert clip.moments[-1].seconds == pytest.approx(times[-1], abs=0.002), "with the time of its change"
    assert len(clip.moments) <= 32


def test_a_last_frame_that_stays_is_shown_once_more_only_while_it_is_sampled(tmp_path: Path) -> None:
    clip = read(film(tmp_path / "a.mp4", [*LATE, 60.0], greys=[0, 80, 160, 160]), fps=0.1)
    assert [round(moment.seconds) for moment in clip.moments] == [0, 10, 20, 30, 40, 50, 60]
    assert round(grey(clip.moments[-1])) in range(157, 164)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv", "a.ts"])
@pytest.mark.parametrize("start", [5.0, 3600.0])
def test_a_clock_that_starts_late_shifts_nothing(tmp_path: Path, name: str, start: float) -> None:
    path = film(
        tmp_path / name, [start + place / 5 for place in range(25)], greys=[9 * at for at in range(25)]
    )
    clip = read(path, fps=1)
    assert clip.seconds == pytest.approx(5, abs=0.25)
    assert [moment.seconds for moment in clip.moments] == pytest.approx([0, 1, 2, 3, 4, 4.8], abs=0.21)
    assert places(clip, 9) == [0, 5, 10, 15, 20, 24]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mkv", {"live": "1"}),
        ("a.webm", {"live": "1"}),
        ("a.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof+skip_sidx+skip_trailer"}),
    ],
)
def test_what_is_written_while_it_is_recorded_has_no_length_and_is_seen_whole(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    times = [place / 2 for place in range(24)]
    path = film(tmp_path / name, times, codec=codec, greys=[10 * at for at in range(24)], options=options)
    clip = read(path, fps=1)
    assert clip.seconds == pytest.approx(12, abs=0.6)
    assert [moment.seconds for moment in clip.moments] == pytest.approx([*range(12), 11.5])
    assert places(clip, 10) == pytest.approx([*range(0, 24, 2), 23], abs=1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_may_go_on_and_may_begin_first(tmp_path: Path, name: str) -> None:
    """A player shows the last picture while the sound goes on, and times count from where the file starts."""
    times = [place / 5 for place in range(25)]
    greys = [9 * at for at in range(25)]
    longer = read(film(tmp_path / name, times, greys=greys, sound=(0, 9)), fps=1)
    assert [moment.seconds for moment in longer.moments][:5] == pytest.approx([0, 1, 2, 3, 4])
    assert places(longer, 9)[:6] == [0, 5, 10, 15, 20, 24]
    assert set(places(longer, 9)[5:]) == {24}
    first = film(tmp_path / name, [2 + at for at in times], greys=greys, sound=(0, 7))
    clip = read(first, fps=1)
    assert [moment.seconds for moment in clip.moments][:5] == pytest.approx([2, 3, 4, 5, 6], abs=0.15)
    assert places(clip, 9)[:5] == [0, 5, 10, 15, 20]


def edited(path: Path, *, start_ms: int, length_ms: int) -> Path:
    """Cut a film of PyAV's by its edit list, as phones do: nothing is encoded anew."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4 + 4
    assert struct.unpack_from(">I", data, at)[0] == 1
    timescale = struct.unpack_from(">I", data, data.index(b"mdhd") + 4 + 12)[0]
    _, start, _ = struct.unpack_from(">IiI", data, at + 4)
    struct.pack_into(">Ii", data, at + 4, length_ms, start + start_ms * timescale // 1000)
    path.write_bytes(data)
    return path


def test_what_an_edit_list_cuts_off_is_not_shown(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", [place / 5 for place in range(25)], greys=[9 * at for at in range(25)])
    clip = read(edited(tmp_path / "a.mp4", start_ms=1000, length_ms=3000), fps=1)
    assert clip.seconds == pytest.approx(3, abs=0.1)
    assert [moment.seconds for moment in clip.moments] == pytest.approx([0, 1, 2, 2.8], abs=0.01)
    assert places(clip, 9) == [5, 10, 15, 19]


def test_a_recording_that_was_cut_off_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", [place / 5 for place in range(25)], options={"live": "1"})
    path.write_bytes(path.read_bytes()[:-200])
    clip = read(path, fps=1)
    assert clip.seconds > 3
    assert places(clip)[:4] == [0, 5, 10, 15]


# --- which way up, and in which shape


CORNERS = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
"""Upright: white at the top left, mid-grey at the top right, else black."""
CORNERS[: SIZE[1] // 2, : SIZE[0] // 2] = 255
CORNERS[: SIZE[1] // 2, SIZE[0] // 2 :] = 128


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_video_is_shown_as_it_was_held(tmp_path: Path, name: str, turn: int, mirrored: bool) -> None:
    """The matrix is written by FFmpeg's own function, from a turn against the clock, then a mirror."""
    path = film(
        tmp_path / name, [0.0, 0.1], pictures=[CORNERS, CORNERS],
        setting=lambda stream: stream.set_display_rotation(turn, hflip=mirrored),
    )  # fmt: skip
    pixels = read(path).moments[0].frame.pixels
    right = np.rot90(CORNERS, turn // 90)
    right = right[:, ::-1] if mirrored else right
    assert read(path).moments[0].frame.size == ((256, 320) if turn in (90, 270) else (320, 256))
    assert np.abs(pixels.astype(int) - right).mean() < 4


def test_a_matrix_in_the_track_turns_a_phones_video(tmp_path: Path) -> None:
    """The matrix that a phone held upright writes: [[0, 1], [-1, 0]], a quarter turn with the clock."""
    path = film(tmp_path / "a.mp4", [0.0, 0.1], pictures=[CORNERS, CORNERS])
    data = bytearray(path.read_bytes())
    one = 1 << 16
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, 0, one, 0, -one, 0, 0, SIZE[1] * one, 0, 1 << 30)
    path.write_bytes(data)
    frame = read(path).moments[0].frame
    assert frame.size == (256, 320)
    assert np.abs(frame.pixels.astype(int) - np.rot90(CORNERS, -1)).mean() < 4


@pytest.mark.parametrize(
    ("name", "aspect", "turn", "size"),
    [
        ("a.mp4", Fraction(2), 0, (640, 256)),
        ("a.mkv", Fraction(2), 0, (640, 256)),
        ("a.ts", Fraction(2), 0, (640, 256)),
        ("a.mp4", Fraction(1, 2), 0, (320, 512)),
        ("a.mp4", Fraction(2), 90, (256, 640)),
        ("a.mkv", Fraction(2), 90, (256, 640)),
        ("a.mp4", Fraction(1), 0, (320, 256)),
    ],
)
def test_pixels_that_are_not_square_are_stretched(
    tmp_path: Path, name: str, aspect: Fraction, turn: int, size: tuple[int, int]
) -> None:
    def setting(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = aspect
        if turn:
            stream.set_display_rotation(turn)

    path = film(tmp_path / name, [0.0, 0.1], pictures=[CORNERS, CORNERS], setting=setting)
    frame = read(path).moments[0].frame
    assert frame.size == size
    white = (
        frame.pixels[: size[1] // 2 - 8, : size[0] // 2 - 8] if not turn else frame.pixels[size[1] // 2 + 8 :]
    )
    assert white.mean() > 60


# --- what isn't a video


def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    cut = film(tmp_path / "whole.mp4", [place / 10 for place in range(30)])
    cut.write_bytes(cut.read_bytes()[:1000])
    for path in (text, cut, tmp_path / "none.mp4", tmp_path):
        with pytest.raises(SettingsError, match=re.escape(str(path))) as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.flv"])
def test_a_damaged_video_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    codec = "mpeg4" if name == "a.avi" else "libx264"
    path = film(tmp_path / name, [place / 10 for place in range(10)], codec=codec)
    whole, chance = path.read_bytes(), random.Random(name)
    for _ in range(12):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 3, 20))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged[: chance.choice((len(whole), chance.randrange(len(whole))))])
        why = refusal(path)
        assert why is None or ("\n" not in why and "Errno" not in why and str(path) in why)


def refusal(path: Path) -> str | None:
    """Why a file is refused; None if it is read."""
    try:
        read(path)
    except SettingsError as error:
        return str(error)
    return None


def test_a_codec_that_nobody_knows_is_named(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [0.0, 0.1])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzz9").replace(b"avcC", b"zzzC"))
    with pytest.raises(SettingsError, match=r"a codec that FFmpeg doesn't know; save it"):
        read(path)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    with pytest.raises(SettingsError, match="no pictures"):
        read(path)


def test_a_file_that_names_others_opens_none_of_them(tmp_path: Path) -> None:
    """Playlists can name files and addresses; FFmpeg would follow."""
    secret = film(tmp_path / "secret.ts", [0.0, 0.5, 1.0])
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{secret}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{secret.name}'\n"
    for name, text in (("a.m3u8", playlist), ("a.mp4", playlist), ("b.ffconcat", concat)):
        (tmp_path / name).write_text(text)
        with pytest.raises(SettingsError, match="neither a picture nor a video"):
            read(tmp_path / name)
    with pytest.raises(SettingsError):
        read(Path(f"concat:{secret}"))
    assert read(secret).moments


def test_a_video_that_claims_too_much_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = film(tmp_path / "a.mp4", [0.0, 0.1])
    monkeypatch.setattr("qvl_agent.agent.ask.videos.MAX_PIXELS", SIZE[0] * SIZE[1] - 1)
    with pytest.raises(SettingsError, match="claims 320x256"):
        read(path)


def test_without_pyav_the_remedy_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['av'] = None\n"
        "from pathlib import Path\n"
        "from qvl_agent.agent.ask.videos import read_video\n"
        "from qvl_agent.actions.core.errors import DesktopError\n"
        "try: read_video(Path('a.mp4'), fps=1, max_frames=1, max_picture_tokens=64)\n"
        "except DesktopError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert "pip install 'qvl-agent[video]'" in done.stdout


# --- a recorded run


def run_of(tmp_path: Path, screens: list[Frame]) -> Recording:
    with Recorder.create(tmp_path, manifest()) as recorder:
        writer = Writer(recorder)
        for frame in screens:
            writer.play(frame, Reply(grounded("click", ModelBox.of(1, 1, 9, 9), label="it")))
        recorder.result(RunResult(status="done", steps=len(screens), seconds=9.5))
    return Recording.open(recorder.folder)


def test_a_run_is_a_video_of_its_screens(tmp_path: Path) -> None:
    screens = [chat_screen(frozenset({1})), chat_screen(frozenset({1})), chat_screen(frozenset())]
    recording = run_of(tmp_path, screens)
    clip = read_run(recording, max_frames=32, max_picture_tokens=2048)
    times = [step.intent.frame.time for step in recording.steps]
    assert [moment.seconds for moment in clip.moments] == [max(0.0, times[0]), max(0.0, times[2])]
    assert clip.seconds == 9.5
    assert clip.moments[0].frame.size == (1120, 672), "735 of 768 tokens"


def test_a_long_run_is_thinned_and_keeps_its_ends(tmp_path: Path) -> None:
    recording = run_of(tmp_path, [noise(seed) for seed in range(9)])
    clip = read_run(recording, max_frames=3, max_picture_tokens=2048)
    ids = [step.intent.frame.id for step in recording.steps]
    assert [moment.frame.id for moment in clip.moments] == [ids[0], ids[4], ids[8]]


def test_close_ups_are_no_moments_of_a_run(tmp_path: Path) -> None:
    screen = chat_screen(frozenset())
    part = Frame(screen.pixels[:200, :300], Rect(0, 0, 1280, 800))
    clip = read_run(run_of(tmp_path, [screen, part]), max_frames=9, max_picture_tokens=2048)
    assert len(clip.moments) == 1


def test_a_damaged_run_is_an_error(tmp_path: Path) -> None:
    recording = run_of(tmp_path, [noise(1)])
    (recording.folder / "frames" / "0001.png").write_bytes(b"")
    with pytest.raises(RecordingError):
        read_run(recording, max_frames=9, max_picture_tokens=2048)
