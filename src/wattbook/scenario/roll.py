"""Everybody of a scenario in the order of their names: agents described one by one, and cities in columns.

Owns which row of a street's arrays is whose, and how a city's homes fill theirs. The numbers are those that the same
homes would have if a script listed them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from wattbook.assets import Batteries, Pv
from wattbook.chance import keys_of
from wattbook.data import fill_homes_wh, load_grid
from wattbook.market.setup import About
from wattbook.scenario.cities import City, Homes, battery_of, pv_profiles
from wattbook.scenario.parts import CONNECTION, Consumer, Prosumer
from wattbook.scenario.street import BUSINESS
from wattbook.units import MS_PER_HOUR, watt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from wattbook.policies import Mind
    from wattbook.scenario.compiling import Series
    from wattbook.scenario.parts import Agent
    from wattbook.scenario.profiles import Horizon, Library

    Ints = NDArray[np.int64]


class Roll(NamedTuple):
    """Who lives in which row.

    Attributes
    ----------
    names : tuple of str, (a,)
        Everybody, sorted.
    agents : tuple of Agent, (k,)
        Those that are described one by one, sorted by name.
    rows : (k,) int64
        Their rows.
    districts : tuple of District
        The cities.
    """

    names: tuple[str, ...]
    agents: tuple[Agent, ...]
    rows: Ints
    districts: tuple[District, ...]

    @classmethod
    def of(cls, agents: Sequence[Agent]) -> Self:
        """Sort everybody by name."""
        single = sorted((agent for agent in agents if not isinstance(agent, City)), key=lambda agent: agent.name)
        cities = sorted((agent for agent in agents if isinstance(agent, City)), key=lambda agent: agent.name)
        if not cities:
            return cls(tuple(agent.name for agent in single), tuple(single), np.arange(len(single)), ())
        homes = [city.columns() for city in cities]
        names = [agent.name for agent in single]
        for each in homes:
            names += each.names
        order = sorted(range(len(names)), key=names.__getitem__)
        rows = np.empty(len(names), np.int64)
        rows[order] = np.arange(len(names))
        edges = np.cumsum([len(single), *(len(each.names) for each in homes)])
        districts = tuple(
            District(city, each, own, city.minds())
            for city, each, own in zip(cities, homes, np.split(rows, edges)[1:], strict=False)
        )
        return cls(tuple([names[i] for i in order]), tuple(single), rows[: len(single)], districts)

    @property
    def size(self) -> int:
        """Number of everybody."""
        return len(self.names)

    def column(self, single: Ints, of: Callable[[District], Ints]) -> Ints:
        """Lay out a column (a,) of the values (k,) of the agents described, and of each city's homes (n,)."""
        if not self.districts:
            return single
        out = np.empty(self.size, np.int64)
        out[self.rows] = single
        for district in self.districts:
            out[district.rows] = of(district)
        return out

    def texts(self, single: Sequence[str], of: Callable[[District], NDArray[np.object_]]) -> tuple[str, ...]:
        """Lay out texts (a,) as `column` lays out numbers."""
        out = np.empty(self.size, dtype=object)
        out[self.rows] = single
        for district in self.districts:
            out[district.rows] = of(district)
        return tuple(out.tolist())

    def batteries(self, single: Batteries) -> Batteries:
        """Lay out the batteries."""
        if not self.districts:
            return single
        owned = [district.batteries() for district in self.districts]
        columns = []
        for place, column in enumerate(single):
            out = np.empty(self.size, np.int64)
            out[self.rows] = column
            for district, battery in zip(self.districts, owned, strict=True):
                out[district.rows] = battery[place]
            columns.append(out)
        return Batteries(*columns)

    def about(self, single: Sequence[dict[str, str]]) -> dict[str, dict[str, str]] | About:
        """Tell people of everybody: a dict by name, or of a city the few different tales and whose each is."""
        if not self.districts:
            return {agent.name: tale for agent, tale in zip(self.agents, single, strict=True)}
        tales = list(single)
        code = np.empty(self.size, np.int64)
        code[self.rows] = np.arange(len(single))
        for district in self.districts:
            code[district.rows] = len(tales) + district.homes.persona
            label = district.city.label
            tales += [{"persona": mind.persona, "policy": mind.name, "label": label} for mind in district.minds]
        return About(tuple(tales), code)


class District(NamedTuple):
    """A city's homes, their rows in the street, and the minds of its personas."""

    city: City
    homes: Homes
    rows: Ints
    minds: tuple[Mind, ...]

    def kinds(self) -> NDArray[np.object_]:
        """Tell consumers from prosumers (n,)."""
        gives = (self.homes.pv_w > 0) | (self.homes.battery_wh > 0)
        return np.where(gives, Prosumer.kind, Consumer.kind).astype(object)

    def same(self, value: int) -> Ints:
        """Give everybody the same value (n,)."""
        return np.full(len(self.rows), int(value), np.int64)

    def feeder_names(self) -> list[str]:
        """Name its feeders in order."""
        return [self.city.feeder_name(number) for number in range(self.city.feeders)]

    def feeder(self, place: Mapping[str, int]) -> Ints:
        """Index of each home's feeder (n,), of `place` by name."""
        own = np.array([place[name] for name in self.feeder_names()], np.int64)
        return own[self.homes.feeder]

    def utility(self, rows: Mapping[str, int]) -> Ints:
        """Row of each home's utility (n,), of `rows` by name: the lots of `compiling.supplier_of`."""
        names = list(rows)
        if self.city.supplier is not None or len(names) == 1:
            return self.same(rows[self.city.supplier or names[0]])
        best, chosen = np.full(len(self.rows), -1, np.int64), self.same(0)
        for name in names:
            lot = keys_of(0, self.homes.names, name, "supplier")
            chosen[lot > best] = rows[name]
            np.maximum(best, lot, out=best)
        return chosen

    def vat_ppm(self, vat: int) -> Ints:
        """VAT that each home bears (n,) [ppm]."""
        pays = np.array([member.kind not in BUSINESS for member in load_grid(self.city.grid).members], np.int64)
        return pays[self.homes.member] * int(vat)

    def limits_wh(self, period_ms: int) -> tuple[Ints, Ints]:
        """Most energy that each home could take, and give, in one period (n,) each [Wh]."""
        homes = self.homes
        battery = self.batteries()
        take_w = np.maximum(homes.rated_w, int(CONNECTION)) + battery.charge_w
        give_w = homes.pv_w + battery.discharge_w
        return take_w * period_ms // MS_PER_HOUR, give_w * period_ms // MS_PER_HOUR

    def batteries(self) -> Batteries:
        """Lay out its batteries: there are few different ones."""
        sizes, which = np.unique(self.homes.battery_wh, return_inverse=True)
        return Batteries(*(column[which] for column in Batteries.of([battery_of(int(size)) for size in sizes])))

    def read(
        self, seed: int, horizon: Horizon, starts_ms: Ints, library: Library, series: Series, *, needs_before: bool
    ) -> None:
        """Fill in the homes' energy.

        Raises
        ------
        DataError
            If the run leaves the data.
        """
        grid = library.grid(self.city.grid)
        profiles = sorted({member.profile for member in grid.members})
        of_member = np.array([profiles.index(member.profile) for member in grid.members], np.int64)
        keys = keys_of(seed, self.homes.names, "days") if self.city.bootstrap else None
        fill_homes_wh(
            grid, profiles, of_member[self.homes.member], self.homes.rated_w, keys,
            (horizon.start_ms, horizon.end_ms, horizon.period_ms), self.rows,
            series.load_wh, series.load_before_wh if needs_before else None,
        )  # fmt: skip
        for rated_w, shape, mine in self._plants():
            source = f"{self.city.grid}/{pv_profiles(grid)[shape]}"
            nominal = library.generation(source, rated_w, horizon)
            plant = Pv(watt(rated_w))
            series.generation_wh[mine] = plant.aged_generation_wh(nominal.run_wh, starts_ms)
            if needs_before:
                series.generation_before_wh[mine] = plant.aged_generation_wh(nominal.before_wh, starts_ms)

    def fill_upkeep(self, edges: Sequence[int], costs: Ints) -> None:
        """Write the cost of its plants' upkeep into `costs` (a, p), between `edges` (p + 1) [1e-8 EUR]."""
        for rated_w in np.unique(self.homes.pv_w[self.homes.pv_w > 0]).tolist():
            costs[self.rows[self.homes.pv_w == rated_w]] = upkeep(Pv(watt(rated_w)), edges)

    def _plants(self) -> Iterable[tuple[int, int, Ints]]:
        """List the different plants: rating [W], weather, and the rows of the homes that have one."""
        code = np.where(self.homes.pv_w > 0, self.homes.pv_w * 1_000 + self.homes.pv_shape, -1)
        order = np.argsort(code, kind="stable")
        kinds, starts = np.unique(code[order], return_index=True)
        for kind, mine in zip(kinds.tolist(), np.split(self.rows[order], starts[1:]), strict=True):
            if kind >= 0:
                yield kind // 1_000, kind % 1_000, mine


def upkeep(plant: Pv, edges: Sequence[int]) -> Ints:
    """Cost of a plant's upkeep between `edges` (p + 1) [ms of UTC]: (p,) [1e-8 EUR]."""
    running = [plant.maintenance(edges[0], edge) for edge in edges]
    totals: Ints = np.array(running, dtype=np.int64)
    return totals[1:] - totals[:-1]
