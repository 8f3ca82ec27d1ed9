"""`earbench measure`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from earbench_codecs.clip import AudioClip
    from earbench_codecs.metrics.measurement import Measurement

Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="M", help="A metric, as often as needed; all without."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("measure")(measure)


def measure(
    reference: Annotated[Path, typer.Argument(metavar="REF", help="The original.")],
    test: Annotated[Path, typer.Argument(metavar="TEST", help="Same rate, length and channels, aligned.")],
    metric: Metrics = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds a metric may take; by default 20 times the clip.")
    ] = None,
) -> None:
    """Measure how far a clip is from its reference. A metric that does not apply says why."""
    from earbench_codecs.clip_files import read_clip
    from earbench_codecs.metrics.measurement import MetricError

    chosen = checked_metrics(metric)
    clips = read_clip(reference), read_clip(test)
    try:
        found = _measured(*clips, chosen, timeout)
    except MetricError as error:
        raise MetricError(f"{test} against {reference}: {error}") from error
    if as_json:
        document = _document(reference, test, clips[0], found)
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        typer.echo("\n".join(line for item in found.items() for line in _lines(*item)))


def checked_metrics(names: list[str] | None) -> list[str]:
    """Return the names to compute, in the registry's order; refuse an unknown one as wrong usage."""
    from earbench_codecs.metrics.measurement import MetricError
    from earbench_codecs.metrics.registry import metrics_named

    try:
        return [metric.name for metric in metrics_named(names)]
    except MetricError as error:
        raise typer.BadParameter(str(error), param_hint="--metric") from error


def _measured(
    reference: AudioClip, test: AudioClip, names: list[str], timeout_s: float | None
) -> dict[str, Measurement]:
    from rich.console import Console
    from rich.progress import Progress

    from earbench_codecs.metrics.measure import measure as measure_clips

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("measuring", total=len(names))
        n_started = iter(range(len(names)))
        return measure_clips(
            reference,
            test,
            names,
            timeout_s=timeout_s,
            on_metric=lambda m: progress.update(bar, description=m.title, completed=next(n_started)),
        )


def _document(reference: Path, test: Path, clip: AudioClip, found: dict[str, Measurement]) -> dict[str, Any]:
    from earbench_codecs.metrics.registry import METRICS

    return {
        **{name: measurement.value for name, measurement in found.items()},
        "notes": {name: "; ".join(m.notes) for name, m in found.items() if m.notes},
        "units": {name: METRICS[name].unit for name in found},
        "software": {name: METRICS[name].software for name in found},
        "reference": str(reference),
        "test": str(test),
        "sample_rate_hz": clip.sample_rate_hz,
        "channels": clip.n_channels,
        "duration_s": clip.duration_s,
    }


def _lines(name: str, measurement: Measurement) -> list[str]:
    from earbench_codecs.metrics.registry import METRICS

    metric = METRICS[name]
    value = "–" if measurement.value is None else f"{measurement.value:.4f} {metric.unit}".rstrip()
    return [f"{name:<20}{value}", *(" " * 20 + note for note in measurement.notes)]
