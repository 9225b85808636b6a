"""Every shipped scenario has a golden fingerprint; a change that moves one says why in CHANGELOG.md."""

from pathlib import Path

import pytest

from wattbook import load_scenario

pytestmark = pytest.mark.slow

SCENARIOS = Path(__file__).parents[1] / "scenarios"
GOLDEN = {
    "allaz_vila": "e904ef341b9fd3fad95d4ddfadfeddf260f0cd67715b8c1be3969e685b211223",
    "city": "e6c504f0be7431f68ce3da938aab4315ea68f473897e8d8cff18c4627ef5325a",
    "competition": "be3739f21e15f5c34432084cbd260094c4d58e79e7f0ca8055ebc1d869cbd187",
    "forecast_errors": "774c3c2c5b605d3cb6e5d37f8b8dbd24190f14ce3fefae41264e4f50117c2c81",
    "green_incentives": "d7a99dd7af5b121b9f8dc439343982ea79685fdbf02cc551d1c727a0d9835a4c",
    "green_quota": "20022908bb281d27b2341ae745e94c28ff08b64a7f892211b6d3f8d953c0f22b",
    "hedging": "4dbba4640d6bfafa33b799841a54c5e63f78d02fde99472bd1bcf08751288b6a",
    "laboratory": "a317773f882e00e2bd84eeff770df6828259fa7cc9fda6c4032f0529fd91c67e",
    "language_models": "7d5b19a40760ea22770a0e9db162ba50559fd89d3e8f5577cc13201cffca3961",
    "monopoly": "e0fc80e38a83cdaedadc1ec559c4281e8ec600cbeab030ec86dcd0709f6c84af",
    "neighbourhood": "5eaa826237ce97a5b204e1cec92d86dbd3e7022413c30442e999123c7fcb38da",
    "reaction_times": "65fce1c6ab8f25043724170da4fac88df0024766d9513db6f0485e3e048493bc",
    "rivals": "649274e3a8b14d052e99d433416fc5101f1cb3a9147dcd4d4bff37c9eeec5885",
    "scarcity": "f34fb6a38d2c39f0b1a0b1ff60e217c89968bca8f2c1b2eb5c7be8991d142e3c",
    "seed_1": "11a754931963b8cb0a1502188c821b930c8343e1cf9284a41f03635e47f4e502",
    "seed_2": "427f8c5547fe345abe2988c90d62046521d577432520e08fa088f36d9e02bf54",
    "spoofing": "2188ffb0cf1be0687de242a070ddfebc1a94419432a39e8d56e030008598b7ac",
    "two_feeders": "9caeb452a39fb40b1cee99e6f336a9301885b018b87c65eca0c52383e6baa8b4",
}


def test_every_scenario_is_golden():
    assert {path.stem for path in SCENARIOS.glob("*.py")} == set(GOLDEN)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] * (name == "reaction_times")) for name in GOLDEN]
)
def test_a_scenario_gives_its_golden_fingerprint(name):
    assert load_scenario(name).run(seed=7, baseline=False).fingerprint == GOLDEN[name]
