"""What a utility does as a supplier and balance group: nominate, a day ahead, what it expects its customers to need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattbook.messages import FOREVER, OUT_ACTION, OUT_QUANTITY
from wattbook.policies.mind import Mind
from wattbook.policies.orders import NOMINATE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]


def expected_residual(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Nominate the expected residual of the group once, when the product opens."""
    if see.fresh:
        out[0, OUT_ACTION] = NOMINATE
        out[0, OUT_QUANTITY] = see.load_wh - see.generation_wh - see.battery_wh
    return FOREVER


def nominate() -> Mind:
    """Make a utility that nominates its day-ahead forecast."""
    return Mind(expected_residual, "nominate", look_ahead_ms=0)
