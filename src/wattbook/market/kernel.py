"""Admission, recording and settlement as compiled functions over columns.

They stand here once; whatever drives the market calls these. Rules in prose: docs/market-rules.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wattbook.book.kernel_machine import inlined_too, prefetch_at
from wattbook.ledger.kernel import available
from wattbook.messages import Action, Refusal
from wattbook.units import PPM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.market.columns import Notices, Ring, Rules, Town

    Ints = NDArray[np.int64]

OK: Final = 0
_FAR, _FARTHER = 6, 12
"""How many events ahead."""
_SUBMIT: Final = int(Action.SUBMIT)
_CANCEL: Final = int(Action.CANCEL)
_REPLACE: Final = int(Action.REPLACE)
_CANCEL_ALL: Final = int(Action.CANCEL_ALL)
_BATTERY: Final = int(Action.BATTERY)
_LEAVE: Final = int(Action.LEAVE)
_REJOIN: Final = int(Action.REJOIN)
_NOMINATE: Final = int(Action.NOMINATE)
_MARKET_FLAG: Final = 8
_ACCEPTED, _FILLED, _REPLACED = 0, 1, 3

_UNKNOWN_AGENT: Final = int(Refusal.UNKNOWN_AGENT)
_UNKNOWN_ACTION: Final = int(Refusal.UNKNOWN_ACTION)
_UNKNOWN_PRODUCT: Final = int(Refusal.UNKNOWN_PRODUCT)
_UNKNOWN_BOOK: Final = int(Refusal.UNKNOWN_BOOK)
_NO_MARKET: Final = int(Refusal.NO_MARKET)
_GATE_NOT_OPEN: Final = int(Refusal.GATE_NOT_OPEN)
_GATE_CLOSED: Final = int(Refusal.GATE_CLOSED)
_DISCONNECTED: Final = int(Refusal.DISCONNECTED)
_QUARANTINED: Final = int(Refusal.QUARANTINED)
_RATE_LIMIT: Final = int(Refusal.RATE_LIMIT)
_NO_FUNDS: Final = int(Refusal.NO_FUNDS)
_NO_CAPABILITY: Final = int(Refusal.NO_CAPABILITY)
_NOT_A_UTILITY: Final = int(Refusal.NOT_A_UTILITY)
_NO_BATTERY: Final = int(Refusal.NO_BATTERY)
_OUT_OF_RANGE: Final = int(Refusal.OUT_OF_RANGE)
_SUSPENDED: Final = int(Refusal.SUSPENDED)
_HALTED: Final = int(Refusal.HALTED)
_PRICE_CAPPED: Final = int(Refusal.PRICE_CAPPED)

NOMINATION_BOUND_WH: Final = 1 << 40
"""No nomination may be larger in size [Wh]: about a terawatt-hour in one period."""


@inlined_too
def row_of(rules: Rules, ring: Ring, order: int) -> int:
    """Row of the ring that an order has, if it lives."""
    return (order >> rules.stall_bits) & (len(ring.order) - 1)


@inlined_too
def unit_hold(rules: Rules, agent: int, book: int, side: int, price_tick: int) -> int:
    """Money to set aside per Wh of an order [1e-8 EUR]: what it can cost at worst, never negative."""
    if side < 0:
        return max(-price_tick, 0)
    if book < rules.feeders:
        return int(max(price_tick + rules.unit_cost_tick[0, agent], 0))
    tax = -(-max(price_tick, 0) * rules.energy_vat_ppm[agent] // PPM)
    return int(max(price_tick + tax + rules.unit_cost_tick[1, agent], 0))


@inlined_too
def gate_code(rules: Rules, period: int, now_ms: int) -> int:
    """Check that the product's gate is open at `now_ms`; an order at exactly gate closure is too late."""
    if period < 0 or period >= rules.periods:
        return _UNKNOWN_PRODUCT
    if now_ms < rules.opens_ms[period]:
        return _GATE_NOT_OPEN
    if now_ms >= rules.start_ms + period * rules.period_ms - rules.closes_before_ms:
        return _GATE_CLOSED
    return OK


@inlined_too
def _rate_code(rules: Rules, town: Town, agent: int, now_ms: int) -> int:
    """Count the agent's commands in this millisecond against the limit."""
    if town.wake_ms[agent] != now_ms:
        town.wake_ms[agent] = now_ms
        town.wake_orders[agent] = 0
    town.wake_orders[agent] += 1
    return OK if town.wake_orders[agent] <= rules.orders_per_wake else _RATE_LIMIT


@inlined_too
def _means_code(
    rules: Rules,
    town: Town,
    left: int,
    agent: int,
    book: int,
    period: int,
    side: int,
    price_tick: int,
    quantity_wh: int,
    old_price_tick: int,
    old_wh: int,
) -> int:
    """Check that the agent could deliver or take the energy, and pay for it, on top of all it has standing.

    `left` is the money that the agent may still commit; `old_price_tick` and `old_wh` describe the order that is
    replaced, 0 and 0 for a new one.
    """
    position = town.net_wh[0, agent, period] + town.net_wh[1, agent, period]
    if side > 0 and position + town.open_buy_wh[agent, period] + quantity_wh - old_wh > rules.buy_limit_wh[agent]:
        return _NO_CAPABILITY
    if side < 0 and town.open_sell_wh[agent, period] + quantity_wh - old_wh - position > rules.sell_limit_wh[agent]:
        return _NO_CAPABILITY
    need = unit_hold(rules, agent, book, side, price_tick) * quantity_wh
    held = unit_hold(rules, agent, book, side, old_price_tick) * old_wh
    return OK if need - held <= left else _NO_FUNDS


@inlined_too
def worst_price(rules: Rules, side: int, price_tick: int, flags: int) -> int:
    """Give the limit that an order really has: a market order's is the band's edge."""
    if flags & _MARKET_FLAG:
        return rules.cap_tick if side > 0 else rules.floor_tick
    return price_tick


@inlined_too
def oversight_code(town: Town, now_ms: int, agent: int, book: int, period: int, side: int, price_tick: int) -> int:
    """Check what the regulator has put on an agent, or on a product."""
    if now_ms < town.suspended_ms[agent]:
        return _SUSPENDED
    if now_ms < town.halts_end_ms[0] and now_ms < town.halted_ms[book, period]:
        return _HALTED
    if side < 0 and now_ms < town.capped_ms[agent] and price_tick > town.ask_cap_tick[agent]:
        return _PRICE_CAPPED
    return OK


@inlined_too
def _admit_submit(
    rules: Rules,
    town: Town,
    left: int,
    now_ms: int,
    agent: int,
    book: int,
    period: int,
    side: int,
    price_tick: int,
    quantity_wh: int,
    flags: int,
) -> int:
    """Admission of a new order. What the book itself checks (step, band, flags ...) is left to it."""
    if rules.feeder[agent] < 0 or (book != rules.feeder[agent] and (book < rules.feeders or book >= rules.books)):
        return _UNKNOWN_BOOK
    code = gate_code(rules, period, now_ms)
    if code != OK:
        return code
    if not town.connected[agent]:
        return _DISCONNECTED
    price = worst_price(rules, side, price_tick, flags)
    code = oversight_code(town, now_ms, agent, book, period, side, price)
    if code != OK:
        return code
    in_band = rules.floor_tick <= price <= rules.cap_tick
    if not in_band or side not in (-1, 1) or quantity_wh <= 0:
        return OK
    if quantity_wh > rules.max_quantity_wh:
        return _OUT_OF_RANGE
    return _means_code(rules, town, left, agent, book, period, side, price, quantity_wh, 0, 0)


@inlined_too
def _admit_replace(
    rules: Rules,
    town: Town,
    ring: Ring,
    left: int,
    now_ms: int,
    agent: int,
    order: int,
    price_tick: int,
    quantity_wh: int,
) -> int:
    """Admission of new terms for a resting order. An order that is unknown or another's is left to the book."""
    row = row_of(rules, ring, order)
    if order <= 0 or ring.order[row] != order or ring.agent[row] != agent:
        return OK
    code = gate_code(rules, ring.period[row], now_ms)
    if code != OK:
        return code
    code = oversight_code(town, now_ms, agent, ring.book[row], ring.period[row], ring.side[row], price_tick)
    if code != OK:
        return code
    if not rules.floor_tick <= price_tick <= rules.cap_tick or quantity_wh <= 0:
        return OK
    if quantity_wh > rules.max_quantity_wh:
        return _OUT_OF_RANGE
    return _means_code(
        rules,
        town,
        left,
        agent,
        ring.book[row],
        ring.period[row],
        ring.side[row],
        price_tick,
        quantity_wh,
        ring.price_tick[row],
        ring.remaining_wh[row],
    )


@inlined_too
def admit(
    rules: Rules,
    town: Town,
    ring: Ring,
    balance: Ints,
    reserved: Ints,
    credit_limit: Ints,
    now_ms: int,
    agent: int,
    action: int,
    book: int,
    period: int,
    order: int,
    side: int,
    price_tick: int,
    quantity_wh: int,
    flags: int,
) -> int:
    """Admit an agent's command or say why not. Nothing but the rate count is changed.

    Parameters
    ----------
    balance, reserved, credit_limit : (accounts,) int64
        The ledger's columns [1e-8 EUR].

    Returns
    -------
    int
        0 or a `Refusal`.
    """
    if agent < 0 or agent >= len(rules.feeder):
        return _UNKNOWN_AGENT
    if town.quarantined[agent]:
        return _QUARANTINED
    if action == _NOMINATE:
        if not rules.is_utility[agent]:
            return _NOT_A_UTILITY
        if period < 0 or period >= rules.periods:
            return _UNKNOWN_PRODUCT
        if now_ms > rules.start_ms + period * rules.period_ms:
            return _GATE_CLOSED
        return OK if abs(quantity_wh) <= NOMINATION_BOUND_WH else _OUT_OF_RANGE
    if action == _BATTERY:
        if rules.capacity_uwh[agent] == 0:
            return _NO_BATTERY
        if period < 0 or period >= rules.periods:
            return _UNKNOWN_PRODUCT
        if now_ms > rules.start_ms + period * rules.period_ms:
            return _GATE_CLOSED
        return OK if quantity_wh >= -1 and flags >= -1 else _OUT_OF_RANGE
    if action < _SUBMIT or action > _REJOIN:
        return _UNKNOWN_ACTION
    if not rules.has_market:
        return _NO_MARKET
    code = _rate_code(rules, town, agent, now_ms)
    if code != OK:
        return code
    left = available(balance, reserved, credit_limit, agent)
    if action == _SUBMIT:
        return _admit_submit(rules, town, left, now_ms, agent, book, period, side, price_tick, quantity_wh, flags)
    if action == _REPLACE:
        return _admit_replace(rules, town, ring, left, now_ms, agent, order, price_tick, quantity_wh)
    if action in (_LEAVE, _REJOIN) and rules.feeder[agent] < 0:
        return _UNKNOWN_BOOK
    return OK


@inlined_too
def _open_orders(town: Town, reserved: Ints, agent: int, period: int, side: int, change_wh: int, hold: int) -> None:
    """Change what stands open of an agent in a product, and the money held for it."""
    if side > 0:
        town.open_buy_wh[agent, period] += change_wh
    else:
        town.open_sell_wh[agent, period] += change_wh
    reserved[agent] += hold


@inlined_too
def _record_trade(
    rules: Rules, town: Town, reserved: Ints, book: int, period: int, buyer: int, seller: int, price: int, wh: int
) -> None:
    """Book a match into positions, payments due, and the money held until it is settled."""
    path = 0 if book < rules.feeders else 1
    town.net_wh[path, buyer, period] += wh
    town.net_wh[path, seller, period] -= wh
    town.pay[path, buyer, period] -= price * wh
    town.pay[path, seller, period] += price * wh
    buyer_hold = unit_hold(rules, buyer, book, 1, price) * wh
    seller_hold = unit_hold(rules, seller, book, -1, price) * wh
    town.committed[buyer, period] += buyer_hold
    town.committed[seller, period] += seller_hold
    reserved[buyer] += buyer_hold
    reserved[seller] += seller_hold
    town.last_tick[book, period] = price


@inlined_too
def _notify(notices: Notices, agent: int, period: int, now_ms: int) -> None:
    """Note that an agent that listens is to look at a product in which it was filled."""
    notices.look_ms[agent, period] = now_ms
    if notices.waiting[agent] == 0:
        notices.waiting[agent] = 1
        notices.queue[notices.waits[0]] = agent
        notices.waits[0] += 1


@inlined_too
def record_fills(
    rules: Rules,
    town: Town,
    ring: Ring,
    reserved: Ints,
    notices: Notices,
    fills: Ints,
    command: int,
    now_ms: int,
    agent: int,
    side: int,
    columns: tuple[NDArray[Any], ...],
    fill: Ints,
) -> None:
    """Book the matches of one command and write them into the journal's chunk of trades.

    Parameters
    ----------
    fills : (m, 6) int64
        As the book reports them; `agent` and `side` are the taker's. An auction's fills have none: `agent` is -1 and
        `side` 0, and both parties are looked up.
    columns, fill
        Of the chunk, see `wattbook.messages.TRADES`.
    """
    for i in range(len(fills)):
        maker_order, taker_order, price, wh = fills[i, 2], fills[i, 3], fills[i, 4], fills[i, 5]
        made = row_of(rules, ring, maker_order)
        maker, book, period = ring.agent[made], ring.book[made], ring.period[made]
        taker, taker_side = agent, side
        if side == 0:
            at = row_of(rules, ring, taker_order)
            taker, taker_side = ring.agent[at], ring.side[at]
        buyer = taker if taker_side > 0 else maker
        seller = maker if taker_side > 0 else taker
        _record_trade(rules, town, reserved, book, period, buyer, seller, price, wh)
        if maker != agent and notices.listens[maker]:
            _notify(notices, maker, period, now_ms)
        if side == 0 and notices.listens[taker]:
            _notify(notices, taker, period, now_ms)
        row = fill[0]
        columns[1][row] = command
        columns[2][row] = now_ms
        columns[3][row] = book
        columns[4][row] = period
        columns[5][row] = buyer
        columns[6][row] = seller
        columns[7][row] = price
        columns[8][row] = wh
        columns[9][row] = side
        columns[10][row] = maker_order
        columns[11][row] = taker_order
        fill[0] += 1
        fill[1] += 1


@inlined_too
def _apply_event(
    rules: Rules, town: Town, ring: Ring, reserved: Ints, row: int, event: int, price: int, wh: int, left: int
) -> None:
    """Follow one event of one order in the ring, the open quantities and the money held."""
    agent, book, period, side = ring.agent[row], ring.book[row], ring.period[row], ring.side[row]
    if event == _REPLACED:
        before = unit_hold(rules, agent, book, side, ring.price_tick[row]) * ring.remaining_wh[row]
        after = unit_hold(rules, agent, book, side, price) * left
        _open_orders(town, reserved, agent, period, side, left - ring.remaining_wh[row], after - before)
        ring.price_tick[row] = price
    elif event == _ACCEPTED:
        ring.price_tick[row] = price
        _open_orders(town, reserved, agent, period, side, left, unit_hold(rules, agent, book, side, price) * left)
        town.latest[agent, period] = ring.order[row]
    else:
        hold = unit_hold(rules, agent, book, side, ring.price_tick[row])
        _open_orders(town, reserved, agent, period, side, -wh, -hold * wh)
    ring.remaining_wh[row] = left
    if left == 0:
        if town.latest[agent, period] == ring.order[row]:
            town.latest[agent, period] = 0
        ring.order[row] = 0


@inlined_too
def note_order(rules: Rules, ring: Ring, order: int, agent: int, book: int, period: int, side: int) -> None:
    """Give a new order its row, before the book sees it; its first event brings price and quantity."""
    row = row_of(rules, ring, order)
    ring.order[row] = order
    ring.agent[row] = agent
    ring.book[row] = book
    ring.period[row] = period
    ring.side[row] = side
    ring.price_tick[row] = 0
    ring.remaining_wh[row] = 0


@inlined_too
def forget_order(rules: Rules, ring: Ring, order: int) -> None:
    """Take back the row of an order that the book refused."""
    ring.order[row_of(rules, ring, order)] = 0


@inlined_too
def _ask_for_event(rules: Rules, town: Town, ring: Ring, reserved: Ints, order: int, later: int) -> None:
    """Ask the memory for what a coming event touches: a gate closes over the orders of many who slept for long."""
    prefetch_at(ring.order, row_of(rules, ring, later))
    row = row_of(rules, ring, order)
    agent, period = ring.agent[row], ring.period[row]
    prefetch_at(town.connected, agent)
    prefetch_at(town.latest, agent, period)
    if ring.side[row] > 0:
        prefetch_at(town.open_buy_wh, agent, period)
    else:
        prefetch_at(town.open_sell_wh, agent, period)
    prefetch_at(reserved, agent)


@inlined_too
def record_events(
    rules: Rules,
    town: Town,
    ring: Ring,
    reserved: Ints,
    events: Ints,
    command: int,
    now_ms: int,
    columns: tuple[NDArray[Any], ...],
    fill: Ints,
) -> None:
    """Follow what the book reports of orders and write it into the journal's chunk of orders.

    Parameters
    ----------
    events : (e, 7) int64
        As the book reports them.
    columns, fill
        Of the chunk, see `wattbook.messages.ORDERS`.
    """
    for i in range(len(events)):
        if i + _FARTHER < len(events):
            _ask_for_event(rules, town, ring, reserved, events[i + _FAR, 2], events[i + _FARTHER, 2])
        order = events[i, 2]
        at = row_of(rules, ring, order)
        row = fill[0]
        columns[1][row] = command
        columns[2][row] = now_ms
        columns[3][row] = ring.book[at]
        columns[4][row] = ring.period[at]
        columns[5][row] = order
        columns[6][row] = ring.agent[at]
        columns[7][row] = events[i, 3]
        columns[8][row] = ring.side[at]
        columns[9][row] = events[i, 4]
        columns[10][row] = events[i, 5]
        columns[11][row] = events[i, 6]
        columns[12][row] = 0
        fill[0] += 1
        fill[1] += 1
        _apply_event(rules, town, ring, reserved, at, events[i, 3], events[i, 4], events[i, 5], events[i, 6])
