"""`qvl-agent ask`: what is sent, what is printed where, and how it fails. The server is real, on loopback."""

import base64
import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pillow_heif
import pytest
from called import called
from made_runs import chat_run
from PIL import Image
from project import ROOT
from stream_server import Answering, StreamServer, delta, ending, says, serving
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.desktops.display_lock import hold_display
from qvl_agent.agent.ask.ask import VideoSampling, ask, look_at, region_of
from qvl_agent.agent.models.answer_schema import AnswerSchema
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.sandbox.display import VirtualDisplay

BIN = Path(sys.executable).parent
TOTAL = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
PAGE = "Here it is:\n```html\n<p>Hello</p>\n```"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a person may have lying about: pictures, a video, a recorded run, a schema."""
    for name, colour in (("photo.jpg", "red"), ("before.png", "green"), ("after.png", "blue")):
        Image.new("RGB", (320, 256), colour).save(tmp_path / name)
    scan = [Image.new("L", (320, 256), grey) for grey in (60, 120, 180)]
    scan[0].save(tmp_path / "scan.tif", save_all=True, append_images=scan[1:])
    for name in ("table.png", "mock-up.png"):
        Image.new("RGB", (640, 320), "white").save(tmp_path / name)
    with av.open(tmp_path / "recording.mp4", "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 256, "yuv420p"
        for grey in range(0, 200, 5):
            frame = av.VideoFrame.from_ndarray(np.full((256, 320, 3), grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (tmp_path / "total.json").write_text(json.dumps(TOTAL))
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "examples").symlink_to(ROOT / "sandbox" / "examples")
    return tmp_path


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with serving(says("It is ", "a picture.")) as running:
        yield running


def environment(folder: Path, server: StreamServer | None = None, **more: str) -> dict[str, str]:
    plain = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
    reached = {"QVL_AGENT_SERVER": server.base_url, "QVL_AGENT_MODEL": "qwen3-vl"} if server else {}
    return plain | reached | more


def run(
    folder: Path, server: StreamServer | None, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """In this process; in one of their own run the docs' examples, and what looks at a terminal or a pipe."""
    return called(["ask", *words], folder, environment(folder, server, **more))


def sent(server: StreamServer, at: int = -1) -> list[Any]:
    """The parts of a question's last turn as they came: texts, and pictures read back."""
    asked = [each for each in server.asked if each.path.endswith("/chat/completions")]
    content = asked[at].body["messages"][-1]["content"]
    if isinstance(content, str):
        return [content]
    return [part["text"] if part["type"] == "text" else picture(part["image_url"]["url"]) for part in content]


def picture(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))).convert("RGB")


# --- what is asked


def test_a_picture_stands_before_the_question_which_is_sent_as_it_is(
    folder: Path, server: StreamServer
) -> None:
    done = run(folder, server, "What's {{ this }}?", "photo.jpg")
    assert (done.returncode, done.stdout) == (0, "It is a picture.\n")
    shown, question = sent(server)
    assert question == "What's {{ this }}?"
    assert shown.size == (320, 256)
    assert shown.getpixel((9, 9))[0] > 200
    assert len(server.asked[-1].body["messages"]) == 1, "no word of ours comes between"
    assert server.asked[-1].body["max_tokens"] == 8192


def test_several_pictures_are_numbered(folder: Path, server: StreamServer) -> None:
    assert run(folder, server, "What changed?", "before.png", "after.png").returncode == 0
    parts = sent(server)
    assert [part for part in parts if isinstance(part, str)] == [
        "Picture 1: ",
        "Picture 2: ",
        "What changed?",
    ]
    assert [part.getpixel((9, 9)) for part in parts[1::2]] == [(0, 128, 0), (0, 0, 255)]


def test_pages_that_are_left_out_are_said(folder: Path, server: StreamServer) -> None:
    pages = [Image.new("L", (64, 96), grey) for grey in range(0, 100, 10)]
    pages[0].save(folder / "[bold]long.tif", "TIFF", save_all=True, append_images=pages[1:])
    note = "[bold]long.tif: pages 1 to 8 of 10 are shown; --pages names others"
    done = run(folder, server, "The total?", "[bold]long.tif")
    assert (done.returncode, done.stderr) == (0, note + "\n")
    assert sent(server)[0::2] == [*(f"Page {number}: " for number in range(1, 9)), "The total?"]
    as_json = run(folder, server, "The total?", "[bold]long.tif", "--json")
    assert (json.loads(as_json.stdout)["notes"], as_json.stderr) == ([note], "")
    assert run(folder, server, "The total?", "scan.tif", "--pages", "3").stderr == ""
    name, page, _ = sent(server)
    assert (name, page.getpixel((9, 9))[0]) == ("Page 3: ", 180)


def test_a_phones_photo_in_tiles_is_sent_whole(folder: Path, server: StreamServer) -> None:
    left, right = Image.new("RGB", (320, 512), "red"), Image.new("RGB", (320, 512), "blue")
    photo = Image.new("RGB", (640, 512))
    photo.paste(left, (0, 0))
    photo.paste(right, (320, 0))
    pillow_heif.from_pillow(photo).save(folder / "IMG_1.HEIC", tile_size=256)
    done = run(folder, server, "What?", "IMG_1.HEIC")
    assert (done.returncode, done.stderr) == (0, "")
    shown, _ = sent(server)
    assert shown.size == (640, 512)
    assert shown.getpixel((20, 20))[0] > 200
    assert shown.getpixel((620, 500))[2] > 200


def test_a_video_is_frames_behind_their_times(folder: Path, server: StreamServer) -> None:
    done = run(folder, server, "When is it bright?", "recording.mp4", "--fps", "1")
    assert done.returncode == 0
    assert "video: 5 frames of 4.0 s, 320x256 each" in done.stderr
    parts = sent(server)
    assert parts[0::2] == [
        "<0.0 seconds>",
        "<1.0 seconds>",
        "<2.0 seconds>",
        "<3.0 seconds>",
        "<3.9 seconds>",
        "When is it bright?",
    ]
    greys = [part.getpixel((9, 9))[0] for part in parts[1::2]]
    assert greys == pytest.approx([0, 50, 100, 150, 195], abs=3)


def test_times_may_be_written_in_hours_and_frames_may_be_few(folder: Path, server: StreamServer) -> None:
    assert (
        run(folder, server, "When?", "recording.mp4", "--times", "hms", "--max-frames", "2").returncode == 0
    )
    assert sent(server)[0::2] == ["<00:00:00.0>", "<00:00:03.9>", "When?"]


def test_a_recorded_run_is_a_video_of_its_screens(folder: Path, server: StreamServer) -> None:
    recording = chat_run(folder / "runs")
    assert run(folder, server, "When did it change?", str(recording.folder)).returncode == 0
    first, before, second, after, question = sent(server)
    assert question == "When did it change?"
    assert re.fullmatch(r"<\d+\.\d seconds>", first)
    assert re.fullmatch(r"<\d+\.\d seconds>", second)
    assert before.size == after.size
    assert before.tobytes() != after.tobytes()


def test_without_a_file_it_is_the_screen_even_while_an_agent_holds_it(
    folder: Path, server: StreamServer, display: VirtualDisplay
) -> None:
    with hold_display(display.name):
        done = run(folder, server, "What is this?", DISPLAY=display.name)
        assert done.returncode == 0, done.stderr
        assert sent(server)[0].size == (1280, 800)
        part = run(folder, server, "And here?", "--region", "100,200,640,320", "--desktop", display.name)
    assert part.returncode == 0, part.stderr
    assert sent(server)[0].size == (640, 320)
    assert not list(folder.rglob("journal.jsonl")), "nothing is recorded"


def test_a_sandbox_can_be_asked_about(folder: Path, server: StreamServer) -> None:
    assert run(folder, server, "What?", "--desktop", "sandbox:settings").returncode == 0
    assert len(np.unique(np.asarray(sent(server)[0]).reshape(-1, 3), axis=0)) > 20


def test_a_checkpoint_here_answers_too(folder: Path) -> None:
    small = checkpoint(folder / "tiny", says="A red picture.", words=FEW)
    done = run(folder, None, "What is this?", "photo.jpg", "--model", str(small))
    assert (done.returncode, done.stdout) == (0, "A red picture.\n"), done.stderr


# --- what is printed


def test_the_answer_streams_to_a_terminal(folder: Path) -> None:
    """The first piece is on the terminal while the server still holds the second back."""
    seen = threading.Event()

    def slowly(to: Answering) -> None:
        to.head()
        to.event(delta(content="It is "))
        assert seen.wait(60)
        to.event(delta(content="a \x1b]0;picture\x07."))
        to.event(ending())
        to.event("[DONE]")
        to.end()

    with serving(slowly) as server:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            ["qvl-agent", "ask", "What?", "photo.jpg"], cwd=folder, env=environment(folder, server),
            stdout=theirs, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs)
        text = b""
        while b"It is " not in text:
            text += os.read(ours, 1000)
        seen.set()
        _, errors = process.communicate(timeout=60)
        text += os.read(ours, 1000)
        os.close(ours)
    assert process.returncode == 0, errors
    assert text.decode() == "It is a ⟨U+001B⟩]0;picture⟨U+0007⟩.\r\n", "no word may steer the terminal"


def test_a_thinking_models_thoughts_are_no_part_of_the_answer(folder: Path) -> None:
    thoughtful = says("<think>\nRed?\n</think>\n\nIt is red.")
    with serving(thoughtful) as server:
        assert run(folder, server, "Colour?", "photo.jpg").stdout == "It is red.\n"


def test_code_alone_can_be_printed(folder: Path) -> None:
    with serving(says(PAGE)) as server:
        done = run(folder, server, "As HTML, please", "mock-up.png", "--code")
    assert (done.returncode, done.stdout) == (0, "<p>Hello</p>\n")


def test_a_machine_gets_the_facts_in_one_line(folder: Path, server: StreamServer) -> None:
    done = run(folder, server, "What?", "recording.mp4", "--json")
    (line,) = done.stdout.splitlines()
    said = json.loads(line)
    assert (said["event"], said["text"], said["value"]) == ("answer", "It is a picture.", None)
    assert said["reply_tokens"] == 5
    assert done.stderr == ""


# --- answers in a given form


def test_an_answer_that_fits_the_schema_is_printed_as_json(folder: Path) -> None:
    with serving(says('```json\n{"total": 42.1}\n```')) as server:
        done = run(folder, server, "The total?", "table.png", "--schema", "total.json")
        asked = server.asked[-1].body
    assert (done.returncode, json.loads(done.stdout)) == (0, {"total": 42.1})
    assert json.dumps(TOTAL) in sent(server)[-1]
    assert TOTAL in [value for key, value in walk(asked)], "the server is told the schema"


def walk(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    yield key, value
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield from walk(inner, name)


def test_an_answer_that_does_not_fit_may_be_mended_once(folder: Path) -> None:
    with serving(says('{"total": "42"}'), says('{"total": 42}')) as server:
        done = run(folder, server, "The total?", "table.png", "--schema", "total.json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"total": 42})
    turns = server.asked[-1].body["messages"]
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user"]
    assert turns[1]["content"] == '{"total": "42"}'
    assert "at total: '42' is not of type 'number'" in sent(server)[-1]


def test_twice_wrong_is_an_error_that_says_so(folder: Path) -> None:
    with serving(says("About \x1b[2J forty."), says("About \x1b[2J forty.")) as server:
        done = run(folder, server, "The total?", "table.png", "--schema", "total.json")
    assert (done.returncode, done.stdout) == (5, "")
    assert "two answers in a row don't fit the schema" in done.stderr
    assert "forty" in done.stderr
    assert "\x1b" not in done.stderr


def test_a_checkpoint_is_kept_to_the_schema_while_it_writes(folder: Path) -> None:
    """Random weights: what they say fits at the first try, or not at all."""
    schema = AnswerSchema(
        {
            "type": "object",
            "properties": {
                "kind": {"enum": ["table", "photo"]},
                "rows": {"type": "integer", "minimum": 0, "maximum": 9},
            },
            "required": ["kind", "rows"],
            "additionalProperties": False,
        }
    )
    small = checkpoint(folder / "tiny", words=FEW)
    parts = look_at([folder / "photo.jpg"], VideoSampling(max_picture_tokens=64)).parts
    model = TransformersModel(str(small), device="cpu", max_picture_tokens=64, max_new_tokens=64)
    try:
        answered = ask(model, "What is it?", parts, schema=schema)
        assert answered.value["kind"] in ("table", "photo")
        with pytest.raises(ModelError, match="don't fit the schema"):
            ask(model, "What is it?", parts, schema=schema, constrain="never")
    finally:
        model.close()


def test_a_cut_answer_never_fits(folder: Path) -> None:
    schema = AnswerSchema({})
    model = RecordedModel([Reply('{"total": 4', finish="length"), Reply('{"total": 4}', finish="length")])
    with pytest.raises(ModelError, match="cut off"):
        ask(model, "The total?", [], schema=schema)


# --- how it fails


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["What?", "nothing.png"], 2, "there is no nothing.png"),
        (["What?", "total.json"], 2, "neither a picture nor a video"),
        (["What?", "sandbox"], 2, "manifest.json"),
        (["What?", "photo.jpg", "--schema", "photo.jpg"], 2, "isn't JSON"),
        (["What?", "photo.jpg", "--region", "1,2,3,4"], 2, "--region"),
        (["What?", "--region", "1,2,3"], 2, "X,Y,W,H"),
        (["What?", "--region", "1,2,0,4"], 2, "X,Y,W,H"),
        (["What?", "photo.jpg", "--model", "oracle", "--server", ""], 2, "the oracle knows its tasks"),
        (["What?", "photo.jpg", "--model", "nano", "--server", ""], 2, "nano acts in the sandbox"),
        (["What?", "--desktop", "elsewhere"], 2, "no desktop"),
        (["What?", "--desktop", ":4321"], 69, ""),
        (["What?", "photo.jpg", "--max-frames", "0"], 2, "max-frames"),
        (["What?", "photo.jpg", "--pages", "2"], 2, "photo.jpg has 1 page; --pages names 2"),
        (["What?", "scan.tif", "--pages", "1-"], 2, "expected pages like 2 or 1-3,5"),
        (["What?", "recording.mp4", "--pages", "1"], 2, "recording.mp4 is a video"),
        (["What?", "--pages", "1"], 2, "name one, or leave it out"),
        ([" ", "photo.jpg"], 2, "say what to ask"),
    ],
)
def test_what_cannot_be_asked_is_one_clear_line(
    folder: Path, server: StreamServer, words: list[str], code: int, why: str
) -> None:
    done = run(folder, server, *words)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert why in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(each.path.endswith("/chat/completions") for each in server.asked)


def test_a_cut_answer_is_printed_and_says_that_it_is_cut(folder: Path) -> None:
    with serving(says("It is a", finish="length")) as server:
        done = run(folder, server, "What?", "photo.jpg")
    assert (done.returncode, done.stdout) == (5, "It is a\n")
    assert "--max-reply-tokens" in done.stderr


def test_no_answer_is_a_failure(folder: Path) -> None:
    with serving(says("")) as server:
        done = run(folder, server, "What?", "photo.jpg")
    assert done.returncode == 5
    assert "answered nothing" in done.stderr


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_thoughts_without_an_answer_are_shown_and_called_thoughts(folder: Path, key: str) -> None:
    with serving(says("The picture ", "is red.", key=key)) as server:
        done = run(folder, server, "What?", "photo.jpg")
        assert (done.returncode, done.stdout) == (5, "")
        assert "The picture is red." in done.stderr
        assert "wrote only its thoughts, and no answer; start the server without a reasoning" in done.stderr
        assert "answered nothing" not in done.stderr
        done = run(folder, server, "What?", "photo.jpg", "--json")
    facts = json.loads(done.stdout.splitlines()[0])
    assert (done.returncode, facts["text"], facts["reasoning"]) == (5, "", "The picture is red.")


def test_thoughts_without_an_answer_dont_fit_a_schema_and_are_called_thoughts(folder: Path) -> None:
    with serving(says("The picture is red.", key="reasoning")) as server:
        done = run(folder, server, "What?", "table.png", "--schema", "total.json")
    assert done.returncode == 5
    assert "there are only thoughts, and no answer" in done.stderr
    assert "The picture is red." in done.stderr


def test_the_persons_own_limits_hold(folder: Path, server: StreamServer) -> None:
    assert run(folder, server, "What?", "photo.jpg", "--max-reply-tokens", "77").returncode == 0
    assert server.asked[-1].body["max_tokens"] == 77
    own = folder / "own.toml"
    own.write_text("max_reply_tokens = 88\n")
    assert run(folder, server, "What?", "photo.jpg", "--config", str(own)).returncode == 0
    assert server.asked[-1].body["max_tokens"] == 88


# --- from Python


def test_the_parts_can_be_used_without_the_command_line(folder: Path) -> None:
    seen = look_at([folder / "photo.jpg", folder / "recording.mp4"], VideoSampling(fps=1, max_frames=2))
    parts, clips = seen.parts, seen.clips
    words = [part for part in parts if isinstance(part, str)]
    assert words == ["Picture 1: ", "Video 1: ", "<0.0 seconds>", "<3.9 seconds>"]
    assert sum(isinstance(part, Frame) for part in parts) == 3
    assert [clip.seconds for clip in clips] == [pytest.approx(4.0)]
    heard: list[str] = []
    answered = ask(RecordedModel([Reply("red")]), "Colour?", parts, on_text=heard.append)
    assert (answered.reply.text, answered.value, heard) == ("red", None, ["red"])


def test_a_region_is_four_whole_numbers() -> None:
    assert (region_of("-10, 20,30,40").left, region_of("-10, 20,30,40").height) == (-10, 40)
    for text in ("", "1,2,3,4,5", "a,b,c,d", "1,2,3.5,4", "1,2,-3,4"):
        with pytest.raises(SettingsError, match="X,Y,W,H"):
            region_of(text)


# --- the page


PAGE_OF_ASK = ROOT / "docs" / "ask.md"


def page_commands() -> list[str]:
    """The examples of all pages; test_docs.py leaves them to this one."""
    found = []
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))):
        text = page.read_text(encoding="utf-8")
        for block in re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            found += [line for line in block.splitlines() if line.startswith("qvl-agent ask")]
    return found


@pytest.mark.parametrize("command", page_commands())
def test_every_example_in_the_docs_works(command: str, folder: Path, display: VirtualDisplay) -> None:
    page = PAGE_OF_ASK.read_text(encoding="utf-8")
    (schema,) = re.findall(r"^```json\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    (folder / "table.json").write_text(schema)
    answer = '{"rows": [{"item": "Tea", "price": 4.5}]}' if "--schema" in command else PAGE
    with serving(says(answer)) as server:
        reached = environment(folder, server, DISPLAY=display.name)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=reached,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert any(isinstance(part, Image.Image) for part in sent(server))
    if ">" in command:
        assert (folder / command.rpartition("> ")[2]).read_text() == "<p>Hello</p>\n"
    else:
        assert done.stdout


def test_the_docs_have_examples() -> None:
    assert len(page_commands()) >= 6


def test_it_says_where_pictures_go_if_they_leave_this_machine(folder: Path, server: StreamServer) -> None:
    """A local server passes the pictures of a cloud model on."""
    done = run(folder, server, "What?", "photo.jpg", "--model", "qwen3-vl:235b-cloud", "--allow-remote")
    assert (done.returncode, done.stdout) == (0, "It is a picture.\n")
    note = "note: these pictures leave this machine: they go to qwen3-vl:235b-cloud's provider"
    assert done.stderr.splitlines()[0] == note
    assert "leave this machine" not in run(folder, server, "What?", "photo.jpg").stderr
