"""Runs with a gateway: what is told of it, what stays local, what must balance, and that nothing bent goes unseen."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil

import numpy as np
import polars as pl
import pytest

from wattbook import (
    Auction,
    Battery,
    ContractDesk,
    Gateway,
    LocalMarket,
    Pv,
    RetailMarket,
    Run,
    Scenario,
    city,
    consumer,
    producer,
    prosumer,
    utility,
    verify,
)
from wattbook.errors import CorruptError
from wattbook.messages import Venue, streams_of
from wattbook.results import Record, recount
from wattbook.results.energy import energy_errors, meter_sums
from wattbook.results.folder import digest_of, manifest_bytes
from wattbook.results.gateway import group_net_wh
from wattbook.results.liquidity import look
from wattbook.results.money import money_errors
from wattbook.scenario import compile_street
from wattbook.units import eur_per_mwh, kw, kwh, minutes, mw, percent
from wattbook.world import World


def street(wholesale=None, *, gateway=Gateway(), **given):  # noqa: B008 - a part is frozen
    """Six homes on two feeders, two utilities that stand for some more, two producers."""
    tariff = {"day": eur_per_mwh(170), "night": eur_per_mwh(140)}
    return Scenario(
        start="2016-06-06", days=2, wholesale=Auction() if wholesale is None else wholesale,
        agents=[
            *(prosumer(f"sun-{n}", rated=kw(3), pv=Pv(kw(6)), feeder=1 + n % 2) for n in range(3)),
            prosumer("store", rated=kw(3), pv=Pv(kw(5)), battery=Battery(kwh(6), kw(3)), feeder=2),
            consumer("home", profile="H0-B", rated=kw(4)),
            consumer("shop", rated=kw(6), deducts_vat=True, feeder=2),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(30), represents=20),
            utility("green", persona="eco-friendly", retail=tariff, feed_in=eur_per_mwh(25), represents=15),
            producer("hill-wind", kind="wind", capacity=mw(1)),
            producer("old-gas", kind="gas", capacity=mw(2)),
        ],
        local=LocalMarket(period=minutes(30), district=gateway is None, gateway=gateway), **given,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run():
    return street().run(seed=7)


OTHERS = {
    "a desk": {"wholesale": ContractDesk()},
    "a desk with an auction": {"wholesale": ContractDesk(spot=Auction())},
    "the district's path": {"gateway": Gateway(by="district")},
    "customers that choose": {"retail": RetailMarket()},
    "meters that fail": {"meter_failures": percent(10)},
}


# --- what is told


def test_its_trades_are_of_the_wholesale_venue(run):
    kind = dict(zip(run.agents["agent"], run.agents["kind"], strict=True))
    trades = run.trades.with_columns(
        *(pl.col(side).cast(pl.String).replace_strict(kind).alias(f"{side}_kind") for side in ("buyer", "seller"))
    )
    there = trades.filter(pl.col("venue") == "wholesale")
    assert set(there["book"]) == {"gateway"}
    assert {"utility", "producer"} & set(there["seller_kind"])
    near = trades.filter(pl.col("venue") == "local")
    assert near.height
    assert not {"utility", "producer"} & {*near["seller_kind"], *near["buyer_kind"]}
    groups, (to, of) = ["utility", "producer"], ("gateway_to_homes_wh", "gateway_from_homes_wh")
    buys, sells = pl.col("buyer_kind").is_in(groups), pl.col("seller_kind").is_in(groups)
    told = run.metrics["wholesale"]
    assert told[to] == there.filter(~buys & sells)["quantity_wh"].sum() > 0
    assert told[of] == there.filter(buys & ~sells)["quantity_wh"].sum() > 0
    value = (there["price_tick"] * there["quantity_wh"]).sum()
    assert told["gateway_vwap_eur_per_mwh"] == round(value / (there["quantity_wh"].sum() * 100), 9)
    assert "gateway " in run.summary()


def test_nothing_of_it_counts_as_local(run):
    near = run.trades.filter(pl.col("venue") == "local")
    volume = near["quantity_wh"].sum()
    figures = run.metrics
    assert figures["local_volume_wh"] == volume
    assert figures["district_volume_wh"] == 0
    assert figures["local_vwap_eur_per_mwh"] == round(
        (near["price_tick"] * near["quantity_wh"]).sum() / volume / 100, 9
    )
    sold = near.group_by("seller").agg(pl.col("quantity_wh").sum())["quantity_wh"].to_numpy().astype(float)
    assert figures["hhi"] == round(10_000 * (sold**2).sum() / sold.sum() ** 2)
    flows = run.flows.group_by("path").agg(pl.col("flow_wh").sum())
    by_path = dict(zip(flows["path"].cast(pl.String), flows["flow_wh"], strict=True))
    assert by_path["district"] == 0
    assert figures["local_share_of_withdrawal"] == round(by_path["feeder"] / sum(by_path.values()), 9)
    assert figures["gains_realised"] <= figures["gains_possible"]
    homes = run.agents.filter(pl.col("utility").is_not_null())
    assert homes["local_wh"].sum() < homes["bought_wh"].sum()
    assert homes["local_wh"].sum() <= volume


def test_by_the_districts_path_nothing_counts_as_local_either():
    run = street(gateway=Gateway(by="district")).run(seed=7, baseline=False)
    flows = run.flows.group_by("path").agg(pl.col("flow_wh").sum())
    by_path = dict(zip(flows["path"].cast(pl.String), flows["flow_wh"], strict=True))
    assert by_path["district"] > 0
    share = round(by_path["feeder"] / sum(by_path.values()), 9)
    assert run.metrics["local_share_of_withdrawal"] == share < 1


def test_what_could_be_gained_among_neighbours_does_not_depend_on_it():
    """Homes draw the same; each feeder is a market of its own, with a gateway or with nothing wider."""
    with_it = street().run(seed=7, baseline=False)
    without = street(gateway=None).with_values({"local.district": "no"}).run(seed=7, baseline=False)
    named = [name for name in with_it.agents["agent"] if name != "store"]
    drawn = [each.agents.filter(pl.col("agent").is_in(named))["withdrawal_wh"].to_list() for each in (with_it, without)]
    assert drawn[0] == drawn[1]
    assert with_it.metrics["self_sufficiency"] == pytest.approx(without.metrics["self_sufficiency"], abs=0.01)
    assert with_it.metrics["gains_possible"] == pytest.approx(without.metrics["gains_possible"], rel=0.05)


def test_positions_hold_what_groups_traded_there(run):
    rows = run.positions.with_columns(pl.col("agent").cast(pl.String))
    parts = pl.sum_horizontal("contracted_wh", "spot_wh", "traded_wh", "residual_wh", "deviation_wh")
    assert rows.filter(parts != pl.col("metered_wh")).height == 0
    groups = rows.filter(pl.col("agent").is_in(["blue", "green", "hill-wind", "old-gas"]))
    assert groups["traded_wh"].abs().sum() > 0
    assert rows.filter(pl.col("agent").is_in(["sun-0"]))["traded_wh"].abs().sum() > 0
    net = rows.group_by("period").agg(pl.col("traded_wh").sum())
    assert net.filter(pl.col("traded_wh") != 0).height == 0, "what homes bought groups sold"
    np.testing.assert_array_equal(group_net_wh(run.record).sum(axis=1), [
        groups.filter(pl.col("agent") == name)["traded_wh"].sum() for name in ("blue", "green", "hill-wind", "old-gas")
    ])  # fmt: skip


def test_what_producers_earn_there_is_part_of_their_revenue(run):
    paid = run.postings.filter(pl.col("cause") == "trade").group_by(pl.col("account").cast(pl.String)).agg(
        pl.col("amount").sum()
    )  # fmt: skip
    got = dict(zip(paid["account"], paid["amount"], strict=True))
    causes = pl.col("cause").is_in(["spot", "imbalance", "trade"])
    for name, told in run.metrics["wholesale"]["producers"].items():
        mine = run.postings.filter(causes & (pl.col("account") == name))["amount"].sum()
        assert told["revenue"] == mine, name
    assert got["old-gas"] != 0


def test_imports_are_what_the_place_drew_and_not_what_groups_bought(run):
    """What homes bought at the gateway is no residual of theirs, and drawn all the same."""
    outside = dict(zip(run.spot["period"], run.spot["outside_tick"], strict=True))
    drawn = dict.fromkeys(outside, 0)
    for rows, columns in (
        (run.meters, (("load_wh", 1), ("charge_wh", 1), ("generation_wh", -1), ("discharge_wh", -1))),
        (run.served, (("energy_wh", 1),)),
        (run.supply, (("output_wh", -1),)),
    ):
        for row in rows.iter_rows(named=True):
            drawn[row["period"]] += sum(sign * row[name] for name, sign in columns)
    cost = run.metrics["wholesale"]["dispatch"]["import_cost"]
    assert cost == sum(wh * outside[period] for period, wh in drawn.items())


def test_liquidity_is_that_of_the_feeders_books(run):
    place, told = run.record.place, run.metrics["liquidity"]
    rows = (len(place.books) - 1) * place.periods
    best_bid, best_ask, depth = (column[:rows] for column in look(run.record))
    both = (best_bid > -(1 << 62)) & (best_ask < 1 << 62)
    assert told["mean_depth_wh"] == round(depth.mean(), 9)
    assert told["two_sided_share"] == round(both.mean(), 9)
    near = run.trades.filter(pl.col("venue") == "local")
    closure = near["period"] - dt.timedelta(minutes=5)
    lead_min = (closure - near["time"]).dt.total_milliseconds().to_numpy() / 60_000
    weight = near["quantity_wh"].to_numpy()
    assert told["trade_to_gate_min"] == pytest.approx((lead_min * weight).sum() / weight.sum())


# --- what must balance


@pytest.mark.parametrize("what", OTHERS)
def test_energy_and_money_balance_and_are_verified_and_recounted(what, tmp_path):
    run = street(**OTHERS[what]).run(seed=7, baseline=False)
    assert run.metrics["wholesale"]["gateway_to_homes_wh"] > 0
    assert not any(run.metrics["energy_errors_wh"].values())
    assert not any(run.metrics["money_errors"].values())
    assert run.metrics["money_errors"]["vat"] == 0
    folder = run.save(tmp_path / "run")
    assert verify(folder)[-1].endswith("money and energy balance")
    counted = recount(folder)
    assert "postings: VAT on what is paid, at the gateway too" in counted
    assert recount(folder, 500) == counted
    assert Run.load(folder).positions.equals(run.positions)


def test_a_city_at_a_gateway_balances_on_any_number_of_processors(tmp_path):
    blue = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(20), represents=200)
    place = Scenario(
        start="2016-06-06", days=1, baseline=False, wholesale=Auction(),
        agents=[city("town", homes=120, homes_per_feeder=30), blue, producer("gas", "gas", mw(3))],
        local=LocalMarket(period=minutes(60), district=False, gateway=Gateway()),
    )  # fmt: skip
    runs = [place.run(seed=1, threads=threads) for threads in (1, 3)]
    assert runs[0].fingerprint == runs[1].fingerprint
    assert runs[0].metrics["wholesale"]["gateway_to_homes_wh"] > 0
    assert not any((runs[0].metrics["energy_errors_wh"] | runs[0].metrics["money_errors"]).values())
    assert len(recount(runs[0].save(tmp_path / "run"))) > 40


def test_a_run_that_was_stopped_balances_as_far_as_it_came():
    compiled = compile_street(street(), 7)
    world = World(compiled.street, compiled.minds, compiled.outlook, 7, wholesale_minds=compiled.wholesale_minds)
    world.run(until_ms=compiled.street.start_ms + 31 * 3_600_000 + 1)
    journal = world.journal
    rows = {stream.name: journal.read(stream.name) for stream in streams_of(journal.header)}
    stopped = Record(journal.header, rows, journal.fingerprint(), complete=False)
    assert (rows["trades"]["period"] >= 62).any(), "traded ahead"
    assert not any(energy_errors(stopped).values())
    assert not any(money_errors(stopped).values())


def test_without_a_gateway_nothing_is_said_of_one(tmp_path):
    run = street(gateway=None).run(seed=7, baseline=False)
    told = run.metrics["wholesale"]
    assert [told[f"gateway_{name}"] for name in ("to_homes_wh", "from_homes_wh", "vwap_eur_per_mwh")] == [None] * 3
    assert "vat" not in run.metrics["money_errors"]
    assert not any("gateway" in question for question in recount(run.save(tmp_path / "run")))
    assert "gateway" not in run.summary()
    assert not run.record.place.has_gateway


def test_two_runs_are_compared_with_it(run):
    other = street(gateway=None).run(seed=7)
    found = run.compare(other)
    pair = found.to_dict()["figures"]["wholesale.gateway_to_homes_wh"]
    assert (pair["b"], pair["difference"]) == (None, None)
    assert pair["a"] == run.metrics["wholesale"]["gateway_to_homes_wh"]
    assert "gateway in kWh" in str(found)
    assert "gateway" not in str(other.compare(other)).replace("local.gateway", "")
    assert sum(found.to_dict()["decomposition"]["groups"].values()) == 0


# --- nothing bent goes unseen


def bent(record, stream, column, mask, change=1):
    """The record with one number of a stream changed: of the first row for which `mask` holds."""
    rows = {name: values.copy() for name, values in record.streams[stream].items()}
    rows[column][int(np.flatnonzero(mask(rows))[0])] += change
    streams = {name: rows if name == stream else record.streams[name] for name in record.streams}
    return Record(record.header, streams, record.fingerprint)


def at_gateway(run, side=None, *, groups=False):
    """Say which trades are the gateway's, those of whom `side` is a group or a home."""
    place = run.record.place

    def mask(rows):
        here = place.venues[rows["book"]] == Venue.WHOLESALE
        return here if side is None else here & (place.homes[rows[side]] != groups)

    return mask


def test_a_changed_quantity_is_found(run):
    for side in ("buyer", "seller"):
        for groups in (False, True):
            errors = energy_errors(bent(run.record, "trades", "quantity_wh", at_gateway(run, side, groups=groups)))
            key = "positions" if groups else "trades"
            assert errors[key] > 0, (side, groups)


def test_a_changed_nomination_is_found(run):
    mine = np.isin(run.record.streams["groups"]["utility"], run.record.wholesale.producers)
    assert energy_errors(bent(run.record, "groups", "nominated_wh", lambda _: mine))["positions"] > 0


def test_a_group_in_a_feeders_book_is_found(run):
    changed = bent(run.record, "trades", "book", at_gateway(run, "seller", groups=True), -1)
    assert energy_errors(changed)["trades"] > 0


def test_changed_money_is_found(run):
    changed = bent(run.record, "trades", "price_tick", at_gateway(run))
    assert money_errors(changed)["trades"] > 0
    dear = bent(run.record, "trades", "price_tick", at_gateway(run, "seller", groups=True), 100)
    assert money_errors(dear)["vat"] > 0


def test_the_vat_of_homes_that_pay_some_is_counted(run):
    vat = run.postings.filter(pl.col("cause") == "vat").group_by(pl.col("account").cast(pl.String)).agg(
        pl.col("amount").sum()
    )  # fmt: skip
    assert "shop" not in vat["account"].to_list(), "it deducts VAT"
    assert vat.filter(pl.col("account") == "home")["amount"][0] < 0
    assert meter_sums(run.record).by_agent["local_wh"].sum() > 0


@pytest.fixture(scope="module")
def original(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("gateway") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def mended(folder, manifest):
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))


def bend(folder, table, change):
    """Change a table and mend its hash, so that only counting can tell."""
    path = folder / f"tables/{table}.parquet"
    frame = pl.read_parquet(path).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    changed = change(frame)
    assert not changed.equals(frame)
    changed.write_parquet(path)
    manifest, data = json.loads((folder / "manifest.json").read_bytes()), path.read_bytes()
    manifest["files"][f"tables/{table}.parquet"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    mended(folder, manifest)


def at(column, condition, change=1):
    """Make a change of one column, in the first row for which `condition` holds."""

    def changed(frame):
        row = frame.with_row_index().filter(condition)["index"][0]
        other = pl.col(column) + change if isinstance(change, int) else pl.lit(change)
        return frame.with_columns(pl.when(pl.int_range(pl.len()) == row).then(other).otherwise(column).alias(column))

    return changed


THERE = pl.col("venue") == "wholesale"
BY_GAS = THERE & (pl.col("seller") == "old-gas")
BENT = {
    "a quantity": ("trades", at("quantity_wh", THERE), "traded = bought - sold"),
    "a seller": (
        "trades",
        at("seller", BY_GAS, "hill-wind"),
        "groups are as nominated",
    ),
    "a seller in a feeder": ("trades", at("seller", ~THERE, "old-gas"), "at the gateway alone"),
    "a buyer": (
        "trades",
        at("buyer", BY_GAS, "green"),
        "to homes through the gateway",
    ),
    "a venue": ("trades", at("venue", BY_GAS, "local"), "at the gateway alone"),
    "a price": ("trades", at("price_tick", THERE & (pl.col("buyer") == "home"), 400), "VAT on what is paid"),
    "a home's VAT": ("postings", at("amount", pl.col("cause") == "vat"), "VAT on what is paid"),
    "a position": ("positions", at("traded_wh", pl.col("agent") == "old-gas"), "metered"),
    "a path": ("flows", at("flow_wh", pl.col("path") == "standard"), "flow_wh is the sum"),
    "local energy": ("agents", at("local_wh", pl.col("local_wh") > 0), "sum of meters and trades"),
    "a nomination": ("groups", at("nominated_wh", pl.col("utility") == "old-gas"), "nominated + deviation"),
}


@pytest.mark.parametrize("what", BENT)
def test_every_bent_table_is_found_by_the_recount(saved, what):
    table, change, words = BENT[what]
    assert recount(saved)
    bend(saved, table, change)
    with pytest.raises(CorruptError) as found:
        recount(saved)
    assert any(words in problem for problem in found.value.problems), found.value.problems


@pytest.mark.parametrize("way", ["to", "from"])
def test_a_bent_figure_is_found_by_the_recount(saved, way):
    manifest = json.loads((saved / "manifest.json").read_bytes())
    manifest["metrics"]["wholesale"][f"gateway_{way}_homes_wh"] += 1
    mended(saved, manifest)
    with pytest.raises(CorruptError, match=f"as much {way} homes through the gateway"):
        recount(saved)
