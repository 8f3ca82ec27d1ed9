"""The codec contract: what a codec says of itself, takes, and gives back.

A codec implements `_encode` and `_decode` at one of its own rates and channel counts; `Codec` does for
all of them what every codec must do alike: check the setting, resample, split channels, restore length
and rate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError, CodecUnavailableError, SettingError
from earbench_codecs.resampling import fit_length, resampled, resampled_length

if TYPE_CHECKING:
    from collections.abc import Sequence

Scalar = str | int | float | bool
Kind = Literal["reference", "neural", "anchor", "plugin"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a researcher asks of a codec.

    Parameters
    ----------
    kbps : float, optional
        Bitrate of the whole clip (all channels together); None for a codec without one, or for VBR.
    options : tuple of (name, value), sorted by name
        The codec's own knobs, such as ``("mode", "vbr")``. Build with `Setting.of`.
    """

    kbps: float | None = None
    options: tuple[tuple[str, Scalar], ...] = ()

    @classmethod
    def of(cls, kbps: float | None = None, **options: Scalar) -> Setting:
        """Build a setting from keywords."""
        return cls(None if kbps is None else float(kbps), tuple(sorted(options.items())))

    def get(self, name: str, default: Scalar) -> Scalar:
        """Return the option's value, or the default where it was not set."""
        return dict(self.options).get(name, default)

    def to_json(self) -> dict[str, Scalar | None]:
        """Return a flat JSON object; `from_json` reads it back."""
        return {"kbps": self.kbps, **dict(self.options)}

    @classmethod
    def from_json(cls, data: dict[str, Scalar | None]) -> Setting:
        """Read what `to_json` wrote."""
        kbps = data.get("kbps")
        options = {k: v for k, v in data.items() if k != "kbps" and v is not None}
        return cls.of(None if kbps is None else float(kbps), **options)

    @property
    def label(self) -> str:
        """Short text for a table, such as ``64`` or ``vbr 2``."""
        rate = [] if self.kbps is None else [f"{self.kbps:g}"]
        return " ".join(rate + [str(value) for _, value in self.options])


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One knob beside the bitrate: its name, the values it takes (first is the default), and help."""

    name: str
    values: tuple[Scalar, ...]
    help: str


@dataclass(frozen=True, slots=True)
class CodecInfo:
    """What a codec says of itself, without loading anything heavy.

    Parameters
    ----------
    name : str
        Stable identifier, as in ``--codec mp3``.
    title : str
        For people.
    kind : {"reference", "neural", "anchor", "plugin"}
    version : str
        Version of the encoder behind it; part of the cache key and of each bitstream.
    sample_rates_hz : tuple of int
        Rates it codes natively; empty means any. Others are resampled both ways, and said so.
    max_channels : int
        More channels are coded one by one, and said so.
    bitrates_kbps : tuple of float
        The rates to offer; with `continuous`, any rate between the first and the last is accepted.
        Empty for a codec without a rate.
    continuous : bool
    default : Setting
    options : tuple of OptionInfo
    constant_rate : bool
        Whether the measured rate is meant to equal the rate asked.
    available : bool
    reason : str
        Why it is not available, and the command that installs what is missing.
    parameters : int, optional
        Number of trained parameters of a neural codec.
    sha256 : str, optional
        Hash of its checkpoint.
    description : str
    """

    name: str
    title: str
    kind: Kind
    version: str
    sample_rates_hz: tuple[int, ...] = ()
    max_channels: int = 2
    bitrates_kbps: tuple[float, ...] = ()
    continuous: bool = False
    default: Setting = field(default_factory=Setting)
    options: tuple[OptionInfo, ...] = ()
    constant_rate: bool = True
    available: bool = True
    reason: str = ""
    parameters: int | None = None
    sha256: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """A clip as a codec's real bytes, with all a decoder needs.

    Parameters
    ----------
    segments : tuple of bytes
        The bitstream, in pieces that are checked one by one in a `.ebc` file.
    codec, codec_version : str
    setting : Setting
        As checked: defaults filled in.
    sample_rate_hz, n_channels, n_samples : int
        Of the original clip, and of what `Codec.decode` gives back.
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
        """Decode to the native rate and the shape [C, T] that was encoded, aligned to the sample."""

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
        return _checked(self.info, setting or self.info.default)

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
            checkpoint_sha256=self.info.sha256,
            notes=self._notes(clip, rate_hz),
        )

    def decode(self, encoded: EncodedAudio) -> AudioClip:
        """Decode to the original's length, rate and channels, aligned to the sample.

        Raises
        ------
        BitstreamError
            The bytes are damaged, or made by another codec.
        CodecUnavailableError
            A system library is missing.
        """
        self._require_available()
        if encoded.codec != self.info.name:
            raise BitstreamError(f"made by the codec {encoded.codec!r}, not {self.info.name!r}")
        rate_hz = self.native_rate_hz(encoded.sample_rate_hz, encoded.setting)
        n_native = resampled_length(encoded.n_samples, encoded.sample_rate_hz, rate_hz)
        native = self._decode_groups(encoded, rate_hz, n_native)
        clip = resampled(native, encoded.sample_rate_hz)
        return clip.with_samples(fit_length(clip.samples, encoded.n_samples))

    def _require_available(self) -> None:
        if not self.info.available:
            raise CodecUnavailableError(self.info.name, self.info.reason)

    def _encode_groups(self, clip: AudioClip, setting: Setting) -> list[bytes]:
        groups = [list(self._encode(group, setting)) for group in self._channel_groups(clip)]
        if len(groups) == 1:
            return groups[0]
        index = np.array([len(group) for group in groups], dtype="<u4").tobytes()
        return [index, *(segment for group in groups for segment in group)]

    def _decode_groups(self, encoded: EncodedAudio, rate_hz: int, n_native: int) -> AudioClip:
        sizes = _group_sizes(encoded.n_channels, self.info.max_channels)
        segments = list(encoded.segments)
        counts = [len(segments)]
        if len(sizes) > 1:
            counts = np.frombuffer(segments.pop(0), dtype="<u4").tolist()
            if len(counts) != len(sizes) or sum(counts) != len(segments):
                raise BitstreamError("the index of channel groups does not fit the segments")
        parts = []
        for size, count in zip(sizes, counts, strict=True):
            part, segments = segments[:count], segments[count:]
            parts.append(self._decode(part, encoded.setting, rate_hz, (size, n_native)).samples)
        return AudioClip(np.concatenate(parts), rate_hz)

    def _channel_groups(self, clip: AudioClip) -> list[AudioClip]:
        ends = np.cumsum(_group_sizes(clip.n_channels, self.info.max_channels))[:-1]
        return [clip.with_samples(part) for part in np.split(clip.samples, ends)]

    def _notes(self, clip: AudioClip, rate_hz: int) -> tuple[str, ...]:
        notes = []
        if rate_hz != clip.sample_rate_hz:
            notes.append(f"resampled from {clip.sample_rate_hz} to {rate_hz} Hz and back (soxr VHQ)")
        groups = _group_sizes(clip.n_channels, self.info.max_channels)
        if len(groups) > 1:
            notes.append(f"{clip.n_channels} channels coded as {len(groups)} streams, each at the rate asked")
        return tuple(notes)


def _group_sizes(n_channels: int, max_channels: int) -> list[int]:
    full, rest = divmod(n_channels, max_channels)
    return [max_channels] * full + ([rest] if rest else [])


def _checked(info: CodecInfo, setting: Setting) -> Setting:
    known = {option.name: option for option in info.options}
    for name, value in setting.options:
        if name not in known:
            raise SettingError(f"{info.name} has no option {name!r}; it has: {', '.join(known) or 'none'}")
        if value not in known[name].values:
            allowed = ", ".join(map(str, known[name].values))
            raise SettingError(f"{info.name} {name}={value!r} is not one of: {allowed}")
    kbps = setting.kbps
    if not info.bitrates_kbps:
        if kbps is not None:
            raise SettingError(f"{info.name} has no bitrate to set; leave kbps out")
        return setting
    if kbps is None:
        return setting if setting.options else info.default
    low, high = info.bitrates_kbps[0], info.bitrates_kbps[-1]
    if info.continuous and not low <= kbps <= high:
        raise SettingError(f"{info.name} takes {low:g} to {high:g} kbps, not {kbps:g}")
    if not info.continuous and kbps not in info.bitrates_kbps:
        allowed = ", ".join(f"{rate:g}" for rate in info.bitrates_kbps)
        raise SettingError(f"{info.name} has no mode at {kbps:g} kbps; it has: {allowed}")
    return setting
