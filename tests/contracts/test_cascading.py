"""Long futures become shorter ones: what is kept, what is released, and what a catalogue may name as parts."""

from collections import Counter
from dataclasses import replace

import pytest
from bank import DAY_MS, Bank, spec
from hypothesis import given
from hypothesis import strategies as st

from wattbook.contracts import NOBODY, ContractSpec, Desk, DeskTerms, Event, Kind, LegCause, Verb, cascade
from wattbook.errors import ConfigError
from wattbook.messages import House

A, B, C, D = range(4)
CLEARING = 4 + House.CLEARING
BOTH = pytest.mark.parametrize("kind", [Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL], ids=lambda kind: kind.name.lower())


def two_days(kind=Kind.FUTURE_CASH, **given):
    """A contract over two days of two periods, and its days."""
    long = spec("long", kind, 96, (10_000, 10_000, 30_000, 10_000), parts=("long.1", "long.2"))
    return Bank(long, *cascade(long, 2), **given)


def rows(bank, event):
    return [
        (row.buyer if row.buyer != NOBODY else -10 - row.seller, row.spec, row.price_tick, row.quantity_wh)
        for row in bank.of(event)
    ]


@BOTH
def test_a_position_becomes_as_many_lots_of_every_part_at_the_last_mark(kind):
    bank = two_days(kind)
    bank.trade(A, B, 9_000, lots=3)
    bank.mark(9_200)
    bank.deliver_until(96)
    assert bank.desk.positions(A) == {A: {0: 3}}
    bank.deliver(96, 9_500, {B: 30_000})
    assert bank.desk.positions(A) == {A: {1: 3, 2: 3}}
    assert bank.desk.positions(B) == {B: {1: -3, 2: -3}}
    assert rows(bank, Event.CASCADED) == [(A, 0, 9_200, 180_000), (-10 - B, 0, 9_200, 180_000)]
    assert rows(bank, Event.CASCADED_INTO) == [
        (A, 1, 9_200, 60_000), (A, 2, 9_200, 120_000), (-10 - B, 1, 9_200, 60_000), (-10 - B, 2, 9_200, 120_000),
    ]  # fmt: skip
    assert not any(row.amount for row in bank.rows if row.event in (Event.CASCADED, Event.CASCADED_INTO))


@BOTH
def test_bought_at_90_and_marked_at_92_it_costs_price_times_quantity_whatever_its_days_are_marked_at(kind):
    bank = two_days(kind)
    bank.trade(A, B, 9_000)
    bank.mark(9_200)
    assert bank.got(A, LegCause.VARIATION) == 200 * 60_000
    bank.deliver_until(96)
    spots = (9_500, 9_100, 8_000, 12_000)
    bank.deliver(96, spots[0], {B: 10_000})
    bank.mark(8_800, spec=2)
    for period, spot in enumerate(spots[1:], 97):
        bank.deliver(period, spot, {B: 30_000})
    at_spot = sum(spot * wh for spot, wh in zip(spots, (10_000, 10_000, 30_000, 10_000), strict=True))
    assert at_spot - bank.got(A, LegCause.VARIATION) == 9_000 * 60_000
    assert at_spot + bank.got(B, LegCause.VARIATION) == 9_000 * 60_000
    assert bank.got(A, LegCause.DELIVERY) == (-at_spot if kind == Kind.FUTURE_PHYSICAL else 0)
    assert bank.got(A, LegCause.MARGIN) == bank.got(B, LegCause.MARGIN) == 0
    assert bank.balance[CLEARING] == 0
    assert not bank.desk.house.positions


@BOTH
def test_delivery_and_money_are_those_of_the_same_contract_without_parts(kind):
    whole = spec("long", kind, 96, (10_000, 10_000, 30_000, 10_000))
    banks = [two_days(kind), Bank(whole)]
    for bank in banks:
        bank.trade(A, B, 9_000, lots=2)
        bank.trade(C, A, 9_100, lots=1)
        bank.mark(9_300)
        bank.deliver_until(96)
        bank.energy = [bank.deliver(96 + place, spot).energy for place, spot in enumerate((9_000, 9_900, 7_000, 100))]
    one, other = banks
    assert one.energy == other.energy
    assert one.balance == other.balance


def test_parts_with_prices_of_their_own_are_marked_at_these_in_the_same_moment():
    bank = two_days()
    bank.trade(A, B, 9_000)
    bank.trade(C, D, 8_000, spec=1)
    bank.trade(C, D, 9_700, spec=2)
    bank.mark()
    bank.deliver_until(96)
    bank.deliver(96, 8_000)
    # The first day is worth 10 less, the second 7 more than the long contract's mark of 90.
    moved = {(row.buyer, row.spec): row.amount for row in bank.of(Event.VARIATION) if row.time_ms > DAY_MS}
    assert (moved[A, 1], moved[A, 2]) == (-1_000 * 20_000, 700 * 40_000)
    assert bank.desk.house.marks == {0: 9_000, 1: 8_000, 2: 9_700}
    for period, spot in ((97, 8_000), (98, 9_700), (99, 9_700)):
        bank.deliver(period, spot)
    at_spot = 8_000 * 20_000 + 9_700 * 40_000
    assert at_spot - bank.got(A, LegCause.VARIATION) == 9_000 * 60_000


def test_margin_goes_with_it_by_energy_and_no_money_moves():
    bank = two_days(margin_ppm=100_003)
    bank.trade(A, B, 9_001)
    locked = bank.desk.margin(A)
    bank.deliver_until(96)
    bank.deliver(96, 9_001)
    told = [(row.spec, row.amount) for row in bank.of(Event.MARGIN_LOCKED) if row.buyer == A and row.time_ms > DAY_MS]
    parts = dict(told)
    assert sum(parts.values()) == locked
    assert abs(3 * parts[1] - locked) <= 2
    assert [row.amount for row in bank.of(Event.MARGIN_RELEASED) if row.buyer == A and row.spec == 0] == [locked]
    # Of the first day's part half has been delivered by now.
    assert bank.desk.margin(A) == locked - bank.of(Event.MARGIN_RELEASED)[-1].amount
    assert sum(
        leg.amount for leg in bank.legs if leg.account == A and leg.cause == LegCause.MARGIN
    ) == -bank.desk.margin(A)


def test_a_position_of_the_other_side_is_netted_and_its_margin_released():
    bank = two_days()
    bank.trade(A, B, 9_000, lots=2)
    bank.trade(C, A, 9_000, lots=3, spec=1)
    bank.trade(C, A, 9_000, lots=2, spec=2)
    before = {agent: bank.desk.margin(agent) for agent in (A, B, C)}
    tenth = 900
    assert before[A] == tenth * (2 * 60_000 + 3 * 20_000 + 2 * 40_000)
    bank.deliver_until(96)
    bank.deliver(96, 9_000)
    assert bank.desk.positions(A) == {A: {1: -1}}
    # One lot is left of the first day, and half of that day has been delivered.
    assert bank.desk.margin(A) == tenth * 20_000 // 2
    assert bank.got(A, LegCause.MARGIN) == -bank.desk.margin(A)
    assert bank.desk.margin(B) == before[B] - 2 * tenth * 20_000 // 2
    assert bank.desk.positions(C) == {C: {1: 3, 2: 2}}
    for period in (97, 98, 99):
        bank.deliver(period, 9_000)
    assert bank.got(A, LegCause.MARGIN) == bank.balance[CLEARING] == 0


def test_margin_that_netting_releases_pays_for_a_loss_of_the_same_moment_first():
    bank = two_days(call_ms=10)
    bank.trade(A, B, 9_000)
    bank.trade(C, A, 9_000, spec=2)
    bank.mark()
    bank.deliver_until(96)
    # A is long the first day alone by then; it has nothing but the margin of the second.
    bank.balance[A] = 0
    bank.do(C, Verb.POST, spec=2, side=1, price=9_100, lots=1, good=DAY_MS)
    bank.do(D, Verb.POST, spec=2, side=-1, price=9_100, lots=1, good=DAY_MS)
    released = 2 * 900 * 40_000
    bank.deliver(96, 9_000)
    assert not bank.of(Event.CALLED)
    assert [row.amount for row in bank.of(Event.MARGIN_RELEASED) if row.buyer == A and row.spec == 2] == [released]


def test_who_is_called_keeps_its_call_and_what_netting_releases_goes_against_it():
    bank = two_days(call_ms=2 * DAY_MS)
    bank.trade(A, B, 9_000)
    bank.trade(C, A, 9_000, spec=2)
    bank.balance[A] = 0
    bank.mark(8_000)
    owed = bank.desk.owed(A)
    assert owed == 1_000 * 60_000
    bank.deliver_until(96)
    bank.deliver(96, 8_000)
    # The second day was sold at 90 and marked there: it gains what the long contract lost on it, then frees its margin.
    gained, released = 1_000 * 40_000, 2 * 900 * 40_000
    assert [row.amount for row in bank.of(Event.CALL_PAID) if row.buyer == A] == [gained, owed - gained]
    assert bank.desk.owed(A) == 0
    assert bank.balance[A] == gained + released - owed + 900 * 20_000 // 2
    assert bank.desk.positions(A) == {A: {1: 1}}


def test_a_defaulter_is_closed_out_in_the_parts_in_the_moment_of_the_cascade():
    bank = two_days(call_ms=DAY_MS + 5)
    bank.trade(A, B, 9_000, lots=2)
    bank.trade(C, D, 9_000, lots=1)
    bank.balance[B] = 0
    bank.mark(9_400)
    bank.deliver_until(96)
    bank.deliver(96, 9_400)
    assert B in bank.desk.house.defaulted
    # Its two lots are taken from those who stand against it pro rata, in each part.
    torn = [(row.buyer, row.spec, row.quantity_wh) for row in bank.of(Event.TORN_UP)]
    assert torn == [(A, 1, 20_000), (C, 1, 20_000), (A, 2, 40_000), (C, 2, 40_000)]
    assert bank.desk.positions(A) == {A: {1: 1, 2: 1}}
    assert bank.desk.positions(C) == {}
    assert bank.desk.positions(D) == {D: {1: -1, 2: -1}}
    assert {row.spec for row in bank.of(Event.CLOSED_OUT)} == {1, 2}


def test_a_long_contract_may_have_long_parts_and_parts_that_lie_side_by_side():
    flat = spec("flat", first=96, profile=(5, 5))
    peak = spec("peak", first=97, profile=(7,))
    day = spec("day", first=96, profile=(5, 12), parts=("flat", "peak"))
    next_day = spec("next", first=98, profile=(1,))
    long = spec("long", first=96, profile=(5, 12, 1), parts=("day", "next"))
    bank = Bank(flat, long, day, peak, next_day)
    bank.trade(A, B, 9_000, lots=4, spec=1)
    bank.deliver_until(96)
    bank.deliver(96, 9_000)
    assert bank.desk.positions(A) == {A: {0: 4, 3: 4, 4: 4}}
    assert [row.spec for row in bank.of(Event.CASCADED)] == [1, 1, 2, 2]
    for period in (97, 98):
        bank.deliver(period, 9_500)
    assert bank.got(A, LegCause.VARIATION) == 500 * 4 * 13
    assert bank.got(A, LegCause.MARGIN) == 0


def test_cover_counts_a_long_sale_before_and_after():
    bank = two_days(Kind.FUTURE_PHYSICAL, sell_limit_wh=(-1, 10_000, -1, -1))

    def code(spec):
        post = bank.do(B, Verb.POST, spec=spec, side=-1, price=9_000, lots=1).reference
        return bank.do(A, Verb.TAKE, post, price=9_000, lots=1).code.name

    assert code(0) == "NAKED_SHORT"
    bank.trade(B, C, 9_000, spec=2)
    assert [code(0), code(1), code(2)] == ["OK", "NAKED_SHORT", "NAKED_SHORT"]
    bank.deliver_until(96)
    bank.deliver(96, 9_000, {B: 10_000})
    assert code(2) == "NAKED_SHORT"
    assert bank.desk.due_wh(98) == {A: 30_000, C: -30_000}
    assert bank.desk.due_wh(97) == {A: 10_000, B: -10_000}


def test_what_two_parties_signed_delivers_as_it_is():
    long = spec("long", Kind.FORWARD, 96, (10_000, 10_000))
    bank = Bank(long, *cascade(long, 2))
    bank.trade(A, B, 9_000)
    bank.deliver_until(96)
    bank.deliver(96, 8_000, {B: 10_000})
    assert bank.desk.positions(A) == {A: {0: 1}}
    assert not bank.of(Event.CASCADED)
    with pytest.raises(ConfigError, match="parts belong to futures: what two parties signed"):
        replace(long, parts=("long.1", "long.2"))


def test_bytes_and_header_tell_the_parts_and_nothing_where_there_are_none():
    bank = two_days()
    bank.trade(A, B, 9_000)
    bank.deliver_until(96)
    again = Desk.restore(bank.desk.export())
    assert again.terms == bank.desk.terms
    given = (96 * 900_000 + 900_000, 96, 9_100, lambda _: 0, bank.available)
    assert again.deliver(*given) == bank.desk.deliver(*given)
    assert again.export() == bank.desk.export()
    header = bank.desk.terms.header()
    assert [each.get("parts") for each in header["specs"]] == [("long.1", "long.2"), None, None]
    assert "parts" not in header["specs"][1]


def divided(dice, spec, parts):
    """A spec and what it becomes: a few parts, some of them long themselves, some side by side."""
    if len(spec.profile_wh) > 1 and dice.draw(st.booleans()):
        cut = dice.draw(st.integers(1, len(spec.profile_wh) - 1))
        made = [spec.profile_wh[:cut], spec.profile_wh[cut:]]
        starts = [spec.first_period, spec.first_period + cut]
    else:
        share = tuple(dice.draw(st.integers(0, wh)) for wh in spec.profile_wh)
        made = [share, tuple(wh - part for wh, part in zip(spec.profile_wh, share, strict=True))]
        starts = [spec.first_period, spec.first_period]
    if not all(map(any, made)):
        parts.append(spec)
        return
    names = [f"{spec.name}.{place}" for place in range(2)]
    for name, profile, start in zip(names, made, starts, strict=True):
        part = replace(spec, name=name, first_period=start, profile_wh=profile)
        if dice.draw(st.integers(0, 2)):
            divided(dice, part, parts)
        else:
            parts.append(part)
    parts.append(replace(spec, parts=tuple(names)))


@given(st.data())
def test_whatever_becomes_of_it_energy_costs_price_times_quantity(dice):
    """C7 for any tree of parts, traded at any level, marked at any price: for each agent, to the last quantum."""
    profile = tuple(dice.draw(st.lists(st.integers(0, 50_000), min_size=2, max_size=6).filter(any)))
    kind = dice.draw(st.sampled_from([Kind.FUTURE_CASH, Kind.FUTURE_PHYSICAL]))
    specs = []
    divided(dice, spec("long", kind, 96, profile), specs)
    bank = Bank(*specs, margin_ppm=dice.draw(st.sampled_from([0, 77_777, 100_000])))
    prices, whole = st.integers(-20_000, 40_000), range(len(specs))
    trades = []
    for _ in range(dice.draw(st.integers(1, 6))):
        buyer, seller = dice.draw(st.permutations(range(4)))[:2]
        place, price, lots = dice.draw(st.sampled_from(whole)), dice.draw(prices), dice.draw(st.integers(1, 5))
        bank.trade(buyer, seller, price, lots, place)
        trades.append((buyer, seller, specs[place], price, lots))
        if dice.draw(st.booleans()):
            bank.mark(dice.draw(prices), spec=dice.draw(st.sampled_from(whole)))
    bank.deliver_until(96)
    spots = [dice.draw(prices) for _ in profile]
    expected = [10**12] * 4
    for period, spot in enumerate(spots, 96):
        due = Counter()
        for buyer, seller, traded, price, lots in trades:
            wh = lots * traded.wh(period)
            due.update({buyer: wh, seller: -wh})
            physical = spot if kind == Kind.FUTURE_PHYSICAL else 0
            expected[buyer] += wh * (spot - price - physical)
            expected[seller] -= wh * (spot - price - physical)
        energy = bank.deliver(period, spot).energy
        assert dict(energy) == ({agent: wh for agent, wh in due.items() if wh} if kind == Kind.FUTURE_PHYSICAL else {})
        bank.mark(dice.draw(prices), spec=dice.draw(st.sampled_from(whole)))
    assert bank.balance[:4] == expected
    assert bank.balance[CLEARING] == 0
    assert not bank.desk.house.positions


def test_positions_ahead_are_those_of_the_parts_from_the_end_of_trading_on():
    bank = two_days()
    bank.trade(A, B, 9_000, lots=3)
    bank.trade(A, B, 9_000, lots=2, spec=2)
    bank.trade(B, C, 9_000, lots=3, spec=1)
    assert bank.desk.positions_ahead(A, DAY_MS - 1) == bank.desk.positions(A) == {A: {0: 3, 2: 2}}
    assert bank.desk.positions_ahead(A, DAY_MS) == {A: {1: 3, 2: 5}}
    assert bank.desk.positions_ahead(B, DAY_MS) == {B: {2: -5}}
    bank.deliver_until(96)
    ahead = {agent: bank.desk.positions_ahead(agent, bank.now_ms) for agent in (A, B, C)}
    bank.deliver(96)
    assert ahead == {agent: bank.desk.positions(agent) for agent in (A, B, C)}


GOOD = {"zone": "z", "kind": Kind.FUTURE_CASH}


def made(name, first, *profile, **given):
    return ContractSpec(name, **{**GOOD, **given}, first_period=first, profile_wh=profile)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["a", "b"], "no tuple of names"),
        ((1, 2), "no tuple of names"),
        (("a",), "name two or more, each once"),
        (("a", "a"), "name two or more, each once"),
        (("x", "a"), "parts names itself"),
    ],
)
def test_parts_of_a_spec_are_two_or_more_names(parts, said):
    with pytest.raises(ConfigError, match=said):
        made("x", 0, 1, 2, parts=parts)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (made("a", 4, 5), made("c", 5, 5), r"contract 'long': parts names b: no spec"),
        (made("a", 4, 5), made("b", 5, 5, zone="y"), "its part 'b' has zone='y', not 'z'"),
        (made("a", 4, 5), made("b", 5, 5, kind=Kind.FUTURE_PHYSICAL), "its part 'b' has kind="),
        (made("a", 4, 5), made("b", 5, 5, index="other"), "its part 'b' has index='other', not 'spot:z'"),
        (made("a", 4, 5), made("b", 5, 5, step_tick=2), "its part 'b' has step_tick=2, not 1"),
        (made("a", 3, 0, 5), made("b", 5, 5), r"its part 'a' has periods 3 \.\. 4, outside 4 \.\. 5"),
        (made("a", 4, 5), made("b", 5, 5, 0), r"its part 'b' has periods 5 \.\. 6, outside 4 \.\. 5"),
        (made("a", 4, 5), made("b", 5, 6), "parts hold 6 Wh in period 5, not its 5 Wh"),
        (made("a", 4, 5), made("b", 4, 5), "parts hold 10 Wh in period 4, not its 5 Wh"),
    ],
)
def test_parts_add_up_to_the_whole_or_say_where_they_do_not(first, second, said):
    long = made("long", 4, 5, 5, parts=("a", "b"))
    with pytest.raises(ConfigError, match=said):
        DeskTerms(2, (long, first, second))
