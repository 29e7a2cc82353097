"""Attacks on the guard, in real windows. `benchmarks/attacks.py` and the tests run them.

A model may believe whatever is written on the screen. So the guard is measured with a model that always
does: `twin.py` obeys the attacker in every scenario, and whether harm was done is read from the windows' own
state. `scenario.py` and `window_data.py` describe the attacks, without Qt; `families` holds the
scenarios; `windows/host.py` and `windows/qt_windows.py` show them in another process; `stage.py` is the
parent's side.
"""

# As in sandbox/apps: pydantic's modules must be imported before PySide6.
import qvl_agent.sandbox.attacks.window_data  # noqa: F401
