"""Whether drawing windows holds training up: steps a second with real data and with random tensors.

Both are the same steps; with random tensors none is drawn. Rounds of the two alternate, so that what else the
machine does meets both alike; processor time, of all threads, hardly depends on it. A GPU takes more windows
than a CPU: what the loader alone can give is printed as well, on one core, of a corpus that is in the memory
the system keeps files in.
"""

from __future__ import annotations

import time
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from statistics import median

import pytest

from earbench_codecs.training.recipe import recipe_names

CASES = [name for name in recipe_names() if "-small" in name]
N_ROUNDS = 6
ROUND_S = 2.0

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("corpora")


def parts_of(name, cache):
    """A bundled recipe's stepper, and a function that makes a batch of the bundled clips for a step."""
    import torch

    from earbench_codecs.training.corpus import open_corpus
    from earbench_codecs.training.dataset import WindowSampler
    from earbench_codecs.training.processes import Processes
    from earbench_codecs.training.recipe import read_recipe
    from earbench_codecs.training.run import build_coder
    from earbench_codecs.training.step import Stepper
    from earbench_codecs.training.validation import divisor, frames_of

    recipe = read_recipe(name)
    coder = build_coder(recipe)
    config = coder.config
    clips = Path(str(files("earbench_assets") / "clips"))
    corpus = open_corpus(clips, recipe.data, config.sample_rate_hz, cache)
    windows = WindowSampler(
        corpus, corpus.recordings, config.framing.length, 0, lambda recording: divisor(config, recording)
    )
    coder.enter_stage(recipe.stages[0].stage)
    coder.train()
    stepper = Stepper(recipe, coder, torch.device("cpu"), Processes())

    def batch(step, size=recipe.optimiser.batch):
        return frames_of(config, windows.batch(step, size))

    return stepper, batch


def speeds(stepper, batch, n_steps):
    """Steps a second of wall clock, and a second of processor time."""
    from earbench_codecs.training.dataset import prefetched

    begin, begin_cpu = time.perf_counter(), time.process_time()
    with closing(prefetched(batch, range(n_steps))) as batches:
        for number, frames in enumerate(batches):
            stepper.step(frames, number, 1.0, 1e-4, False)
    passed, passed_cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    return n_steps / passed, n_steps / passed_cpu


@pytest.mark.parametrize("name", CASES)
def test_real_data_against_random_tensors(capsys, cache, name):
    import torch

    stepper, batch = parts_of(name, cache)
    random = torch.randn_like(batch(0)) * batch(0).std()
    n_steps = max(5, round(ROUND_S * speeds(stepper, batch, 5)[0]))
    rounds = [
        (speeds(stepper, batch, n_steps), speeds(stepper, lambda _step: random, n_steps))
        for _ in range(N_ROUNDS)
    ]
    shares = [real[0] / without[0] for real, without in rounds]
    cpu_share = median(real[1] / without[1] for real, without in rounds)
    real, without = (median(speed for speed, _ in some) for some in zip(*rounds, strict=True))
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{name}: {real:.2f} steps/s with real data, {without:.2f} with random tensors, "
            f"{median(shares):.1%} (rounds {min(shares):.0%} to {max(shares):.0%}); "
            f"a second of processor time {cpu_share:.1%}"
        )


@pytest.mark.benchmark(group="draw 128 windows")
@pytest.mark.parametrize("name", ["kankanahalli-24", "pam-nac-44k-112-d", "koishekenov-2", "vred"])
def test_the_loader_alone(benchmark, cache, name):
    _, batch = parts_of(name, cache)
    steps = iter(range(10**9))
    frames = benchmark(lambda: batch(next(steps), 128))
    benchmark.extra_info["window_samples"] = frames.shape[-1]
    benchmark.extra_info["windows_per_s"] = round(128 / benchmark.stats["median"])
