"""The spot market: known merit orders, kinks, scarcity, and the compiled year against the call auction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.book import MAX_QUANTITY_WH
from wattbook.errors import ConfigError
from wattbook.market.merit_order import BAND_BOUND_TICK, CAP_TICK, Bids, Offers, clear_by_auction, clear_spot
from wattbook.units import mw

MW_HOUR = 1_000_000
THOUSAND_MW = 1_000 * MW_HOUR
STEPS = np.array([1_363, 2_565, 4_505, 5_350])
FOUR = Offers(np.arange(4), STEPS, np.full(4, THOUSAND_MW))

both_ways = pytest.mark.parametrize("clear", [clear_spot, clear_by_auction])


def offers(*rows):
    """Offers of plants 0, 1, ... from pairs of price and quantity."""
    price, quantity = zip(*rows, strict=True) if rows else ((), ())
    return Offers(np.arange(len(rows)), np.array(price, np.int64), np.array(quantity, np.int64))


def bids(*rows):
    price, quantity = zip(*rows, strict=True)
    return Bids(np.array(price, np.int64), np.array(quantity, np.int64))


@both_ways
def test_the_last_plant_needed_sets_the_price(clear):
    spot = clear(FOUR, [500 * MW_HOUR, 1_500 * MW_HOUR, 2_500 * MW_HOUR, 3_500 * MW_HOUR])
    assert spot.price_tick.tolist() == [1_363, 2_565, 4_505, 5_350]
    assert (spot.dispatch_wh // MW_HOUR).tolist() == [
        [500, 0, 0, 0],
        [1_000, 500, 0, 0],
        [1_000, 1_000, 500, 0],
        [1_000, 1_000, 1_000, 500],
    ]
    assert not spot.unserved_wh.any()


@both_ways
@pytest.mark.parametrize(
    ("reference", "tick"), [(None, 1_363), (0, 1_363), (2_000, 2_000), (2_564, 2_564), (2_565, 2_564), (9_999, 2_564)]
)
def test_at_a_kink_the_price_is_the_nearest_to_the_reference_and_else_the_lower(clear, reference, tick):
    """Rule 2: with exactly the first plant needed, 13.63 to 25.64 all sell 1,000 MW and leave nothing over."""
    spot = clear(FOUR, [THOUSAND_MW], reference_tick=reference)
    assert spot.price_tick.tolist() == [tick]
    assert spot.dispatch_wh.tolist() == [[THOUSAND_MW, 0, 0, 0]]


@both_ways
def test_wind_at_no_cost_moves_the_price_by_whole_steps(clear):
    prices = []
    for wind in range(0, 4_000, 1_000):
        with_wind = Offers(
            np.arange(5), np.append(STEPS, 0), np.append(np.full(4, THOUSAND_MW), wind * MW_HOUR)
        )  # fmt: skip
        spot = clear(with_wind, [3_500 * MW_HOUR])
        prices += spot.price_tick.tolist()
        assert spot.dispatch_wh[0, 4] == wind * MW_HOUR
    assert prices == [5_350, 4_505, 2_565, 1_363]


@both_ways
def test_demand_above_all_supply_pays_the_cap_and_what_is_missing_is_told(clear):
    spot = clear(FOUR, [4_500 * MW_HOUR, 4_000 * MW_HOUR, 0])
    assert spot.price_tick.tolist() == [CAP_TICK, 5_350, 1_363]
    assert spot.unserved_wh.tolist() == [500 * MW_HOUR, 0, 0]
    assert spot.dispatch_wh.sum(axis=1).tolist() == [4_000 * MW_HOUR, 4_000 * MW_HOUR, 0]


@both_ways
def test_without_offers_the_price_is_the_cap_or_the_floor(clear):
    spot = clear(offers(), [5, 0], floor_tick=-7, cap_tick=70)
    assert (spot.price_tick.tolist(), spot.unserved_wh.tolist()) == ([70, -7], [5, 0])
    assert spot.dispatch_wh.shape == (2, 0)


@both_ways
def test_a_plant_that_pays_to_run_makes_the_price_negative(clear):
    spot = clear(offers((-2_000, 60), (0, 50), (3_000, 100)), [50, 60, 61, 200])
    assert spot.price_tick.tolist() == [-2_000, -2_000, 0, 3_000]
    assert spot.dispatch_wh.tolist() == [[50, 0, 0], [60, 0, 0], [60, 1, 0], [60, 50, 90]]


@both_ways
def test_demand_with_a_limit_leaves_before_the_price_passes_it(clear):
    supply = offers((1_000, 100), (5_000, 100))
    spot = clear(supply, [80], bids=bids((3_000, 50), (900, 10)))
    assert spot.price_tick.tolist() == [3_000]
    assert spot.bought_wh.tolist() == [[20, 0]]
    dearer = clear(supply, [80], bids=bids((5_000, 50), (900, 10)))
    assert (dearer.price_tick.tolist(), dearer.bought_wh.tolist()) == ([5_000], [[50, 0]])
    alone = clear(supply, [0], bids=bids((900, 10)))
    assert (alone.price_tick.tolist(), alone.dispatch_wh.sum()) == ([1_000], 0)


@both_ways
def test_of_equal_offers_the_earlier_row_is_served_first_and_a_plant_may_have_several(clear):
    spot = clear(Offers(np.array([1, 0, 1]), np.array([100, 50, 50]), np.array([30, 20, 10])), [25, 45], plants=3)
    assert spot.dispatch_wh.tolist() == [[20, 5, 0], [20, 25, 0]]


@both_ways
def test_prices_and_quantities_of_each_period_are_its_own(clear):
    table = Offers(np.arange(2), np.array([[10, 20], [20, 10]]), np.array([[5, 5], [5, 7]]))
    spot = clear(table, [6, 6])
    assert (spot.price_tick.tolist(), spot.dispatch_wh.tolist()) == ([20, 10], [[5, 1], [0, 6]])


@both_ways
def test_demand_larger_than_an_order_may_be(clear):
    large = 3 * MAX_QUANTITY_WH + 5
    spot = clear(offers((10, large), (20, large)), [large - 1, large + 1])
    assert spot.price_tick.tolist() == [10, 20]
    assert spot.dispatch_wh.tolist() == [[large - 1, 0], [large, 1]]


# --- the compiled years are the law's

PRICES = st.integers(-4, 6)
SIZES = st.integers(0, 4)


@st.composite
def markets(draw):
    periods, count, limits = draw(st.integers(1, 4)), draw(st.integers(0, 7)), draw(st.integers(0, 3))

    def table(columns, values, whole):
        rows = periods if draw(st.booleans()) or whole else 1
        cells = draw(st.lists(values, min_size=rows * columns, max_size=rows * columns))
        array = np.array(cells, np.int64).reshape(rows, columns)
        return array if rows == periods else array[0]

    plant = np.array(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)), np.int64)
    supply = Offers(plant, table(count, PRICES, whole=False), table(count, SIZES, whole=False))
    wishes = Bids(table(limits, PRICES, whole=False), table(limits, SIZES, whole=False))
    demand = draw(st.lists(st.integers(0, 14), min_size=periods, max_size=periods))
    reference = draw(st.none() | st.integers(-6, 9))
    return supply, demand, {
        "bids": wishes, "plants": 4, "floor_tick": -5, "cap_tick": draw(st.integers(6, 8)), "reference_tick": reference,
    }  # fmt: skip


@settings(max_examples=400)
@given(markets())
def test_the_compiled_market_is_the_call_auction(market):
    supply, demand, terms = market
    fast, law = clear_spot(supply, demand, **terms), clear_by_auction(supply, demand, **terms)
    for name in fast._fields:
        assert getattr(fast, name).tolist() == getattr(law, name).tolist(), name


@given(markets())
def test_what_is_sold_is_what_is_bought_and_nobody_is_worse_off_than_its_limit(market):
    supply, demand, terms = market
    spot = clear_spot(supply, demand, **terms)
    served = np.array(demand) - spot.unserved_wh
    assert (spot.unserved_wh >= 0).all()
    assert spot.dispatch_wh.sum(axis=1).tolist() == (served + spot.bought_wh.sum(axis=1)).tolist()
    periods = len(demand)
    tick = np.broadcast_to(supply.price_tick, (periods, len(supply.plant)))
    size = np.broadcast_to(supply.quantity_wh, tick.shape)
    for period in range(periods):
        for plant in range(4):
            mine = supply.plant == plant
            inside = size[period, mine & (tick[period] <= spot.price_tick[period])].sum()
            below = size[period, mine & (tick[period] < spot.price_tick[period])].sum()
            assert spot.dispatch_wh[period, plant] <= inside
            # Cheaper offers are served in full: but for a tie below the price with nobody left to serve.
            if (
                served[period] + spot.bought_wh[period].sum()
                >= size[period, tick[period] < spot.price_tick[period]].sum()
            ):
                assert spot.dispatch_wh[period, plant] >= below


def test_a_large_random_year_is_cleared_alike():
    rng = np.random.default_rng(2)
    supply = Offers(
        np.arange(60), rng.integers(0, 9_000, 60), rng.integers(0, 400, (300, 60)) * rng.integers(0, 2, (300, 60))
    )
    demand = rng.integers(0, 7_000, 300)
    wishes = Bids(rng.integers(0, 9_000, (300, 5)), rng.integers(0, 300, (300, 5)))
    fast, law = clear_spot(supply, demand, bids=wishes), clear_by_auction(supply, demand, bids=wishes)
    assert all(np.array_equal(one, other) for one, other in zip(fast, law, strict=True))
    assert len(set(fast.price_tick.tolist())) > 50
    assert (fast.unserved_wh > 0).any()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"demand_wh": [-1]}, "must not be negative: offer what is to be given away"),
        ({"demand_wh": [0.5]}, "demand_wh is of type float64: give whole numbers"),
        ({"demand_wh": [[1]]}, "must have one dimension"),
        ({"offers": Offers(np.array([0]), np.array([9_999_999]), np.array([1]))}, "must lie in the band"),
        ({"offers": Offers(np.array([0]), np.array([1]), np.array([-1]))}, "offers.quantity_wh must not be negative"),
        ({"offers": Offers(np.array([3]), np.array([1]), np.array([1]))}, r"must lie in 0 .. 0"),
        ({"offers": Offers(np.array([0]), np.array([1, 2]), np.array([1, 2]))}, "give one each"),
        ({"offers": Offers(np.array([0]), np.array([1, 2]), np.array([1]))}, r"do not fit 1 periods"),
        ({"offers": Offers(np.array([0]), np.array([1]), np.array([2**61]))}, r"2\*\*61"),
        ({"bids": Bids(np.array([1.5]), np.array([1]))}, "bids.price_tick is of type float64"),
        ({"floor_tick": 2, "cap_tick": 1}, "swap them"),
        ({"reference_tick": 1.5}, "reference_tick=1.5"),
        ({"reference_tick": True}, "reference_tick=True is not a whole number"),
        ({"reference_tick": 2**70}, "reference_tick=1180591620717411303424 must lie between"),
        ({"cap_tick": 100.9}, "cap_tick=100.9 is not a whole number"),
        ({"cap_tick": None}, "cap_tick=None is not a whole number"),
        ({"cap_tick": "7"}, "cap_tick='7' is not a whole number"),
        ({"cap_tick": 2**80}, "cap_tick=1208925819614629174706176 must lie between"),
        ({"cap_tick": mw(1)}, "is measured as power, not as price"),
        ({"floor_tick": False}, "floor_tick=False"),
        ({"plants": -1}, "plants=-1 must lie between 0 and"),
        ({"plants": 2.5}, "plants=2.5 is not a whole number: give their number, or None"),
        ({"plants": 2**31}, "plants=2147483648 must lie between"),
        ({"offers": Offers(np.array([10**13]), np.array([1]), np.array([1])), "plants": None}, "without gaps"),
        ({"demand_wh": [1] * 2**11, "plants": 2**20}, "1048576 plants in 2048 periods are more than 1073741824"),
        ({"offers": Offers(np.array([0]), np.array([2**64 - 5], np.uint64), np.array([1]))}, "beyond 64 bits"),
        ({"offers": Offers(np.array([0]), [2**64], np.array([1]))}, "offers.price_tick holds numbers beyond 64 bits"),
        ({"demand_wh": [[1], [1, 2]]}, "demand_wh has rows of different lengths"),
        ({"demand_wh": 1}, "must have one dimension"),
        ({"demand_wh": None}, "demand_wh is of type object"),
        ({"offers": (np.array([0]), np.array([1]), np.array([1]))}, r"give Offers\(plant, price_tick, quantity_wh\)"),
        ({"bids": [1]}, r"give Bids\(price_tick, quantity_wh\)"),
    ],
)
@both_ways
def test_what_cannot_be_cleared_is_refused(clear, changes, said):
    given = {"offers": Offers(np.array([0]), np.array([1]), np.array([1])), "demand_wh": [1], "plants": 1, **changes}
    with pytest.raises(ConfigError, match=said):
        clear(given.pop("offers"), given.pop("demand_wh"), **given)


@both_ways
def test_all_that_is_wrong_is_told_at_once(clear):
    with pytest.raises(ConfigError) as caught:
        clear(
            Offers(np.array([0.5]), np.array([1]), np.array([-1])), [[1], [1, 2]], bids=Bids([0.5], [1]),
            plants=-1, floor_tick=0.5, cap_tick=None, reference_tick=True,
        )  # fmt: skip
    said = [problem.split("=")[0].split()[1] for problem in caught.value.problems]
    assert said == [
        "floor_tick", "cap_tick", "reference_tick", "plants", "demand_wh", "offers.plant", "offers.quantity_wh",
        "bids.price_tick",
    ]  # fmt: skip


@both_ways
def test_one_mistake_does_not_hide_another_nor_make_one_up(clear):
    with pytest.raises(ConfigError) as caught:
        clear(Offers(np.array([3]), np.array([1]), np.array([1])), [1], plants=2, cap_tick=1.5)
    assert [problem.split("=")[0].split()[1] for problem in caught.value.problems] == ["cap_tick", "offers.plant"]
    with pytest.raises(ConfigError) as caught:
        clear(Offers(np.array([10**13]), np.array([1]), np.array([1])), [1], plants=2.5)
    assert len(caught.value.problems) == 1


@both_ways
def test_a_wide_band_and_numpys_whole_numbers_are_taken(clear):
    bound = BAND_BOUND_TICK
    supply = Offers(np.array([0, 1], np.uint8), np.array([-bound, bound]), np.full(2, MAX_QUANTITY_WH, np.uint64))
    terms = {"plants": np.int32(3), "floor_tick": np.int64(-bound), "cap_tick": np.int64(bound)}
    spot = clear(supply, np.array([1, MAX_QUANTITY_WH, MAX_QUANTITY_WH + 1]), reference_tick=np.int64(7), **terms)
    assert spot.price_tick.tolist() == [-bound, 7, bound]
    assert spot.dispatch_wh.tolist() == [[1, 0, 0], [MAX_QUANTITY_WH, 0, 0], [MAX_QUANTITY_WH, 1, 0]]
