"""What the pen remembers of a wake between two calls of a kernel, and why a kernel returns before the wake is over.

Owns the places of the pen's state and the reasons; reads and writes nothing.
"""

from __future__ import annotations

from typing import Final

DONE, ROOM_COMMANDS, ROOM_ORDERS, ROOM_TRADES, ROOM_RING, BOOK_NEEDS, RARE, FAILED, LIVELOCK, NOTICE = range(10)
"""Why a wake returns."""
AT_PHASE, AT_AGENT, AT_NOW, AT_COUNT, AT_LOOK, AT_ROW, AT_CHANGED, AT_FRESH, AT_FIRST = range(9)
AT_SEQ, AT_ORDER, AT_NEED, AT_BEYOND, AT_LATER = range(9, 14)
"""Places of the pen's state."""
IDLE, LOOKING, ACTING, ADMITTED, CARRIED_OUT = range(5)
"""Phases of a wake."""
ORDERS, TRADES = range(2)
"""Places of the pen's counts."""
UNKNOWN: Final = -1
"""In the place of a time that was not looked for."""
MOST_WAKES_AT_ONCE: Final = 1_000
"""An agent that wakes so often in one millisecond will never let time pass."""
NO_ACTION: Final = 127
"""Stands in the journal for an action that is not in the language."""
