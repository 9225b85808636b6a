"""Allocative efficiency: the most against a linear program, what was realised against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from wattbook.results import Run
from wattbook.results.efficiency import Positions, efficiency, positions, possible_gains, realised_gains

FEEDERS = ("east", "north", "south")


def most_by_linear_program(rows, period, feeders, has_district):
    """The program of the module's docstring, every pair of buyer and seller by itself."""
    mine = np.flatnonzero(rows.period == period)
    buyers, sellers = mine[rows.metered_wh[mine] > 0], mine[rows.metered_wh[mine] < 0]
    gains, uses = [], []
    for b in buyers:
        for s in sellers:
            if rows.feeder[b] == rows.feeder[s]:
                gains.append(rows.feeder_value[b] - rows.cost[s])
                uses.append((b, s))
            if has_district:
                gains.append(rows.district_value[b] - rows.cost[s])
                uses.append((b, s))
    if not gains:
        return 0.0
    limits = np.array([[member in use for use in uses] for member in mine], float)
    answer = linprog(-np.array(gains) / 1e9, limits, np.abs(rows.metered_wh[mine]))
    assert answer.success
    return -answer.fun * 1e9


@st.composite
def places(draw):
    """Members with like and unlike tariffs in up to three feeders over two periods."""
    count = draw(st.integers(1, 9))

    def column(values):
        return np.array(draw(st.lists(values, min_size=count, max_size=count)))

    retail = column(st.sampled_from([90.0, 150.0, 160.0]))
    vat = column(st.sampled_from([1_000_000.0, 1_190_000.0]))
    fees = draw(st.lists(st.integers(0, 90), min_size=3, max_size=3))
    return Positions(
        period=column(st.integers(0, 1)), feeder=column(st.integers(0, 2)), kind=np.arange(count),
        metered_wh=column(st.integers(-30, 30)), feeder_wh=np.zeros(count, np.int64),
        district_wh=np.zeros(count, np.int64), retail=retail * vat,
        feeder_value=(retail + fees[2] - fees[0]) * vat, district_value=(retail + fees[2] - fees[1]) * vat,
        cost=column(st.sampled_from([60.0, 80.0, 155.0])) * 1e6,
    )  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(places(), st.booleans())
def test_the_most_is_what_a_linear_program_finds(rows, has_district):
    found = possible_gains(rows, (2, 3), has_district)
    for period in range(2):
        assert found[period] == pytest.approx(most_by_linear_program(rows, period, 3, has_district), rel=1e-9, abs=1)


def trading_town(story, seed):
    """A town in which seeded fools trade anything with anybody, on either side, several times, in two periods."""
    dice = np.random.default_rng(seed)
    names = [f"h{i}" for i in range(dice.integers(2, 7))]
    town = story.Town(
        {
            name: {
                "feeder": str(dice.choice(FEEDERS)),
                "utility": str(dice.choice(["U", "V"])),
                "vat": int(dice.choice([0, 190_000])),
            }
            for name in names
        },
        {"U": (15_000, 8_000), "V": (int(dice.integers(6_000, 20_000)), int(dice.integers(3_000, 16_000)))},
        feeders=FEEDERS,
        district=bool(dice.integers(2)),
        periods=2,
        fee=tuple(int(fee) for fee in dice.integers(0, 9_000, 3)),
    )
    for period in range(2):
        for _ in range(dice.integers(0, 9)):
            buyer, seller = dice.choice(names, 2, replace=False)
            feeder = town.homes[buyer]["feeder"]
            if feeder == town.homes[seller]["feeder"] and dice.integers(2):
                book = feeder
            elif "district" in town.books:
                book = "district"
            else:
                continue
            town.trade(town.gate(period) - 1, buyer, seller, 9_000, int(dice.integers(1, 40)), book=book, period=period)
        town.deliver(period, {name: int(dice.integers(-40, 41)) for name in names})
    return town


@pytest.mark.parametrize("seed", range(60))
def test_nobody_realises_more_than_the_most(story, seed):
    record = trading_town(story, seed).record()
    rows = positions(record)
    size = (2, len(record.place.books))
    realised = realised_gains(rows, size, record.place.has_district)
    possible = possible_gains(rows, size, record.place.has_district)
    assert (realised <= possible * (1 + 1e-12) + 1).all()
    assert all(error == 0 for error in Run(record, None, story.INFO).metrics["energy_errors_wh"].values())


def pair(story, drawn, sold, district=False, **more):
    """A buys of B what the case says; both have utility U at 150 and 80, fees are 30, 50, 70."""
    about = {"utility": "U", "vat": 0, **more}
    town = story.Town(
        {"A": {**about, "feeder": "north"}, "B": {**about, "feeder": "south" if district else "north"}},
        {"U": (15_000, 8_000)},
        feeders=("north", "south"),
    )
    if sold:
        town.trade(0, "A", "B", 10_000, sold, book="district" if district else "north")
    town.deliver(0, drawn)
    return efficiency(town.record())


def test_trading_all_that_can_be_traded_is_fully_efficient(story):
    found = pair(story, {"A": 100, "B": -100}, 100)
    assert found["allocative_efficiency"] == 1.0
    assert found["gains_realised"] == 100 * (15_000 + 7_000 - 3_000 - 8_000)


def test_between_feeders_the_district_path_counts(story):
    found = pair(story, {"A": 100, "B": -100}, 100, district=True)
    assert found["allocative_efficiency"] == 1.0
    assert found["gains_possible"] == 100 * (15_000 + 7_000 - 5_000 - 8_000)


def test_vat_makes_the_network_dearer_and_local_energy_worth_more(story):
    found = pair(story, {"A": 100, "B": -100}, 100, vat=190_000)
    assert found["gains_realised"] == 100 * ((15_000 + 7_000 - 3_000) * 119 // 100 - 8_000)


def test_trading_half_is_half_efficient(story):
    assert pair(story, {"A": 100, "B": -100}, 50)["allocative_efficiency"] == 0.5


def test_trading_nothing_realises_nothing(story):
    assert pair(story, {"A": 100, "B": -100}, 0)["allocative_efficiency"] == 0.0


def test_energy_that_was_sold_but_not_delivered_costs(story):
    # 40 of 100 Wh were there; B buys the other 60 at retail, which A gets for the same, but by the feeder's path.
    found = pair(story, {"A": 100, "B": -40}, 100)
    assert found["allocative_efficiency"] == 1.0
    # Here A did not need what it bought: it sells 60 Wh on at feed-in, as B would have.
    assert pair(story, {"A": 40, "B": -100}, 100)["allocative_efficiency"] == 1.0
    # Both wrong: B had nothing and A needed nothing, so 100 Wh were bought at 150 and sold at 80.
    found = pair(story, {"A": 0, "B": 0}, 100)
    assert found["gains_realised"] == -100 * (15_000 - 8_000)
    assert found["allocative_efficiency"] is None


def test_a_gain_between_unlike_tariffs_that_moves_no_energy_is_none(story):
    about = {"feeder": "north", "vat": 0}
    town = story.Town(
        {"A": {**about, "utility": "dear"}, "B": {**about, "utility": "cheap"}},
        {"dear": (20_000, 8_000), "cheap": (10_000, 8_000)},
    )
    town.trade(0, "A", "B", 15_000, 100)
    town.deliver(0, {"A": 100, "B": 0})
    assert efficiency(town.record())["gains_realised"] == 0


def test_what_was_resold_counts_once(story):
    about = {"feeder": "north", "utility": "U", "vat": 0}
    town = story.Town(dict.fromkeys("ABC", about), {"U": (15_000, 8_000)})
    town.trade(0, "C", "B", 9_000, 100)
    town.trade(0, "A", "C", 12_000, 100)
    town.deliver(0, {"A": 100, "B": -100, "C": 0})
    found = efficiency(town.record())
    assert found["gains_realised"] == found["gains_possible"] == 100 * 11_000


def test_in_golden_case_g1_what_homes_won_together_is_what_settlement_saved(golden, story):
    run = Run(story.g1(bill=False), story.g1(trading=False, bill=False), story.INFO)
    won = run.metrics["baseline"]["decomposition"]["groups"]["homes"]
    # B sold 200 Wh more than it had, so not all that was won is backed by energy.
    assert run.metrics["gains_realised"] < won
    assert run.metrics["gains_possible"] == 58_096_000


def test_blocks_of_periods_change_nothing(story, monkeypatch):
    record = trading_town(story, 5).record()
    whole = efficiency(record)
    monkeypatch.setattr("wattbook.results.efficiency._BLOCK", 1)
    assert efficiency(record) == whole
