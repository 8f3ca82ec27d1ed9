from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.errors import SettingError
from earbench_codecs.neural.framing import Framing


@pytest.mark.parametrize(
    "framing",
    [Framing(), Framing(side="synthesis"), Framing(ramp="half-sine", side="both"), Framing(256, 128)],
)
@given(n_samples=st.integers(1, 5000))
def test_split_and_join_give_the_signal_back(framing: Framing, n_samples: int) -> None:
    signal = torch.randn(
        2, n_samples, dtype=torch.float64, generator=torch.Generator().manual_seed(n_samples)
    )
    frames = framing.split(signal)
    assert frames.shape == (2, framing.n_frames(n_samples), framing.length)
    torch.testing.assert_close(framing.join(frames, n_samples), signal, rtol=0, atol=1e-12)


def test_the_symmetric_ramp_of_the_published_code_dips_by_up_to_2_5_percent() -> None:
    framing = Framing(ramp="hann-symmetric")
    ones = torch.ones(4800, dtype=torch.float64)
    back = framing.join(framing.split(ones), 4800)
    assert 0.974 < back.min() < 0.976
    assert back.max() <= 1


def test_an_overlap_longer_than_half_a_frame_is_refused() -> None:
    with pytest.raises(SettingError, match="1 to 256"):
        Framing(512, 300)
