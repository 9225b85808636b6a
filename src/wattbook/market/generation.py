"""The producers' plants: what they are asked for, what they give, what they may grow by.

Owns the fleet and its upgrades in one street. Knows no price but the spot price of the period that runs, and no money:
it says what fuel costs and what falls due for capacity, and others post it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.assets.plants import Fleet, PlantKind, available_wh
from wattbook.assets.upgrades import Build, Upgrades
from wattbook.messages import FOREVER
from wattbook.units import MS_PER_HOUR, PPM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from wattbook.market.setup import Street

    Ints = NDArray[np.int64]

BY_WEATHER: Final = (PlantKind.HYDRO, PlantKind.WIND, PlantKind.SOLAR)
"""Plants that give what wind, sun or river let them, and follow no schedule."""
_ALWAYS: Final = -(1 << 62)


class Given(NamedTuple):
    """What plants gave in one period, (n,) each, in the order of the producers.

    Attributes
    ----------
    capacity_w, available_wh, scheduled_wh, output_wh : (n,) int64
    fuel : (n,) int64
        What it cost [1e-8 EUR].
    """

    capacity_w: Ints
    available_wh: Ints
    scheduled_wh: Ints
    output_wh: Ints
    fuel: Ints


class Generation:
    """Plants of one street.

    Parameters
    ----------
    street : Street
        One with a wholesale market.

    Attributes
    ----------
    plant_of : dict of int to int
        By producer (agent), the row of its plant.
    by_weather : (n,) bool
        Which plants follow the weather.
    able_wh : (n,) int64
        What each plant, grown as far as it may, could give in a period.
    """

    def __init__(self, street: Street) -> None:
        assert street.wholesale is not None
        self.street, self.rules = street, street.wholesale
        rules = self.rules
        self.upgrades = Upgrades(rules.plants.capacity_w, rules.upgrades)
        self.fleet = Fleet(rules.plants, self.upgrades)
        self.plant_of = {agent: plant for plant, agent in enumerate(rules.producers.tolist())}
        self.by_weather: NDArray[np.bool_] = np.isin(rules.plants.kind, BY_WEATHER)
        grown_w = np.array([0 if terms is None else int(terms.most_w) for terms in rules.upgrades], np.int64)
        self.able_wh = (rules.plants.capacity_w + grown_w) * street.period_ms // MS_PER_HOUR

    # --- output

    def run(
        self, period: int, spot_tick: int, sold_wh: Sequence[int], shared_ppm: Sequence[int],
        marginal_tick: Sequence[int],
    ) -> Given:  # fmt: skip
        """Let all plants run for a period.

        Parameters
        ----------
        sold_wh : sequence of int, (n,)
            What each producer has sold, less what it bought [Wh].
        shared_ppm : sequence of int, (n,)
            The share of its output that it has sold as produced.
        marginal_tick : sequence of int, (n,)
            What a MWh costs each, after all that the regulator gives and takes for it.
        """
        rules, street = self.rules, self.street
        start_ms = street.start_ms + period * street.period_ms
        capacity_w = self.fleet.capacity_w(start_ms)
        scheduled_wh = np.array(
            [self._scheduled_wh(*each) for each in zip(range(len(sold_wh)), sold_wh, shared_ppm, strict=True)], np.int64
        )
        wanted_w = -(-scheduled_wh * MS_PER_HOUR // street.period_ms)
        # What wind and sun give is given, as long as it is worth more than it costs.
        free = self.by_weather & (spot_tick >= np.array(marginal_tick, np.int64))
        wanted_w[free] = capacity_w[free]
        available = rules.available_ppm[:, period]
        output = self.fleet.run(start_ms, street.period_ms, wanted_w, available)
        fuel = output.energy_wh * rules.plants.marginal_tick
        return Given(capacity_w, self.able_in(period), scheduled_wh, output.energy_wh, fuel)

    def able_in(self, period: int) -> Ints:
        """Give what each plant could have given in a period that is over (n,) [Wh]."""
        street = self.street
        capacity_w = self.fleet.capacity_w(street.start_ms + period * street.period_ms)
        return capacity_w * self.rules.available_ppm[:, period] // PPM * street.period_ms // MS_PER_HOUR

    def _scheduled_wh(self, plant: int, sold_wh: int, shared_ppm: int) -> int:
        """Say what a producer wants its plant to give: all that it sold, and the shares of output that go with that."""
        sold_wh, left_ppm = max(0, sold_wh), PPM - shared_ppm
        most_wh = self.most_wh(plant, FOREVER)
        # Who has signed away all of its output gives what it can.
        wanted_wh = -(-sold_wh * PPM // left_ppm) if left_ppm else most_wh
        return max(sold_wh, min(wanted_wh, most_wh))

    # --- capacity

    def price_at_once(self, plant: int, extra_w: int) -> int:
        """Give what an order of capacity would cost at once [1e-8 EUR]; 0 for one that is refused anyhow."""
        terms = self.rules.upgrades[plant]
        return 0 if terms is None or extra_w > terms.most_w else terms.price(max(extra_w, 0))[0]

    def invest(self, plant: int, extra_w: int, now_ms: int) -> bool:
        """Order capacity [W]; False if that cannot be."""
        return self.upgrades.invest(plant, extra_w, now_ms) == Build.OK

    def due(self, now_ms: int) -> tuple[Ints, Ints]:
        """Book what falls due for capacity by now: producers, and what each owes [1e-8 EUR]."""
        due = self.upgrades.book(now_ms)
        owing = np.flatnonzero(due)
        return self.rules.producers[owing], due[owing]

    # --- looking

    def available_wh(self, agent: int, first: int, end: int, now_ms: int) -> Ints:
        """Expect what a producer's plant can give in the periods `first` to before `end` (n,) [Wh].

        What is being built counts where it will be commissioned by the period's start.
        """
        plant, street = self.plant_of[agent], self.street
        starts_ms = street.start_ms + np.arange(first, end) * street.period_ms
        expected = self.rules.expected_ppm[plant, first:end]
        energy = np.zeros(end - first, np.int64)
        for from_ms, capacity_w in self._capacity_steps(plant, now_ms):
            inside = starts_ms >= from_ms
            if inside.any():
                energy[inside] = available_wh(capacity_w, expected, street.period_ms)[inside]
        return energy

    def most_wh(self, plant: int, now_ms: int) -> int:
        """Most energy that a plant can give in a period, with all that is ordered by now [Wh]."""
        return self._capacity_steps(plant, now_ms)[-1][1] * self.street.period_ms // MS_PER_HOUR

    def _capacity_steps(self, plant: int, now_ms: int) -> list[tuple[int, int]]:
        """Give capacities of a plant [W] from instants on, what is ordered by now included."""
        base = int(self.rules.plants.capacity_w[plant])
        steps = [(_ALWAYS, base)]
        for row in self.upgrades.export().tolist():
            owner, extra_w, ordered_ms, commissioned_ms = row[:4]
            if owner == plant and ordered_ms <= now_ms:
                base += extra_w
                steps.append((commissioned_ms, base))
        return steps

    # --- saving

    def export(self) -> dict[str, NDArray[Any]]:
        """Give the state as named arrays."""
        return {**self.fleet.export(), "upgrades": self.upgrades.export()}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take on a state that `export` gave."""
        self.fleet.restore({name: column for name, column in arrays.items() if name != "upgrades"})
        self.upgrades.restore(arrays["upgrades"])

    def check(self) -> None:
        """Assert all that must always hold."""
        self.upgrades.check()
        self.fleet.check()
