"""`earbench evaluate` and `earbench plot`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from earbench_app.cli.cluster import Account, Cluster, Minutes, Partition, slurm_options
from earbench_app.cli.measure import Metrics, checked_metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.metrics.evaluation import Task
    from earbench_codecs.metrics.evaluation_csv import EvaluationTable

SAVE_EVERY_S = 2.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("evaluate")(evaluate)
    app.command("plot")(plot)


def evaluate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Audio files, or folders of them.")],
    codec: Annotated[
        list[str],
        typer.Option(metavar="NAME[@KBPS]", help="A codec, as mp3, mp3@64, mp3@all or opus@24,mode=vbr."),
    ],
    out: Annotated[Path, typer.Option(help="The CSV to write; one that is there is taken up again.")],
    metric: Metrics = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Rows at a time; as many as cores without, or as the cluster has room for."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds a row may take.")] = 3600,
    cluster: Cluster = None,
    partition: Partition = None,
    account: Account = None,
    time: Minutes = None,
) -> None:
    """Code every file with every codec and setting, and write a row of figures for each."""
    from earbench_codecs.clip_files import audio_files
    from earbench_codecs.errors import CodecError
    from earbench_codecs.metrics.evaluation import n_cores, planned
    from earbench_codecs.metrics.evaluation_csv import EvaluationTable

    options = slurm_options(cluster, partition, account, time)
    metrics = checked_metrics(metric)
    files = audio_files(paths)
    if not files:
        raise CodecError(f"{', '.join(map(str, paths))}: no audio files there")
    tasks = planned(files, codec)
    table = EvaluationTable(out, metrics)
    todo = table.missing(tasks)
    table.save(tasks)  # a file that cannot be written fails now, not after hours
    if options is None:
        _run(table, tasks, todo, metrics, jobs or n_cores(), timeout)
    else:
        from earbench_app.cli.evaluate_on_cluster import run_on_cluster

        run_on_cluster(table, tasks, metrics, options, timeout, jobs)
    n_failed = len(table.missing(tasks))
    typer.echo(f"{out}: {len(todo) - n_failed} rows computed, {len(tasks) - len(todo)} were there", err=True)
    if n_failed:
        raise CodecError(f"{out}: {n_failed} rows failed; see their column `error`, then run again")


def plot(
    source: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Of `earbench evaluate`.")],
    out: Annotated[Path, typer.Option(help="A .png, .svg or .pdf to write.")],
    metric: Metrics = None,
) -> None:
    """Draw rate-distortion curves with 95 % confidence bands over files; each counts alike, however long."""
    from earbench_codecs.metrics import rate_distortion

    if out.suffix.lower() not in rate_distortion.FIGURE_SUFFIXES:
        suffixes = ", ".join(rate_distortion.FIGURE_SUFFIXES)
        raise typer.BadParameter(f"end its name in one of {suffixes}", param_hint="--out")
    for warning in rate_distortion.plot(source, out, metric):
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{out}", err=True)


def _run(
    table: EvaluationTable,
    tasks: Sequence[Task],
    todo: Sequence[Task],
    metrics: Sequence[str],
    n_jobs: int,
    timeout_s: float,
) -> None:
    """Compute and keep the rows. What is done is kept when the run is stopped."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from earbench_codecs.metrics.evaluation import evaluate as evaluate_tasks

    saved_s = monotonic()
    columns = ("evaluating", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    rows = evaluate_tasks(todo, metrics, n_jobs=n_jobs, timeout_s=timeout_s)
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress, closing(rows):
            for row in progress.track(rows, total=len(todo)):
                table.add(row)
                if monotonic() - saved_s > SAVE_EVERY_S:
                    table.save(tasks)
                    saved_s = monotonic()
    finally:
        table.save(tasks)
