"""A small street with minds, ready to run."""

from __future__ import annotations

import numpy as np
import pytest

from wattbook.assets import Batteries, Battery, Forecast
from wattbook.policies import PERSONAS, home, nominate
from wattbook.units import kw, kwh
from wattbook.world import Outlook, World

PERIODS = 32
HOMES = 12


@pytest.fixture
def make_world(make_street):
    """Give a function that builds a world of twelve homes in two feeders with two utilities.

    Rows are laid out by name as the engine wants it, whatever the order of `extra`; the sun shines from the ninth
    period on. `minds` maps names to minds that replace the default.
    """

    def make(
        seed=7,
        *,
        kind="martingale",
        minds=None,
        extra=(),
        market=True,
        on_policy_error="quarantine",
        engine="auto",
        **given,
    ):
        rng = np.random.default_rng(5)
        series = {}
        for i in range(HOMES):
            load = rng.integers(30, 150, PERIODS)
            sun = np.maximum(0, np.sin((np.arange(PERIODS) - 8) / 24 * np.pi)) * 900 * (i % 3 == 0)
            series[f"home-{i:02d}"] = (load, sun.astype(np.int64))
        for name in extra:
            series[name] = (np.zeros(PERIODS, np.int64), np.zeros(PERIODS, np.int64))
        utilities = ["u-blue", "u-green"]
        names = sorted([*series, *utilities])
        rows = {name: row for row, name in enumerate(names)}
        load = np.array([series.get(name, (np.zeros(PERIODS, np.int64),) * 2)[0] for name in names])
        generation = np.array([series.get(name, (np.zeros(PERIODS, np.int64),) * 2)[1] for name in names])
        batteries = Batteries.of([Battery(kwh(4), kw(2)) if name in {"home-00", "home-03"} else None for name in names])
        number = {name: int(name[-2:]) if name.startswith("home") else 0 for name in series}
        supplier = {name: utilities[int(name[-1]) % 2] if name.startswith("home") else "u-blue" for name in series}
        street = make_street(
            names,
            feeder=[-1 if name in utilities else int(name[-1]) % 2 if name.startswith("home") else 0 for name in names],
            utility=[-1 if name in utilities else rows[supplier[name]] for name in names],
            periods=PERIODS,
            load=load,
            generation=generation,
            retail={rows["u-blue"]: 16_000, rows["u-green"]: 17_000},
            feed_in={rows["u-blue"]: 8_000, rows["u-green"]: 7_500},
            battery=batteries,
            sell_limit_wh=np.full(len(names), 5_000),
            buy_limit_wh=np.full(len(names), 10_000),
            **({} if market is True else {"market": market or None}),
            **given,
        )
        personas = list(PERSONAS)
        default = {name: home(personas[number[name] % len(personas)]) for name in series}
        default |= dict.fromkeys(utilities, nominate())
        default |= minds or {}
        outlook = Outlook(Forecast(kind), load, generation)
        return World(street, [default[name] for name in names], outlook, seed, on_policy_error, engine=engine)

    return make
