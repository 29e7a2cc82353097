from .policy import (
    Binding as Binding,
)
from .policy import (
    Policy as Policy,
)
from .policy import (
    tighten as tighten,
)
from .scene import (
    Scene as Scene,
)
