"""Commands about listening tests that need no window: check, simulate, export, analyze."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earbench_mushra.statistics import Analysis

studies = typer.Typer(help="Make, check and simulate listening tests.", no_args_is_help=True)
"""The `earbench study …` group; another file may add its commands to it."""

StudyFolder = Annotated[Path, typer.Argument(help="The study's folder.")]


def register(app: typer.Typer) -> None:
    """Add this file's commands to the app."""
    app.add_typer(studies, name="study")
    app.command("export")(export)
    app.command("analyze")(analyze)


@studies.command("check")
def check(folder: StudyFolder) -> None:
    """Check a study before anyone sits down to it: its design, and every stimulus.

    Stimuli must be those of the design, and alike in all but the codec's sound: rate, channels, length,
    delay, polarity, offset, clipping, loudness. Errors make the command fail, warnings do not.
    """
    from earbench_app.counting import study_size
    from earbench_mushra.audit import Severity, audit_stimuli
    from earbench_mushra.checks import check_design
    from earbench_mushra.errors import StimulusError
    from earbench_mushra.study_files import STIMULI_FOLDER, load_study, verify_stimuli

    study = load_study(folder)
    warnings = check_design(study)
    verify_stimuli(study, folder)
    findings = audit_stimuli(study, folder)
    for line in (*(f"warning: {warning}" for warning in warnings), *findings):
        typer.echo(line)
    n_errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if n_errors:
        reason = f"{n_errors} stimuli that cannot be played in this test; make them again"
        raise StimulusError(folder / STIMULI_FOLDER, reason)
    typer.echo(f"{study.name}: ready; {study_size(study)}")


@studies.command("simulate")
def simulate(
    folder: StudyFolder,
    listeners: Annotated[int, typer.Option(min=1, help="How many virtual listeners sit down.")],
    seed: Annotated[int, typer.Option(help="All they do follows from it.")] = 0,
) -> None:
    """Let virtual listeners take the test, through the same session as the window.

    Try a design on a copy of the study: their ratings are stored like anyone's, under the names simulated-001
    and so on, dated in the year 2000.
    """
    from rich.console import Console
    from rich.progress import Progress

    from earbench_mushra import simulation

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=listeners)
        simulation.simulate(
            folder, listeners, seed, report=lambda n_done: progress.update(task, completed=n_done)
        )
    typer.echo(f"{listeners} virtual listeners took the test in {folder}")


def export(
    folder: StudyFolder,
    out: Annotated[Path, typer.Option(help="The CSV to write.")],
    training: Annotated[bool, typer.Option(help="Also the ratings of the training phase.")] = False,
) -> None:
    """Write a study's ratings as CSV, one row each; the study notes that its results were opened."""
    from earbench_mushra.export import open_results, ratings_table, write_ratings

    results = open_results(folder, by=_user(), means="earbench export", training=training)
    write_ratings(results.trials, out)
    _tell_unrecorded(folder, results.recorded)
    typer.echo(f"{out}: {len(ratings_table(results.trials)[1])} ratings", err=True)


def analyze(
    path: Annotated[Path, typer.Argument(help="A study's folder, or a CSV of ratings.")],
    rule: Annotated[str, typer.Option(help="Screening: bs1534, mpeg or none.")] = "bs1534",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Screen the listeners and summarise the ratings."""
    from earbench_mushra.ratings import load_ratings
    from earbench_mushra.screening import Rule
    from earbench_mushra.statistics import analyze as analyze_ratings

    if rule not in set(Rule):
        raise typer.BadParameter(f"{rule!r} is none of {', '.join(Rule)}", param_hint="--rule")
    analysis = analyze_ratings(load_ratings(path, by=_user(), means="earbench analyze"), Rule(rule))
    if as_json:
        typer.echo(json.dumps(analysis.as_dict(), ensure_ascii=False, indent=2))
    else:
        _print(analysis)


def _print(analysis: Analysis) -> None:
    if analysis.conditions:
        typer.echo(f"{'condition':24} {'n':>5} {'mean':>6} {'95 % CI':>15} {'median':>7} {'IQR':>15}")
    for row in analysis.conditions:
        interval = "-" if row.ci95_low is None else f"{row.ci95_low:.1f} to {row.ci95_high:.1f}"
        typer.echo(
            f"{row.condition:24} {row.n:5d} {row.mean:6.1f} {interval:>15} "
            f"{row.median:7.1f} {f'{row.q1:.1f} to {row.q3:.1f}':>15}"
        )
    for test in analysis.tests:
        typer.echo(", ".join(f"{key} {value}" for key, value in test.items() if value is not None))
    for exclusion in analysis.excluded:
        typer.echo(f"excluded by {analysis.rule}: {exclusion.listener}: {exclusion.reason}")
    for warning in analysis.warnings:
        typer.echo(f"warning: {warning}")


def _tell_unrecorded(folder: Path, recorded: bool) -> None:
    if not recorded:
        typer.echo(f"{folder} cannot be written: the opening of its results is not recorded", err=True)


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unknown"
