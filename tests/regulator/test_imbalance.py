"""Systematic imbalance: who leans to one side and gains by it, and who is only bad at forecasting."""

import dataclasses

import numpy as np
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
    told,
    watch,
)

from wattbook.oversight import Item, Rule
from wattbook.regulator.imbalance import ImbalanceTerms, SystematicImbalance
from wattbook.units import PPM

RULE = int(Rule.SYSTEMATIC_IMBALANCE)
ANY = ImbalanceTerms(needs_gain=0)


def rows_of(known, deviations, metered_wh=1_000, spot_tick=5_000, imbalance_tick=4_000):
    """Groups whose deviations are given hour by hour."""
    rows = Rows(known)
    for agent, deviation in deviations.items():
        for period, wh in enumerate(deviation):
            rows.group(
                period, agent, metered_wh, deviation_wh=int(wh), spot_tick=spot_tick, imbalance_tick=imbalance_tick
            )  # fmt: skip
    return rows


def found_in(rows, terms=None):
    return watch(SystematicImbalance(rows.known, terms or ImbalanceTerms()), rows.record(), [end_ms(rows.known)])


def leaning(days, wh, wobble=10):
    """Deviations around `wh` that differ from day to day."""
    return [wh + wobble * (day % 3 - 1) for day in range(days) for _ in range(24)]


def test_leaning_by_hand():
    """Ten days of 1,000 Wh an hour, 100 Wh short each, bought at 40 in the place of 50."""
    known = place(days=10)
    rows = rows_of(known, {BLUE: leaning(10, 100)})
    (finding,) = found_in(rows)
    assert (finding.rule, finding.agent) == (Rule.SYSTEMATIC_IMBALANCE, BLUE)
    days = [90, 100, 110, 90, 100, 110, 90, 100, 110, 90]
    # What buying it as imbalance saved, day by day: 10 EUR/MWh of 24 hours.
    assert [offence[:3] for offence in finding.offences] == [
        (24 * day, 24 * day, 24 * wh * 1_000) for day, wh in enumerate(days)
    ]
    lines = {line.item: line.value for line in finding.evidence}
    assert lines[Item.NET_WH] == lines[Item.GROSS_WH] == 24 * sum(days)
    assert (lines[Item.ENERGY_WH], lines[Item.SHARE_PPM], lines[Item.COUNT]) == (10 * 24_000, PPM, 10)
    # t of ten days: mean 99, sd 8.756, t = 99 / (8.756 / 10 ** 0.5).
    assert lines[Item.SCORE] / PPM == pytest.approx(35.76, abs=0.01)


def test_who_leans_to_the_long_side_gains_by_a_price_above_spot():
    rows = rows_of(place(days=10), {BLUE: leaning(10, -100)}, imbalance_tick=6_000)
    assert len(told(found_in(rows))) == 10
    assert found_in(rows_of(place(days=10), {BLUE: leaning(10, -100)}, imbalance_tick=4_000)) == []


def test_who_loses_by_leaning_is_found_only_where_gains_do_not_matter():
    rows = rows_of(place(days=10), {BLUE: leaning(10, 100)}, imbalance_tick=6_000)
    assert found_in(rows) == []
    assert set(told(found_in(rows, ANY)).values()) == {0}


@pytest.mark.parametrize(
    ("deviations", "offends"),
    [
        (leaning(10, 100), True),
        # Nine days are too few.
        (leaning(9, 100), False),
        # Two per cent of what is metered are too little.
        (leaning(10, 20, 1), False),
        # One day of the other side is too much scatter.
        ([*leaning(9, 100), *[-100] * 24], False),
        # As much in sum, but in few hours only.
        ([480 + day if hour < 6 else -5 for day in range(10) for hour in range(24)], False),
    ],
)  # fmt: skip
def test_what_it_takes(deviations, offends):
    assert bool(found_in(rows_of(place(days=10), {BLUE: deviations}), ANY)) == offends


def test_a_day_that_is_not_over_is_not_judged():
    known = place(days=10)
    record = rows_of(known, {BLUE: leaning(10, 100)}).record()
    detector = SystematicImbalance(known, ANY)
    assert watch(detector, record, [end_ms(known) - 1]) == []


def test_each_day_is_an_offence_once_and_only_while_the_group_leans():
    known = place(days=30)
    rows = rows_of(known, {BLUE: [*leaning(12, 100), *[0] * 432]})
    reviews = [START_MS + day * DAY_MS for day in range(1, 31)]
    found = watch(SystematicImbalance(known, ANY), rows.record(), reviews)
    keys = [key // 24 for _, _, key in told(found)]
    assert keys == list(range(12))


DEVIATIONS = st.lists(st.tuples(st.integers(-300, 300), st.integers(-40, 40)), min_size=7, max_size=12)


def drawn(days, known=None):
    known = known or place(days=12)
    hours = [mean + step * (hour % 5 - 2) for mean, step in days for hour in range(24)]
    return rows_of(known, {BLUE: hours, COAL: [-abs(wh) for wh in hours]})


LOOSE = ImbalanceTerms(
    window_ms=8 * DAY_MS, data_ms=3 * DAY_MS, bias_ppm=5_000, same_side_ppm=400_000, score_ppm=PPM, gain_tick=0,
    needs_gain=0,
)  # fmt: skip


@given(DEVIATIONS, st.lists(st.integers(0, 12 * 24), max_size=6))
def test_pieces_saved_states_and_other_names_change_nothing(days, hours):
    rows = drawn(days)
    known, record = rows.known, rows.record()
    at_once = told(found_in(rows, LOOSE))
    moments = [*(START_MS + hour * HOUR_MS for hour in sorted(hours)), end_ms(known)]
    pieces = watch(
        SystematicImbalance(known, LOOSE), record, moments, resaved=lambda: SystematicImbalance(known, LOOSE)
    )  # fmt: skip
    assert told(pieces) == at_once
    swapped = [HOME, GREEN, BLUE, WIND, COAL]
    there = told(watch(SystematicImbalance(known, LOOSE), renamed(record, swapped), [end_ms(known)]))
    assert there == {(rule, swapped[agent], key): gain for (rule, agent, key), gain in at_once.items()}


@given(
    DEVIATIONS, st.sampled_from(["bias_ppm", "same_side_ppm", "score_ppm", "gain_tick", "data_ms"]),
    st.integers(0, 10**6), st.booleans(),
)  # fmt: skip
def test_a_higher_threshold_finds_no_more(days, name, more, needs_gain):
    rows = drawn(days)
    terms = dataclasses.replace(LOOSE, needs_gain=int(needs_gain))
    more = more * 400 if name == "data_ms" else more // 500 if name == "gain_tick" else more
    low = told(found_in(rows, terms))
    high = told(found_in(rows, dataclasses.replace(terms, **{name: getattr(terms, name) + more})))
    assert high.keys() <= low.keys()


def errors(seed, days, day_sd, hour_sd, rho):
    """Honest errors of forecasts, in Wh of 1,000: one for each day, and hours that go on from each other."""
    draw = np.random.default_rng(seed)
    found, last = [], 0.0
    for _ in range(days):
        day = draw.normal(0, day_sd)
        for _ in range(24):
            last = rho * last + draw.normal(0, hour_sd)
            found.append(round(1_000 * (day + last)))
    return found


@pytest.mark.parametrize(("day_sd", "hour_sd", "rho"), [(0.03, 0.0, 0.0), (0.1, 0.02, 0.9), (0.05, 0.02, 0.98)])
def test_honest_errors_are_found_in_less_than_one_run_of_a_hundred(day_sd, hour_sd, rho):
    """Two weeks each, whatever they bring: of 500 at most 5."""
    known = place(days=14)
    found = 0
    for seed in range(500):
        detector = SystematicImbalance(known, ANY)
        deviation = np.array(errors(seed, 14, day_sd, hour_sd, rho))
        period = np.arange(len(deviation))
        flat = np.full(len(deviation), 5_000)
        detector.read(
            "groups",
            {
                "utility": np.full(len(deviation), BLUE), "seq": period, "period": period,
                "metered_wh": np.full(len(deviation), 1_000), "deviation_wh": deviation, "spot_tick": flat,
                "imbalance_tick": flat,
            },
        )  # fmt: skip
        found += bool(detector.review(end_ms(known)))
    assert found <= 5


def test_a_lean_of_an_eighth_is_found_among_honest_errors():
    known = place(days=14)
    found = 0
    for seed in range(100):
        deviations = [wh + 125 for wh in errors(seed, 14, 0.03, 0.02, 0.5)]
        found += bool(found_in(rows_of(known, {BLUE: deviations})))
    assert found >= 95
