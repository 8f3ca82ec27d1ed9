"""PAM-NAC's variant of model 1, quirks and all, to check against what its authors published.

Follows the public code of Zhen et al. (2020), github.com/cocosci/pam-nac at 2ce3b29. It is no model to
build on: use `Model1`. Its quirks, each kept:

- no window; each frame is lifted until its strongest line has 96 dB;
- no line from 150 upwards is ever tonal;
- maskers are found with the 44.1 kHz tables at either rate, one line too low, and with the threshold in
  quiet lowered by 12 dB; at 32 kHz the threshold is then summed with the 48 kHz rows of the standard
  re-indexed to 62.5 Hz lines, not lowered;
- a noise masker's place mixes a Bark distance with a width in lines; it can fall into the next band, which
  then does without that line;
- tonal maskers less than 0.5 Bark apart are all kept;
- the masking function takes the level of the masker's line, not the masker's.

The tables come from the formulae, rounded as the standard prints them, so they can differ from the
printed ones by one unit of the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from earbench_codecs.errors import SettingError
from earbench_codecs.psychoacoustics.bark import bark
from earbench_codecs.psychoacoustics.maskers import TONAL_EXCESS
from earbench_codecs.psychoacoustics.spreading import masking_function, masking_index_db
from earbench_codecs.psychoacoustics.threshold import threshold_in_quiet_db_spl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Reals = NDArray[np.float64]

N_FFT = 512
SAMPLE_RATES_HZ = (32_000, 44_100)

_N_FLAGS = 256
_MIN_POWER = 1e-20
# Rows of the 44.1 kHz table at which critical bands begin (ISO 11172-3, table D.2b), from 0.
_BAND_ROWS = np.array(
    [0, 1, 2, 4, 5, 7, 8, 10, 12, 14, 16, 19, 22, 26, 31, 36, 44, 49, 54, 60, 67, 74, 80, 92, 105]
)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Rows of a table D.1: spectral line, critical-band rate in Bark, threshold in quiet in dB."""

    line: NDArray[np.int64]
    bark: Reals
    quiet_db: Reals

    def row_of(self, line: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the row a line, counted from 0, belongs to."""
        return np.maximum(np.searchsorted(self.line, line + 1, side="right") - 1, 0)


def _table(sample_rate_hz: int, last_line: int, quiet_offset_db: float) -> _Table:
    line = np.concatenate([np.arange(1, 49), np.arange(50, 97, 2), np.arange(100, last_line + 1, 4)])
    frequency_hz = line * sample_rate_hz / N_FFT
    quiet_db = threshold_in_quiet_db_spl(frequency_hz).round(2) + quiet_offset_db
    return _Table(line, bark(frequency_hz).round(3), quiet_db)


_AT_44K1 = _table(44_100, 232, -12.0)
_AT_48K = _table(48_000, 216, 0.0)
_TABLES = {
    44_100: _AT_44K1,
    32_000: _Table(np.floor(1.5 * _AT_48K.line + 0.5).astype(np.int64), _AT_48K.bark, _AT_48K.quiet_db),
}


def pam_nac_masking(frames: NDArray[np.floating], sample_rate_hz: int) -> tuple[Reals, Reals]:
    """Return PSD and global masking threshold, [F, 257] each in dB, of frames [F, 512].

    A silent frame, for which the published code divides by zero, has a PSD of -200 dB and the threshold
    in quiet.

    Raises
    ------
    SettingError
        Another rate than 32 or 44.1 kHz, or another frame length than 512.
    """
    if sample_rate_hz not in SAMPLE_RATES_HZ or frames.ndim != 2 or frames.shape[1] != N_FFT:
        raise SettingError(
            f"pam-nac takes frames of {N_FFT} samples at 32000 or 44100 Hz, "
            f"not {frames.shape} at {sample_rate_hz} Hz"
        )
    psd = _psd_db(np.asarray(frames, dtype=np.float64))
    table = _TABLES[sample_rate_hz]
    return psd, np.array([_threshold_db(frame, table) for frame in psd]).reshape(psd.shape)


def _psd_db(frames: Reals) -> Reals:
    peak = np.abs(frames).max(axis=1, keepdims=True)
    amplitude = np.abs(np.fft.rfft(frames / np.where(peak > 0, peak, 1.0))) / N_FFT
    psd = 20 * np.log10(np.maximum(amplitude, 1e-10))
    return np.where(peak > 0, psd + 96 - psd.max(axis=1, keepdims=True), psd)


def _threshold_db(psd: Reals, table: _Table) -> Reals:
    power = 10 ** (psd / 10)
    tonal, not_examined = _tonal(power)
    noises, noise_power = _noise(power, tonal, not_examined)
    tones = tonal.nonzero()[0]
    tone_power = power[tones - 1] + power[tones] + power[tones + 1]
    total = 10 ** (table.quiet_db / 10)
    for lines, powers, is_tonal in ((tones, tone_power, True), (noises, noise_power, False)):
        level_db = 10 * np.log10(powers)
        heard = level_db >= _AT_44K1.quiet_db[_AT_44K1.row_of(lines)]
        z = table.bark[table.row_of(lines[heard])][:, np.newaxis]
        a, b = masking_function(table.bark - z)
        spread_db = level_db[heard, np.newaxis] + masking_index_db(z, tonal=is_tonal)
        spread_db = spread_db + a + b * psd[lines[heard], np.newaxis]
        total = total + (10 ** (spread_db / 10)).sum(axis=0)
    return np.asarray(np.interp(np.arange(N_FFT // 2 + 1), table.line, 10 * np.log10(total)))


def _tonal(power: Reals) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which of the first 256 lines are tonal, and which no tonal line was compared with."""
    not_examined = np.ones(_N_FLAGS, dtype=bool)
    tonal = np.zeros(_N_FLAGS, dtype=bool)
    for k in range(3, 150):
        reach = 2 if k < 63 else 3 if k < 127 else 6
        around = np.concatenate([power[k - reach : k - 1], power[k + 2 : k + reach + 1]])
        if power[k - 1] < power[k] >= power[k + 1] and (power[k] >= TONAL_EXCESS * around).all():
            tonal[k] = True
            not_examined[k - reach : k + reach + 1] = False
    return tonal, not_examined


def _noise(
    power: Reals, tonal: NDArray[np.bool_], not_examined: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Reals]:
    """Return line and power of the noise masker of each critical band."""
    line, z = _AT_44K1.line - 1, _AT_44K1.bark
    places, powers = [], []
    for row, next_row in pairwise(_BAND_ROWS):
        k = np.arange(line[row], line[next_row])
        k = k[not_examined[k]]
        band_power = _MIN_POWER + power[k].sum()
        distance_bark = z[_AT_44K1.row_of(k)] - z[row]
        width = line[next_row] - line[row]
        place = line[row] + np.round((power[k] * distance_bark).sum() / band_power * width)
        place = min(int(place), _N_FLAGS - 1)
        place += int(tonal[place])
        not_examined[place] = False
        places.append(place)
        powers.append(band_power)
    return np.array(places, dtype=np.int64), np.array(powers)
