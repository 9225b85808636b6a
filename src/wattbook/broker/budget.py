"""What a run may spend: limits, and the purse that keeps to them.

A request is let through only if everything under way could cost the worst that is thought possible and the limits
would still hold; what is left over comes back when its reply is looked at. Both happen in simulated order, so what the
budget lets through depends on nothing but the run; wall time alone is looked up.

The worst case of a request is `most_input_tokens` read and the most tokens written. Nobody can be certain how another
one's server counts. Should it ever bill more than the worst case, the purse counts what was billed, says so, and lets
nothing through any more: the limit may then have been passed by what was under way at that moment, and by no more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.broker.prices import NUSD_PER_USD
from wattbook.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wattbook.broker.prices import Price
    from wattbook.broker.words import Reply

_OVERHEAD_TOKENS: Final = 400
"""What a server may add of its own: marks of the messages, and words about the form of the answer."""
MOST_TOKENS: Final = 1_000_000_000
"""A server that says more than this of one request talks nonsense."""


def static_input_tokens(system: str, schema: str) -> int:
    """Most input tokens of what does not change: one for two bytes of prose or schema, and what a server adds."""
    return _OVERHEAD_TOKENS + (len(system.encode()) + len(schema.encode()) + 1) // 2


def most_input_tokens(system: str, schema: str, observation: str) -> int:
    """Most input tokens of a request.

    Prose has four to five bytes a token, other scripts and schemas not less than two. Dense numbers may come close to
    one, so an observation counts a token for each byte: no tokenizer of bytes makes more of it.
    """
    return static_input_tokens(system, schema) + len(observation.encode())


@dataclass(frozen=True)
class Budget:
    """Limits of a run; None is no limit.

    Attributes
    ----------
    max_usd : float, int, Decimal or None
        Money [USD].
    max_requests : int or None
        Requests sent.
    max_tokens : int or None
        Tokens read and written.
    max_wall_s : float, int or None
        Wall time from the start, after which nothing more is sent [s].
    """

    max_usd: float | Decimal | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_wall_s: float | None = None

    def __post_init__(self) -> None:
        problems = [
            f"Budget({name}={given!r}): write {wanted} from 0 up, or None for no limit"
            for name, given, kinds, wanted in (
                ("max_usd", self.max_usd, (int, float, Decimal), "US dollars"),
                ("max_requests", self.max_requests, (int,), "a whole number"),
                ("max_tokens", self.max_tokens, (int,), "a whole number"),
                ("max_wall_s", self.max_wall_s, (int, float), "seconds"),
            )
            if not _is_limit(given, kinds)
        ]
        if problems:
            raise ConfigError(problems)

    @property
    def max_nusd(self) -> int | None:
        """Money [1e-9 USD], rounded down."""
        return None if self.max_usd is None else int(Decimal(str(self.max_usd)) * NUSD_PER_USD)


def _is_limit(given: object, kinds: tuple[type, ...]) -> bool:
    if given is None:
        return True
    if isinstance(given, bool) or not isinstance(given, kinds):
        return False
    number = Decimal(str(given))
    return number.is_finite() and number >= 0


class Spent(NamedTuple):
    """Money, tokens and requests, spent or held back."""

    nusd: int = 0
    tokens: int = 0
    requests: int = 0

    def plus(self, more: Spent) -> Spent:
        """Both together."""
        return Spent(self.nusd + more.nusd, self.tokens + more.tokens, self.requests + more.requests)

    def minus(self, less: Spent) -> Spent:
        """Give what remains without `less`."""
        return Spent(self.nusd - less.nusd, self.tokens - less.tokens, self.requests - less.requests)


def charged(price: Price, reserve: Spent, reply: Reply) -> Spent:
    """Tell what a call cost: its usage; all that was held back if that is not known; nothing if it was not sent."""
    if reply.is_billed:
        cost_nusd = price.cost_nusd(reply.input_tokens, reply.output_tokens)
        return Spent(cost_nusd, reply.input_tokens + reply.output_tokens, reply.attempts)
    if reply.sent:
        return Spent(reserve.nusd, reserve.tokens, max(reply.attempts, 1))
    return Spent(0, 0, reply.attempts)


class Purse:
    """Keeps to a budget.

    Parameters
    ----------
    budget : Budget
    price : Price
    max_tokens : int
        Most tokens that an answer may have.
    spent : Spent
        What an earlier part of the run has spent.
    clock : callable
        Seconds that only go up; looked at for `Budget.max_wall_s` alone.

    Attributes
    ----------
    spent, held : Spent
    overrun : str
        How a server billed more than the worst case; "" while none did.
    """

    def __init__(
        self,
        budget: Budget,
        price: Price,
        max_tokens: int,
        *,
        spent: Spent = Spent(),  # noqa: B008  # immutable
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget, self.price, self._max_tokens, self._clock = budget, price, max_tokens, clock
        self._started_s = clock()
        self.spent, self.held, self.overrun = spent, Spent(), ""

    def worst(self, input_tokens: int) -> Spent:
        """Most that a request may cost which has at most `input_tokens`."""
        cost_nusd = self.price.cost_nusd(input_tokens, self._max_tokens)
        return Spent(cost_nusd, input_tokens + self._max_tokens, 1)

    def reserve(self, input_tokens: int) -> Spent | None:
        """Hold back the worst case of a request; None if a limit could then be passed."""
        worst = self.worst(input_tokens)
        held = self.held.plus(worst)
        if self.overrun or self._is_late() or not self._allows(self.spent.plus(held)):
            return None
        self.held = held
        return worst

    def settle(self, reserve: Spent, cost: Spent) -> None:
        """Put `cost` in the place of what was held back for it."""
        self.held = self.held.minus(reserve)
        self.spent = self.spent.plus(cost)
        if cost.nusd > reserve.nusd or cost.tokens > reserve.tokens:
            self.overrun = (
                f"the server billed {cost.tokens} tokens ({cost.nusd / NUSD_PER_USD:.6f} USD) for a request that was "
                f"to have at most {reserve.tokens} ({reserve.nusd / NUSD_PER_USD:.6f} USD): nothing more is sent"
            )
        self.check()

    def check(self) -> None:
        """All that must always hold."""
        assert min(self.held) >= 0, "more came back than was held"
        assert min(self.spent) >= 0, "somebody was paid for asking"

    def _allows(self, total: Spent) -> bool:
        limits = (self._budget.max_nusd, self._budget.max_tokens, self._budget.max_requests)
        return all(limit is None or value <= limit for value, limit in zip(total, limits, strict=True))

    def _is_late(self) -> bool:
        limit = self._budget.max_wall_s
        return limit is not None and self._clock() - self._started_s >= limit
