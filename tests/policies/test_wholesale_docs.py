"""The page on wholesale minds tells every persona as it is."""

from pathlib import Path

import pytest

from wattbook.policies import PRODUCER_PERSONAS, UTILITY_PERSONAS
from wattbook.policies.shares import LEAST_PPM
from wattbook.units import PPM, TICKS_PER_EUR_PER_MWH

PAGE = Path(__file__).parents[2] / "docs" / "wholesale-minds.md"


def rows(name):
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}` |")]
    return [[cell.strip() for cell in line.strip("|").split("|")][1:] for line in lines]


def percent(ppm):
    assert ppm % (PPM // 100) == 0
    return str(ppm // (PPM // 100))


def eur(tick):
    assert tick % TICKS_PER_EUR_PER_MWH == 0
    return str(tick // TICKS_PER_EUR_PER_MWH)


def yes(value):
    return "yes" if value else "no"


@pytest.mark.parametrize("name", UTILITY_PERSONAS)
def test_a_utility_is_told_as_it_is(name):
    mind = UTILITY_PERSONAS[name]
    share = percent(mind.hedge.share_ppm)
    covers = {
        "none": "none",
        "fixed": f"fixed {share} %",
        "ladder": f"ladder {'/'.join(percent(ppm) for _, ppm in mind.hedge.steps)} %",
        "minimum-variance": f"minimum variance, without {share} %",
    }[mind.hedge.rule]
    pays = "any price" if mind.any_price else percent(mind.mark_up_ppm)
    ahead = {None: "newsvendor", PPM // 2: "mean"}[mind.quantile_ppm]
    pricing = mind.pricing
    follows = f"follows {percent(pricing.follows_ppm)} %" if pricing.follows_ppm else "stays"
    tariff = "tries" if pricing.feels_ppm else follows
    told = [covers, pays, eur(mind.green_tick), yes(mind.counters), ahead, percent(mind.shares_ppm), tariff]
    assert told in rows(name)


@pytest.mark.parametrize("name", PRODUCER_PERSONAS)
def test_a_producer_is_told_as_it_is(name):
    mind = PRODUCER_PERSONAS[name]
    shares = [percent(mind.forward_ppm), percent(min(mind.firm_ppm, mind.forward_ppm))]
    told = [
        percent(mind.mark_up_ppm),
        eur(mind.premium_tick),
        *shares,
        yes(mind.posts),
        percent(mind.builds_beyond_ppm),
        percent(mind.share_ppm),
    ]
    assert told in rows(name)


def test_steps_and_losses_of_tariffs_and_the_least_share_are_told():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    (tries,) = {mind.pricing.feels_ppm for mind in UTILITY_PERSONAS.values()} - {0}
    (step,) = {mind.pricing.step_tick for mind in UTILITY_PERSONAS.values()}
    assert f"lost more than {tries / 10_000} % of its customers" in text
    assert f"a step of {eur(step)} EUR/MWh a day" in text
    assert f"Less than {percent(LEAST_PPM)} % of a plant" in text


def test_the_page_names_nobody_else_and_numbers_its_rules():
    text = PAGE.read_text(encoding="utf-8")
    named = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert named == {*UTILITY_PERSONAS, *PRODUCER_PERSONAS}
    numbers = [int(line[1:].split(".")[0]) for line in text.splitlines() if line[:1] == "W" and line[1:2].isdigit()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == 22
