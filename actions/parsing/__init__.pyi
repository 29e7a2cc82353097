from .dialects import (
    DIALECTS as DIALECTS,
)
from .dialects import (
    format_action as format_action,
)
from .dialects.reply_format import (
    ReplyFormat as ReplyFormat,
)
from .dialects.reply_format import (
    reply_format as reply_format,
)
from .reply import (
    parse_action as parse_action,
)
from .reply import (
    parse_boxes as parse_boxes,
)
from .reply import (
    read_reply as read_reply,
)
