from .format import (
    Manifest as Manifest,
)
from .format import (
    RunResult as RunResult,
)
from .format import (
    StepIntent as StepIntent,
)
from .format import (
    StepOutcome as StepOutcome,
)
from .recording import (
    RecordedStep as RecordedStep,
)
from .recording import (
    Recorder as Recorder,
)
from .recording import (
    Recording as Recording,
)
