"""Doing nothing: the home deals with its utility alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattbook.messages import FOREVER
from wattbook.policies.mind import Mind

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See

    Ints = NDArray[np.int64]


def do_nothing(see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:  # noqa: ARG001 - the one form
    """Ask for nothing, ever."""
    return FOREVER


def idle() -> Mind:
    """Make an agent that never acts."""
    return Mind(do_nothing, "idle", look_ahead_ms=0)
