"""The approval that input needs: for one use and a short time, bound to a plan, a frame and the monitors."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Final

from qvl_agent.actions.core.errors import ApprovalError
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.planning.events import Plan, SecretEvent
from qvl_agent.actions.planning.placeholders import NO_SECRETS, SecretTypist

__all__ = ["LIFETIME_S", "Approved"]

LIFETIME_S: Final = 120.0
"""Seconds for which an approval is valid."""


class Approved:
    """The permission to send one plan, once. Made by the executor alone, after the guard's verdict.

    A desktop calls `spend` with its present geometry before the first event.

    Attributes:
        id: the approval's name in the journal.
        plan: the events that may be sent.
        frame_id: the frame that the decision was made on.
    """

    __slots__ = ("_clock", "_expires", "_geometry", "_lock", "_secrets", "_spent", "frame_id", "id", "plan")

    def __init__(
        self,
        plan: Plan,
        frame_id: str,
        geometry: Geometry,
        *,
        secrets: SecretTypist = NO_SECRETS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = token_hex(8)
        self.plan = plan
        self.frame_id = frame_id
        self._geometry = geometry
        self._clock = clock
        self._expires = clock() + LIFETIME_S
        self._spent = False
        self._secrets = secrets
        self._lock = threading.Lock()

    def spend(self, geometry: Geometry) -> Plan:
        """Use the approval up and return its plan.

        Raises:
            ApprovalError: it was spent before, has expired, or the monitors have changed since.
        """
        with self._lock:
            if self._spent:
                raise ApprovalError(f"approval {self.id} was spent already; every action needs its own")
            self._spent = True
        if self._clock() >= self._expires:
            raise ApprovalError(f"approval {self.id} is older than {LIFETIME_S:g} s; look again")
        if geometry != self._geometry:
            raise ApprovalError("the monitors changed since the screen was captured; look again")
        return self.plan

    def split(self, *parts: Plan) -> "tuple[Approved, ...]":
        """Use the approval up for approvals of its plan's parts, to be sent in order with looks between.

        Raises:
            ApprovalError: it was spent before, or the parts aren't the plan.
        """
        with self._lock:
            if self._spent or sum(parts, ()) != self.plan:
                raise ApprovalError(f"approval {self.id} was spent already, or isn't for these events")
            self._spent = True
        return tuple(
            Approved(part, self.frame_id, self._geometry, secrets=self._secrets, clock=self._clock)
            for part in parts
        )

    @contextmanager
    def typing(self, event: SecretEvent) -> Iterator[str]:
        """Provide the value of a secret in the plan while the desktop that spent this approval types it.

        Raises:
            ApprovalError: the secret isn't in the plan, or the approval isn't spent.
            DesktopError: the secret may not be typed now.
        """
        if event not in self.plan or not self._spent:
            raise ApprovalError(f"approval {self.id} gives no value for '{event.name}'")
        with self._secrets.typing(event.name) as value:
            yield value
