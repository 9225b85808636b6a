"""A policy and its draws as numba wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from numba import njit
from numba.core.errors import NumbaError

from wattbook.chance import hash64

if TYPE_CHECKING:
    from collections.abc import Callable

KEY: Final = 3


def _draw(counter: int) -> int:
    return hash64(KEY, counter)


draw: Final[Any] = njit(_draw)
"""Draws what ``wattbook.chance.draw(KEY, counter)`` draws."""


def compiled(policy: Callable[..., int]) -> Any:
    """Make a policy that compiles when it is first called."""
    return njit(policy)


def is_refusal(error: BaseException | None) -> bool:
    """Whether an error says that numba does not understand a function."""
    return isinstance(error, NumbaError)
