"""What the commands do: each a short story over the doors of scenario, data and results."""

from __future__ import annotations

import gc
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from wattbook import compiled
from wattbook.cli.ending import say
from wattbook.errors import ConfigError, CorruptError, ResourceError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattbook.results import Run
    from wattbook.scenario import Scenario

RUNS: Final = Path("runs")
LARGEST_SEED: Final = (1 << 63) - 1
SEED_DIGITS: Final = 19
MOST_THREADS: Final = 1_024
ENGINES: Final = ("auto", "processes", "population")


def run_scenario(
    name: str,
    seed: str,
    days: str | None,
    settings: Sequence[str],
    out: Path | None,
    *,
    engine: str | None,
    threads: str | None,
    llm: str | None,
    recording: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run, save, tell."""
    number = _seed(seed)
    _check_engine(engine)
    side_by_side = _threads(threads)
    scenario = _scenario(name, days, settings)
    asked = _asked(scenario, name, number, llm, recording)
    place = _place(out, Path(name).stem, number)
    gc.freeze()  # what is loaded stays: the collector need not look at it when the world is taken down
    try:
        result = _run(scenario, number, quiet=quiet, engine=engine, threads=side_by_side, **asked)
    except KeyboardInterrupt:
        _tell_recording(scenario, asked)
        raise
    result.save(place)
    if as_json:
        for notice in result.notices:
            say(notice)
        _print_json(result)
    else:
        typer.echo(f"{result.summary()}\n\nsaved in {place}: wattbook show {place}")


def estimate_scenario(
    name: str, seed: str, days: str | None, settings: Sequence[str], *, quiet: bool, as_json: bool
) -> None:  # fmt: skip
    """Say what a language model would be asked, and at which cost."""
    from wattbook.scenario.advised_runs import asking, caller_of, estimate_advice

    number, scenario = _seed(seed), asking(_scenario(name, days, settings))
    caller = caller_of(scenario.language_model.model)
    if quiet:
        told = estimate_advice(scenario, number, caller=caller)
    else:
        from wattbook.cli.progress import reporting

        with reporting(scenario.timezone) as progress:
            told = estimate_advice(scenario, number, caller=caller, progress=progress)
    typer.echo(json.dumps(told.to_dict(), indent=2, sort_keys=True, allow_nan=False) if as_json else str(told))


def run_demo(name: str, seed: int, *, quiet: bool) -> None:
    """Run a shipped scenario for somebody who sees wattbook for the first time."""
    scenario = _scenario(name, None, [])
    say(
        f"{scenario.homes} members of one real grid trade with each other for {scenario.days} days; then the\n"
        "same days are run without their market, to see what it changed"
    )
    place = _place(None, "demo", seed)
    result = _run(scenario, seed, quiet=quiet)
    result.save(place)
    typer.echo(
        f"{result.summary()}\n\nsaved in {place}\n"
        f"next: wattbook verify {place}           is it what was written, do money and energy balance?\n"
        f"      wattbook run {name} --set blue.retail=200\n"
        "      wattbook init street.py             a scenario of your own"
    )


def check_scenario(name: str, days: str | None, settings: Sequence[str]) -> None:
    """Say that a scenario is sound, and how large it is."""
    scenario = _scenario(name, days, settings)
    estimate = scenario.check()
    typer.echo(
        f"{name} is sound: {_participants(scenario)}, "
        f"{_count(estimate.periods, 'period', 'periods')} in {_count(scenario.days, 'day', 'days')}\n"
        f"estimate: {estimate.events:,} events, {estimate.memory_bytes // (1 << 20):,} MiB, {estimate.seconds:.0f} s"
    )
    for caution in scenario.cautions():
        typer.echo(f"caution: {caution}")


def show_run(place: Path, *, as_json: bool) -> None:
    """Print a saved run."""
    from wattbook.results import Run

    result = Run.load(place)
    if as_json:
        _print_json(result)
    else:
        typer.echo(result.summary())


def compare_runs(place_a: Path, place_b: Path, *, as_json: bool) -> None:
    """Print two saved runs side by side; what is wrong with either folder is told together."""
    from wattbook.results import Run

    runs, problems = [], []
    for place in (place_a, place_b):
        try:
            runs.append(Run.load(place))
        except CorruptError as fault:
            problems += [f"{place}: {problem}" for problem in fault.problems]
    if problems:
        raise CorruptError(dict.fromkeys(problems))
    told = runs[0].compare(runs[1])
    typer.echo(json.dumps(told.to_dict(), indent=2, sort_keys=True, allow_nan=False) if as_json else str(told))


def explain_sanction(place: Path, number: str, *, as_json: bool) -> None:
    """Print what a sanction of a saved run rests on and came to."""
    from wattbook.results import Run

    if not (number.isascii() and number.isdigit() and len(number) <= SEED_DIGITS):
        raise ConfigError(f"--sanction {number[:40]!r} is no row of the table of sanctions: write --sanction 0")
    result = Run.load(place)
    told = result.explain(int(number))
    typer.echo(json.dumps(told.to_dict(), indent=2, sort_keys=True, allow_nan=False) if as_json else str(told))


def verify_run(place: Path, *, recounted: bool) -> None:
    """Print what was checked of a saved run."""
    from wattbook.results import recount, verify

    for passed in (recount if recounted else verify)(place):
        typer.echo(f"ok  {passed}")


def write_script(file: Path) -> None:
    """Write the first script of a new user."""
    from wattbook.cli.template import SCRIPT

    if file.suffix != ".py":
        raise ConfigError(f"{str(file)!r} does not end in .py: a scenario is a Python script, as street.py")
    try:
        with file.open("x", encoding="utf-8") as script:
            script.write(SCRIPT)
    except FileExistsError:
        raise ResourceError(f"{file} exists already and is never overwritten: name another file") from None
    except FileNotFoundError:
        raise ResourceError(f"{file} cannot be made: the folder {file.parent} is missing, make it first") from None
    typer.echo(f"wrote {file}: edit it, then\n  wattbook check {file}\n  wattbook run {file}")


def import_grid(source: Path, grid: str, out: Path) -> None:
    """Import a grid and say how to use it."""
    from wattbook.data import import_simbench, load_grid

    place = import_simbench(source, grid, out)
    made = load_grid(place)
    typer.echo(
        f"wrote {place}: {len(made.members)} members, {len(made.plants)} plants, {len(made.decimals)} profiles\n"
        f'use it with neighbourhood("{place}")'
    )


def check_data(file: str) -> None:
    """Sum up a profile."""
    from wattbook.data import check_profile

    found = check_profile(file)
    typer.echo(
        f"{file} is sound: {found.rows} intervals of {found.step_ms // 60_000} min, {found.first} to {found.last}, "
        f"{found.total_kwh:,.3f} kWh"
    )


def warm_up() -> None:
    """Compile everything: the kernels by running a small street, and the modules where Python was told not to."""
    import compileall

    from wattbook.book.warming import warm
    from wattbook.policies import idle, truthful, zero_intelligence
    from wattbook.scenario import LocalMarket, Regulator, Scenario, city, neighbourhood, utility
    from wattbook.units import eur_per_mwh, minutes
    from wattbook.world.kernel_looks import look_of

    began = time.perf_counter()
    dropped = compiled.prune()
    members = neighbourhood("simbench/LV2.101", pv_share=1.0, battery_share=1.0)[:4]
    supplier = utility("blue", retail=eur_per_mwh(160), feed_in=eur_per_mwh(80))
    market = LocalMarket(period=minutes(60))
    Scenario(
        start="2016-06-06", days=1, agents=[*members, supplier], local=market, spot="merit-order", regulator=Regulator()
    ).run(seed=0, baseline=False)
    few = city("few", homes=2, battery_share=1.0)
    Scenario(start="2016-06-06", days=1, agents=[few, supplier], local=market).run(seed=0, baseline=False)
    warm()
    for mind in (truthful(), zero_intelligence(), idle()):
        look_of(mind.policy)
    compileall.compile_dir(Path(__file__).parents[1], quiet=2)  # in a folder that cannot be written, nothing is
    kept = f", dropped those of {dropped} other versions" if dropped else ""
    typer.echo(f"kernels are compiled ({time.perf_counter() - began:.1f} s){kept}")


# --- parts of a story


def _seed(text: str) -> int:
    """Read a seed, as people type it."""
    if not (text.isascii() and text.isdigit() and len(text) <= SEED_DIGITS and int(text) <= LARGEST_SEED):
        raise ConfigError(f"--seed {text[:40]!r} is not a whole number from 0 to {LARGEST_SEED}")
    return int(text)


def _check_engine(engine: str | None) -> None:
    """Refuse an engine that there is not before anything is read."""
    if engine is not None and engine not in ENGINES:
        raise ConfigError(f"--engine {engine[:40]!r} is not one of {', '.join(ENGINES)}{nearest(engine, ENGINES)}")


def _threads(text: str | None) -> int | None:
    """Read a number of threads."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= SEED_DIGITS and 1 <= int(text) <= MOST_THREADS):
        raise ConfigError(f"--threads {text[:40]!r} is not a whole number from 1 to {MOST_THREADS}")
    return int(text)


def _scenario(name: str, days: str | None, settings: Sequence[str]) -> Scenario:
    """Read a scenario and change what the command line says; all problems are told together."""
    from wattbook.scenario import load_scenario

    scenario = load_scenario(name)
    values: dict[str, object] = {}
    problems = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if equals and key.strip() and not value.strip():
            problems.append(f"--set {setting!r} has no value: write one after the =, as --set blue.retail=150")
        elif not (equals and key.strip()):
            problems.append(f"--set {setting!r} is not KEY=VALUE: write --set blue.retail=150")
        elif key.strip() in values:
            problems.append(f"--set {key.strip()} is given twice")
        else:
            values[key.strip()] = value.strip()
    if days is not None and "days" in values:
        problems.append("days are given twice: by --days and by --set")
    elif days is not None:
        values["days"] = days
    try:
        changed = scenario.with_values(values)
    except ConfigError as fault:
        problems += fault.problems
    if problems:
        raise ConfigError(problems)
    return changed if "name" in values else _renamed(changed, values)


def _renamed(scenario: Scenario, values: dict[str, object]) -> Scenario:
    """Say in the scenario's name what the command line changed."""
    said = ", ".join(f"{key}={value}" for key, value in values.items())
    return scenario.named(f"{scenario.name} ({said})") if said else scenario


def _tell_recording(scenario: Scenario, asked: dict[str, Any]) -> None:
    """Say where the answers are that a run has had before it was interrupted."""
    if asked.get("llm") in {"record", "replay-or-live"}:
        place = asked["recording"] or scenario.language_model.recording
        say(f"answers so far are in {place}: to go on with them, write --llm replay-or-live")


def _asked(scenario: Scenario, name: str, seed: int, llm: str | None, recording: Path | None) -> dict[str, Any]:
    """Say where answers of a language model come from, before anything is computed."""
    if llm is None or llm == "off":
        if recording is not None:
            raise ConfigError("--recording is for --llm record, replay or replay-or-live: add one of them")
        return {}
    from wattbook.scenario.advised_runs import check_mode

    mode = check_mode(llm)
    own = None if scenario.language_model is None else scenario.language_model.recording
    if recording is None and own is None:
        recording = RUNS / f"{Path(name).stem}-{seed}.answers.sqlite"
        if mode != "replay":
            RUNS.mkdir(exist_ok=True)
    return {"llm": mode.value, "recording": recording}


def _run(scenario: Scenario, seed: int, *, quiet: bool, **options: Any) -> Run:
    """Run with or without a progress line."""
    if quiet:
        return scenario.run(seed, **options)
    for caution in scenario.cautions():
        say(f"caution: {caution}")
    if compiled.is_cold():
        say("compiling kernels (once), this takes about half a minute")
    from wattbook.cli.progress import reporting

    with reporting(scenario.timezone) as progress:
        return scenario.run(seed, progress=progress, **options)


def _participants(scenario: Scenario) -> str:
    """Count people by kind; a forward game has its own."""
    if scenario.game is not None:
        return f"a forward game of {_count(scenario.game.sellers, 'seller', 'sellers')}"
    traders = [_count(len(scenario.traders), "trader", "traders")] if scenario.traders else []
    members = [_count(scenario.homes, "member", "members")] if scenario.homes or not traders else []
    utilities = [_count(len(scenario.utilities), "utility", "utilities")]
    producers = [_count(len(scenario.producers), "producer", "producers")] if scenario.producers else []
    return ", ".join(members + traders + utilities + producers)


def _count(number: int, one: str, several: str) -> str:
    """Count things."""
    return f"{number} {one if number == 1 else several}"


def _place(out: Path | None, name: str, seed: int) -> Path:
    """Choose the run's folder before anything is computed; one that was named must be free."""
    if out is not None and os.path.lexists(out):
        raise ResourceError(f"{out} exists already and is never overwritten: name another folder with --out")
    place = out if out is not None else _free(RUNS / f"{name}-{seed}")
    # The nearest folder that exists decides whether we may write; everything below it is made when the run is saved.
    ground = next(folder for folder in place.absolute().parents if os.path.lexists(folder))
    try:
        Path(tempfile.mkdtemp(prefix=".wattbook-", dir=ground)).rmdir()
    except OSError as fault:
        raise ResourceError(
            f"{place} cannot be made: {ground} cannot be written ({fault.strerror}); choose another folder with --out"
        ) from None
    return place


def _free(place: Path) -> Path:
    """Give `place`, or the first of place-2, place-3, ... that is free."""
    number, free = 1, place
    while os.path.lexists(free):
        number += 1
        free = place.with_name(f"{place.name}-{number}")
    return free


def _print_json(result: Run) -> None:
    """Print figures for programs."""
    figures: dict[str, Any] = result.metrics
    typer.echo(json.dumps(figures, indent=2, sort_keys=True, allow_nan=False))
