"""Metamorphic relations: how the answers must change when the commands are changed in a known way.

They need no second implementation: a book is compared with itself. Each relation says which features it leaves out
because it does not hold for them, and why.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, Flag, Kind
from wattbook.errors import ConfigError, nearest
from wattbook.testing.checks_stream import accepted_only
from wattbook.testing.driving import Command, Driver, as_commands
from wattbook.testing.features import Features
from wattbook.testing.generator import draw
from wattbook.testing.invariants import Falsified
from wattbook.testing.reproducing import reproducer
from wattbook.testing.shrinking import shrink
from wattbook.testing.weather import SETUPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wattbook.testing.driving import Answer, Fill, MakeBook

_PRICED: Final = (Kind.SUBMIT, Kind.REPLACE)
_AUCTION: Final = (Kind.CALL, Kind.UNCROSS)
_STRANGER: Final = 999


class Twin(NamedTuple):
    """A changed stream.

    Attributes
    ----------
    commands : list of Command
        The changed stream.
    rows : list of int
        For each of its commands the command of the first stream that it stands for; -1 for none.
    fill : function
        What a fill of the first stream becomes.
    back : function
        What a fill of the second stream counts as; None to leave it out.
    """

    commands: list[Command]
    rows: list[int]
    fill: Callable[[Fill], Fill]
    back: Callable[[Fill], Fill | None]


@dataclass(frozen=True, slots=True)
class Relation:
    """A change of the commands, and what it does to the fills.

    Parameters
    ----------
    name, meaning : str
        The relation, and in one sentence what it says.
    change : function
        Given commands, features and a random generator: the `Twin`.
    narrow : function
        The features for which the relation holds; raises nothing, only leaves out.
    needs_terms : bool
        Whether the book's factory is called with ``floor_tick`` and ``cap_tick``.
    at_once : bool
        Whether a book with `process` is given each stream as one batch.
    """

    name: str
    meaning: str
    change: Callable[[list[Command], Features, np.random.Generator], Twin]
    narrow: Callable[[Features], Features]
    needs_terms: bool = False
    at_once: bool = False

    def why_not(self, features: Features) -> str | None:
        """Say why the relation cannot be judged on such a book; None if it can."""
        if self.name == "twins" and features.self_trade != "off":
            return "an order that meets its owner's own ends, its twin goes on"
        if self.name == "two-products" and features.products == 1:
            return "the book has one product"
        if self.name == "shift-time" and not features.expiry:
            return "the book has no time limits"
        return None


def _same(fill: Fill) -> Fill:
    return fill


def _all(features: Features) -> Features:
    return replace(features, hostile=False)


def _without(features: Features, *, kinds: Sequence[Kind] = (), types: Sequence[str] = (), **given: object) -> Features:
    left = tuple(kind for kind in features.kinds if kind not in kinds)
    return replace(
        features,
        hostile=False,
        kinds=left,
        types=tuple(name for name in features.types if name not in types) or features.types,
        **given,  # type: ignore[arg-type]  # fields of Features
    )


def _priced(command: Command) -> bool:
    return command.kind in _PRICED or command.kind == Kind.UNCROSS


def _whole(commands: list[Command]) -> list[int]:
    return list(range(len(commands)))


def _scale_prices(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    furthest = max([1, *(abs(c.price_tick) for c in commands if c.kind in _PRICED)])
    room = min(abs(features.cap_tick), abs(features.floor_tick) or features.cap_tick) // furthest
    times = int(rng.integers(2, 10)) if room > 10 else max(1, room)  # a factor that the band has room for
    changed = [c._replace(price_tick=c.price_tick * times) if c.kind in _PRICED else c for c in commands]
    return Twin(changed, _whole(commands), lambda fill: fill._replace(price_tick=fill.price_tick * times), _same)


def _scale_quantities(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    del features
    times = int(rng.integers(2, 1_000))
    changed = [
        c._replace(quantity_wh=c.quantity_wh * times, display_wh=c.display_wh * times) if c.kind in _PRICED else c
        for c in commands
    ]
    return Twin(changed, _whole(commands), lambda fill: fill._replace(quantity_wh=fill.quantity_wh * times), _same)


def _shift_prices(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    prices = [c.price_tick for c in commands if c.kind in _PRICED] or [features.floor_tick]
    # Two steps are left free, so that REPRICE meets neither end of the band.
    step = features.step_tick
    up = min((features.cap_tick - max(prices)) // step - 2, 1_000)
    down = min((min(prices) - features.floor_tick) // step - 2, 1_000)
    by = step * int(rng.integers(-max(0, down), max(0, up) + 1))
    changed = [c._replace(price_tick=c.price_tick + by) if _priced(c) else c for c in commands]
    return Twin(changed, _whole(commands), lambda fill: fill._replace(price_tick=fill.price_tick + by), _same)


def _shift_time(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    del features
    by = int(rng.integers(1, 10**12))
    changed = [c._replace(expire_ms=c.expire_ms + by) if c.expire_ms > 0 else c for c in commands]
    return Twin(changed, _whole(commands), _same, _same)


def _relabel(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    del features
    owners = sorted({c.owner for c in commands})
    names = dict(zip(owners, (rng.permutation(len(owners)) + 100).tolist(), strict=True))
    times, plus = int(rng.integers(1, 5)), int(rng.integers(0, 50))

    def renamed(order: int) -> int:
        return order * times + plus if order > 0 else order

    changed = [c._replace(owner=names[c.owner], order=renamed(c.order)) for c in commands]
    return Twin(
        changed,
        _whole(commands),
        lambda fill: fill._replace(maker=renamed(fill.maker), taker=renamed(fill.taker)),
        _same,
    )


def _mirror(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    del rng
    about = features.floor_tick + features.cap_tick
    changed = []
    for c in commands:
        side = -c.side if c.kind == Kind.SUBMIT else c.side
        changed.append(c._replace(side=side, price_tick=about - c.price_tick if c.kind in _PRICED else c.price_tick))
    return Twin(changed, _whole(commands), lambda fill: fill._replace(price_tick=about - fill.price_tick), _same)


def _doubled(command: Command) -> Command:
    """Twice the id, so that there is one free after each."""
    named = command.kind in {Kind.SUBMIT, Kind.CANCEL, Kind.REPLACE}
    return command._replace(order=2 * command.order) if named else command


def _twice(fill: Fill) -> Fill:
    return fill._replace(maker=2 * fill.maker, taker=2 * fill.taker)


def _twins(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    named = {c.order for c in commands if c.kind in {Kind.CANCEL, Kind.REPLACE}}
    lot = features.lot_wh
    changed, rows = [], []
    for row, c in enumerate(commands):
        plain = c.kind == Kind.SUBMIT and c.flags == 0 and not c.display_wh and c.order not in named
        lots = c.quantity_wh // lot
        if not plain or lots < 2 or rng.random() < 0.3:  # two parts; a share
            changed.append(_doubled(c))
            rows.append(row)
            continue
        first = lot * int(rng.integers(1, lots))
        changed += [
            _doubled(c)._replace(quantity_wh=first),
            c._replace(order=2 * c.order + 1, quantity_wh=c.quantity_wh - first),
        ]
        rows += [row, row]

    def merged(fill: Fill) -> Fill:
        return fill._replace(maker=fill.maker // 2 * 2, taker=fill.taker // 2 * 2)

    return Twin(changed, rows, _twice, merged)


def _passive(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    changed, rows = [], []
    last = 0
    for row, c in enumerate(commands):
        changed.append(_doubled(c))
        rows.append(row)
        if c.kind == Kind.SUBMIT:
            last = 2 * c.order
        if last and last % 2 == 0 and rng.random() < 0.2:  # a share
            last += 1
            visitor = Command(Kind.SUBMIT, 0, last, _STRANGER, BUY, features.floor_tick, features.lot_wh, 0)
            changed += [visitor, Command(Kind.CANCEL, 0, last, _STRANGER, 0, 0, 0, 0)]
            rows += [-1, -1]
    return Twin(changed, rows, _twice, _same)


def _append(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    later = as_commands(draw(int(rng.integers(1 << 30)), 20, features).table().tolist())
    highest = max([0, *(c.order for c in commands)])
    later = [c._replace(order=c.order + highest) for c in later]
    return Twin([*commands, *later], [*range(len(commands)), *[-1] * len(later)], _same, _same)


def _two_products(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    """Put submits in a product of their own between the commands; the last product is left free for them."""
    own = features.products  # the streams know one product less than the book
    other = as_commands(draw(int(rng.integers(1 << 30)), len(commands), replace(features, products=1)).table().tolist())
    place, changed, rows = 0, list[Command](), list[int]()
    for row, c in enumerate(commands):
        changed.append(_doubled(c))
        rows.append(row)
        last = max([0, *(each.order for each in changed if each.kind == Kind.SUBMIT)])
        while place < len(other) and rng.random() < 0.5:  # a share
            guest = other[place]
            place += 1
            if guest.kind == Kind.SUBMIT and last % 2 == 0 and last:
                last += 1
                changed.append(guest._replace(order=last, owner=guest.owner + _STRANGER, product=own))
                rows.append(-1)
    return Twin(changed, rows, _twice, lambda fill: None if fill.product == own else fill)


def _wider_band(commands: list[Command], features: Features, rng: np.random.Generator) -> Twin:
    del features, rng
    return Twin(commands, _whole(commands), _same, _same)


def _in_all_but_the_last_product(features: Features) -> Features:
    return replace(_all(features), products=max(1, features.products - 1))


def _symmetric(features: Features) -> Features:
    # Of tied prices an auction takes the lower: that has no mirror image.
    return _without(features, kinds=_AUCTION)


RELATIONS: Final = {
    relation.name: relation
    for relation in (
        Relation(
            "scale-prices",
            "Prices times k give fill prices times k. Without auctions, whose price may lie between two limits, and "
            "without REPRICE, which moves by one step.",
            _scale_prices,
            lambda features: _without(features, kinds=_AUCTION, types=("REPRICE",)),
        ),
        Relation(
            "scale-quantities",
            "Quantities times k give filled quantities times k. Without pro-rata rationing, which rounds to lots.",
            _scale_quantities,
            lambda features: _without(features, rationings=_unrounded(features)),
        ),
        Relation("shift-prices", "Prices plus k steps give fill prices plus k steps.", _shift_prices, _all),
        Relation("shift-time", "Time limits and expiries later by the same time change nothing.", _shift_time, _all),
        Relation("relabel", "Other owners and other ids in the same order give the same fills.", _relabel, _all),
        Relation(
            "mirror",
            "Bids become asks and prices are mirrored in the band: fills are mirrored. Without auctions, which take "
            "the lower of tied prices.",
            _mirror,
            _symmetric,
        ),
        Relation(
            "twins",
            "An order split into two, one right after the other, trades the same in all. Without pro-rata rationing, "
            "which rounds to lots.",
            _twins,
            lambda features: _without(features, rationings=_unrounded(features)),
        ),
        Relation("passive", "An order far away that comes and goes changes nothing else.", _passive, _all),
        Relation("append", "Commands to come do not change what was answered before.", _append, _all, at_once=True),
        Relation(
            "two-products",
            "Orders in a product of their own change nothing in the others.",
            _two_products,
            _in_all_but_the_last_product,
        ),
        Relation("wide-band", "A band that does not bind changes nothing.", _wider_band, _all, needs_terms=True),
    )
}
"""Every relation by name."""


def _unrounded(features: Features) -> tuple[Flag, ...]:
    return tuple(flag for flag in features.rationings if flag != Flag.PRO_RATA)


def check_relation(
    make_book: MakeBook,
    relation: Relation | str,
    *,
    features: Features | None = None,
    seeds: Iterable[int] = range(20),
    commands: int = 100,
    shrink_s: float = 10.0,
) -> int:
    """Hold a book against itself under a changed stream.

    Parameters
    ----------
    make_book : class or function
        Makes an empty book; for ``wide-band`` it is called with ``floor_tick`` and ``cap_tick`` as well.
    relation : Relation or str
        One of `RELATIONS`, or its name.

    Returns
    -------
    int
        How many commands were compared.

    Raises
    ------
    Falsified
        With the smallest stream found.
    ConfigError
        If there is no such relation, or it cannot be judged on such a book.
    """
    features = features or Features()
    if isinstance(relation, str):
        if relation not in RELATIONS:
            raise ConfigError(f"relation {relation!r} is unknown{nearest(relation, RELATIONS)}")
        relation = RELATIONS[relation]
    why = relation.why_not(features)
    if why:
        raise ConfigError(f"{relation.name} does not hold for such a book: {why}")
    # A limit on the number of orders binds more often when there are more of them.
    narrowed = replace(relation.narrow(features), max_orders=None)
    weathers = [setup.weather for setup in SETUPS.values()]
    if not hasattr(seeds, "__iter__"):
        raise ConfigError(f"seeds={seeds!r} must be several: range({seeds!r}) or [{seeds!r}]")
    seeds, compared = list(seeds), 0
    if not seeds or commands < 1:
        raise ConfigError(f"nothing to judge: seeds={seeds}, commands={commands}")
    for place, seed in enumerate(seeds):
        table = draw(seed, commands, narrowed, weathers[place % len(weathers)]).table().tolist()
        stream = accepted_only(make_book, as_commands(table), features)
        broken = _broken(make_book, relation, stream, features, seed)
        if broken:
            raise _told(make_book, relation, stream, features, seed, shrink_s)
        compared += len(stream)
    return compared


def _broken(
    make_book: MakeBook, relation: Relation, stream: list[Command], features: Features, seed: int
) -> str | None:
    """Say how the fills differ from what they should be; None if they do not."""
    twin = relation.change(stream, relation.narrow(features), np.random.default_rng(seed))
    ours = _asked(make_book, relation, stream, features)
    theirs = _asked(_factory(make_book, relation, features), relation, twin.commands, features)
    wanted = [_tally(map(twin.fill, answer.fills)) for answer in ours]
    found = [Counter[tuple[int, ...]]() for _ in stream]
    for row, answer in zip(twin.rows, theirs, strict=True):
        if row >= 0:
            kept = [fill for each in answer.fills if (fill := twin.back(each)) is not None]
            found[row] += _tally(kept)
    for row, (want, got) in enumerate(zip(wanted, found, strict=True)):
        if want != got:
            return (
                f"command {row} should fill (product, maker, taker, price) {dict(want)} in the changed stream, "
                f"and fills {dict(got)}"
            )
    return _refusals(ours, theirs, twin)


def _asked(make_book: MakeBook, relation: Relation, stream: list[Command], features: Features) -> list[Answer]:
    driver = Driver(make_book(), features)
    if relation.at_once and driver.in_batches:
        return driver.answers(driver.process(stream), len(stream))
    return [driver.carry_out(command) for command in stream]


def _refusals(ours: list[Answer], theirs: list[Answer], twin: Twin) -> str | None:
    for row, answer in zip(twin.rows, theirs, strict=True):
        if row >= 0 and answer.accepted != ours[row].accepted:
            return f"command {row} is answered {ours[row].code}, in the changed stream {answer.code}"
    return None


def _tally(fills: Iterable[Fill]) -> Counter[tuple[int, ...]]:
    tally: Counter[tuple[int, ...]] = Counter()
    for fill in fills:
        tally[fill.product, fill.maker, fill.taker, fill.price_tick] += fill.quantity_wh
    return tally


def _factory(make_book: MakeBook, relation: Relation, features: Features) -> MakeBook:
    if not relation.needs_terms:
        return make_book
    width = 10 * features.step_tick
    floor, cap = features.floor_tick - width, features.cap_tick + width
    make: Callable[..., object] = make_book
    return lambda: make(floor_tick=floor, cap_tick=cap)


def _told(
    make_book: MakeBook, relation: Relation, stream: list[Command], features: Features, seed: int, shrink_s: float
) -> Falsified:
    def fails(commands: list[Command]) -> bool:
        taken = accepted_only(make_book, commands, features)
        return len(taken) == len(commands) and _broken(make_book, relation, commands, features, seed) is not None

    small = shrink(stream, fails, features, shrink_s)
    twin = relation.change(small, relation.narrow(features), np.random.default_rng(seed))
    shown = reproducer(make_book, small, features)
    changed = reproducer(make_book, twin.commands, features).split("\n\n", 1)[-1]
    text = (
        f"{relation.name}: {relation.meaning}\n"
        f"Found with seed {seed}: {_broken(make_book, relation, small, features, seed)}.\n\n"
        f"{shown}\n\n# changed\n{changed}\n"
    )
    return Falsified(relation.name, text, f"{shown}\n\n# changed\n{changed}", small)
