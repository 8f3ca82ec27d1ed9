"""Perceptually uniform colour maps: equal steps in level look like equal steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# S. van der Walt, N. Smith (inferno, magma, viridis; CC0) and J. Nunez et al. (cividis, 2018), at 17 places;
# within 12 / 255 of the whole maps.
_STOPS = {
    "inferno": (
        *(0x000004, 0x0B0724, 0x210C4A, 0x3D0965, 0x57106E, 0x71196E, 0x8A226A, 0xA32C61, 0xBC3754),
        *(0xD24644, 0xE45A31, 0xF1731D, 0xF98E09, 0xFCAC11, 0xF9CB35, 0xF2EA69, 0xFCFFA4),
    ),
    "magma": (
        *(0x000004, 0x0A0822, 0x1D1147, 0x36106B, 0x51127C, 0x6A1C81, 0x832681, 0x9C2E7F, 0xB73779),
        *(0xD0416F, 0xE75263, 0xF56B5C, 0xFC8961, 0xFEA772, 0xFEC488, 0xFDE2A3, 0xFCFDBF),
    ),
    "viridis": (
        *(0x440154, 0x48186A, 0x472D7B, 0x424086, 0x3B528B, 0x33638D, 0x2C728E, 0x26828E, 0x21918C),
        *(0x1FA088, 0x28AE80, 0x3FBC73, 0x5EC962, 0x84D44B, 0xADDC30, 0xD8E219, 0xFDE725),
    ),
    "cividis": (
        *(0x00224E, 0x002E6A, 0x1A386F, 0x32436D, 0x434E6C, 0x535A6D, 0x61656F, 0x6F7073, 0x7D7C78),
        *(0x8C8878, 0x9B9476, 0xABA072, 0xBCAE6C, 0xCDBB63, 0xDEC958, 0xF0D846, 0xFEE838),
    ),
    "grey": (0x000000, 0xFFFFFF),
}
COLORMAPS = tuple(_STOPS)


def colormap(name: str) -> NDArray[np.uint8]:
    """Return 256 colours, shape [256, 3], from the lowest level to the highest."""
    words = np.array(_STOPS[name])
    stops = np.stack([words >> 16, words >> 8 & 255, words & 255], axis=1)
    places = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(places, np.arange(len(stops)), stops[:, i]) for i in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)
