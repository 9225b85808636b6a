"""From a forward game to a wholesale market that plays it: one delivery period, forward rounds before, no homes.

Owns the game's calendar, its one contract, and the minds of its people. All else is the market's own business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from wattbook.assets.plants import PlantKind as Kinds
from wattbook.assets.plants import Plants, PowerPlant
from wattbook.contracts import ContractSpec, DeskTerms, Kind
from wattbook.market.linear_demand import FLOOR_TICK, LinearDemand
from wattbook.market.setup import WholesaleRules
from wattbook.policies.quantity import Arbitrageur, QuantitySearch, QuantitySeller
from wattbook.policies.quantity_minds import TURNS, ArbitrageurMind, DemandMind, SellerMind, Table
from wattbook.scenario.wholesale import Producer
from wattbook.units import PPM

if TYPE_CHECKING:
    from wattbook.policies.wholesale import WholesaleMind
    from wattbook.scenario.forward_game import ForwardGame
    from wattbook.scenario.profiles import Horizon
    from wattbook.scenario.roll import Roll

MINUTE_MS: Final = 60_000
"""Between two forward rounds, and between the last one and the spot market."""


def game_rules(game: ForwardGame, roll: Roll, horizon: Horizon) -> WholesaleRules:
    """Lay out the market of a game; its energy is delivered in the run's last period."""
    demand = LinearDemand(game.choke, game.slope)
    table = _table(game, demand, roll, horizon)
    sellers = _rows(roll, "seller")
    p, agents = horizon.periods, roll.size
    plants = [
        PowerPlant(
            kind=Kinds.GAS, capacity_w=int(agent.capacity), marginal_tick=int(agent.cost or 0), owner=row
        )
        for row, agent in zip(roll.rows.tolist(), roll.agents, strict=True)
        if isinstance(agent, Producer)
    ]  # fmt: skip
    future = ContractSpec("forward", "market", Kind.FUTURE_CASH, p - 1, (demand.rung_wh,))
    sessions = ((horizon.start_ms, 0, p - 1), (_delivery_ms(horizon) - MINUTE_MS, p - 1, 1))
    everything = np.full((len(sellers), p), PPM, np.int64)
    return WholesaleRules(
        producers=np.array(sellers, np.int64),
        plants=Plants.of(plants),
        upgrades=(None,) * len(sellers),
        available_ppm=everything,
        expected_ppm=everything,
        reaches=tuple((seller, other) for seller in sellers for other in _rows(roll, "arbitrageur")),
        standing=np.zeros(0, np.int64),
        customers=np.zeros(0, np.int64),
        million_wh=np.zeros((0, p), np.int64),
        elastic=tuple(_rows(roll, "demand")),
        sessions=sessions,
        auction=True,
        floor_tick=FLOOR_TICK,
        cap_tick=demand.choke_tick,
        link_wh=0,
        link_tick=0,
        imbalance_ppm=0,
        expected_tick=np.zeros(p, np.int64),
        desk=None
        if not game.rounds
        else DeskTerms(
            agents=agents, specs=(future,), start_ms=horizon.start_ms, period_ms=horizon.period_ms,
            floor_tick=FLOOR_TICK, cap_tick=demand.choke_tick,
            observable="everybody" if game.observable else "own",
        ),
        desk_ms=table.rounds_ms,
        rounds=TURNS,
        ahead_ms=horizon.end_ms - horizon.start_ms,
        mark_ms=table.rounds_ms,
    )  # fmt: skip


def game_minds(game: ForwardGame, roll: Roll, horizon: Horizon) -> dict[int, WholesaleMind]:
    """Give everybody of a game its mind, by agent. All know the same, so one search serves all."""
    demand = LinearDemand(game.choke, game.slope)
    table = _table(game, demand, roll, horizon)
    search = QuantitySearch(demand.price_of, game.cost_tick, demand.rung_wh, demand.most_wh)
    buyer = Arbitrageur(search, observable=game.observable)
    bids = tuple(demand.bids.price_tick.tolist())
    return {
        **{row: DemandMind(bids, demand.rung_wh, table) for row in _rows(roll, "demand")},
        **{row: ArbitrageurMind(buyer, table, game.observable) for row in _rows(roll, "arbitrageur")},
        **{
            row: SellerMind(QuantitySeller(search, place), table, game.observable)
            for place, row in enumerate(table.sellers)
        },
    }


def _table(game: ForwardGame, demand: LinearDemand, roll: Roll, horizon: Horizon) -> Table:
    first_ms = _delivery_ms(horizon) - (game.rounds + 1) * MINUTE_MS
    return Table(
        sellers=tuple(_rows(roll, "seller")),
        rung_wh=demand.rung_wh,
        rounds_ms=tuple(first_ms + number * MINUTE_MS for number in range(game.rounds)),
        period=horizon.periods - 1,
        floor_tick=FLOOR_TICK,
    )


def _delivery_ms(horizon: Horizon) -> int:
    return horizon.end_ms - horizon.period_ms


def _rows(roll: Roll, what: str) -> list[int]:
    """Rows of the game's people of one sort."""
    return [
        row for row, agent in zip(roll.rows.tolist(), roll.agents, strict=True) if agent.name.partition("-")[0] == what
    ]
