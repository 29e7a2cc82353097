from .compiled import (
    Compiled as Compiled,
)
from .compiled import (
    LeftOut as LeftOut,
)
from .compiled import (
    Problem as Problem,
)
from .compiled import (
    write as write,
)
from .compiling import (
    compile_run as compile_run,
)
