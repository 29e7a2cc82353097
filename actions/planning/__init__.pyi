from .action import (
    Action as Action,
)
from .action import (
    Answer as Answer,
)
from .action import (
    Ask as Ask,
)
from .action import (
    Click as Click,
)
from .action import (
    Done as Done,
)
from .action import (
    Drag as Drag,
)
from .action import (
    Fail as Fail,
)
from .action import (
    Move as Move,
)
from .action import (
    Press as Press,
)
from .action import (
    Scroll as Scroll,
)
from .action import (
    Type as Type,
)
from .action import (
    Wait as Wait,
)
from .action import (
    Zoom as Zoom,
)
from .approval import (
    Approved as Approved,
)
from .events import (
    ButtonEvent as ButtonEvent,
)
from .events import (
    Event as Event,
)
from .events import (
    KeyEvent as KeyEvent,
)
from .events import (
    MoveEvent as MoveEvent,
)
from .events import (
    Plan as Plan,
)
from .events import (
    SecretEvent as SecretEvent,
)
from .events import (
    TextEvent as TextEvent,
)
from .events import (
    WheelEvent as WheelEvent,
)
from .observation import (
    Observation as Observation,
)
from .placeholders import (
    SecretValue as SecretValue,
)
from .placeholders import (
    placeholder as placeholder,
)
