"""Agent against agent on balanced markets, with and without reaction times (Hanifan & Cartlidge 2020)."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from wattbook.units import eur_per_mwh

_SPEC = importlib.util.spec_from_file_location(
    "reaction_times", Path(__file__).parents[2] / "scenarios" / "reaction_times.py"
)
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)

PAPERS = {
    "turns": "random",
    "improve": True,
    "clear_after_trade": True,
    "failed_shouts": 1_000,
    "step": eur_per_mwh(0.01),
}


def interval(found):
    """Mean and half width of its 95 % interval."""
    return np.mean(found), 1.96 * np.std(found, ddof=1) / np.sqrt(len(found))


def leads(first, second, seeds, faster=1, **options):
    """By how much `first` leads `second`, which looks `faster` times as often."""
    times = {first: script.SLOW, second: script.SLOW / faster}
    return np.array(script.leads(script.market(times, **options), first, second, seeds))


def test_aa_leads_shavers_that_are_no_faster():
    found = leads("aa", "shaver", [1])
    assert len(found) == 5
    mean, wide = interval(found)
    assert mean - wide > 2


@pytest.mark.slow
@pytest.mark.long
def test_shavers_overtake_aa_once_they_are_faster():
    equal, fast = (leads("aa", "shaver", range(1, 5), faster) for faster in (1, 4))
    mean, wide = interval(equal)
    assert mean - wide > 5
    # The same seeds: a pair is a session of both.
    loss, wide = interval(fast - equal)
    assert loss + wide < -5
    mean, wide = interval(fast)
    assert mean + wide < 0


@pytest.mark.slow
@pytest.mark.long
def test_with_equal_reaction_times_aa_and_zip_are_about_even_and_zip_leads_gd():
    mean, _ = interval(leads("aa", "zip", range(1, 5)))
    assert abs(mean) < 2.5
    mean, wide = interval(leads("zip", "gd", range(1, 5)))
    assert mean - wide > 0


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("second", ["zip", "gd"])
def test_in_turns_aa_falls_behind_contrary_to_what_was_published(second):
    mean, wide = interval(leads("aa", second, range(1, 5), **PAPERS))
    assert -12 < mean - wide < mean + wide < 0
