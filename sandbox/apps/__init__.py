"""Small real applications to act in, each in a process of its own and told what to be by a seed.

- `chat`: a chat client. - `settings`: a settings panel. - `form`: a registration form.

`look.py` and the `*_state.py` files are the seeded facts and know nothing of Qt; `chat.py`,
`settings.py` and `form.py` are the windows; `process.py` is the parent's side.
"""

# PySide6 looks at every module that is imported after it, and pydantic's lazy ones break under that
# look (PySide6 6.12, pydantic 2): they must come first, wherever an import of ours begins.
import qvl_agent.sandbox.apps.protocol  # noqa: F401

__all__ = ["APPS"]

APPS = ("chat", "settings", "form")
"""The applications, by the names they have on the command line."""
