"""Every shipped scenario has a golden fingerprint; a change that moves one says why in CHANGELOG.md."""

from pathlib import Path

import pytest

from wattbook import load_scenario

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).parents[1] / "scenarios"
GOLDEN = {
    "city": "c896ea57411ce8d42a58a90757b0511d0b203db97b84a3c65167567c32ca2346",
    "forecast_errors": "1708ac8a8cb85b6ec150c1d84f1217a7c955556400f653fb4449b35bcdc2a51c",
    "laboratory": "a317773f882e00e2bd84eeff770df6828259fa7cc9fda6c4032f0529fd91c67e",
    "neighbourhood": "ee1d26016b3ab7afbb7bbb4d5e69b11028d2cb32a04c3d12e3510e0b3f2ed3f1",
    "reaction_times": "65fce1c6ab8f25043724170da4fac88df0024766d9513db6f0485e3e048493bc",
    "two_feeders": "3fba3a6eeb37270d71c512bf4e8054bff388072ef22c7fd0dbdc12bf1f8a10eb",
}


def test_every_scenario_is_golden():
    assert {path.stem for path in SCENARIOS.glob("*.py")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_scenario_gives_its_golden_fingerprint(name):
    assert load_scenario(name).run(seed=7, baseline=False).fingerprint == GOLDEN[name]
