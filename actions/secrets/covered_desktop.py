"""A desktop wrapper that covers typed secrets in its captures, and provides their values while it types."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect, rect_to_frame_box
from qvl_agent.actions.core.errors import CoordinateError, DesktopError, FocusLostError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Desktop, DesktopWrapper, StopCheck
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import SecretEvent
from qvl_agent.actions.screen.settle import settle
from qvl_agent.actions.screen.watch import SettleLimits
from qvl_agent.actions.secrets.covers import Covers
from qvl_agent.actions.secrets.vault import Vault

__all__ = ["CoveredDesktop"]

_BEFORE: Final = SettleLimits(idle_s=0.12, hard_s=1.0)
_AFTER: Final = SettleLimits(idle_s=1.0, hard_s=2.0)
"""The waits after typing: the application has read the keys by then, and only has to draw."""


class CoveredDesktop(DesktopWrapper):
    """Another desktop, in whose captures and window titles no secret is shown that it typed.

    Attributes:
        name: the desktop's name in the record.
    """

    def __init__(self, desktop: Desktop, vault: Vault) -> None:
        super().__init__(desktop)
        self._vault = vault
        self._covers = Covers(desktop.window_at)
        self._begun: tuple[Frame, WindowInfo] | None = None
        self._stop: StopCheck = lambda: False

    def recover(self, last: Frame) -> None:
        """Cover again what was covered in the last picture of a run that is resumed.

        Raises:
            SettingsError: the screen has changed since, so it can't be known where the secret is now.
        """
        if not self._covers.recover(last, self._desktop.grab()):
            raise SettingsError(
                "a secret stood on the screen when the run ended, and the screen has changed since, so it "
                "can't be covered: empty its field and give the task anew"
            )

    @contextmanager
    def typing(self, name: str) -> Iterator[str]:
        """Provide a secret's value for as long as it is typed, and note what the typing draws.

        Raises:
            FocusLostError: the keys would go to another application than the secret's.
            DesktopError: there is no such secret, or the screen can't be captured.
        """
        secret = self._vault.get(name)
        before = self._settled(self._desktop.grab(), _BEFORE)
        window = self._desktop.focused()
        if window is None or not window.goes_by(secret.application):
            there = window.called if window else "no window that is known"
            raise FocusLostError(
                f"the secret '{name}' is for {secret.application or 'no application'}, and the keys would go "
                f"to {there}; it wasn't typed"
            )
        self._begun = (before, window)
        yield secret.value
        self._note()

    def _note(self) -> None:
        """Note what the typing drew; if the typing failed, that is done at the next capture."""
        if self._begun is None:
            return
        (before, window), self._begun = self._begun, None
        self._covers.blind = True  # until it is known; for good, if the screen can't be captured
        after = self._settled(before, _AFTER)
        self._covers.blind = False
        self._covers.typed(before, after, window)

    def _settled(self, before: Frame, limits: SettleLimits) -> Frame:
        return settle(
            self._desktop.grab,
            before,
            target=None,
            stop=self._stop,
            clock=time.monotonic,
            sleep=time.sleep,
            limits=limits,
            damage=self._desktop.damage(),
        ).frame

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        self._covers.acted()
        self._stop = stop
        try:
            self._desktop.perform(approved, stop)
        except DesktopError as error:
            if any(isinstance(event, SecretEvent) for event in approved.plan):
                raise type(error)(self._vault.redactor.text(str(error))) from None
            raise
        finally:
            self._stop = lambda: False

    def grab(self, region: Rect | None = None) -> Frame:
        self._note()
        if not self._covers:
            return self._desktop.grab(region)
        frame = self._covers.cover(self._desktop.grab())
        if region is None:
            return frame
        try:
            return frame.crop(rect_to_frame_box(region, frame.view))
        except CoordinateError as error:
            raise DesktopError(str(error)) from error

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        return self._redacted(self._desktop.window_at(point))

    def focused(self) -> WindowInfo | None:
        return self._redacted(self._desktop.focused())

    def _redacted(self, window: WindowInfo | None) -> WindowInfo | None:
        """Take the secrets out of a window's title, which may show what was typed."""
        return window and replace(window, title=self._vault.redactor.text(window.title))
