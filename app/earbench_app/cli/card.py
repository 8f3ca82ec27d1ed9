"""`earbench card`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from earbench_app.cli.measure import Metrics, checked_metrics

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from earbench_codecs.neural.checkpoint_info import CheckpointInfo


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("card")(card)


def card(
    checkpoint: Annotated[
        Path, typer.Argument(help="A checkpoint's file, or its codec's name in `earbench codecs`.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="The corpus it was trained on: measures it anew on what was held out.")
    ] = None,
    excerpts: Annotated[
        int | None, typer.Option(min=1, help="Only the middle of so many held-out files; all of all without.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Longest excerpt; longer files make several.")] = 30,
    metric: Metrics = None,
    kbps: Annotated[
        list[float] | None,
        typer.Option(metavar="K", help="Measure at this rate too, of a coder for any; as often as needed."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="What the codec is called from now on.")] = None,
    sources: Annotated[
        str | None, typer.Option(help='Where the corpus is from, as "LibriSpeech (CC BY 4.0), …".')
    ] = None,
    tried: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="Something that was tried, and what it brought; in place of those."
        ),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write figures, name, sources and trials into the file.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write them into a copy.")] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Write the recipe it was trained by, and no more."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print a checkpoint's model card; with --data measure it beside MP3, Opus, AAC and AMR-WB first.

    Each of these runs at the setting whose measured rate is nearest to the checkpoint's own.
    """
    from earbench_codecs.neural.checkpoint_info import read_info, rewrite

    checkpoint = _file(checkpoint)
    info = read_info(checkpoint)
    if recipe is not None:
        from earbench_codecs.training.card import recipe_toml

        recipe.write_text(recipe_toml(info), encoding="utf-8")
        return
    if kbps and not info.knob:
        raise typer.BadParameter(f"{info.name} has one rate, {info.kbps:g} kbps", param_hint="--kbps")
    if data is None and (excerpts or metric or kbps):
        raise typer.BadParameter("is needed to measure anything", param_hint="--data")
    target = _target(checkpoint, save, out)
    changes = _changes(name, sources, info) | ({"tried": tried} if tried else {})
    if data is not None:
        metrics = checked_metrics(metric) if metric else None
        wish = _Wish(checkpoint, data, excerpts, seconds, metrics, sorted(kbps or ()))
        changes |= _measured(wish, info, changes.get("corpus", info.corpus))
    info = _changed(info, changes)
    if target is not None:
        rewrite(checkpoint, info, target)
        typer.echo(f"{target}: written; what {checkpoint} coded before needs that file to decode", err=True)
    _print(info, as_json)


def _file(checkpoint: Path) -> Path:
    """Return the file that was given, or that of the codec that was named."""
    from earbench_codecs.errors import CheckpointError, did_you_mean
    from earbench_codecs.registry import default_registry

    if checkpoint.exists():
        return checkpoint
    named = default_registry().checkpoints
    if str(checkpoint) not in named:
        question = did_you_mean(str(checkpoint), named)
        reason = "there is no such file, and no checkpoint of that name"
        names = ", ".join(named)
        raise CheckpointError(checkpoint, f"{reason}{question and '; ' + question} ({names})")
    return named[str(checkpoint)]


@dataclass(frozen=True, slots=True)
class _Wish:
    checkpoint: Path
    data: Path
    excerpts: int | None
    seconds: float
    metrics: list[str] | None
    kbps: list[float]


def _target(checkpoint: Path, save: bool, out: Path | None) -> Path | None:
    """Return what to write, if anything; a folder that cannot be written fails now, not after minutes."""
    if save and out is not None:
        raise typer.BadParameter("give --save or --out, not both", param_hint="--out")
    target = checkpoint if save else out
    if target is not None and not os.access(target.absolute().parent, os.W_OK):
        raise typer.BadParameter(f"{target.absolute().parent}: cannot be written", param_hint="--out")
    return target


def _changes(name: str | None, sources: str | None, info: CheckpointInfo) -> dict[str, Any]:
    named = {} if name is None else {"name": name}
    return named | ({} if sources is None else {"corpus": info.corpus | {"sources": sources}})


def _changed(info: CheckpointInfo, changes: dict[str, Any]) -> CheckpointInfo:
    if not changes:
        return info
    from pydantic import ValidationError

    from earbench_codecs.training.card import with_card

    try:
        return with_card(info, **({"recipe_name": info.recipe_name or info.name} | changes))
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{first['loc'][0]}" if first["loc"] else "--name"
        raise typer.BadParameter(first["msg"], param_hint=option) from error


def _measured(wish: _Wish, info: CheckpointInfo, corpus_facts: dict[str, Any]) -> dict[str, Any]:
    """Return what the checkpoint's facts become by measuring it."""
    from earbench_app.settings import cache_dir
    from earbench_codecs.base import Setting
    from earbench_codecs.metrics.worker import Worker
    from earbench_codecs.neural.codec import NeuralCodec
    from earbench_codecs.training import comparison
    from earbench_codecs.training.card import measured_means, offered_kbps

    with _Bar() as bar, Worker() as worker:
        corpus, training, validation = comparison.open_split(info, wish.data, cache_dir() / "corpora", bar)
        compare = partial(
            comparison.compare,
            NeuralCodec.from_file(wish.checkpoint),
            comparison.held_out_of(corpus, validation, wish.seconds, wish.excerpts),
            wish.metrics or comparison.default_metrics(info.sample_rate_hz),
            worker,
            comparison.references(info.sample_rate_hz),
            bar,
        )
        found, *at_rates = (compare(setting=at) for at in (None, *map(Setting, wish.kbps)))
    means = measured_means(found)
    counts = {"training_files": len(training), "validation_files": len(validation)}
    return {
        "corpus": corpus_facts | counts,
        "comparison": found,
        "comparisons": at_rates,
        "measured": means,
        "kbps": offered_kbps(means, info.kbps),
    }


class _Bar:
    """A progress bar on stderr: what is under way, and how much of it is done."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress: Progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task: TaskID = self._progress.add_task("starting", total=None)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it."""
        self._progress.update(self._task, description=what, completed=done, total=total)


def _print(info: CheckpointInfo, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(info.model_dump(mode="json"), ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(info.card))
    else:
        typer.echo(info.card or f"{info.name}: its file has no card")
