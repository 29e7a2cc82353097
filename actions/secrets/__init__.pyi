from .redactor import (
    Redactor as Redactor,
)
from .vault import (
    Vault as Vault,
)
