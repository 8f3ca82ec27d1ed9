"""What the codecs built on PyAV share: encoders and decoders as streams of packets, and compact segments.

A packet is kept as it leaves the encoder. No Ogg, ADTS or MP4 is wrapped around it, because at 6 kbps
the wrapping would cost as much as the sound. A segment holds about a second of packets behind a table of
their sizes, so that all a decoder needs is counted and nothing else is.
"""

from __future__ import annotations

import ctypes
import math
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from numpy.typing import NDArray

LAYOUTS = {1: "mono", 2: "stereo"}


@cache
def why_missing(encoder: str) -> str:
    """Return why PyAV cannot encode with `encoder` and what to do; empty when it can."""
    import av

    try:
        av.codec.Codec(encoder, "w")
    except av.codec.codec.UnknownCodecError:
        return (
            f"this build of PyAV has no encoder {encoder}; install the wheel from PyPI: "
            f"pip install --force-reinstall --only-binary av av=={av.__version__}"
        )
    return ""


def ffmpeg_version(encoder: str) -> str:
    """Name an encoder that is part of FFmpeg, with the versions of FFmpeg and PyAV."""
    import av

    return f"{encoder} of FFmpeg {av.ffmpeg_version_info}, PyAV {av.__version__}"


@cache
def library_version(library: str, function: str) -> str:
    """Name an encoder's library and version, read from the library that PyAV's wheel carries.

    Parameters
    ----------
    library : str
        Such as ``libopus``.
    function : str
        Its C function that returns the version as text.

    Returns
    -------
    str
        Such as ``libopus 1.6.1, PyAV 18.1.0``; without the library's number where it lies elsewhere.
    """
    import av

    wheel = f"PyAV {av.__version__}"
    for path in sorted((Path(av.__file__).parent.parent / "av.libs").glob(f"{library}-*")):
        read = getattr(ctypes.CDLL(str(path)), function)
        read.restype = ctypes.c_char_p
        return f"{library} {read().decode().removeprefix(library).strip()}, {wheel}"
    return f"{library}, {wheel}"


def encoded_packets(
    encoder: str,
    clip: AudioClip,
    n_packets: int,
    *,
    bit_rate: int | None = None,
    options: Mapping[str, str] | None = None,
) -> Iterator[bytes]:
    """Encode a clip, followed by as much silence as it takes to fill `n_packets`.

    Raises
    ------
    CodecError
        The encoder refused the setting or failed.
    """
    import av

    context = cast("AudioCodecContext", av.CodecContext.create(encoder, "w"))
    context.sample_rate = clip.sample_rate_hz
    context.layout = LAYOUTS[clip.n_channels]
    context.format = _sample_format(context)
    context.thread_count = 1  # the same bytes each time
    context.options = dict(options or {})
    if bit_rate is not None:
        context.bit_rate = bit_rate
    try:
        context.open()
        sent = 0
        for frame in chain(_frames(clip, context, n_packets), [None]):
            for packet in context.encode(frame):
                if sent < n_packets:
                    yield bytes(packet)
                sent += 1
    except av.FFmpegError as error:
        raise CodecError(f"{encoder} failed at {clip.sample_rate_hz} Hz: {error}") from error
    if sent < n_packets:
        raise CodecError(f"{encoder} gave {sent} packets where {n_packets} were due")


def decoded_blocks(
    decoder: str,
    packets: Iterable[bytes],
    sample_rate_hz: int,
    n_channels: int,
    *,
    extradata: bytes | None = None,
    options: Mapping[str, str] | None = None,
) -> Iterator[NDArray[np.float32]]:
    """Decode packets one by one to blocks of shape [C, T], unscaled and unclipped.

    Raises
    ------
    BitstreamError
        The decoder cannot read a packet, or finds another rate or number of channels in it.
    """
    import av

    context = cast("AudioCodecContext", av.CodecContext.create(decoder, "r"))
    context.sample_rate = sample_rate_hz
    context.layout = LAYOUTS[n_channels]
    context.thread_count = 1
    context.options = dict(options or {})
    context.extradata = extradata
    try:
        for packet in packets:
            for frame in context.decode(av.Packet(packet)):
                yield _block(frame, sample_rate_hz, n_channels)
        for frame in context.decode(None):
            yield _block(frame, sample_rate_hz, n_channels)
    except av.FFmpegError as error:
        raise BitstreamError(f"the {decoder} decoder cannot read the bitstream: {error}") from error


def cut_to_clip(
    blocks: Iterable[NDArray[np.float32]], delay: int, sample_rate_hz: int, shape: tuple[int, int]
) -> AudioClip:
    """Drop `delay` samples of a decoder's output and keep the shape [C, T] that follows.

    Raises
    ------
    BitstreamError
        The stream ends too soon, or holds values that are no audio.
    """
    samples = np.zeros(shape, dtype=np.float32)
    at = -delay  # where the next block goes
    for block in blocks:
        start, end = max(at, 0), min(at + block.shape[1], shape[1])
        if start < end:
            samples[:, start:end] = block[:, start - at : end - at]
        at += block.shape[1]
    if at < shape[1]:
        raise BitstreamError(f"the bitstream ends after {max(at, 0)} of {shape[1]} samples")
    if not np.isfinite(samples).all():
        raise BitstreamError("the bitstream decodes to values that are no audio")
    return AudioClip(samples, sample_rate_hz)


def nearest_rate_hz(rates_hz: Iterable[int], sample_rate_hz: int) -> int:
    """Return the lowest of the rates that loses no bandwidth, else the highest."""
    rates = sorted(rates_hz)
    return next((rate for rate in rates if rate >= sample_rate_hz), rates[-1])


def n_packets_for(n_samples: int, delay: int, frame_size: int) -> int:
    """Return how many frames of `frame_size` hold the samples after the delay."""
    return math.ceil((n_samples + delay) / frame_size)


def encoded_near_rate(
    encode: Callable[[float], list[bytes]], bits: float, knob: float, ends: tuple[float, float]
) -> list[bytes]:
    """Encode until the segments take as many bits as asked, within 2 %, by bisection of a rising knob.

    Parameters
    ----------
    encode : callable
        From the knob's value to segments.
    bits : float
        Bits to take.
    knob : float
        The value to begin with.
    ends : tuple of float
        Between which the knob may go.

    Returns
    -------
    list of bytes
        Segments of the try that came nearest; there are eight at most, fewer where the knob moves nothing.
    """
    low, high = ends
    tries: list[tuple[float, list[bytes]]] = []
    for _ in range(8):
        segments = encode(knob)
        error = 8 * sum(map(len, segments)) / bits - 1
        stuck = bool(tries) and abs(error - tries[-1][0]) < 0.005
        tries.append((error, segments))
        if stuck or abs(error) <= 0.02:
            break
        low, high = (low, knob) if error > 0 else (knob, high)
        knob = (low + high) / 2
    return min(tries, key=lambda tried: abs(tried[0]))[1]


def grouped(packets: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield the packets in lists of `size`, the last one shorter."""
    rest = iter(packets)
    while group := list(islice(rest, size)):
        yield group


def pack_segments(packets: Iterable[bytes], per_segment: int) -> list[bytes]:
    """Put packets behind tables of their sizes, `per_segment` to a segment.

    A segment is the number ``2 n + c``, then n sizes, or a single one if c = 1 and all are the same, then
    the packets. Numbers are LEB128: seven bits a byte, least significant first.
    """
    return [_segment(group) for group in grouped(packets, per_segment)]


def unpack_segments(segments: Sequence[bytes], n_packets: int | None = None) -> list[bytes]:
    """Read what `pack_segments` wrote, `n_packets` where their number is known.

    Raises
    ------
    BitstreamError
        A table does not fit its segment, or the packets are not `n_packets`.
    """
    packets = [packet for segment in segments for packet in _split_segment(segment)]
    if n_packets is not None and len(packets) != n_packets:
        raise BitstreamError(f"the bitstream has {len(packets)} packets, not the {n_packets} of its length")
    return packets


def _sample_format(context: AudioCodecContext) -> str:
    names = [sample_format.name for sample_format in context.codec.audio_formats or []]
    return "fltp" if "fltp" in names else "flt"


def _frames(clip: AudioClip, context: AudioCodecContext, n_frames: int) -> Iterator[AudioFrame]:
    from av.audio.frame import AudioFrame

    size = context.frame_size
    for start in range(0, n_frames * size, size):
        block = clip.samples[:, start : start + size]
        block = np.pad(block, ((0, 0), (0, size - block.shape[1])))
        if not context.format.is_planar:
            block = block.T.reshape(1, -1)
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(block), format=context.format.name, layout=context.layout.name
        )
        frame.sample_rate, frame.pts = clip.sample_rate_hz, start
        yield frame


def _block(frame: AudioFrame, sample_rate_hz: int, n_channels: int) -> NDArray[np.float32]:
    found = (frame.sample_rate, frame.layout.nb_channels)
    if found != (sample_rate_hz, n_channels):
        raise BitstreamError(
            f"the bitstream holds {found[1]} channels at {found[0]} Hz, "
            f"not {n_channels} at {sample_rate_hz} Hz"
        )
    block = frame.to_ndarray()
    if not frame.format.is_planar:
        block = block.reshape(-1, n_channels).T
    return block.astype(np.float32, copy=False)


def _segment(packets: Sequence[bytes]) -> bytes:
    sizes = [len(packet) for packet in packets]
    constant = len(set(sizes)) == 1
    table = [2 * len(sizes) + constant, *(sizes[:1] if constant else sizes)]
    return b"".join([*map(_leb128, table), *packets])


def _split_segment(segment: bytes) -> Iterator[bytes]:
    head, at = _read_leb128(segment, 0)
    n_packets, constant = divmod(head, 2)
    sizes = []
    for _ in range(1 if constant else n_packets):
        size, at = _read_leb128(segment, at)
        sizes.append(size)
    length = at + sum(sizes) * (n_packets if constant else 1)
    if length != len(segment) or 0 in sizes:
        raise BitstreamError(f"a segment of {len(segment)} bytes does not fit its table of packet sizes")
    for size in sizes * n_packets if constant else sizes:
        yield segment[at : at + size]
        at += size


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _read_leb128(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for end in range(at, min(at + 4, len(data))):
        number |= (data[end] & 127) << shift
        shift += 7
        if data[end] < 128:
            return number, end + 1
    raise BitstreamError("the table of packet sizes at the head of a segment is damaged")
