"""Where a long measurement is: one line on a terminal, plain lines where there is none."""

from __future__ import annotations

import sys
from typing import Self


class Line:
    """Shows texts like "local: slice 2 of 10" on standard error; callable with the text.

    On a terminal each stands in place of the last; elsewhere only the first with the same beginning is shown.
    """

    def __init__(self) -> None:
        self.terminal = sys.stderr.isatty()
        self.shown = 0
        self.part = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.terminal:
            self._write("\r" + " " * self.shown + "\r")

    def __call__(self, text: str) -> None:
        """Show where the work is."""
        if self.terminal:
            self._write(f"\r{text:<{self.shown}}")
            self.shown = len(text)
        elif (part := text.partition(":")[0]) != self.part:
            self.part = part
            self._write(f"{text}\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
