"""CPU seconds from the import to the first order's receipt, in fresh processes: compiling, and from the cache."""

from __future__ import annotations

import statistics
import tempfile
from typing import TYPE_CHECKING, Any, Final

from .machine import own_process

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_STARTS: Final = 5
_CODE: Final = """
import time
start, wall = time.process_time(), time.perf_counter()
from wattbook.book import BUY, Book
book = Book()
imported = time.process_time()
code = book.submit(1, 1, BUY, 100, 100).code
ended = time.process_time()
assert code == 0
print('{"cpu_s": %.4f, "first_order_s": %.4f, "wall_s": %.4f, "with_python_s": %.4f}' % (
    ended - start, ended - imported, time.perf_counter() - wall, ended))
"""


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Start once with an empty cache of kernels and several times with what that start left there."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        say("start-up: cold, compiling")
        cold = own_process(_CODE, NUMBA_CACHE_DIR=folder)
        warm = []
        for turn in range(WARM_STARTS):
            say(f"start-up: warm, {turn + 1} of {WARM_STARTS}")
            warm.append(own_process(_CODE, NUMBA_CACHE_DIR=folder))
    return {"cold": cold, "warm": {key: statistics.median(each[key] for each in warm) for key in cold}}
