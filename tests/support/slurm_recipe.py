"""The smallest recipe, for runs on the tests' own Slurm."""

from __future__ import annotations

RECIPE = """
title = "A test"
[model]
size = "kankanahalli"
options = {{ channels = 4, kernel = 5, dilations = [1], n_bins = 8 }}
[data]
validation_share = 0.3
[objective]
mse = {{ weight = 10 }}
[optimiser]
learning_rate = 3e-3
batch = 4
steps_per_epoch = 10
[validation]
metrics = ["sdr_db"]
excerpts = 1
seconds = 0.5
[[stages]]
stage = "unquantized"
epochs = {epochs}
"""


def recipe_text(epochs: int) -> str:
    """A recipe of so many epochs, 10 steps each."""
    return RECIPE.format(epochs=epochs)
