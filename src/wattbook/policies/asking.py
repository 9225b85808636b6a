"""A producer that asks one price whatever its costs are: for studies of market power, and of what is done about it."""

from __future__ import annotations

from dataclasses import dataclass

from wattbook.errors import ConfigError
from wattbook.policies.producers import ProducerMind

_MOST_TICK = 1 << 31


@dataclass(frozen=True, slots=True)
class AskingMind(ProducerMind):
    """A rule-based producer with a price of its own, day ahead and as its first one at the desk.

    Parameters
    ----------
    ask_tick : int
        What it asks [ticks].
    **values
        All that `wattbook.policies.producers.ProducerMind` takes.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    ask_tick: int = 0

    def __post_init__(self) -> None:
        ProducerMind.__post_init__(self)
        if type(self.ask_tick) is not int or abs(self.ask_tick) > _MOST_TICK:
            raise ConfigError(f"producer {self.persona!r}: ask_tick={self.ask_tick!r} is no whole number of ticks")

    def _asked_tick(self, marginal_tick: int) -> int:  # noqa: ARG002 - whatever it costs
        return self.ask_tick
