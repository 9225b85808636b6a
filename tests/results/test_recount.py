"""The independent recount: it agrees with every sound run, and finds every bent table although its hash was mended."""

from __future__ import annotations

import ast
import hashlib
import json
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from wattbook import Battery, LocalMarket, Pv, Scenario, city, consumer, load_scenario, prosumer, utility
from wattbook.errors import CorruptError, ResourceError
from wattbook.results import Record, Run, recount
from wattbook.units import eur_per_mwh, kw, kwh, minutes, percent

QUESTIONS = 28


def town(homes, **more):
    return Scenario(
        start="2016-06-06", days=1, **more,
        agents=[
            city("town", homes=homes, homes_per_feeder=min(homes, 250), pv_share=0.4, battery_share=0.2),
            utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
        ],
        local=LocalMarket(period=minutes(15), closes_before=minutes(5)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    run = town(40, hours=14).run(seed=3, baseline=False)
    assert run.metrics["trades"] > 100
    return run.save(tmp_path_factory.mktemp("recount") / "run")


@pytest.fixture
def saved(original, tmp_path):
    return shutil.copytree(original, tmp_path / "run")


def bend(folder, table, change):
    """Change a table and mend its hash, so that only counting can tell."""
    path = folder / f"tables/{table}.parquet"
    frame = pl.read_parquet(path)
    bent = change(frame)
    assert not bent.equals(frame)
    bent.write_parquet(path)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    data = path.read_bytes()
    manifest["files"][f"tables/{table}.parquet"] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    write_manifest(folder, manifest)


def write_manifest(folder, manifest):
    """Write a manifest with the digest of what it now says."""
    plain = {key: value for key, value in manifest.items() if key != "digest"}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    manifest["digest"] = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def at(frame, condition, **changes):
    """Change columns in the first row that `condition` holds for."""
    row = frame.with_row_index().filter(condition)["index"][0]
    here = pl.int_range(pl.len()) == row
    return frame.with_columns(
        pl.when(here).then(change).otherwise(pl.col(name)).alias(name) for name, change in changes.items()
    )


def test_a_sound_run_is_recounted_in_pieces_of_any_size(original):
    counted = recount(original)
    assert len(counted) == QUESTIONS
    for rows in (999, 50_000):
        assert recount(original, rows) == counted


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("two_feeders", {}), ("forecast_errors", {}), ("laboratory", {"hours": "4"}),
        pytest.param("laboratory", {}, marks=[pytest.mark.slow, pytest.mark.long]),
    ],
)  # fmt: skip
def test_shipped_scenarios_agree_with_their_recount(name, values, tmp_path):
    run = load_scenario(name).with_values(values).run(seed=7, baseline=False)
    assert len(recount(run.save(tmp_path / "run"), 5_000)) == QUESTIONS


@pytest.mark.parametrize("turnover_eur", [5, 1_000_000, 10**9])
def test_caps_by_turnovers_of_any_size_are_recounted(turnover_eur, tmp_path):
    scenario = load_scenario("monopoly").with_values({"hours": "1", "M.turnover": str(turnover_eur)})
    run = scenario.run(seed=7, baseline=False)
    assert run.metrics["regulator"]["fines"] == (1_220_000_000 if turnover_eur == 5 else 1_395_000_000)
    assert any(question.startswith("sanctions: fines are the gain") for question in recount(run.save(tmp_path / "run")))


def test_a_fine_beyond_the_cap_by_a_large_turnover_is_found(tmp_path):
    values = {"hours": "1", "M.turnover": "1000000"}
    saved = load_scenario("monopoly").with_values(values).run(seed=7, baseline=False).save(tmp_path / "run")
    bend(saved, "evidence", lambda frame: at(frame, pl.col("item") == "turnover", value=pl.lit(10**9)))
    with pytest.raises(CorruptError, match="no more than the caps"):
        recount(saved)


def test_a_run_that_was_stopped_is_recounted_as_far_as_it_came(story, tmp_path):
    record = story.g1(bill=False)
    stopped = Record(record.header, record.streams, record.fingerprint, complete=False)
    run = Run(stopped, None, {**story.INFO, "complete": False})
    assert len(recount(run.save(tmp_path / "run"))) == QUESTIONS - 1


BENT = {
    "an amount": ("postings", lambda f: at(f, pl.col("cause") == "retail", amount=pl.col("amount") + 1), "to zero"),
    "two legs of a transfer": (
        "postings",
        lambda f: at(
            at(f, (pl.col("cause") == "retail") & (pl.col("amount") < 0), amount=pl.col("amount") + 1),
            (pl.col("cause") == "retail") & (pl.col("amount") > 0), amount=pl.col("amount") - 1,
        ),
        "sum of the agent's postings",
    ),
    "an account": ("postings", lambda f: at(f, pl.col("cause") == "trade", account=pl.lit("GRID")), "paid for"),
    "a cause": ("postings", lambda f: at(f, pl.col("cause") == "trade", cause=pl.lit("levy")), "paid for"),
    "a payment's period": (
        "postings", lambda f: at(f, pl.col("cause") == "trade", period=pl.col("period").max()), "paid for",
    ),
    "a trade's energy": ("trades", lambda f: at(f, True, quantity_wh=pl.col("quantity_wh") + 1), "as much energy"),
    "a trade's price": ("trades", lambda f: at(f, True, price_tick=pl.col("price_tick") + 1), "paid for"),
    "a trade lost": ("trades", lambda f: f[1:], "as many as the figures say"),
    "a trade twice": ("trades", lambda f: pl.concat([f, f[:1]]), "as many as the figures say"),
    "sides": ("trades", lambda f: at(f, True, buyer=pl.col("seller"), seller=pl.col("buyer")), "bought - sold"),
    "a trade's order": ("trades", lambda f: at(f, True, maker_order=pl.col("maker_order") + 1), "order by order"),
    "a stranger": ("trades", lambda f: at(f, True, buyer=pl.lit("nobody")), "of members"),
    "a load": ("meters", lambda f: at(f, True, load_wh=pl.col("load_wh") + 1), "load + charge"),
    "a load and a residual": (
        "meters",
        lambda f: at(f, True, load_wh=pl.col("load_wh") + 1, residual_wh=pl.col("residual_wh") + 1),
        "metered_wh is the sum",
    ),
    "traded and residual": (
        "meters",
        lambda f: at(f, True, traded_wh=pl.col("traded_wh") + 1, residual_wh=pl.col("residual_wh") - 1),
        "bought - sold",
    ),
    "charging while discharging": (
        "meters",
        lambda f: at(
            f, pl.col("charge_wh") > 0, charge_wh=pl.col("charge_wh") + 1, discharge_wh=pl.col("discharge_wh") + 1
        ),
        "load + charge",
    ),
    "a reading lost": ("meters", lambda f: f[1:], "one row per member"),
    "an order lost": ("orders", lambda f: f.filter(pl.col("order") != f["order"].max()), "as many as the figures say"),
    "an acceptance": ("orders", lambda f: at(f, True, quantity_wh=pl.col("quantity_wh") + 1), "at every event"),
    "an acceptance turned": ("orders", lambda f: at(f, True, event=pl.lit("cancelled")), "at every event"),
    "what remained": (
        "orders", lambda f: at(f, pl.col("remaining_wh") > 0, remaining_wh=pl.col("remaining_wh") - 1), "every event",
    ),
    "an end lost": (
        "orders", lambda f: f.filter(~((f["event"] == "expired") & (f["seq"] == f.filter(event="expired")["seq"][0]))),
        "none rests",
    ),
    "a fill's price": (
        "orders", lambda f: at(f, pl.col("event") == "filled", price_tick=pl.col("price_tick") + 1), "order by order",
    ),
    "a bill": ("agents", lambda f: at(f, True, bill=pl.col("bill") + 1), "sum of the agent's postings"),
    "money at the end": ("agents", lambda f: at(f, True, money_end=pl.col("money_end") + 1), "sum of the agent's"),
    "a total": ("agents", lambda f: at(f, pl.col("bought_wh") > 0, bought_wh=pl.col("bought_wh") + 1), "sum of meters"),
    "a share": ("agents", lambda f: at(f, pl.col("local_wh") > 0, local_wh=pl.col("local_wh") - 1), "sum of meters"),
    "a group": (
        "groups",
        lambda f: at(f, True, metered_wh=pl.col("metered_wh") + 1, nominated_wh=pl.col("nominated_wh") + 1),
        "metered_wh is the sum",
    ),
    "a deviation": ("groups", lambda f: at(f, True, deviation_wh=pl.col("deviation_wh") + 1), "nominated + deviation"),
    "a flow": ("flows", lambda f: at(f, True, flow_wh=pl.col("flow_wh") + 1), "flow_wh is the sum"),
    "a path's losses": ("flows", lambda f: at(f, True, losses_wh=pl.col("losses_wh") + 1), "network's share"),
    "a charge": ("meters", lambda f: at(f, pl.col("soc_wh") > 0, soc_wh=pl.col("soc_wh") + 1), "charge follows"),
    "a charge of nobody's battery": (
        "meters", lambda f: at(f, pl.col("soc_wh") == 0, soc_wh=pl.lit(1)), "has no battery",
    ),
    "a charge at the end": (
        "agents", lambda f: at(f, pl.col("soc_end_wh") > 0, soc_end_wh=pl.col("soc_end_wh") - 1), "start and end",
    ),
    "a charge at the start": (
        "agents", lambda f: at(f, pl.col("soc_end_wh") > 0, soc_start_wh=pl.lit(5)), "start and end",
    ),
    "an agent lost": ("agents", lambda f: f.filter(pl.col("agent") != "blue"), "one row for each"),
    "an agent twice": ("agents", lambda f: pl.concat([f, f[:1]]), "one row for each"),
    "a saving out of nowhere": ("agents", lambda f: at(f, True, saving=pl.lit(1)), "saving ="),
    "a column": ("flows", lambda f: f.drop("flow_wh"), "cannot be counted"),
}  # fmt: skip


@pytest.mark.parametrize("case", BENT)
def test_a_bent_table_is_found_out(saved, case):
    table, change, told = BENT[case]
    bend(saved, table, change)
    with pytest.raises(CorruptError) as caught:
        recount(saved, 4_000)
    assert any(told in problem for problem in caught.value.problems), caught.value.problems


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    scenario = load_scenario("rivals").with_values({"local.mechanism": "static-key"})
    return scenario.run(seed=7, baseline=False).save(tmp_path_factory.mktemp("shared") / "run")


def test_shared_energy_is_recounted_like_traded_energy(shared):
    assert len(recount(shared, 5_000)) == QUESTIONS


@pytest.mark.parametrize(
    ("column", "told"),
    [("shared_wh", "traded = bought - sold"), ("price_tick", "paid for"), ("agent", "paid for")],
)
def test_a_bent_table_of_shares_is_found_out(column, told, shared, tmp_path):
    folder = shutil.copytree(shared, tmp_path / "run")
    change = pl.lit("blue") if column == "agent" else pl.col(column) + 1
    bend(folder, "shares", lambda frame: at(frame, pl.col("shared_wh") > 0, **{column: change}))
    with pytest.raises(CorruptError) as caught:
        recount(folder)
    assert any(told in problem for problem in caught.value.problems), caught.value.problems


def test_a_table_that_is_not_the_manifests_is_told_before_counting(saved):
    path = saved / "tables/flows.parquet"
    pl.read_parquet(path)[1:].write_parquet(path)
    with pytest.raises(CorruptError, match="all files are those that the manifest tells of"):
        recount(saved)


def test_a_changed_manifest_or_journal_and_a_file_too_many_are_told(saved):
    manifest = json.loads((saved / "manifest.json").read_bytes())
    (saved / "manifest.json").write_text(json.dumps(manifest | {"seed": 4}))
    with pytest.raises(CorruptError, match="its digest is its content's"):
        recount(saved)
    write_manifest(saved, {**manifest, "files": manifest["files"] | {"tables/more.parquet": {}}})
    with pytest.raises(CorruptError, match="all files are those"):
        recount(saved)
    for name in ("journal.wbj", "tables/decisions.parquet"):
        write_manifest(saved, manifest)
        data = (saved / name).read_bytes()
        (saved / name).write_bytes(data + b"x")
        with pytest.raises(CorruptError, match=f"all files are those that the manifest tells of; first: file {name}"):
            recount(saved)
        (saved / name).write_bytes(data)
    assert len(recount(saved)) == QUESTIONS


def test_batteries_of_any_kind_are_followed_and_savings_counted(tmp_path):
    agents = [
        prosumer("ada", pv=Pv(kw(8)), battery=Battery(kwh(5), kw(3), None, None, percent(73), percent(37))),
        prosumer("bo", pv=Pv(kw(9)), battery=Battery(kwh(2), charge_w=kw(1), discharge_w=kw(2))),
        consumer("cy"), utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80)),
    ]  # fmt: skip
    scenario = Scenario(start="2016-06-06", days=1, agents=agents)
    folder = scenario.run(seed=1).save(tmp_path / "run")
    assert pl.read_parquet(folder / "tables/meters.parquet")["soc_wh"].max() > 1_000
    assert len(recount(folder, 50)) == QUESTIONS
    agents = pl.read_parquet(folder / "tables/agents.parquet")
    bend(folder, "agents", lambda frame: at(frame, frame["saving"] != 0, saving=pl.col("saving") + 1))
    with pytest.raises(CorruptError, match="saving = bill of the baseline - bill"):
        recount(folder)
    agents.write_parquet(folder / "tables/agents.parquet")
    bend(folder, "agents", lambda frame: at(frame, True, baseline_bill=None, saving=None))
    with pytest.raises(CorruptError, match="saving = bill of the baseline - bill"):
        recount(folder)
    failing = scenario.with_values({"meter_failures": percent(10)}).run(seed=1, baseline=False)
    assert len(recount(failing.save(tmp_path / "failing"))) == QUESTIONS


def test_what_cannot_be_read_says_so(saved, tmp_path):
    with pytest.raises(ResourceError, match="no such folder"):
        recount(tmp_path / "nothing")
    (saved / "tables/meters.parquet").unlink()
    with pytest.raises(ResourceError, match="cannot be read"):
        recount(saved)
    (saved / "manifest.json").write_text("{")
    with pytest.raises(CorruptError, match="cannot be counted"):
        recount(saved)


PARTS = ("", "_gateway", "_incentives", "_moves", "_oversight", "_wholesale")


@pytest.mark.parametrize("module", [f"recount{part}" for part in PARTS])
def test_nothing_of_the_package_but_its_errors_is_used(module):
    source = Path(sys.modules[recount.__module__].__file__).with_name(f"{module}.py")
    tree = ast.parse(source.read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    own = {f"wattbook.results.recount{part}" for part in PARTS}
    # The table of fuels is data; nothing is computed there.
    data = {"wattbook.data"} if module == "recount_incentives" else set()
    assert {name for name in names if name.startswith("wattbook")} <= {"wattbook.errors", *own, *data}


# A child's ru_maxrss begins with what its parent held when it was forked: VmHWM is its own.
COUNT = """
import sys
from pathlib import Path
from wattbook.results import recount
counted = len(recount(sys.argv[1]))
print(counted, Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("homes", [1_000, 10_000])
def test_a_city_is_recounted_in_bounded_time_and_memory(homes, tmp_path):
    folder = town(homes, baseline=False).run(seed=7).save(tmp_path / "run")
    began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    told = subprocess.run(
        [sys.executable, "-c", COUNT, folder], check=True, capture_output=True, text=True
    ).stdout.split()  # fmt: skip
    spent_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
    assert int(told[0]) == QUESTIONS
    assert spent_s < 2 + homes * 0.6e-3, "a day of 100,000 homes should take less than a minute"
    assert int(told[1]) < 1_500_000, "KiB"
