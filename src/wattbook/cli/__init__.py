"""The command line: what people type, what they see, and what the shell is told.

Owns arguments, exit codes, progress and the wording around results. Heavy libraries are imported by the command that
needs them, so that ``--help`` answers at once. Knows the scenario's doors, the data's doors and the results.
"""

from __future__ import annotations

from wattbook.cli.ending import main, program

__all__ = ["main", "program"]
