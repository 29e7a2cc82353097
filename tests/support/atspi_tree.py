"""Print a GTK application's widgets as JSON: role, name, text and box in screen pixels.

Runs under Debian's own Python, which has gi; `test_galculator.py` starts it. Argument: the
application's name on the accessibility bus.
"""

import json
import sys
from typing import Any

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402


def walk(node: Any, found: list[dict[str, object]]) -> None:
    try:
        box = node.get_extents(Atspi.CoordType.SCREEN)
        text = node.get_text_iface()
        found.append(
            {
                "role": node.get_role_name(),
                "name": node.get_name() or "",
                "text": Atspi.Text.get_text(text, 0, -1) if text else "",
                "box": [box.x, box.y, box.x + box.width, box.y + box.height],
            }
        )
        for index in range(node.get_child_count()):
            child = node.get_child_at_index(index)
            if child is not None:
                walk(child, found)
    except GLib.Error:  # it went away meanwhile
        return


def main(name: str) -> None:
    desktop = Atspi.get_desktop(0)
    found: list[dict[str, object]] = []
    for index in range(desktop.get_child_count()):
        application = desktop.get_child_at_index(index)
        if application is not None and application.get_name() == name:
            walk(application, found)
    sys.stdout.write(json.dumps(found))


main(sys.argv[1])
