"""The smallest recipe that quantises and has a rate: seconds on a processor, for audio at 8 kHz."""

from __future__ import annotations

RECIPE = """
title = "A test"
[model]
size = "kankanahalli"
options = {{ sample_rate_hz = 8000, channels = 4, kernel = 5, dilations = [1], n_bins = 8 }}
[data]
validation_share = 0.2
[objective]
mse = {{ weight = 10 }}
entropy = {{ weight = 0.01 }}
coder = {{ quantization = 0.1 }}
[optimiser]
learning_rate = 3e-3
batch = {batch}
steps_per_epoch = {steps_per_epoch}
[rate]
target_kbps = 6
windows = {windows}
[validation]
metrics = ["sdr_db"]
excerpts = 2
seconds = 0.5
listenable = {listenable}
"""
STAGE = """
[[stages]]
stage = "{name}"
epochs = {epochs}
prepare_windows = 50
"""


def tiny_recipe(
    *,
    unquantized: int = 1,
    quantized: int = 3,
    batch: int = 16,
    steps_per_epoch: int = 10,
    windows: int = 200,
    listenable: int = 8,
) -> str:
    """Return its text, with so many epochs of each stage."""
    table = RECIPE.format(
        batch=batch, steps_per_epoch=steps_per_epoch, windows=windows, listenable=listenable
    )
    stages = (("unquantized", unquantized), ("quantized", quantized))
    return table + "".join(STAGE.format(name=name, epochs=epochs) for name, epochs in stages if epochs)
