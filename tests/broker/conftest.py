"""Lets the tests of this folder find their stand-ins for a model and a world."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
