"""Guarantees of origin where there is no desk: auctioned at the compliance date, at a price that follows scarcity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets.plants import PlantKind, Plants, PowerPlant
from wattbook.contracts import ContractSpec, DeskTerms, Event, Kind
from wattbook.market.setup import WholesaleRules
from wattbook.messages import Action, Cause, Command, House
from wattbook.units import PPM

START_MS = 1_465_164_000_000
HOUR_MS = 3_600_000
MWH = 1_000_000
BUY_OUT = 6_000
U, V, W, HILL, ROOF, GAS = range(6)
"""Three utilities, two renewable plants, and one that is none."""
NAMES = ("U", "V", "W", "hill", "roof", "gas")


@pytest.fixture
def make_market(make_street, open_market):
    return lambda **given: open_market(street_of(make_street, **given))


def street_of(make_street, *, sold=(0, 0, 0), quota=(100_000, 100_000, 100_000), output=(0, 0), buy_out=BUY_OUT):
    """What utilities sell in the one hour of the run, and what the plants give in it, in Wh."""
    nothing = ContractSpec("output", "local", Kind.PPA, 0, (0,))
    plants = [
        PowerPlant(kind, watts, 0, None, 0, owner=owner)
        for kind, watts, owner in (
            (PlantKind.WIND, max(output[0], 1), HILL), (PlantKind.SOLAR, max(output[1], 1), ROOF),
            (PlantKind.GAS, 10**9, GAS),
        )
    ]  # fmt: skip
    able = np.array([[PPM * (output[0] > 0)], [PPM * (output[1] > 0)], [PPM]], np.int64)
    rules = WholesaleRules(
        producers=np.array([HILL, ROOF, GAS]),
        plants=Plants.of(plants),
        upgrades=(None, None, None),
        available_ppm=able,
        expected_ppm=able,
        reaches=(),
        standing=np.array([U, V, W]),
        customers=np.array([1, 1, 1]),
        million_wh=np.array([[wh * 1_000_000] for wh in sold], np.int64),
        sessions=((START_MS, 0, 1),),
        auction=True,
        floor_tick=-50_000,
        cap_tick=400_000,
        link_wh=1 << 40,
        link_tick=0,
        imbalance_ppm=-1,
        expected_tick=np.full(1, 9_000, np.int64),
        desk=DeskTerms(agents=6, specs=(nothing,), start_ms=START_MS, period_ms=HOUR_MS, renewable=(HILL, ROOF)),
        quota_ppm=(*quota, 0, 0, 0),
        buy_out_tick=buy_out,
        comply_ms=(START_MS + HOUR_MS,),
        auctions_guarantees=True,
    )
    return make_street(
        NAMES, feeder=[-1] * 6, utility=[-1] * 6, kinds=("utility",) * 3 + ("producer",) * 3, feeders=("feeder-1",),
        period_ms=HOUR_MS, retail=dict.fromkeys((U, V, W), 16_000), wholesale=rules,
    )  # fmt: skip


END_MS = START_MS + HOUR_MS


def settled(market):
    """The hour passes."""
    for action in (Action.CLOSE, Action.DELIVER, Action.SETTLE):
        assert market.apply(Command(END_MS, -1, action, period=0)) == 0
        market.check()
    return market


def complied(market):
    """The hour passes and the quotas are settled."""
    assert settled(market).apply(Command(END_MS, -1, Action.COMPLY)) == 0
    market.check()
    return market


def money(market, cause):
    """What each account got for a cause, without zeros."""
    rows = market.journal.read("postings")
    mine = rows["cause"] == cause
    got = {}
    for account, amount in zip(rows["account"][mine].tolist(), rows["amount"][mine].tolist(), strict=True):
        got[account] = got.get(account, 0) + amount
    return {account: amount for account, amount in got.items() if amount}


def sales(market):
    """Buyer, seller, price and number of all that was auctioned."""
    rows = market.journal.read("contracts")
    moved = rows["event"] == Event.CERTIFICATES_MOVED
    names = ("buyer", "seller", "price_tick", "quantity_wh")
    return [
        (buyer, seller, price, wh // MWH)
        for buyer, seller, price, wh in zip(*(rows[name][moved].tolist() for name in names), strict=True)
    ]


def of(market, event):
    rows = market.journal.read("contracts")
    mine = rows["event"] == event
    return dict(zip(rows["buyer"][mine].tolist(), (rows["quantity_wh"][mine]).tolist(), strict=True))


def test_where_they_are_scarce_they_cost_what_buying_out_costs(make_market):
    """U and V owe 10 MWh each, there are 12: all are sold at 60 EUR/MWh, and 8 MWh are bought out."""
    market = complied(make_market(sold=(100 * MWH, 100 * MWH, 0), output=(12 * MWH, 0)))
    assert sales(market) == [(U, HILL, BUY_OUT, 10), (V, HILL, BUY_OUT, 2)]
    assert money(market, Cause.GUARANTEE) == {
        HILL: 12 * MWH * BUY_OUT, U: -10 * MWH * BUY_OUT, V: -2 * MWH * BUY_OUT
    }  # fmt: skip
    treasury = market.account(House.TREASURY)
    assert money(market, Cause.BUY_OUT) == {V: -8 * MWH * BUY_OUT, treasury: 8 * MWH * BUY_OUT}
    assert of(market, Event.COMPLIED) == {U: 10 * MWH, V: 2 * MWH, W: 0}
    assert int(market.ledger.balance.sum()) == 0


def test_where_there_are_plenty_they_cost_nothing_and_nobody_buys_out(make_market):
    market = complied(make_market(sold=(100 * MWH, 50 * MWH, 0), output=(12 * MWH, 9 * MWH)))
    assert {price for _, _, price, _ in sales(market)} == {0}
    assert sum(count for *_, count in sales(market)) == 15
    assert money(market, Cause.GUARANTEE) == {}
    assert money(market, Cause.BUY_OUT) == {}
    assert of(market, Event.COMPLIED) == {U: 10 * MWH, V: 5 * MWH, W: 0}


def test_as_many_as_are_lacking_cost_nothing_either(make_market):
    """Any price up to 60 EUR/MWh clears; the auction's rule takes the lowest."""
    market = complied(make_market(sold=(70 * MWH, 50 * MWH, 0), output=(12 * MWH, 0)))
    assert sales(market) == [(U, HILL, 0, 7), (V, HILL, 0, 5)]


def test_for_a_part_of_a_guarantee_nobody_pays_more_than_buying_that_part_out(make_market):
    """U lacks 0.25 MWh: it bids 15 EUR, and gets the second of two, as V takes one only."""
    market = complied(make_market(sold=(2_500_000, 10 * MWH, 0), output=(2 * MWH, 0)))
    assert sales(market) == [(V, HILL, 0, 1), (U, HILL, 0, 1)]
    # 1.25 MWh are lacking and there is one guarantee: any price above the 15 EUR that the part is worth clears, and
    # the auction's rule takes the lowest of them. The part is bought out.
    market = complied(make_market(sold=(12_500_000, 0, 0), output=(MWH, 0)))
    assert sales(market) == [(U, HILL, BUY_OUT // 4 + 1, 1)]
    assert money(market, Cause.BUY_OUT)[U] == -250_000 * BUY_OUT
    # 0.25 MWh are all that is lacking: 15 EUR is the most that the guarantee brings.
    market = complied(make_market(sold=(2_500_000, 0, 0), output=(MWH, 0)))
    assert -money(market, Cause.GUARANTEE).get(U, 0) <= 250_000 * BUY_OUT
    assert of(market, Event.COMPLIED)[U] == 250_000
    assert money(market, Cause.BUY_OUT) == {}


def test_what_somebody_holds_already_it_does_not_buy_again(make_market):
    """V owes 10 MWh and holds 4, U owes 5 and holds 8: U sells 3, the plant none that it has not."""
    market = settled(make_market(sold=(50 * MWH, 100 * MWH, 0), output=(12 * MWH, 0)))
    desk = market.wholesale.desk
    for buyer, count in ((V, 4), (U, 8)):
        assert desk.hand_over(END_MS, HILL, buyer, count, 0).code == 0
    assert market.apply(Command(END_MS, -1, Action.COMPLY)) == 0
    assert sales(market) == [(V, U, BUY_OUT, 3)]
    assert of(market, Event.COMPLIED) == {U: 5 * MWH, V: 7 * MWH, W: 0}
    assert money(market, Cause.BUY_OUT)[V] == -3 * MWH * BUY_OUT


def test_what_is_no_renewable_plant_has_none_to_sell(make_market):
    market = complied(make_market(sold=(100 * MWH, 0, 0), output=(0, 0)))
    assert sales(market) == []
    assert money(market, Cause.BUY_OUT)[U] == -10 * MWH * BUY_OUT


def test_without_quota_nothing_is_bought(make_market):
    market = complied(make_market(sold=(100 * MWH, 100 * MWH, 0), quota=(0, 100_000, 0), output=(12 * MWH, 0)))
    assert [(buyer, count) for buyer, _, _, count in sales(market)] == [(V, 10)]
    assert set(of(market, Event.COMPLIED)) == {V}


def test_a_buy_out_above_the_band_of_energy_is_a_price_like_any(make_market):
    market = complied(make_market(sold=(100 * MWH, 0, 0), output=(2 * MWH, 0), buy_out=10_000_000))
    assert sales(market) == [(U, HILL, 10_000_000, 2)]


@settings(max_examples=60)
@given(
    st.tuples(*[st.integers(0, 90 * MWH)] * 3),
    st.tuples(*[st.sampled_from([0, 1, 50_000, 333_333, PPM])] * 3),
    st.tuples(*[st.integers(0, 60 * MWH)] * 2),
    st.integers(0, 40_000),
)
def test_money_and_guarantees_are_conserved_and_nobody_pays_more_than_buying_all_out(
    make_street, open_market, sold, quota, output, buy_out
):
    market = complied(open_market(street_of(make_street, sold=sold, quota=quota, output=output, buy_out=buy_out)))
    needed = [-(-wh * ppm // PPM) for wh, ppm in zip(sold, quota, strict=True)]
    issued = [wh // MWH for wh in output]
    fills = sales(market)
    assert len({price for _, _, price, _ in fills}) <= 1
    assert all(0 <= price <= buy_out for _, _, price, _ in fills)
    for place, seller in enumerate((HILL, ROOF)):
        gone = sum(count for _, who, _, count in fills if who == seller)
        assert gone + market.wholesale.desk.certificates.held(seller) == issued[place]
    for agent, need in zip((U, V, W), needed, strict=True):
        got = sum(count for buyer, _, _, count in fills if buyer == agent)
        assert got <= -(-need // MWH)
        assert market.wholesale.desk.certificates.held(agent) == 0
        out = need - min(got * MWH, need)
        assert -money(market, Cause.BUY_OUT).get(agent, 0) == out * buy_out
        assert -money(market, Cause.GUARANTEE).get(agent, 0) + out * buy_out <= need * buy_out
    # None is left over while somebody bought out a whole one, or a part that is worth more than nothing.
    left = sum(market.wholesale.desk.certificates.held(seller) for seller in (HILL, ROOF))
    assert not left or not money(market, Cause.BUY_OUT)
    assert sum(money(market, Cause.GUARANTEE).values()) == 0
    assert int(market.ledger.balance.sum()) == 0
