"""Shares of what renewable plants will give: posted by their owners, taken by utilities that want the guarantees.

Owns both sides of pay-as-produced agreements. Their volume is as uncertain as the weather, so they are sized by what is
publicly expected of a plant, and counted as covered like any other contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wattbook.contracts import Kind, Verb
from wattbook.messages import SELL
from wattbook.policies.shelf import GOOD_MS, on_offer_step
from wattbook.policies.wholesale import Say
from wattbook.units import PPM, half_even

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wattbook.policies.producers import ProducerMind
    from wattbook.policies.utilities import UtilityMind
    from wattbook.policies.wholesale import AtDesk, Own, Public, Spec

    Ints = NDArray[np.int64]


LEAST_PPM: Final = 10_000
"""Less than this share of a plant is not worth an agreement: an assumption of calibration."""


def shares_sold(mind: ProducerMind, own: Own, public: Public, desk: AtDesk) -> list[Say]:
    """Post what is still free of the share that a renewable plant sells as it comes."""
    said: list[Say] = []
    if not own.renewable:
        return said
    for spec in _shares(own, desk):
        standing = sum(
            offer.quantity for offer in desk.offered if offer.maker == own.agent and offer.spec == spec.place
        )
        free = mind.share_ppm + desk.lots.get(spec.place, 0) - standing
        expected = _worth_tick(public.expected_tick, own.available_wh, _span(own, spec))
        if free <= 0 or expected is None:
            continue
        price = on_offer_step(spec, public, mind.first_tick(own, expected), up=True)
        if price is not None:
            good_ms = min(GOOD_MS, spec.ends_ms - own.now_ms)
            said.append(Say(int(Verb.POST), spec.place, 0, SELL, price, free, good_ms))
    return said


def shares_bought(mind: UtilityMind, own: Own, public: Public, desk: AtDesk) -> list[Say]:
    """Take of posted shares what is missing to the part of the need that is to come of them, the cheapest first."""
    said: list[Say] = []
    if not mind.shares_ppm:
        return said
    for spec in _shares(own, desk):
        span = _span(own, spec)
        missing_wh = int(own.need_wh[span].sum()) * mind.shares_ppm // PPM - int(desk.shares_wh[span].sum())
        posts = [
            offer
            for offer in desk.offered
            if offer.spec == spec.place and offer.side == SELL and not offer.request and offer.maker in desk.outlook_wh
        ]
        for offer in sorted(posts, key=lambda offer: (offer.price_tick, offer.number)):
            outlook_wh = desk.outlook_wh[offer.maker]
            total_wh = int(outlook_wh[span].sum())
            expected = _worth_tick(public.expected_tick, outlook_wh, span)
            if expected is None or offer.price_tick > mind.highest_tick(public, expected, green=True):
                continue
            share = min(offer.quantity, max(missing_wh, 0) * PPM // total_wh)
            if share >= LEAST_PPM:
                said.append(Say(int(Verb.TAKE), order=offer.number, price_tick=offer.price_tick, quantity=share))
                missing_wh -= share * total_wh // PPM
    return said


def _shares(own: Own, desk: AtDesk) -> list[Spec]:
    """List the agreements that can be signed now."""
    return [spec for spec in desk.specs if spec.kind == Kind.PPA and own.now_ms < spec.ends_ms]


def _span(own: Own, spec: Spec) -> slice:
    """Give the places of a spec's periods among those seen."""
    first = max(0, spec.first_period - own.first)
    return slice(first, max(first, spec.first_period + len(spec.profile_wh) - own.first))


def _worth_tick(price_tick: Ints, energy_wh: Ints, span: slice) -> int | None:
    """Give the mean of prices, weighted by energy, half-even; None without any energy."""
    total = int(energy_wh[span].sum())
    worth = sum(int(price) * int(wh) for price, wh in zip(price_tick[span], energy_wh[span], strict=True))
    return half_even(worth, total) if total else None
