"""`check_book` and its kin: draw, audit, shrink, tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from wattbook.book import BUY, SELL, Kind
from wattbook.errors import ConfigError, nearest
from wattbook.testing.auditing import ANSWERS, audit
from wattbook.testing.checks_auction import AUCTION_INVARIANTS, auction_reproducer, fault
from wattbook.testing.checks_book import STEP_INVARIANTS
from wattbook.testing.checks_journal import JOURNAL_INVARIANTS
from wattbook.testing.checks_stream import STREAM_INVARIANTS
from wattbook.testing.driving import Command, as_commands
from wattbook.testing.features import Features
from wattbook.testing.generator import Commands, draw
from wattbook.testing.invariants import Failure, Falsified
from wattbook.testing.reproducing import reproducer
from wattbook.testing.shrinking import shrink
from wattbook.testing.weather import SETUPS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from wattbook.testing.checks_auction import Auction, AuctionInvariant
    from wattbook.testing.checks_journal import JournalInvariant
    from wattbook.testing.driving import MakeBook
    from wattbook.testing.invariants import StepInvariant, StreamInvariant
    from wattbook.testing.weather import Weather

    Invariant = StepInvariant | StreamInvariant | AuctionInvariant | JournalInvariant


def _in_order(invariants: Iterable[Invariant]) -> dict[str, Invariant]:
    return {each.name: each for each in sorted(invariants, key=lambda each: (each.name[0] == "A", int(each.name[1:])))}


INVARIANTS: Final = _in_order([*STEP_INVARIANTS, *STREAM_INVARIANTS, *JOURNAL_INVARIANTS, *AUCTION_INVARIANTS])
"""Every invariant by name: B1 - B23, A1 - A8."""

OF_A_BOOK: Final = tuple(name for name in INVARIANTS if name != "B15")
"""Names of those that are judged on a book; B15 is about gates, of which a book knows nothing."""

OF_AN_AUCTION: Final = tuple(name for name in INVARIANTS if name.startswith("A"))
"""Names of the laws of the call auction."""

_PER_COMMAND: Final = frozenset({each.name for each in (*STEP_INVARIANTS, *AUCTION_INVARIANTS)} | {ANSWERS})
_STREAMS: Final = {each.name: each for each in STREAM_INVARIANTS}
_PILE: Final = 400
_RARE: Final = 64


class Report(NamedTuple):
    """What held.

    Attributes
    ----------
    held : tuple of str
        Names of the invariants that were judged.
    skipped : dict
        Names of those that could not be judged, with the reason.
    commands : int
        How many commands each was judged on.
    seeds : tuple of int
        Seeds of the streams.
    """

    held: tuple[str, ...]
    skipped: dict[str, str]
    commands: int
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        """Two lines to print."""
        lines = [f"{', '.join(self.held)} held for {self.commands} commands, seeds {_short(self.seeds)}"]
        lines += [f"{name} was not judged: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines)


def _short(seeds: tuple[int, ...]) -> str:
    if len(seeds) > 1 and seeds == tuple(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} .. {seeds[-1]}"
    return ", ".join(map(str, seeds))


def check_book(
    make_book: MakeBook,
    *,
    features: Features | None = None,
    seeds: Iterable[int] = range(20),
    commands: int = 200,
    invariants: Collection[str] = OF_A_BOOK,
    weathers: Iterable[Weather] | None = None,
    shrink_s: float = 10.0,
) -> Report:
    """Hold a book against the invariants on streams drawn from seeds.

    Parameters
    ----------
    make_book : class or function
        Called without arguments; makes an empty book (see `wattbook.testing.driving` for the doors it may have).
    features : Features, optional
        What the book can do; by default limit orders and cancels of one product.
    seeds : iterable of int
        One stream per seed; the weathers take turns.
    commands : int
        Length of a stream.
    invariants : collection of str
        Names out of `INVARIANTS`. B20 compares with `ReferenceBook`: leave it out for a book with other rules.
    weathers : iterable of Weather, optional
        How streams are mixed; by default all of `SETUPS`.
    shrink_s : float
        Time to look for a smaller stream [s].

    Returns
    -------
    Report
        What was judged.

    Raises
    ------
    Falsified
        With the smallest stream found as Python to paste.
    ConfigError
        If there is no such invariant, or nothing to judge.
    """
    features = features or Features()
    _need_callable("make_book", make_book)
    seeds = seeds_of(seeds)
    if commands < 1:
        raise ConfigError(f"commands={commands}: nothing would be judged")
    chosen, skipped = _judgeable(make_book, features, named(invariants, INVARIANTS))
    if not chosen:
        raise ConfigError(["nothing to judge", *(f"{name}: {why}" for name, why in skipped.items())])
    turns = list(weathers) if weathers is not None else [setup.weather for setup in SETUPS.values()]
    if not turns:
        raise ConfigError("weathers is empty: nothing would be judged")
    used: list[int] = []
    total = 0
    for place, seed in enumerate(seeds):
        stream = as_commands(draw(seed, commands, features, turns[place % len(turns)]).table().tolist())
        failure = _first_failure(make_book, stream, features, chosen)
        if failure is not None:
            raise _told(make_book, stream, features, failure, f"seed {seed}", shrink_s)
        used.append(seed)
        total += len(stream)
    if "B23" in chosen:
        _check_pile(make_book, features, shrink_s)
    return Report(tuple(chosen), skipped, total, tuple(used))


def seeds_of(seeds: Iterable[int]) -> list[int]:
    """Check that there are seeds.

    Raises
    ------
    ConfigError
        If there is none, or it is one number.
    """
    if not hasattr(seeds, "__iter__"):
        raise ConfigError(f"seeds={seeds!r} must be several: range({seeds!r}) or [{seeds!r}]")
    found = list(seeds)
    if not found:
        raise ConfigError("seeds is empty: nothing would be judged")
    return found


def named(invariants: Collection[str], known: Collection[str]) -> list[str]:
    """Check names of invariants.

    Raises
    ------
    ConfigError
        If there is none, one is unknown, or it is a bare string.
    """
    if isinstance(invariants, str):
        raise ConfigError(f"invariants={invariants!r} must be several names: [{invariants!r}]")
    names = list(invariants)
    if not names:
        raise ConfigError("invariants is empty: nothing would be judged")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError([f"invariant {name!r} is unknown{nearest(name, known)}" for name in unknown])
    return names


def _need_callable(name: str, given: object) -> None:
    if not callable(given):
        raise ConfigError(f"{name} is {type(given).__name__}, which cannot be called: give a class or a function")


def hold(name: str, make_book: MakeBook, commands: Commands | ArrayLike, features: Features | None = None) -> None:
    """Raise `Falsified` if new books break one invariant under one stream; nothing is shrunk."""
    features = features or Features()
    _need_callable("make_book", make_book)
    given = commands if isinstance(commands, Commands) else Commands.of(commands)
    stream = as_commands(given.table().tolist())
    chosen, skipped = _judgeable(make_book, features, [name])
    if skipped:
        raise ConfigError([f"{name} cannot be judged: {why}" for why in skipped.values()])
    failure = _first_failure(make_book, stream, features, chosen)
    if failure is not None:
        raise _told(make_book, stream, features, failure, "the given stream", shrink_s=0.0)


def _judgeable(make_book: MakeBook, features: Features, names: Collection[str]) -> tuple[list[str], dict[str, str]]:
    """Which invariants can be judged on this book, and why not the others."""
    book = make_book()
    silent = {"a self-trade mode": features.self_trade != "off", "REPRICE orders": "REPRICE" in features.types}
    if not hasattr(book, "process") and any(silent.values()):
        what = " and ".join(name for name, has in silent.items() if has)
        raise ConfigError(f"{what} can be judged by events only: give the book `process`")
    skipped: dict[str, str] = {}
    for name in names:
        absent = [need for need in INVARIANTS[name].needs if not hasattr(book, need)]
        if absent:
            skipped[name] = f"the book has no {', '.join(absent)}"
        elif name.startswith("A") and Kind.UNCROSS not in features.kinds:
            skipped[name] = "the book has no call auction"
        elif name == "B15":
            skipped[name] = "a book knows no gates: use check_run"
        elif name == "B14" and features.self_trade == "off":
            skipped[name] = "no self-trade mode is on"
        elif name == "B22" and features.products == 1:
            skipped[name] = "the book has one product"
    return [name for name in INVARIANTS if name in names and name not in skipped], skipped


def _first_failure(
    make_book: MakeBook, stream: list[Command], features: Features, names: Sequence[str]
) -> Failure | None:
    per_command = [name for name in names if name in _PER_COMMAND]
    if per_command:
        failure = audit(make_book, stream, features, per_command)
        if failure is not None:
            return failure
    for name in names:
        if name in _STREAMS:
            try:
                for number, text in _STREAMS[name].judge(make_book, stream, features):
                    return Failure(name, number, text)
            except Exception as error:  # noqa: BLE001  # the book under test is a stranger's code
                return Failure(ANSWERS, len(stream) - 1, f"under {name} it raised {type(error).__name__}: {error}")
    return None


def _told(
    make_book: MakeBook, stream: list[Command], features: Features, failure: Failure, source: str, shrink_s: float
) -> Falsified:
    """Shrink what failed and put it into words."""
    names = [failure.name] if failure.name != ANSWERS else []

    def failing(candidate: list[Command]) -> Failure | None:
        if failure.name in _PER_COMMAND:
            found = audit(make_book, candidate, features, names)
        else:
            found = _first_failure(make_book, candidate, features, names)
        return found if found is not None and found.name == failure.name else None

    small = stream[: failure.number + 1] if failing(stream[: failure.number + 1]) else stream
    if shrink_s:
        small = shrink(small, lambda candidate: failing(candidate) is not None, features, shrink_s)
    last = failing(small) or failure
    meaning = INVARIANTS[failure.name].meaning if failure.name in INVARIANTS else "Every command is answered."
    shown = reproducer(make_book, small, features, at_once=failure.name == "B19")
    text = (
        f"{failure.name}: {meaning}\n"
        f"Found in {source}, shrunk from {failure.number + 1} commands to {len(small)}: {last.text}.\n\n"
        f"{shown}\n"
    )
    return Falsified(failure.name, text, shown, small)


def _check_pile(make_book: MakeBook, features: Features, shrink_s: float) -> None:
    """Orders that never meet, more than the book may hold where that is known."""
    count = _PILE if features.max_orders is None else min(_PILE, features.max_orders) + 3
    stream = list(_pile(features, count))
    failure = audit(make_book, stream, features, ["B23"], look_every=_RARE)
    if failure is None and len(stream) <= _PILE:
        failure = audit(make_book, stream, features, ["B23"], look_every=len(stream))
    if failure is not None:
        raise _told(make_book, stream, features, failure, "a pile of orders that never meet", shrink_s)


def _pile(features: Features, count: int) -> Iterator[Command]:
    step = features.step_tick
    half = max(1, (features.cap_tick - features.floor_tick) // step // 2)
    for number in range(1, count + 1):
        side = BUY if number % 2 else SELL
        away = number % min(half, 50)
        price = features.floor_tick + step * away if side == BUY else features.cap_tick - step * away
        product = number % min(features.products, 3)
        yield Command(Kind.SUBMIT, product, number, 1 + number % 7, side, price, features.lot_wh * (1 + number % 9), 0)


# --- auctions


def check_auction(
    auction: Auction,
    *,
    seeds: Iterable[int] = range(200),
    orders: int = 8,
    invariants: Collection[str] = OF_AN_AUCTION,
    shrink_s: float = 10.0,
) -> Report:
    """Hold ``auction(orders, reference_tick, rule)`` against A1 - A8, under both rules.

    Parameters
    ----------
    orders : int
        Most orders of one auction; few and close together, so that ties are common.

    Raises
    ------
    Falsified
        With the smallest array of orders found; an auction that raises or gives no such answer fails as ANSWERS.
    ConfigError
        If there is nothing to judge.
    """
    _need_callable("auction", auction)
    names = named(invariants, OF_AN_AUCTION)
    judges = [each for each in AUCTION_INVARIANTS if each.name in names]
    used = []
    for seed in seeds_of(seeds):
        array, reference = draw_auction(seed, orders)
        for rule in ("uniform", "pay-as-bid"):
            found = fault(auction, array, reference, rule, judges)
            if found is not None:
                raise _auction_told(auction, array, reference, rule, found[0], seed, shrink_s)
        used.append(seed)
    return Report(tuple(each.name for each in judges), {}, 2 * len(used), tuple(used))


def draw_auction(seed: int, most: int) -> tuple[NDArray[np.int64], int | None]:
    """Draw up to `most` orders, int64 (n, 5), and a reference price or None."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, most + 1))
    width = int(rng.integers(1, 12))
    ids = np.cumsum(rng.integers(1, 4, count))
    columns = [
        ids, rng.integers(1, 5, count), rng.choice([BUY, SELL], count), rng.integers(-width, width + 1, count),
        rng.integers(1, 9, count),
    ]  # fmt: skip
    reference = None if rng.random() < 0.3 else int(rng.integers(-width - 3, width + 4))  # a share
    return np.column_stack(columns).astype(np.int64).reshape(-1, 5), reference


def _submit(order: int, owner: int, side: int, price_tick: int, quantity_wh: int) -> Command:
    return Command(Kind.SUBMIT, 0, order, owner, side, price_tick, quantity_wh, 0)


def _auction_told(
    auction: Auction,
    array: NDArray[np.int64],
    reference: int | None,
    rule: str,
    invariant: AuctionInvariant,
    seed: int,
    shrink_s: float,
) -> Falsified:
    """Shrink the orders as a stream of submits would be."""

    def rows(commands: list[Command]) -> NDArray[np.int64]:
        picked = [(c.order, c.owner, c.side, c.price_tick, c.quantity_wh) for c in commands]
        return np.array(picked, dtype=np.int64).reshape(-1, 5)

    def found(commands: list[Command]) -> str | None:
        if any(c.quantity_wh <= 0 or c.side not in {BUY, SELL} for c in commands):
            return None
        broken = fault(auction, rows(commands), reference, rule, [invariant])
        return broken[1] if broken is not None and broken[0] == invariant else None

    stream = [_submit(*row) for row in array.tolist()]
    small = shrink(stream, lambda commands: found(commands) is not None, Features(), shrink_s)
    shown = auction_reproducer(auction, rows(small), reference, rule)
    text = f"{invariant.name}: {invariant.meaning}\nFound with seed {seed}: {found(small)}.\n\n{shown}\n"
    return Falsified(invariant.name, text, shown, small)
