"""Which feeder a connection point hangs on, and how far it is from the transformer.

Owns the graph of lines and closed switches of one low-voltage network. Knows nothing of loads or prices.
"""

from __future__ import annotations

import heapq
import re
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

BUSBAR_FEEDER = 0
"""The feeder number of what is connected to the transformer's busbar itself."""


class Edge(NamedTuple):
    """A conductor between two nodes: a line, or a closed switch of length 0."""

    a: str
    b: str
    length_m: Fraction
    is_switch: bool


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts 'Bus 9' before 'Bus 10'.

    >>> sorted(["Bus 10", "Bus 9_2", "Bus 9"], key=natural_key)
    ['Bus 9', 'Bus 9_2', 'Bus 10']
    """
    parts = re.split(r"(\d+)", name)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts if part)


def busbar_of(edges: Iterable[Edge], transformer_nodes: Iterable[str]) -> frozenset[str]:
    """Find all nodes that closed switches alone tie to the transformer's low-voltage side."""
    ties = neighbours(edge for edge in edges if edge.is_switch)
    return frozenset(_reach(ties, transformer_nodes, barred=()))


def feeders_of(edges: Collection[Edge], busbar: frozenset[str]) -> dict[str, int]:
    """Tell the feeder of each node, by number.

    A feeder is a connected part of the network once the busbar is taken out. Feeders are numbered 1, 2, ... by the
    busbar field they leave from (a feeder that is fed through several fields counts from its first), in natural
    order of the fields' names. Nodes of the busbar are feeder 0. Nodes without a closed way to the busbar are absent.
    """
    graph = neighbours(edges)
    feeder = dict.fromkeys(busbar, BUSBAR_FEEDER)
    number = BUSBAR_FEEDER
    for field in sorted(busbar, key=natural_key):
        heads = sorted((node for node in graph.get(field, {}) if node not in feeder), key=natural_key)
        for head in heads:
            if head not in feeder:
                number += 1
                feeder.update(dict.fromkeys(_reach(graph, [head], barred=busbar), number))
    return feeder


def distances_m(edges: Iterable[Edge], busbar: Iterable[str]) -> dict[str, Fraction]:
    """Shortest way along the lines from the busbar to each node [m] (Dijkstra)."""
    graph = neighbours(edges)
    queue = [(Fraction(0), node) for node in sorted(busbar)]
    settled: dict[str, Fraction] = {}
    while queue:
        distance, node = heapq.heappop(queue)
        if node in settled:
            continue
        settled[node] = distance
        for other, length in graph.get(node, {}).items():
            if other not in settled:
                heapq.heappush(queue, (distance + length, other))
    return settled


def neighbours(edges: Iterable[Edge]) -> dict[str, dict[str, Fraction]]:
    """Adjacency: the shortest direct conductor [m] from each node to each of its neighbours."""
    graph: dict[str, dict[str, Fraction]] = {}
    for edge in edges:
        for here, there in ((edge.a, edge.b), (edge.b, edge.a)):
            row = graph.setdefault(here, {})
            row[there] = min(edge.length_m, row.get(there, edge.length_m))
    return graph


def _reach(graph: Mapping[str, Mapping[str, Fraction]], start: Iterable[str], barred: Collection[str]) -> set[str]:
    """All nodes that can be reached from `start` without entering `barred`."""
    seen = set(start)
    stack = sorted(seen)
    while stack:
        for other in graph.get(stack.pop(), {}):
            if other not in seen and other not in barred:
                seen.add(other)
                stack.append(other)
    return seen
