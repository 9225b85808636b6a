"""Whole runs of a small street: repeatable, balanced, independent of the order of registration."""

import gc
import weakref

import pytest

from wattbook import ConfigError, LocalMarket, consumer, load_scenario, utility
from wattbook.errors import PolicyError, ResourceError
from wattbook.scenario import estimating, running
from wattbook.units import eur_per_mwh, minutes


def broken(see, memory, draw, out):
    raise ValueError("no idea")


@pytest.fixture(scope="module")
def street():
    """Give the shipped street of eight homes, in hours."""
    return load_scenario("two_feeders").with_values({"local.period": "60"})


@pytest.fixture(scope="module")
def result(street):
    """Give its run."""
    return street.run(seed=7)


def test_a_run_trades_balances_and_has_a_baseline(result):
    assert result.metrics["trades"] > 0
    assert result.metrics["money_sum"] == 0
    assert result.metrics["energy_residual_wh"] == 0
    assert result.baseline is not None
    assert "two" not in result.info["scenario"]
    assert result.info["incidents"] == []


def test_the_same_seed_gives_the_same_run_in_any_order_of_registration(street, result):
    turned = type(street)(**{**{name: getattr(street, name) for name in type(street).model_fields},
                             "agents": list(reversed(street.agents))})  # fmt: skip
    again = turned.run(seed=7)
    assert again.fingerprint == result.fingerprint
    assert again.baseline.fingerprint == result.baseline.fingerprint
    assert again.info["scenario"] == result.info["scenario"]


@pytest.mark.parametrize("values", [{}, {"local.period": "30", "forecast.kind": "martingale", "start": "2016-03-26"}])
def test_without_its_local_market_a_street_is_its_own_baseline(street, values):
    market = street.with_values(values | {"days": 2})
    bare = market.with_values({"local": "none"})
    bills = bare.run(seed=7, baseline=False).agents.select("agent", "bill")
    assert dict(bills.iter_rows()) == market.run(seed=7).metrics["baseline"]["bills"]


def test_another_seed_gives_another_run(street, result):
    assert street.run(seed=8, baseline=False).fingerprint != result.fingerprint


def test_a_run_tells_seed_versions_inputs_and_time(result):
    info = result.info
    assert info["seed"] == 7
    assert {"python", "wattbook", "numpy", "numba", "simpy", "polars"} <= set(info["versions"])
    assert len(info["inputs"]) == 2
    assert info["wall_s"] > 0
    assert info["wakes"] > 0


def test_progress_walks_through_the_market_and_then_the_baseline(street):
    reports = []
    street.run(seed=1, progress=lambda phase, progress: reports.append((phase, progress.now_ms)))
    assert [phase for phase, _ in reports] == ["market"] * 24 + ["baseline"] * 24
    times = [now_ms for phase, now_ms in reports if phase == "market"]
    assert times == sorted(times)


def test_a_run_without_baseline_has_none(street):
    assert street.run(seed=1, baseline=False).baseline is None


def test_a_broken_policy_is_quarantined_with_its_traceback(make_scenario):
    agents = [*make_scenario().agents, consumer("cy", policy=broken)]
    result = make_scenario(agents=agents).run(seed=0, baseline=False)
    assert [(each["agent"], each["error"]) for each in result.info["incidents"]] == [("cy", "ValueError: no idea")]
    assert "no idea" in result.info["incidents"][0]["traceback"]


def test_a_broken_policy_fails_the_run_if_the_scenario_says_so(make_scenario):
    agents = [*make_scenario().agents, consumer("cy", policy=broken)]
    with pytest.raises(PolicyError, match="cy"):
        make_scenario(agents=agents, on_policy_error="fail").run(seed=0)


def test_a_bad_seed_is_refused_before_anything_runs(make_scenario):
    with pytest.raises(ConfigError):
        make_scenario().run(seed=-1)


def test_a_run_is_saved_and_read_back(result, tmp_path):
    from wattbook import Run, verify

    result.save(tmp_path / "run")
    assert Run.load(tmp_path / "run").fingerprint == result.fingerprint
    assert verify(tmp_path / "run")


def test_the_estimate_grows_with_members_and_days(make_scenario):
    small, longer = make_scenario().estimate(), make_scenario(days=4).estimate()
    finer = make_scenario(local=LocalMarket(period=minutes(15))).estimate()
    assert small.events < finer.events < longer.events
    assert small.memory_bytes < longer.memory_bytes == finer.memory_bytes
    assert small.seconds < finer.seconds < longer.seconds


# What runs took by GNU time with everything that they do, on two cores that others used (the module tells when).
MEASURED = [
    ("two_feeders", {}, 1.5, 284),
    ("forecast_errors", {}, 1.7, 286),
    ("rivals", {}, 2.1, 316),
    ("neighbourhood", {}, 2.0, 339),
    ("neighbourhood", {"days": 14}, 4.7, 402),
    ("neighbourhood", {"engine": "processes", "baseline": False}, 2.3, 321),
    ("laboratory", {}, 9.8, 326),
    ("reaction_times", {}, 18.5, 307),
    ("city", {}, 2.4, 387),
    ("city", {"days": 7}, 5.5, 420),
    ("city", {"homes": 10_000}, 7.0, 536),
    ("city", {"homes": 10_000, "engine": "processes", "baseline": False}, 11.0, 529),
    ("city", {"homes": 10_000, "local": None}, 5.3, 509),
    ("city", {"homes": 10_000, "personas": "balanced", "baseline": False}, 12.3, 529),
    ("city", {"homes": 2_000, "local.mechanism": "mid-market-rate"}, 2.5, 388),
    ("city", {"homes": 50_000}, 30.3, 1_409),
]


@pytest.mark.parametrize(("name", "values", "cpu_s", "mebibytes"), MEASURED)
def test_the_estimate_is_within_a_factor_of_two_of_what_was_measured(name, values, cpu_s, mebibytes):
    told = load_scenario(name).with_values(values).estimate()
    assert 0.5 < told.seconds / cpu_s < 2
    assert 0.75 < (told.memory_bytes >> 20) / mebibytes < 1.33


def test_a_policy_in_python_takes_longer_and_one_of_a_users_own_is_compiled(make_scenario):
    def in_python(see, memory, draw, out):
        return {"delay": type}["delay"](see).mro and see.period_ms

    def compiled(see, memory, draw, out):
        return see.period_ms

    blue = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    slow, quick = (
        make_scenario(days=30, agents=[consumer("ada", policy=policy), blue]).estimate()
        for policy in (in_python, compiled)
    )
    assert slow.seconds > quick.seconds + 0.1
    assert slow.events == quick.events


def test_a_run_that_fits_is_not_refused(make_scenario, monkeypatch):
    large = load_scenario("city").with_values({"homes": 300_000})
    monkeypatch.setattr(estimating, "free_bytes", lambda: 9 << 30)
    estimating.require_memory(large)
    monkeypatch.setattr(estimating, "free_bytes", lambda: 8 << 30)
    with pytest.raises(ResourceError, match=r"300000 members over 96 periods need 6,.* MiB and 8,192 MiB are free"):
        estimating.require_memory(large)


@pytest.mark.slow
def test_the_shipped_neighbourhood_lowers_the_bill_of_the_street():
    result = load_scenario("neighbourhood").run(seed=7)
    baseline = result.metrics["baseline"]
    assert baseline["total_here"] < baseline["total"]
    assert result.metrics["money_sum"] == result.metrics["energy_residual_wh"] == 0
    assert 0 < result.metrics["allocative_efficiency"] <= 1


def test_failed_meters_are_billed_by_flagged_substitutes_and_everything_still_balances(street):
    plain = street.run(seed=3)
    failing = street.with_values({"meter_failures": "10%"}).run(seed=3)
    flagged = failing.meters["substitute"]
    assert 0.05 < flagged.mean() < 0.15
    assert not plain.meters["substitute"].any()
    assert (failing.metrics["money_sum"], failing.metrics["energy_residual_wh"]) == (0, 0)
    assert failing.meters.filter(~flagged)["load_wh"].equals(plain.meters.filter(~flagged)["load_wh"])
    assert not failing.meters["load_wh"].equals(plain.meters["load_wh"])


def test_what_the_collector_was_to_pass_over_is_as_before_also_after_a_failure(street):
    at_once = {"days": 1, "hours": 2}
    assert gc.get_freeze_count() == 0
    street.with_values(at_once).run(seed=1, baseline=False)
    assert gc.get_freeze_count() == 0
    failing = street.with_values({**at_once, "on_policy_error": "fail", "ada.policy": broken})
    with pytest.raises(PolicyError):
        failing.run(seed=1)
    assert gc.get_freeze_count() == 0
    gc.freeze()
    try:
        street.with_values(at_once).run(seed=1, baseline=False)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_nothing_of_a_world_is_left_once_it_has_run(street, monkeypatch):
    worlds = []
    build = running.World

    def kept(*arguments, **options):
        worlds.append(weakref.ref(world := build(*arguments, **options)))
        return world

    monkeypatch.setattr(running, "World", kept)
    street.with_values({"days": 1, "hours": 2}).run(seed=1)
    assert [world() for world in worlds] == [None, None]
