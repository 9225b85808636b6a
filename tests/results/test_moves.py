"""Members' moves in results: tables, figures, verification, and mistakes that are planted and found."""

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
    LocalMarket,
    Pv,
    RetailMarket,
    Run,
    Scenario,
    consumer,
    eur,
    eur_per_mwh,
    hours,
    kw,
    kwh,
    minutes,
    mw,
    percent,
    producer,
    prosumer,
    utility,
)
from wattbook.errors import CorruptError
from wattbook.messages import streams_of
from wattbook.results import Record, recount, verify
from wattbook.results.energy import energy_errors
from wattbook.results.metrics import metrics
from wattbook.results.money import money_errors
from wattbook.results.record import header_faults, stream_faults
from wattbook.results.suppliers import Supplied


def street(**given):
    values = {
        "start": "2016-06-06",
        "days": 4,
        "timezone": "Europe/Berlin",
        "agents": [
            *(consumer(f"home-{n}", supplier="blue", loyalty=eur_per_mwh(n)) for n in range(4)),
            consumer("shop", supplier="green", profile="G1-B", deducts_vat=True, loyalty=eur_per_mwh(0)),
            prosumer("sun", supplier="red", pv=Pv(kw(8)), battery=Battery(kwh(6), kw(3)), loyalty=eur_per_mwh(0)),
            utility(
                "blue", persona="greedy", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80), exit_fee=eur(0.5),
                represents=500, renewable_quota=percent(10),
            ),
            utility(
                "green", persona="balanced", retail={"day": eur_per_mwh(161), "night": eur_per_mwh(157)},
                feed_in=eur_per_mwh(75), term=hours(24), represents=500, green_share=percent(20), exit_fee=eur(0.25),
            ),
            utility("red", retail=eur_per_mwh(166), feed_in=eur_per_mwh(85)),
            producer("hill", "wind", mw(1)),
        ],
        "local": LocalMarket(period=minutes(60)),
        "wholesale": Auction(),
        "retail": RetailMarket(members=True, considering=percent(10)),
    }  # fmt: skip
    return Scenario(**(values | given))


@pytest.fixture(scope="module")
def run():
    run = street().run(seed=5)
    assert run.moves.height > 4
    assert run.moves["agent"].n_unique() < run.moves.height, "somebody should move twice"
    assert run.moves["fee"].max() > 0
    return run


@pytest.fixture(scope="module")
def original(run, tmp_path_factory):
    return run.save(tmp_path_factory.mktemp("moves") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def test_the_table_tells_who_moved_when_from_which_period_on_and_for_what_fee(run):
    rows = run.moves
    assert rows.columns == ["time", "agent", "old", "new", "period", "fee"]
    clock = rows["time"].dt.convert_time_zone("Europe/Berlin")
    assert set(clock.dt.hour().to_list()) == {14}
    begin = rows["period"].dt.convert_time_zone("Europe/Berlin")
    assert set(begin.dt.hour().to_list()) == {0}
    assert begin.dt.date().to_list() == [day + dt.timedelta(days=1) for day in clock.dt.date().to_list()]
    fees = {"blue": 50_000_000, "green": 25_000_000, "red": 0}
    assert rows["fee"].to_list() == [fees[old] for old in rows["old"].to_list()]
    said = run.decisions.filter(pl.col("action") == "switch")
    assert said["agent"].to_list() == rows["agent"].to_list()
    assert said["outcome"].unique().to_list() == ["ok"]
    # Who is told of in the agents' table is whom they began with.
    agents = dict(run.agents.select("agent", "utility").rows())
    for agent in rows["agent"].unique().to_list():
        assert rows.filter(pl.col("agent") == agent)["old"][0] == agents[agent]


def test_figures_and_the_summary_count_moves(run):
    assert run.metrics["wholesale"]["members_moved"] == run.moves.height
    assert f"members           {run.moves.height} moves to another utility, of 6 members" in run.summary()
    stay = street(retail=RetailMarket(considering=percent(10)), days=2).run(seed=5, baseline=False)
    assert stay.metrics["wholesale"]["members_moved"] is None
    assert "members  " not in stay.summary()
    assert "moves" not in {stream.name for stream in streams_of(stay.record.header)}
    assert stay.moves.height == 0
    longer = street(retail=RetailMarket(considering=percent(10))).run(seed=5, baseline=False)
    text = str(run.compare(longer))
    assert f"members moved {run.moves.height:>20,}".split() == next(
        line.split()[:3] for line in text.splitlines() if line.startswith("members moved")
    )


def test_a_run_is_verified_recounted_and_read_again(run, original):
    assert set(run.metrics["money_errors"].values()) == {0}
    assert "moves" in run.metrics["money_errors"]
    assert run.metrics["energy_residual_wh"] == 0
    assert verify(original)
    counted = recount(original)
    assert len([each for each in counted if each.startswith("moves:")]) == 8
    for rows in (99, 700):
        assert recount(original, rows) == counted
    again = Run.load(original)
    assert again.moves.equals(run.moves)
    assert again.metrics == run.metrics


def test_a_plain_street_with_two_utilities_is_recounted_too(tmp_path):
    agents = [
        *(consumer(f"home-{n}") for n in range(5)),
        utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        utility("green", retail=eur_per_mwh(120), feed_in=eur_per_mwh(75)),
    ]
    retail = RetailMarket(members=True, reprices=False)
    for local in (LocalMarket(period=minutes(30)), None):
        run = Scenario(start="2016-10-29", days=3, agents=agents, local=local, retail=retail).run(seed=2)
        assert run.moves.height
        assert "of 0 customers" not in run.summary()
        folder = run.save(tmp_path / f"run-{local is None}")
        assert verify(folder)
        assert recount(folder)


# --- planted mistakes


def bend(folder, table, change):
    """Change a table and mend all digests, so that only counting can tell."""
    path = folder / f"tables/{table}.parquet"
    frame = pl.read_parquet(path)
    bent = change(frame)
    assert not bent.equals(frame)
    bent.write_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    data = path.read_bytes()
    manifest["files"][f"tables/{table}.parquet"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    plain = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def in_first(name, change):
    """Change a column in the first row."""
    return lambda f: f.with_columns(pl.when(pl.int_range(pl.len()) == 0).then(change).otherwise(name).alias(name))


DAY, HOUR = pl.duration(days=1), pl.duration(hours=1)
BENT = {
    "a lost move": ("moves", lambda f: f[1:], "the utility that the member has|sum of the meters"),
    "the last move lost": ("moves", lambda f: f[:-1], "sum of the meters"),
    "a move of nobody's": (
        "moves",
        lambda f: pl.concat([f, f[-1:].with_columns(old="new", new="old", period=pl.col("period") + DAY)]),
        "as many as the figures say",
    ),
    "another utility": ("moves", in_first("new", pl.lit("red")), "sum of the meters"),
    "a period early": ("moves", in_first("period", pl.col("period") - HOUR), "from the next day on"),
    "a day late": ("moves", in_first("period", pl.col("period") + DAY), "from the next day on"),
    "a fee": ("moves", in_first("fee", pl.col("fee") + 1), "exit fees are those of the tariffs"),
    "the time": ("moves", in_first("time", pl.col("time") + DAY), "from the next day on"),
    "twice": ("moves", lambda f: pl.concat([f[:1], f]), "the utility that the member has"),
    "the first utility": (
        "agents",
        lambda f: f.with_columns(
            pl.when(pl.col("agent") == "shop").then(pl.lit("blue")).otherwise("utility").alias("utility")
        ),
        "the utility that the member has",
    ),
}


@pytest.mark.parametrize("what", BENT)
def test_every_bent_move_is_found_by_the_recount(saved, what):
    table, change, said = BENT[what]
    bend(saved, table, change)
    with pytest.raises(CorruptError, match=said):
        recount(saved)


@pytest.mark.parametrize("cause", ["retail", "feed-in"])
def test_a_period_billed_by_the_wrong_utility_is_found_by_the_recount(saved, run, cause):
    """The whole transfer of one member and period goes to another utility; all sums still balance."""
    homes = ["sun", *(f"home-{n}" for n in range(4))]
    rows = run.postings.filter((pl.col("cause") == cause) & pl.col("account").is_in(homes))
    row = rows.filter(pl.col("amount") != 0).row(0, named=True)
    wrong = next(name for name in ("blue", "green", "red") if not rows_of(run, row, name))

    def change(frame):
        here = (pl.col("transfer") == row["transfer"]) & pl.col("account").is_in(["blue", "green", "red"])
        return frame.with_columns(pl.when(here).then(pl.lit(wrong)).otherwise("account").alias("account"))

    bend(saved, "postings", change)
    with pytest.raises(CorruptError, match="not so"):
        recount(saved)


def rows_of(run, row, account):
    return run.postings.filter((pl.col("transfer") == row["transfer"]) & (pl.col("account") == account)).height


def test_a_home_billed_at_another_tariff_is_found_by_the_recount(saved):
    def change(frame):
        row = frame.filter((pl.col("cause") == "retail") & (pl.col("account") == "shop")).row(0, named=True)
        here = (pl.col("transfer") == row["transfer"]) & pl.col("account").is_in(["shop", "blue", "green", "red"])
        shift = pl.when(pl.col("account") == "shop").then(-7).otherwise(7)
        return frame.with_columns(pl.when(here).then(pl.col("amount") + shift).otherwise("amount").alias("amount"))

    bend(saved, "postings", change)
    with pytest.raises(CorruptError, match="residual x the tariff of the utility of the period"):
        recount(saved)


def test_an_exit_fee_that_was_not_paid_is_found_by_the_recount(saved):
    bend(saved, "postings", lambda f: f.filter(pl.col("cause") != "exit-fee"))
    with pytest.raises(CorruptError, match="exit fees are paid"):
        recount(saved)


def altered(record, **columns):
    """Give a record with other columns of the moves, or without some of their rows."""
    keep = columns.pop("keep", slice(None))
    moves = {name: column[keep].copy() for name, column in record.streams["moves"].items()}
    for name, (row, value) in columns.items():
        moves[name][row] = value
    streams = {name: record.streams[name] for name in record.streams} | {"moves": moves}
    return Record(record.header, streams, record.fingerprint)


def test_the_journals_own_count_finds_a_move_that_is_lost_or_wrong(run):
    record, last = run.record, run.moves.height - 1
    sound = altered(record)
    assert not any(energy_errors(sound).values())
    assert not any(money_errors(sound).values())
    lost = altered(record, keep=slice(0, last))
    assert energy_errors(lost)["groups"] > 0
    assert money_errors(lost)["served"] > 0
    first = int(record.streams["moves"]["period"][0])
    early = altered(record, period=(0, first - 1))
    assert energy_errors(early)["groups"] > 0
    fee = altered(record, fee=(last, 7))
    assert not any(energy_errors(fee).values())
    assert money_errors(fee)["moves"] > 0
    stranger = altered(record, old=(0, int(record.streams["moves"]["new"][0])))
    assert money_errors(stranger)["moves"] > 0
    bound = altered(record, time_ms=(0, record.place.start_ms + first * record.place.period_ms))
    assert money_errors(bound)["moves"] == 1


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("new", "shop", "moves.new names who is none"), ("old", "hill", "moves.old names who is none"),
        ("agent", "red", "moves.agent names who is none"), ("agent", "hill", "moves.agent names who is none"),
        ("agent", 99, "moves.agent holds numbers outside"), ("new", -1, "moves.new holds numbers outside"),
        ("period", 96, "moves.period holds numbers outside"),
    ],
)  # fmt: skip
def test_a_move_of_who_is_none_is_no_sound_journal(run, column, value, said):
    assert stream_faults(run.record.header, run.record.streams) == []
    number = run.record.place.names.index(value) if isinstance(value, str) else value
    (fault,) = stream_faults(run.record.header, altered(run.record, **{column: (0, number)}).streams)
    assert said in fault


@pytest.mark.parametrize(
    "change", [{"members": 1}, {"exit_fee": None}, {"term_ms": [1]}, {"exit_fee": ["x", 1, 2]}, {"exit_fee": [1] * 4}]
)
def test_a_header_that_tells_no_terms_is_no_sound_header(run, change):
    assert header_faults(run.record.header) == []
    header = json.loads(json.dumps(run.record.header))
    header["wholesale"]["retail"] |= change
    (fault,) = header_faults(header)
    assert "'wholesale'" in fault
    # Where members stay nobody reads them.
    header["wholesale"]["retail"]["members"] = False
    assert header_faults(header) == []


# --- who supplied whom


def test_suppliers_are_looked_up_by_agent_and_period():
    supplied = Supplied(
        np.array([1, -1, -1, 0]), 10, np.array([3, 0, 3]), np.array([4, 4, 6]), np.array([1, 0, 0])
    )  # fmt: skip
    agent, period = np.divmod(np.arange(40), 10)
    expected = np.array([[1] * 4 + [0] * 6, [-1] * 10, [-1] * 10, [0] * 4 + [1] * 2 + [0] * 4])
    np.testing.assert_array_equal(supplied.at(agent, period).reshape(4, 10), expected)
    early = Supplied(np.array([0, 0]), 3, np.array([1]), np.array([0]), np.array([1]))
    np.testing.assert_array_equal(early.at(np.array([0, 1, 1]), np.array([0, 0, 2])), [0, 1, 1])


def test_private_values_are_those_of_the_utility_of_the_period(run):
    """Efficiency by the record's own look-up is what a street would have whose members had that utility throughout."""
    from wattbook.results.efficiency import positions

    rows = positions(run.record)
    place = run.record.place
    taxed = (1_000_000 + place.vat_ppm).astype(np.float64)
    names, supplier = list(place.names), dict(run.agents.select("agent", "utility").rows())
    rank = {name: place.supplier.tolist().index(names.index(name)) for name in ("blue", "green", "red")}
    meters = run.meters.sort("period", "agent")
    for place_of_row, (period, agent) in enumerate(meters.select("period", "agent").iter_rows()):
        mine = run.moves.filter((pl.col("agent") == agent) & (pl.col("period") <= period))
        who = mine["new"][-1] if mine.height else supplier[agent]
        tick = place.retail_tick[rank[who], rows.period[place_of_row]]
        assert rows.retail[place_of_row] == tick * taxed[names.index(agent)]
    assert metrics(run.record, run.baseline, {})["allocative_efficiency"] == run.metrics["allocative_efficiency"]


def test_the_lerner_index_takes_the_feed_in_price_of_the_utility_of_the_period(run):
    feed_in, first = {"blue": 8_000, "green": 7_500, "red": 8_500}, dict(run.agents.select("agent", "utility").rows())

    def index(moves):
        """Mean of (P - c)/P of all trades, weighted by volume."""
        margin, volume = 0.0, 0
        for seller, period, price, energy in run.trades.select(
            "seller", "period", "price_tick", "quantity_wh"
        ).iter_rows():
            mine = moves.filter((pl.col("agent") == seller) & (pl.col("period") <= period))
            cost = feed_in[mine["new"][-1] if mine.height else first[seller]]
            margin += energy * (price - cost) / price
            volume += energy
        return margin / volume

    assert run.metrics["lerner"] == pytest.approx(index(run.moves), abs=1e-8)
    assert run.metrics["lerner"] != pytest.approx(index(run.moves.clear()), abs=1e-6)
