"""Power plants: what a MWh costs, what a plant can give, and what it does give, whole Wh at a time."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.assets import (
    Fleet,
    PlantKind,
    Plants,
    PowerPlant,
    Upgrades,
    UpgradeTerms,
    available_wh,
    feasible_output_w,
    marginal_cost_tick,
)
from wattbook.data import load_fuels
from wattbook.errors import ConfigError
from wattbook.units import MS_PER_HOUR, PPM, eur_per_mwh, kw, mw

QUARTER = 900_000
WIDE = 10**12


def one(**given):
    return Plants.of([PowerPlant(PlantKind.COAL, **{"capacity_w": 100, **given})])


def column(*values):
    return np.array(values, np.int64)


# --- cost


@pytest.mark.parametrize(
    ("fuel", "efficiency", "emission", "co2", "variable", "tick"),
    [
        (0, PPM, 0, 0, 0, 0),
        (2_160, 500_000, 187, 0, 0, 4_320),
        (2_160, 500_000, 187, 2_500, 400, 5_655),  # 43.20 + 9.35 + 4
        (840, 400_000, 354, 1_000, 600, 3_585),  # 21.00 + 8.85 + 6
        (840, 400_000, 354, 1_000, -600, 2_385),
        (1, 400_000, 0, 0, 0, 2),  # 2.5 to even
        (3, 400_000, 0, 0, 0, 8),  # 7.5 to even
        (0, PPM, 1, 500, 0, 0),  # half a tick, to even
        (0, PPM, 3, 500, 0, 2),  # one and a half
    ],
)
def test_a_mwh_costs_its_fuel_its_carbon_and_its_operation(fuel, efficiency, emission, co2, variable, tick):
    assert marginal_cost_tick(fuel, efficiency, emission, co2, variable) == tick


@given(
    st.integers(0, 10**7), st.integers(1, PPM), st.integers(0, 10**4), st.integers(0, 10**7), st.integers(-999, 10**5)
)
def test_the_cost_is_the_exact_ratio_rounded_once(fuel, efficiency, emission, co2, variable):
    exact = (fuel + Fraction(emission * co2, 1_000)) * Fraction(PPM, efficiency) + variable
    assert marginal_cost_tick(fuel, efficiency, emission, co2, variable) == round(exact)


def test_every_mistake_of_a_cost_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        marginal_cost_tick(-1, 0, -1, 1.5, kw(4))
    assert len(caught.value.problems) == 5
    assert "variable_tick=4000 is measured as power, not as price: give eur_per_mwh(4)" in str(caught.value)


def test_the_kinds_are_those_that_have_a_fuel():
    assert {kind.name.lower() for kind in PlantKind} == set(load_fuels())


# --- description


def test_plants_are_laid_out_in_columns():
    coal = PowerPlant(
        PlantKind.COAL, mw(300), min_output_w=mw(120), ramp_w=mw(50), marginal_tick=eur_per_mwh(30), owner=4
    )
    plants = Plants.of([coal, PowerPlant(PlantKind.WIND, kw(5))])
    plants.check()
    assert [column.tolist() for column in plants] == [
        [4, -1], [2, 6], [300_000_000, 5_000], [120_000_000, 0], [50_000_000, 100_000_000_000], [3_000, 0],
    ]  # fmt: skip
    assert all(column.shape == (0,) for column in Plants.of([]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"capacity_w": 0}, "capacity_w=0"),
        ({"min_output_w": 101}, "min_output_w=101 is above capacity_w=100: give less"),
        ({"ramp_w": 0}, "ramp_w=0"),
        ({"marginal_tick": 1.5}, "marginal_tick=1.5 is not a whole number"),
        ({"kind": "coal"}, "is not a PlantKind"),
        ({"owner": 0.5}, r"owner=0\.5 is not a whole number"),
        ({"owner": -2}, "owner=-2 must lie between -1"),
    ],
)
def test_what_cannot_be_a_plant_is_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        PowerPlant(**{"kind": PlantKind.COAL, "capacity_w": 100, **given})


# --- output


@pytest.mark.parametrize(
    ("previous", "ceiling", "wanted", "gives", "why"),
    [
        (60, 100, 70, 70, "inside the ramp"),
        (60, 100, 100, 80, "up by the ramp"),
        (60, 100, 30, 40, "down by the ramp, and not below the minimum"),
        (80, 100, 0, 60, "too high to go off"),
        (40, 100, 0, 0, "low enough to go off"),
        (0, 100, 100, 40, "starts with its minimum, more than its ramp"),
        (0, 100, 39, 0, "less than the minimum is off"),
        (80, 50, 100, 50, "an outage of a part does not ask the ramp"),
        (80, 39, 100, 0, "no room for the minimum"),
        (0, 0, 100, 0, "out"),
    ],
)
def test_a_plant_of_100_with_minimum_40_and_ramp_20(previous, ceiling, wanted, gives, why):
    plants = one(min_output_w=40, ramp_w=20)
    assert feasible_output_w(plants, column(ceiling), column(previous), column(wanted)).tolist() == [gives], why


@st.composite
def situations(draw):
    capacity = draw(st.integers(1, 40))
    least = draw(st.integers(0, capacity))
    ramp = draw(st.integers(1, 45))
    ceiling = draw(st.integers(0, capacity))
    previous = draw(st.integers(least, capacity) | st.just(0))
    return capacity, least, ramp, ceiling, previous, draw(st.integers(0, 60))


def can_give(least, ramp, ceiling, previous):
    """All outputs that the rules allow, told one by one."""
    runs = set()
    for output in range(max(least, 1), ceiling + 1):
        from_off = previous == 0 and output <= max(ramp, least)
        in_ramp = previous > 0 and previous - ramp <= output <= previous + ramp
        if from_off or in_ramp:
            runs.add(output)
    room = ceiling >= max(least, 1)
    if previous > 0 and room and ceiling < previous - ramp:
        runs.add(ceiling)
    may_be_off = not room or previous <= max(ramp, least)
    return runs | ({0} if may_be_off else set())


@given(situations())
def test_it_gives_the_most_it_can_of_what_is_wanted_and_else_the_least_it_can(situation):
    capacity, least, ramp, ceiling, previous, wanted = situation
    plants = one(capacity_w=capacity, min_output_w=least, ramp_w=ramp)
    (gives,) = feasible_output_w(plants, column(ceiling), column(previous), column(wanted)).tolist()
    options = can_give(least, ramp, ceiling, previous)
    below = [output for output in options if output <= wanted]
    assert gives == (max(below) if below else min(options))


@given(st.lists(situations(), min_size=1, max_size=5))
def test_plants_side_by_side_do_not_see_each_other(rows):
    plants = Plants.of(
        [PowerPlant(PlantKind.GAS, capacity, min_output_w=least, ramp_w=ramp) for capacity, least, ramp, *_ in rows]
    )
    ceiling, previous, wanted = (column(*values) for values in list(zip(*rows, strict=True))[3:])
    together = feasible_output_w(plants, ceiling, previous, wanted)
    for row, (capacity, least, ramp, *state) in enumerate(rows):
        alone = one(capacity_w=capacity, min_output_w=least, ramp_w=ramp)
        assert feasible_output_w(alone, *(column(value) for value in state)).tolist() == [together[row]]


# --- energy


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, PPM)), min_size=1, max_size=40),
    st.sampled_from([60_000, 420_000, QUARTER, MS_PER_HOUR]),
)
def test_energy_is_whole_and_nothing_of_it_is_lost(periods, period_ms):
    fleet = Fleet(one(capacity_w=10**9))
    given_w, metered = 0, 0
    for wanted, share in periods:
        output, energy = fleet.run(0, period_ms, column(wanted), column(share))
        assert output[0] == min(wanted, 10**9 * share // PPM)
        given_w += int(output[0])
        metered += int(energy[0])
        assert 0 <= Fraction(given_w * period_ms, MS_PER_HOUR) - metered < 1


def test_a_third_of_a_wh_is_carried():
    fleet = Fleet(one(capacity_w=20))
    energies = [int(fleet.run(0, 60_000, column(20), column(PPM)).energy_wh[0]) for _ in range(6)]
    assert energies == [0, 0, 1, 0, 0, 1]


@given(st.integers(1, 10**11), st.lists(st.integers(0, PPM), min_size=1, max_size=60), st.sampled_from([1, 4, 60]))
def test_what_could_be_given_in_a_year_carries_its_remainder(capacity, shares, per_hour):
    energy = available_wh(capacity, column(*shares), MS_PER_HOUR // per_hour)
    assert (energy >= 0).all()
    for n in range(1, len(shares) + 1):
        exact = Fraction(capacity * sum(shares[:n]), PPM * per_hour)
        assert 0 <= exact - int(energy[:n].sum()) < 1


def test_periods_that_fill_no_hour_are_refused():
    assert available_wh(1_000, column(PPM, PPM), 2 * MS_PER_HOUR).tolist() == [2_000, 2_000]
    for period_ms in (0, 420_000, 5_400_000):
        with pytest.raises(ConfigError, match="give minutes"):
            available_wh(1_000, column(PPM), period_ms)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"available_ppm": column(2_000_000)}, r"available_ppm\[0\]=2000000 must lie between 0 and 1000000"),
        ({"available_ppm": column(-1)}, r"available_ppm\[0\]=-1"),
        ({"available_ppm": [0.5]}, "available_ppm is of type float64: give whole numbers"),
        ({"available_ppm": column(PPM, PPM)}, r"available_ppm has shape \(2,\), not \(1,\)"),
        ({"wanted_w": column(50, 20)}, r"wanted_w has shape \(2,\), not \(1,\): give one output a plant"),
        ({"wanted_w": np.array([50.5])}, "wanted_w is of type float64"),
        ({"wanted_w": column(-1)}, r"wanted_w\[0\]=-1"),
        ({"wanted_w": np.array([2**63], np.uint64)}, "beyond 64 bits"),
        ({"wanted_w": [2**70]}, "beyond 64 bits"),
        ({"wanted_w": np.array([5], object)}, "wanted_w is of type object: give whole numbers"),
        ({"wanted_w": [None]}, "wanted_w is of type object"),
        ({"wanted_w": [[1], [1, 2]]}, "different lengths"),
        ({"wanted_w": column(50)[0]}, r"wanted_w has shape \(\)"),
        ({"period_ms": 0.5}, "period_ms=0.5 is not a whole number"),
        ({"period_ms": 0}, "period_ms=0 must lie between 1 and 86400000"),
        ({"period_ms": 86_400_001}, "period_ms=86400001"),
        ({"start_ms": 0.5}, "start_ms=0.5"),
    ],
)
def test_a_fleet_is_not_run_on_what_cannot_be(changes, said):
    fleet = Fleet(one())
    asked = {"start_ms": 0, "period_ms": QUARTER, "wanted_w": column(50), "available_ppm": column(PPM)}
    with pytest.raises(ConfigError, match=said):
        fleet.run(**{**asked, **changes})
    assert fleet.export()["output_w"].tolist() == [0], "a refusal runs nothing"
    assert fleet.run(**asked).output_w.tolist() == [50]


def test_all_that_is_wrong_with_a_run_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Fleet(one()).run(None, -1, column(1, 2), column(PPM + 1))
    assert len(caught.value.problems) == 4
    with pytest.raises(ConfigError, match="available_ppm"):
        Fleet(one()).most_w(0, column(PPM + 1))


def test_the_largest_plant_over_the_longest_period_does_not_overflow():
    fleet = Fleet(one(capacity_w=10**11))
    for _ in range(2):
        assert fleet.run(0, 24 * MS_PER_HOUR, column(10**11), column(PPM)).energy_wh.tolist() == [24 * 10**11]


def test_upgrades_of_other_plants_are_refused():
    with pytest.raises(ConfigError, match="of other plants"):
        Fleet(one(), Upgrades(column(100, 100), [None, None]))


def test_availability_over_a_year_is_a_share():
    for wrong in (column(PPM + 1), [0.5], column(-1), [[1], [1, 2]], 7):
        with pytest.raises(ConfigError, match="available_ppm"):
            available_wh(1_000, wrong, QUARTER)
    with pytest.raises(ConfigError, match=r"capacity_w=0\.5"):
        available_wh(0.5, column(PPM), QUARTER)


# --- state


def test_a_checkpoint_goes_on_with_the_same_output_and_the_same_remainder():
    plants = Plants.of([PowerPlant(PlantKind.COAL, 1_000, min_output_w=100, ramp_w=70), PowerPlant(PlantKind.GAS, 77)])
    rng = np.random.default_rng(5)
    asks = rng.integers(0, 1_200, (30, 2))
    shares = rng.integers(0, PPM + 1, (30, 2))
    whole, first, second = Fleet(plants), Fleet(plants), Fleet(plants)
    expected = [whole.run(0, 420_000, *row) for row in zip(asks, shares, strict=True)]
    for row in zip(asks[:13], shares[:13], strict=True):
        first.run(0, 420_000, *row)
    second.restore(first.export())
    for row, (output, energy) in zip(zip(asks[13:], shares[13:], strict=True), expected[13:], strict=True):
        got = second.run(0, 420_000, *row)
        assert got.output_w.tolist() == output.tolist()
        assert got.energy_wh.tolist() == energy.tolist()
    with pytest.raises(ConfigError, match="another fleet"):
        Fleet(one()).restore(first.export())
    state = first.export()
    for wrong in (
        {},
        {"output_w": state["output_w"]},
        {**state, "output_w": -1 - state["output_w"]},
        {**state, "output_w": state["output_w"].astype(float)},
        {**state, "rest": np.full(2, MS_PER_HOUR)},
    ):
        with pytest.raises(ConfigError, match="restore what this one exported"):
            second.restore(wrong)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3)), max_size=6), st.integers(1, 9))
def test_output_never_exceeds_what_has_been_commissioned(orders, lead):
    """S5, whatever is ordered when."""
    plants = one(capacity_w=100)
    upgrades = Upgrades(plants.capacity_w, [UpgradeTerms(1, lead_ms=lead * QUARTER)])
    fleet = Fleet(plants, upgrades)
    built, at = [], 0
    for extra, wait in orders:
        at += wait
        if upgrades.invest(0, extra, at * QUARTER) == 0:
            built.append((at + lead, extra))
        for step in (at, at + 1):
            allowed = 100 + sum(extra for ready, extra in built if ready <= step)
            assert fleet.run(step * QUARTER, QUARTER, column(10**6), column(PPM)).output_w.tolist() == [allowed]
            assert fleet.most_w(step * QUARTER, column(PPM // 2)).tolist() == [allowed // 2]
    fleet.check()
    upgrades.check()
