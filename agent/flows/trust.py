"""What a person trusts a flow with: said once, kept outside the project, bound to the flow and its lock.

A flow can't grant itself anything. Where the guard asks about a consequence (it sends, deletes, pays …), a
run of a trusted flow needs no answer for exactly those steps and consequences that the person was shown. Any
change of the flow or of its lock ends the trust.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.agent.paths import user_config_file

__all__ = ["NO_TRUST", "Trust", "TrustStore", "fingerprint"]

_RULES: Final = "consequence-"
"""The beginning of the names of the rules about consequences; nothing else can be trusted beforehand."""


class Trust(BaseModel):
    """What a person agreed to, for one flow with one lock.

    Attributes:
        flow: the flow's words, for the list of what is trusted.
        steps: for each step's path, the guard's rules that needn't ask there.
        since: when, UTC, ISO 8601.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flow: str = ""
    steps: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    since: str = ""

    def covers(self, path: str, rule: str) -> bool:
        """Return whether the person agreed that this rule needn't ask at this step."""
        return rule.startswith(_RULES) and rule in self.steps.get(path, ())


NO_TRUST: Final = Trust()
_STORE: Final = TypeAdapter(dict[str, Trust])


def fingerprint(flow_digest: str, lock_digest: str) -> str:
    """Return the name under which trust in a flow and its lock is kept."""
    return sha256(f"{flow_digest}\n{lock_digest}".encode()).hexdigest()


class TrustStore:
    """The file with all that a person trusts, in their own configuration, readable by them alone."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_config_file().with_name("trusted-flows.json")

    def of(self, print_: str) -> Trust:
        """Return the trust in a flow; none if nobody said so.

        Raises:
            SettingsError: the file is broken.
        """
        return self._read().get(print_, NO_TRUST)

    def trust(self, print_: str, flow: str, steps: Mapping[str, tuple[str, ...]]) -> None:
        """Keep a person's yes.

        Raises:
            SettingsError: the file is broken, or can't be written.
        """
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(self._read() | {print_: Trust(flow=flow, steps=dict(steps), since=since)})

    def revoke(self, print_: str) -> bool:
        """Forget the trust in a flow; return whether there was any."""
        trusted = self._read()
        if trusted.pop(print_, None) is None:
            return False
        self._write(trusted)
        return True

    def _read(self) -> dict[str, Trust]:
        try:
            return _STORE.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            why = first_error(error) if isinstance(error, ValidationError) else error.strerror
            raise SettingsError(
                f"can't read {self.path}: {why}; mend it, or delete it to trust nothing"
            ) from error

    def _write(self, trusted: dict[str, Trust]) -> None:
        text = json.dumps(_STORE.dump_python(trusted, mode="json"), indent=1, ensure_ascii=False)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with NamedTemporaryFile(dir=self.path.parent, prefix=".", delete=False) as file:
                file.write(text.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self.path)
        except OSError as error:
            raise SettingsError(f"can't write {self.path}: {error.strerror}") from error
