"""Small real Qt applications for the agent to act in, each in its own process and filled with data by a seed.

- `chat`: a chat client. - `settings`: a settings panel. - `form`: a registration form.

`appearance.py` and each application's `state.py` hold what the seed chooses, without Qt. Each application's
`window.py` draws it. `sandbox/hosting/` is the process that they run in.
"""

# PySide6 looks at every module that is imported after it, and pydantic's lazy ones break under that
# look (PySide6 6.12, pydantic 2): they must come first, wherever an import of ours begins.
import qvl_agent.sandbox.apps.protocol  # noqa: F401

__all__ = ["APPS"]

APPS = ("chat", "settings", "form")
"""The applications, by their names on the command line."""
