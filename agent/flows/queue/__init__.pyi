from .data import (
    Item as Item,
)
from .data import (
    checksum as checksum,
)
from .data import (
    columns as columns,
)
from .data import (
    delimiter as delimiter,
)
from .data import (
    rows as rows,
)
from .entries import (
    ENDED as ENDED,
)
from .entries import (
    Entry as Entry,
)
from .entries import (
    Status as Status,
)
from .entries import (
    Taken as Taken,
)
from .output import (
    Output as Output,
)
from .store import (
    Queue as Queue,
)
from .values import (
    Value as Value,
)
from .values import (
    Written as Written,
)
from .values import (
    as_text as as_text,
)
