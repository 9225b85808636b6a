"""The page on the wholesale market is true: its rules are numbered, its script is one, it names every stream."""

import re
from pathlib import Path

from wattbook.messages import CONTRACTS, MOVES, RETAIL_STREAMS, WHOLESALE_STREAMS, streams_of
from wattbook.scenario import compile_street
from wattbook.scenario.estimating import estimate
from wattbook.world.foresight import DAYS_REMEMBERED, SERVED_SD_PPM, WEATHER_SD_PPM
from wattbook.world.wholesale_day import MOST_ORDERS, MOST_SAID

PAGE = (Path(__file__).parents[2] / "docs" / "wholesale.md").read_text(encoding="utf-8")


def test_the_rules_are_numbered_in_order():
    numbers = [int(number) for number in re.findall(r"^W(\d+)\. ", PAGE, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 20


def test_the_pages_script_makes_a_scenario_with_the_streams_that_it_names():
    (script,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    space = {}
    eval(compile(script, "docs/wholesale.md", "exec"), space)
    scenario = space["scenario"]
    assert estimate(scenario).members == 103
    street = compile_street(scenario, 7).street
    assert street.wholesale.customers.tolist() == [20_000, 20_000]
    streams = {stream.name for stream in streams_of(street.header())}
    assert streams >= {stream.name for stream in (*WHOLESALE_STREAMS, CONTRACTS)}
    told = set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## What is written")[1], re.MULTILINE))
    assert told == {stream.name for stream in (*WHOLESALE_STREAMS, *RETAIL_STREAMS, MOVES, CONTRACTS)}


def test_the_numbers_of_the_page_are_those_of_the_code():
    assert (SERVED_SD_PPM, WEATHER_SD_PPM, DAYS_REMEMBERED) == (30_000, 100_000, 7)
    for words in ("(standard deviation 3 %)", "(10 %)", "last seven prices", f"first {MOST_SAID:,} commands"):
        assert words in " ".join(PAGE.split()), words
    assert f"more than {MOST_ORDERS:,} orders" in PAGE
