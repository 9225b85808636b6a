"""What a producer is asked each day: how much it offers, at which mark-up, what it sells ahead, whether it builds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from wattbook.policies.language.ladders import LEVELS, SHARES, mark_up_ppm, ppm_of
from wattbook.policies.language.observing import NOBODY, Handles, coarse, text_of
from wattbook.units import QUANTA_PER_EUR, half_even

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wattbook.assets.plants import PlantKind

_SMALL: Final = 10
"""A small upgrade is one part in so many of the capacity."""
ANSWERS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "contract_share": SHARES,
    "offer_level": LEVELS,
    "output_share": SHARES,
    "upgrade": ("none", "small", "large"),
}


class ProducerView(NamedTuple):
    """What a producer knows of the day to come; plain whole numbers.

    Attributes
    ----------
    kind : PlantKind
    capacity_w : int
    marginal_tick : int
        Cost of one more MWh.
    fuel_tick : int
        Price of a thermal MWh.
    carbon_cent_per_t : int
        Price of emitting a tonne of CO2 [0.01 EUR].
    owed_wh : int
        What it has contracted to deliver on the day.
    available_wh : int
        What it could give on the day.
    expected_tick, expected_low_tick, expected_high_tick : int
        Mean, lowest and highest of the day's expected prices.
    past_tick : int
        Mean price of the last days.
    building : bool
        Whether an upgrade is under way.
    most_w : int
        Most that may still be built.
    cost_per_kw, yearly_per_kw : int
        What a kW would cost, and is expected to earn in a year beyond its marginal cost [1e-8 EUR].
    """

    kind: PlantKind
    capacity_w: int
    marginal_tick: int
    fuel_tick: int
    carbon_cent_per_t: int
    owed_wh: int
    available_wh: int
    expected_tick: int
    expected_low_tick: int
    expected_high_tick: int
    past_tick: int
    building: bool
    most_w: int
    cost_per_kw: int
    yearly_per_kw: int


class ProducerPlan(NamedTuple):
    """What a producer does.

    Attributes
    ----------
    output_ppm : int
        Share of its available output that it offers.
    mark_up_ppm : int
        What it asks beyond marginal cost, as a share of that.
    forward_ppm : int
        Share of its expected output that it sells ahead at most.
    build_w : int
        What it orders now; 0 for nothing.
    """

    output_ppm: int
    mark_up_ppm: int
    forward_ppm: int
    build_w: int


def observe(
    view: ProducerView,
    key: int,  # noqa: ARG001 - the one form; it sees no counterparties
    *,
    bucket: int = 0,
    order: str = "seeded",  # noqa: ARG001 - as key
    notes: str = "",
) -> tuple[str, Handles]:
    """Give what the model sees; for the parameters see `wattbook.policies.language.consumer.observe`."""
    seen = {
        "available_wh": coarse(view.available_wh, bucket),
        "building": int(view.building),
        "capacity_w": coarse(view.capacity_w, bucket),
        "carbon_cent_per_t": coarse(view.carbon_cent_per_t, bucket),
        "cost_per_kw_eur": coarse(half_even(view.cost_per_kw, QUANTA_PER_EUR), bucket),
        "expected_high_tick": coarse(view.expected_high_tick, bucket),
        "expected_low_tick": coarse(view.expected_low_tick, bucket),
        "expected_tick": coarse(view.expected_tick, bucket),
        "fuel_tick": coarse(view.fuel_tick, bucket),
        "kind": view.kind.name.lower(),
        "marginal_tick": coarse(view.marginal_tick, bucket),
        "most_w": coarse(view.most_w, bucket),
        "owed_wh": coarse(view.owed_wh, bucket),
        "past_tick": coarse(view.past_tick, bucket),
        "yearly_per_kw_eur": coarse(half_even(view.yearly_per_kw, QUANTA_PER_EUR), bucket),
    }
    return text_of(seen, notes), NOBODY


def read(values: Mapping[str, Any], view: ProducerView, handles: Handles) -> ProducerPlan | None:  # noqa: ARG001 - the one form
    """Give what an answer within the schema means here; None where it cannot be done now."""
    build = _build_w(view, values["upgrade"])
    if values["upgrade"] != "none" and not build:
        return None
    return ProducerPlan(
        ppm_of(values["output_share"]), mark_up_ppm(values["offer_level"]), ppm_of(values["contract_share"]), build
    )


def _build_w(view: ProducerView, upgrade: str) -> int:
    """Give the capacity that an upgrade adds; 0 where none may be built."""
    if upgrade == "none" or view.building or view.most_w <= 0:
        return 0
    return view.most_w if upgrade == "large" else min(view.capacity_w // _SMALL, view.most_w)
