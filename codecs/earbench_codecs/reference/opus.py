"""Opus: libopus encodes and decodes.

The bitstream is the packets of 20 ms behind compact tables of their sizes (see `pyav_stream`), and no Ogg
pages: at 6 kbps CBR they are 15 bytes each, and the tables cost some 4 bytes a second.

The encoder takes the clip at 8, 12, 16, 24 or 48 kHz; the decoder gives 48 kHz, as all Opus decoders may,
which is then brought down to the clip's rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.base import Codec, CodecInfo, OptionInfo, Setting
from earbench_codecs.reference.pyav_stream import (
    cut_to_clip,
    decoded_blocks,
    encoded_packets,
    library_version,
    n_packets_for,
    pack_segments,
    unpack_segments,
    why_missing,
)
from earbench_codecs.resampling import fit_length, resampled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

DECODER_RATE_HZ = 48_000
PACKET_SAMPLES = 960
PACKETS_PER_SECOND = 50

LOOKAHEAD_SAMPLES = 320
"""At 48 kHz; no mode's delay is longer, so that the clip's end is in the packets whatever the mode."""

MAX_KBPS_PER_CHANNEL = 256.0
"""What FFmpeg lets libopus take."""

_VBR = {"cbr": "off", "vbr": "on", "cvbr": "constrained"}


class Opus(Codec):
    """Opus by libopus, 6 to 510 kbps, with its highest complexity.

    A single channel above 256 kbps, more than FFmpeg lets libopus give it, is coded as two equal ones.
    """

    @property
    def info(self) -> CodecInfo:
        """What it is, and whether PyAV has libopus."""
        reason = why_missing("libopus")
        return CodecInfo(
            name="opus",
            title="Opus (libopus)",
            kind="reference",
            version=library_version("libopus", "opus_get_version_string"),
            sample_rates_hz=(8_000, 12_000, 16_000, 24_000, 48_000),
            bitrates_kbps=(6, 8, 12, 16, 20, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 510),
            continuous=True,
            default=Setting(64.0),
            options=(
                OptionInfo("application", ("audio", "voip", "lowdelay"), "what libopus tunes itself for"),
                OptionInfo("mode", tuple(_VBR), "constant, variable or constrained variable bitrate"),
            ),
            available=not reason,
            reason=reason,
            description="Packets of 20 ms, SILK, CELT or both as libopus decides.",
        )

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        kbps = setting.kbps or 0.0
        if clip.n_channels == 1 and kbps > MAX_KBPS_PER_CHANNEL:
            clip = clip.with_samples(np.repeat(clip.samples, 2, axis=0))
        packets = encoded_packets(
            "libopus",
            clip,
            _n_packets(clip.n_samples, clip.sample_rate_hz),
            bit_rate=round(1000 * kbps),
            options={
                "application": str(setting.get("application", "audio")),
                "vbr": _VBR[str(setting.get("mode", "cbr"))],
            },
        )
        return pack_segments(packets, PACKETS_PER_SECOND)

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        packets = unpack_segments(segments, _n_packets(shape[1], sample_rate_hz))
        pair = shape[0] == 1 and (setting.kbps or 0.0) > MAX_KBPS_PER_CHANNEL
        n_channels = 2 if pair else shape[0]
        n_decoded = shape[1] * DECODER_RATE_HZ // sample_rate_hz
        blocks = list(
            decoded_blocks(
                "libopus", packets, DECODER_RATE_HZ, n_channels, options={"request_sample_fmt": "flt"}
            )
        )
        delay = delay_samples(packets, blocks, str(setting.get("application", "audio")))
        clip = cut_to_clip(blocks, delay, DECODER_RATE_HZ, (n_channels, n_decoded))
        native = resampled(clip.with_samples(clip.samples[: shape[0]]), sample_rate_hz)
        return native.with_samples(fit_length(native.samples, shape[1]))


def delay_samples(packets: Sequence[bytes], blocks: Sequence[NDArray[np.float32]], application: str) -> int:
    """Return the delay at 48 kHz of a stream: the mean over its packets, by their energy, rounded.

    libopus pads its layers to a common delay, the pre-skip of 312, but SILK's resamplers leave a rest that
    differs with frequency and that no player takes out. Measured where speech is, at 1 to 3.4 kHz, by
    cross-correlation of noise and clicks at 8, 12, 16, 24 and 48 kHz, it is 314.7 to 316.5 in narrowband,
    309.5 to 310.3 in medium band, wideband and hybrid (where CELT's part, above 8 kHz, has its 312), and
    312.0 in CELT. The lowdelay application is CELT without that padding.

    A clip is shifted as a whole, and nothing else is done to what the decoder gives: where libopus changes
    between hybrid and CELT within a clip, each part may be a sample off at 48 kHz.

    Parameters
    ----------
    packets : sequence of bytes
    blocks : sequence of ndarray, shape [C, T]
        What each packet was decoded to.
    application : str
    """
    if application == "lowdelay":
        return 120
    delays = [_mode_delay(packet[0] >> 3) for packet in packets]
    energies = [float(np.square(block).sum()) + np.finfo(np.float32).tiny for block in blocks]
    return round(float(np.average(delays, weights=energies)))


def _mode_delay(configuration: int) -> float:
    """Return the delay by the first 5 bits of a packet (RFC 6716, 3.1)."""
    if configuration < 4:  # SILK in narrowband
        return 315.8
    return 309.6 if configuration < 16 else 312.0  # SILK in the other bands and hybrid; CELT


def _n_packets(n_samples: int, sample_rate_hz: int) -> int:
    n_decoded = math.ceil(n_samples * DECODER_RATE_HZ / sample_rate_hz)
    return n_packets_for(n_decoded, LOOKAHEAD_SAMPLES, PACKET_SAMPLES)
