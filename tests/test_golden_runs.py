"""Every shipped scenario has a golden fingerprint; a change that moves one says why in CHANGELOG.md."""

from pathlib import Path

import pytest

from wattbook import load_scenario

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).parents[1] / "scenarios"
GOLDEN = {
    "forecast_errors": "",
    "neighbourhood": "",
    "two_feeders": "",
}


def test_every_scenario_is_golden():
    assert {path.stem for path in SCENARIOS.glob("*.py")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_a_scenario_gives_its_golden_fingerprint(name):
    assert load_scenario(name).run(seed=7, baseline=False).fingerprint == GOLDEN[name]
