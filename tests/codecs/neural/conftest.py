"""Small coders without training, as checkpoints."""

from __future__ import annotations

import numpy as np
import pytest

SMALL = {
    "kankanahalli": ("kankanahalli", {"channels": 6, "dilations": [1]}),
    "koishekenov": ("koishekenov", {"channels": 6, "n_blocks": 1}),
    "pam-nac": ("pam-nac-32k", {"channels": 6, "narrow": 4, "n_modules": 2}),
    "resglu": ("resglu", {"channels": 6, "narrow": 4, "dilations": [1]}),
    "vred": ("vred", {"hidden": 8, "n_latents": 16}),
    "mdct-hyper": (
        "mdct-hyper-16k",
        {"transform": 128, "framing": {"length": 15_872, "overlap": 32}, "width": 8, "hyper_width": 12},
    ),
}
SMALL["mdct-hyper-levels"] = (
    "mdct-hyper-16k",
    SMALL["mdct-hyper"][1]
    | {"terms": ["masked", "holes"], "hole_levels": True, "fill": 0.5, "fill_from_hz": 2000.0},
)
SMALL["mdct-hyper-switched"] = (
    "mdct-hyper-16k",
    SMALL["mdct-hyper-levels"][1] | {"transform": 256, "coarsest": 15, "parts": 4},
)
"""Name → size and options."""


@pytest.fixture(autouse=True)
def one_thread():
    """Small networks gain nothing from more, and the machine has others to serve."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def signal_of():
    """A function that makes a swelling harmonic tone with noise, float32 [T]."""

    def make(n_samples, rate_hz, seed=1):
        rng = np.random.default_rng(seed)
        t = np.arange(n_samples) / rate_hz
        tone = sum(np.sin(2 * np.pi * 220 * k * t + k * seed) / k for k in range(1, 9))
        swell = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * t + seed)
        return (0.1 * swell * (tone + 0.2 * rng.standard_normal(n_samples))).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def small_checkpoint(tmp_path_factory, signal_of):
    """A function that returns the file of a small coder's checkpoint, made once."""
    import torch

    from earbench_codecs.neural.checkpoint import entropy_tables, save_checkpoint
    from earbench_codecs.neural.checkpoint_info import CheckpointInfo
    from earbench_codecs.neural.zoo import SIZES, build_from_json, config_to_json

    folder = tmp_path_factory.mktemp("checkpoints")

    def tables_of(coder):
        signal = torch.from_numpy(signal_of(3 * coder.config.sample_rate_hz, coder.config.sample_rate_hz))
        frames = coder.config.framing.split(signal / signal.abs().max()).unsqueeze(1)
        return entropy_tables(coder, [frames])

    def make(name, half=False):
        path = folder / f"{name}-{half}.safetensors"
        if not path.exists():
            size, options = SMALL[name]
            architecture, config = SIZES[size]
            torch.manual_seed(5)
            coder = build_from_json(architecture, config_to_json(config) | options).eval()
            if architecture == "koishekenov":  # as it is, all codes are 0
                with torch.no_grad():
                    coder.encoder[-1].weight.mul_(30)
            info = CheckpointInfo(
                name=f"{name}-test",
                title="A test",
                architecture=architecture,
                config=config_to_json(coder.config),
                sample_rate_hz=coder.config.sample_rate_hz,
                n_parameters=sum(p.numel() for p in coder.parameters()),
                kbps=16,
                context_model=coder.entropy_model() is None,
            )
            save_checkpoint(path, info, coder, tables_of(coder), half=half)
        return path

    return make
