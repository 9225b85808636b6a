"""The shadow: a second bookkeeping, from commands and answers alone.

It believes what the book says happened, writes it down, and knows afterwards what must be resting, in which order of
priority, with how much in sight. It never matches: whoever asks it compares what was said with what it held before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from wattbook.book import BUY, SELL, Event, Flag, Kind
from wattbook.testing.driving import Told
from wattbook.testing.features import NEVER_RESTS

if TYPE_CHECKING:
    from wattbook.testing.driving import Answer, Command, Fill
    from wattbook.testing.features import Features

_UNTOLD: Final = -1


@dataclass(slots=True)
class Standing:
    """One order as the shadow knows it."""

    order: int
    owner: int
    side: int
    price_tick: int
    remaining_wh: int
    product: int
    flags: int
    display_wh: int
    expire_ms: int
    shown_wh: int = 0
    rank: int = 0
    """Place in its queue: the lower the earlier."""
    rests: bool = False

    @property
    def may_rest(self) -> bool:
        """Whether it is of a type that can rest."""
        return not self.flags & NEVER_RESTS


class Move(NamedTuple):
    """One thing that happened to one order.

    Attributes
    ----------
    event : int
        `Event`.
    order : int
        Whose.
    price_tick, quantity_wh, remaining_wh : int
        As told; remaining -1 where the book tells no events.
    before : Standing or None
        The order just before; None if the shadow does not know it.
    ahead : tuple of Standing
        Of a resting order's queue those that come before it, as a copy, best first.
    left_wh : int
        What is left of it by the shadow's own count.
    """

    event: int
    order: int
    price_tick: int
    quantity_wh: int
    remaining_wh: int
    before: Standing | None
    ahead: tuple[Standing, ...]
    left_wh: int


class Shadow:
    """The second bookkeeping of one book."""

    def __init__(self, features: Features) -> None:
        self.features = features
        self.live: dict[int, Standing] = {}
        self.last_order = 0
        self.calling: set[int] = set()
        self._rank = 0

    def queue(self, product: int, side: int) -> list[Standing]:
        """Resting orders of one side in priority order."""
        chosen = [each for each in self.live.values() if each.product == product and each.side == side]
        return sorted(chosen, key=lambda each: (-side * each.price_tick, each.rank))

    def orders(self, product: int) -> list[Standing]:
        """Resting orders of a product: bids then asks, in priority order."""
        return [*self.queue(product, BUY), *self.queue(product, SELL)]

    def crossing(self, product: int, side: int, limit_tick: int) -> list[Standing]:
        """Resting orders that an order of `side` with this limit would meet, best first."""
        return [each for each in self.queue(product, -side) if side * each.price_tick <= side * limit_tick]

    def apply(self, command: Command, answer: Answer) -> list[Move]:
        """Write down what happened; the moves in the order in which they were told."""
        if not answer.accepted:
            return []
        product = self.live[command.order].product if command.order in self.live else command.product
        if command.kind == Kind.CALL:
            self.calling.add(command.product)
        elif command.kind == Kind.UNCROSS:
            self.calling.discard(command.product)
        acting: Standing | None = None
        if command.kind == Kind.SUBMIT:
            acting = self._entered(command)
        moves: list[Move] = []
        told = answer.events if answer.events is not None else self._implied(command, answer, product)
        for event in told:
            moves.append(self._move(event, command, acting))
            if event.event == Event.REPLACED:
                acting = self._replaced(event)
            elif event.event == Event.ACCEPTED and acting is not None:
                acting.price_tick = event.price_tick
        if acting is not None and not acting.rests and acting.remaining_wh > 0 and acting.may_rest:
            self._rest(acting)
        return moves

    # --- parts

    def _entered(self, command: Command) -> Standing:
        self.last_order = max(self.last_order, command.order)
        price = command.price_tick
        if command.flags & Flag.MARKET:
            price = self.features.cap_tick if command.side == BUY else self.features.floor_tick
        self._entrant = Standing(
            command.order, command.owner, command.side, price, command.quantity_wh, command.product, command.flags,
            command.display_wh, command.expire_ms,
        )  # fmt: skip
        return self._entrant

    def _find(self, order: int, acting: Standing | None) -> Standing | None:
        return acting if acting is not None and acting.order == order else self.live.get(order)

    def _move(self, told: Told, command: Command, acting: Standing | None) -> Move:
        standing = self._find(told.order, acting)
        if standing is None:
            return Move(told.event, told.order, told.price_tick, told.quantity_wh, told.remaining_wh, None, (), 0)
        before = replace(standing)
        ahead: tuple[Standing, ...] = ()
        if standing.rests and command.kind in {Kind.SUBMIT, Kind.REPLACE} and told.event != Event.REPLACED:
            queue = self.queue(standing.product, standing.side)
            ahead = tuple(replace(each) for each in queue[: queue.index(standing)])
        left = standing.remaining_wh
        if told.event == Event.REPLACED:
            left += told.quantity_wh
        elif told.event != Event.ACCEPTED:
            left = self._lessen(standing, told.quantity_wh)
        return Move(
            told.event, told.order, told.price_tick, told.quantity_wh, told.remaining_wh, before, ahead, left
        )  # fmt: skip

    def _lessen(self, standing: Standing, quantity_wh: int) -> int:
        standing.remaining_wh -= quantity_wh
        if not standing.rests:
            return standing.remaining_wh
        standing.shown_wh -= quantity_wh
        if standing.remaining_wh <= 0:
            del self.live[standing.order]
            standing.rests = False
        elif standing.shown_wh <= 0:
            self._show(standing)
        return standing.remaining_wh

    def _replaced(self, told: Told) -> Standing | None:
        """Give an order its new terms; what loses its place leaves the queue until the end of the command."""
        standing = self.live.get(told.order)
        if standing is None:
            return None
        standing.remaining_wh += told.quantity_wh
        if told.price_tick == standing.price_tick and told.quantity_wh <= 0:
            standing.shown_wh = min(standing.shown_wh, standing.remaining_wh)
            return standing
        standing.price_tick = told.price_tick
        del self.live[standing.order]
        standing.rests = False
        return standing

    def _rest(self, standing: Standing) -> None:
        standing.rests = True
        self.live[standing.order] = standing
        self._show(standing)

    def _show(self, standing: Standing) -> None:
        """Show the next slice, last in the queue."""
        standing.shown_wh = min(standing.display_wh or standing.remaining_wh, standing.remaining_wh)
        self._rank += 1
        standing.rank = self._rank

    def _implied(self, command: Command, answer: Answer, product: int) -> list[Told]:
        """Infer from the fills what a book that tells no events must have done."""
        if command.kind == Kind.CANCEL:
            gone = [self.live[command.order]] if command.order in self.live else []
            return [_told(each, Event.CANCELLED, each.remaining_wh) for each in gone]
        if command.kind == Kind.CANCEL_OWNER:
            return [
                _told(each, Event.CANCELLED, each.remaining_wh)
                for each in self.live.values()
                if each.owner == command.owner
            ]
        if command.kind == Kind.EXPIRE:
            return [_told(each, Event.EXPIRED, each.remaining_wh) for each in self.due(product, command.expire_ms)]
        moves: list[Told] = []
        taken = sum(fill.quantity_wh for fill in answer.fills)
        if command.kind == Kind.REPLACE and command.order in self.live:
            old = self.live[command.order]
            change = command.quantity_wh - old.remaining_wh
            moves = [_told(replace(old, price_tick=command.price_tick), Event.REPLACED, change)]
        moves += [_filled(order, fill) for fill in answer.fills for order in (fill.maker, fill.taker)]
        if command.kind == Kind.SUBMIT and command.flags & NEVER_RESTS and taken < command.quantity_wh:
            moves.append(_told(self._entrant, Event.CANCELLED, command.quantity_wh - taken))
        return moves

    def due(self, product: int, until_ms: int) -> list[Standing]:
        """Orders that an EXPIRE takes out, in sequence."""
        return [each for each in self.orders(product) if not until_ms or 0 < each.expire_ms <= until_ms]


def _told(standing: Standing, event: int, quantity_wh: int) -> Told:
    return Told(standing.product, standing.order, event, standing.price_tick, quantity_wh, _UNTOLD)


def _filled(order: int, fill: Fill) -> Told:
    return Told(fill.product, order, Event.FILLED, fill.price_tick, fill.quantity_wh, _UNTOLD)
