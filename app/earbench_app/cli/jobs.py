"""`earbench jobs`: training and evaluation jobs, running and past."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earbench_app.cli.run_options import MaxMinutes

if TYPE_CHECKING:
    from earbench_app.jobs.board import JobBoard
    from earbench_app.jobs.history import History
    from earbench_app.jobs.job import Job

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Root = Annotated[
    Path | None, typer.Option(help="The folder of the jobs; $EARBENCH_JOBS, or one of the program's own.")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `earbench jobs` lists it, or its end.")]

_BEGIN = (
    "Start one with `earbench jobs submit RECIPE --data FOLDER`, or on the window's page Training; "
    "`earbench recipes` lists what to train."
)

group = typer.Typer(help="Training and evaluation jobs, running and past.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="jobs")


@group.callback(invoke_without_command=True)
def jobs(context: typer.Context, as_json: Json = False, root: Root = None) -> None:
    """List training and evaluation jobs, running and past; start what waits and has room."""
    context.obj = root
    if context.invoked_subcommand is None:
        board = _board(root)
        board.poll()
        jobs = list(board.jobs())
        _print(jobs, as_json)
        if not jobs and not as_json:
            typer.echo(f"There are no jobs in {board.root}. {_BEGIN}", err=True)


@group.command()
def submit(
    context: typer.Context,
    recipe: Annotated[str, typer.Argument(help="A name of `earbench recipes`, or a TOML file.")],
    data: Annotated[Path, typer.Option(help="A folder of audio, searched with all below it.")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or one GPU, as cuda:1.")] = "auto",
    nproc: Annotated[int, typer.Option(min=1, help="Processes, each with a GPU of its own.")] = 1,
    max_minutes: MaxMinutes = None,
    max_steps: Annotated[int | None, typer.Option(min=1, help="Stop at this step of the run.")] = None,
    as_json: Json = False,
) -> None:
    """Queue a run; it starts when a device is free, and goes on when this program has ended."""
    from earbench_app.jobs.job import JobError, TrainRequest
    from earbench_codecs.training.corpus import chosen_files
    from earbench_codecs.training.recipe import parse_recipe, recipe_name, recipe_text

    text = recipe_text(recipe)
    parsed = parse_recipe(text, recipe)  # what is wrong with it is told here
    name = recipe_name(recipe)
    if not data.is_dir():
        raise JobError(f"{data}: there is no such folder; choose the one with the audio to train on")
    chosen_files(data, parsed.data)  # and a folder without audio
    request = TrainRequest(name, text, data.absolute(), device, nproc, max_minutes, max_steps)
    board = _board(context.obj)
    job = board.submit(request)
    board.poll()
    _print([board.job(job.id)], as_json)


@group.command()
def pause(context: typer.Context, job_id: Id, as_json: Json = False) -> None:
    """Let a job write a checkpoint and end."""
    board = _board(context.obj)
    _print([board.pause(_found(board, job_id))], as_json)


@group.command()
def resume(context: typer.Context, job_id: Id, as_json: Json = False) -> None:
    """Queue a job again; it goes on from its last checkpoint."""
    board = _board(context.obj)
    job = board.resume(_found(board, job_id))
    board.poll()
    _print([board.job(job.id)], as_json)


@group.command()
def cancel(context: typer.Context, job_id: Id, as_json: Json = False) -> None:
    """End a job; it writes a checkpoint, and can be resumed."""
    board = _board(context.obj)
    _print([board.cancel(_found(board, job_id))], as_json)


@group.command()
def delete(
    context: typer.Context,
    job_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a job with its folder: checkpoints, curves, log."""
    board = _board(context.obj)
    job = board.job(_found(board, job_id))
    board.check_over(job)
    if not yes:
        typer.confirm(f"Delete {job.folder} with its checkpoints?", abort=True, err=True)
    board.delete(job.id)


@group.command()
def note(
    context: typer.Context,
    job_id: Id,
    text: Annotated[str | None, typer.Option(help="Replaces its notes.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Replaces its tags; may be given several times.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write something to a job."""
    board = _board(context.obj)
    _print([board.annotate(_found(board, job_id), text, tag or None)], as_json)


@group.command()
def log(
    context: typer.Context,
    job_id: Id,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="From its end.")] = 40,
) -> None:
    """Print the end of what a job's processes wrote, and what became of it."""
    board = _board(context.obj)
    job = board.job(_found(board, job_id))
    if job.log.is_file():
        text = job.log.read_text(encoding="utf-8", errors="replace")
        typer.echo("\n".join(text.splitlines()[-lines:]))
    typer.echo(f"{job.id}: {job.state}" + (f": {job.message}" if job.message else ""), err=True)


def _board(root: Path | None) -> JobBoard:
    from earbench_app.jobs.board import JobBoard
    from earbench_app.settings import SettingsFile, jobs_dir

    remembered = SettingsFile()
    if remembered.message:
        typer.echo(remembered.message, err=True)
    return JobBoard(root or jobs_dir(), n_cpu_jobs=remembered.settings.cpu_jobs)


def _found(board: JobBoard, text: str) -> str:
    """Return the name of the one job that a user means."""
    from earbench_app.jobs.job import JobError

    names = [job.id for job in board.jobs()]
    found = [name for name in names if text == name] or [name for name in names if name.endswith(text)]
    if len(found) != 1:
        what = "there is no job" if not found else f"there are {len(found)} jobs"
        raise JobError(f"{what} {text!r} in {board.root}; `earbench jobs` lists them")
    return found[0]


def _print(jobs: list[Job], as_json: bool) -> None:
    from earbench_app.jobs.history import read_history

    rows = [_row(job, read_history(job.events, sparse=True)) for job in jobs]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    elif rows:
        typer.echo(_table([_cells(row) for row in rows]))
        for row in rows:
            if row["message"]:
                typer.echo(f"{row['id']}: {row['message']}")


def _row(job: Job, history: History) -> dict[str, Any]:
    """Return what is told of a job; null where it is not known."""
    from earbench_app.jobs.history import best_metric, remaining_s

    request, progress = job.request, history.progress
    metric, best = best_metric(history, _highest_kbps(job)) or (None, None)
    n_steps = history.started.get("n_steps")
    limit = min(n_steps, request.max_steps) if n_steps and request.max_steps else n_steps
    return {
        "id": job.id,
        "name": request.name,
        "state": job.state.value,
        "message": job.message,
        "executor": request.executor,
        "device": job.device,
        "host": job.host,
        "step": progress.get("step"),
        "n_steps": limit,
        "kbps": history.validation.get("kbps") or progress.get("kbps"),
        "target_kbps": progress.get("target_kbps") or history.validation.get("target_kbps"),
        "metric": metric,
        "best": best,
        "eta_s": remaining_s(job, history),
        "created_s": job.created_s,
        "started_s": job.started_s,
        "ended_s": job.ended_s,
        "folder": str(job.folder),
        "data": str(request.data),
        "checkpoint": history.exported.get("path"),
        "notes": job.notes,
        "tags": list(job.tags),
        "sweep": job.sweep,
    }


def _highest_kbps(job: Job) -> float:
    """Return the rate above which no step is a job's best; infinite where its recipe cannot be read."""
    from earbench_codecs.training.errors import RecipeError
    from earbench_codecs.training.recipe import parse_recipe

    try:
        return parse_recipe(job.request.recipe_toml, job.request.name).highest_kbps
    except RecipeError:
        return math.inf


_TITLES = ("id", "name", "state", "progress", "kbps", "best", "left", "on")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    from earbench_app.counting import duration_text

    share = f"{100 * row['step'] / row['n_steps']:.0f} %" if row["step"] and row["n_steps"] else ""
    target = f" of {row['target_kbps']:.4g}" if row["target_kbps"] else ""
    kbps = f"{row['kbps']:.1f}{target}" if row["kbps"] else ""
    best = f"{_title(row['metric'])} {row['best']:.4g}" if row["best"] is not None else ""
    left = duration_text(row["eta_s"]) if row["eta_s"] is not None else ""
    place = row["device"] if row["executor"] == "local" else f"{row['executor']} {row['device']}".strip()
    state = "stopped" if row["state"] == "done" and row["message"] else row["state"]  # as the window says
    return (row["id"], row["name"], state, share, kbps, best, left, place)


def _title(metric: str) -> str:
    from earbench_codecs.metrics.registry import METRICS

    return METRICS[metric].title if metric in METRICS else metric


def _table(rows: list[tuple[str, ...]]) -> str:
    """Return rows under their titles, each column as wide as its widest."""
    rows = [_TITLES, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)
