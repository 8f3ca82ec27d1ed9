"""ISO 11172-3 model 1, one frame and one masker at a time: what the batched model is held against.

Written from the text of the standard, in float64, sharing no code with the package. Loaded by path, from
the tests and from the bench.
"""

import math

import numpy as np


def bark(f_hz):
    f = f_hz / 1000
    return 13 * math.atan(0.76 * f) + 3.5 * math.atan((f / 7.5) ** 2)


def quiet_db(f_hz):
    if f_hz == 0:
        return 68.0
    f = f_hz / 1000
    return min(68.0, 3.64 * f**-0.8 - 6.5 * math.exp(-0.6 * (f - 3.3) ** 2) + 0.001 * f**4)


def power_sum_db(levels_db):
    return 10 * math.log10(sum(10 ** (level / 10) for level in levels_db))


def level_db(frame, full_scale_db):
    n = len(frame)
    hann = [math.sqrt(8 / 3) * 0.5 * (1 - math.cos(2 * math.pi * i / n)) for i in range(n)]
    spectrum = np.fft.rfft(np.asarray(hann) * frame) / n
    full_scale_line = math.sqrt(8 / 3) * 0.25  # |X| of a sine of amplitude 1 on a line
    return [full_scale_db + 20 * math.log10(abs(x) / full_scale_line + 1e-15) for x in spectrum]


def reach_of(k, n):
    """How many lines to either side the line is compared with; 0 where none is looked at."""
    if k <= 2:
        return 0
    for after, reach in ((63, 2), (127, 3), (255, 6), (511, 12), (1023, 24)):
        last_range = after >= n // 2 - 1
        if k < after or last_range:
            return reach if k <= n // 2 - reach else 0
    raise ValueError(n)


def tonal_lines(x, n, rate):
    tonal = []
    for k in range(3, n // 2):
        reach = reach_of(k, n)
        if not reach or k * rate / n > 20000:
            continue
        if not (x[k] > x[k - 1] and x[k] >= x[k + 1]):
            continue
        if all(x[k] - x[k + sign * j] >= 7 for j in range(2, reach + 1) for sign in (-1, 1)):
            tonal.append(k)
    return tonal


def noise_maskers(x, tonal, n, rate):
    examined = {k + j for k in tonal for j in range(-reach_of(k, n), reach_of(k, n) + 1)}
    bands = {}
    for k in range(1, n // 2):
        f = k * rate / n
        if k not in examined and f <= 20000:
            bands.setdefault(math.floor(bark(f)), []).append(k)
    maskers = []
    for lines in bands.values():
        power = sum(10 ** (x[k] / 10) for k in lines)
        centre = sum(k * 10 ** (x[k] / 10) for k in lines) / power
        maskers.append((round(centre), 10 * math.log10(power)))
    return maskers


def decimated(tonal, noise, n, rate):
    def audible(masker):
        return masker[1] >= quiet_db(masker[0] * rate / n)

    tonal, noise = [m for m in tonal if audible(m)], [m for m in noise if audible(m)]
    i = 0
    while i < len(tonal) - 1:
        low, high = tonal[i], tonal[i + 1]
        if bark(high[0] * rate / n) - bark(low[0] * rate / n) < 0.5:
            del tonal[i if high[1] > low[1] else i + 1]
        else:
            i += 1
    return tonal, noise


def masks_db(z_masker, level, index_db, z):
    """Individual masking threshold of one masker at all lines, minus infinity beyond its reach."""
    dz = z - z_masker
    vf = np.full(len(z), -np.inf)
    piece = (dz >= -3) & (dz < -1)
    vf[piece] = 17 * (dz[piece] + 1) - (0.4 * level + 6)
    piece = (dz >= -1) & (dz < 0)
    vf[piece] = (0.4 * level + 6) * dz[piece]
    piece = (dz >= 0) & (dz < 1)
    vf[piece] = -17 * dz[piece]
    piece = (dz >= 1) & (dz < 8)
    vf[piece] = -(dz[piece] - 1) * (17 - 0.15 * level) - 17
    return level + index_db + vf


def threshold_db(frame, rate, full_scale_db=96.0):
    """Global masking threshold of one frame, at every line."""
    n = len(frame)
    x = level_db(frame, full_scale_db)
    lines = tonal_lines(x, n, rate)
    tonal = [(k, power_sum_db(x[k - 1 : k + 2])) for k in lines]
    tonal, noise = decimated(tonal, noise_maskers(x, lines, n, rate), n, rate)
    z = np.array([bark(k * rate / n) for k in range(n // 2 + 1)])
    total = np.array([10 ** (quiet_db(k * rate / n) / 10) for k in range(n // 2 + 1)])
    for k, level in tonal:
        total += 10 ** (masks_db(z[k], level, -1.525 - 0.275 * z[k] - 4.5, z) / 10)
    for k, level in noise:
        total += 10 ** (masks_db(z[k], level, -1.525 - 0.175 * z[k] - 0.5, z) / 10)
    return 10 * np.log10(total)
