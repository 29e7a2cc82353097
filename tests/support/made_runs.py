"""Recorded runs made by the real Recorder from drawn screens: a chat client, and what a model did to it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import (
    DesktopPoint,
    FrameBox,
    ModelBox,
    Rect,
    View,
    frame_to_model,
    model_box_to_frame,
)
from qvl_agent.actions.core.coordinates import FramePoint as Pixel
from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Change, Level, Outcome, Verdict
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.actions.planning.action import Action, Click, Done, Drag, Press, Scroll, Type, Zoom
from qvl_agent.actions.planning.events import Plan
from qvl_agent.actions.planning.plan import plan, pointer_goal
from qvl_agent.agent.recording.format import Manifest, RunResult, StepIntent, StepOutcome
from qvl_agent.agent.recording.recording import Recorder, Recording, turns

ALLOW = Verdict(Level.ALLOW, "everyday", "An everyday action inside the captured screen.")
NAMES = ("Lena Fischer", "王小明", "Design team", "Pizza Friday", "Ömer", "Invoices", "Book club")


def manifest(task: str = "uncheck the pinned chat", **changes: object) -> Manifest:
    facts = {
        "program": "0.1.0",
        "created": "2026-01-02T03:04:05+00:00",
        "task": task,
        "desktop": "sandbox:chat",
        "model": "made",
        "dialect": "grounded",
        "policy": Policy(),
        "platform": "linux",
    }
    return Manifest.model_validate(facts | changes)


def noise(seed: int, width: int = 64, height: int = 48) -> Frame:
    """A small frame that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Frame(pixels, Rect(0, 0, width, height))


def chat_screen(checked: frozenset[int], width: int = 1280, height: int = 800, note: str = "") -> Frame:
    """A drawn chat client: a list with check boxes at `check_box(i)`."""
    image = Image.new("RGB", (width, height), "#2d4a63")
    draw = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(size=18), ImageFont.load_default(size=13)
    draw.rounded_rectangle((140, 60, width - 140, height - 60), 10, fill="#ffffff")
    draw.rectangle((140, 60, 520, height - 60), fill="#f1f3f6")
    draw.text((160, 76), "Chats", "#222222", font)
    for index, name in enumerate(NAMES):
        box = check_box(index)
        draw.rounded_rectangle(
            (152, box.top - 18, 508, box.bottom + 18), 8, fill="#ffffff", outline="#d9dde3"
        )
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill="#ffffff", outline="#555555")
        if index in checked:
            draw.line((box.left + 3, box.top + 9, box.left + 8, box.top + 14), "#0a6cff", 3)
            draw.line((box.left + 8, box.top + 14, box.left + 16, box.top + 4), "#0a6cff", 3)
        draw.text((box.right + 14, box.top - 8), name, "#222222", font)
        draw.text((box.right + 14, box.top + 14), f"message {index} " * 3, "#777777", small)
    for line in range(14):
        draw.text(
            (550, 90 + 40 * line), f"{line:02}:15  The quick brown fox jumps over it {line}", "#444444", font
        )
    draw.text((560, height - 100), note, "#aa2222", font)
    return Frame(np.asarray(image).copy(), Rect(0, 0, width, height))


def check_box(index: int) -> FrameBox:
    """Where `chat_screen` draws a chat's check box."""
    top = 130 + 80 * index
    return FrameBox(172, top, 192, top + 20)


def model_box(box: FrameBox, view: View) -> ModelBox:
    """A frame's box on the model's grid, rounded as models do."""
    first = frame_to_model(Pixel(box.left, box.top), view)
    last = frame_to_model(Pixel(box.right - 1, box.bottom - 1), view)
    return ModelBox.of(round(first.x), round(first.y), round(last.x), round(last.y))


def grounded(kind: str, box: ModelBox | None = None, **fields: object) -> str:
    """A reply in the grounded dialect."""
    call: dict[str, object] = {"action": kind}
    if box is not None:
        call["bbox_2d"] = [box.x1, box.y1, box.x2, box.y2]
    return "```json\n" + json.dumps(call | fields, ensure_ascii=False) + "\n```"


@dataclass
class Writer:
    """Writes steps one by one, as the loop does."""

    recorder: Recorder
    step: int = 0

    def play(self, frame: Frame, reply: Reply, outcome: Outcome | None = None) -> StepIntent:
        """Read the reply as the loop does; what can't be read becomes an error."""
        try:
            action = parse_action(reply.text)
        except ParseError as error:
            return self.write(frame, None, reply, error=str(error), outcome=Outcome("refused", str(error)))
        return self.write(frame, action, reply, outcome=outcome, verdict=None)

    def write(
        self,
        frame: Frame,
        action: Action | None,
        reply: Reply,
        *,
        outcome: Outcome | None = None,
        verdict: Verdict | None = ALLOW,
        error: str = "",
        approval: str = "a1b2",
    ) -> StepIntent:
        self.step += 1
        said = turns([Message("user", (frame, f"Step {self.step}: here is the screen."))], self.recorder)
        events: Plan = plan(action, frame.view) if action else ()
        scene = Scene(frame.view, Geometry((frame.monitor,)), step=self.step, elapsed_s=float(self.step))
        intent = StepIntent(
            step=self.step,
            frame=self.recorder.ref(frame),
            said=said,
            reply=reply,
            action=action,
            error=error,
            scene=scene if action else None,
            plan=events,
            verdict=(verdict or judge(action, events, scene, Policy())) if action else None,
            approval=approval if events else "",
            times={"capture": 0.012, "prompt": 0.001, "model": 1.23, "parse": 0.0004, "guard": 0.0002},
        )
        self.recorder.intent(intent)
        times = {"freshness": 0.004, "input": 0.003, "settle": 0.061, "record": 0.011}
        goal = pointer_goal(events)
        done = outcome or Outcome("done", planned=goal, pointer=goal, times=times)
        self.recorder.outcome(StepOutcome(step=self.step, outcome=done))
        return intent


def small_run(root: Path, steps: int = 3, **result: object) -> Recording:
    """A run of a few tiny steps that ends done."""
    with Recorder.create(root, manifest()) as recorder:
        writer = Writer(recorder)
        for step in range(steps):
            frame = noise(step)
            box = ModelBox.of(100, 100, 300, 200)
            writer.play(frame, Reply(grounded("click", box, label="it")))
        recorder.result(RunResult.model_validate({"status": "done", "steps": steps} | result))
    return Recording.open(recorder.folder)


def chat_run(root: Path) -> Recording:
    """The everyday run: one click on a check box, seen to change, then done."""
    with Recorder.create(root, manifest()) as recorder:
        writer = Writer(recorder)
        before, after = chat_screen(frozenset({1, 4})), chat_screen(frozenset({4}))
        box = model_box(check_box(1), before.view)
        click = Click(target=box, label="王小明's pin", intent="It is pinned; the task says to uncheck it.")
        reply = Reply(
            grounded("click", box, label=click.label, intent=click.intent),
            reasoning="The pinned chat is the second one. Its check box is at the left.",
            prompt_tokens=1312,
            reply_tokens=64,
            times={"first_token": 0.6, "total": 1.23},
        )
        change = Change((FrameBox(160, 192, 192, 224),), near_target=True)
        goal = pointer_goal(plan(click, before.view))
        times = {"freshness": 0.004, "input": 0.003, "settle": 0.061, "record": 0.011}
        writer.play(before, reply, Outcome("done", "", goal, goal, change, times=times))
        done = Done(summary="The chat is no longer pinned.")
        writer.play(after, Reply(grounded("done", summary=done.summary), prompt_tokens=2500, reply_tokens=20))
        recorder.result(
            RunResult(
                status="done",
                message=done.summary,
                verified=True,
                check="No chat is pinned any more.",
                steps=2,
                seconds=2.7,
                frame=recorder.ref(after),
            )
        )
    return Recording.open(recorder.folder)


def eventful_run(root: Path, hostile: str = "<script>alert(1)</script>") -> Recording:
    """A run with every kind of step: a zoom, a click in it, a drag, text, misread, refused and stale ones."""
    with Recorder.create(root, manifest(f"tidy up {hostile}", model=hostile)) as recorder:
        writer = Writer(recorder)
        screen = chat_screen(frozenset({1, 4}), 1920, 1080)
        zoom = Zoom(target=ModelBox.of(60, 100, 300, 400), label=f"the list {hostile}")
        writer.write(screen, zoom, Reply(grounded("zoom", zoom.target)), outcome=Outcome("done"))
        part = screen.crop(model_box_to_frame(zoom.target, screen.view).grown(32, screen.size))
        moved = FrameBox(172 - part.origin.x, 210 - part.origin.y, 192 - part.origin.x, 230 - part.origin.y)
        click = Click(target=model_box(moved, part.view), label="pin", modifiers=("ctrl",))
        change = Change(
            tuple(FrameBox(x, y, x + 32, y + 32) for x in (160, 192) for y in (192, 224)), near_target=True
        )
        goal = pointer_goal(plan(click, part.view))
        missed = DesktopPoint(goal.x + 9, goal.y + 5) if goal else None
        writer.write(
            part,
            click,
            Reply(grounded("click", click.target)),
            outcome=Outcome("done", "missed", goal, missed, change),
        )
        screen = chat_screen(frozenset({4}), 1920, 1080, note="Delivered")
        drag = Drag(
            target=ModelBox.of(200, 300, 240, 320), end=ModelBox.of(600, 700, 640, 720), label="the card"
        )
        writer.write(screen, drag, Reply(grounded("drag", drag.target)))
        long = Type(
            text="Hello\nwörld 中文 " * 3,
            target=ModelBox.of(300, 900, 900, 950),
            clear=True,
            label="message box",
        )
        writer.write(screen, long, Reply(grounded("type", long.target, text=long.text)))
        misread = Reply(f"I think {hostile} \x1b[31m\u202e at 500, 300", reasoning=hostile, finish="length")
        writer.write(
            screen, None, misread, outcome=Outcome("refused", "no action"), error=f"cut off {hostile}"
        )
        press = Press(keys=("ctrl", "alt", "delete"), intent=hostile)
        deny = Verdict(Level.DENY, "chord", "Ctrl+Alt+Delete is never sent.")
        reply = Reply(grounded("key", None, keys=["ctrl", "alt", "delete"]))
        writer.write(screen, press, reply, verdict=deny, outcome=Outcome("refused", deny.reason), approval="")
        scroll = Scroll(target=ModelBox.of(300, 300, 700, 700), dy=5, label="the conversation")
        writer.write(
            screen,
            scroll,
            Reply("x" * 200_000),
            outcome=Outcome("stale", "the target's surroundings changed"),
        )
        result = RunResult(
            status="refused", message=hostile, steps=7, seconds=31.5, frame=recorder.ref(screen)
        )
        recorder.result(result)
    return Recording.open(recorder.folder)
