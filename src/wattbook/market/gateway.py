"""The gateway: a book in which homes and the agents of the wholesale market meet, with one network path.

Owns its rules, and the admission of orders by utilities and producers, who have neither a feeder nor a connection
there: what they may sell is what they hold. Homes are admitted, and orders matched, as in every book. Rules in prose:
docs/gateway.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wattbook.market import kernel
from wattbook.messages import BUY, SELL, Action, Path, Refusal

if TYPE_CHECKING:
    from wattbook.market.stalls import Stall
    from wattbook.market.wholesale import Wholesale
    from wattbook.messages import Command

_SERVED: Final = (Action.SUBMIT, Action.CANCEL, Action.REPLACE, Action.CANCEL_ALL)


@dataclass(frozen=True)
class GatewayRules:
    """How homes reach the wholesale market.

    Attributes
    ----------
    path : int
        Network path of all that is bought there.
    times : tuple of int
        When utilities and producers are asked for orders [ms UTC].
    """

    path: int
    times: tuple[int, ...]

    def header(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"path": Path(self.path).name.lower(), "times": len(self.times)}


class Gateway:
    """Where utilities and producers of one street meet its homes.

    Parameters
    ----------
    wholesale : Wholesale
    """

    def __init__(self, wholesale: Wholesale) -> None:
        market = wholesale.street.market
        assert market is not None
        assert market.gateway is not None
        self.wholesale, self.rules = wholesale, market.gateway
        self.book = len(wholesale.street.feeders)

    def serves(self, agent: int, action: int) -> bool:
        """Tell whether a command is about orders of a utility or a producer."""
        return action in _SERVED and agent in self.wholesale.place

    def position_wh(self, agent: int, period: int) -> int:
        """Give what an agent has bought - sold here [Wh]."""
        return int(self.wholesale.market.town.net_wh[1, agent, period])

    def sellable_wh(self, agent: int, period: int) -> int:
        """Give the most that an agent may have on sale in a period [Wh].

        A producer sells what its plant, grown as far as it may, could give besides what it has sold already, a utility
        what it has bought: of everybody the same energy is sold once, whatever it expects.
        """
        wholesale = self.wholesale
        plant = wholesale.generation.plant_of.get(agent)
        able_wh = 0 if plant is None else int(wholesale.generation.able_wh[plant])
        held_wh = wholesale.due_wh(period).get(agent, 0) + int(wholesale.spot_wh[wholesale.place[agent], period])
        return able_wh + held_wh + self.position_wh(agent, period)

    def admit(self, stall: Stall, command: Command) -> int:
        """Admit a command of a utility or a producer about orders, or say why not; nothing is changed."""
        if self.wholesale.market.town.quarantined[command.agent]:
            return int(Refusal.QUARANTINED)
        if command.action == Action.SUBMIT:
            if command.book != self.book:
                return int(Refusal.UNKNOWN_BOOK)
            rules = self.wholesale.market.rules
            price = kernel.worst_price(rules, command.side, command.price_tick, command.flags)
            return self._code(command, command.period, command.side, price, (0, 0))
        row, ring = stall.row(command.order), stall.ring
        own = command.order > 0 and ring.order[row] == command.order and ring.agent[row] == command.agent
        if command.action == Action.REPLACE and own:
            before = int(ring.price_tick[row]), int(ring.remaining_wh[row])
            return self._code(command, int(ring.period[row]), int(ring.side[row]), command.price_tick, before)
        # Cancelling is always admitted, and an order that is unknown or another's is left to the book.
        return kernel.OK

    def _code(self, command: Command, period: int, side: int, price_tick: int, before: tuple[int, int]) -> int:
        """Check what an order, in the place of one of `before` (price, quantity), would come to."""
        rules = self.wholesale.market.rules
        code = int(kernel.gate_code(rules, period, command.time_ms))
        if code:
            return code
        town = self.wholesale.market.town
        code = int(kernel.oversight_code(town, command.time_ms, command.agent, self.book, period, side, price_tick))
        if code:
            return code
        if period >= self.wholesale.cleared:
            return int(Refusal.GATE_NOT_OPEN)
        in_band = rules.floor_tick <= price_tick <= rules.cap_tick
        if not in_band or side not in (BUY, SELL) or command.quantity_wh <= 0:
            # The book has words for that.
            return kernel.OK
        if command.quantity_wh > rules.max_quantity_wh:
            return int(Refusal.OUT_OF_RANGE)
        return self._means_code(command.agent, period, side, price_tick, command.quantity_wh, before)

    def _means_code(
        self, agent: int, period: int, side: int, price_tick: int, quantity_wh: int, before: tuple[int, int]
    ) -> int:
        """Check that the agent could deliver or take the energy, and pay for it, on top of all it has standing."""
        market, (old_tick, old_wh) = self.wholesale.market, before
        town, rules = market.town, market.rules
        if side == SELL:
            on_sale_wh = int(town.open_sell_wh[agent, period]) + quantity_wh - old_wh
            if on_sale_wh > self.sellable_wh(agent, period):
                return int(Refusal.NO_CAPABILITY)
        else:
            wanted_wh = int(town.open_buy_wh[agent, period]) + quantity_wh - old_wh
            if self.position_wh(agent, period) + wanted_wh > self.wholesale.orders.largest_wh:
                return int(Refusal.OUT_OF_RANGE)
        need = int(kernel.unit_hold(rules, agent, self.book, side, price_tick)) * quantity_wh
        held = int(kernel.unit_hold(rules, agent, self.book, side, old_tick)) * old_wh
        return kernel.OK if need - held <= market.ledger.available(agent) else int(Refusal.NO_FUNDS)
