"""Each metamorphic relation catches a book that it does not hold for; tests/book asks the project's books."""

from __future__ import annotations

from functools import partial

import pytest

from wattbook.book import Flag, ReferenceBook
from wattbook.errors import ConfigError
from wattbook.testing import RELATIONS, Falsified, Features, check_relation


@pytest.mark.parametrize("name", RELATIONS)
def test_each_relation_catches_a_book_that_it_does_not_hold_for(broken, name):
    features = Features.full(products=3)
    with pytest.raises(Falsified) as caught:
        check_relation(
            partial(broken.relations[name], products=3), name, features=features, seeds=range(30), shrink_s=3.0
        )
    assert caught.value.name == name
    assert RELATIONS[name].meaning in str(caught.value)
    assert len(caught.value.commands) <= 15
    assert "# changed" in caught.value.reproducer


def test_twins_are_not_asked_for_where_an_owner_may_not_meet_itself():
    with pytest.raises(ConfigError, match="its twin goes on"):
        check_relation(ReferenceBook, "twins", features=Features.full(self_trade="decrement"))


def test_a_relation_is_asked_for_by_name_and_only_where_it_can_hold():
    with pytest.raises(ConfigError, match="did you mean 'mirror'"):
        check_relation(ReferenceBook, "miror")
    with pytest.raises(ConfigError, match="the book has one product"):
        check_relation(ReferenceBook, "two-products")
    with pytest.raises(ConfigError, match="no time limits"):
        check_relation(ReferenceBook, "shift-time")
    assert check_relation(ReferenceBook, RELATIONS["mirror"], seeds=range(2)) > 0


def test_what_rounds_to_lots_is_left_out_of_the_relations_that_it_breaks():
    features = Features.full()
    for name in ("scale-quantities", "twins"):
        assert RELATIONS[name].narrow(features).rationings == (Flag.PAY_AS_BID,)
    assert "REPRICE" not in RELATIONS["scale-prices"].narrow(features).types
