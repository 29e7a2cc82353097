"""The page of a run: whole in itself, honest about the ending, and deaf to what a model puts into it."""

import stat
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_runs import Writer, chat_run, chat_screen, eventful_run, grounded, manifest, noise, small_run

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.planning.action import (
    Answer,
    Ask,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.agent.recording.format import RunResult
from qvl_agent.agent.recording.recording import Recorder, Recording
from qvl_agent.agent.report.html import seconds
from qvl_agent.agent.report.page import ending, render_report, write_report
from qvl_agent.agent.wording import MAX_SHOWN, action_words, shortened, visible

VOID = {"meta", "img", "link", "br", "input"}
SHAPES = {"rect", "path", "circle"}
HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% for x in run %}{{ x }}{% endfor %}",
    "</pre></details></article><h1>Done, verified</h1>",
    "javascript:alert(1)",
    "]]><!--",
]


class Page(HTMLParser):
    """A page taken apart: its tags, attributes and text; fails on a tag that isn't closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def marks(self, kind: str) -> int:
        """How many marks of a kind are drawn over pictures; one more of each stands in the key."""
        return sum("viewBox" not in each and each.get("class") == kind for _, each in self.tags)


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(render_report(eventful_run(tmp_path_factory.mktemp("runs"))))


def test_the_page_is_whole_in_itself_and_runs_nothing(eventful: Page) -> None:
    assert all(image["src"].startswith("data:image/webp;base64,") for image in eventful.all("img"))
    assert not {tag for tag, _ in eventful.tags} & {"script", "link", "iframe", "object", "form", "base"}
    for _, attributes in eventful.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert all(attributes[name].startswith("#") for name in ("href", "xlink:href") if name in attributes)
    policies = [each["content"] for each in eventful.all("meta") if each.get("http-equiv")]
    assert policies[0].startswith("default-src 'none'; img-src data:;")


def test_what_a_model_says_is_text_and_nothing_else(tmp_path: Path, eventful: Page) -> None:
    page = Page(render_report(eventful_run(tmp_path, " ".join(HOSTILE))))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in eventful.tags]
    for words in HOSTILE:
        assert page.text.count(words) >= 5, "task, model, label, reply, reasoning, error, intent, message"


def test_every_picture_has_words_and_every_link_a_place(eventful: Page) -> None:
    assert all(len(image["alt"]) > 10 for image in eventful.all("img"))
    ids = {attributes["id"] for _, attributes in eventful.tags if "id" in attributes}
    assert {link["href"].removeprefix("#") for link in eventful.all("a")} <= ids
    assert {f"step-{number}" for number in range(1, 8)} <= ids
    assert eventful.all("html") == [{"lang": "en"}]


def test_the_model_s_box_the_plan_and_the_pointer_are_drawn_where_they_were(tmp_path: Path) -> None:
    page = Page(render_report(chat_run(tmp_path)))
    (seen, *_) = [each for each in page.all("svg") if each["viewbox"] == "0 0 1280 800"]
    assert seen["aria-hidden"] == "true"
    target = next(each for each in page.all("rect") if each["class"] == "target")
    assert [int(target[name]) for name in ("x", "y", "width", "height")] == [172, 210, 20, 20]
    circle = next(each for each in page.all("circle") if each["class"] == "pointer")
    assert (float(circle["cx"]), float(circle["cy"])) == (182.5, 220.5)
    planned = next(each for each in page.all("path") if each["class"] == "planned")
    assert "220.5h" in planned["d"]
    changed = next(each for each in page.all("rect") if each["class"] == "changed")
    assert [int(changed[name]) for name in ("x", "y", "width", "height")] == [160, 192, 32, 32]
    assert "What changed: before" in page.text


def test_every_kind_of_step_tells_its_story(eventful: Page) -> None:
    for words in (
        "Look closer at “the list",
        "Where on the screen that is",
        "ctrl+Click “pin”",
        "pointer (190, 225)",
        "where it drags to",
        "left button up",
        "and 5 more, in the journal",
        "No action: the reply couldn't be used",
        "Finished by: length",
        "Reasoning",
        "⟨U+001B⟩[31m⟨U+202E⟩",
        "Ctrl+Alt+Delete is never sent.",
        "deny chord",
        "stale: the target's surroundings changed",
        "more characters, in the journal",
        "[user] (picture 1920×1080) Step 1: here is the screen.",
    ):
        assert words in eventful.text, words


def test_twenty_steps_of_a_full_hd_screen_stay_a_few_megabytes(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        writer = Writer(recorder)
        for step in range(20):
            screen = chat_screen(frozenset({step % 7}), 1920, 1080, note=f"step {step}")
            writer.play(screen, Reply(grounded("click", ModelBox.of(90, 200, 110, 220), label="x")))
    assert len(render_report(Recording.open(recorder.folder))) < 4_000_000


def test_a_damaged_picture_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    (run.folder / "frames/0002.png").write_bytes(b"gone")
    page = Page(render_report(run))
    assert "The picture can't be shown." in page.text
    assert "its checksum doesn't fit" in page.text
    assert "Step 3: the screen, 64 by 48 pixels" in str(page.all("img"))


def test_the_time_beside_the_model_is_that_of_steps_that_act(tmp_path: Path) -> None:
    page = Page(render_report(chat_run(tmp_path)))
    assert "Beside the model, a step that acts (p50) 93 ms" in page.text
    assert "1.32 s, 93 ms beside the model" in page.text


def test_a_torn_and_unended_run_says_so(tmp_path: Path) -> None:
    journal = small_run(tmp_path).folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    page = Page(render_report(Recording.open(journal.parent)))
    assert "Cut off" in page.text
    assert "was cut off after" in page.text


@pytest.mark.parametrize(
    ("result", "tone", "headline"),
    [
        (None, "bad", "Cut off"),
        (RunResult(status="done"), "claim", "Claimed"),
        (RunResult(status="done", verified=True), "good", "Done, verified"),
        (RunResult(status="done", verified=False), "bad", "Claimed, not verified"),
        (RunResult(status="done", verified=True, verified_by="checker"), "good", "Done, verified"),
        (RunResult(status="done", verified=True, verified_by="model"), "claim", "Claimed twice"),
        (RunResult(status="done", verified=False, verified_by="model"), "bad", "Claimed, not verified"),
        (RunResult(status="done", verified=None, verified_by="model"), "bad", "Claimed, not verified"),
        (RunResult(status="failed", verified=True), "bad", "Failed"),
        (RunResult(status="stuck"), "bad", "Stuck"),
        (RunResult(status="parked"), "bad", "Parked"),
        (RunResult(status="budget"), "bad", "Out of budget"),
        (RunResult(status="crashed"), "bad", "Crashed"),
    ],
)
def test_only_a_checker_s_word_makes_an_ending_good(
    result: RunResult | None, tone: str, headline: str
) -> None:
    assert ending(result)[:2] == (tone, headline)
    assert ("confirmed" in ending(result)[2]) == (tone == "good")


def test_an_answer_and_the_checker_s_words_are_shown(tmp_path: Path) -> None:
    page = Page(render_report(small_run(tmp_path, answer="42", check="It is 41.", verified=False)))
    assert "Answer: 42" in page.text
    assert "The checker: It is 41." in page.text


def test_the_page_is_written_whole_for_its_owner_alone(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    path = tmp_path / "new" / "report.html"
    write_report(run, path)
    write_report(run, path)
    assert path.read_text("utf-8") == render_report(run)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]
    with pytest.raises(RecordingError, match="name another place"):
        write_report(run, path / "report.html")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Click(target=ModelBox.at(1, 1)), "Click"),
        (
            Click(target=ModelBox.at(1, 1), count=2, button="right", label="a\nb"),
            "Double-click “a b” with the right button",
        ),
        (Move(target=ModelBox.at(1, 1)), "Move to a point"),
        (Drag(target=ModelBox.at(1, 1), end=ModelBox.at(2, 2), modifiers=("shift",)), "shift+Drag"),
        (Scroll(target=ModelBox.at(1, 1), dy=-3, dx=2, label="list"), "Scroll up 3 and right 2 over “list”"),
        (Scroll(target=ModelBox.at(1, 1)), "Scroll by nothing"),
        (Type(text="x" * 100), f"Type “{'x' * 59}…”"),
        (Press(keys=("ctrl", "c"), count=2), "Press ctrl+c 2 times"),
        (Wait(seconds=1.5), "Wait 1.5 s"),
        (Zoom(target=ModelBox.at(1, 1)), "Look closer at a region"),
        (Ask(question="Which?"), "Ask: Which?"),
        (Answer(text="42"), "Answer: 42"),
        (Done(), "Claim that the task is done"),
        (Fail(), "Give up"),
    ],
)
def test_actions_in_words(action: Click, words: str) -> None:
    assert action_words(action) == words


def test_durations_in_words() -> None:
    shown = {
        0.0: "< 0.1 ms",
        0.0004: "0.4 ms",
        0.012: "12 ms",
        0.0996: "0.10 s",
        1.234: "1.23 s",
        61.0: "61.0 s",
    }
    assert {value: seconds(value) for value in shown} == shown


def test_hidden_characters_are_shown_and_long_texts_cut() -> None:
    assert (
        visible("a\u202eb\x00\ud800\u200d\n\tc é 中 😀") == "a⟨U+202E⟩b⟨U+0000⟩⟨U+D800⟩⟨U+200D⟩\n\tc é 中 😀"
    )
    cut = visible("x" * (MAX_SHOWN + 5))
    assert cut.endswith("… and 5 more characters, in the journal")
    assert shortened("a\n b", 10) == "a b"


def test_a_run_whose_outcome_is_unknown_and_moved_off_the_screen_is_still_shown(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        writer = Writer(recorder)
        writer.write(noise(1), Done(), Reply(""), outcome=Outcome("unknown", "No outcome was written."))
    page = Page(render_report(Recording.open(recorder.folder)))
    assert "(empty)" in page.text
    assert "unknown: No outcome was written." in page.text
