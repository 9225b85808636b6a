"""What utilities and producers expect of the days to come: needs, output, prices.

Owns the forecasts that the wholesale market's agents act on. Needs of homes come of the agents' own forecasts
(`wattbook.world.outlook`); customers that a utility stands for and plants that follow the weather are foreseen with an
error of their own per day, which does not know what comes.
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.plants import PlantKind
from wattbook.chance import NORMAL_SCALE, key_of, normal_units
from wattbook.contracts import NOBODY, Kind
from wattbook.data.calendar import wall_clock_ms
from wattbook.market.generation import BY_WEATHER
from wattbook.policies.wholesale import Own, Public
from wattbook.units import MS_PER_DAY, MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from wattbook.contracts import ContractSpec
    from wattbook.contracts.bilateral import Contract
    from wattbook.market.wholesale import Wholesale

    Ints = NDArray[np.int64]

DAYS_REMEMBERED: Final = 7
"""Days of spot prices from which the next ones are expected."""
SERVED_SD_PPM: Final = 30_000
"""Standard deviation of the forecast of a day's many customers: 3 %, an assumption of calibration."""
WEATHER_SD_PPM: Final = 100_000
"""Standard deviation of the forecast of a day's wind, sun or river: 10 %, an assumption of calibration."""
RENEWABLE: Final = (PlantKind.HYDRO, PlantKind.WIND, PlantKind.SOLAR, PlantKind.BIOMASS)


class Foresight:
    """What each agent of the wholesale market expects.

    Parameters
    ----------
    wholesale : Wholesale
    seed : int
    need : callable
        ``need(agent, now_ms, first, end)`` gives what a utility's homes are expected to draw, net, and the standard
        deviation of that, (n,) each [Wh].
    """

    def __init__(
        self, wholesale: Wholesale, seed: int, need: Callable[[int, int, int, int], tuple[Ints, Ints]]
    ) -> None:
        self.wholesale, self.street, self.rules = wholesale, wholesale.street, wholesale.rules
        names = self.street.names
        self._keys = {agent: key_of(seed, names[agent], "foresight") for agent in wholesale.groups.tolist()}
        self._need = need
        self._asked: tuple[int, int, int, int] | None = None
        self._answer = (np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._utilities = set(wholesale.utilities.tolist())
        street = self.street
        starts_ms = street.start_ms + np.arange(street.periods) * street.period_ms
        self._slots = wall_clock_ms(starts_ms, street.timezone) % MS_PER_DAY // street.period_ms

    def own(self, agent: int, first: int, end: int, now_ms: int) -> Own:
        """Tell what an agent knows of itself for the periods `first` to before `end`."""
        nothing = np.zeros(end - first, np.int64)
        need_wh, sd_wh, available_wh = nothing, nothing, nothing
        kind, marginal_tick, desk = None, 0, self.wholesale.desk
        if agent in self._utilities:
            need_wh, sd_wh = self._needs(agent, first, end, now_ms)
        else:
            plant = self.wholesale.generation.plant_of[agent]
            kind = PlantKind(int(self.rules.plants.kind[plant]))
            marginal_tick = self.wholesale.marginal_tick(plant, self.street.start_ms + first * self.street.period_ms)
            available_wh = self._output(agent, plant, first, end, now_ms)
        return Own(
            agent=agent,
            now_ms=now_ms,
            first=first,
            start_ms=self.street.start_ms + first * self.street.period_ms,
            period_ms=self.street.period_ms,
            need_wh=need_wh,
            sd_wh=sd_wh,
            available_wh=available_wh,
            marginal_tick=marginal_tick,
            follows_weather=kind in BY_WEATHER,
            renewable=kind in RENEWABLE,
            contracted_wh=self._contracted(agent, first, end, now_ms),
            money=self.wholesale.market.ledger.available(agent),
            lots={} if desk is None else desk.positions_ahead(agent, now_ms).get(agent, {}),
        )

    def public(self, first: int, end: int, now_ms: int) -> Public:
        """Tell what everybody expects of prices in the periods `first` to before `end`."""
        expected, sd = self._prices(first, end)
        rules = self.rules
        spread = max(0, rules.imbalance_ppm)
        desk = self.wholesale.desk
        shown = (
            desk.positions_ahead(NOBODY, now_ms) if desk is not None and desk.terms.observable == "everybody" else {}
        )
        return Public(expected, sd, PPM + spread, PPM - spread, rules.floor_tick, self.wholesale.cap_tick, shown)

    def expected_tick(self, first: int, end: int) -> Ints:
        """Tell what everybody expects the spot price to be in the periods `first` to before `end` (n,)."""
        return self._prices(first, end)[0]

    # --- energy

    def _needs(self, agent: int, first: int, end: int, now_ms: int) -> tuple[Ints, Ints]:
        """Homes by their own forecasts, and the customers stood for."""
        asked = (agent, now_ms, first, end)
        if self._asked != asked:
            self._asked, self._answer = asked, self._need(*asked)
        need_wh, sd_wh = (column.copy() for column in self._answer)
        served = self.wholesale.expected_served_wh(agent, first, end)
        sd_ppm = 0 if agent in self.rules.steady else SERVED_SD_PPM
        need_wh += self._blurred(agent, served, first, sd_ppm)
        apart = served * sd_ppm // PPM
        sd_wh = np.array([isqrt(a * a + b * b) for a, b in zip(sd_wh.tolist(), apart.tolist(), strict=True)], np.int64)
        return need_wh, sd_wh

    def _output(self, agent: int, plant: int, first: int, end: int, now_ms: int) -> Ints:
        able = self.wholesale.generation.available_wh(agent, first, end, now_ms)
        if PlantKind(int(self.rules.plants.kind[plant])) not in BY_WEATHER:
            return able
        most = self.wholesale.generation.most_wh(plant, now_ms)
        return np.clip(self._blurred(agent, able, first, WEATHER_SD_PPM), 0, most)

    def _blurred(self, agent: int, exact_wh: Ints, first: int, sd_ppm: int) -> Ints:
        """Add the error of each day's forecast: one number a day and agent, whenever it is asked for."""
        period_ms = self.street.period_ms
        days = (np.arange(first, first + len(exact_wh)) * period_ms) // MS_PER_DAY
        if not len(days):
            return exact_wh
        errors = {
            day: int(normal_units(self._keys[agent], day)) * sd_ppm // NORMAL_SCALE
            for day in range(int(days[0]), int(days[-1]) + 1)
        }
        factor = PPM + np.array([errors[day] for day in days.tolist()], np.int64)
        return np.maximum(exact_wh * np.maximum(factor, 0) // PPM, 0)

    def _contracted(self, agent: int, first: int, end: int, now_ms: int) -> Ints:
        """Sum up what contracts deliver to an agent; of a share of a plant's output, what is expected of that."""
        desk = self.wholesale.desk
        total = np.zeros(end - first, np.int64)
        if desk is None:
            return total
        total += self.shares_wh(agent, first, end, now_ms)
        specs = desk.terms.specs
        held = desk.positions(agent).get(agent, {}).items()
        return total + _laid(((specs[s], lots) for s, lots in held if specs[s].is_physical), first, end)

    def fixed_wh(self, agent: int, first: int, end: int, now_ms: int) -> Ints:
        """Sum up what contracts only fix the price of and nobody can sign any more, bought - sold (n,) [Wh]."""
        desk = self.wholesale.desk
        assert desk is not None
        terms = desk.terms
        held = desk.positions_ahead(agent, now_ms).get(agent, {})
        financial = {s: lots for s, lots in held.items() if terms.specs[s].kind in (Kind.FUTURE_CASH, Kind.CFD)}
        over = ((terms.specs[s], lots) for s, lots in financial.items() if terms.trading_ends_ms(s) <= now_ms)
        return _laid(over, first, end)

    def shares_wh(self, agent: int, first: int, end: int, now_ms: int) -> Ints:
        """Expect what the shares of output deliver that an agent has bought, less those that it has sold (n,) [Wh]."""
        total = np.zeros(end - first, np.int64)
        desk = self.wholesale.desk
        for contract in () if desk is None else desk.bilateral.contracts.values():
            is_share = desk is not None and desk.terms.specs[contract.spec].kind == Kind.PPA
            if is_share and agent in (contract.buyer, contract.seller):
                share = self._share_of(contract, first, end, now_ms)
                total += share if agent == contract.buyer else -share
        return total

    def outlook_wh(self, first: int, end: int, now_ms: int) -> dict[int, Ints]:
        """Tell what is publicly expected of each plant that follows the weather, by its owner (n,) each [Wh]."""
        plants = self.wholesale.generation.plant_of
        return {
            agent: self._output(agent, plant, first, end, now_ms)
            for agent, plant in plants.items()
            if self.wholesale.generation.by_weather[plant]
        }

    def _share_of(self, contract: Contract, first: int, end: int, now_ms: int) -> Ints:
        """Expect what a pay-as-produced agreement delivers in each period (n,) [Wh]."""
        desk = self.wholesale.desk
        assert desk is not None
        product = desk.terms.specs[contract.spec]
        plant = self.wholesale.generation.plant_of.get(contract.seller)
        if plant is None:
            # Whoever has no plant may still have sold a share of its output: of nothing.
            return np.zeros(end - first, np.int64)
        output = self._output(contract.seller, plant, first, end, now_ms)
        periods = np.arange(first, end)
        inside = (periods >= product.first_period) & (periods < product.past_period)
        return np.where(inside, output * contract.quantity // PPM, 0)

    # --- prices

    def _prices(self, first: int, end: int) -> tuple[Ints, Ints]:
        """Mean and standard deviation of the last days' spot prices at the same time of day, (n,) each [ticks]."""
        expected = self.rules.expected_tick[first:end].copy()
        sd = np.zeros(end - first, np.int64)
        # A day has 25 hours at most, so what is older cannot be among the last.
        past = slice(max(0, self.wholesale.cleared - (DAYS_REMEMBERED + 1) * 25 * MS_PER_HOUR // self.street.period_ms),
                     self.wholesale.cleared)  # fmt: skip
        seen: dict[int, list[int]] = {}
        for slot, price in zip(self._slots[past].tolist(), self.wholesale.spot_tick[past].tolist(), strict=True):
            seen.setdefault(slot, []).append(price)
        found = {slot: _moments(prices[-DAYS_REMEMBERED:]) for slot, prices in seen.items()}
        for i, slot in enumerate(self._slots[first:end].tolist()):
            if slot in found:
                expected[i], sd[i] = found[slot]
        return expected, sd


def _laid(held: Iterable[tuple[ContractSpec, int]], first: int, end: int) -> Ints:
    """Sum up the energy of lots of contracts in the periods `first` to before `end` (n,) [Wh]."""
    total = np.zeros(end - first, np.int64)
    for product, lots in held:
        low, high = max(first, product.first_period), min(end, product.past_period)
        if low < high:
            profile = np.array(product.profile_wh[low - product.first_period : high - product.first_period])
            total[low - first : high - first] += lots * profile
    return total


def _moments(values: list[int]) -> tuple[int, int]:
    """Mean and standard deviation, rounded down, of at least one value."""
    count = len(values)
    mean = sum(values) // count
    return mean, isqrt(sum((value - mean) ** 2 for value in values) // count)
