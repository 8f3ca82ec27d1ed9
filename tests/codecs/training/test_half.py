"""A coder is measured as its file keeps it."""

from __future__ import annotations

import torch

from earbench_codecs.neural.zoo import build
from earbench_codecs.training.export import round_to_half


def test_what_a_file_does_not_keep_is_not_rounded():
    """Windows of half precision are no longer orthonormal: noise 70 dB below the signal."""
    coder = build("mdct-hyper-16k")
    kept = coder.state_dict()
    made = {name: buffer.clone() for name, buffer in coder.named_buffers() if name not in kept}
    assert any("window" in name for name in made)
    round_to_half(coder)
    for name, buffer in made.items():
        assert torch.equal(buffer, coder.get_buffer(name)), name
    for name, parameter in coder.named_parameters():
        assert torch.equal(parameter, parameter.half().float()), name
