"""Every error that this package raises on purpose.

    QvlError
    ├── ParseError          the reply holds no action that can be read without guessing
    ├── CoordinateError     a point outside the 0-1000 grid, the frame or every monitor
    ├── KeyNameError        an unknown key
    ├── ApprovalError       input without a valid, unspent approval
    ├── DesktopError        the screen or the input side failed
    │   ├── NoScreenError   no display, no permission, a missing package
    │   ├── InputHeldByUserError    somebody else holds a key or button down, so nothing was sent
    │   ├── FocusLostError  the keys would go to another window than the one judged
    │   └── TypingError     a text wouldn't arrive unchanged, or the layout changed while it was typed
    ├── DisplayBusyError    another agent holds this display
    ├── ReadingError        text can't be read from the pixels
    ├── ModelError          the model or its server failed
    ├── RecordingError      a recording that is broken, empty or of an unknown version
    │   └── RunBusyError    another process is writing it
    ├── FlowError           a flow, its lock or its data that can't be read or used as it is
    ├── SettingsError       a setting that doesn't exist or doesn't fit
    └── Stopped             the person stopped the run

A message is one line: what was expected, what came, and the remedy. Only the command line
turns an error into an exit code.
"""

__all__ = [
    "ApprovalError",
    "CoordinateError",
    "DesktopError",
    "DisplayBusyError",
    "FlowError",
    "FocusLostError",
    "InputHeldByUserError",
    "KeyNameError",
    "ModelError",
    "NoScreenError",
    "ParseError",
    "QvlError",
    "ReadingError",
    "RecordingError",
    "RunBusyError",
    "SettingsError",
    "Stopped",
    "TypingError",
]


class QvlError(Exception):
    """The base class of all errors of this package."""


class ParseError(QvlError):
    """The reply can't be read as one action; the message is addressed to the model."""


class CoordinateError(QvlError):
    """A point lies outside the space it should be in. Never clamped, never scaled to fit."""


class KeyNameError(QvlError):
    """A key name that isn't in `keys.py`; the whole chord is refused."""


class ApprovalError(QvlError):
    """The approval for some input isn't valid: spent, expired, or made for other monitors."""


class DesktopError(QvlError):
    """The screen can't be read or the input can't be sent."""


class NoScreenError(DesktopError):
    """There is no usable screen: no display, no permission, or a package is missing."""


class InputHeldByUserError(DesktopError):
    """Somebody else holds a key or button down, which would change what input means; nothing was sent."""


class FocusLostError(DesktopError):
    """The keys would go to another window than the one judged, so the rest wasn't sent."""


class TypingError(DesktopError):
    """A text wouldn't arrive unchanged, so it, or the rest of it, wasn't typed."""


class DisplayBusyError(QvlError):
    """Another agent holds this display."""


class ReadingError(QvlError):
    """The reader of text in pixels can't be loaded or run."""


class ModelError(QvlError):
    """The model or its server failed, or answered with something that isn't a reply."""


class RecordingError(QvlError):
    """A recording that is broken, empty, or of a version this program doesn't know."""


class RunBusyError(RecordingError):
    """Another process is writing this run's record."""


class FlowError(QvlError):
    """A flow, its lock or its data that can't be read, or can't be used as it is."""


class SettingsError(QvlError):
    """A setting that doesn't exist, or a value that doesn't fit it."""


class Stopped(QvlError):  # noqa: N818 - it is a request that travels as an exception, not a failure
    """The person (or a signal) asked the run to stop."""
