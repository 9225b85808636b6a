"""How a run asks: which model, how long an answer may be, how long one waits, what it may spend.

Owns nothing but the values. Everything that the model sees of them is part of a request's key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from wattbook.broker.budget import Budget
from wattbook.broker.prices import Prices, load_prices
from wattbook.errors import ConfigError


@dataclass(frozen=True)
class Settings:
    """How a run asks a model.

    Attributes
    ----------
    model : str
        As the model's maker names it.
    max_tokens : int
        Most tokens of an answer.
    deadline_s : float
        Wall time after which nobody waits for an answer any more [s]; the model does not see it.
    budget : Budget
    prices : Prices
        Looked up when something is sent: a replay needs none.
    """

    model: str = "claude-haiku-5-5"
    max_tokens: int = 256
    deadline_s: float = 60.0
    budget: Budget = field(default_factory=Budget)
    prices: Prices = field(default_factory=load_prices)

    def __post_init__(self) -> None:
        problems = [f"Settings({said}" for is_wrong, said in self._faults() if is_wrong]
        if problems:
            raise ConfigError(problems)

    def _faults(self) -> list[tuple[bool, str]]:
        named = isinstance(self.model, str) and self.model.strip() == self.model != ""
        counted = isinstance(self.max_tokens, int) and not isinstance(self.max_tokens, bool)
        timed = isinstance(self.deadline_s, int | float) and not isinstance(self.deadline_s, bool)
        return [
            (not named, f"model={self.model!r}): write a model's name, such as 'claude-haiku-5-5'"),
            (not counted or self.max_tokens < 1, f"max_tokens={self.max_tokens!r}): write a whole number from 1 up"),
            (
                not timed or not 0 < self.deadline_s < math.inf,
                f"deadline_s={self.deadline_s!r}): write seconds above 0, such as 60",
            ),
            (not isinstance(self.budget, Budget), f"budget={self.budget!r}): write Budget(max_usd=1)"),
            (not isinstance(self.prices, Prices), f"prices={self.prices!r}): write load_prices('prices.toml')"),
        ]
