"""Every shipped scenario has a golden fingerprint; a change that moves one says why in CHANGELOG.md."""

from pathlib import Path

import pytest

from wattbook import load_scenario

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).parents[1] / "scenarios"
GOLDEN = {
    "city": "c0f9249b31c5639c1e162b9d262cd9ff5d9ad90dec388964e5e876d2698ea2be",
    "forecast_errors": "1708ac8a8cb85b6ec150c1d84f1217a7c955556400f653fb4449b35bcdc2a51c",
    "laboratory": "a317773f882e00e2bd84eeff770df6828259fa7cc9fda6c4032f0529fd91c67e",
    "neighbourhood": "ee1d26016b3ab7afbb7bbb4d5e69b11028d2cb32a04c3d12e3510e0b3f2ed3f1",
    "two_feeders": "3fba3a6eeb37270d71c512bf4e8054bff388072ef22c7fd0dbdc12bf1f8a10eb",
}


def test_every_scenario_is_golden():
    assert {path.stem for path in SCENARIOS.glob("*.py")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_scenario_gives_its_golden_fingerprint(name):
    assert load_scenario(name).run(seed=7, baseline=False).fingerprint == GOLDEN[name]
