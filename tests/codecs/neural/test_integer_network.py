"""Integer networks are exact: float32 sums are those of whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from earbench_codecs.neural.integer_network import IntegerLinear, IntegerNetwork, rounded


def in_whole_numbers(layer, x):
    """The same layer in int64."""
    weight = np.floor(layer.weight.detach().double().numpy().clip(-127 / 64, 127 / 64) * 64 + 0.5)
    bias = np.floor(layer.bias.detach().double().numpy() * 4096 + 0.5)
    sums = x.astype(np.int64) @ weight.astype(np.int64).T + bias.astype(np.int64)
    return (sums + 32) // 64


@pytest.mark.parametrize("n_in", [1, 37, 500])
def test_a_layer_is_what_whole_numbers_give(n_in):
    torch.manual_seed(0)
    layer = IntegerLinear(n_in, 21)
    with torch.no_grad():
        layer.weight.mul_(30)  # most are at the ends: the largest sums there are
        layer.bias.normal_(0, 3)
    x = np.random.default_rng(1).integers(0, 256, (50, n_in))
    out = layer(torch.from_numpy(x).float()).detach().numpy()
    assert np.array_equal(out, in_whole_numbers(layer, x))


def test_order_batch_and_precision_do_not_matter():
    torch.manual_seed(2)
    network = IntegerNetwork(64, 48, 32, 5, last_gain=1.0)
    x = torch.randint(0, 256, (7, 64)).float()
    out = network(x)
    assert torch.equal(torch.cat([network(row) for row in x[:, None]]), out)
    order = torch.randperm(64)
    with torch.no_grad():
        network.hidden[0].weight.copy_(network.hidden[0].weight[:, order])
    assert torch.equal(network(x[:, order]), out)
    assert torch.equal(network.double()(x[:, order].double()).float(), out)


def test_columns_without_gradients_are_the_rows_with():
    torch.manual_seed(4)
    network = IntegerNetwork(30, 20, 17, 6, last_gain=1.0)
    with torch.no_grad():
        for layer in (*network.hidden, network.last):
            layer.bias.normal_(0, 0.5)
    x = torch.randint(0, 256, (3, 40, 30)).float()
    rows = network(x).detach()
    columns = torch.cat([x.flatten(0, 1), torch.ones(120, 1)], 1).t()
    assert torch.equal(network.columns(columns).t().reshape(rows.shape), rows)
    with torch.no_grad():
        assert torch.equal(network(x), rows)
        network.freeze()
        network.last.weight.zero_()
        assert torch.equal(network.columns(columns).t().reshape(rows.shape), rows)


def test_rounding_lets_gradients_through():
    x = torch.tensor([-0.5, 0.49, 1.5], requires_grad=True)
    rounded(x).sum().backward()
    assert rounded(x).tolist() == [0.0, 0.0, 2.0]
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_sums_that_would_not_be_exact_are_refused():
    with pytest.raises(ValueError, match="at most 500"):
        IntegerLinear(501, 1)


def test_a_network_begins_by_returning_nothing():
    assert not IntegerNetwork(9, 8, 3)(torch.full((2, 9), 255.0)).any()
