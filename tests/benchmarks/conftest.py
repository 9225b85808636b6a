"""The benchmarks lie beside the package: make them importable, and draw each stream once."""

import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))


@pytest.fixture(scope="session")
def drawn():
    """Give a function that draws a stream; the same again is not drawn again."""
    from benchmarks.streams import draw

    return cache(draw)
