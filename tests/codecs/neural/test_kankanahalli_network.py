from __future__ import annotations

import torch

from earbench_codecs.neural.blocks import SubPixel1d, n_parameters
from earbench_codecs.neural.kankanahalli_network import KankanahalliNetwork


def test_the_network_has_the_parameters_the_authors_print() -> None:
    """1,558,847 in all, of which 33 are the quantiser's bins and temperature."""
    network = KankanahalliNetwork()
    assert n_parameters(network.encoder) == 742_415
    assert n_parameters(network.decoder) == 816_399
    assert n_parameters(network) + 33 == 1_558_847


def test_a_frame_of_512_samples_becomes_256_codes_and_a_frame_again() -> None:
    network = KankanahalliNetwork(channels=8)
    codes = network.encode(torch.randn(3, 1, 512))
    assert codes.shape == (3, 1, 256)
    assert network.decode(codes).shape == (3, 1, 512)


def test_sub_pixel_shuffling_interleaves_pairs_of_channels() -> None:
    x = torch.arange(2 * 4 * 3).reshape(2, 4, 3)
    y = SubPixel1d(2)(x)
    for b, c, t, p in torch.cartesian_prod(*map(torch.arange, (2, 2, 3, 2))).tolist():
        assert y[b, c, 2 * t + p] == x[b, 2 * c + p, t]
