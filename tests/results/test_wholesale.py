"""Runs with a wholesale market: their tables, what must balance in them, and that nothing bent goes unseen."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import shutil

import numpy as np
import polars as pl
import pytest

from wattbook import (
    Auction,
    ContractDesk,
    Pv,
    Run,
    Scenario,
    consumer,
    load_scenario,
    producer,
    prosumer,
    utility,
    verify,
)
from wattbook.contracts import Event, Kind, Verb
from wattbook.errors import CorruptError
from wattbook.journal import Journal, read_journal
from wattbook.messages import SELL, streams_of
from wattbook.policies.producers import ProducerMind
from wattbook.policies.utilities import UtilityMind
from wattbook.policies.wholesale import Say
from wattbook.results import Record, recount
from wattbook.results.catalogue import LATER, table_names
from wattbook.results.energy import energy_errors
from wattbook.results.folder import describe, digest_of, manifest_bytes, paths_of
from wattbook.results.money import GROUPS, group_receipts, money_errors
from wattbook.results.record import header_faults
from wattbook.units import eur, eur_per_mwh, kw, mw, percent

MARKET = {"positions", "served", "spot", "supply"}
DESK = {"certificates", "contracts", "margins"}


def street(wholesale, *, days=2, poor=False, quota=True):
    """Six homes, two utilities that stand for many more, three producers."""
    means = {"credit_limit": eur(1), "cash": eur(2500)} if poor else {}
    owed = {"renewable_quota": percent(20)} if quota else {}
    retail = eur_per_mwh(20 if poor else 160)
    stands = {"represents": 20_000, **owed, **means}
    tariff = retail if poor else {"day": eur_per_mwh(170), "night": eur_per_mwh(140)}
    return Scenario(
        start="2016-06-06", days=days, spot="merit-order", wholesale=wholesale,
        agents=[
            *(prosumer(f"sun-{n}", rated=kw(3), pv=Pv(kw(6))) for n in range(3)),
            *(consumer(f"home-{n}", profile="H0-B", rated=kw(4)) for n in range(3)),
            utility("blue", persona="balanced", retail=retail, feed_in=eur_per_mwh(5), **stands),
            utility("green", persona="eco-friendly", retail=tariff, feed_in=eur_per_mwh(5), **stands),
            producer("hill-wind", kind="wind", capacity=mw(20), **means),
            producer("old-oil", kind="oil", capacity=mw(30), **means),
            producer("river", kind="hydro", capacity=mw(5), **means),
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def desk():
    return street(ContractDesk()).run(seed=7)


@pytest.fixture(scope="module")
def auction():
    return street(Auction(), quota=False).run(seed=7)


@pytest.fixture(scope="module")
def failing():
    """Utilities sell far below what they pay: there are calls, and somebody defaults."""
    return street(ContractDesk(), days=8, poor=True).run(seed=1, baseline=False)


# --- what is written


def test_a_run_has_the_tables_of_the_markets_that_it_has(desk, auction, golden):
    assert set(table_names(desk.record)) - set(table_names(golden.record)) == MARKET | DESK
    assert set(table_names(auction.record)) - set(table_names(golden.record)) == MARKET
    assert MARKET | DESK | {"tariffs", "switches", "moves", "findings", "evidence", "sanctions"} == set(LATER)


def test_a_run_without_such_a_market_writes_what_it_always_wrote(golden, tmp_path):
    folder = golden.save(tmp_path / "run")
    assert not {f"{name}.parquet" for name in LATER} & {path.name for path in (folder / "tables").iterdir()}
    assert "wholesale" not in golden.metrics
    assert tuple(golden.metrics["baseline"]["decomposition"]["groups"]) == GROUPS
    assert all(golden.table(name).height == 0 for name in LATER)


def test_tables_have_the_types_of_all_tables(desk):
    kinds = {pl.Int64(), pl.String(), pl.Datetime("ms", "UTC")}
    for name in MARKET | DESK:
        assert set(desk.table(name).schema.values()) <= kinds, name
        assert desk.table(name).height, name


def test_contracts_tell_a_life_in_order(desk):
    events = desk.contracts["event"].to_list()
    order = [events.index(event) for event in ("requested", "quoted", "signed", "novated", "settled", "fulfilled")]
    assert order == sorted(order)
    assert desk.contracts.columns == [
        "contract", "event", "time", "buyer", "seller", "spec", "price_tick", "quantity_wh", "amount",
    ]  # fmt: skip
    signed = desk.contracts.filter(pl.col("event") == "signed")
    assert set(signed["spec"]) <= {"base-2016-06-07", "peak-2016-06-07", "green-2016-06-07"}


def test_one_ledger_holds_the_positions_of_groups_and_homes(desk):
    rows = desk.positions
    parts = pl.sum_horizontal("contracted_wh", "spot_wh", "traded_wh", "residual_wh", "deviation_wh")
    assert rows.filter(parts != pl.col("metered_wh")).height == 0
    assert rows.height == 192 * 11
    assert (
        desk.positions.filter(pl.col("agent") == "sun-0")["metered_wh"].to_list()
        == (
            desk.meters.filter(pl.col("agent") == "sun-0")
            .select(pl.col("traded_wh") + pl.col("residual_wh"))
            .to_series()
        ).to_list()
    )


def test_agents_hold_what_plants_gave_and_customers_drew(desk):
    agents = {row["agent"]: row for row in desk.agents.iter_rows(named=True)}
    wind = desk.supply.filter(pl.col("agent") == "hill-wind")["output_wh"].sum()
    assert agents["hill-wind"]["generation_wh"] == agents["hill-wind"]["injection_wh"] == wind > 0
    assert agents["blue"]["load_wh"] == desk.served.filter(pl.col("agent") == "blue")["energy_wh"].sum() > 0


def test_producers_are_a_group_of_their_own(desk):
    told = group_receipts(desk.record)
    paid = desk.agents.filter(pl.col("kind") == "producer")["profit"].sum()
    assert told["producers"] == paid != 0
    assert sum(told.values()) == 0


# --- what must balance


@pytest.mark.parametrize("which", ["desk", "auction", "failing"])
def test_energy_and_money_balance_and_are_verified_and_recounted(which, request, tmp_path):
    run = request.getfixturevalue(which)
    assert not any(run.metrics["energy_errors_wh"].values())
    assert not any(run.metrics["money_errors"].values())
    assert run.metrics["money_sum"] == run.metrics["energy_residual_wh"] == 0
    folder = run.save(tmp_path / "run")
    assert verify(folder)[-1].endswith("money and energy balance")
    assert len(recount(folder)) > 40
    assert Run.load(folder).contracts.equals(run.contracts)


def test_calls_and_defaults_are_among_what_balances(failing):
    events = set(failing.contracts["event"])
    assert {"called", "call-paid", "defaulted", "closed-out", "torn-up", "loss-to-margin"} <= events


@pytest.mark.parametrize("contracts", ["cash-future", "forward", "cfd"])
def test_other_kinds_of_contracts_balance_as_well(contracts, tmp_path):
    run = street(ContractDesk(contracts=contracts)).run(seed=7, baseline=False)
    assert "signed" in set(run.contracts["event"])
    assert not any((run.metrics["energy_errors_wh"] | run.metrics["money_errors"]).values())
    assert len(recount(run.save(tmp_path / "run"))) > 40


class GreenSeller(ProducerMind):
    """Posts half of its output, once."""

    def at_desk(self, own, public, desk, draw, /):
        shares = [spec for spec in desk.specs if spec.kind == Kind.PPA]
        if desk.round or not shares or desk.lots.get(shares[0].place):
            return []
        verb, good_ms = int(Verb.POST), 3_600_000
        return [Say(verb, book=shares[0].place, side=SELL, price_tick=5_000, quantity=500_000, flags=good_ms)]


class GreenBuyer(UtilityMind):
    """Takes half of what is posted."""

    def at_desk(self, own, public, desk, draw, /):
        posted = [each for each in desk.offered if each.side == SELL and each.request == 0 and each.quantity >= 250_000]
        return [
            Say(int(Verb.TAKE), order=each.number, price_tick=each.price_tick, quantity=250_000) for each in posted[:1]
        ]


def test_shares_of_output_and_their_guarantees_balance_as_well(tmp_path):
    run = Scenario(
        start="2016-06-06", days=3, spot="merit-order", wholesale=ContractDesk(),
        agents=[
            consumer("home", profile="H0-B", rated=kw(4)),
            utility("blue", persona=GreenBuyer(), retail=eur_per_mwh(160), feed_in=eur_per_mwh(5), represents=20_000,
                    renewable_quota=percent(20)),
            producer("hill-wind", kind="wind", capacity=mw(20), persona=GreenSeller()),
        ],
    ).run(seed=7, baseline=False)  # fmt: skip
    assert {"signed", "delivered"} <= set(run.contracts["event"])
    assert {"moved", "retired"} <= set(run.certificates["event"])
    assert not any((run.metrics["energy_errors_wh"] | run.metrics["money_errors"]).values())
    quota = run.metrics["wholesale"]["utilities"]["blue"]["quota"]
    assert quota["covered_wh"] > 0
    assert quota["cancelled"] * 1_000_000 >= quota["covered_wh"]
    assert quota["renewable_share"] > 0
    assert run.metrics["wholesale"]["hedge_ratio"] > 0
    assert run.metrics["wholesale"]["forwards"] == []
    assert len(recount(run.save(tmp_path / "run"))) > 40
    assert energy_errors(bent(run.record, "contracts", "quantity_wh", Event.DELIVERED))["contracts"] > 0
    for column in ("price_tick", "amount"):
        assert money_errors(bent(run.record, "contracts", column, Event.DELIVERED))["contracts"] > 0
    bend(tmp_path / "run", "contracts", at("amount", on("delivered")))
    with pytest.raises(CorruptError, match="energy x price"):
        recount(tmp_path / "run")


def bent(record, stream, column, event=None, change=1):
    """The record with one number of a stream changed: of the first row, or of the first with `event`."""
    rows = {name: values.copy() for name, values in record.streams[stream].items()}
    row = 0 if event is None else int(np.flatnonzero(rows["event"] == event)[0])
    rows[column][row] += change
    streams = {name: rows if name == stream else record.streams[name] for name in record.streams}
    return Record(record.header, streams, record.fingerprint)


@pytest.mark.parametrize(
    ("stream", "column", "event", "key"),
    [
        ("positions", "contracted_wh", None, "positions"),
        ("positions", "spot_wh", None, "spot"),
        ("positions", "metered_wh", None, "positions"),
        ("positions", "contracted_wh", None, "contracts"),
        ("groups", "metered_wh", None, "groups"),
        ("groups", "nominated_wh", None, "positions"),
        ("served", "energy_wh", None, "groups"),
        ("supply", "output_wh", None, "groups"),
        ("spot", "sold_wh", None, "spot"),
        ("spot", "imported_wh", None, "spot"),
        ("contracts", "quantity_wh", Event.NOVATED, "contracts"),
        ("contracts", "quantity_wh", Event.SETTLED, "contracts"),
        ("contracts", "quantity_wh", Event.DELIVERED, "contracts"),
    ],
)
def test_a_changed_energy_is_found(desk, stream, column, event, key):
    assert energy_errors(bent(desk.record, stream, column, event))[key] > 0


def test_more_than_a_plant_can_give_is_found(desk):
    beyond = int(desk.record.streams["supply"]["available_wh"][0] - desk.record.streams["supply"]["output_wh"][0]) + 2
    assert energy_errors(bent(desk.record, "supply", "output_wh", change=beyond))["supply"] == 1
    assert energy_errors(bent(desk.record, "supply", "capacity_w", change=-20_000_000))["supply"] > 0


@pytest.mark.parametrize(
    ("stream", "column", "event", "key"),
    [
        ("spot", "price_tick", None, "spot"),
        ("groups", "imbalance_tick", None, "spot"),
        ("supply", "fuel", None, "fuel"),
        ("served", "energy_wh", None, "served"),
        ("contracts", "amount", Event.SETTLED, "variation"),
        ("contracts", "amount", Event.VARIATION, "variation"),
        ("contracts", "amount", Event.MARGIN_LOCKED, "contracts"),
        ("contracts", "amount", Event.MARGIN_LOCKED, "margins"),
        ("contracts", "amount", Event.MARGIN_RELEASED, "margins"),
        ("contracts", "price_tick", Event.SETTLED, "contracts"),
        ("contracts", "amount", Event.BOUGHT_OUT, "quota"),
        ("contracts", "quantity_wh", Event.COMPLIED, "quota"),
    ],
)
def test_a_changed_price_or_amount_is_found(desk, stream, column, event, key):
    assert money_errors(bent(desk.record, stream, column, event))[key] > 0


def test_what_a_default_comes_to_is_checked(failing):
    for event in (Event.CALLED, Event.CALL_PAID, Event.VARIATION, Event.SETTLED):
        assert money_errors(bent(failing.record, "contracts", "amount", event))["contracts"] > 0, event


@pytest.mark.parametrize("stream", ["positions", "supply", "spot"])
def test_a_row_that_is_missing_is_found(desk, stream):
    rows = {name: values[1:] for name, values in desk.record.streams[stream].items()}
    streams = {name: rows if name == stream else desk.record.streams[name] for name in desk.record.streams}
    assert energy_errors(Record(desk.record.header, streams, desk.record.fingerprint))[stream] > 0


# --- bent tables


@pytest.fixture(scope="module")
def original(desk, tmp_path_factory):
    return desk.save(tmp_path_factory.mktemp("wholesale") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def bend(folder, table, change):
    """Change a table and mend its hash, so that only counting can tell."""
    path = folder / f"tables/{table}.parquet"
    frame = pl.read_parquet(path)
    frame = frame.with_columns(pl.col(pl.Categorical).cast(pl.String))
    changed = change(frame)
    assert not changed.equals(frame)
    changed.write_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    data = path.read_bytes()
    manifest["files"][f"tables/{table}.parquet"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))


def at(column, condition=None, change=1):
    """Make a change of one column, in the first row for which `condition` holds."""

    def changed(frame):
        here = pl.lit(value=True) if condition is None else condition
        row = frame.with_row_index().filter(here)["index"][0]
        mine = pl.int_range(pl.len()) == row
        other = pl.col(column) + change if isinstance(change, int) else pl.lit(change)
        return frame.with_columns(pl.when(mine).then(other).otherwise(pl.col(column)).alias(column))

    return changed


def on(*events):
    return pl.col("event").is_in(events)


GROUP = pl.col("agent") == "blue"
BENT = {
    "contracted energy": ("positions", at("contracted_wh", GROUP), "metered"),
    "a metered energy": ("positions", at("metered_wh", GROUP), "metered"),
    "a home's residual": ("positions", at("residual_wh", pl.col("agent") == "sun-1"), "homes are as metered"),
    "a position lost": ("positions", lambda f: f[1:], "groups are as nominated"),
    "energy sold": ("spot", at("sold_wh"), "sold + imported"),
    "energy imported": ("spot", at("imported_wh"), "what was imported"),
    "a spot price": ("spot", at("price_tick"), "paid for at its price"),
    "an output": ("supply", at("output_wh"), "metered_wh is the sum"),
    "a plant's fuel": ("supply", at("fuel"), "fuel = output"),
    "a cost": ("supply", at("marginal_tick", pl.col("output_wh") > 0), "fuel = output"),
    "a plant's capacity": ("supply", at("capacity_w"), "as they were built"),
    "an availability": ("supply", at("available_wh", pl.col("output_wh") > 0, -10_000_000), "within what is available"),
    "a plant's row": ("supply", lambda f: f[:-1], "one row per plant"),
    "energy served": ("served", at("energy_wh"), "energy x tariff is paid"),
    "a tariff": ("served", at("retail_tick"), "scenario's tariffs"),
    "a deviation's price": ("groups", at("imbalance_tick", pl.col("deviation_wh") != 0), "imbalance price"),
    "a lot made": ("contracts", at("quantity_wh", on("novated")), "made net to zero"),
    "a lot settled": ("contracts", at("quantity_wh", on("settled")), "settled net to zero"),
    "a variation": ("contracts", at("amount", on("variation")), "variation sums to zero"),
    "an index": ("contracts", at("price_tick", on("settled")), "money is what the rows say"),
    "a margin": ("contracts", at("amount", on("margin-locked")), "money is what the rows say"),
    "energy delivered": (
        "contracts",
        at("quantity_wh", on("delivered") & pl.col("contract").is_null()),
        "delivered or replaced",
    ),
    "a buyer": ("contracts", at("buyer", on("novated"), "old-oil"), "signed"),
    "a time of delivery": (
        "contracts",
        lambda f: f.with_columns(pl.when(on("settled")).then(pl.col("time").max()).otherwise("time").alias("time")),
        "contracts deliver",
    ),
    "a margin released": ("margins", at("released", pl.col("released") > 0), "locked = released + held"),
    "a margin's agent": ("margins", at("agent", pl.col("locked") > 0, "old-oil"), "what happened at the desk"),
    "a guarantee's serial": ("certificates", at("first_serial", on("issued")), "follow each other"),
    "a guarantee invented": ("certificates", at("number", on("issued")), "follow each other"),
    "a quota": ("certificates", at("quantity_wh", on("bought-out")), "quota of own sales"),
    "what was bought out": ("certificates", at("amount", on("bought-out")), "is paid"),
}  # fmt: skip


@pytest.mark.parametrize("what", BENT)
def test_every_bent_table_is_found_by_the_recount(saved, what):
    table, change, words = BENT[what]
    bend(saved, table, change)
    with pytest.raises(CorruptError) as caught:
        recount(saved)
    assert any(words in problem for problem in caught.value.problems), caught.value.problems


LEGS = {
    "margin": "money is what the rows say", "variation": "money is what the rows say",
    "spot": "paid for at its price", "imbalance": "imbalance price", "fuel": "fuel is paid for",
    "buy-out": "is paid", "retail": "tariff is paid",
}  # fmt: skip


@pytest.mark.parametrize("cause", LEGS)
def test_a_bent_posting_is_found_by_the_recount(saved, cause):
    whose = pl.col("account").is_in(["blue", "green", "hill-wind", "river"])
    bend(saved, "postings", at("amount", (pl.col("cause") == cause) & whose))
    with pytest.raises(CorruptError) as caught:
        recount(saved)
    assert any(LEGS[cause] in problem for problem in caught.value.problems), caught.value.problems


def test_a_table_that_was_taken_out_is_missed(saved):
    (saved / "tables/contracts.parquet").unlink()
    manifest = json.loads((saved / "manifest.json").read_bytes())
    del manifest["files"]["tables/contracts.parquet"]
    manifest["digest"] = digest_of(manifest)
    (saved / "manifest.json").write_bytes(manifest_bytes(manifest))
    with pytest.raises(CorruptError, match=r"tables/contracts\.parquet: is missing"):
        verify(saved)
    with pytest.raises(CorruptError, match=r"contracts\.parquet"):
        recount(saved)


def test_a_table_that_the_run_has_not_got_does_not_belong(auction, desk, tmp_path):
    folder = auction.save(tmp_path / "run")
    other = desk.save(tmp_path / "other")
    shutil.copy(other / "tables/contracts.parquet", folder / "tables")
    with pytest.raises(CorruptError, match="does not belong to this run"):
        verify(folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    path = "tables/contracts.parquet"
    manifest["files"][path] = describe((folder / path).read_bytes())
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_bytes(manifest_bytes(manifest))
    with pytest.raises(CorruptError, match="does not belong to this run"):
        verify(folder)


@pytest.mark.parametrize("table", sorted(MARKET | DESK))
def test_verify_finds_another_runs_table(saved, failing, table):
    path = paths_of(failing.record)[table]
    frame = failing.table(table)
    assert not frame.equals(pl.read_parquet(saved / path))
    frame.write_parquet(saved / path)
    manifest = json.loads((saved / "manifest.json").read_bytes())
    manifest["files"][path] = describe((saved / path).read_bytes())
    manifest["digest"] = digest_of(manifest)
    (saved / "manifest.json").write_bytes(manifest_bytes(manifest))
    with pytest.raises(CorruptError) as caught:
        verify(saved)
    assert caught.value.problems == (f"{path}: is not what the journal says",)


# --- headers that are not ours


def without(key):
    return lambda told: {name: value for name, value in told.items() if name != key}


def having(**values):
    return lambda told: {**told, **values}


def spec(**values):
    def change(told):
        specs = [{**told["desk"]["specs"][0], **values}, *told["desk"]["specs"][1:]]
        return {**told, "desk": {**told["desk"], "specs": specs}}

    return change


def plant(**values):
    return lambda told: {**told, "producers": [{**told["producers"][0], **values}, *told["producers"][1:]]}


HEADERS = {
    "nothing": lambda _: None,
    "a list": lambda _: [],
    "a text": lambda _: "market",
    "no producers": without("producers"),
    "producers are a number": having(producers=3),
    "a producer is a text": having(producers=["hill-wind"]),
    "a producer nobody knows": plant(agent="nobody"),
    "a producer is a utility": plant(agent="blue"),
    "a plant's capacity is a text": plant(capacity_w="much"),
    "a plant's capacity is below 0": plant(capacity_w=-1),
    "a plant's cost is huge": plant(marginal_tick=1 << 70),
    "customers of nobody": having(customers={"nobody": 5}),
    "customers are a list": having(customers=[1]),
    "a number of customers is true": having(customers={"blue": True}),
    "an auction is a number": having(auction=1),
    "no link": without("link"),
    "a link without its size": having(link={"extra_tick": 1}),
    "a quota of nobody": having(quota_ppm={"nobody": 5}),
    "a desk is a list": having(desk=[]),
    "a desk without specs": having(desk={"house_capital": 0}),
    "specs are a text": having(desk={"house_capital": 0, "specs": "base"}),
    "a contract without energy": spec(profile_wh=[]),
    "a contract of texts": spec(profile_wh=["a"]),
    "a contract of another kind": spec(kind=77),
    "a contract before the run": spec(first_period=-1),
    "a contract's name is a number": spec(name=3),
    "no buy-out": without("buy_out_tick"),
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_that_is_no_header_is_said_so(desk, what):
    header = copy.deepcopy(desk.record.header)
    header["wholesale"] = HEADERS[what](header["wholesale"])
    faults = header_faults(header)
    assert faults
    assert all("wholesale" in fault for fault in faults)


def written(record, header, streams=None):
    """Journal bytes of a record's rows under a header."""
    sink = io.BytesIO()
    journal = Journal(streams_of(header), header, sink=sink)
    for stream in streams_of(header):
        rows = (streams or record.streams)[stream.name]
        journal.extend(stream.name, {name: values for name, values in rows.items() if name != "seq"})
    journal.close()
    return sink.getvalue()


@pytest.mark.parametrize(
    ("stream", "column", "value"),
    [
        ("contracts", "buyer", 1_000), ("contracts", "seller", -2), ("contracts", "event", 99),
        ("contracts", "spec", 1_000), ("contracts", "spec", -7), ("supply", "agent", 500), ("supply", "period", -1),
        ("positions", "period", 100_000), ("positions", "agent", -1), ("served", "agent", 99), ("spot", "period", 192),
    ],
)  # fmt: skip
def test_numbers_that_stand_for_nothing_are_said_so(desk, stream, column, value):
    rows = {name: values.copy() for name, values in desk.record.streams[stream].items()}
    rows[column][0] = value
    streams = {name: rows if name == stream else desk.record.streams[name] for name in desk.record.streams}
    data = written(desk.record, desk.record.header, streams)
    with pytest.raises(CorruptError, match=rf"{stream}\.\w+ holds numbers outside"):
        Record.read(data, "journal.wbj")


def test_a_sound_journal_is_read_again(desk):
    data = written(desk.record, desk.record.header)
    assert Record.read(data, "journal.wbj").fingerprint == read_journal(data).fingerprint


def test_a_vintage_outside_the_run_is_said_so(desk):
    rows = {name: values.copy() for name, values in desk.record.streams["contracts"].items()}
    rows["spec"][np.flatnonzero(rows["event"] == Event.CERTIFICATES_ISSUED)[0]] = 192
    streams = {**{name: desk.record.streams[name] for name in desk.record.streams}, "contracts": rows}
    with pytest.raises(CorruptError, match=r"contracts\.vintage"):
        Record.read(written(desk.record, desk.record.header, streams), "journal.wbj")


def test_shipped_runs_have_no_trace_of_it():
    run = load_scenario("two_feeders").run(seed=7, baseline=False)
    assert run.record.wholesale is None
    assert set(run.metrics["energy_errors_wh"]) == {"node", "trades", "battery", "groups", "flows"}
    assert set(run.metrics["money_errors"]) == {"transfers", "trades", "rounding"}
