"""A checkpoint as a codec. torch is imported when it first encodes or decodes, not when it is listed."""

from __future__ import annotations

import copy
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.base import Codec, CodecInfo, EncodedAudio, OptionInfo, Setting
from earbench_codecs.codes import CodeTable
from earbench_codecs.errors import BitstreamError, CheckpointError, CodecUnavailableError, SettingError
from earbench_codecs.neural.checkpoint_info import file_sha256, read_info
from earbench_codecs.neural.rate_notes import average_notes, channel_notes, constant_notes
from earbench_codecs.resampling import resampled_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip
    from earbench_codecs.neural.checkpoint import Checkpoint
    from earbench_codecs.neural.checkpoint_info import CheckpointInfo
    from earbench_codecs.neural.entropy_coding import Coded
    from earbench_codecs.neural.segments import SegmentCoder

BITSTREAM_VERSION = "1"
ANY_RATE_VERSION = "3"
"""Of coders for any rate. What was written in earlier versions is read as it was."""
_BEFORE_3 = "2"
"""Had codes beyond the signal's end, and of two channels always both; version 1 had one channel a stream."""
ARCHITECTURES = {
    "kankanahalli": "Kankanahalli 2018",
    "koishekenov": "Koishekenov 2018",
    "pam-nac": "PAM-NAC (Zhen et al. 2020)",
    "resglu": "ResGLU (Shin et al. 2022)",
    "vred": "VRED (Rim et al. 2021)",
}
"""The networks of the papers, by name; `zoo` has them, but takes torch to import."""
RECIPES = {
    "kankanahalli": "kankanahalli-24",
    "koishekenov": "koishekenov-2",
    "pam-nac": "pam-nac-64-d",
    "resglu": "resglu-64",
    "vred": "vred",
}
"""What trains each at the paper's size."""
_ON_MDCT = "-mdct"
_ENTROPY = OptionInfo(
    "entropy",
    ("context", "static"),
    "Frequencies of codes that follow what is around them, or one fixed table.",
)
_MODE = OptionInfo(
    "mode",
    ("abr", "cbr"),
    "Average bitrate of the file, met within 1 %, or constant bitrate, within 2 % over any second.",
)
_NMR = OptionInfo(
    "nmr_db",
    ("off", *range(-15, 9)),
    "Constant quality in place of a bitrate: noise-to-mask ratio in whole dB, of each quarter of a second.",
    replaces_bitrate=True,
    shown="NMR {} dB",
)


class NeuralCodec(Codec):
    """A trained coder.

    Parameters
    ----------
    description : CheckpointInfo
    sha256 : str
        Of its file.
    load : callable
        Returns the checkpoint; called once, when first needed.
    name : str, optional
        In place of the checkpoint's own, where two checkpoints have the same.
    """

    def __init__(
        self,
        description: CheckpointInfo,
        sha256: str,
        load: Callable[[], Checkpoint],
        name: str | None = None,
    ) -> None:
        self.description = description
        self._info = _info(description, sha256, name or description.name)
        self._load = load
        self._lock = Lock()
        self._checkpoint: Checkpoint | None = None
        self._bits = 0.0
        self._version: str | None = None  # of a bitstream that is decoded

    @classmethod
    def from_file(cls, path: Path, name: str | None = None) -> NeuralCodec:
        """Return the codec of a checkpoint's file.

        Raises
        ------
        CheckpointError
            It is none, damaged, or of a later version.
        """

        def load() -> Checkpoint:
            from earbench_codecs.neural.checkpoint import load_checkpoint

            return load_checkpoint(path)

        return cls(read_info(path), file_sha256(path), load, name)

    @classmethod
    def called(cls, name: str, path: Path) -> NeuralCodec:
        """Return the codec of a checkpoint's file, asked for by a name that fits it.

        Parameters
        ----------
        name : str
            The checkpoint's own, its recipe's, its architecture's, or that of the paper's network.
        path : Path

        Raises
        ------
        CheckpointError
            As `from_file`, or the name does not fit.
        """
        made = cls.from_file(path)
        if not is_called(made.description, name):
            about = made.description
            raise CheckpointError(
                path,
                f"it holds the codec {about.name!r} ({network_title(about.architecture)}), which does not "
                f"go by the name {name!r}; write --codec {about.name}",
            )
        return made

    @property
    def info(self) -> CodecInfo:
        """From the checkpoint's metadata."""
        return self._info

    def with_checkpoint(self, path: Path) -> Codec:
        """Return the codec of another checkpoint, which this one's name has to fit."""
        is_own = file_sha256(path) == self.info.sha256
        return NeuralCodec.from_file(path) if is_own else NeuralCodec.called(self.info.name, path)

    def prepare(self) -> None:
        """Load torch and the checkpoint."""
        self._loaded()

    def check_setting(self, setting: Setting | None) -> Setting:
        """Fill in defaults and refuse what the codec does not have."""
        found = super().check_setting(setting)
        if found.kbps is None and found.get(_MODE.name, "abr") == "cbr":
            raise SettingError(
                f"{self.info.name} has a constant bitrate or constant quality; leave mode or nmr_db out"
            )
        return found

    def encode(self, clip: AudioClip, setting: Setting | None = None) -> EncodedAudio:
        """Encode a clip to real bytes; the model's own estimate of the rate comes with them."""
        self._loaded()
        job = copy.copy(self)  # shares the network; threads do not share the sum of bits
        job._bits = 0.0
        encoded = super(NeuralCodec, job).encode(clip, setting)
        notes = (*encoded.notes, *self._rate_notes(encoded))
        return replace(encoded, entropy_kbps=job._bits / encoded.duration_s / 1000, notes=notes)

    def _rate_notes(self, encoded: EncodedAudio) -> list[str]:
        """Return what is to be said of the rate; of one stream, as there are bitrates of no other."""
        kbps, streams = encoded.setting.kbps, self._streams(encoded)
        if not self.description.knob or kbps is None or len(streams) > 1:
            return []
        ((n_channels, segments),) = streams
        notes = channel_notes(kbps, n_channels)
        if encoded.setting.get(_MODE.name, "abr") != "cbr":
            return notes + average_notes(kbps, encoded.bitrate_kbps)
        n_native = resampled_length(
            encoded.n_samples, encoded.sample_rate_hz, self.description.sample_rate_hz
        )
        ends_s = self.segment_coder(encoded.setting, n_channels).unit_ends_s(n_native)
        sizes = [len(one) for one in segments]
        return notes + constant_notes(kbps, sizes, [float(ends[-1]) for ends in ends_s])

    def code_values(self, encoded: EncodedAudio) -> Iterator[NDArray[np.int64]]:
        """Yield the codes [F, S, P] of a bitstream, segment by segment; see `codes.ShowsCodes`."""
        self._require_own(encoded)
        n_native = resampled_length(
            encoded.n_samples, encoded.sample_rate_hz, self.description.sample_rate_hz
        )
        for n_channels, segments in self._streams(encoded):
            coder = self.segment_coder(encoded.setting, n_channels, encoded.codec_version)
            yield from coder.codes(segments, n_native)

    def code_table(self) -> CodeTable:
        """Return the static table, the mean over its streams."""
        checkpoint = self._loaded()
        alphabet, table = checkpoint.coder.alphabet, checkpoint.tables.static
        values = np.arange(alphabet.low, alphabet.high + 1)
        return CodeTable(values, (table.sum(0) / table.sum())[: len(values)])  # without the escape

    def segment_coder(
        self, setting: Setting, n_channels: int = 1, version: str | None = None
    ) -> SegmentCoder:
        """Return what codes signals of so many channels, gain by gain; its options are the setting's.

        Parameters
        ----------
        setting : Setting
            Its bitrate makes no difference.
        n_channels : int
            In one stream.
        version : str, optional
            Of the bitstream; the present one by default.
        """
        from earbench_codecs.neural.segments import SegmentCoder
        from earbench_codecs.neural.units import Syntax

        checkpoint = self._loaded()
        kind = str(setting.get("entropy", checkpoint.tables.kinds[0]))
        constant = setting.get(_MODE.name, "abr") == "cbr"
        gains = constant or setting.get(_NMR.name, "off") != "off"
        syntax = Syntax(n_channels, gains, constant, before_3=version in self._versions[:-1])
        return SegmentCoder(checkpoint.coder, checkpoint.tables.model(kind), syntax)

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        segments = []
        for coded in self._coded(clip.samples if clip.n_channels > 1 else clip.samples[0], setting):
            self._bits += coded.bits
            segments.append(coded.data)
        return segments

    def _decode_groups(self, encoded: EncodedAudio, rate_hz: int) -> AudioClip:
        self._loaded()
        job = copy.copy(self)
        job._version = encoded.codec_version
        return super(NeuralCodec, job)._decode_groups(encoded, rate_hz)

    def _decode(
        self, segments: Sequence[bytes], setting: Setting, sample_rate_hz: int, shape: tuple[int, int]
    ) -> AudioClip:
        from earbench_codecs.clip import AudioClip

        if sample_rate_hz not in self.info.sample_rates_hz:
            raise BitstreamError(f"{self.info.name} does not code {sample_rate_hz} Hz")
        coder = self.segment_coder(setting, shape[0], self._version)
        return AudioClip(np.atleast_2d(coder.decode(segments, shape[1])), sample_rate_hz)

    def _require_own(self, encoded: EncodedAudio) -> None:
        """Hold to the checkpoint; what it is called, here and where it encoded, makes no difference."""
        if encoded.checkpoint_sha256 != self.info.sha256:
            super()._require_own(encoded)
        if encoded.codec_version not in self._versions:
            raise BitstreamError(
                f"version {encoded.codec_version} of the bitstream of {encoded.codec!r}; this program reads "
                f"up to version {self.info.version}"
            )

    @property
    def _versions(self) -> tuple[str, ...]:
        """Of bitstreams that it reads, in ascending order."""
        earlier = (BITSTREAM_VERSION, _BEFORE_3) if self.description.knob else ()
        return (*earlier, self.info.version)

    def _most_together(self, encoded: EncodedAudio) -> int:
        """Return the channels of a stream; each was coded by itself at first."""
        return 1 if encoded.codec_version == BITSTREAM_VERSION else self.info.max_channels

    def _coded(self, signal: NDArray[np.float32], setting: Setting) -> Iterator[Coded]:
        """Yield the segments of a signal [T] or [2, T]."""
        from earbench_codecs.neural.rate_modes import average_rate, constant_quality, constant_rate

        coder, knob = self.segment_coder(setting, np.atleast_2d(signal).shape[0]), self.description.knob
        nmr_db = setting.get(_NMR.name, "off")
        if not knob:
            return coder.encode(signal)
        if setting.kbps is None:
            return coder.encode(signal, plans=constant_quality(coder, signal, float(nmr_db)))
        if setting.get(_MODE.name, "abr") == "cbr":
            return constant_rate(coder, signal, setting.kbps, knob)
        return iter(average_rate(coder, signal, setting.kbps, knob))

    def _loaded(self) -> Checkpoint:
        with self._lock:
            if self._checkpoint is None:
                self._checkpoint = self._load()
            return self._checkpoint


class UntrainedCodec(Codec):
    """An architecture of which there is no checkpoint yet.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`.
    """

    def __init__(self, name: str) -> None:
        reason = (
            "there is no checkpoint of it at the paper's size; train one with "
            f"`earbench train {RECIPES[name]} --data DIR --run DIR`"
        )
        self._info = CodecInfo(
            name, ARCHITECTURES[name], "neural", version="", available=False, reason=reason
        )

    @property
    def info(self) -> CodecInfo:
        """Says how to get one."""
        return self._info

    def with_checkpoint(self, path: Path) -> Codec:
        """Return the codec of a checkpoint of this network."""
        return NeuralCodec.called(self.info.name, path)

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        raise CodecUnavailableError(self.info.name, self.info.reason)

    def _decode(
        self, segments: Sequence[bytes], setting: Setting, sample_rate_hz: int, shape: tuple[int, int]
    ) -> AudioClip:
        raise CodecUnavailableError(self.info.name, self.info.reason)


def is_called(description: CheckpointInfo, name: str) -> bool:
    """Whether a checkpoint is meant by a name: its own, its recipe's, its network's, or the paper's."""
    architecture = description.architecture
    return (
        name in (description.name, description.recipe_name, architecture)
        or architecture.removesuffix(_ON_MDCT) == name
    )


def network_title(architecture: str) -> str:
    """Return whose network an architecture is, for people; its own name where it is none of the papers'."""
    paper = ARCHITECTURES.get(architecture.removesuffix(_ON_MDCT))
    if paper is None:
        return architecture
    return f"{paper} on an MDCT" if architecture.endswith(_ON_MDCT) else paper


def _info(description: CheckpointInfo, sha256: str, name: str) -> CodecInfo:
    rates = description.rates_kbps
    return CodecInfo(
        name,
        description.title,
        "neural",
        version=ANY_RATE_VERSION if description.knob else BITSTREAM_VERSION,
        sample_rates_hz=(description.sample_rate_hz,),
        max_channels=2 if description.knob else 1,
        bitrates_kbps=rates,
        continuous=bool(description.knob),
        default=Setting(min(rates, key=lambda rate: abs(rate - description.kbps))),
        options=(
            *((_MODE, _NMR) if description.knob else ()),
            *((_ENTROPY,) if description.context_model else ()),
        ),
        constant_rate=bool(description.knob),
        parameters=description.n_parameters,
        sha256=sha256,
        description=description.card,
    )
