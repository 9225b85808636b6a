"""Cascading: long futures that become shorter ones as their delivery begins, with the energy of each period kept.

Owns what a catalogue may name as parts, and how a position is divided among them. Knows no clock and no way of money:
the clearing house says when, marks, and pays what is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wattbook.contracts.positions import Position
from wattbook.contracts.sheet import split
from wattbook.contracts.words import Event
from wattbook.units import half_even

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from wattbook.contracts.clearing import ClearingHouse
    from wattbook.contracts.sheet import Sheet
    from wattbook.contracts.spec import ContractSpec

_ALIKE = ("zone", "kind", "index", "step_tick")
"""What a part has in common with the contract that it is a part of."""


class Slice(NamedTuple):
    """What one part takes over of a position: its spec, energy of a lot [Wh], margin [1e-8 EUR]."""

    spec: int
    lot_wh: int
    margin: int


class Netted(NamedTuple):
    """Margin that a position releases as another of the other side joins it: its spec, its agent, money [1e-8 EUR]."""

    spec: int
    agent: int
    margin: int


def places_of_parts(specs: Sequence[ContractSpec]) -> dict[int, tuple[int, ...]]:
    """Give the places of each long contract's parts; those with most energy first.

    A part has less energy than what it is a part of, so that in this order a part that is itself long comes after it.
    """
    place = {spec.name: number for number, spec in enumerate(specs)}
    long_ones = sorted((-spec.lot_wh, number) for number, spec in enumerate(specs) if spec.parts)
    return {number: tuple(place[name] for name in specs[number].parts) for _, number in long_ones}


def slices(specs: Sequence[ContractSpec], parts: Sequence[int], margin: int) -> list[Slice]:
    """Divide a position's margin among its parts by their energy, exactly."""
    weights = [specs[part].lot_wh for part in parts]
    return [Slice(*each) for each in zip(parts, weights, split(margin, weights), strict=True)]


def unfolded(
    lots: Mapping[int, int], parts: Mapping[int, Sequence[int]], is_over: Callable[[int], bool]
) -> dict[int, int]:
    """Count positions in long futures that cannot be traded any more as what they are about to become.

    >>> unfolded({0: 5, 2: -1, 3: 1}, {0: (2, 3), 9: (0, 4)}, lambda spec: spec == 0)
    {2: 4, 3: 6}
    """
    found = dict(lots)
    for spec, into in parts.items():
        held = found.pop(spec, 0) if is_over(spec) else 0
        for part in into if held else ():
            found[part] = found.get(part, 0) + held
    return {spec: held for spec, held in sorted(found.items()) if held}


def netted_margin(lots: int, margin: int, more_lots: int, more_margin: int) -> int:
    """Give the margin that is released where more lots, with margin of their own, join a position [1e-8 EUR].

    >>> netted_margin(5, 100, -2, 50), netted_margin(5, 100, 2, 50), netted_margin(2, 100, -2, 50)
    (90, 0, 150)
    """
    if lots * more_lots >= 0:
        return 0
    closing = min(abs(lots), abs(more_lots))
    return half_even(margin * closing, abs(lots)) + half_even(more_margin * closing, abs(more_lots))


def become_parts(house: ClearingHouse, spec: int, sheet: Sheet) -> list[Netted]:
    """Turn all positions in a future that was just marked into positions in its parts.

    Returns
    -------
    list of Netted
        What positions of the other side in the parts release; not paid yet, as losses come first.
    """
    price_tick, specs, netted = house.marks[spec], house.terms.specs, []
    for part in house.parts[spec]:
        # Who holds a part has to find a mark of it.
        house.marks.setdefault(part, price_tick)
    for agent in sorted(agent for held, agent in house.positions if held == spec):
        held = house.positions.pop((spec, agent))
        sheet.party_row(Event.CASCADED, spec, agent, held.lots, price_tick, abs(held.lots) * specs[spec].lot_wh)
        if held.margin:
            sheet.row(Event.MARGIN_RELEASED, buyer=agent, spec=spec, amount=held.margin)
        for part, lot_wh, margin in slices(specs, house.parts[spec], held.margin):
            sheet.party_row(Event.CASCADED_INTO, part, agent, held.lots, price_tick, abs(held.lots) * lot_wh)
            if margin:
                sheet.row(Event.MARGIN_LOCKED, buyer=agent, spec=part, amount=margin)
            released = join(house, part, agent, Position(held.lots, held.lots * lot_wh * price_tick, margin))
            if released:
                netted.append(Netted(part, agent, released))
    return netted


def join(house: ClearingHouse, spec: int, agent: int, more: Position) -> int:
    """Add to a position; the margin that this releases [1e-8 EUR], none of a defaulter's: it waits."""
    held = house.positions.setdefault((spec, agent), Position())
    released = 0 if agent in house.failing else netted_margin(held.lots, held.margin, more.lots, more.margin)
    held.lots += more.lots
    held.cost += more.cost
    held.margin += more.margin - released
    return released


def by_agent(netted: Iterable[Netted]) -> dict[int, int]:
    """Sum up the margin that netting releases by agent [1e-8 EUR]."""
    found: dict[int, int] = {}
    for _, agent, margin in netted:
        found[agent] = found.get(agent, 0) + margin
    return found


def problems_of_parts(specs: Sequence[ContractSpec]) -> list[str]:
    """Say what keeps a catalogue's long contracts from becoming their parts."""
    by_name = {spec.name: spec for spec in specs}
    return [problem for spec in specs if spec.parts for problem in _problems_of(spec, by_name)]


def _problems_of(spec: ContractSpec, by_name: Mapping[str, ContractSpec]) -> list[str]:
    if strangers := [name for name in spec.parts if name not in by_name]:
        return [f"contract {spec.name!r}: parts names {', '.join(strangers)}: no spec of the catalogue is called so"]
    parts = [by_name[name] for name in spec.parts]
    found = [
        f"contract {spec.name!r}: its part {part.name!r} has {name}={getattr(part, name)!r}, "
        f"not {getattr(spec, name)!r}: parts are of the same zone, kind, index and price step"
        for part in parts
        for name in _ALIKE
        if getattr(part, name) != getattr(spec, name)
    ]
    found += [
        f"contract {spec.name!r}: its part {part.name!r} has periods {part.first_period} .. {part.past_period - 1}, "
        f"outside {spec.first_period} .. {spec.past_period - 1}"
        for part in parts
        if part.first_period < spec.first_period or part.past_period > spec.past_period
    ]
    return found or _problems_of_energy(spec, parts)


def _problems_of_energy(spec: ContractSpec, parts: Sequence[ContractSpec]) -> list[str]:
    total = [0] * len(spec.profile_wh)
    for part in parts:
        for place, wh in enumerate(part.profile_wh, part.first_period - spec.first_period):
            total[place] += wh
    wrong = [place for place, wh in enumerate(spec.profile_wh) if total[place] != wh]
    if not wrong:
        return []
    place = wrong[0]
    there = f"in period {spec.first_period + place}, not its {spec.profile_wh[place]} Wh"
    return [f"contract {spec.name!r}: parts hold {total[place]} Wh {there}: their profiles add up to its own"]
