from .rerun import (
    ReplayDesktop as ReplayDesktop,
)
from .rerun import (
    ReplayedStep as ReplayedStep,
)
from .rerun import (
    ReplayReport as ReplayReport,
)
from .rerun import (
    replay as replay,
)
