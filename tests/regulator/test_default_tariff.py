"""Default-tariff caps by hand: the benchmark, what is allowed beside it, and who asks more."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retail_records import (
    BLUE,
    COAL,
    DAY_MS,
    GREEN,
    HOME,
    HOUR_MS,
    START_MS,
    WIND,
    Rows,
    end_ms,
    place,
    renamed,
    steady,
    told,
    watch,
)

from wattbook.oversight import Item, Rule
from wattbook.regulator.default_tariff import DefaultTariff, DefaultTariffTerms

TERMS = DefaultTariffTerms(window_ms=2 * DAY_MS, margin_ppm=100_000, allowance_tick=3_000)


def found_in(rows, terms=TERMS):
    return watch(DefaultTariff(rows.known, terms), rows.record(), [end_ms(rows.known)])


def test_a_cap_by_hand():
    """Spot is 50: with a margin of a tenth and an allowance of 30 the cap is 85."""
    rows = steady(place(days=2), 2, retail={BLUE: 8_501, GREEN: 8_500})
    (finding,) = found_in(rows)
    assert (finding.rule, finding.agent, finding.price_tick) == (Rule.DEFAULT_TARIFF_CAP, BLUE, 8_500)
    assert [offence[:3] for offence in finding.offences] == [(hour, hour, 1_000) for hour in range(23, 48)]
    lines = {line.item: line.value for line in finding.evidence}
    assert (lines[Item.COST_TICK], lines[Item.ALLOWED_TICK], lines[Item.COUNT]) == (5_000, 8_500, 25)


def test_the_benchmark_is_weighted_by_what_all_utilities_sell():
    """Blue sells 3,000 Wh by day at 80, green 1,000 Wh by night at 40: 70 on average, the cap 107."""
    known = place(days=1)
    for tick, offends in ((10_700, False), (10_701, True)):
        rows = Rows(known)
        for hour in range(24):
            rows.sells(hour, BLUE, 3_000 if hour >= 12 else 0, spot_tick=8_000 if hour >= 12 else 4_000)
            rows.sells(hour, GREEN, 0 if hour >= 12 else 1_000, spot_tick=8_000 if hour >= 12 else 4_000)
        rows.tariff(START_MS - 1, BLUE, range(24), tick)
        rows.tariff(START_MS - 1, GREEN, range(24), 5_000)
        assert bool(found_in(rows)) == offends


def test_what_a_utility_paid_itself_is_not_asked():
    """Who bought dearly is capped like everybody."""
    rows = Rows(place(days=1))
    for hour in range(24):
        rows.sells(hour, BLUE, 1_000, deviation_wh=900, spot_tick=5_000, imbalance_tick=20_000)
    assert {finding.agent for finding in found_in(rows)} == {BLUE}


def test_the_cap_follows_the_window():
    """Two days at 50, two at 90: the cap goes from 85 to 129, and a tariff of 110 comes to lie below it."""
    known = place(days=4)
    rows = Rows(known)
    for hour in range(96):
        rows.sells(hour, BLUE, 1_000, spot_tick=5_000 if hour < 48 else 9_000)
    rows.tariff(START_MS - 1, BLUE, range(96), 11_000)
    keys = {key for _, _, key in told(found_in(rows))}
    # Mean at hour 47 + k: 50 + k x 40 / 48, 1.1 times that + 30 reaches 110 at a mean of 72.73: k = 28.
    assert keys == set(range(23, 48 + 27))


@pytest.mark.parametrize("name", ["margin_ppm", "allowance_tick", "data_ms"])
@given(st.lists(st.tuples(st.integers(0, 2_000), st.integers(-2_000, 12_000), st.integers(0, 20_000)), min_size=30,
                max_size=72), st.integers(0, 10**7))  # fmt: skip
def test_a_higher_threshold_finds_no_more(name, draws, more):
    rows = drawn(draws)
    low = told(found_in(rows))
    high = told(found_in(rows, dataclasses.replace(TERMS, **{name: getattr(TERMS, name) + more})))
    assert high.keys() <= low.keys()
    assert all(high[key] <= low[key] for key in high)


def drawn(draws):
    rows = Rows(place(days=3))
    for period, (energy_wh, spot_tick, tick) in enumerate(draws):
        for agent in (BLUE, GREEN):
            rows.sells(period, agent, energy_wh * agent, spot_tick=spot_tick)
            rows.tariff(START_MS - 1, agent, [period], tick + 70 * agent)
    return rows


@given(
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(-2_000, 12_000), st.integers(0, 20_000)), min_size=30,
             max_size=72),
    st.lists(st.integers(0, 72), max_size=5),
)  # fmt: skip
def test_pieces_saved_states_and_other_names_change_nothing(draws, hours):
    rows = drawn(draws)
    known, record = rows.known, rows.record()
    at_once = told(found_in(rows))
    moments = [*(START_MS + hour * HOUR_MS for hour in sorted(hours)), end_ms(known)]
    pieces = watch(DefaultTariff(known, TERMS), record, moments, resaved=lambda: DefaultTariff(known, TERMS))
    assert told(pieces) == at_once
    swapped = [HOME, GREEN, BLUE, WIND, COAL]
    there = told(watch(DefaultTariff(known, TERMS), renamed(record, swapped), [end_ms(known)]))
    assert there == {(rule, swapped[agent], key): gain for (rule, agent, key), gain in at_once.items()}
