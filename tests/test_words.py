"""Floor zero: units, errors, chance."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattbook import chance, units
from wattbook.errors import ConfigError, UnitError, nearest
from wattbook.messages import COMMANDS, STREAMS, Command, See


@pytest.mark.parametrize(
    ("quantity", "quanta", "dimension"),
    [
        (units.eur_per_mwh(160), 16_000, "price"),
        (units.eur_per_mwh(-0.01), -1, "price"),
        (units.ct_per_kwh(30), 30_000, "price"),
        (units.eur(1), 100_000_000, "money"),
        (units.kwh(1.5), 1_500, "energy"),
        (units.mwh(1), 1_000_000, "energy"),
        (units.wh(7), 7, "energy"),
        (units.watt(7), 7, "power"),
        (units.kw(2.2), 2_200, "power"),
        (units.mw(20), 20_000_000, "power"),
        (units.seconds(2), 2_000, "duration"),
        (units.minutes(15), 900_000, "duration"),
        (units.hours(1), 3_600_000, "duration"),
        (units.percent(19), 190_000, "share"),
    ],
)
def test_what_people_write_becomes_whole_quanta(quantity, quanta, dimension):
    assert int(quantity) == quanta
    assert quantity.dimension == dimension


def test_a_decimal_means_what_was_typed_not_its_nearest_binary():
    assert units.eur_per_mwh(0.29) == 29
    assert units.eur_per_mwh(1.005) == 100  # half to even, of exactly 100.5


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "160", True, None])
def test_what_is_no_finite_number_is_refused(bad):
    with pytest.raises((UnitError, TypeError)):
        units.eur_per_mwh(bad)


def test_a_quantity_survives_being_copied():
    price = copy.deepcopy(units.eur_per_mwh(160))
    assert (price, price.dimension, (-price).dimension) == (16_000, "price", "price")


@given(st.integers(-(10**20), 10**20), st.integers(1, 10**9))
def test_half_even_is_the_nearest_and_even_in_the_middle(numerator, denominator):
    quotient = units.half_even(numerator, denominator)
    assert abs(2 * (numerator - quotient * denominator)) <= denominator
    if abs(2 * (numerator - quotient * denominator)) == denominator:
        assert quotient % 2 == 0


def test_money_reads_in_euro_and_cents():
    assert units.money_text(-53_937_650) == "-0.54 EUR"
    assert units.money_text(123_456_789_000) == "1234.57 EUR"


def test_the_nearest_name_is_suggested_or_nothing():
    assert "green" in nearest("gren", ["blue", "green"])
    assert nearest("zzz", ["blue"]) == ""


def test_an_error_holds_every_problem():
    error = ConfigError(["one", "two"])
    assert (error.problems, str(error), error.exit_code) == (("one", "two"), "one\ntwo", 2)


@given(st.integers(0, (1 << 63) - 1), st.integers(0, 1 << 40))
def test_the_compiled_draw_is_the_plain_one(key, counter):
    assert chance.hash64(key, counter) == chance.draw(key, counter) == chance.draw(np.int64(key), np.int64(counter))


def test_draws_are_uniform_and_normal_units_have_their_spread():
    bits = np.array([chance.draw(11, k) for k in range(20_000)], dtype=float) / 2**63
    assert abs(bits.mean() - 0.5) < 0.01
    assert abs(bits.var() - 1 / 12) < 0.003
    normal = np.array([chance.normal_units(11, k) for k in range(20_000)], dtype=float)
    assert abs(normal.mean()) < 0.03 * chance.NORMAL_SCALE
    assert abs(normal.std() / chance.NORMAL_SCALE - 1) < 0.02


def test_keys_differ_by_seed_and_by_every_name():
    keys = {chance.key_of(s, *names) for s in (1, 2) for names in [("a",), ("b",), ("a", "b"), ("ab",), ("b", "a")]}
    assert len(keys) == 10


def test_a_command_row_has_a_column_for_each_field():
    assert tuple(name for name, _ in COMMANDS.columns) == ("seq", *Command._fields)
    assert all(dict(stream.columns)["seq"] == "<i8" for stream in STREAMS)
    assert len(See._fields) == 55
