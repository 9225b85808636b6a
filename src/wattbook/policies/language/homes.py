"""A home that asks a language model about each product: what it buys or sells in the local market, and where.

It asks once for a product, so long before its gate that the answer comes in time, and leaves one order there. Where
there is no answer it does as its rules say, from then on and for this product alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from wattbook.messages import BUY, FOREVER, NO_PRICE, OUT_ACTION, SELL
from wattbook.policies.choosing import chosen
from wattbook.policies.language.consumer import ANYWHERE, ConsumerPlan, ConsumerView, LocalOffer, Tariff
from wattbook.policies.language.prosumer import ProsumerPlan, ProsumerView
from wattbook.policies.mind import Mind
from wattbook.policies.orders import DISTRICT, LEAVE, LOCAL, REJOIN, buyer_bound_tick, keep_one_order, on_step
from wattbook.units import MS_PER_DAY, MS_PER_MINUTE, PPM

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from wattbook.messages import See
    from wattbook.policies.choosing import Choice
    from wattbook.policies.language.asking import Asker, Pending

    Ints = NDArray[np.int64]

_KEPT: Final = 1_000
"""Products that it remembers."""
_PERCENT_PPM: Final = PPM // 100
_NEVER: Final = 1 << 60
_FORECAST_MS: Final = 15 * MS_PER_MINUTE


class Equipment(NamedTuple):
    """What a home has, as the model is told.

    Attributes
    ----------
    has_pv : bool
    pv_commissioned_ms : int
        [ms UTC]
    charge_w, discharge_w : int
        Of its battery; 0 without one.
    """

    has_pv: bool
    pv_commissioned_ms: int
    charge_w: int
    discharge_w: int


class _Thought(NamedTuple):
    """A product that is thought about: since when what was seen, and until when."""

    pending: Pending
    view: ConsumerView | ProsumerView
    asker: Asker
    due_ms: int


class AskingHome:
    """The policy of one home.

    Parameters
    ----------
    twin : Mind
        Its rules.
    consumer : Asker
    prosumer : Asker or None
        For one with panels or a battery.
    equipment : Equipment
    thinking_ms : int
    lead_ms : int
        How long before a gate the order should be in the book at the latest.
    """

    def __init__(
        self,
        twin: Mind,
        consumer: Asker,
        prosumer: Asker | None,
        equipment: Equipment,
        thinking_ms: int,
        lead_ms: int,
    ) -> None:
        self.twin, self.consumer, self.prosumer, self.equipment = twin, consumer, prosumer, equipment
        self.thinking_ms, self.lead_ms = thinking_ms, lead_ms
        self._thoughts: dict[int, _Thought] = {}
        self._ruled: dict[int, bool] = {}
        """Products that were decided on, and whether by rules."""
        self._last: dict[int, See] = {}
        """What was seen of each product last."""
        self._choice: Choice | None = None
        self._wanted: str | None = None

    def __call__(self, see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
        """Ask about a product, or act on what was answered."""
        self._remember(see)
        period = see.period
        if period in self._thoughts:
            thought = self._thoughts[period]
            if see.now_ms < thought.due_ms:
                return thought.due_ms - see.now_ms
            del self._thoughts[period]
            return self._act(thought, see, memory, draw, out)
        if period in self._ruled:
            return self._by_rules(see, memory, draw, out) if self._ruled[period] else FOREVER
        if not see.tradable and see.connected:
            return FOREVER
        left_ms = see.gate_ms - see.now_ms
        asks_before_ms = self.lead_ms + self.thinking_ms
        if left_ms > asks_before_ms:
            return left_ms - asks_before_ms
        if left_ms <= self.thinking_ms:
            return self._decided(see, memory, draw, out)
        return self._ask(see)

    # --- asking and acting

    def _ask(self, see: See) -> int:
        surplus = see.generation_wh - see.load_wh - see.position_wh
        view: ConsumerView | ProsumerView
        if self.prosumer is not None and (surplus + see.spill_wh > 0 or not see.connected):
            asker, view = self.prosumer, self._prosumer_view(see)
        else:
            asker, view = self.consumer, self._consumer_view(see)
        pending = asker.ask(view, see.now_ms)
        self._thoughts[see.period] = _Thought(pending, view, asker, see.now_ms + self.thinking_ms)
        return self.thinking_ms

    def _act(self, thought: _Thought, see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
        """Carry out what was answered, by what holds now; counterparties are those that were shown."""
        if isinstance(thought.view, ProsumerView):
            view: Any = self._prosumer_view(see)
        else:
            view = self._consumer_view(see)._replace(offers=thought.view.offers, tariffs=thought.view.tariffs)
        plan = thought.asker.take(thought.pending, view)
        if plan is None:
            return self._decided(see, memory, draw, out)
        self._ruled[see.period] = False
        if isinstance(plan, ConsumerPlan):
            self._buy(plan, see, out)
        else:
            self._sell(plan, see, out)
        return FOREVER

    def _decided(self, see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
        self._ruled[see.period] = True
        return self._by_rules(see, memory, draw, out)

    def _by_rules(self, see: See, memory: Ints, draw: Callable[[int], int], out: Ints) -> int:
        delay = self.twin.policy(see, memory, draw, out)
        # Rules that wait for the next forecast look again about when it is there.
        return _FORECAST_MS if delay >= FOREVER and see.gate_ms > see.now_ms else delay

    def _buy(self, plan: ConsumerPlan, see: See, out: Ints) -> None:
        if plan.action == "utility":
            self._wanted = plan.utility
        if plan.action != "local":
            keep_one_order(see, out, LOCAL, BUY, 0, 0, 0)
            return
        dearer = see.district_fee_tick - see.local_fee_tick if see.district_fee_tick != NO_PRICE else 0
        book, limit = plan.book, plan.limit_tick
        if book == ANYWHERE:
            asks_wide = see.district_fee_tick != NO_PRICE and see.district_ask != NO_PRICE
            is_wide = asks_wide and (see.local_ask == NO_PRICE or see.district_ask + dearer < see.local_ask)
            book, limit = (DISTRICT, limit - dearer) if is_wide else (LOCAL, limit)
        price = on_step(see, BUY, limit)
        quantity = min(plan.quantity_wh, see.buy_limit_wh - see.position_wh)
        keep_one_order(see, out, book, BUY, price, quantity if price != NO_PRICE else 0, 0)

    def _sell(self, plan: ProsumerPlan, see: See, out: Ints) -> None:
        if plan.grid != "stay":
            out[0, OUT_ACTION] = LEAVE if plan.grid == "disconnect" else REJOIN
            return
        price = on_step(see, SELL, plan.ask_tick) if plan.sell_wh else NO_PRICE
        quantity = min(plan.sell_wh, see.sell_limit_wh + see.position_wh)
        book = DISTRICT if _bid(see.district_bid) > _bid(see.local_bid) else LOCAL
        keep_one_order(see, out, book, SELL, price, quantity if price != NO_PRICE else 0, 0)

    # --- what it sees

    def _remember(self, see: See) -> None:
        self._last[see.period] = see
        if len(self._last) > _KEPT:
            del self._last[min(self._last)]
            self._ruled = {period: ruled for period, ruled in self._ruled.items() if period in self._last}

    def _consumer_view(self, see: See) -> ConsumerView:
        need = see.load_wh - see.generation_wh - see.battery_wh - see.position_wh
        after = self._last.get(see.period + 1)
        ask = min(_ask(see.local_ask), _ask(see.district_ask))
        bid = max(_bid(see.local_bid), _bid(see.district_bid))
        there = ask < _NEVER and bid > -_NEVER
        return ConsumerView(
            need_wh=need,
            need_next_wh=0 if after is None else after.load_wh - after.generation_wh - after.battery_wh,
            willing_tick=buyer_bound_tick(see, see.local_fee_tick),
            retail_tick=see.retail_tick,
            feed_in_tick=see.feed_in_tick,
            gate_min=(see.gate_ms - see.now_ms) // MS_PER_MINUTE,
            position_wh=see.position_wh,
            offers=_offers(see),
            tariffs=self._tariffs(),
            bid_tick=bid if bid > -_NEVER else NO_PRICE,
            spread_tick=ask - bid if there else NO_PRICE,
            depth_wh=see.local_ask_wh + see.district_ask_wh,
            step_tick=see.step_tick,
            floor_tick=see.floor_tick,
            cap_tick=see.cap_tick,
        )

    def _prosumer_view(self, see: See) -> ProsumerView:
        after, equipment = self._last.get(see.period + 1), self.equipment
        ask = min(_ask(see.local_ask), _ask(see.district_ask))
        bid = max(_bid(see.local_bid), _bid(see.district_bid))
        age_ms = max(0, see.now_ms - equipment.pv_commissioned_ms) if equipment.has_pv else 0
        return ProsumerView(
            pv_wh=see.generation_wh,
            pv_next_wh=0 if after is None else after.generation_wh,
            load_wh=see.load_wh,
            surplus_wh=see.generation_wh - see.load_wh - see.position_wh,
            soc_wh=see.soc_wh,
            capacity_wh=see.capacity_wh,
            charge_w=equipment.charge_w,
            discharge_w=equipment.discharge_w,
            spill_wh=see.spill_wh,
            feed_in_tick=see.feed_in_tick,
            retail_tick=see.retail_tick,
            buyer_tick=buyer_bound_tick(see, see.local_fee_tick),
            bid_tick=bid if bid > -_NEVER else NO_PRICE,
            ask_tick=ask if ask < _NEVER else NO_PRICE,
            pv_age_years=age_ms // (365 * MS_PER_DAY),
            connected=bool(see.connected),
            step_tick=see.step_tick,
            floor_tick=see.floor_tick,
            cap_tick=see.cap_tick,
        )

    def _tariffs(self) -> tuple[Tariff, ...]:
        """Give what utilities asked when the home could choose among them last; nothing where it never could."""
        if self._choice is None:
            return ()
        return tuple(
            Tariff(
                offer.utility,
                int(offer.retail_tick.sum()) // max(1, len(offer.retail_tick)),
                offer.green_ppm // _PERCENT_PPM,
                offer.term_ms // MS_PER_DAY,
                offer.utility == self._choice.own,
            )
            for offer in self._choice.offers
        )


class ChoosingHome(AskingHome):
    """The same where members choose their utility: as the model said last, by rule before it said anything."""

    def choose(self, choice: Choice, draw: Callable[[int], int]) -> str | None:  # noqa: ARG002 - the one form
        """Name the utility that it takes."""
        self._choice = choice
        names = [offer.utility for offer in choice.offers]
        if self._wanted in names:
            return self._wanted
        own = names.index(choice.own)
        fee = np.zeros(len(names), np.int64)
        fee[own] = choice.fee
        energy_wh = int(choice.drawn_wh.sum() + choice.fed_in_wh.sum())
        cost = np.array([[offer.cost for offer in choice.offers]], np.int64)
        taken = chosen(cost, np.array([own]), fee, np.array([energy_wh]), np.array([choice.loyalty_tick]))
        return names[int(taken[0])]


def _ask(price_tick: int) -> int:
    return _NEVER if price_tick == NO_PRICE else price_tick


def _bid(price_tick: int) -> int:
    return -_NEVER if price_tick == NO_PRICE else price_tick


def _offers(see: See) -> tuple[LocalOffer, ...]:
    """Give the best asks of both books, the feeder's first."""
    offers = []
    if see.local_ask != NO_PRICE:
        offers.append(LocalOffer(LOCAL, see.local_ask, see.local_ask_wh))
    if see.district_ask != NO_PRICE and see.district_fee_tick != NO_PRICE:
        dearer = buyer_bound_tick(see, see.local_fee_tick) - buyer_bound_tick(see, see.district_fee_tick)
        offers.append(LocalOffer(DISTRICT, see.district_ask, see.district_ask_wh, dearer))
    return tuple(offers)


def asking_mind(policy: AskingHome) -> Mind:
    """Make the mind of a home that asks."""
    twin = policy.twin
    ahead_ms = max(twin.look_ahead_ms, policy.thinking_ms + policy.lead_ms)
    return Mind(
        policy, "language-model", twin.memory, twin.persona, look_ahead_ms=ahead_ms, follows_forecasts=False
    )  # fmt: skip
