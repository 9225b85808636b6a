"""Whole runs of a small street: repeatable, balanced, independent of the order of registration."""

import pytest

from wattbook import ConfigError, LocalMarket, consumer, load_scenario
from wattbook.errors import PolicyError
from wattbook.units import minutes


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
    assert small.events < longer.events == finer.events
    assert small.memory_bytes < longer.memory_bytes


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
