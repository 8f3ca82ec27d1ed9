"""AAC-LC: FFmpeg's own encoder and decoder.

The bitstream is the raw access units behind compact tables of their sizes (see `pyav_stream`): some
0.7 kbps of tables where ADTS would take 2.4. The AudioSpecificConfig follows from rate and channels.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from earbench_codecs.base import Codec, CodecInfo, Setting
from earbench_codecs.reference.pyav_stream import (
    cut_to_clip,
    decoded_blocks,
    encoded_near_rate,
    encoded_packets,
    ffmpeg_version,
    n_packets_for,
    nearest_rate_hz,
    pack_segments,
    unpack_segments,
    why_missing,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_codecs.clip import AudioClip

FRAME_SAMPLES = 1024
PRIMING_SAMPLES = 1024
RATES_HZ = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)
"""In the order of their index in an AudioSpecificConfig (ISO 14496-3, 1.6.3.4)."""

MAX_RATE_HZ_PER_KBPS = 1000
"""More sample rate than this a kbps, and the frames' side information alone exceeds the rate asked."""

MAX_BITS_PER_SAMPLE = 4.4
"""A channel; at full band noise the encoder's finest steps take no more."""

ENOUGH_HZ = 44_100


class Aac(Codec):
    """AAC-LC by FFmpeg, at an average rate: a clip that misses it by more than 2 % is encoded again.

    Below 96 kbps clips are coded at 1 kHz of sample rate a kbps at most; and clips of a low sample rate
    at one that has room for the bitrate, up to 44.1 kHz. The encoder takes away what is above its low-pass,
    which falls with the bitrate. One channel takes no more than some 4.4 bits a sample, 194 kbps at
    44.1 kHz, and simple sounds fewer: the measured rate is then below the one asked.
    """

    @property
    def info(self) -> CodecInfo:
        """What it is, and whether PyAV has the encoder."""
        reason = why_missing("aac")
        return CodecInfo(
            name="aac",
            title="AAC-LC (FFmpeg)",
            kind="reference",
            version=ffmpeg_version("aac"),
            sample_rates_hz=tuple(sorted(RATES_HZ)),
            bitrates_kbps=(16, 24, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
            continuous=True,
            default=Setting(64.0),
            constant_rate=False,
            available=not reason,
            reason=reason,
            description=(
                "AAC Low Complexity, average bitrate. Low-pass (-10 dB) at 44.1 kHz in stereo: "
                "3.8 kHz at 32 kbps, 12.4 at 64, 17.2 at 128, 19.3 at 192."
            ),
        )

    def native_rate_hz(self, sample_rate_hz: int, setting: Setting) -> int:
        """Return the lowest rate that loses no bandwidth and has room for the bitrate in one channel."""
        most_hz = MAX_RATE_HZ_PER_KBPS * _kbps(setting)
        least_hz = min(1000 * _kbps(setting) / MAX_BITS_PER_SAMPLE, ENOUGH_HZ)
        rates = [rate for rate in RATES_HZ if least_hz <= rate <= most_hz]
        return nearest_rate_hz(rates, sample_rate_hz)

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        """Encode, and again where the encoder misses the rate: castanets may take half as much again."""
        asked = 1000 * _kbps(setting)
        coded_s = _n_packets(clip.n_samples) * FRAME_SAMPLES / clip.sample_rate_hz
        return encoded_near_rate(
            partial(_encoded, clip), asked * coded_s, knob=asked, ends=(asked / 4, asked * 1.5)
        )

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        del setting
        packets = unpack_segments(segments, _n_packets(shape[1]))
        config = _audio_specific_config(sample_rate_hz, shape[0])
        blocks = decoded_blocks("aac", packets, sample_rate_hz, shape[0], extradata=config)
        return cut_to_clip(blocks, PRIMING_SAMPLES, sample_rate_hz, shape)


def _kbps(setting: Setting) -> float:
    return setting.kbps or 0.0  # checked: there always is one


def _encoded(clip: AudioClip, bit_rate: float) -> list[bytes]:
    packets = encoded_packets("aac", clip, _n_packets(clip.n_samples), bit_rate=round(bit_rate))
    return pack_segments(packets, max(1, clip.sample_rate_hz // FRAME_SAMPLES))


def _n_packets(n_samples: int) -> int:
    return n_packets_for(n_samples, PRIMING_SAMPLES, FRAME_SAMPLES)


def _audio_specific_config(sample_rate_hz: int, n_channels: int) -> bytes:
    low_complexity = 2
    return (low_complexity << 11 | RATES_HZ.index(sample_rate_hz) << 7 | n_channels << 3).to_bytes(2, "big")
