"""The past of a run that goes on, and the policy by which it goes on.

`past_of` reads from the record the conversation, the counts, and how far the last step got. The
conversation has the very messages that the model was told, without the pictures that had been dropped, so
that a server's cache of it stays valid. What a person allowed isn't taken over: a record, being a file, may
tighten what holds, never loosen it (`policy_again`). Used-up budgets and the command that goes on are put
into words here too.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import RecordingError, SettingsError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.scene import UncertainInput
from qvl_agent.actions.planning.action import FINAL, Ask
from qvl_agent.actions.planning.plan import pointer_goal
from qvl_agent.agent.recording.continuing import seconds_used
from qvl_agent.agent.recording.format import FrameRef, RunStatus, Turn
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import RecordedStep
from qvl_agent.agent.run.history import describe, dropped, without_pictures
from qvl_agent.agent.wording import action_words, quoted, shortened

__all__ = [
    "BUDGETS",
    "PastRun",
    "Spent",
    "budget_of",
    "budget_spent",
    "command",
    "fate_unknown",
    "happened",
    "is_over",
    "past_of",
    "policy_again",
    "spent_words",
]

BUDGETS: Final = ("max_steps", "max_seconds", "max_tokens", "max_approvals")
"""The policy's budgets, which count over all parts of a run."""
_OVER: Final[frozenset[RunStatus]] = frozenset({"done", "failed", "dry-run"})
"""The ends with which a run has nothing left to do."""
_UNCERTAIN: Final = frozenset({"unknown", "stopped", "failed"})
"""The statuses of an outcome with which approved input may have been sent, in part or not at all."""
_RATES: Final = ("max_frame_age_s", "actions_per_second", "burst")
"""The policy's limits of which the smaller one holds."""
_LISTS: Final = ("forbidden", "forbidden_apps")
"""The policy's lists, which are joined."""


@dataclass(slots=True)
class Spent:
    """The tokens that a run has used; of a growing prompt only the growth counts, as servers cache the rest.

    Attributes:
        tokens: the sum.
        prompt: the tokens of the conversation's last prompt.
    """

    tokens: int = 0
    prompt: int = 0

    def count(self, reply: Reply) -> None:
        """Add the tokens of a reply in the run's conversation."""
        prompt = reply.prompt_tokens or 0
        self.tokens += max(0, prompt - self.prompt) + (reply.reply_tokens or 0)
        self.prompt = prompt

    def count_beside(self, reply: Reply | None) -> None:
        """Add the tokens of a question outside the run's conversation, and of its reply."""
        if reply:
            self.tokens += (reply.prompt_tokens or 0) + (reply.reply_tokens or 0)


@dataclass(frozen=True, slots=True)
class PastRun:
    """The past of a run that goes on.

    Attributes:
        messages: the conversation, up to the model's last reply that was recorded.
        steps: the number of the last step; 0 if there was none.
        seconds: the seconds that it took.
        spent: the tokens that it used.
        asked: how many times a person was asked.
        happened: the sentence that tells the model of the last step.
        question: the model's question to the person, if the last step asked one; else "".
        unsure: the last input, if it isn't known whether it was sent.
        note: a sentence for the person, if that isn't known of the last step; else "".
    """

    messages: tuple[Message, ...] = ()
    steps: int = 0
    seconds: float = 0.0
    spent: Spent = field(default_factory=Spent)
    asked: int = 0
    happened: str = ""
    question: str = ""
    unsure: UncertainInput | None = None
    note: str = ""


def past_of(recording: Recording) -> PastRun:
    """Read a run's past from its record, up to its last step.

    Raises:
        RecordingError: the task is over, or a picture that the model would still see is damaged.
    """
    _refuse_if_over(recording)
    if not recording.steps:
        return PastRun()
    last = recording.steps[-1]
    spent = Spent()
    for step in recording.steps:
        spent.count(step.intent.reply)
        spent.count_beside(step.intent.closer.reply if step.intent.closer else None)
    action = last.intent.action
    return PastRun(
        messages=_conversation(recording),
        steps=last.intent.step,
        seconds=seconds_used(recording),
        spent=spent,
        asked=_asked(recording),
        happened=happened(last),
        question=action.question if isinstance(action, Ask) else "",
        unsure=_uncertain_input(recording),
        note=_note(last) if fate_unknown(last) else "",
    )


def is_over(status: RunStatus) -> bool:
    """Return whether a run that ended with this status can't go on."""
    return status in _OVER


def fate_unknown(step: RecordedStep) -> bool:
    """Return whether a step's input may or may not have been sent: approved, and not surely done."""
    return step.intent.approval != "" and step.outcome.outcome.status in _UNCERTAIN


def happened(step: RecordedStep) -> str:
    """Describe the fate of the last action in a sentence for the model."""
    action, outcome, verdict = step.intent.action, step.outcome.outcome, step.intent.verdict
    if action is None:
        return f"Your last reply could not be used, so nothing was done. {step.intent.error}"
    if fate_unknown(step):
        return (
            f"Your last action, in step {step.intent.step}, was about to be done: {action_words(action)}. "
            "Whether it happened is not known: all of it, a part or nothing. Look at the screen, and do it "
            "again only if the screen shows that it did not happen."
        )
    if isinstance(action, FINAL):
        return "You ended the task, and that was not checked any more."
    if outcome.status == "refused" and verdict and verdict.rule.startswith("budget"):
        return "Your last action was not done, because the run was out of its budget; it has more now."
    if step.intent.consent and step.intent.consent.said == "no":
        return f"The person said no to your last action, so it was not done: {outcome.detail}"
    if outcome.status == "refused":
        return f"Your last action was refused, so nothing was done: {outcome.detail}"
    if outcome.status == "parked":
        return "Your last action was not done, because nobody answered whether it may be."
    if outcome.status == "unknown":
        return "Your last action was not done: nothing was sent for it."
    return f"Your last action: {describe(action, outcome)}"


def policy_again(
    now: Policy, then: Policy, past: PastRun, explicit: AbstractSet[str] = frozenset()
) -> Policy:
    """Return the policy by which a run goes on.

    Args:
        now: the policy that would hold for a new run.
        then: the policy that held when this run ended.
        past: the run's past, with what it has used.
        explicit: the names in `now` that the person gave for going on. A budget among them counts from here;
            of any other budget the rest is left, and never more than a new run would get.

    Raises:
        SettingsError: the applications that `now` and `then` keep to have nothing in common.
    """
    changes: dict[str, object] = {}
    for name, used in _used(past).items():
        fresh = used + getattr(now, name)
        changes[name] = fresh if name in explicit else min(fresh, getattr(then, name))
    for name in _RATES:
        changes[name] = (
            getattr(now, name) if name in explicit else min(getattr(now, name), getattr(then, name))
        )
    for name in _LISTS:
        changes[name] = tuple(dict.fromkeys((*getattr(now, name), *getattr(then, name))))
    if "apps" not in explicit:
        changes["apps"] = _apps(now, then)
    if "profile" not in explicit and then.profile == "careful":
        changes["profile"] = "careful" if now.profile != "dry-run" else now.profile
    return now.model_copy(update=changes)


def budget_spent(policy: Policy, past: PastRun) -> str:
    """Return the name of a used-up budget, such as "max_steps"; "" if steps, seconds and tokens are left."""
    used = _used(past)
    if used["max_steps"] >= policy.max_steps:
        return "max_steps"
    return next((name for name in ("max_seconds", "max_tokens") if used[name] >= getattr(policy, name)), "")


def budget_of(verdict: Verdict | None) -> str:
    """Return the budget that is used up by a verdict's rule; "" for any other verdict."""
    rule = verdict.rule if verdict else ""
    name = rule.replace("budget-", "max_", 1) if rule.startswith("budget-") else ""
    return name if name in BUDGETS else ""


def spent_words(budget: str, policy: Policy, folder: Path) -> str:
    """Return the sentence that a budget is used up, and how to give more."""
    name, limit = budget.removeprefix("max_"), getattr(policy, budget)
    return f"the run has used up its {limit:g} {name}; to give it more: {command(folder, budget)}"


def command(folder: Path, budget: str = "") -> str:
    """Return the command line that goes on with a run; a used-up `budget` is given again, by its default."""
    more = f" --{budget.replace('_', '-')} {getattr(Policy(), budget):g}" if budget else ""
    return f"qvl-agent resume {quoted(str(folder))}{more}"


def _refuse_if_over(recording: Recording) -> None:
    result, task = recording.result, quoted(shortened(recording.manifest.task, 60))
    if result is not None and is_over(result.status):
        raise RecordingError(
            f"{recording.folder} has nothing to go on with: it ended as '{result.status}'; "
            f"to do it again: qvl-agent {task}"
        )
    if recording.manifest.policy.profile == "dry-run":
        raise RecordingError(
            f"{recording.folder} is a dry run, which sends nothing; to do it: qvl-agent {task}"
        )


def _asked(recording: Recording) -> int:
    """Return how many times a person was asked; the last step that was judged has the count before it."""
    for step in reversed(recording.steps):
        intent = step.intent
        if intent.scene is None or intent.verdict is None:
            continue
        put = intent.consent is not None and not intent.consent.remembered
        asks = intent.verdict.level in {Level.ASK_ONCE, Level.ASK_EVERY}
        attended = recording.manifest_at(intent.step).policy.profile != "unattended"
        return intent.scene.approvals + (put and asks and attended)
    return 0


def _uncertain_input(recording: Recording) -> UncertainInput | None:
    """Return the latest input that may have been sent, unless other input was sent whole after it."""
    for step in reversed(recording.steps):
        intent = step.intent
        if fate_unknown(step) and intent.action:
            return UncertainInput(intent.step, intent.plan, intent.action.label)
        if intent.approval and step.outcome.outcome.status == "done":
            return None
    return None


def _note(step: RecordedStep) -> str:
    action, goal = step.intent.action, pointer_goal(step.intent.plan)
    what = action_words(action) if action else "an action"
    at = f" at ({goal.x}, {goal.y})" if goal else ""
    return (
        f"step {step.intent.step} was about to do this: {what}{at}. Whether it happened isn't known; "
        "look at the screen. It isn't done again by itself"
    )


def _conversation(recording: Recording) -> tuple[Message, ...]:
    """Return the run's messages; of the pictures only those that are still in it are read."""
    turns: list[Turn] = []
    gone: set[int] = set()
    for step in recording.steps:
        turns += step.intent.said
        held = [at not in gone and _has_picture(turn) for at, turn in enumerate(turns)]
        gone |= dropped(held)
        turns.append(Turn(role="assistant", parts=(step.intent.reply.text,)))
    return tuple(_message(recording, turn, shown=at not in gone) for at, turn in enumerate(turns))


def _has_picture(turn: Turn) -> bool:
    return any(isinstance(part, FrameRef) for part in turn.parts)


def _message(recording: Recording, turn: Turn, *, shown: bool) -> Message:
    if shown:
        parts = tuple(recording.frame(part) if isinstance(part, FrameRef) else part for part in turn.parts)
        return Message(turn.role, parts)
    return Message(turn.role, without_pictures(turn.parts))


def _used(past: PastRun) -> dict[str, float]:
    return {
        "max_steps": past.steps,
        "max_seconds": past.seconds,
        "max_tokens": past.spent.tokens,
        "max_approvals": past.asked,
    }


def _apps(now: Policy, then: Policy) -> tuple[str, ...]:
    if not now.apps or not then.apps:
        return now.apps or then.apps
    both = tuple(app for app in now.apps if app in then.apps)
    if not both:
        raise SettingsError(
            f"the run keeps to {', '.join(then.apps)}, and the settings to {', '.join(now.apps)}; "
            "say which by --app"
        )
    return both
