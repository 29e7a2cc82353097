from .rapidocr import (
    open_reader as open_reader,
)
from .target_text import (
    Reader as Reader,
)
from .target_text import (
    TargetText as TargetText,
)
