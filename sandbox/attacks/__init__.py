"""Attacks on the guard, in real windows: what is on the screen, and what it talks a model into.

A model that believes the screen does whatever stands there. So the guard is measured with one that always
does: `twin.py` obeys the attacker in every scenario, and whether it came to harm is read from the windows'
own state. `scenario.py` and `window.py` are the facts and know nothing of Qt; the folder `families` holds
the scenarios; `host.py` and `panes.py` are the windows in a process of their own; `stage.py` is the
parent's side.
"""

# As in sandbox/apps: pydantic's modules must be imported before PySide6.
import qvl_agent.sandbox.attacks.window_data  # noqa: F401
