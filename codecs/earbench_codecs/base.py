"""The codec contract: what a codec says of itself, takes, and gives back.

A codec implements `_encode` and `_decode` at one of its own rates and channel counts; `Codec` does for
all of them what every codec must do alike: check the setting, resample, split channels, restore length
and rate.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecUnavailableError, SettingError
from earbench_codecs.resampling import fit_length, resampled, resampled_length
from earbench_codecs.setting import CodecInfo, Kind, OptionInfo, Scalar, Setting, checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Codec", "CodecInfo", "EncodedAudio", "Kind", "OptionInfo", "Scalar", "Setting"]


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """A clip as a codec's real bytes, with all a decoder needs.

    Parameters
    ----------
    segments : tuple of bytes
        The bitstream, in pieces that are checked one by one in a `.ebc` file.
    codec, codec_version : str
    setting : Setting
        As checked: defaults filled in, so that it says the same in years.
    sample_rate_hz, n_channels, n_samples : int
        Of the original clip, and of what `Codec.decode` gives back.
    coded_rate_hz : int, optional
        The rate inside the codec; None for what `Codec.native_rate_hz` says.
    checkpoint_sha256 : str, optional
        The checkpoint a neural decoder must load.
    entropy_kbps : float, optional
        The model's own estimate, to be shown beside the measured rate, never in its place.
    notes : tuple of str
        What was done on the way and a reader of the figures should know, such as resampling.
    """

    segments: tuple[bytes, ...]
    codec: str
    codec_version: str
    setting: Setting
    sample_rate_hz: int
    n_channels: int
    n_samples: int
    coded_rate_hz: int | None = None
    checkpoint_sha256: str | None = None
    entropy_kbps: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def payload(self) -> bytes:
        """The whole bitstream."""
        return b"".join(self.segments)

    @property
    def n_bytes(self) -> int:
        """Bytes of the bitstream."""
        return sum(map(len, self.segments))

    @property
    def duration_s(self) -> float:
        """Seconds of source audio."""
        return self.n_samples / self.sample_rate_hz

    @property
    def bitrate_kbps(self) -> float:
        """Measured: bytes of the bitstream over seconds of audio."""
        return 8 * self.n_bytes / self.duration_s / 1000


class Codec(ABC):
    """A codec. `decode(encode(clip))` has the clip's length, rate and channels, aligned to the sample."""

    @property
    @abstractmethod
    def info(self) -> CodecInfo:
        """What the codec says of itself."""

    @abstractmethod
    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        """Encode a clip already at a native rate, with at most `info.max_channels` channels."""

    @abstractmethod
    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        """Decode to exactly the rate and the shape [C, T] that were encoded, aligned to the sample.

        Raises `BitstreamError` for bytes that are not a whole bitstream of this codec.
        """

    def with_checkpoint(self, path: Path) -> Codec:
        """Return this codec with other trained parameters.

        Raises
        ------
        SettingError
            It has none.
        """
        raise SettingError(f"{self.info.name} has no trained parameters, so {path} has no use; leave it out")

    def prepare(self) -> None:  # noqa: B027 - most have nothing to load
        """Load what coding takes, which else happens when it first codes: to tell its time from coding's."""

    def native_rate_hz(self, sample_rate_hz: int, setting: Setting) -> int:
        """Return the rate to code at: the lowest that loses no bandwidth, else the highest."""
        del setting  # for codecs whose rates depend on it
        rates = sorted(self.info.sample_rates_hz)
        if not rates:
            return sample_rate_hz
        return next((rate for rate in rates if rate >= sample_rate_hz), rates[-1])

    def check_setting(self, setting: Setting | None) -> Setting:
        """Fill in defaults and refuse what the codec does not have.

        Raises
        ------
        SettingError
            Names the value and what is allowed.
        """
        return checked(self.info, setting or self.info.default)

    def encode(self, clip: AudioClip, setting: Setting | None = None) -> EncodedAudio:
        """Encode a clip to real bytes.

        Raises
        ------
        CodecUnavailableError
            A system library is missing; the message has the install command.
        SettingError
            A rate or an option the codec does not have.
        CodecError
            The encoder failed.
        """
        self._require_available()
        setting = self.check_setting(setting)
        rate_hz = self.native_rate_hz(clip.sample_rate_hz, setting)
        native = resampled(clip, rate_hz)
        return EncodedAudio(
            segments=tuple(self._encode_groups(native, setting)),
            codec=self.info.name,
            codec_version=self.info.version,
            setting=setting,
            sample_rate_hz=clip.sample_rate_hz,
            n_channels=clip.n_channels,
            n_samples=clip.n_samples,
            coded_rate_hz=rate_hz,
            checkpoint_sha256=self.info.sha256,
            notes=self._notes(clip, rate_hz),
        )

    def decode(self, encoded: EncodedAudio) -> AudioClip:
        """Decode to the original's length, rate and channels, aligned to the sample.

        Raises
        ------
        BitstreamError
            The bytes are damaged, or made by another codec or checkpoint.
        CodecUnavailableError
            A system library is missing.
        """
        self._require_decoder()
        self._require_own(encoded)
        rate_hz = encoded.coded_rate_hz or self.native_rate_hz(encoded.sample_rate_hz, encoded.setting)
        native = self._decode_groups(encoded, rate_hz)
        clip = resampled(native, encoded.sample_rate_hz)
        return clip.with_samples(fit_length(clip.samples, encoded.n_samples))

    def _require_available(self) -> None:
        if not self.info.available:
            raise CodecUnavailableError(self.info.name, self.info.reason)

    def _require_decoder(self) -> None:
        """Raise where decoding is not possible; a codec that lacks its encoder alone overrides this."""
        self._require_available()

    def _require_own(self, encoded: EncodedAudio) -> None:
        if encoded.codec != self.info.name and encoded.checkpoint_sha256 is None:
            raise BitstreamError(f"made by the codec {encoded.codec!r}, not {self.info.name!r}")
        if encoded.checkpoint_sha256 != self.info.sha256:
            made, own = (_checkpoint_name(sha256) for sha256 in (encoded.checkpoint_sha256, self.info.sha256))
            raise BitstreamError(f"made by {encoded.codec!r} with {made}, and {self.info.name!r} is {own}")

    def _encode_groups(self, clip: AudioClip, setting: Setting) -> list[bytes]:
        groups = [list(self._encode(group, setting)) for group in self._channel_groups(clip)]
        if len(groups) == 1:
            return groups[0]
        index = np.array([len(group) for group in groups], dtype="<u4").tobytes()
        return [index, *(segment for group in groups for segment in group)]

    def _decode_groups(self, encoded: EncodedAudio, rate_hz: int) -> AudioClip:
        n_native = resampled_length(encoded.n_samples, encoded.sample_rate_hz, rate_hz)
        parts = []
        for size, segments in self._streams(encoded):
            part = self._decode(segments, encoded.setting, rate_hz, (size, n_native))
            if part.samples.shape != (size, n_native):
                raise BitstreamError(f"decoded to {part.samples.shape} samples, not {(size, n_native)}")
            parts.append(part.samples)
        return AudioClip(np.concatenate(parts) if len(parts) > 1 else parts[0], rate_hz)

    def _streams(self, encoded: EncodedAudio) -> list[tuple[int, Sequence[bytes]]]:
        """Return the number of channels and the segments of each stream."""
        sizes = _group_sizes(encoded.n_channels, self._most_together(encoded))
        return list(zip(sizes, _split_groups(encoded.segments, len(sizes)), strict=True))

    def _most_together(self, encoded: EncodedAudio) -> int:
        """Return the most channels a stream of that bitstream has."""
        del encoded  # for codecs whose earlier versions had fewer
        return self.info.max_channels

    def _channel_groups(self, clip: AudioClip) -> list[AudioClip]:
        ends = np.cumsum(_group_sizes(clip.n_channels, self.info.max_channels))[:-1]
        return [clip.with_samples(part) for part in np.split(clip.samples, ends)]

    def _notes(self, clip: AudioClip, rate_hz: int) -> tuple[str, ...]:
        notes = []
        if rate_hz != clip.sample_rate_hz:
            notes.append(f"resampled from {clip.sample_rate_hz} to {rate_hz} Hz and back (soxr VHQ)")
        groups = _group_sizes(clip.n_channels, self.info.max_channels)
        if len(groups) > 1:
            notes.append(
                f"{clip.n_channels} channels coded as {len(groups)} streams, each at the setting; "
                "the measured rate is that of all"
            )
        return tuple(notes)


def _checkpoint_name(sha256: str | None) -> str:
    return "no checkpoint" if sha256 is None else f"the checkpoint {sha256[:8]}"


def _group_sizes(n_channels: int, max_channels: int) -> list[int]:
    full, rest = divmod(n_channels, max_channels)
    return [max_channels] * full + ([rest] if rest else [])


def _split_groups(segments: Sequence[bytes], n_groups: int) -> list[Sequence[bytes]]:
    """Undo `Codec._encode_groups`: with more than one group, the first segment is their sizes."""
    if n_groups == 1:
        return [segments]
    sizes = struct.unpack(f"<{n_groups}I", segments[0]) if _is_index(segments, n_groups) else ()
    if sum(sizes) != len(segments) - 1:
        raise BitstreamError("the index of channel groups does not fit the segments")
    return [segments[start:end] for start, end in pairwise(accumulate(sizes, initial=1))]


def _is_index(segments: Sequence[bytes], n_groups: int) -> bool:
    return bool(segments) and len(segments[0]) == 4 * n_groups
