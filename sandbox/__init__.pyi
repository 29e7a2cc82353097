from .display import (
    VirtualDisplay as VirtualDisplay,
)
from .oracle import (
    Oracle as Oracle,
)
from .session import (
    Sandbox as Sandbox,
)
from .session import (
    SandboxDesktop as SandboxDesktop,
)
from .session import (
    open_sandbox as open_sandbox,
)
