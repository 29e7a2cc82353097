"""The pages of a flow and of its run: true, whole in themselves, small, and deaf to what others wrote."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_flow_runs import flow_run, item, noise, not_found, screen
from PIL import Image
from project import ROOT

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import FlowError, RecordingError
from qvl_agent.actions.planning.placeholders import mark
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.secrets.redactor import Redactor
from qvl_agent.agent import Flow, open_desktop
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.flows.compile import compile_run, write
from qvl_agent.agent.flows.lock import Lock
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.run.record import FlowLine, FoundSeen, ItemBegan, StepEnded
from qvl_agent.agent.report.candidates import draw_failure, places
from qvl_agent.agent.report.flow_page import render_flow
from qvl_agent.agent.report.flow_run import render_flow_run

MOST = 10 * 2**20
VOID = {"meta", "img", "br"}
HOSTILE = "</p></li></table><script>alert(1)</script>\" onload='x' {{ 7 * 7 }} \u202egnp.exe\u202c"
SHOWN = HOSTILE.replace("\u202e", "⟨U+202E⟩").replace("\u202c", "⟨U+202C⟩")
FLOW = """\
flow: {words}
app: erp
data: {{file: rows.csv, key: number}}
secrets: [erp-pin]
variables:
  limit: {{default: 10000, about: {words}, one_of: [10000, {words}]}}
aliases: {{{words}: [{words}]}}
on_popup:
  - see: {words}
    steps: [{{click: {words}}}]
steps:
  - type: {{into: PIN, text: "{{{{secret:erp-pin}}}}", enter: true}}
    then: {{see: {words}, within: 20s}}
  - for_each: row
    steps:
      - type: {{into: {words}, text: "${{row.number}}"}}
      - when: row.amount > limit
        steps:
          - click: {{text: {words}, near: {words}, row: {words}}}
            name: {words}
        else:
          - check: {{see: {words}}}
            soft: true
      - click: Save
        once: true
        then: [{{see: {words}}}, {{gone: {words}}}, {{file: {words}, contains: {words}}}]
      - read: {{near: {words}, as: id}}
    on_error:
      - click: Cancel
      - next_item
output: {{file: done.csv, columns: [number, id]}}
"""


class Page(HTMLParser):
    """A page taken apart: its tags with attributes, and its words; fails on a tag that isn't closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        words: list[str] = []
        self.words = words
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"rect", "path", "circle", "image", "use"}
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def names(self) -> list[str]:
        return [tag for tag, _ in self.tags]

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def marks(self, kind: str) -> list[dict[str, str]]:
        """The boxes of a kind that are drawn over pictures; the one in the key isn't among them."""
        return [each for each in self.all("rect") if each["class"] == kind and each["width"] != "14"]


def assert_whole(page: Page) -> None:
    """Nothing runs, nothing is loaded, every link leads to a place on the page, every picture has words."""
    assert not set(page.names) & {"script", "link", "iframe", "object", "form", "base", "foreignobject"}
    assert page.all("meta")[1]["content"].startswith("default-src 'none'; img-src data:;")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        if tag == "image":
            assert attributes["href"].startswith("data:image/webp;base64,")
        elif "href" in attributes:
            assert attributes["href"].removeprefix("#") in ids
        if attributes.get("role") == "img":
            assert len(attributes["aria-label"]) > 10


def written(folder: Path, words: str = "Fine") -> Path:
    path = folder / "x.flow.yaml"
    path.write_text(FLOW.format(words=json.dumps(words)), encoding="utf-8")
    (folder / "rows.csv").write_text("number,amount\n1,2\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def visit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flow that was compiled from a real run, with its lock."""
    reader = open_reader()
    assert reader is not None, "the extra 'ocr' is part of the test set-up"
    path = tmp_path_factory.mktemp("visit") / "visit.flow.yaml"
    write(compile_run(ROOT / "tests/data/runs/register-visit", reader=reader), path)
    return path


# A flow


def test_a_flow_is_shown_as_it_stands_in_its_file(tmp_path: Path) -> None:
    page = Page(render_flow(written(tmp_path)))
    assert_whole(page)
    for words in (
        "type “{{secret:erp-pin}}” into “PIN”, then press Enter",
        "for each row of the data",
        "when row.amount > limit",
        "check that “Fine” is seen, within 10 s",
        "“Fine” isn't seen, within 10 s",
        "the file Fine has “Fine” in it",
        "read what stands near “Fine” as id",
        "After an item that failed",
        "end this item, and go on with the next",
        "Whenever “Fine” comes up, at most 20 times in an item",
        "number, amount; the key is number",
        "“10000”; one of 10000, Fine; Fine",
        "There is no lock",
    ):
        assert words in page.text
    assert page.text.count("without a picture: there is no lock") == 6
    lines = [int(each["id"].removeprefix("line-")) for each in page.all("li")]
    assert lines == [12, 14, 16, 17, 19, 22, 24, 27, 29, 30, 10]
    depth, deepest = 0, 0
    for tag in re.findall(r"<(/?ol)\b", render_flow(written(tmp_path))):
        depth += 1 if tag == "ol" else -1
        deepest = max(deepest, depth)
    assert deepest == 3, "nested as in the file"


def test_what_a_flow_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    fine = Page(render_flow(written(tmp_path)))
    page = Page(render_flow(written(tmp_path, HOSTILE)))
    assert page.names.count("p") >= fine.names.count("p")
    assert [tag for tag in page.names if tag not in ("p", "b", "div")] == [
        tag for tag in fine.names if tag not in ("p", "b", "div")
    ], "only what `check` says may be more"
    assert_whole(page)
    assert page.text.count(SHOWN) > 15
    assert "\u202e" not in page.text


def test_each_target_is_marked_on_its_picture_and_each_picture_is_there_once(visit: Path) -> None:
    html = render_flow(visit)
    page = Page(html)
    assert_whole(page)
    lock = Lock.load(visit.with_name("visit.lock"))
    marked = {(each["x"], each["y"], each["width"], each["height"]) for each in page.marks("target")}
    boxes = [evidence.box for evidence in lock.targets.values()]
    assert len(boxes) == 8, "six that are pressed, and two as they look afterwards"
    assert marked == {
        (str(box.left - 3), str(box.top - 3), str(box.width + 6), str(box.height + 6)) for box in boxes
    }
    pictures = [each["href"] for each in page.all("image")]
    assert len(pictures) == len(set(pictures)) == 8 + len({each.picture for each in lock.targets.values()})
    assert "8 of its 8 targets" in page.text
    assert page.text.count("the whole window") == 8
    assert len(html) < 300_000


def test_the_same_target_in_many_steps_costs_its_picture_once(visit: Path, tmp_path: Path) -> None:
    (tmp_path / "visit.lock").symlink_to(visit.with_name("visit.lock"))
    many = tmp_path / "visit.flow.yaml"
    many.write_text("flow: x\nsteps:\n" + "  - click: 上午\n" * 400, encoding="utf-8")
    html = render_flow(many)
    assert len(Page(html).all("image")) == 2
    assert len(html) < MOST


def test_missing_and_damaged_evidence_is_said(visit: Path, tmp_path: Path) -> None:
    flow, lock = tmp_path / "visit.flow.yaml", tmp_path / "visit.lock"
    (lock / "pictures").mkdir(parents=True)
    flow.write_bytes(visit.read_bytes())
    facts = json.loads(visit.with_name("visit.lock").joinpath("lock.json").read_text("utf-8"))
    names = list(facts["targets"])
    del facts["targets"][names[0]]
    facts["targets"][names[1]]["box"]["right"] = 99_999
    (lock / "lock.json").write_text(json.dumps(facts), encoding="utf-8")
    page = Page(render_flow(flow))
    assert "has no picture in the lock: it is found by its words alone" in page.text
    assert "the lock's box lies outside its picture" in page.text
    assert page.text.count("can't read") >= 4, "the pictures' files are missing"
    assert page.all("image") == []
    (lock / "lock.json").write_text("{", encoding="utf-8")
    page = Page(render_flow(flow))
    assert "There is no lock beside it that can be read" in page.text
    assert "lock.json, line 1" in page.text


def test_a_mistake_stands_beside_its_step_and_what_belongs_to_none_on_top(tmp_path: Path) -> None:
    path = tmp_path / "x.flow.yaml"
    path.write_text(
        "flow: x\n"
        "data: {file: nowhere.csv}\n"
        "steps:\n"
        "  - click: Save\n"
        '  - type: {into: Name, text: "${nobody}"}\n'
        "  - for_each: row\n"
        "    steps:\n"
        '      - click: "${row.x"\n'
        "output: {file: x.csv, columns: [status]}\n",
        encoding="utf-8",
    )
    html = render_flow(path)
    page = Page(html)
    steps = dict(re.findall(r'id="line-(\d+)">(.*?)(?=<li id=|</ol>)', html, flags=re.DOTALL))
    assert "mistake" not in steps["4"]
    assert "nobody" in steps["5"].partition('class="mistake bad"')[2]
    assert "mistake" in steps["8"]
    top = page.text.partition("Steps type")[0]
    assert "x.flow.yaml, line 2:" in top
    assert "nowhere.csv" in top


def test_the_command_writes_beside_the_flow_and_never_over_it(visit: Path, tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    done = CliRunner().invoke(main, ["flow", "show", str(path)])
    assert (done.exit_code, done.output.strip()) == (0, str(tmp_path / "x.flow.html"))
    assert "for each row" in (tmp_path / "x.flow.html").read_text("utf-8")
    refused = CliRunner().invoke(main, ["flow", "show", str(path), "-o", str(path)])
    assert refused.exit_code != 0
    assert "would replace the flow" in refused.output
    assert path.read_bytes() == before
    path.write_text("flow: x\nsteps: [{clik: Save}]\n", encoding="utf-8")
    with pytest.raises(FlowError, match="did you mean click"):
        render_flow(path)


# A run


def failed(key: str = "", words: str = "click “Save”", **fields: object) -> StepEnded:
    facts = {"key": key, "path": "steps[0].steps[1]", "words": words, "status": "failed", "seconds": 0.5}
    return StepEnded.model_validate(facts | fields)


def done(key: str = "", words: str = "click “New”", **fields: object) -> StepEnded:
    return failed(key, words, **({"path": "steps[0].steps[0]", "status": "done"} | fields))


def test_a_failed_step_shows_its_candidates_and_what_spoke_for_each(tmp_path: Path) -> None:
    near = not_found("place: no, it is elsewhere (0.10)", 3)
    found = FoundSeen(box=FrameBox(5, 6, 25, 16), moved="")
    lines = item("4711", 1, "application-error", "“Save” wasn't found", failed("4711", found=(found, near)))
    page = Page(render_flow_run(flow_run(tmp_path, lines, {1: screen(1)})))
    assert_whole(page)
    assert [int(each["x"]) for each in page.marks("candidate")] == [17, 107, 197]
    assert [(each["x"], each["y"]) for each in page.marks("found")] == [("2", "3")]
    assert [words for words in page.words if words in ("1", "2", "3")] == ["1", "2", "3"] * 2
    assert page.text.count("place: no, it is elsewhere (0.10)") == 3
    assert "3 places may be “Save”" in page.text
    assert "1 application-error" in page.text
    assert len(page.all("image")) == 1


def test_attempts_soft_checks_and_what_was_found_elsewhere_are_told(tmp_path: Path) -> None:
    moved = FoundSeen(box=FrameBox(5, 6, 25, 16), moved="+12, +0 pixels from where it was")
    soft = failed("a", "check", path="steps[0].steps[2]", status="noted", message="“Total 5” isn't there")
    tries = [failed("a", attempt=1, message="not yet"), failed("a", attempt=2, status="done", found=(moved,))]
    lines = [*item("a", 1, "done", "", *tries, soft), *item("b", 2, "done", "", done("b", found=(moved,)))]
    page = Page(render_flow_run(flow_run(tmp_path, lines, status="done")))
    assert "Done, but not as it should be A soft check didn't hold" in page.text
    assert "1; then attempt 2: done" in page.text
    assert "soft check" in page.text
    assert page.text.count("+12, +0 pixels from where it was") == 2
    assert "“Total 5” isn't there" in page.text
    assert_whole(page)
    assert {each["href"] for each in page.all("a")} >= {"#item-1", "#item-2", "#trouble-1", "#trouble-2"}
    assert "No picture was kept of it." in page.text


def test_a_run_that_sent_nothing_and_one_that_was_cut_off_are_shown(tmp_path: Path) -> None:
    nothing = flow_run(tmp_path, [ItemBegan(key="", number=0), failed(found=(not_found(number=0),))])
    page = Page(render_flow_run(nothing))
    assert "Nothing like it was on the screen." in page.text
    assert "Items" not in page.words
    cut = flow_run(tmp_path, [*item("a", 1), ItemBegan(key="b", number=2), done("b")], ended=False)
    page = Page(render_flow_run(cut))
    assert "Cut off" in page.text
    assert "1 cut off" in page.text
    assert "the run ended before the item did" in page.text


def test_an_input_that_ended_the_run_is_shown_though_its_step_wasnt_written(tmp_path: Path) -> None:
    lines = [*item("a", 1), ItemBegan(key="b", number=2)]
    run = flow_run(tmp_path, lines, status="refused", message="nobody is there to ask", refused=screen(2))
    page = Page(render_flow_run(run))
    assert_whole(page)
    assert "input 1 Click “Clear” item b refused" in page.text
    assert "this may delete something" in page.text
    assert [(each["x"], each["y"], each["width"]) for each in page.marks("found")] == [("29", "17", "70")]


def test_the_line_is_named_only_while_the_flow_is_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path)
    digest = load(path).digest
    step = failed("a", "check", path="steps[1].steps[1].else[0]", status="noted", message="no")
    run = flow_run(tmp_path / "runs", item("a", 1, "done", "", step), file=str(path), digest=digest)
    page = Page(render_flow_run(run))
    assert "line 22 check that “Fine” is seen, within 10 s" in page.text
    path.write_text("# changed\n" + path.read_text("utf-8"), encoding="utf-8")
    assert "steps[1].steps[1].else[0] check" in Page(render_flow_run(run)).text


def hostile_lines(words: str) -> list[FlowLine]:
    found = FoundSeen(box=None, reason=f"{words}?", candidates=not_found(words).candidates)
    moved = FoundSeen(box=FrameBox(1, 1, 5, 5), moved=words)
    return [
        *item(words, 1, "application-error", words, failed(words, words, message=words, found=(found,))),
        *item("b", 2, "done", words, done("b", words, found=(moved,))),
    ]


def test_what_a_screen_or_the_data_says_is_text_and_nothing_else(tmp_path: Path) -> None:
    frames = {1: screen(3)}
    fine = Page(render_flow_run(flow_run(tmp_path, hostile_lines("Fine"), frames, message="Fine")))
    run = flow_run(tmp_path, hostile_lines(HOSTILE), frames, task=HOSTILE, message=HOSTILE)
    page = Page(render_flow_run(run))
    assert page.names == fine.names
    assert_whole(page)
    assert page.text.count(SHOWN) > 10
    assert "\u202e" not in page.text


def test_no_secret_is_shown(tmp_path: Path) -> None:
    secret = "tiger-4711-lily"
    lines = hostile_lines(f"typed {secret}")
    run = flow_run(tmp_path, lines, {1: screen(3)}, redactor=Redactor({"erp-pin": secret}), message=secret)
    html = render_flow_run(run)
    assert secret not in html
    assert mark("erp-pin") in Page(html).text


@pytest.mark.parametrize("draw", [screen, noise])
def test_171_failed_steps_each_show_their_candidates_within_10_mb(tmp_path: Path, draw: object) -> None:
    assert callable(draw)
    lines = [failed(path=f"steps[{number}]", found=(not_found(),)) for number in range(171)]
    frames = {1 + number: draw(number) for number in range(171)}
    html = render_flow_run(flow_run(tmp_path, [ItemBegan(key="", number=0), *lines], frames))
    page = Page(html)
    assert len(html) < MOST
    assert page.text.count("“Safe” is on it (0.31)") == 2 * 171
    shown, left = len(page.all("image")), page.text.count("The page has pictures enough; this one is frames/")
    assert shown + left == 171
    assert len(page.marks("candidate")) == 2 * shown
    assert shown == 171 if draw is screen else 10 < shown < 171


@pytest.mark.parametrize("status", ["done", "application-error"])
def test_10_000_items_are_counted_and_not_listed_one_by_one(tmp_path: Path, status: str) -> None:
    end = "done" if status == "done" else "failed"
    lines: list[FlowLine] = []
    for number in range(10_000):
        step = failed(str(number), status=end, message="long " * 100 if end == "failed" else "")
        lines += item(f"K-{number}", number + 2, status, step.message, step)
    html = render_flow_run(flow_run(tmp_path, lines, status=end))
    page = Page(html)
    assert len(html) < 3 * 2**20
    assert f"10,000 {status}" in page.text
    listed = len(page.all("tr")) - 1
    assert listed == (200 if status == "done" else 1000)
    assert f"and {10_000 - listed:,} more that ended as {status}" in page.text
    if end == "failed":
        assert "click “Save” (9,700 times)" in page.text


def test_pictures_of_what_was_done_come_once_and_damaged_ones_are_named(tmp_path: Path) -> None:
    same = screen(5)
    lines = [failed(found=(not_found(),)), failed(path="steps[1]", found=(not_found(),))]
    run = flow_run(tmp_path, lines, {0: same, 1: same})
    assert len(Page(render_flow_run(run)).all("image")) == 1
    next((run / "frames").iterdir()).write_bytes(b"not a picture")
    page = Page(render_flow_run(run))
    assert page.all("image") == []
    assert page.text.count("isn't the picture that was recorded") == 2
    (run / "flow.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(RecordingError, match=r"flow\.jsonl"):
        render_flow_run(run)


def test_the_drawn_picture_has_the_same_places_as_the_page(tmp_path: Path) -> None:
    found = (FoundSeen(box=FrameBox(200, 100, 240, 120)), not_found(number=2), not_found(number=1))
    assert [each.number for each in places(found)] == [0, 1, 2, 3]
    Image.new("RGB", (320, 200), "white").save(tmp_path / "in.png")
    draw_failure(tmp_path / "in.png", found, tmp_path / "new" / "out.png")
    with Image.open(tmp_path / "new" / "out.png") as image:
        assert image.getpixel((197, 110)) == (0x00, 0x80, 0x3C)
        assert image.getpixel((107, 50)) == (0xC8, 0x32, 0x1E)
        assert image.getpixel((150, 150)) == (255, 255, 255)


def test_a_real_run_in_the_sandbox_is_shown_with_what_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "look.flow.yaml"
    path.write_text(
        "flow: Look for what isn't beside it\n"
        "app: qvl-agent-sandbox\n"
        "steps:\n"
        "  - type: {into: Full name, text: Ann}\n"
        "  - check: {see: Nothing like this, within: 100ms}\n"
        "    soft: true\n"
        "  - click: {text: Afternoon, near: E-mail}\n"
        "    within: 100ms\n",
        encoding="utf-8",
    )
    with open_desktop("sandbox:form?seed=1") as desktop:
        run = Flow.load(path).run(desktop, runs=tmp_path / "runs")
    assert run.status == "failed"
    shown = CliRunner().invoke(main, ["show", str(run.folder)])
    assert (shown.exit_code, shown.output.strip()) == (0, str(run.folder / "report.html"))
    page = Page((run.folder / "report.html").read_text("utf-8"))
    assert_whole(page)
    assert "line 7 click “Afternoon" in page.text
    assert "place: no, “E-mail” is not beside it" in page.text
    assert "line 5 check that “Nothing like this” is seen, within 100 ms" in page.text
    assert len(page.marks("candidate")) == 1
    assert len(page.marks("found")) == 1, "the field, on the screen before it was typed into"
