"""How an agent decides: a policy with its memory and its horizon.

A policy has one form, the same for one SimPy process per agent and for a compiled population::

    policy(see, memory, draw, out) -> delay until it wants to look again [ms]

`see` is a `wattbook.messages.See` of whole numbers about one product; `memory` an int64 array (128,) that belongs to
the agent and is kept; ``draw(k)`` the agent's k-th random number, uniform on 0 .. 2**63 - 1; `out` an int64 array
(8, 7) of zeros to be filled with commands from the top, columns ``OUT_*`` of `wattbook.messages`. It is pure but for
`memory` and `out`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from wattbook.messages import MEMORY_SIZE
from wattbook.units import MS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from wattbook.messages import See


class Policy(Protocol):
    """The one form of a decision."""

    def __call__(
        self, see: See, memory: NDArray[np.int64], draw: Callable[[int], int], out: NDArray[np.int64], /
    ) -> int:
        """Fill `out`; return the delay until the policy wants to look at this product again [ms]."""
        ...


@dataclass(frozen=True)
class Mind:
    """A policy made ready for one agent.

    Attributes
    ----------
    policy : Policy
    name : str
        As the tables show it.
    memory : tuple of int
        How the agent's memory row starts; zeros follow.
    persona : str
    look_ahead_ms : int
        The policy is shown products whose gate closes within this time [ms], and each product once when its gate
        opens.
    listens : bool
        Whether it is woken by what others do: in the same millisecond when another's command fills one of its orders,
        to look at that product; in a market that gives turns it is shown every order that anybody's turn brought
        instead.
    follows_forecasts : bool
        Whether each new forecast wakes it, to look at all products within its look-ahead. One that does not wakes when
        it asked to and when gates open.
    """

    policy: Policy
    name: str
    memory: tuple[int, ...] = ()
    persona: str = ""
    look_ahead_ms: int = field(default=2 * MS_PER_HOUR)
    listens: bool = False
    follows_forecasts: bool = True

    def __post_init__(self) -> None:
        assert len(self.memory) <= MEMORY_SIZE, "a memory row has 128 places"
