"""`earbench evaluate --cluster`: submits, follows, and gathers the rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.jobs.job import SlurmOptions
    from earbench_app.jobs.slurm_evaluation import ClusterEvaluation
    from earbench_app.jobs.slurm_queue import Queue
    from earbench_codecs.metrics.evaluation import Task
    from earbench_codecs.metrics.evaluation_csv import EvaluationTable

LOOK_EVERY_S = 1.0


def run_on_cluster(
    table: EvaluationTable,
    tasks: Sequence[Task],
    metrics: Sequence[str],
    options: SlurmOptions,
    timeout_s: float,
    at_a_time: int | None,
) -> None:
    """Compute the rows that are missing as an array of jobs; one that is under way already is followed first.

    Raises
    ------
    JobError
        There is no cluster, or it refuses.
    """
    from earbench_app.jobs.slurm_evaluation import ClusterEvaluation
    from earbench_app.jobs.slurm_queue import Queue

    evaluation = ClusterEvaluation(table, tasks, metrics)
    queue = Queue()
    try:
        if evaluation.array is not None:
            typer.echo(f"cluster job {evaluation.array.id} is under way; following it", err=True)
            _follow(evaluation, queue, table, tasks)
        if table.missing(tasks):
            evaluation.submit(options, timeout_s, at_a_time)
            _follow(evaluation, queue, table, tasks)
    except KeyboardInterrupt:
        if evaluation.array is not None:
            array_id = evaluation.array.id
            goes_on = "goes on: the same command follows it again"
            typer.echo(f"cluster job {array_id} {goes_on}, `scancel {array_id}` ends it", err=True)
        raise


def _follow(
    evaluation: ClusterEvaluation, queue: Queue, table: EvaluationTable, tasks: Sequence[Task]
) -> None:
    """Gather rows until the jobs have ended."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    array_id = evaluation.array.id if evaluation.array is not None else ""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("evaluating", total=len(tasks))
            for stand in evaluation.watch(queue):
                table.save(tasks)
                text = (
                    stand.message or f"cluster job {array_id}, {stand.n_ended} of {stand.n_parts} parts ended"
                )
                progress.update(bar, description=text, completed=len(tasks) - len(table.missing(tasks)))
                if stand.n_ended < stand.n_parts:
                    time.sleep(LOOK_EVERY_S)
    finally:
        table.save(tasks)
    for complaint in evaluation.close(queue):
        typer.echo(complaint, err=True)
    table.save(tasks)
