"""The circuit breaker: a jump halts its product, steady trading and closed gates do not."""

import dataclasses
from functools import partial

import numpy as np
from auction_records import EUR, HOUR_MS, handed, known_of
from hypothesis import given
from hypothesis import strategies as st

from wattbook.oversight import Item
from wattbook.regulator import RECORD, Played
from wattbook.regulator.circuit_breaker import CircuitBreaker, CircuitBreakerTerms
from wattbook.regulator.findings import MARKET

MINUTE_MS = 60_000
KNOWN = known_of(periods=8)
TERMS = CircuitBreakerTerms()
LATE = 6
"""A period whose gate is open for hours."""
WATCHES = [KNOWN.start_ms + watch * 15 * MINUTE_MS for watch in range(1, 29)]


def record_of(trades):
    """Write trades (minute, book, period, price [EUR/MWh]) down in their order."""
    columns = {name: np.zeros(len(trades), np.int64) for name in RECORD["trades"]}
    times = np.array([KNOWN.start_ms + trade[0] * MINUTE_MS for trade in trades], np.int64)
    named = {name: [trade[i] for trade in trades] for i, name in ((1, "book"), (2, "period"))}
    columns |= {name: np.array(values, np.int64) for name, values in named.items()}
    columns |= {"price_tick": np.array([trade[3] for trade in trades], np.int64) * EUR, "seq": np.arange(len(trades))}
    return {"trades": {**columns, "time_ms": times, "visible_ms": times + 1}}


def _found(trades, terms=TERMS):
    return handed(CircuitBreaker(KNOWN, terms), record_of(trades), WATCHES)


def halts(trades, terms=TERMS):
    """Give each halt: minute, book, period."""
    return [
        ((at - KNOWN.start_ms) // MINUTE_MS, each.book, each.period)
        for at, part in zip(WATCHES, _found(trades, terms), strict=True)
        for each in part
    ]


def steady(price=150, book=0, period=LATE, minutes=(1, 2, 3, 4)):
    return [(minute, book, period, price) for minute in minutes]


def test_a_jump_from_the_products_own_trades_halts_it_and_nothing_else():
    trades = [*steady(), *steady(period=LATE + 1), (20, 0, LATE, 231)]
    assert halts(trades) == [(30, 0, LATE)]


def test_a_finding_tells_the_trade_its_reference_and_until_when():
    found = handed(CircuitBreaker(KNOWN, TERMS), record_of([*steady(), (20, 0, LATE, 70)]), WATCHES)
    (finding,) = found[1]
    assert (finding.agent, finding.book, finding.period) == (MARKET, 0, LATE)
    assert finding.until_ms == WATCHES[1] + TERMS.halt_ms
    assert [(line.item, line.value) for line in finding.evidence] == [
        (Item.PRICE_TICK, 70 * EUR), (Item.REFERENCE_TICK, 150 * EUR), (Item.MOVE_TICK, 80 * EUR),
        (Item.MOVE_LIMIT_TICK, 75 * EUR), (Item.STATIC, 0), (Item.EVENT, 4),
    ]  # fmt: skip
    assert finding.offences[0].key == 4


def test_exactly_at_the_range_is_inside_it():
    assert halts([*steady(), (20, 0, LATE, 225)]) == []
    assert halts([*steady(), (20, 0, LATE, 75)]) == []


def test_a_large_share_of_a_small_price_is_no_jump():
    assert halts([*steady(20), (20, 0, LATE, 69)]) == []
    assert halts([*steady(20), (20, 0, LATE, 71)]) == [(30, 0, LATE)]


def test_prices_below_zero_jump_as_others_do():
    assert halts([*steady(-20), (20, 0, LATE, 31)]) == [(30, 0, LATE)]
    assert halts([*steady(-200), (20, 0, LATE, -101)]) == []


def test_a_products_first_trade_is_held_against_its_book_in_a_wider_range():
    assert halts([*steady(), (20, 0, LATE + 1, 231)]) == []
    assert halts([*steady(), (20, 0, LATE + 1, 301)]) == [(30, 0, LATE + 1)]
    assert halts([*steady(), (20, 1, LATE + 1, 301)]) == []


def test_too_few_trades_make_no_reference():
    assert halts([*steady(minutes=(1, 2)), (20, 0, LATE, 900)]) == []


def test_trades_of_long_ago_make_no_dynamic_reference():
    assert halts([*steady(), (119, 0, LATE, 231)]) == [(120, 0, LATE)]
    assert halts([*steady(), (126, 0, LATE, 231)]) == []


def test_a_jump_that_has_gone_by_the_watch_halts_nothing():
    assert halts([*steady(), (20, 0, LATE, 900), (21, 0, LATE, 150)]) == []


def test_a_product_whose_gate_has_closed_is_left_alone():
    # Period 1 begins after an hour, and its gate closes five minutes before.
    late = [*steady(period=1, minutes=(31, 32, 33)), (44, 0, 1, 900)]
    assert halts(late) == [(45, 0, 1)]
    assert halts([(minute + 10, *rest) for minute, *rest in late]) == []


def test_what_was_traded_before_a_halt_ended_does_not_halt_again():
    trades = [*steady(), (20, 0, LATE, 400), (31, 0, LATE, 900), (59, 0, LATE, 400), *steady(400, minutes=(61, 62, 63))]
    assert halts(trades, dataclasses.replace(TERMS, static_tick=1 << 60)) == [(30, 0, LATE)]
    again = dataclasses.replace(TERMS, static_tick=1 << 60)
    assert halts([*trades, (76, 0, LATE, 900)], again) == [(30, 0, LATE), (90, 0, LATE)]


def test_the_middle_price_is_one_of_them():
    # Of two trades the lower one is the reference, of three the one in between.
    terms = dataclasses.replace(TERMS, least=1)
    for before, limit in (([100, 130], 100), ([140, 100, 120], 120)):
        trades = [(minute, 0, LATE, price) for minute, price in enumerate(before, 1)]
        (halt,) = [each for part in _found([*trades, (20, 0, LATE, 900)], terms) for each in part]
        assert {line.item: line.value for line in halt.evidence}[Item.REFERENCE_TICK] == limit * EUR


TRADES = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(0, 1), st.sampled_from([2, LATE, LATE + 1]),
        st.sampled_from([-100, 0, 60, 150, 160, 240, 310, 900]),
    ),
    max_size=40,
).map(lambda rows: [
    (int(minute), *rest)
    for minute, (_, *rest) in zip(np.cumsum([row[0] for row in rows]), rows, strict=True) if minute < 7 * 60
])  # fmt: skip
RAISED = {"move_share_ppm": 10**6, "move_tick": 20_000, "static_share_ppm": 3 * 10**6, "static_tick": 40_000}


@given(TRADES, st.sampled_from([*RAISED.items()]))
def test_a_wider_range_never_halts_a_product_that_a_narrower_one_does_not_nor_sooner(trades, change):
    low, high = (halts(trades, terms) for terms in (TERMS, dataclasses.replace(TERMS, **dict([change]))))
    first_low, first_high = ({row[1:]: row[0] for row in reversed(rows)} for rows in (low, high))
    assert all(first_low.get(product, 1 << 60) <= at for product, at in first_high.items())


@given(TRADES)
def test_thresholds_that_nobody_reaches_are_reached_by_nobody(trades):
    assert halts(trades, CircuitBreakerTerms.never()) == []


@given(TRADES)
def test_a_halt_is_of_an_open_product_and_never_twice_for_one_trade(trades):
    found = handed(CircuitBreaker(KNOWN, TERMS), record_of(trades), WATCHES)
    keys = [each.offences[0].key for part in found for each in part]
    assert len(keys) == len(set(keys))
    for at_ms, part in zip(WATCHES, found, strict=True):
        for each in part:
            assert KNOWN.start_of(each.period) - KNOWN.closes_before_ms > at_ms
            assert each.until_ms == at_ms + TERMS.halt_ms


TIMES = st.lists(st.integers(0, 7 * 60).map(lambda minute: KNOWN.start_ms + minute * MINUTE_MS), max_size=5)


@given(TRADES, TIMES, TIMES)
def test_reading_in_pieces_and_being_saved_between_them_changes_nothing(trades, cuts, saved):
    make = partial(CircuitBreaker, KNOWN, TERMS)
    record = record_of(trades)
    assert handed(make(), record, WATCHES, cuts, saved, make) == handed(make(), record, WATCHES)


def test_what_it_keeps_does_not_grow_with_the_record():
    breaker = CircuitBreaker(KNOWN, TERMS)
    rows = len(breaker.rings.number)
    handed(breaker, record_of([(minute, 0, LATE, 150) for minute in range(300)]), WATCHES)
    saved = breaker.export()
    assert breaker.rings.trade.shape[2] == TERMS.trades + 1
    assert rows <= len(breaker.rings.number) <= 2 * KNOWN.periods
    assert not saved["new"]
    breaker.review(KNOWN.start_ms + 9 * HOUR_MS)
    assert not breaker.export()["products"]


# --- against a plain one


class Plain:
    """The same rule with lists, and nothing forgotten."""

    def __init__(self, terms):
        self.terms, self.trades, self.book, self.fresh, self.ended = terms, {}, {}, [], {}

    def read(self, rows):
        self.fresh += zip(
            *(rows[name].tolist() for name in ("book", "period", "time_ms", "price_tick", "seq")), strict=True
        )

    def review(self, now_ms):
        found = []
        for book, period, *trade in self.fresh:
            self.trades.setdefault((book, period), []).append(trade)
        for product in sorted({row[:2] for row in self.fresh}):
            (last_ms, last_tick, seq), gate_ms = self.trades[product][-1], KNOWN.start_of(product[1]) - 300_000
            if gate_ms <= now_ms or last_ms < self.ended.get(product, 0):
                continue
            own = self.trades[product][:-1][-self.terms.trades :] if self.terms.trades else []
            own = [tick for at_ms, tick, _ in own if at_ms >= last_ms - self.terms.within_ms]
            wide = self.book.get(product[0], [])[-self.terms.book_trades :]
            if self.far(own, last_tick, self.terms.move_share_ppm, self.terms.move_tick) or self.far(
                wide, last_tick, self.terms.static_share_ppm, self.terms.static_tick
            ):
                found.append((*product, seq))
                self.trades[product], self.ended[product] = [], now_ms + self.terms.halt_ms
        for book, _, _, tick, _ in self.fresh:
            self.book.setdefault(book, []).append(tick)
        self.fresh = []
        return found

    def far(self, ticks, last_tick, share_ppm, least_tick):
        if len(ticks) < self.terms.least:
            return False
        middle = sorted(ticks)[(len(ticks) - 1) // 2]
        return abs(last_tick - middle) > max(abs(middle) * share_ppm // 10**6, least_tick)


LIMITS = st.builds(
    CircuitBreakerTerms,
    move_share_ppm=st.integers(0, 10**6), move_tick=st.sampled_from([0, 5_000, 1 << 60]),
    static_share_ppm=st.integers(0, 1 << 60), static_tick=st.sampled_from([0, 10_000]),
    trades=st.integers(1, 4), within_ms=st.integers(0, 3 * HOUR_MS), book_trades=st.integers(1, 5),
    least=st.integers(1, 3), halt_ms=st.integers(0, 2 * HOUR_MS),
)  # fmt: skip


@given(TRADES, LIMITS, st.integers(0, 40 * MINUTE_MS))
def test_it_finds_what_a_plain_one_finds(trades, terms, latency_ms):
    fast, plain = CircuitBreaker(KNOWN, terms), Plain(terms)
    feed = Played(record_of(trades)).feed({"trades": RECORD["trades"]})
    for at_ms in WATCHES:
        # With a latency trades come after their gate has closed, too.
        for stream, rows in feed.upto(at_ms - latency_ms):
            fast.read(stream, rows)
            plain.read(rows)
        found = [(each.book, each.period, each.offences[0].key) for each in fast.review(at_ms)]
        assert found == plain.review(at_ms)
