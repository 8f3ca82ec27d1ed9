"""MP3: LAME encodes, FFmpeg's floating-point decoder decodes.

The bitstream is the frame stream itself, as in an .mp3 file without tags. Frames are complete with their
headers, and the measured rate counts them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_codecs.base import Codec, CodecInfo, OptionInfo, Setting
from earbench_codecs.errors import BitstreamError
from earbench_codecs.reference.pyav_stream import (
    cut_to_clip,
    decoded_blocks,
    encoded_packets,
    grouped,
    library_version,
    n_packets_for,
    nearest_rate_hz,
    why_missing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from earbench_codecs.clip import AudioClip

DELAY_SAMPLES = 576 + 529
"""LAME's own delay and that of any MP3 decoder: the same in MPEG-1, 2 and 2.5, mono and stereo."""

MPEG1_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG2_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
KBPS_BY_RATE = {
    **dict.fromkeys((32_000, 44_100, 48_000), MPEG1_KBPS),
    **dict.fromkeys((16_000, 22_050, 24_000), MPEG2_KBPS),
    **dict.fromkeys((8_000, 11_025, 12_000), MPEG2_KBPS[:8]),
}
"""Bitrates of MPEG-1, MPEG-2 and MPEG-2.5 Layer III by sample rate."""

LAME_SEARCH = "3"
"""LAME's ``-q``, from 0 (slow) to 9 (fast): the default of its own program, where FFmpeg's is 5."""


class Mp3(Codec):
    """MP3 (MPEG-1, 2 and 2.5 Layer III) by LAME.

    A bitrate that MPEG does not have at the clip's sample rate is coded at the nearest rate that has it:
    below 32 kbps that is 24 kHz at most. LAME takes away what is above its low-pass, which falls with the
    bitrate; `info.description` has its corners as measured.
    """

    @property
    def info(self) -> CodecInfo:
        """What it is, and whether PyAV has LAME."""
        reason = why_missing("libmp3lame")
        return CodecInfo(
            name="mp3",
            title="MP3 (LAME)",
            kind="reference",
            version=library_version("libmp3lame", "get_lame_version"),
            sample_rates_hz=tuple(sorted(KBPS_BY_RATE)),
            bitrates_kbps=tuple(sorted({*MPEG1_KBPS, *MPEG2_KBPS})),
            default=Setting(128.0),
            options=(
                OptionInfo("vbr", ("off", *range(10)), "quality V0 (best) to V9 in place of a bitrate", True),
                OptionInfo("stereo", ("joint", "separate"), "joint stereo, or left and right apart"),
            ),
            available=not reason,
            reason=reason,
            description=(
                "Whole Layer III frames. LAME's low-pass (-10 dB) at 44.1 kHz in stereo: "
                "5.4 kHz at 32 kbps, 9.9 at 64, 16.6 at 128, 18.7 at 192, 20.1 at 320."
            ),
        )

    def native_rate_hz(self, sample_rate_hz: int, setting: Setting) -> int:
        """Return the lowest rate that loses no bandwidth, else the highest, of those with the bitrate."""
        rates = [rate for rate, kbps in KBPS_BY_RATE.items() if setting.kbps is None or setting.kbps in kbps]
        return nearest_rate_hz(rates, sample_rate_hz)

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        options = {
            "compression_level": LAME_SEARCH,
            "joint_stereo": str(int(setting.get("stereo", "") == "joint")),
        }
        vbr = setting.get("vbr", "off")
        if setting.kbps is None:
            options |= {"flags": "+qscale", "global_quality": str(118 * int(vbr))}  # 118 = FF_QP2LAMBDA
        frames = encoded_packets(
            "libmp3lame",
            clip,
            _n_frames(clip.n_samples, clip.sample_rate_hz),
            bit_rate=None if setting.kbps is None else round(1000 * setting.kbps),
            options=options,
        )
        per_second = max(1, clip.sample_rate_hz // _frame_samples(clip.sample_rate_hz))
        return [b"".join(group) for group in grouped(frames, per_second)]

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        del setting
        frames = list(_split_frames(b"".join(segments), sample_rate_hz))
        due = _n_frames(shape[1], sample_rate_hz)
        if len(frames) != due:
            raise BitstreamError(f"the bitstream has {len(frames)} MP3 frames, not the {due} of its length")
        blocks = decoded_blocks("mp3float", frames, sample_rate_hz, shape[0])
        return cut_to_clip(blocks, DELAY_SAMPLES, sample_rate_hz, shape)


def _frame_samples(sample_rate_hz: int) -> int:
    return 1152 if sample_rate_hz >= 32_000 else 576


def _n_frames(n_samples: int, sample_rate_hz: int) -> int:
    return n_packets_for(n_samples, DELAY_SAMPLES, _frame_samples(sample_rate_hz))


def _split_frames(stream: bytes, sample_rate_hz: int) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        size = _frame_bytes(stream[at : at + 4], sample_rate_hz)
        if at + size > len(stream):
            raise BitstreamError("the bitstream is cut within an MP3 frame")
        yield stream[at : at + size]
        at += size


def _frame_bytes(header: bytes, sample_rate_hz: int) -> int:
    """Return a frame's length by its header (ISO 11172-3, 2.4.1.3)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        raise BitstreamError("the bitstream is damaged: no header of an MP3 frame where one is due")
    mpeg, bitrate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    padding = header[2] >> 1 & 1
    if mpeg == 1 or rate == 3 or not 0 < bitrate < 15:
        raise BitstreamError("the bitstream is damaged: an MP3 frame's header has reserved values")
    if _rate_hz(mpeg, rate) != sample_rate_hz:
        raise BitstreamError(f"the bitstream is of {_rate_hz(mpeg, rate)} Hz, not {sample_rate_hz} Hz")
    kbps = (MPEG1_KBPS if mpeg == 3 else MPEG2_KBPS)[bitrate - 1]
    return _frame_samples(sample_rate_hz) // 8 * 1000 * kbps // sample_rate_hz + padding


def _rate_hz(mpeg: int, index: int) -> int:
    halvings = {3: 1, 2: 2, 0: 4}[mpeg]
    return (44_100, 48_000, 32_000)[index] // halvings
