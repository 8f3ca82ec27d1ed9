from __future__ import annotations

from typing import get_args

import matplotlib
import numpy as np
import pytest

from earbench_app.analysis.colormaps import COLORMAPS, colormap
from earbench_app.settings import SpectrogramSettings


def lightness(rgb: np.ndarray) -> np.ndarray:
    """CIE 1976 L* of sRGB colours, 0..255 (IEC 61966-2-1, D65)."""
    encoded = rgb / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    y = linear @ (0.2126, 0.7152, 0.0722)
    return np.where(y > 216 / 24389, 116 * np.cbrt(y) - 16, y * 24389 / 27)


@pytest.mark.parametrize("name", ["inferno", "magma", "viridis", "cividis"])
def test_the_maps_are_the_published_ones(name: str) -> None:
    published = matplotlib.colormaps[name](np.arange(256))[:, :3] * 255
    assert np.abs(colormap(name) - published).max() <= 12


@pytest.mark.parametrize("name", COLORMAPS)
def test_equal_steps_look_equal(name: str) -> None:
    steps = np.diff(lightness(colormap(name).astype(float))[::16])
    assert (steps > 0).all()
    assert steps[1:].std() / steps[1:].mean() < 0.35


def test_every_map_can_be_remembered() -> None:
    remembered = get_args(SpectrogramSettings.model_fields["colormap"].annotation)
    assert set(remembered) == set(COLORMAPS)
