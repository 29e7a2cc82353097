"""Where things lie in the checkout; the tests lie at several depths and find them here."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BENCHMARKS: Final = ROOT / "benchmarks"
TESTS: Final = ROOT / "tests"
SUPPORT: Final = TESTS / "support"
DATA: Final = TESTS / "data"
"""Real replies, labels and recorded runs."""
