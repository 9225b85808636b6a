"""A year of spot prices of the shipped plants: figures, pictures, and how long it takes.

    python benchmarks/supply.py            # prints the figures that docs/supply.md shows
    python benchmarks/supply.py --draw     # draws docs/pictures again
    python benchmarks/supply.py --check    # fails if a picture is not today's, or a year takes 2 s or more

Everything is drawn from a seed and whole numbers, so figures and pictures are the same on every machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from wattbook.assets import PlantKind
from wattbook.data import load_plants, parse_start
from wattbook.market.merit_order import Spot, clear_spot
from wattbook.market.supply import Park, availability_ppm, country, offers_at_cost

SEED: Final = 1
PERIOD_MS: Final = 900_000
CASES: Final = (("71", 71, {}), ("80", 80, {}), ("90", 90, {}), ("80 +", 80, {"wind-onshore": 45, "solar": 40}))
"""Name, peak load in per cent of firm capacity (71 is the source's own), GW of weather in place of the source's."""
WEEK_FROM: Final = "2016-11-21"
WEEK: Final = 672
LIMIT_S: Final = 2.0
PICTURES: Final = Path(__file__).parents[1] / "docs" / "pictures"
STACK: Final = (
    ("nuclear", "#7b6ea8", (PlantKind.NUCLEAR,)),
    ("water, waste, biomass", "#5fa3a8", (PlantKind.HYDRO, PlantKind.WASTE, PlantKind.BIOMASS)),
    ("wind", "#8fb8de", (PlantKind.WIND,)),
    ("sun", "#f0cf65", (PlantKind.SOLAR,)),
    ("lignite", "#9a7b5b", (PlantKind.LIGNITE,)),
    ("coal", "#4d4d4d", (PlantKind.COAL,)),
    ("gas", "#d98c5f", (PlantKind.GAS,)),
    ("oil, import", "#b5484d", (PlantKind.OIL, PlantKind.IMPORT)),
)
LINES: Final = ("#7f9fbf", "#1f4e79", "#b5484d", "#d9a441")


class Year(NamedTuple):
    """A year of one case."""

    name: str
    demand_wh: np.ndarray
    spot: Spot
    seconds: float


def main(arguments: list[str] | None = None) -> int:
    """Run the years and do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draw", action="store_true", help="draw the pictures of the docs again")
    parser.add_argument("--check", action="store_true", help="fail if a picture or the time is not as it should be")
    asked = parser.parse_args(arguments)
    park, years = run()
    print(figures(park, years))
    slowest = max(year.seconds for year in years)
    print(f"\n{len(years[0].demand_wh):,} periods, {len(park.names)} offers: {slowest:.2f} s for the slowest year")
    drawn = {
        "spot-duration.svg": duration_picture(years),
        "spot-week.svg": week_picture(park, years[1]),
    }
    faults = []
    for name, picture in drawn.items():
        if asked.draw:
            PICTURES.mkdir(exist_ok=True)
            (PICTURES / name).write_text(picture, encoding="utf-8")
        elif asked.check and (PICTURES / name).read_text(encoding="utf-8") != picture:
            faults.append(f"docs/pictures/{name} is not today's: run benchmarks/supply.py --draw")
    if asked.check and slowest >= LIMIT_S:
        faults.append(f"a year took {slowest:.2f} s, {LIMIT_S} s are promised")
    for fault in faults:
        print(fault, file=sys.stderr)
    return int(bool(faults))


def run() -> tuple[Park, list[Year]]:
    """Clear the year 2016 for each case; demand is load at any price, wind and sun are offers like others."""
    supply = load_plants("simbench")
    firm_w = sum(plant.capacity_w for plant in supply.plants if plant.kind != "import")
    park = country(supply, PERIOD_MS)
    available = availability_ppm(park, supply, SEED, supply.start_ms, PERIOD_MS, supply.steps)
    years = []
    for name, share, gigawatts in CASES:
        offers = offers_at_cost(with_weather(park, gigawatts), available, PERIOD_MS)
        if not years:
            clear_spot(offers._replace(quantity_wh=offers.quantity_wh[:1]), [1])  # compiled, or read from the cache
        demand = supply.energy_wh("load", firm_w * share // 100, supply.start_ms, supply.end_ms, PERIOD_MS)
        began = time.perf_counter()
        spot = clear_spot(offers, demand)
        years.append(Year(name, demand, spot, time.perf_counter() - began))
    return park, years


def with_weather(park: Park, gigawatts: dict[str, int]) -> Park:
    """Give some weather-driven plants other capacities."""
    capacity_w = park.plants.capacity_w.copy()
    for series, more in gigawatts.items():
        capacity_w[park.names.index(series)] = more * 10**9
    return park._replace(plants=park.plants._replace(capacity_w=capacity_w))


def of_kinds(park: Park, spot: Spot, kinds: tuple[PlantKind, ...]) -> np.ndarray:
    """Energy (t,) [Wh] that plants of these kinds sold."""
    return spot.dispatch_wh[:, np.isin(park.plants.kind, [int(kind) for kind in kinds])].sum(axis=1)


def figures(park: Park, years: list[Year]) -> str:
    """Table of what came of it."""
    rows = [("peak load, % of firm capacity", *(year.name for year in years))]
    rows.append(("load, TWh", *(f"{year.demand_wh.sum() / 1e12:.1f}" for year in years)))
    rows.append(("price, mean, EUR/MWh", *(f"{year.spot.price_tick.mean() / 100:.2f}" for year in years)))
    rows.append(("  weighted by load", *(f"{weighted(year):.2f}" for year in years)))
    for place in (0, 5, 50, 95, 100):
        ranked = [np.sort(year.spot.price_tick)[(len(year.spot.price_tick) - 1) * place // 100] for year in years]
        rows.append((f"  {place} % are not above", *(f"{tick / 100:.2f}" for tick in ranked)))
    for name, _, kinds in STACK:
        rows.append((f"{name}, TWh", *(f"{of_kinds(park, year.spot, kinds).sum() / 1e12:.1f}" for year in years)))
    rows.append(("not served, GWh", *(f"{year.spot.unserved_wh.sum() / 1e9:.1f}" for year in years)))
    return "\n".join(f"{name:30}" + "".join(f"{value:>9}" for value in values) for name, *values in rows)


def weighted(year: Year) -> float:
    """Mean price [EUR/MWh] of a Wh of load."""
    return float((year.spot.price_tick * (year.demand_wh / year.demand_wh.sum())).sum()) / 100


# --- pictures


def picture(width: int, height: int, body: list[str]) -> str:
    """Wrap shapes as an SVG file."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *body, "</svg>\n"])


def text(x: float, y: float, words: str, anchor: str = "start", colour: str = "#333333") -> str:
    """Write words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{words}</text>'


def line(points: list[tuple[float, float]], colour: str, width: float = 1.5) -> str:
    """Draw a line through points."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def grid(left: int, right: int, places: list[tuple[float, str]]) -> list[str]:
    """Draw horizontal lines with their labels."""
    return [
        shape
        for y, words in places
        for shape in (line([(left, y), (right, y)], "#dddddd", 1), text(left - 6, y + 4, words, "end"))
    ]


def duration_picture(years: list[Year]) -> str:
    """Draw the prices of each year, the highest first."""
    left, right, top, bottom, highest = 60, 700, 30, 300, 80
    body = grid(left, right, [(bottom - (bottom - top) * p / highest, str(p)) for p in range(0, highest + 1, 20)])
    body.append(text(left - 45, 16, "EUR/MWh"))
    body += [text(left + (right - left) * h / 8784, bottom + 18, str(h), "middle") for h in range(0, 8785, 1464)]
    body.append(text(right, bottom + 36, "hours of 2016 with at least this price", "end"))
    for row, (year, colour) in enumerate(zip(years, LINES, strict=True)):
        ranked = np.sort(year.spot.price_tick)[::-1] / 100
        places = np.unique(np.linspace(0, len(ranked) - 1, 400).astype(int))
        points = [
            (left + (right - left) * at / len(ranked), bottom - (bottom - top) * min(ranked[at], highest) / highest)
            for at in places
        ]
        body.append(line(points, colour, 2))
        share, _, more = year.name.partition(" ")
        words = f"peak load {share} % of firm capacity" + (", more wind and sun" if more else "")
        body.append(text(left + 8, bottom - 60 + 16 * row, words, "start", colour))
    return picture(720, 345, body)


def week_picture(park: Park, year: Year) -> str:
    """Draw who gave what in a week, and the price below."""
    supply = load_plants("simbench")
    first = (parse_start(WEEK_FROM, supply.timezone) - supply.start_ms) // PERIOD_MS
    left, right, top, middle, price_top, bottom = 60, 700, 50, 270, 300, 400
    highest_gw, lowest, dearest = 70, 30, 80
    xs = [left + (right - left) * at / WEEK for at in range(0, WEEK, 2)]
    body = grid(left, right, [(middle - (middle - top) * gw / highest_gw, str(gw)) for gw in range(0, 71, 20)])
    spread = dearest - lowest
    body += grid(left, right, [(bottom - (bottom - price_top) * (p - lowest) / spread, str(p)) for p in (40, 60, 80)])
    below = np.zeros(len(xs))
    for row, (name, colour, kinds) in enumerate(STACK):
        gigawatts = of_kinds(park, year.spot, kinds)[first : first + WEEK : 2] * (3_600_000 // PERIOD_MS) / 1e9
        above = below + gigawatts
        ys = [[middle - (middle - top) * value / highest_gw for value in edge] for edge in (above, below)]
        edge = [*zip(xs, ys[0], strict=True), *zip(xs[::-1], ys[1][::-1], strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in edge)
        body.append(f'<polygon points="{path}" fill="{colour}"/>')
        across, down = left + 160 * (row % 4), 14 + 16 * (row // 4)
        body.append(f'<rect x="{across}" y="{down - 9}" width="10" height="10" fill="{colour}"/>')
        body.append(text(across + 14, down, name))
        below = above
    prices = year.spot.price_tick[first : first + WEEK : 2] / 100
    body.append(line([(x, bottom - (bottom - price_top) * (p - lowest) / spread)
                      for x, p in zip(xs, prices, strict=True)], "#1f4e79"))  # fmt: skip
    body += [text(6, top + 4, "GW"), text(6, price_top + 16, "EUR/"), text(6, price_top + 30, "MWh")]
    days = ("Mon 21", "Tue 22", "Wed 23", "Thu 24", "Fri 25", "Sat 26", "Sun 27 November 2016")
    body += [text(left + (right - left) * day / 7, bottom + 20, word) for day, word in enumerate(days)]
    return picture(760, 430, body)


if __name__ == "__main__":
    sys.exit(main())
