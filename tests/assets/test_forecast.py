"""Forecasts: errors of the promised size that are revealed step by step, each home at its own instants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattbook.assets import Forecast, ForecastKeys, day_before_wh, update_phases_ms
from wattbook.assets.forecast import STAGE_LEADS_MS
from wattbook.assets.kernel import (
    LOAD_SD_ROW,
    PV_SD_ROW,
    cloud_shocks,
    expected_generation,
    expected_load,
    expected_sd,
    forecast,
    forecast_on,
    last_update_ms,
    next_update_ms,
    open_stages,
)
from wattbook.errors import ConfigError
from wattbook.units import MS_PER_HOUR, MS_PER_MINUTE, hours, minutes, percent

QUARTER_MS = 15 * MS_PER_MINUTE
PERIODS = 3_000
BIG_WH = 1_000_000
KEYS = ForecastKeys.of(7, ["ann", "bob"])


def _load_errors(agent, stages, model):
    table = model.table()
    return (
        np.array([expected_load(BIG_WH * 9, BIG_WH, KEYS.load[agent], p, stages, table) for p in range(PERIODS)])
        - 9 * BIG_WH
    )


def _pv_errors(agent, stages, model):
    table = model.table()
    return (
        np.array([expected_generation(BIG_WH, KEYS.cloud, KEYS.own[agent], p, stages, table) for p in range(PERIODS)])
        - BIG_WH
    )


def test_the_errors_have_mean_zero_and_the_sd_of_the_table():
    model = Forecast(load_error=percent(40), pv_error=percent(25))
    table = model.table()
    for stages in (1, 5, table.shape[1]):
        for errors, row in ((_load_errors(0, stages, model), LOAD_SD_ROW), (_pv_errors(0, stages, model), PV_SD_ROW)):
            sd = table[row, stages - 1]
            assert abs(errors.mean()) < 4 * sd / PERIODS**0.5
            assert abs(errors.std() / sd - 1) < 0.05


def test_the_sd_at_the_longest_lead_is_the_configured_one_and_the_nowcast_s_share_stays():
    table = Forecast(load_error=percent(40), pv_error=percent(25), nowcast=percent(30)).table()
    assert abs(table[LOAD_SD_ROW, -1] - 400_000) < 50
    assert abs(table[PV_SD_ROW, -1] - 250_000) < 50
    assert table[LOAD_SD_ROW, 0] == 120_000
    assert (np.diff(table[LOAD_SD_ROW]) > 0).all()


@pytest.mark.parametrize("grows_for", [minutes(15), minutes(90), minutes(150), hours(20), hours(36)])
def test_the_variance_grows_with_the_lead_up_to_the_given_one(grows_for):
    table = Forecast(load_error=percent(40), nowcast=0, grows_for=grows_for).table()
    for lead_ms in (*STAGE_LEADS_MS, 48 * MS_PER_HOUR):
        sd = table[LOAD_SD_ROW, open_stages(lead_ms, table.shape[1]) - 1]
        expected = 400_000 * min(1, lead_ms / grows_for) ** 0.5
        assert sd <= expected
        if lead_ms in STAGE_LEADS_MS and (lead_ms <= grows_for or grows_for in STAGE_LEADS_MS):
            assert expected - sd < 50


def test_stages_open_by_quarters_to_two_hours_and_by_hours_to_thirty_six():
    assert [open_stages(lead, 64) for lead in (-1, 0, QUARTER_MS - 1, QUARTER_MS)] == [1, 1, 1, 2]
    assert [open_stages(lead, 64) for lead in STAGE_LEADS_MS] == list(range(1, len(STAGE_LEADS_MS) + 1))
    assert [open_stages(lead - 1, 64) for lead in STAGE_LEADS_MS[1:]] == list(range(1, len(STAGE_LEADS_MS)))
    assert open_stages(hours(2) - 1, 64) <= 9
    assert open_stages(hours(200), 31) == 31


def test_a_revision_is_independent_of_the_error_that_remains():
    model = Forecast()
    late, early = _load_errors(0, 3, model), _load_errors(0, 12, model)
    assert abs(np.corrcoef(early - late, late)[0, 1]) < 0.06
    assert early.std() > late.std()


def test_plants_err_together_under_one_cloud_and_loads_err_apart():
    model = Forecast(common=percent(80))
    plants = np.corrcoef(_pv_errors(0, 9, model), _pv_errors(1, 9, model))[0, 1]
    loads = np.corrcoef(_load_errors(0, 9, model), _load_errors(1, 9, model))[0, 1]
    assert 0.75 < plants < 0.85
    assert abs(loads) < 0.06


def test_no_forecast_is_negative_and_the_night_is_dark():
    table = Forecast(load_error=percent(200), pv_error=percent(200)).table()
    most = table.shape[1]
    loads = [expected_load(10, 500, KEYS.load[0], p, most, table) for p in range(200)]
    suns = [expected_generation(10, KEYS.cloud, KEYS.own[0], p, most, table) for p in range(200)]
    assert min(loads) == min(suns) == 0
    assert expected_generation(0, KEYS.cloud, KEYS.own[0], 3, most, table) == 0


def test_an_oracle_is_right_and_sure():
    table = Forecast(kind="oracle").table()
    assert expected_load(123, 100, KEYS.load[0], 5, open_stages(hours(30), table.shape[1]), table) == 123
    assert expected_generation(456, KEYS.cloud, KEYS.own[0], 5, 1, table) == 456
    assert expected_sd(100, 456, 1, table) == 0


def test_persistence_tells_yesterday_and_owns_up_to_its_error():
    model = Forecast(kind="persistence", load_error=percent(50), pv_error=percent(60))
    actual = np.array([[1, 2, 3, 4, 5]])
    yesterday = day_before_wh(actual, np.array([[8, 9]]))
    assert yesterday.tolist() == [[8, 9, 1, 2, 3]]
    assert model.base_wh(actual, yesterday) is yesterday
    assert Forecast().base_wh(actual, yesterday) is actual
    table = model.table()
    assert expected_load(9, 100, KEYS.load[0], 1, 1, table) == 9
    assert expected_sd(60, 50, 1, table) == 42  # sqrt(30^2 + 30^2) = 42.4


def test_the_sd_of_the_net_load_joins_load_and_generation():
    table = Forecast(load_error=percent(40), pv_error=percent(30), nowcast=percent(100)).table()
    assert table[LOAD_SD_ROW, -1] == 400_000
    assert expected_sd(1_000, 1_000, 1, table) == 500


def _forecasts(now_ms, phase_ms, model):
    actual = np.full(8, 1_000)
    out = np.zeros((3, 8), dtype=np.int64)
    updated_ms = last_update_ms(now_ms, phase_ms, int(model.update_every))
    forecast(
        actual, actual, 500, KEYS.load[0], KEYS.cloud, KEYS.own[0], 40, 40 * QUARTER_MS, QUARTER_MS, updated_ms,
        model.table(), *out,
    )  # fmt: skip
    return out.tolist()


def test_between_two_updates_a_forecast_does_not_change():
    model = Forecast()
    update_ms = 36 * QUARTER_MS + 1_234
    before, at, after = (_forecasts(update_ms + shift, 1_234, model) for shift in (-1, 0, QUARTER_MS - 1))
    assert before != at
    assert at == after


def test_a_forecast_row_is_made_of_its_single_expectations():
    model = Forecast()
    table = model.table()
    load_wh, generation_wh, sd_wh = _forecasts(38 * QUARTER_MS, 0, model)
    for t in range(8):
        stages = open_stages((2 + t) * QUARTER_MS, table.shape[1])
        assert load_wh[t] == expected_load(1_000, 500, KEYS.load[0], 40 + t, stages, table)
        assert generation_wh[t] == expected_generation(1_000, KEYS.cloud, KEYS.own[0], 40 + t, stages, table)
        assert sd_wh[t] == expected_sd(500, generation_wh[t], stages, table)


@settings(deadline=None)
@given(st.integers(-(10**12), 10**13), st.integers(0, 10**8), st.integers(1, 10**8))
def test_updates_come_at_the_phase_and_every_so_often_after_it(now_ms, phase_ms, every_ms):
    last, following = last_update_ms(now_ms, phase_ms, every_ms), next_update_ms(now_ms, phase_ms, every_ms)
    assert last <= now_ms < following == last + every_ms
    assert (last - phase_ms) % every_ms == 0


def test_an_agent_s_streams_and_phase_depend_on_its_name_alone():
    more = ForecastKeys.of(7, ["aaron", "ann", "bob"])
    assert more.load[1:].tolist() == KEYS.load.tolist()
    assert more.own[1:].tolist() == KEYS.own.tolist()
    assert more.cloud == KEYS.cloud
    assert len({*more.load.tolist(), *more.own.tolist(), more.cloud}) == 7
    phases = update_phases_ms(7, ["aaron", "ann", "bob"], minutes(15))
    assert phases[1:].tolist() == update_phases_ms(7, ["ann", "bob"], minutes(15)).tolist()
    assert ((phases >= 0) & (phases < minutes(15))).all()


def test_a_forecast_tells_all_its_mistakes_at_once():
    with pytest.raises(ConfigError) as caught:
        Forecast("martingal", load_error=-1, pv_error=minutes(3), nowcast=0.5, grows_for=hours(40), update_every=0)
    assert len(caught.value.problems) == 6
    assert "did you mean 'martingale'" in caught.value.problems[0]
    with pytest.raises(ConfigError, match="kind=None"):
        Forecast(None)


@settings(max_examples=60, deadline=None)
@given(
    updates=st.lists(st.integers(1, 40), min_size=1, max_size=12),
    ends=st.lists(st.integers(0, 40), min_size=12, max_size=12),
    sun=st.booleans(),
)
def test_a_forecast_that_is_carried_on_is_the_forecast_made_anew(updates, ends, sun):
    h, every_ms, table = 40, 10 * MS_PER_MINUTE, Forecast(load_error=percent(40)).table()
    rng = np.random.default_rng(len(updates))
    base, plant = rng.integers(0, 900, h), rng.integers(-1, 900, h) * sun
    cloud_ppm = np.zeros((h, table.shape[1] + 1), np.int64)
    cloud_shocks(KEYS.cloud, table, cloud_ppm)
    kept, (raw_load, raw_own) = np.zeros((3, h), np.int64), np.zeros((2, h), np.int64)
    before_ms, updated_ms, foreseen = -1, -36 * MS_PER_HOUR, 0
    for steps, end in zip(updates, ends, strict=False):
        updated_ms += steps * every_ms
        first = max(0, -(-updated_ms // QUARTER_MS))
        last = max(first, min(end, h))
        span, start_ms = slice(first, last), first * QUARTER_MS
        forecast_on(
            base[span], plant[span], 250, KEYS.load[0], KEYS.own[0], first, start_ms, QUARTER_MS, before_ms, updated_ms,
            foreseen - first, table, cloud_ppm, raw_load[span], raw_own[span], *kept[:, span],
        )  # fmt: skip
        anew = np.zeros((3, h), np.int64)
        forecast(
            base[span], plant[span], 250, KEYS.load[0], KEYS.cloud, KEYS.own[0], first, start_ms, QUARTER_MS,
            updated_ms, table, *anew[:, span],
        )  # fmt: skip
        assert (kept[:, span] == anew[:, span]).all()
        before_ms, foreseen = updated_ms, last
