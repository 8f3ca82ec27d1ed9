"""`earbench codecs`, `encode` and `decode`."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from earbench_codecs.base import Codec, CodecInfo, EncodedAudio, Setting
    from earbench_codecs.clip import AudioClip

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
CodecName = Annotated[str, typer.Option("--codec", help="Its name in `earbench codecs`.")]
Kbps = Annotated[
    float | None, typer.Option(help="Bitrate of a stream, of one channel or two; its default without.")
]
Checkpoint = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Trained parameters of a neural codec.")
]
Options = Annotated[
    list[str] | None, typer.Option("--option", help="Another setting of the codec, as name=value.")
]
SampleFormat = Annotated[
    Literal["float", "24", "16"], typer.Option("--format", help="Bits of a sample; float has 32.")
]
_NOT_HERE = "which is not among the codecs here; give it with --checkpoint FILE"
INFO_FIELDS = ("name", "title", "kind", "sample_rates_hz", "bitrates_kbps", "available", "reason")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("codecs")(list_codecs)
    app.command("encode")(encode)
    app.command("decode")(decode)


def list_codecs(as_json: Json = False) -> None:
    """List all codecs, their rates and bitrates, and what is missing for those not available."""
    from earbench_codecs.registry import codecs

    infos = codecs()
    if as_json:
        _print_json([_info_json(info) for info in infos])
    else:
        typer.echo("\n".join(line for info in infos for line in _info_lines(info)))


def encode(
    source: Annotated[Path, typer.Argument(metavar="IN", help="An audio file.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.ebc", help="The bitstream to write.")],
    codec: CodecName,
    kbps: Kbps = None,
    checkpoint: Checkpoint = None,
    option: Options = None,
    as_json: Json = False,
) -> None:
    """Encode an audio file to a real bitstream."""
    from earbench_codecs.clip_files import read_clip
    from earbench_codecs.container import write_ebc

    coder = _coder(codec, checkpoint)
    setting = _setting(coder, kbps, option or [])
    clip = read_clip(source)
    coder.prepare()
    start_s = perf_counter()
    with _under_way(f"encoding {source} with {codec}"):
        encoded = coder.encode(clip, setting)
    spent_s = perf_counter() - start_s
    n_file_bytes = write_ebc(target, encoded)
    file_kbps = 8 * n_file_bytes / encoded.duration_s / 1000
    report = _encode_json(encoded, spent_s)
    report |= {"file": str(target), "file_bytes": n_file_bytes, "file_kbps": file_kbps}
    if as_json:
        _print_json(report)
    else:
        typer.echo(_encode_text(coder.info, encoded, report))


def decode(
    source: Annotated[Path, typer.Argument(metavar="IN.ebc", help="A bitstream of `earbench encode`.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.wav", help="The WAV file to write.")],
    checkpoint: Checkpoint = None,
    sample_format: SampleFormat = "float",
    conceal: Annotated[
        bool, typer.Option("--conceal", help="Leave damaged segments of a neural codec silent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decode a bitstream to the original's length, rate and channels, aligned to the sample."""
    from earbench_codecs.clip_files import write_wav
    from earbench_codecs.container import read_ebc
    from earbench_codecs.errors import BitstreamError

    if target.suffix.lower() not in (".wav", ".wave"):
        raise typer.BadParameter("what is written is a WAV file; end its name in .wav", param_hint="OUT.wav")
    encoded = read_ebc(source, conceal=conceal)
    coder = _decoder(source, encoded, checkpoint)
    coder.prepare()
    start_s = perf_counter()
    try:
        with _under_way(f"decoding {source} with {encoded.codec}"):
            clip = coder.decode(encoded)
    except BitstreamError as error:
        raise BitstreamError(f"{source}: {error}") from error
    spent_s = perf_counter() - start_s
    write_wav(target, clip, sample_format)
    report = {"codec": encoded.codec, "file": str(target), "notes": list(encoded.notes)}
    report |= _clip_json(clip, spent_s)
    if as_json:
        _print_json(report)
    else:
        typer.echo(
            f"{target}: {clip.duration_s:.3f} s, {clip.sample_rate_hz} Hz, {clip.n_channels} channel(s), "
            f"decoded in {spent_s:.2f} s" + "".join(f"\n  note: {note}" for note in encoded.notes)
        )


def _coder(name: str, checkpoint: Path | None) -> Codec:
    from earbench_codecs.errors import CodecUnavailableError
    from earbench_codecs.neural.codec import NeuralCodec
    from earbench_codecs.registry import codec, default_registry

    if checkpoint is not None and name not in default_registry().names:  # such as a coder of one's own
        return NeuralCodec.called(name, checkpoint)
    coder = codec(name)
    if checkpoint is not None:
        return coder.with_checkpoint(checkpoint)
    if coder.info.kind == "neural" and not coder.info.available:
        raise CodecUnavailableError(name, f"{coder.info.reason}, or name one with --checkpoint FILE")
    return coder


def _decoder(source: Path, encoded: EncodedAudio, checkpoint: Path | None) -> Codec:
    """Return the codec that decodes a file; of a neural one, no other than made it."""
    from earbench_codecs.errors import BitstreamError, UnknownCodecError
    from earbench_codecs.registry import decoder

    sha256 = encoded.checkpoint_sha256
    if sha256 is not None and checkpoint is not None:
        return _given_decoder(source, encoded, checkpoint)
    try:
        coder = decoder(encoded.codec, sha256)
    except UnknownCodecError as error:
        wanting = f"and {error}" if sha256 is None else _NOT_HERE
        raise BitstreamError(f"{source}: {_made_by(encoded)}, {wanting}") from error
    if coder.info.sha256 != sha256:
        raise BitstreamError(f"{source}: {_made_by(encoded)}, {_NOT_HERE}")
    return coder if checkpoint is None else coder.with_checkpoint(checkpoint)


def _given_decoder(source: Path, encoded: EncodedAudio, checkpoint: Path) -> Codec:
    from earbench_codecs.errors import BitstreamError
    from earbench_codecs.neural.codec import NeuralCodec

    coder = NeuralCodec.from_file(checkpoint)
    if coder.info.sha256 != encoded.checkpoint_sha256:
        other = f"but {checkpoint} is {coder.info.name!r}, {str(coder.info.sha256)[:8]}"
        raise BitstreamError(
            f"{source}: {_made_by(encoded)}, {other}; give the one that made it with --checkpoint FILE"
        )
    return coder


def _made_by(encoded: EncodedAudio) -> str:
    sha256 = encoded.checkpoint_sha256
    return f"made by {encoded.codec!r}" + (f" with the checkpoint {sha256[:8]}" if sha256 else "")


def _setting(coder: Codec, kbps: float | None, options: list[str]) -> Setting:
    from earbench_codecs.base import Setting
    from earbench_codecs.setting import options_written

    return coder.check_setting(Setting.of(kbps, **options_written(coder.info, map(_pair, options))))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not name=value", param_hint="--option")
    return name, value


def _info_json(info: CodecInfo) -> dict[str, Any]:
    data = asdict(info)
    return {field: data[field] for field in (*INFO_FIELDS, "parameters", "sha256")}


def _info_lines(info: CodecInfo) -> list[str]:
    rates = ", ".join(f"{rate / 1000:g}" for rate in info.sample_rates_hz)
    bitrates = ", ".join(f"{kbps:g}" for kbps in info.bitrates_kbps)
    facts = [f"{rates} kHz" if rates else "any rate", f"{bitrates} kbps" if bitrates else "no bitrate"]
    options = [f"{o.name}={'|'.join(map(str, o.values))}" for o in info.options]
    lines = [f"{info.name:<11} {info.title} ({info.kind})"]
    if info.available:
        lines.append(" " * 12 + "; ".join(facts + options))
    else:
        lines.append(" " * 12 + f"not available: {info.reason}")
    return lines


def _encode_json(encoded: EncodedAudio, spent_s: float) -> dict[str, Any]:
    return {
        "codec": encoded.codec,
        "codec_version": encoded.codec_version,
        "setting": encoded.setting.to_json(),
        "bitrate_kbps": encoded.bitrate_kbps,
        "bytes": encoded.n_bytes,
        "duration_s": encoded.duration_s,
        "realtime_factor": spent_s / encoded.duration_s,
        "sample_rate_hz": encoded.sample_rate_hz,
        "channels": encoded.n_channels,
        "n_samples": encoded.n_samples,
        "checkpoint_sha256": encoded.checkpoint_sha256,
        "entropy_kbps": encoded.entropy_kbps,
        "notes": list(encoded.notes),
    }


def _clip_json(clip: AudioClip, spent_s: float) -> dict[str, Any]:
    return {
        "sample_rate_hz": clip.sample_rate_hz,
        "channels": clip.n_channels,
        "n_samples": clip.n_samples,
        "duration_s": clip.duration_s,
        "realtime_factor": spent_s / clip.duration_s,
    }


def _encode_text(info: CodecInfo, encoded: EncodedAudio, report: dict[str, Any]) -> str:
    setting, factor = info.label(encoded.setting), report["realtime_factor"]
    line = (
        f"{report['file']}: {' '.join(filter(None, (encoded.codec, setting)))}, "
        f"{encoded.bitrate_kbps:.2f} kbps measured, {encoded.n_bytes} bytes, {encoded.duration_s:.3f} s, "
        f"encoded in {factor * encoded.duration_s:.2f} s ({factor:.3f} of real time)"
    )
    whole = (
        f"  the whole file, with header and checksums: {report['file_kbps']:.2f} kbps, "
        f"{report['file_bytes']} bytes"
    )
    return "\n".join([line, whole, *(f"  note: {note}" for note in encoded.notes)])


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))


@contextmanager
def _under_way(what: str) -> Iterator[None]:
    """Say what is under way, and for how long, to a person who waits; a log or a pipe is spared."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    rest = Column(ratio=1, no_wrap=True)  # a long name is cut, not the time
    text = TextColumn("{task.description}", markup=False, table_column=rest)
    columns = (SpinnerColumn(), TimeElapsedColumn(), text)
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as progress:
        progress.add_task(what, total=None)
        yield
