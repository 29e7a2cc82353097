"""The ways in which a run can work, as its settings name them: apart, because settings are read first."""

from typing import Literal

__all__ = ["Constrain", "LookCloser", "Verify"]

Constrain = Literal["auto", "never"]
"""auto: keep replies to their format while they are written, where the model can · never."""
LookCloser = Literal["auto", "never", "always"]
"""auto: at small targets on a shrunk screen, see `checks/look_closer.py` · always: at every target that has
an exact place · never."""
Verify = Literal["auto", "checker", "never"]
"""auto: where no checker knows the task, the model is asked over a fresh screen · checker: only where there
is one · never."""
