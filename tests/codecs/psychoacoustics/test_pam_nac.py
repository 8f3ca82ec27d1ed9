"""The PAM-NAC variant against a plain transcription of what its published code does.

The authors' published arrays are not at hand (binary files); the oracle is this scalar re-implementation,
with flags and lists as in the published code and table rows as printed there.
"""

import math

import numpy as np
import pytest

from earbench_codecs.errors import SettingError
from earbench_codecs.psychoacoustics import pam_nac_masking

CB = [1, 2, 3, 5, 6, 8, 9, 11, 13, 15, 17, 20, 23, 27, 32, 37, 45, 50, 55, 61, 68, 75, 81, 93, 106]
LINES = [*range(1, 49), *range(50, 97, 2), *range(100, 241, 4)]


def row(line: int, printed_line: int, rate: int, quiet_offset: float) -> tuple[int, float, float]:
    f = line * rate / 512 / 1000
    z = 13 * math.atan(0.76 * f) + 3.5 * math.atan((f / 7.5) ** 2)
    quiet = min(68.0, 3.64 * f**-0.8 - 6.5 * math.exp(-0.6 * (f - 3.3) ** 2) + 0.001 * f**4)
    return printed_line, round(z, 3), round(quiet, 2) + quiet_offset


TH44 = [row(k, k, 44_100, -12) for k in LINES if k <= 232]
TH32 = [row(k, math.floor(1.5 * k + 0.5), 48_000, 0) for k in LINES if k <= 216]


def map_row(table: list[tuple[int, float, float]], k: int) -> int:
    """Their Map: bin k counts from 0, a table's lines from 1."""
    return max([i for i, entry in enumerate(table) if entry[0] <= k + 1], default=0)


def scalar_psd(frame: np.ndarray) -> list[float]:
    spectrum = np.fft.fft(frame / np.max(np.abs(frame)))[:257]
    psd = [max(20 * math.log10(abs(x) / 512 + 1e-300), -200) for x in spectrum]
    return [level + 96 - max(psd) for level in psd]


def scalar_threshold(frame: np.ndarray, rate: int) -> np.ndarray:
    psd, table = scalar_psd(frame), TH44 if rate == 44_100 else TH32
    flags, tonal = ["free"] * 256, []
    for k in range(2, 250):
        if not (psd[k] > psd[k - 1] and psd[k] >= psd[k + 1]):
            continue
        if 2 < k < 63:
            offsets = [-2, 2]
        elif 63 <= k < 127:
            offsets = [-3, -2, 2, 3]
        elif 127 <= k < 150:
            offsets = [-6, -5, -4, -3, -2, 2, 3, 4, 5, 6]
        else:
            continue
        if all(psd[k] - psd[k + j] >= 7 for j in offsets):
            tonal.append((k, 10 * math.log10(sum(10 ** (psd[i] / 10) for i in (k - 1, k, k + 1)))))
            flags[k] = "tonal"
            for j in [*offsets, -1, 1]:
                flags[k + j] = "out"
    noise = []
    for i in range(len(CB) - 1):
        first, after = TH44[CB[i] - 1][0] - 1, TH44[CB[i + 1] - 1][0] - 1
        power, weight = -200.0, 0.0
        for k in range(first, after):
            if flags[k] == "free":
                power = 10 * math.log10(10 ** (power / 10) + 10 ** (psd[k] / 10))
                weight += 10 ** (psd[k] / 10) * (TH44[map_row(TH44, k)][1] - TH44[CB[i] - 1][1])
                flags[k] = "out"
        place = first
        if power > -200:
            place = int(first + np.round(weight / 10 ** (power / 10) * (after - first)))
        place = min(max(place, 0), 255)
        if flags[place] == "tonal":
            place += 1
        noise.append((place, power))
        flags[place] = "noise"
    total = [10 ** (quiet / 10) for _, _, quiet in table]
    for maskers, slope, offset in ((tonal, -0.275, -4.5), (noise, -0.175, -0.5)):
        for j, level in maskers:
            if level < TH44[map_row(TH44, j)][2]:
                continue
            zj = table[map_row(table, j)][1]
            for i, (_, zi, _) in enumerate(table):
                dz = zi - zj
                if -3 <= dz < -1:
                    vf = 17 * (dz + 1) - (0.4 * psd[j] + 6)
                elif -1 <= dz < 0:
                    vf = (0.4 * psd[j] + 6) * dz
                elif 0 <= dz < 1:
                    vf = -17 * dz
                elif 1 <= dz < 8:
                    vf = -(dz - 1) * (17 - 0.15 * psd[j]) - 17
                else:
                    continue
                total[i] += 10 ** ((level - 1.525 + slope * zj + offset + vf) / 10)
    return np.interp(range(257), [entry[0] for entry in table], [10 * math.log10(p) for p in total])


def test_the_tables_begin_as_they_are_printed() -> None:
    begin = [value for entry in TH44[:3] for value in entry[1:]]
    assert begin == pytest.approx([0.85, 13.87, 1.694, 2.85, 2.525, -1.28])
    assert TH44[-1] == (232, pytest.approx(24.573, abs=0.0011), 56.0)  # Layer II prints 24.574
    assert TH32[:3] == [(2, 0.925, 24.17), (3, 1.842, 13.87), (5, 2.742, 10.01)]
    assert TH32[-1] == (324, pytest.approx(24.597, abs=0.0011), 68.0)


@pytest.mark.parametrize("rate", [32_000, 44_100])
@pytest.mark.parametrize("kind", ["noise", "tones", "both"])
def test_the_variant_is_the_published_one(rate: int, kind: str) -> None:
    rng = np.random.default_rng(3)
    t = np.arange(512)
    partials = rng.uniform(3, 250, (6, 12, 1))
    tones = np.sin(2 * np.pi * partials * t / 512).sum(axis=1) if kind != "noise" else np.zeros((6, 512))
    frames = tones + (0.5 * rng.standard_normal((6, 512)) if kind != "tones" else 0)
    psd, threshold = pam_nac_masking(frames, rate)
    assert psd == pytest.approx(np.array([scalar_psd(frame) for frame in frames]), abs=1e-6)
    assert threshold == pytest.approx(np.array([scalar_threshold(frame, rate) for frame in frames]), abs=1e-6)
    assert psd.max(axis=1) == pytest.approx(96.0)


def test_silence_has_a_threshold() -> None:
    psd, threshold = pam_nac_masking(np.zeros((2, 512)), 44_100)
    assert (psd == -200).all()
    assert threshold[0, 1] == pytest.approx(13.87)


@pytest.mark.parametrize(("shape", "rate"), [((2, 512), 48_000), ((2, 1024), 44_100), ((512,), 44_100)])
def test_what_it_has_no_tables_for(shape: tuple[int, ...], rate: int) -> None:
    with pytest.raises(SettingError, match="pam-nac takes"):
        pam_nac_masking(np.ones(shape), rate)
