"""The page about a whole session: what failed, what was found otherwise than recorded, what passed."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, select_autoescape

from qvl_agent.agent.wording import visible

__all__ = ["write_page"]

_ORDER: Final = {"failed": 0, "moved": 1, "passed": 2, "skipped": 3}


def write_page(folder: Path, reports: Sequence[Mapping[str, Any]]) -> Path:
    """Write `index.html` into a folder, with its pictures beside it, each once; return its path.

    Args:
        folder: it is made if it isn't there.
        reports: for each test its name, outcome, seconds, message, moved, pictures.
    """
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    shown = [_shown(folder, each) for each in reports]
    shown.sort(key=lambda each: (_ORDER.get(each["kind"], 9), each["name"]))
    counts = {kind: sum(each["kind"] == kind for each in shown) for kind in _ORDER}
    environment = Environment(
        loader=PackageLoader("qvl_agent.agent.testing", "."), autoescape=select_autoescape(["html", "j2"])
    )
    page = folder / "index.html"
    page.write_text(
        environment.get_template("session.html.j2").render(tests=shown, counts=counts, total=len(shown)),
        encoding="utf-8",
    )
    return page


def _shown(folder: Path, report: Mapping[str, Any]) -> dict[str, Any]:
    kind = report["outcome"]
    if kind == "passed" and report["moved"]:
        kind = "moved"
    pictures = []
    for picture in filter(None, report["pictures"]):
        source, target = Path(picture), folder / "pictures" / Path(picture).name
        if not source.exists():
            continue
        if source.resolve() != target.resolve():
            target = folder / "pictures" / f"{source.parent.parent.name}-{source.name}"
            shutil.copyfile(source, target)
        pictures.append(f"pictures/{target.name}")
    return {
        "kind": kind,
        "name": visible(report["name"]),
        "seconds": report["seconds"],
        "message": "\n".join(map(visible, report["message"].splitlines())),
        "moved": [visible(each) for each in report["moved"]],
        "attempts": [visible(each) for each in report.get("attempts", [])],
        "unseen": report["unseen"],
        "pictures": pictures,
    }
