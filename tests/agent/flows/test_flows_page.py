"""What docs/flows.md says of the file is so: its examples are read, and no key is left out."""

import re
import textwrap
from pathlib import Path

import pytest
from project import ROOT

from qvl_agent.agent.flows.check import check
from qvl_agent.agent.flows.expressions import FILTERS, FUNCTIONS
from qvl_agent.agent.flows.reading import Loaded, read
from qvl_agent.agent.flows.schema import schema
from qvl_agent.agent.flows.script.steps import STEP_KINDS

PAGE = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def test_there_are_examples() -> None:
    assert len(BLOCKS) >= 4


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_can_be_read(block: str, tmp_path: Path) -> None:
    is_whole = re.search(r"^flow:", block, re.MULTILINE) is not None
    text = block if is_whole else f"flow: x\nsteps:\n{textwrap.indent(block, '  ')}"
    path = tmp_path / "x.flow.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = read(path)
    assert isinstance(loaded, Loaded), loaded
    if is_whole:
        (tmp_path / "invoices.csv").write_text("number,amount\n", encoding="utf-8")
        assert check(path) == []


def test_every_key_filter_and_function_is_on_the_page() -> None:
    made = schema()
    keys = {key for part in (made, *made["$defs"].values()) for key in part.get("properties", {})}
    keys -= {"question", "columns", "file", "key", "sheet", "default", "about", "one_of"}  # looked for below
    for key in sorted(keys):
        assert re.search(rf"`[^`]*\b{key}\b[^`]*`|\b{key}:", PAGE), key
    for key in ("question", "columns", "file", "key", "sheet", "default", "about", "one_of"):
        assert key in PAGE
    for name in FILTERS:
        assert f"`|{name}" in PAGE, name
    for name in (*FUNCTIONS, *STEP_KINDS):
        assert name in PAGE, name
