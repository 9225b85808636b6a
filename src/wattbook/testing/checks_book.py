"""B1 - B14, B16, B17 and B23: what must hold after every command, judged from outside.

Each judge compares what the book said and shows with the shadow, which knows nothing of matching.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wattbook.book import BUY, SELL, Event, Flag, Kind
from wattbook.testing.features import NEVER_RESTS
from wattbook.testing.invariants import StepInvariant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wattbook.testing.driving import Fill
    from wattbook.testing.invariants import Step
    from wattbook.testing.shadow import Move

_BAND_KINDS: Final = {Kind.SUBMIT, Kind.REPLACE}
_ORDER, _OWNER, _SIDE, _PRICE, _QUANTITY = range(5)


def _continuous(step: Step) -> bool:
    return step.command.kind in _BAND_KINDS and not step.calling


def _met(step: Step) -> list[Move]:
    """Resting orders that the acting order met, in turn."""
    events = {Event.FILLED, Event.PREVENTED}
    return [m for m in step.moves if m.event in events and m.order != step.command.order and m.before is not None]


def _rests(step: Step) -> bool:
    """Whether the submitted order rests afterwards, by all that is told and shown."""
    command = step.command
    if step.answer.resting_wh:
        return True
    if step.seen is None or step.seen.orders is None:
        return False
    return any(row[_ORDER] == command.order for rows in step.seen.orders.values() for row in rows)


def _never_crossed(step: Step) -> Iterator[str]:
    shadow = step.shadow
    for product in range(step.features.products):
        if product in shadow.calling:
            continue
        bids, asks = shadow.queue(product, BUY), shadow.queue(product, SELL)
        if bids and asks and bids[0].price_tick >= asks[0].price_tick:
            yield (
                f"order {bids[0].order} still bids {bids[0].price_tick} while order {asks[0].order} asks "
                f"{asks[0].price_tick}"
            )
        best = None if step.seen is None else step.seen.best
        bid, ask = (best[product, BUY], best[product, SELL]) if best else (None, None)
        if bid is not None and ask is not None and bid >= ask:
            yield f"best_bid {bid} is not below best_ask {ask}"


def _best_price_first(step: Step) -> Iterator[str]:
    for move in _met(step) if _continuous(step) else ():
        better = [each for each in move.ahead if each.price_tick != move.before.price_tick]  # type: ignore[union-attr]  # _met leaves out None
        if better:
            first = better[0]
            yield f"order {move.order} was served at {move.price_tick} before order {first.order} at {first.price_tick}"
    for rows in (step.seen.orders or {}).values() if step.seen else ():
        for one, other in pairwise(rows):
            if one[_SIDE] == other[_SIDE] and one[_SIDE] * one[_PRICE] < one[_SIDE] * other[_PRICE]:
                yield f"orders() has {one[_ORDER]} at {one[_PRICE]} before {other[_ORDER]} at {other[_PRICE]}"


def _earliest_first(step: Step) -> Iterator[str]:
    for move in _met(step) if _continuous(step) else ():
        earlier = [each for each in move.ahead if each.price_tick == move.before.price_tick]  # type: ignore[union-attr]  # _met leaves out None
        if earlier:
            first = earlier[0].order
            yield f"order {move.order} was served before order {first}, which came earlier at {move.price_tick}"
    for product, rows in (step.seen.orders or {}).items() if step.seen else ():
        shown = [row[_ORDER] for row in rows]
        known = [each for each in step.shadow.orders(product) if each.order in set(shown)]
        places = {order: place for place, order in enumerate(shown)}
        for one, other in pairwise(known):
            same = one.side == other.side and one.price_tick == other.price_tick
            if same and places[one.order] > places[other.order]:
                yield f"orders() has {other.order} before {one.order}, which came earlier at {one.price_tick}"


def _makers_price(step: Step) -> Iterator[str]:
    if not _continuous(step):
        return
    taker = step.command
    stands = {move.order: move.before for move in _met(step)}
    limit = None if taker.flags & Flag.MARKET and taker.kind == Kind.SUBMIT else taker.price_tick
    side = taker.side if taker.kind == Kind.SUBMIT else (step.target.side if step.target else 0)
    for fill in step.answer.fills:
        maker = stands.get(fill.maker)
        if maker is not None and fill.price_tick != maker.price_tick:
            yield f"order {fill.maker} stood at {maker.price_tick} and was filled at {fill.price_tick}"
        if limit is not None and side * fill.price_tick > side * limit:
            yield f"order {taker.order} with limit {limit} was filled at {fill.price_tick}"


def _levels_agree(step: Step) -> Iterator[str]:
    seen = step.seen
    if seen is None or seen.orders is None:
        return
    if seen.complaint:
        yield f"its own check says: {seen.complaint}"
    for product, rows in seen.orders.items():
        for side in (BUY, SELL):
            levels = _levels(step, [row for row in rows if row[_SIDE] == side])
            best = seen.best[product, side] if seen.best else None
            if seen.best and best != (levels[0][0] if levels else None):
                yield f"the best price of side {side:+d} is {best}, but its orders begin with {levels[:1]}"
            if seen.depth and seen.depth[product, side] != levels:
                yield f"depth of side {side:+d} is {seen.depth[product, side]}, but its orders add up to {levels}"
    count = sum(map(len, seen.orders.values()))
    if seen.held is not None and seen.held != count:
        yield f"len() is {seen.held}, but {count} orders are listed"


def _levels(step: Step, rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Price levels of one side, from its listed orders; of an iceberg only what the shadow knows to be in sight."""
    totals: dict[int, list[int]] = {}
    for row in rows:
        standing = step.shadow.live.get(row[_ORDER])
        shown = standing.shown_wh if standing is not None and standing.display_wh else row[_QUANTITY]
        level = totals.setdefault(row[_PRICE], [0, 0])
        level[0] += shown
        level[1] += 1
    return [(price, total, number) for price, (total, number) in totals.items()]


def _all_accounted(step: Step) -> Iterator[str]:
    for move in step.moves:
        if move.before is None:
            yield f"an event names order {move.order}, which does not rest"
        elif move.left_wh < 0:
            yield f"{move.quantity_wh} Wh went off order {move.order}, which had {move.before.remaining_wh}"
        elif move.remaining_wh not in {-1, move.left_wh}:
            yield f"{move.remaining_wh} Wh are said to remain of order {move.order}, but {move.left_wh} are left"
    own = step.shadow.live.get(step.command.order)
    told = step.answer.resting_wh
    acts = step.command.kind in _BAND_KINDS and step.answer.accepted
    rests = own.remaining_wh if own is not None and acts else 0
    if told not in {None, rests}:
        yield f"resting_wh={told}, but {rests} Wh of order {step.command.order} rest"
    if step.seen is None or step.seen.orders is None:
        return
    shown = {row[_ORDER]: tuple(row) for rows in step.seen.orders.values() for row in rows}
    for order, standing in step.shadow.live.items():
        expected = (order, standing.owner, standing.side, standing.price_tick, standing.remaining_wh)
        if shown.get(order, expected) != expected:
            yield f"orders() shows {shown[order]} for (order, owner, side, price, quantity) {expected}"
    yield from (f"order {order} should rest and is not listed" for order in step.shadow.live if order not in shown)
    yield from (f"order {order} is listed and should be gone" for order in shown if order not in step.shadow.live)


def _two_sided(step: Step) -> Iterator[str]:
    sides = {m.order: m.before for m in step.moves if m.before is not None}
    for fill in step.answer.fills:
        maker, taker = sides.get(fill.maker), sides.get(fill.taker)
        if fill.quantity_wh <= 0:
            yield f"a fill of {fill.quantity_wh} Wh"
        if maker is not None and taker is not None and maker.side == taker.side:
            yield f"orders {fill.maker} and {fill.taker} of one side were filled with each other"
        if step.command.kind in _BAND_KINDS and fill.taker != step.command.order:
            yield f"order {fill.taker} is called the taker of a fill that order {step.command.order} brought"
    if step.answer.events is None:
        return
    told = [(e.order, e.price_tick, e.quantity_wh) for e in step.answer.events if e.event == Event.FILLED]
    filled = [row for fill in step.answer.fills for row in _both(fill)]
    if told != filled:
        yield f"the events tell of fills {told}, the fills of {filled}"


def _both(fill: Fill) -> list[tuple[int, int, int]]:
    return [(order, fill.price_tick, fill.quantity_wh) for order in (fill.maker, fill.taker)]


def _withdrawn_exactly(step: Step) -> Iterator[str]:
    kind, command = step.command.kind, step.command
    if kind == Kind.CANCEL:
        mine = step.target is not None and step.target.owner == command.owner
        expected = [step.target] if mine and step.target is not None else []
        if not expected and step.answer.code == 0:
            yield f"order {command.order} does not rest for owner {command.owner}, but its cancel was taken"
        if expected and not step.answer.accepted:
            yield f"the cancel of order {command.order}, which rests, was refused"
            return
    elif kind in {Kind.CANCEL_OWNER, Kind.EXPIRE}:
        expected = step.queues if step.answer.accepted else []
    else:
        return
    gone = [(move.order, move.quantity_wh) for move in step.moves]
    wanted = [(each.order, each.remaining_wh) for each in expected]
    if step.answer.events is not None and sorted(gone) != sorted(wanted):
        yield f"{Kind(kind).name} took (order, quantity) {gone} and should take {wanted}"
    shown = _shown_orders(step)
    yield from (f"order {each.order} was withdrawn and is still listed" for each in expected if each.order in shown)


def _shown_orders(step: Step) -> set[int]:
    if step.seen is None or step.seen.orders is None:
        return set()
    return {row[_ORDER] for rows in step.seen.orders.values() for row in rows}


def _ids_rise(step: Step) -> Iterator[str]:
    submits = step.command.kind == Kind.SUBMIT and step.answer.accepted
    if submits and step.command.order <= step.last_order:
        yield f"order {step.command.order} was accepted after order {step.last_order}"


def _ioc_never_rests(step: Step) -> Iterator[str]:
    if step.command.kind == Kind.SUBMIT and step.command.flags & Flag.IOC and _rests(step):
        yield f"order {step.command.order} is immediate-or-cancel and rests"


def _fok_all_or_nothing(step: Step) -> Iterator[str]:
    command = step.command
    if command.kind != Kind.SUBMIT or not command.flags & Flag.FOK:
        return
    filled = sum(fill.quantity_wh for fill in step.answer.fills)
    if filled not in {0, command.quantity_wh} or (step.answer.code == 0 and not filled):
        yield f"order {command.order} is fill-or-kill for {command.quantity_wh} Wh and got {filled}"
    if _rests(step):
        yield f"order {command.order} is fill-or-kill and rests"


def _post_only_never_takes(step: Step) -> Iterator[str]:
    acting = step.target.flags if step.target and step.command.kind == Kind.REPLACE else step.command.flags
    if _continuous(step) and acting & Flag.POST_ONLY and step.answer.fills:
        yield f"order {step.command.order} is post-only and took from order {step.answer.fills[0].maker}"


def _market_never_rests(step: Step) -> Iterator[str]:
    if step.command.kind == Kind.SUBMIT and step.command.flags & Flag.MARKET and _rests(step):
        yield f"order {step.command.order} is a market order and rests"


def _no_self_trade(step: Step) -> Iterator[str]:
    if step.features.self_trade == "off":
        return
    stands = {move.order: move.before for move in step.moves if move.before is not None}
    for fill in step.answer.fills:
        maker, taker = stands.get(fill.maker), stands.get(fill.taker)
        if maker is not None and taker is not None and maker.owner == taker.owner:
            yield f"orders {fill.maker} and {fill.taker} of owner {maker.owner} were filled with each other"


def _inside_band(step: Step) -> Iterator[str]:
    features = step.features
    prices = [("a fill", fill.price_tick) for fill in step.answer.fills]
    if step.seen is not None and step.seen.orders is not None:
        rows = [row for rows in step.seen.orders.values() for row in rows]
        prices += [(f"order {row[_ORDER]}", row[_PRICE]) for row in rows]
    for what, price in prices:
        if not features.floor_tick <= price <= features.cap_tick:
            yield f"{what} at {price} is outside {features.floor_tick} .. {features.cap_tick}"
        elif price % features.step_tick:
            yield f"{what} at {price} is off the step of {features.step_tick}"


def _refusal_changes_nothing(step: Step) -> Iterator[str]:
    if step.answer.accepted:
        return
    if step.answer.fills or step.answer.events:
        yield f"a refused command brought {step.answer.fills or step.answer.events}"
    if step.answer.resting_wh:
        yield f"a refused command says that {step.answer.resting_wh} Wh rest"
    if step.changed:
        yield "a refused command changed the book's state"


def _never_overwrites(step: Step) -> Iterator[str]:
    limit, command = step.features.max_orders, step.command
    if limit is not None and len(step.shadow.live) > limit:
        yield f"{len(step.shadow.live)} orders rest in a book for {limit}"
    could_rest = command.kind == Kind.SUBMIT and not command.flags & NEVER_RESTS
    if limit is not None and could_rest and step.resting >= limit and step.answer.code == 0:
        yield f"order {command.order} was taken by a book that was full with {limit} orders"
    if step.seen is not None and step.seen.orders is not None:
        lost = sorted(step.untouched - _shown_orders(step))
        yield from (f"order {order} vanished, though nothing happened to it" for order in lost[:1])


def _of(name: str, meaning: str, judge: object, *needs: str) -> StepInvariant:
    return StepInvariant(name, meaning, needs, judge)  # type: ignore[arg-type]  # the judges below are all of one type


STEP_INVARIANTS: Final = (
    _of("B1", "After every command the best bid is below the best ask, but in the call phase.", _never_crossed),
    _of("B2", "The best price is served first.", _best_price_first),
    _of("B3", "At one price the earliest is served first.", _earliest_first),
    _of("B4", "A fill is at the maker's price, and never worse than the taker's limit.", _makers_price),
    _of("B5", "Levels are never empty, and their totals are the sums of their orders.", _levels_agree, "orders"),
    _of(
        "B6",
        "What was submitted is filled, resting, cancelled, expired or prevented: after every event nothing is missing.",
        _all_accounted,
    ),
    _of("B7", "What is bought is sold: every fill has one bid and one ask of its quantity.", _two_sided),
    _of("B8", "A cancel takes exactly the rest; of an order that does not rest it is refused.", _withdrawn_exactly),
    _of("B9", "An accepted id is never used again.", _ids_rise),
    _of("B10", "An immediate-or-cancel order never rests.", _ioc_never_rests),
    _of("B11", "A fill-or-kill order is filled in full or not at all.", _fok_all_or_nothing),
    _of("B12", "A post-only order never takes.", _post_only_never_takes),
    _of("B13", "A market order never rests.", _market_never_rests),
    _of("B14", "No owner trades with itself where a self-trade mode is on.", _no_self_trade),
    _of("B16", "Prices are inside the band.", _inside_band),
    _of("B17", "A refused command leaves the book as it was.", _refusal_changes_nothing),
    _of("B23", "A full book refuses or grows; it never loses an order.", _never_overwrites),
)
"""Invariants that are judged after every command, in order."""
