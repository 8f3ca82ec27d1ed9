"""A real Slurm for a worker's tests, and a small corpus that its jobs train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import stand_in_training
from slurm_cluster import SlurmCluster, why_not

from earbench_app.jobs.board import JobBoard
from earbench_app.jobs.local import LocalExecutor
from earbench_app.jobs.slurm import SlurmExecutor
from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import write_wav


@pytest.fixture(scope="session")
def _slurm():
    """The cluster; what is submitted takes this environment along."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with pytest.MonkeyPatch.context() as patch, SlurmCluster() as cluster:
        patch.setenv("SLURM_CONF", str(cluster.config))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(Path(stand_in_training.__file__).parent))
        yield cluster


@pytest.fixture
def cluster(_slurm, tmp_path, monkeypatch):
    """The cluster with nothing on it; each test's jobs have caches of their own."""
    monkeypatch.setenv("EARBENCH_HOME", str(tmp_path / "home"))
    yield _slurm
    _slurm.make_idle()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Three seconds of swelling noise."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(4)
    for i in range(3):
        noise = np.convolve(rng.standard_normal(16_000), np.ones(16) / 16, "same")
        write_wav(folder / f"{i}.wav", AudioClip([0.3 * noise * np.linspace(0.1, 1, 16_000)], 16_000))
    return folder


@pytest.fixture
def board(tmp_path):
    """A board whose jobs begin at once and train nothing."""
    command = stand_in_training.command
    executors = {"slurm": SlurmExecutor(make_command=command), "local": LocalExecutor(make_command=command)}
    return JobBoard(tmp_path / "jobs", executors)


@pytest.fixture
def real_board(tmp_path):
    """A board whose jobs train."""
    return JobBoard(tmp_path / "jobs")
