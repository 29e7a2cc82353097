"""Steps of a flow, done one by one from a script in Python, each judged and recorded as a flow's step is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from qvl_agent.actions.core.errors import DesktopError, FlowError, Stopped
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.person import Nobody, Person
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.placeholders import Secret, split
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.secrets.vault import EMPTY, Vault
from qvl_agent.agent.flows.lock import lock_folder
from qvl_agent.agent.flows.run.playing import Playing, Work
from qvl_agent.agent.flows.run.runner import FlowAgent, NoModel
from qvl_agent.agent.flows.run.trouble import FlowHalted, ItemOver, StepTrouble
from qvl_agent.agent.flows.script import flow as script
from qvl_agent.agent.flows.script import steps
from qvl_agent.agent.flows.script.targets import DEFAULT_WITHIN_S, Expectation, Target
from qvl_agent.agent.flows.trust import NO_TRUST, Trust
from qvl_agent.agent.flows.values import Scope
from qvl_agent.agent.run.ending import halted
from qvl_agent.agent.run.events import Subscriber

__all__ = ["FlowFailed", "Session", "see", "session"]

Words: TypeAlias = str | Target | Mapping[str, Any]
"""A target: its words, or a mapping with text, near, row … as in a flow file."""
Then: TypeAlias = str | Expectation | tuple[Expectation, ...] | list[Expectation]


class FlowFailed(FlowError):  # noqa: N818 - what failed is the flow, not the file
    """A step of a script couldn't be done, or what had to follow wasn't seen.

    Attributes:
        path: which call it was: "call[3]".
        folder: the run's record, with the pictures.
    """

    def __init__(self, message: str, path: str, folder: Path) -> None:
        super().__init__(message)
        self.path, self.folder = path, folder


def see(words: str, *, within: float = DEFAULT_WITHIN_S) -> Expectation:
    """Return the expectation that words are to be seen within some seconds."""
    return Expectation(see=words, within=within)


class Session:
    """Steps of a flow, done one by one from Python; `session` opens one.

    Attributes:
        folder: the folder of its recording.
        values: the variables that were read.
        failed: the calls that failed, and after which the script went on.
    """

    def __init__(self, playing: Playing, scope: Scope) -> None:
        self._playing, self._scope, self._calls = playing, scope, 0
        self.failed: list[str] = []

    @property
    def folder(self) -> Path:
        return self._playing.folder

    @property
    def said(self) -> str:
        """What the record says at the end: which calls failed."""
        return f"the script went on after {'; '.join(self.failed)}" if self.failed else ""

    @property
    def values(self) -> dict[str, Any]:
        return dict(self._scope.variables)

    def click(
        self,
        target: Words,
        *,
        once: bool = False,
        then: Then = (),
        within: float = DEFAULT_WITHIN_S,
        count: int = 1,
        keys: str | None = None,
    ) -> None:
        """Click a target; raises as `step` does.

        Args:
            target: its words.
            once: it must never be done twice, so nothing tries again after an unknown fate.
            then: what has to be seen afterwards.
            within: seconds in which the target has to be found.
            count: 2 for a double click.
            keys: held meanwhile: "ctrl".
        """
        self.step(
            {
                "click": _named(target),
                "once": once,
                "then": _then(then),
                "within": within,
                "count": count,
                "keys": keys,
            }
        )

    def type(
        self,
        into: Words | None,
        text: str,
        *,
        clear: bool = False,
        enter: bool = False,
        once: bool = False,
        then: Then = (),
        within: float = DEFAULT_WITHIN_S,
    ) -> None:
        """Type a text into a field, or with None into the one that has the focus; raises as `step` does.

        The text is data: it stays what it is, whatever stands in it.
        """
        if any(isinstance(part, Secret) for part in split(text)):
            raise FlowError(
                "type takes data, and this text names a secret; a secret is typed by "
                'step({"type": {"into": …, "text": "{{secret:NAME}}"}})'
            )
        what = {"text": _literal(text), "into": _named(into), "clear": clear, "enter": enter}
        self.step({"type": what, "once": once, "then": _then(then), "within": within})

    def press(self, keys: str, *, count: int = 1, once: bool = False, then: Then = ()) -> None:
        """Press a key or a chord, such as "ctrl+s"; raises as `step` does."""
        self.step({"press": keys, "count": count, "once": once, "then": _then(then)})

    def scroll(
        self, down: int = 0, *, right: int = 0, over: Words | None = None, until: Words | None = None
    ) -> None:
        """Turn the wheel by notches, once or until a target is found; raises as `step` does."""
        self.step({"scroll": {"down": down, "right": right, "over": _named(over), "until": _named(until)}})

    def wait(self, expected: Then | float) -> None:
        """Wait for something to be seen, or for seconds; raises as `step` does."""
        if isinstance(expected, int | float):
            self.step({"wait": float(expected)})
        else:
            for each in _then(expected):
                self.step({"wait": each})

    def check(self, expected: Then) -> None:
        """Check that something is so; raises as `step` does."""
        for each in _then(expected):
            self.step({"check": each})

    def read(
        self, *, near: str | None = None, target: Words | None = None, pattern: str | None = None
    ) -> str:
        """Return a text from the screen: beside or below a label, or on a target; raises as `step` does."""
        name = f"read_{self._calls + 1}"
        self.step(
            {
                "read": {
                    "near": near and _literal(near),
                    "target": _named(target),
                    "as": name,
                    "pattern": pattern,
                }
            }
        )
        return str(self._scope.variables[name])

    def step(self, step: Mapping[str, Any]) -> None:
        """Do one step, written as in a flow file.

        Raises:
            FlowError: it isn't written as a step is.
            FlowFailed: a target wasn't found for sure, or what had to follow wasn't seen.
            FlowHalted: the guard, the person or the desktop ended the run.
        """
        self._calls += 1
        try:
            parsed = script.Flow.model_validate({"flow": "a script", "steps": [_given(step)]}).steps[0]
        except ValidationError as error:
            raise FlowError(f"the step {dict(step)}: {first_error(error)}") from error
        try:
            self._playing.one(parsed, self._calls, self._scope)
        except StepTrouble as trouble:
            self.failed.append(f"{trouble.path}: {trouble.message}")
            raise FlowFailed(trouble.message, trouble.path, self.folder) from trouble
        except ItemOver as over:
            raise FlowFailed(over.message or "the step ended the script", "", self.folder) from over


@contextmanager
def session(
    desktop: Desktop,
    *,
    lock: str | PathLike[str] | None = None,
    app: str | None = None,
    name: str = "a script",
    policy: Policy | None = None,
    person: Person | None = None,
    trust: Trust = NO_TRUST,
    secrets: Vault = EMPTY,
    runs: Path | None = None,
    subscribers: tuple[Subscriber, ...] = (),
) -> Iterator[Session]:
    """Open a session: each of its calls is a flow's step, judged by the guard and recorded as such.

    Args:
        desktop: from `open_desktop`.
        lock: a flow's lock, with what its targets look like; None to find them by their words alone.
        app: the application that targets are looked for in; None for the window in front.
        name: what it does, for the record.
        policy: the guard's limits.
        person: answers questions; None for nobody, so that what the guard asks about is refused.
        trust: what needn't be asked about.
        secrets: values that are typed unseen, as `{{secret:NAME}}` in a step's text.
        runs: the folder for the recording; None for the default.
        subscribers: get the run's events.

    Raises:
        FlowError: the lock can't be used.
    """
    path = Path(lock).with_suffix(".flow.yaml") if lock is not None else Path.cwd() / "script.flow.yaml"
    if lock is not None and (not Path(lock).is_dir() or lock_folder(path) != Path(lock)):
        raise FlowError(f"there is no lock {lock}; `qvl-agent flow compile RUN -o x.flow.yaml` makes x.lock")
    flow = script.Flow(flow=name, app=app, steps=(steps.Wait(wait=0.0),))
    agent = FlowAgent(
        desktop,
        NoModel(),
        policy=policy or Policy(),
        person=person or Nobody(),
        secrets=secrets,
        reader=open_reader(),
        subscribers=subscribers,
        runs=runs,
        trust=trust,
    )
    scope = Scope()
    with agent.opened(flow, path, "", Work(), scope) as playing:
        opened = Session(playing, scope)
        try:
            yield opened
        except (FlowHalted, Stopped, DesktopError) as trouble:
            over = halted(trouble, None)
            playing.end(over.status, over.message)
            raise FlowFailed(f"{over.status}: {over.message}", "", playing.folder) from trouble
        except BaseException as error:
            playing.end("stopped" if isinstance(error, KeyboardInterrupt) else "failed", str(error))
            raise
        playing.end("done", opened.said, verified=not opened.failed)


def _given(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return a step without the keys that nobody gave."""
    return {
        name: _given(value) if isinstance(value, Mapping) else value
        for name, value in step.items()
        if value is not None
    }


def _then(then: Then) -> tuple[Any, ...]:
    """Return expectations; words from a script are data, in which nothing is filled in."""
    several = (then,) if isinstance(then, str | Expectation) else tuple(then)
    return tuple(
        _literal(each)
        if isinstance(each, str)
        else each.model_copy(update={"see": _literal(each.see)})
        if each.see
        else each
        for each in several
    )


def _named(target: Words | None) -> Words | None:
    return _literal(target) if isinstance(target, str) else target


def _literal(text: str) -> str:
    """Return a text in which `${…}` stays what it is."""
    return text.replace("${", "$${")
