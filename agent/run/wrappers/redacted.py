"""The wrappers for a run with secrets: they are covered on the screen, and hidden in the model's words."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.guard.policy import Policy, tighten
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.actions.planning.events import SecretEvent
from qvl_agent.actions.planning.placeholders import NO_SECRETS, SecretTypist, placeholder
from qvl_agent.actions.secrets.covered_desktop import CoveredDesktop
from qvl_agent.actions.secrets.redactor import Redactor
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import screen_of
from qvl_agent.agent.run.context import Setup

__all__ = ["RedactedModel", "bound", "with_secrets"]

S = TypeVar("S", bound=Setup)
_RULE: Final = (
    'There is a secret for you to type: {names}. You never see it. To type it, write {first} in the "text" '
    "of a type action, exactly so. A grey box with the word secret covers where one stands on the screen."
)
_NOTHING_SENT: Final = frozenset({"refused", "parked", "stale", "dry-run"})
"""The statuses of an outcome with which nothing was sent."""


def bound(setup: S) -> S:
    """Return the setup with each secret bound to its application in the policy, and a rule for the model.

    The rule tells the model how to type the secrets.

    Raises:
        SettingsError: the policy binds one of them to another application.
    """
    if not setup.secrets:
        return setup
    policy = tighten(setup.policy, Policy(secrets=setup.secrets.bindings))
    shown = [placeholder(name) for name in setup.secrets.names]
    rule = _RULE.format(names=", ".join(shown), first=shown[0])
    return replace(setup, policy=policy, rules=(*setup.rules, rule))


def with_secrets(setup: S, past: Recording | None = None) -> tuple[S, SecretTypist]:
    """Wrap the setup's desktop and model so that they hide its secrets, if there are any.

    Args:
        setup: the setup with its secrets.
        past: the record of a run that goes on; secrets that were covered last stay covered.

    Returns:
        The setup to run with, and the typist, which hands the values to the desktop while it types.

    Raises:
        SettingsError: the record's run typed secrets that aren't given now, or can't be covered any more.
    """
    if past is not None and (missing := set(past.manifest.policy.secrets) - set(setup.secrets.names)):
        raise SettingsError(f"the run types secrets; give it again: {', '.join(sorted(missing))}")
    if not setup.secrets:
        return setup, NO_SECRETS
    desktop = CoveredDesktop(setup.desktop, setup.secrets)
    if past is not None and past.steps:
        desktop.recover(_last_screen(past))
    return replace(setup, desktop=desktop, model=RedactedModel(setup.model, setup.secrets.redactor)), desktop


class RedactedModel(Model):
    """A wrapper of a model that hides secrets' values in its prompts and in its replies.

    Attributes:
        name: the wrapped model's name.
    """

    def __init__(self, model: Model, redactor: Redactor) -> None:
        self.name = model.name
        self._model = model
        self._redactor = redactor

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Return the wrapped model's reply, without secrets' values."""
        clean = self._redactor.text
        told = [
            Message(each.role, tuple(clean(part) if isinstance(part, str) else part for part in each.parts))
            for each in messages
        ]
        stream = self._redactor.stream()
        hear = None if on_text is None else lambda piece: _say(on_text, stream.feed(piece))
        reply = self._model.reply(told, stop=stop, on_text=hear)
        if on_text is not None:
            _say(on_text, stream.end())
        return replace(reply, text=clean(reply.text), reasoning=clean(reply.reasoning))

    def with_format(self, form: ReplyFormat) -> Model:
        """Return a wrapper of the model that keeps to a format, as far as it can."""
        return RedactedModel(self._model.with_format(form), self._redactor)

    def picture_tokens(self, size: tuple[int, int]) -> int | None:
        """Return the image tokens of a picture, as the wrapped model does."""
        return self._model.picture_tokens(size)

    @property
    def loading(self) -> float | None:
        return self._model.loading

    @property
    def memory_bytes(self) -> int | None:
        return self._model.memory_bytes

    def close(self) -> None:
        self._model.close()


def _last_screen(past: Recording) -> Frame:
    """Return the last whole screen in a record, if no secret was typed after it.

    Raises:
        SettingsError: a secret was typed after it, so it isn't known where that stands.
    """
    last = past.steps[-1]
    typed = any(isinstance(event, SecretEvent) for event in last.intent.plan)
    sent = last.intent.approval and last.outcome.outcome.status not in _NOTHING_SENT
    seen = past.result.frame if past.result and last.outcome.outcome.status == "done" else None
    if typed and sent and seen is None:
        raise SettingsError(
            "the run ended while a secret was typed, and it can't be told where that stands: empty its field "
            "and give the task anew"
        )
    if past.result is not None and past.result.frame is not None:
        return past.frame(past.result.frame)
    return past.frame(screen_of(past.steps, len(past.steps) - 1))


def _say(on_text: OnText, text: str) -> None:
    if text:
        on_text(text)
