"""Freed memory is kept for the next array of its size: a run and its tables ask for the same sizes again and again."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from typing import Final

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's `mallopt` (malloc.h)."""
_LARGE: Final = 1 << 30


def keep_freed() -> None:
    """Have the C library hand freed blocks of up to a GiB out again before it returns them to the system.

    A page that comes fresh from the system has to be cleared first, which was a seventh of a city's run. Elsewhere
    than on glibc this does nothing.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_TRIM_THRESHOLD, _LARGE)
