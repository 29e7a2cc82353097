"""What nano isn't taught to read: names of people, places and programs, messages, addresses and dates.

So small a tower tells widgets apart by where they are, what they look like, and what the application calls
them, long before it reads any of many names. Asked for too early, they are noise to all else.
"""

import re
from typing import Final

from qvl_agent.sandbox.apps.words import CITIES, GROUPS, PEOPLE, PROGRAMS

__all__ = ["MESSAGES", "is_named", "is_of_the_seed"]

MESSAGES: Final = "note/"
"""What the ids of a chat's messages begin with."""
_NAMES: Final = frozenset(
    name for group in (PEOPLE, GROUPS, CITIES, PROGRAMS) for both in group for name in both
) - {"Calendar", "日历"}  # the form has a button of that name
_DATA: Final = re.compile(r"@|\d{3}")
"""In an e-mail address, a telephone number, a date."""


def is_named(label: str) -> bool:
    """Whether it has the name of a person, a group, a place or a program in it."""
    return any(name in label for name in _NAMES)


def is_of_the_seed(label: str, item_id: str) -> bool:
    """Whether it is a name, a message or the like, which a seed chose, and not the application's own.

    Args:
        label: what a widget is called, or what it holds.
        item_id: the widget's id.
    """
    return item_id.startswith(MESSAGES) or is_named(label) or _DATA.search(label) is not None
