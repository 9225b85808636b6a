"""Lets the tests of this folder find their model, their generator and their bank."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
