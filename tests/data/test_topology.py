"""Feeders and distances of small networks that can be drawn on paper."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from wattbook.data.topology import Edge, busbar_of, distances_m, feeders_of, natural_key


def line(a: str, b: str, metres: int = 1) -> Edge:
    return Edge(a, b, Fraction(metres), is_switch=False)


def switch(a: str, b: str) -> Edge:
    return Edge(a, b, Fraction(0), is_switch=True)


def test_a_busbar_is_what_switches_alone_tie_to_the_transformer():
    edges = [switch("T", "bar"), switch("bar", "bar_1"), line("bar_1", "a"), switch("a", "a_1")]
    assert busbar_of(edges, ["T"]) == {"T", "bar", "bar_1"}


def test_feeders_are_numbered_by_the_field_they_leave_from():
    edges = [switch("bar", "bar_2"), switch("bar", "bar_10"), line("bar_10", "a"), line("bar_2", "b"), line("b", "c")]
    assert feeders_of(edges, busbar_of(edges, ["bar"])) == {"bar": 0, "bar_2": 0, "bar_10": 0, "b": 1, "c": 1, "a": 2}


def test_a_ring_through_two_fields_is_one_feeder():
    edges = [switch("bar", "bar_1"), switch("bar", "bar_2"), line("bar_1", "a"), line("a", "b"), line("b", "bar_2")]
    feeder = feeders_of(edges, busbar_of(edges, ["bar"]))
    assert feeder["a"] == feeder["b"] == 1


def test_a_node_without_a_closed_way_has_no_feeder():
    assert "island" not in feeders_of([line("bar", "a"), line("island", "coast")], frozenset(["bar"]))


def test_distance_is_the_shortest_way():
    edges = [line("bar", "a", 10), line("a", "b", 5), line("bar", "b", 30), line("bar", "b", 40), switch("b", "b_1")]
    assert distances_m(edges, ["bar"]) == {"bar": 0, "a": 10, "b": 15, "b_1": 15}


def test_names_sort_by_their_numbers():
    assert sorted(["Bus 10", "Bus 9", "Bus 9_10", "Bus 9_2", "A"], key=natural_key) == [
        "A",
        "Bus 9",
        "Bus 9_2",
        "Bus 9_10",
        "Bus 10",
    ]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 9)), max_size=30), st.randoms())
def test_neither_feeders_nor_distances_depend_on_the_order_of_the_edges(pairs, shuffler):
    edges = [line(str(a), str(b), metres) for a, b, metres in pairs]
    other = [Edge(edge.b, edge.a, edge.length_m, edge.is_switch) for edge in edges]
    shuffler.shuffle(other)
    bar = frozenset(["0"])
    feeder = feeders_of(edges, bar)
    assert feeder == feeders_of(other, bar)
    assert distances_m(edges, bar) == distances_m(other, bar)
    assert set(feeder) == set(distances_m(edges, bar))
    assert all(feeder[str(a)] == feeder[str(b)] for a, b, _ in pairs if a and b and str(a) in feeder)
