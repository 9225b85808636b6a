"""The figures, each against a case that can be worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook.book.words import Event
from wattbook.messages import BUY, SELL
from wattbook.results import Record, Run
from wattbook.results.energy import energy_errors
from wattbook.results.liquidity import look, resting
from wattbook.results.metrics import gini, lerner
from wattbook.results.money import money_errors

PROMISED = (
    "fingerprint orders trades local_volume_wh local_vwap_eur_per_mwh allocative_efficiency self_sufficiency"
    " self_consumption renewable_share lerner hhi profit_gini fines incentives money_sum energy_residual_wh baseline"
    " wakes wall_s cpu_s"
)


@pytest.fixture
def pair(story):
    """Two homes on one feeder over two periods."""
    about = {"feeder": "north", "utility": "U", "vat": 0, "capacity": 5000}
    return story.Town({"A": about, "B": about}, {"U": (15_000, 8_000)}, periods=2)


def test_all_promised_figures_are_there_and_are_plain_json(golden):
    assert set(PROMISED.split()) <= golden.metrics.keys()
    assert json.loads(json.dumps(golden.metrics, allow_nan=False)) == golden.metrics


def test_money_and_energy_close_in_golden_case_g1(golden):
    assert golden.metrics["money_sum"] == 0 == golden.metrics["energy_residual_wh"]
    assert not any(golden.metrics["money_errors"].values())


def test_volume_and_mean_price_are_those_of_the_trades(golden):
    assert golden.metrics["local_volume_wh"] == 3700
    mean = (2000 * 125 + 500 * 140 + 1200 * 130) / 3700
    assert golden.metrics["local_vwap_eur_per_mwh"] == pytest.approx(mean, abs=1e-9)
    assert (golden.metrics["orders"], golden.metrics["trades"], golden.metrics["refusals"]) == (6, 3, 1)


def test_the_changes_of_all_groups_sum_to_zero_and_the_real_gain_is_what_upstream_lost(golden):
    parts = golden.metrics["baseline"]["decomposition"]
    assert sum(parts["groups"].values()) == 0
    assert parts["real_gain"] == -parts["groups"]["upstream"]
    for changes in parts["causes"].values():
        assert sum(changes.values()) == 0
    total = {group: sum(changes[group] for changes in parts["causes"].values()) for group in parts["groups"]}
    assert total == parts["groups"]


def test_without_billing_golden_case_g1_gains_what_its_losses_shrink_by(story):
    run = Run(story.g1(bill=False), story.g1(trading=False, bill=False), story.INFO)
    parts = run.metrics["baseline"]["decomposition"]
    # Without trade all 4100 Wh came by the standard path and lost 205 Wh; now 91 Wh. Spot is 90.00.
    assert parts["real_gain"] == (205 - 91) * 9_000
    assert parts["causes"]["losses"]["network"] == (205 - 91) * 9_000


def test_hhi_and_lerner_of_golden_case_g1(golden):
    assert golden.metrics["hhi"] == round(10_000 * (2000**2 + 1700**2) / 3700**2)
    parts = 2000 * (12_500 - 7_500) / 12_500 + 500 * (14_000 - 8_000) / 14_000 + 1200 * (13_000 - 8_000) / 13_000
    assert golden.metrics["lerner"] == pytest.approx(parts / 3700, abs=1e-9)


def test_lerner_leaves_out_prices_of_zero_and_below(pair):
    pair.trade(0, "A", "B", 0, 50)
    pair.trade(0, "A", "B", -100, 50)
    assert lerner(pair.record()) is None
    pair.trade(0, "A", "B", 16_000, 50)
    assert lerner(pair.record()) == 0.5


def test_a_place_feeds_itself_from_sun_and_battery(pair, story):
    pair.deliver(0, {"A": -1000, "B": 400}, batteries={"A": (500, 0)})
    pair.deliver(1, {"A": 100, "B": 400}, batteries={"A": (0, 300)})
    figures = Run(pair.record(), None, story.INFO).metrics
    # Noon: 1500 Wh made, 500 stored, 400 used, 600 out. Night: 800 Wh needed, 300 from the battery.
    assert figures["self_sufficiency"] == pytest.approx((900 + 300) / (900 + 800))
    assert figures["self_consumption"] == pytest.approx((900 + 300) / (1500 + 300))
    assert figures["renewable_share"] == pytest.approx(900 / (900 + 500))
    # 5 % of the 400 and the 500 Wh that came from the grid are lost on the way and bought as well.
    assert (figures["peak_import_w"], figures["peak_export_w"]) == (4 * (500 + 25), 4 * (600 - 20))
    assert figures["energy_residual_wh"] == 0


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8))
def test_gini_is_the_mean_difference_over_twice_the_mean_size(amounts):
    found = gini(np.array(amounts))
    pairs = sum(abs(a - b) for a in amounts for b in amounts)
    size = sum(map(abs, amounts))
    if size == 0:
        assert found is None
    else:
        assert found == pytest.approx(pairs / (2 * len(amounts) * size), abs=1e-8)
        assert -1e-9 <= found <= 1


def test_savings_tell_who_lost(story):
    def street(trading):
        about = {"feeder": "north", "utility": "U", "vat": 0}
        town = story.Town({"A": about, "B": about, "C": about}, {"U": (15_000, 8_000)}, market=trading)
        if trading:
            town.trade(0, "A", "B", 7_000, 100)
        town.deliver(0, {"A": 100, "B": -100, "C": 0})
        return town.record()

    figures = Run(street(True), street(False), story.INFO).metrics
    assert figures["share_lost"] == pytest.approx(1 / 3)
    assert figures["mean_saving"] == round(100 * (15_000 + 7_000 - 3_000 - 8_000) / 3)
    assert figures["median_saving"] == 0
    assert (figures["members"], figures["members_trading"]) == (3, 2)


# --- liquidity


def test_quotes_are_seen_from_the_look_after_they_came_until_they_go(pair):
    minute, gate = 60_000, pair.gate()
    pair.submit(gate - 60 * minute, "A", BUY, 9_000, 500)
    pair.submit(gate - 30 * minute, "B", SELL, 11_000, 300)
    pair.end(gate - 10 * minute, "A", 1, Event.CANCELLED, 9_000, 500, BUY)
    best_bid, best_ask, depth = look(pair.record())
    product = 0 * 2 + 0
    seen_bid, seen_ask = best_bid[product] == 9_000, best_ask[product] == 11_000
    # Looks come 120, 115 ... 5 minutes before the gate.
    assert np.flatnonzero(seen_bid).tolist() == list(range(12, 22))
    assert np.flatnonzero(seen_ask).tolist() == list(range(18, 24))
    assert depth[product].tolist() == [0] * 12 + [500] * 6 + [800] * 4 + [300] * 2


def test_an_order_that_was_partly_filled_shows_the_rest_at_its_own_limit(pair):
    gate = pair.gate()
    pair.submit(gate - 7_000_000, "A", SELL, 9_000, 500)
    pair.submit(gate - 6_000_000, "B", BUY, 12_000, 800, fills=[("A", 1, 0, 9_000, 500)])
    best_bid, best_ask, depth = look(pair.record())
    assert best_bid[0, -1] == 12_000
    assert depth[0, -1] == 300
    assert (best_ask[0, 5:] == 1 << 62).all()


def test_replacing_an_order_moves_its_limit(pair):
    gate = pair.gate()
    pair.submit(gate - 7_000_000, "A", SELL, 9_000, 500)
    seq = pair.command(gate - 3_000_000, "A", 3, order=1)
    pair.event(seq, gate - 3_000_000, "A", 1, Event.REPLACED, 9_500, -100, 400, SELL)
    _, best_ask, depth = look(pair.record())
    assert (best_ask[0, 1], best_ask[0, -1]) == (9_000, 9_500)
    assert (depth[0, 1], depth[0, -1]) == (500, 400)


def test_an_order_that_takes_and_goes_at_once_is_never_seen(pair):
    pair.submit(pair.gate() - 600_000, "A", BUY, 9_000, 500)
    pair.end(pair.gate() - 600_000, "A", 1, Event.CANCELLED, 9_000, 500, BUY)
    assert not any(len(spans.side) for spans in resting(pair.record()))


@pytest.mark.parametrize("seed", range(10))
def test_looks_agree_with_a_book_that_is_kept_by_hand(story, seed):
    dice = np.random.default_rng(seed)
    about = {"feeder": "north", "utility": "U", "vat": 0}
    town = story.Town({"A": about, "B": about}, {"U": (15_000, 8_000)}, periods=1)
    origin = town.gate() - 24 * 300_000
    live, times, states = {}, np.sort(dice.integers(-100_000, 24 * 300_000, 60)), []
    for moment in times.tolist():
        side, price, wh = (BUY, SELL)[dice.integers(2)], int(dice.integers(100, 120)), int(dice.integers(1, 50))
        if live and dice.integers(2):
            gone = int(dice.choice(sorted(live)))
            old_side, old_price, old_wh = live.pop(gone)
            town.end(origin + moment, "A", gone, Event.CANCELLED, old_price, old_wh, old_side)
        else:
            live[town.submit(origin + moment, "A", side, price, wh)] = side, price, wh
        states.append((moment, dict(live)))
    best_bid, best_ask, depth = look(town.record())
    for number in range(24):
        now = [state for moment, state in states if moment <= number * 300_000]
        orders = list(now[-1].values()) if now else []
        assert depth[0, number] == sum(wh for _, _, wh in orders)
        assert best_bid[0, number] == max((p for s, p, _ in orders if s == BUY), default=-(1 << 62))
        assert best_ask[0, number] == min((p for s, p, _ in orders if s == SELL), default=1 << 62)


def test_time_to_the_gate_is_weighted_by_volume(pair, story):
    pair.trade(pair.gate() - 60_000, "A", "B", 9_000, 300)
    pair.trade(pair.gate() - 300_000, "A", "B", 9_000, 100)
    assert Run(pair.record(), None, story.INFO).metrics["liquidity"]["trade_to_gate_min"] == 2.0


# --- identities: a record that was bent is found out


def bent(record, stream, column, row, change):
    streams = {name: dict(columns) for name, columns in record.streams.items()}
    streams[stream][column] = streams[stream][column].copy()
    streams[stream][column][row] += change
    return Record(record.header, streams, record.fingerprint, record.complete)


@pytest.mark.parametrize(
    ("stream", "column", "identity"),
    [
        ("meters", "load_wh", "node"),
        ("meters", "generation_wh", "node"),
        ("meters", "charge_wh", "battery"),
        ("meters", "discharge_wh", "battery"),
        ("meters", "traded_wh", "trades"),
        ("meters", "residual_wh", "groups"),
        ("meters", "soc_wh", "battery"),
        ("trades", "quantity_wh", "trades"),
        ("flows", "flow_wh", "flows"),
        ("groups", "nominated_wh", "groups"),
        ("groups", "metered_wh", "groups"),
        ("groups", "deviation_wh", "groups"),
    ],
)
def test_one_watt_hour_in_the_wrong_place_is_found(golden, stream, column, identity):
    for row in range(len(golden.record.streams[stream][column])):
        wrong = bent(golden.record, stream, column, row, 2 if identity == "battery" else 1)
        assert energy_errors(wrong)[identity] > 0


@pytest.mark.parametrize(
    ("stream", "column", "identity"),
    [
        ("postings", "amount", "transfers"),
        ("postings", "amount", "rounding"),
        ("trades", "price_tick", "trades"),
        ("trades", "quantity_wh", "trades"),
    ],
)
def test_one_money_quantum_in_the_wrong_place_is_found(golden, stream, column, identity):
    last = len(golden.record.streams[stream][column]) - 1
    rows = range(last if identity == "rounding" else last + 1)
    assert all(money_errors(bent(golden.record, stream, column, row, 1))[identity] > 0 for row in rows)


def test_rounding_may_take_half_a_cent_of_each_account_and_no_more(golden):
    postings = golden.record.streams["postings"]
    house = golden.record.place.accounts.index("ROUNDING")
    row = int(np.flatnonzero(postings["account"] == house)[0])
    assert money_errors(bent(golden.record, "postings", "amount", row, 50_000_000))["rounding"] > 0


def test_a_battery_cannot_hide_a_loss_below_one_watt_hour_a_period(story):
    about = {"feeder": "north", "utility": "U", "vat": 0, "capacity": 5000}
    town = story.Town({"A": about}, {"U": (15_000, 8_000)}, periods=40)
    for period in range(40):
        town.deliver(period, {"A": 0}, batteries={"A": (10, 0)})
    record = town.record()
    assert energy_errors(record)["battery"] == 0
    streams = {**record.streams, "meters": dict(record.streams["meters"])}
    streams["meters"]["soc_wh"] = record.streams["meters"]["soc_wh"] - np.arange(40) // 2
    assert energy_errors(Record(record.header, streams, ""))["battery"] > 0


def test_a_trade_of_somebody_without_a_meter_is_found(pair):
    pair.trade(0, "U", "A", 9_000, 10)
    pair.deliver(0, {"A": 0, "B": 0})
    assert energy_errors(pair.record())["trades"] == 10


def test_a_run_that_was_stopped_owes_only_what_was_due(pair):
    pair.trade(0, "A", "B", 9_000, 10, period=0)
    pair.trade(0, "A", "B", 9_000, 10, period=1)
    pair.deliver(0, {"A": 10, "B": -10})
    stopped, finished = pair.record(complete=False), pair.record()
    assert not any(energy_errors(stopped).values())
    assert not any(money_errors(stopped).values())
    assert energy_errors(finished)["trades"]
    assert money_errors(finished)["trades"]
