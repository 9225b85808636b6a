"""The commands, their arguments and their help.

Each command's work is one call into `wattbook.cli.work`, which is imported only then.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Optional

import typer

DEFAULT_SEED: Final = "7"
SHIPPED: Final = "neighbourhood"

app = typer.Typer(
    name="wattbook",
    help="Simulate a local energy market, order by order.",
    epilog="Begin with 'wattbook demo', then 'wattbook init street.py' and 'wattbook run street.py'.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data = typer.Typer(help="Import and check data.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data, name="data")

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A script's path, or a shipped scenario's name.")
]
RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a saved run.")]
# Numbers arrive as text, so that what is wrong with them is said in the scenario's words.
SeedOption = Annotated[str, typer.Option(metavar="N", help="Seed of all chance, from 0 to 2**63 - 1.")]
DaysOption = Annotated[Optional[str], typer.Option(metavar="D", help="Run D days instead of the scenario's.")]  # noqa: UP045  # typer reads it at run time
SetOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as local.closes_before=0 or blue.retail=150."),
]
OutOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        metavar="DIR", help="Folder to make for the run.  [default: runs/SCENARIO-SEED, or the next free number]"
    ),
]
EngineOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="auto|processes|population", help="What carries the agents out.  [default: the scenario's, mostly auto]"
    ),
]
ThreadsOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        metavar="N", help="Most feeders that run side by side; the result is the same.  [default: as many as help]"
    ),
]
LlmOption = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--llm",
        metavar="off|record|replay|replay-or-live",
        help="Where answers of a language model come from.  [default: off, rules decide]",
    ),
]
RecordingOption = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        metavar="FILE",
        help="File that answers are kept in.  [default: the scenario's, or runs/SCENARIO-SEED.answers.sqlite]",
    ),
]
EstimateOption = Annotated[
    bool, typer.Option("--estimate", help="Count what a language model would be asked, and its cost; ask nobody.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")]
RecountOption = Annotated[
    bool, typer.Option("--recount", help="Recount the tables instead, without the journal: also for a whole city.")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


def _version(wanted: bool) -> None:
    if wanted:
        from wattbook import __version__

        typer.echo(f"wattbook {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Simulate a local energy market, order by order."""


@app.command()
def run(
    scenario: ScenarioArgument,
    seed: SeedOption = DEFAULT_SEED,
    days: DaysOption = None,
    settings: SetOption = None,
    out: OutOption = None,
    engine: EngineOption = None,
    threads: ThreadsOption = None,
    llm: LlmOption = None,
    recording: RecordingOption = None,
    estimate: EstimateOption = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
    _debug: DebugOption = False,
) -> None:
    """Run a scenario, with its local market and without, and save the run."""
    from wattbook.cli.work import estimate_scenario, run_scenario

    if estimate:
        estimate_scenario(scenario, seed, days, settings or [], quiet=quiet, as_json=as_json)
        return
    run_scenario(
        scenario, seed, days, settings or [], out, engine=engine, threads=threads, llm=llm, recording=recording,
        quiet=quiet, as_json=as_json,
    )  # fmt: skip


@app.command()
def demo(quiet: QuietOption = False, _debug: DebugOption = False) -> None:
    """Run the shipped neighbourhood and say where to go from there."""
    from wattbook.cli.work import run_demo

    run_demo(SHIPPED, int(DEFAULT_SEED), quiet=quiet)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Script to make, as street.py.")],
    _debug: DebugOption = False,
) -> None:
    """Write a commented scenario script that runs as it is."""
    from wattbook.cli.work import write_script

    write_script(file)


@app.command()
def check(
    scenario: ScenarioArgument, days: DaysOption = None, settings: SetOption = None, _debug: DebugOption = False
) -> None:
    """Validate a scenario and its data, and estimate its size, without running it."""
    from wattbook.cli.work import check_scenario

    check_scenario(scenario, days, settings or [])


@app.command()
def show(run: RunArgument, as_json: JsonOption = False, _debug: DebugOption = False) -> None:
    """Print the summary of a saved run."""
    from wattbook.cli.work import show_run

    show_run(run, as_json=as_json)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(metavar="RUN_A", help="Folder of a saved run.")],
    run_b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Folder of another run of the same days.")],
    as_json: JsonOption = False,
    _debug: DebugOption = False,
) -> None:
    """Set two saved runs side by side: what differs, who pays, and from when on."""
    from wattbook.cli.work import compare_runs

    compare_runs(run_a, run_b, as_json=as_json)


@app.command()
def verify(run: RunArgument, recount: RecountOption = False, _debug: DebugOption = False) -> None:
    """Check that a saved run is what was written, and that money and energy balance."""
    from wattbook.cli.work import verify_run

    verify_run(run, recounted=recount)


@app.command()
def explain(
    run: RunArgument,
    sanction: Annotated[str, typer.Option(metavar="N", help="Row of the run's table of sanctions, from 0.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the explanation as JSON, and nothing else.")] = False,
    _debug: DebugOption = False,
) -> None:
    """Take a sanction of the regulator apart: what was seen, the limits, the amount, where the money went."""
    from wattbook.cli.work import explain_sanction

    explain_sanction(run, sanction, as_json=as_json)


@app.command("warm-up")
def warm_up(_debug: DebugOption = False) -> None:
    """Compile all kernels once, and drop those of versions unused for a week."""
    from wattbook.cli.work import warm_up as work

    work()


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
    options_metavar="[book|run]",
)
def bench(
    arguments: Annotated[Optional[list[str]], typer.Argument(metavar="[OPTIONS]")] = None,  # noqa: UP045
) -> None:
    """Measure the book, or whole runs; 'wattbook bench book --help' and 'bench run --help' name their options."""
    from wattbook.cli.bench import run_benchmark

    raise typer.Exit(run_benchmark(arguments or []))


@data.command("import")
def data_import(
    kind: Annotated[str, typer.Argument(metavar="simbench", help="What is imported.")],
    source: Annotated[Path, typer.Argument(metavar="WHEEL_OR_FOLDER", help="The data set's wheel, or its folder.")],
    grid: Annotated[str, typer.Option(help="The grid, as LV2.101.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to make for it.")],
    _debug: DebugOption = False,
) -> None:
    """Import a grid with its members, plants and a year of profiles."""
    if kind != "simbench":
        raise typer.BadParameter(f"{kind!r} is not 'simbench'")
    from wattbook.cli.work import import_grid

    import_grid(source, grid, out)


@data.command("check")
def data_check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A CSV or Parquet file with the columns time and kwh.")],
    _debug: DebugOption = False,
) -> None:
    """Read a profile as a scenario would, and say what is in it or wrong with it."""
    from wattbook.cli.work import check_data

    check_data(file)
