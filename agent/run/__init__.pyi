from .agent import (
    Agent as Agent,
)
from .agent import (
    Run as Run,
)
from .events import (
    Acted as Acted,
)
from .events import (
    Asked as Asked,
)
from .events import (
    Decided as Decided,
)
from .events import (
    Ended as Ended,
)
from .events import (
    Loading as Loading,
)
from .events import (
    Looked as Looked,
)
from .events import (
    Paused as Paused,
)
from .events import (
    Resumed as Resumed,
)
from .events import (
    RunEvent as RunEvent,
)
from .events import (
    Started as Started,
)
from .events import (
    Subscriber as Subscriber,
)
from .events import (
    TextReceived as TextReceived,
)
from .events import (
    Thinking as Thinking,
)
from .events import (
    Verified as Verified,
)
from .events import (
    Verifying as Verifying,
)
from .events import (
    Warned as Warned,
)
