"""The low-pass anchors of MUSHRA, as codecs: 3.5 kHz and 7 kHz (ITU-R BS.1534-3, 5.1).

The mask of the 3.5 kHz anchor is ±0.1 dB up to 3.5 kHz, at least 25 dB down at 4 kHz and 50 dB from
4.5 kHz on. The standard gives none for 7 kHz: the same one at twice the frequencies. The filter here goes
from pass to stop band between the first two, so that it holds the mask also where 8 kHz is half the rate.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.base import Codec, CodecInfo
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import BitstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from earbench_codecs.base import Setting

STOP_OVER_PASS = 4.0 / 3.5
_STOP_BAND_DB = 80.0
_BLOCK_SAMPLES = 2**15
_VERSION = "1"


class LowPassAnchor(Codec):
    """A linear-phase low-pass without delay, at any rate. Its payload is the filtered PCM, lossless.

    Parameters
    ----------
    name : str
    pass_hz : float
        Edge of the pass band.
    """

    def __init__(self, name: str, pass_hz: float) -> None:
        self._name = name
        self._pass_hz = pass_hz

    @property
    def info(self) -> CodecInfo:
        """Any rate, any number of channels, no bitrate."""
        return CodecInfo(
            name=self._name,
            title=f"{self._pass_hz / 1000:g} kHz low-pass anchor",
            kind="anchor",
            version=_VERSION,
            max_channels=2**16,
            constant_rate=False,
            description="BS.1534 anchor; its bytes are lossless PCM, so their rate says nothing of it.",
        )

    def _encode(self, clip: AudioClip, setting: Setting) -> Sequence[bytes]:
        del setting
        return [low_passed(clip, self._pass_hz).samples.astype("<f4").tobytes()]

    def _decode(
        self,
        segments: Sequence[bytes],
        setting: Setting,
        sample_rate_hz: int,
        shape: tuple[int, int],
    ) -> AudioClip:
        del setting
        payload = b"".join(segments)
        if len(payload) != 4 * shape[0] * shape[1]:
            raise BitstreamError(f"{len(payload)} bytes of PCM do not make {shape[0]} × {shape[1]} samples")
        return AudioClip(np.frombuffer(payload, dtype="<f4").reshape(shape), sample_rate_hz)

    def _notes(self, clip: AudioClip, rate_hz: int) -> tuple[str, ...]:
        if has_room(self._pass_hz, rate_hz):
            return super()._notes(clip, rate_hz)
        note = f"equal to the original: at {rate_hz} Hz there is nothing above {self._pass_hz:g} Hz to remove"
        return (*super()._notes(clip, rate_hz), note)


def anchor35() -> Codec:
    """Return the low anchor."""
    return LowPassAnchor("anchor35", 3500.0)


def anchor70() -> Codec:
    """Return the mid anchor."""
    return LowPassAnchor("anchor70", 7000.0)


def has_room(pass_hz: float, sample_rate_hz: int) -> bool:
    """Whether the stop band begins within the band the rate can carry."""
    return sample_rate_hz >= 2 * STOP_OVER_PASS * pass_hz


def low_passed(clip: AudioClip, pass_hz: float) -> AudioClip:
    """Filter without delay; the clip itself where its rate leaves no room for the stop band."""
    if not has_room(pass_hz, clip.sample_rate_hz):
        return clip
    taps = _taps(pass_hz, clip.sample_rate_hz)
    half = len(taps) // 2
    full = _convolved(clip.samples, taps)
    return clip.with_samples(full[:, half : half + clip.n_samples].astype(np.float32))


def _convolved(samples: NDArray[np.float32], taps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolve [C, T] by overlap-add, all T + len(taps) - 1 samples; scipy.signal takes seconds to import."""
    step = _BLOCK_SAMPLES - len(taps) + 1
    response = np.fft.rfft(taps, _BLOCK_SAMPLES)
    out = np.zeros((samples.shape[0], samples.shape[1] + len(taps) - 1))
    for start in range(0, samples.shape[1], step):
        spectrum = np.fft.rfft(samples[:, start : start + step].astype(np.float64), _BLOCK_SAMPLES)
        block = out[:, start : start + _BLOCK_SAMPLES]
        block += np.fft.irfft(spectrum * response, _BLOCK_SAMPLES)[:, : block.shape[1]]
    return out


@lru_cache(maxsize=16)
def _taps(pass_hz: float, sample_rate_hz: int) -> NDArray[np.float64]:
    """Low-pass, symmetric, of odd length, gain 1 at 0 Hz; its length and window by Kaiser's rule."""
    width_hz = (STOP_OVER_PASS - 1) * pass_hz
    order = (_STOP_BAND_DB - 7.95) / (2.285 * 2 * np.pi * width_hz / sample_rate_hz)
    half = int(np.ceil(order / 2))
    cutoff_hz = pass_hz + width_hz / 2
    ideal = np.sinc(2 * cutoff_hz / sample_rate_hz * np.arange(-half, half + 1))
    windowed = ideal * np.kaiser(2 * half + 1, 0.1102 * (_STOP_BAND_DB - 8.7))
    taps: NDArray[np.float64] = windowed / windowed.sum()
    return taps
