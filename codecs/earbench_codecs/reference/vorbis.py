"""Vorbis: libvorbis, as libsndfile carries it, encodes; FFmpeg decodes.

PyAV's wheel has no libvorbis, and FFmpeg's own Vorbis encoder is experimental; the wheel of soundfile has
libvorbis. It writes Ogg, from which the packets are taken.

The bitstream is the three header packets, whose codebooks take some 4 kB, then the audio packets behind
compact tables of their sizes (see `pyav_stream`). The headers are counted: a decoder cannot do without.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, cast

from earbench_codecs.base import Codec, CodecInfo, OptionInfo, Setting
from earbench_codecs.errors import BitstreamError
from earbench_codecs.reference.pyav_stream import (
    cut_to_clip,
    decoded_blocks,
    encoded_near_rate,
    pack_segments,
    unpack_segments,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.clip import AudioClip

RATES_HZ = (
    *(8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000),
    *(44_100, 48_000, 64_000, 88_200, 96_000, 176_400, 192_000),
)
PACKETS_PER_SEGMENT = 64
_BLOCK_SAMPLES = 65_536  # libsndfile's stack does not hold a whole clip


class Vorbis(Codec):
    """Vorbis by libvorbis: variable bitrate at a quality.

    For a bitrate the clip is encoded at several qualities until the measured rate is within 2 % of what
    was asked, so that encoding takes up to eight times as long as at a quality. Where no quality gives
    that rate, as with silence or above what the clip can use, it is the nearest.
    """

    @property
    def info(self) -> CodecInfo:
        """What it is, and whether libsndfile has libvorbis."""
        import soundfile

        missing = "VORBIS" not in soundfile.available_subtypes("OGG")
        return CodecInfo(
            name="vorbis",
            title="Vorbis (libvorbis)",
            kind="reference",
            version=f"libvorbis in libsndfile {soundfile.__libsndfile_version__}",
            sample_rates_hz=RATES_HZ,
            bitrates_kbps=(32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
            continuous=True,
            default=Setting(96.0),
            options=(
                OptionInfo("quality", ("off", *range(11)), "0 to 10 (best) in place of a bitrate", True),
            ),
            constant_rate=False,
            available=not missing,
            reason="libsndfile lacks Vorbis; pip install --force-reinstall soundfile" if missing else "",
            description="Variable bitrate; a bitrate asked is that of the whole clip, headers included.",
        )

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        quality = setting.get("quality", "off")
        if quality != "off":
            return _encoded(clip, float(quality) / 10)
        bits = 1000 * cast("float", setting.kbps) * clip.duration_s
        return encoded_near_rate(partial(_encoded, clip), bits, knob=0.5, ends=(0.0, 1.0))

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        del setting
        if not segments:
            raise BitstreamError("the bitstream is empty")
        headers, *rest = segments
        blocks = decoded_blocks("vorbis", unpack_segments(rest), sample_rate_hz, shape[0], extradata=headers)
        return cut_to_clip(blocks, 0, sample_rate_hz, shape)


def _encoded(clip: AudioClip, quality: float) -> list[bytes]:
    """Encode at a quality from 0 to 1: the headers, then segments of packets."""
    import av

    with av.open(_ogg(clip, quality), "r") as container:
        stream = container.streams.audio[0]
        headers = bytes(stream.codec_context.extradata or b"")
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
    return [headers, *pack_segments(packets, PACKETS_PER_SEGMENT)]


def _ogg(clip: AudioClip, quality: float) -> io.BytesIO:
    import soundfile

    file = io.BytesIO()
    with soundfile.SoundFile(
        file,
        "w",
        samplerate=clip.sample_rate_hz,
        channels=clip.n_channels,
        format="OGG",
        subtype="VORBIS",
        compression_level=1.0 - quality,
    ) as writer:
        for start in range(0, clip.n_samples, _BLOCK_SAMPLES):
            writer.write(clip.samples[:, start : start + _BLOCK_SAMPLES].T)
    file.seek(0)
    return file
