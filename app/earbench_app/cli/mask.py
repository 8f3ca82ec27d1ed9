"""`earbench mask`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip
    from earbench_codecs.psychoacoustics import Model1Settings

    Rows = Iterator[tuple[NDArray[np.float64], NDArray[np.floating]]]
    """Frames' times in seconds [F] and thresholds in dB SPL [F, K], some frames at a time."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("mask")(mask)


def mask(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An audio file.")],
    model: Annotated[
        Literal["model1", "pam-nac"],
        typer.Option(help="ISO 11172-3 model 1, or PAM-NAC's variant of it (32 and 44.1 kHz)."),
    ] = "model1",
    n_fft: Annotated[
        Literal["256", "512", "1024", "2048", "4096"], typer.Option(help="Samples in a frame.")
    ] = "512",
    hop: Annotated[int, typer.Option(min=1, help="Samples from one frame to the next.")] = 256,
    full_scale_db: Annotated[
        float, typer.Option(help="Level in dB SPL of a full-scale sine's spectral line.")
    ] = 96.0,
    channel: Annotated[
        int | None, typer.Option(min=1, help="This channel alone; the mean of all without.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a row a frame: time, then a column a line.")
    ] = None,
) -> None:
    """Compute the masking threshold of each frame, at each spectral line, in dB SPL."""
    from earbench_codecs.clip_files import read_clip
    from earbench_codecs.psychoacoustics import Model1Settings, line_frequencies_hz

    if model == "pam-nac" and n_fft != "512":
        raise typer.BadParameter("pam-nac has an FFT of 512", param_hint="--n-fft")
    clip = read_clip(source)
    samples = _one_channel(clip, channel)
    settings = Model1Settings(clip.sample_rate_hz, int(n_fft), full_scale_db)
    frequencies_hz = line_frequencies_hz(settings.n_fft, settings.sample_rate_hz)

    def rows() -> Rows:
        found = _pam_nac(samples, settings, hop) if model == "pam-nac" else _model1(samples, settings, hop)
        return _with_progress(found, len(samples) // hop + 1)

    if csv is not None:
        _write_csv(csv, frequencies_hz, rows())
    if as_json:
        header = {
            "sample_rate_hz": clip.sample_rate_hz,
            "n_fft": settings.n_fft,
            "hop": hop,
            "model": model,
            "full_scale_db_spl": full_scale_db if model == "model1" else None,
            "channel": channel,
            "channels": clip.n_channels,
            "frequencies_hz": frequencies_hz.tolist(),
        }
        _print_json(header, rows())
    elif csv is None:
        typer.echo(_summary(settings, hop, rows()))


def _one_channel(clip: AudioClip, channel: int | None) -> NDArray[np.float32]:
    if channel is not None and channel > clip.n_channels:
        raise typer.BadParameter(f"its channels are 1 to {clip.n_channels}", param_hint="--channel")
    one: NDArray[np.float32] = clip.samples.mean(axis=0) if channel is None else clip.samples[channel - 1]
    return one


def _model1(samples: NDArray[np.float32], settings: Model1Settings, hop: int) -> Rows:
    from earbench_codecs.psychoacoustics import stream_masking

    for part in stream_masking(samples, settings, hop):
        yield part.times_s, part.threshold_db_spl


def _pam_nac(samples: NDArray[np.float32], settings: Model1Settings, hop: int) -> Rows:
    from earbench_codecs.psychoacoustics import pam_nac_masking
    from earbench_codecs.psychoacoustics.framing import frame_chunks, frame_times_s

    times_s = frame_times_s(len(samples), settings.n_fft, hop, settings.sample_rate_hz)
    for which, frames in frame_chunks(samples, settings.n_fft, hop):
        yield times_s[which], pam_nac_masking(frames.numpy(), settings.sample_rate_hz)[1]


def _with_progress(rows: Rows, n_frames: int) -> Rows:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("masking", total=n_frames)
        for times_s, threshold in rows:
            yield times_s, threshold
            progress.advance(bar, len(times_s))


def _rounded(values: NDArray[np.floating]) -> list[list[float]]:
    """Millibels: a double's other digits are noise, and three times the file."""
    rounded: list[list[float]] = values.astype("float64").round(3).tolist()
    return rounded


def _print_json(header: dict[str, object], rows: Rows) -> None:
    """Print as the rows come, so that an hour of them is never held at once."""
    typer.echo(json.dumps(header)[:-1] + ', "threshold_db_spl": [', nl=False)
    times: list[float] = []
    for times_s, threshold in rows:
        lines = (json.dumps(row) for row in _rounded(threshold))
        typer.echo(("," if times else "") + ",\n".join(lines), nl=False)
        times += times_s.tolist()
    typer.echo(f'], "times_s": {json.dumps(times)}}}')


def _write_csv(path: Path, frequencies_hz: NDArray[np.float64], rows: Rows) -> None:
    from earbench_codecs.files import write_atomically

    def lines() -> Iterator[Iterable[object]]:
        yield ["time_s", *frequencies_hz.tolist()]
        for times_s, threshold in rows:
            yield from ([time, *row] for time, row in zip(times_s.tolist(), _rounded(threshold), strict=True))

    write_atomically(path, ((",".join(map(str, line)) + "\r\n").encode() for line in lines()))


def _summary(settings: Model1Settings, hop: int, rows: Rows) -> str:
    n_frames, low, high = 0, float("inf"), float("-inf")
    for times_s, threshold in rows:
        n_frames += len(times_s)
        low, high = min(low, float(threshold.min())), max(high, float(threshold.max()))
    return (
        f"{settings.sample_rate_hz} Hz, FFT {settings.n_fft}, hop {hop}: "
        f"{n_frames} frames of {settings.n_fft // 2 + 1} lines\n"
        f"masking threshold {low:.1f} to {high:.1f} dB SPL; --json or --csv FILE for all of it"
    )
