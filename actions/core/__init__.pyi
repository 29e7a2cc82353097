from .coordinates import (
    DesktopPoint as DesktopPoint,
)
from .coordinates import (
    FrameBox as FrameBox,
)
from .coordinates import (
    FramePoint as FramePoint,
)
from .coordinates import (
    ModelBox as ModelBox,
)
from .coordinates import (
    ModelPoint as ModelPoint,
)
from .coordinates import (
    Rect as Rect,
)
from .coordinates import (
    View as View,
)
from .errors import (
    ApprovalError as ApprovalError,
)
from .errors import (
    CoordinateError as CoordinateError,
)
from .errors import (
    DesktopError as DesktopError,
)
from .errors import (
    DisplayBusyError as DisplayBusyError,
)
from .errors import (
    FocusLostError as FocusLostError,
)
from .errors import (
    InputHeldByUserError as InputHeldByUserError,
)
from .errors import (
    KeyNameError as KeyNameError,
)
from .errors import (
    ModelError as ModelError,
)
from .errors import (
    NoScreenError as NoScreenError,
)
from .errors import (
    ParseError as ParseError,
)
from .errors import (
    QvlError as QvlError,
)
from .errors import (
    ReadingError as ReadingError,
)
from .errors import (
    RecordingError as RecordingError,
)
from .errors import (
    RunBusyError as RunBusyError,
)
from .errors import (
    SettingsError as SettingsError,
)
from .errors import (
    Stopped as Stopped,
)
from .errors import (
    TypingError as TypingError,
)
from .frame import (
    Frame as Frame,
)
from .frame import (
    Geometry as Geometry,
)
from .messages import (
    Message as Message,
)
from .messages import (
    Reply as Reply,
)
from .outcome import (
    Change as Change,
)
from .outcome import (
    Check as Check,
)
from .outcome import (
    Level as Level,
)
from .outcome import (
    Outcome as Outcome,
)
from .outcome import (
    Verdict as Verdict,
)
from .windows import (
    Layout as Layout,
)
from .windows import (
    WindowInfo as WindowInfo,
)
