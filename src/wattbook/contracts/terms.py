"""What a desk is set up with: the catalogue, the clock's grid, margins, limits. Checked once, all mistakes at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.contracts.cascading import problems_of_parts
from wattbook.contracts.spec import ContractSpec
from wattbook.contracts.words import NOTIONAL_MAX, DeskError
from wattbook.errors import ConfigError, nearest
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Mapping

OBSERVABLE: Final = ("own", "everybody")
"""Whose positions an agent may look at."""
NO_LIMIT: Final = -1


@dataclass(frozen=True, slots=True)
class DeskTerms:
    """Settings of a desk.

    Parameters
    ----------
    agents : int
        Agents are numbered 0 .. agents - 1; house accounts follow them.
    specs : tuple of ContractSpec
        The catalogue; commands name a spec by its place.
    start_ms, period_ms : int
        When period 0 begins, and how long a period is [ms of UTC].
    floor_tick, cap_tick : int
        Price band, both ends allowed [ticks].
    margin_ppm : int
        Initial margin as a share of notional [ppm].
    call_ms : int
        How long a margin call may stay unpaid [ms].
    house_capital : int
        What the clearing house puts in before others' funds are touched [1e-8 EUR].
    max_rounds : int
        Most offers in one negotiation, the quote included.
    max_valid_ms : int
        Longest time for which an offer or a request may be good [ms].
    credit_limit : int
        Most open notional between any two parties of bilateral contracts [1e-8 EUR].
    credit_limits : tuple of (creditor, debtor, limit)
        Limits of single agents towards single counterparties, instead of `credit_limit`.
    collateral_threshold : int
        Open notional between two parties above which both lock the excess; `NO_LIMIT` for never [1e-8 EUR].
    sell_limit_wh : tuple of int
        Most energy that each agent may have sold net in a period [Wh], one per agent, `NO_LIMIT` for no limit; empty
        for nobody limited.
    renewable : tuple of int
        Agents whose net injection earns guarantees of origin.
    certificate_periods : int
        How many periods after the one it was issued in a guarantee is good.
    tape_delay_ms : int
        How late trades become public [ms].
    observable : {"own", "everybody"}
        Whose positions `Desk.positions` shows.

    Raises
    ------
    ConfigError
        With every mistake found.
    """

    agents: int
    specs: tuple[ContractSpec, ...]
    start_ms: int = 0
    period_ms: int = MS_PER_HOUR // 4
    floor_tick: int = -50_000
    cap_tick: int = 400_000
    margin_ppm: int = PPM // 10
    call_ms: int = MS_PER_HOUR
    house_capital: int = 0
    max_rounds: int = 5
    max_valid_ms: int = 7 * MS_PER_DAY
    credit_limit: int = NOTIONAL_MAX
    credit_limits: tuple[tuple[int, int, int], ...] = ()
    collateral_threshold: int = NO_LIMIT
    sell_limit_wh: tuple[int, ...] = ()
    renewable: tuple[int, ...] = ()
    certificate_periods: int = 366 * 96
    tape_delay_ms: int = 0
    observable: str = "own"

    def __post_init__(self) -> None:
        if problems := self._problems_alone() or self._problems_together():
            raise ConfigError(problems)

    @property
    def past_period(self) -> int:
        """Period after the last one of any spec."""
        return max(spec.past_period for spec in self.specs)

    def trading_ends_ms(self, spec: int) -> int:
        """When the spec's delivery begins [ms]; signing is possible before."""
        return self.start_ms + self.specs[spec].first_period * self.period_ms

    @property
    def edge_tick(self) -> int:
        """Furthest that a price lies from 0 in the band [ticks]."""
        return max(abs(self.floor_tick), abs(self.cap_tick))

    def worst_tick(self, spec: int) -> int:
        """Most that a Wh of a spec may cost somebody, at least 1 [ticks]."""
        return max(1, self.edge_tick, self.specs[spec].penalty_tick)

    def header(self) -> dict[str, Any]:
        """Give all settings as JSON holds them, for a journal's header; a spec's `parts` only where it has some."""
        header = asdict(self)
        for spec in header["specs"]:
            if not spec["parts"]:
                del spec["parts"]
        return header

    @classmethod
    def of_header(cls, header: Mapping[str, Any]) -> DeskTerms:
        """Make the terms that `header` described.

        Raises
        ------
        ConfigError
            If they cannot be.
        KeyError, TypeError
            If a setting is missing, or unknown.
        """
        given = {name: _tuples(value) for name, value in header.items() if name != "specs"}
        specs = [ContractSpec(**{name: _tuples(value) for name, value in spec.items()}) for spec in header["specs"]]
        return cls(specs=tuple(specs), **given)

    def whole_price(self, price_tick: object, what: str) -> int:
        """Give a price from outside (an index, a mark) as an int; it may lie as far below 0 as the band reaches above.

        Raises
        ------
        DeskError
            If it is no whole number, or lies further from 0 than the band.
        """
        if isinstance(price_tick, bool) or not isinstance(price_tick, int | np.integer):
            raise DeskError(f"{what} is {price_tick!r}: give a whole number of ticks")
        if abs(int(price_tick)) > self.edge_tick:
            raise DeskError(f"{what} is {price_tick}: it lies outside -{self.edge_tick} .. {self.edge_tick} ticks")
        return int(price_tick)

    def _problems_alone(self) -> list[str]:
        bounds = {
            "agents": (1, 1 << 31),
            "start_ms": (0, 1 << 53),
            "period_ms": (1, MS_PER_DAY),
            "floor_tick": (-(1 << 31), 1 << 31),
            "cap_tick": (-(1 << 31), 1 << 31),
            "margin_ppm": (0, PPM),
            "call_ms": (1, 1 << 53),
            "house_capital": (0, NOTIONAL_MAX),
            "max_rounds": (1, 1_000),
            "max_valid_ms": (1, 1 << 53),
            "credit_limit": (0, NOTIONAL_MAX),
            "collateral_threshold": (NO_LIMIT, NOTIONAL_MAX),
            "certificate_periods": (1, 1 << 31),
            "tape_delay_ms": (0, 1 << 53),
        }
        found = [_outside(name, getattr(self, name), low, high) for name, (low, high) in bounds.items()]
        if not isinstance(self.specs, tuple) or not all(isinstance(spec, ContractSpec) for spec in self.specs):
            found.append("specs is a tuple of ContractSpec")
        elif not self.specs:
            found.append("specs is empty: give at least one ContractSpec")
        if self.observable not in OBSERVABLE:
            hint = nearest(str(self.observable), OBSERVABLE)
            found.append(f"observable={self.observable!r} is not one of {', '.join(OBSERVABLE)}{hint}")
        for name in ("sell_limit_wh", "renewable"):
            values = getattr(self, name)
            if not isinstance(values, tuple) or any(type(value) is not int for value in values):
                found.append(f"{name} is a tuple of whole numbers")
        if not isinstance(self.credit_limits, tuple) or not all(_is_limit(row) for row in self.credit_limits):
            found.append("credit_limits is a tuple of (creditor, debtor, limit), all whole numbers")
        return [problem for problem in found if problem]

    def _problems_together(self) -> list[str]:
        found = []
        if self.floor_tick > self.cap_tick:
            found.append(f"floor_tick={self.floor_tick} is above cap_tick={self.cap_tick}: swap them")
        names = [spec.name for spec in self.specs]
        if doubles := sorted({name for name in names if names.count(name) > 1}):
            found.append(f"specs of one name: {', '.join(doubles)}: rename all but one")
        found += problems_of_parts(self.specs)
        if self.sell_limit_wh and len(self.sell_limit_wh) != self.agents:
            found.append(f"sell_limit_wh has {len(self.sell_limit_wh)} entries for {self.agents} agents")
        if any(limit < NO_LIMIT for limit in self.sell_limit_wh):
            found.append(f"sell_limit_wh holds a limit below 0: write {NO_LIMIT} for no limit")
        if strangers := [agent for agent in self.renewable if not 0 <= agent < self.agents]:
            found.append(f"renewable names agents {strangers}: there are 0 .. {self.agents - 1}")
        if len(set(self.renewable)) != len(self.renewable):
            found.append("renewable names an agent twice: its output would count twice")
        for creditor, debtor, limit in self.credit_limits:
            if creditor == debtor or not (0 <= creditor < self.agents and 0 <= debtor < self.agents):
                found.append(f"credit_limits: {creditor} and {debtor} are not two of the {self.agents} agents")
            if not 0 <= limit <= NOTIONAL_MAX:
                found.append(f"credit_limits: {limit} is outside 0 .. {NOTIONAL_MAX}")
        pairs = [(creditor, debtor) for creditor, debtor, _ in self.credit_limits]
        if len(set(pairs)) != len(pairs):
            found.append("credit_limits names the same creditor and debtor twice: keep one limit")
        return found


def _is_limit(row: object) -> bool:
    return isinstance(row, tuple) and len(row) == 3 and all(type(number) is int for number in row)


def _tuples(value: Any) -> Any:
    """Turn lists, as JSON gives them back, into the tuples that they were."""
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value


def _outside(name: str, value: object, low: int, high: int) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return f"{name}={value!r} is not a whole number"
    return "" if low <= value <= high else f"{name}={value} is outside {low} .. {high}"
