"""Hypothesis strategies: orders, commands, streams, books, auctions, markets, scenarios.

Streams are lists of requests, not of numbers: a cancel names one of the orders before it. So what Hypothesis takes out
leaves a stream that still makes sense, and failures shrink to a few plain commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wattbook.testing.optional import need_hypothesis

need_hypothesis("wattbook.testing.strategies")

from hypothesis import strategies as st  # noqa: E402  # after the check that says what to install

from wattbook.book import BUY, SELL, Kind  # noqa: E402
from wattbook.testing.driving import Command, Driver  # noqa: E402
from wattbook.testing.features import NEVER_RESTS, ORDER_TYPES, Features  # noqa: E402

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy
    from numpy.typing import NDArray

    from wattbook.market import Market
    from wattbook.scenario import Scenario
    from wattbook.testing.driving import MakeBook

_REACH: Final = 5
_OWNERS: Final = 4
_MOST_LOTS: Final = 20
_TARGETED: Final = (Kind.CANCEL, Kind.REPLACE)


def prices(features: Features) -> SearchStrategy[int]:
    """Ticks on the step, close together and inside the band."""
    step = features.step_tick
    reach = min(_REACH, (features.cap_tick - features.floor_tick) // step // 2)
    middle = min(max(0, features.floor_tick + reach * step), features.cap_tick - reach * step)
    middle -= middle % step
    low = max(-reach, (features.floor_tick - middle) // step)
    high = min(reach, (features.cap_tick - middle) // step)
    return st.integers(low, high).map(lambda away: middle + step * away)


def quantities(features: Features) -> SearchStrategy[int]:
    """Energies of some lots [Wh]."""
    return st.integers(1, _MOST_LOTS).map(lambda lots: lots * features.lot_wh)


@st.composite
def orders(draw: DrawFn, features: Features | None = None, order: int = 1) -> Command:
    """Draw a SUBMIT that no book of these features refuses for its form.

    Parameters
    ----------
    features : Features, optional
        By default a plain limit order.
    order : int
        Its id.
    """
    features = features or Features()
    flags = int(ORDER_TYPES[draw(st.sampled_from(features.types))])
    quantity = draw(quantities(features))
    display = expire = 0
    if not flags & NEVER_RESTS:
        if features.icebergs and draw(st.booleans()):
            display = features.lot_wh * draw(st.integers(1, quantity // features.lot_wh))
        if features.expiry and draw(st.booleans()):
            expire = draw(st.integers(1, _MOST_LOTS))
    product = draw(st.integers(0, features.products - 1)) if features.products > 1 else 0
    side, owner = draw(st.sampled_from((BUY, SELL))), draw(st.integers(1, _OWNERS))
    return Command(Kind.SUBMIT, product, order, owner, side, draw(prices(features)), quantity, flags, display, expire)


@st.composite
def requests(draw: DrawFn, kind: Kind, features: Features, before: tuple[Command, ...] = ()) -> Command:
    """Draw one command of a kind; CANCEL and REPLACE name one of the submits in `before`, which must not be empty."""
    product = draw(st.integers(0, features.products - 1)) if features.products > 1 else 0
    if kind == Kind.SUBMIT:
        return draw(orders(features, 1 + max([0, *(each.order for each in before)])))
    if kind in _TARGETED:
        target = draw(st.sampled_from(before))
        replaces = kind == Kind.REPLACE
        price, quantity = (draw(prices(features)), draw(quantities(features))) if replaces else (0, 0)
        return Command(kind, 0, target.order, target.owner, 0, price, quantity, 0)
    if kind == Kind.CANCEL_OWNER:
        return Command(kind, 0, 0, draw(st.integers(1, _OWNERS)), 0, 0, 0, 0)
    if kind == Kind.UNCROSS:
        flags = sum(flag for flag in features.rationings if draw(st.booleans()))
        return Command(kind, product, 0, 0, 0, draw(prices(features)), 0, int(flags))
    expire = draw(st.integers(0, _MOST_LOTS)) if kind == Kind.EXPIRE and features.expiry else 0
    return Command(kind, product, 0, 0, 0, 0, 0, 0, 0, expire)


@st.composite
def commands(draw: DrawFn, features: Features | None = None, before: tuple[Command, ...] = ()) -> Command:
    """Draw one command of any kind; `before` are the submits that a CANCEL or REPLACE may name."""
    features = features or Features()
    kinds = [kind for kind in features.kinds if kind != Kind.SUBMIT and (before or kind not in _TARGETED)]
    # SUBMIT first, so that it is what others shrink to; and often.
    kind = draw(st.sampled_from([Kind.SUBMIT] * (1 + len(kinds)) + kinds))
    return draw(requests(kind, features, before))


@st.composite
def streams(draw: DrawFn, features: Features | None = None, max_size: int = 30) -> list[Command]:
    """Draw up to `max_size` commands with rising ids."""
    features = features or Features()
    stream: list[Command] = []
    for _ in range(draw(st.integers(0, max_size))):
        stream.append(draw(commands(features, tuple(each for each in stream if each.kind == Kind.SUBMIT))))
    return stream


@st.composite
def books(draw: DrawFn, make_book: MakeBook, features: Features | None = None, max_size: int = 30) -> Any:
    """Draw a book after a stream of commands."""
    features = features or Features()
    driver = Driver(make_book(), features)
    for command in draw(streams(features, max_size)):
        driver.carry_out(command)
    return driver.book


@st.composite
def auctions(draw: DrawFn, max_size: int = 10) -> tuple[NDArray[np.int64], int | None]:
    """Draw orders for a call auction, int64 (n, 5), with many ties, and a reference price or None."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(1, 4), st.sampled_from((BUY, SELL)), st.integers(-4, 4), st.integers(1, 8)),
            max_size=max_size,
        )
    )
    table = [(order, owner, side, price, quantity) for order, (owner, side, price, quantity) in enumerate(rows, 1)]
    reference = draw(st.none() | st.integers(-6, 6))
    return np.array(table, dtype=np.int64).reshape(-1, 5), reference


@st.composite
def scenarios(draw: DrawFn, homes: int = 3) -> Scenario:
    """Draw a scenario of one day with up to `homes` homes and a utility that runs in less than a second."""
    from wattbook.assets import Battery, Pv
    from wattbook.policies import PERSONAS, home
    from wattbook.scenario import LocalMarket, Scenario, consumer, prosumer, utility
    from wattbook.units import eur_per_mwh, kw, kwh, minutes

    agents: list[Any] = []
    for number in range(draw(st.integers(1, homes))):
        name, persona = f"home-{number}", draw(st.sampled_from(sorted(PERSONAS)))
        if draw(st.booleans()):
            battery = Battery(kwh(draw(st.integers(2, 10))), kw(3)) if draw(st.booleans()) else None
            agents.append(prosumer(name, pv=Pv(kw(draw(st.integers(1, 10)))), battery=battery, policy=home(persona)))
        else:
            agents.append(consumer(name, rated=kw(draw(st.integers(1, 5))), policy=home(persona)))
    feed_in = draw(st.integers(0, 120))
    retail = feed_in + draw(st.integers(0, 150))
    agents.append(utility("utility", retail=eur_per_mwh(retail), feed_in=eur_per_mwh(feed_in)))
    period = draw(st.sampled_from((60, 30)))
    closes = draw(st.sampled_from((5, 0, 15)))
    local = LocalMarket(period=minutes(period), closes_before=minutes(closes))
    return Scenario(start="2016-06-06", days=1, agents=agents, local=local)


@st.composite
def markets(draw: DrawFn, homes: int = 3, make_book: Any = None) -> Market:
    """Draw the market of such a scenario at its start, with a journal of its own.

    Parameters
    ----------
    make_book : function, optional
        Given a number of products and, where there is a market, the band's floor, cap and step and how it treats
        trades with oneself: an order book to use; by default the project's.
    """
    from wattbook.book import Book
    from wattbook.journal import Journal
    from wattbook.market import Market
    from wattbook.messages import streams_of
    from wattbook.scenario.compiling import compile_street

    street = compile_street(draw(scenarios(homes)), draw(st.integers(0, 1_000))).street
    header = street.header()
    return Market(street, Journal(streams_of(header), header), make_book or Book)
