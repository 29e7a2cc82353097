from .executor import (
    Decision as Decision,
)
from .executor import (
    ExecutionResult as ExecutionResult,
)
from .executor import (
    Executor as Executor,
)
from .person import (
    CallablePerson as CallablePerson,
)
from .person import (
    Consent as Consent,
)
from .person import (
    Nobody as Nobody,
)
from .person import (
    Person as Person,
)
from .person import (
    Question as Question,
)
