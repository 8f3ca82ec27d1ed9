"""A compiled run is the run it would be; where it cannot be compiled, it says so and goes on."""

from __future__ import annotations

import json

import pytest
import torch

from earbench_codecs.training import compilation
from earbench_codecs.training.run import train
from earbench_codecs.training.run_folder import RunFolder, load_snapshot
from earbench_codecs.training.setup import Limits


@pytest.fixture
def compiling(tiny_toml):
    return tiny_toml.replace("batch = 16", "batch = 16\ncompile = true")


@pytest.fixture
def backend(monkeypatch):
    """A function that has runs on the CPU compiled, by a backend."""

    def use(backend):
        torch.compiler.reset()
        monkeypatch.setattr(compilation, "DEVICES", ("cpu",))
        monkeypatch.setattr(compilation, "BACKEND", backend)

    yield use
    torch.compiler.reset()


@pytest.fixture(scope="module")
def uncompiled(job_of, tmp_path_factory):
    """What a run without compiling leaves, through both stages."""
    run = tmp_path_factory.mktemp("uncompiled")
    train(job_of(run), Limits(max_steps=22))
    return load_snapshot(RunFolder(run).last).tensors


def assert_close(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.allclose(tensor, other[name], atol=1e-6), name


def notices(run):
    lines = RunFolder(run).events.read_text().splitlines()
    return [e["message"] for e in map(json.loads, lines) if e["event"] == "notice"]


@pytest.mark.slow
def test_a_compiled_run_leaves_the_same_tensors_by_the_same_names(
    job_of, compiling, backend, uncompiled, tmp_path
):
    calls = []

    def counting(graph, inputs):
        calls.append(len(inputs))
        return graph.forward

    backend(counting)
    train(job_of(tmp_path, compiling), Limits(max_steps=22))
    assert len(calls) >= 2  # at least once for each stage
    assert notices(tmp_path) == []
    assert_close(load_snapshot(RunFolder(tmp_path).last).tensors, uncompiled)


def test_a_compiler_that_fails_is_done_without(job_of, compiling, backend, uncompiled, tmp_path):
    def failing(graph, inputs):
        raise RuntimeError("no C compiler found")

    backend(failing)
    train(job_of(tmp_path, compiling), Limits(max_steps=22))
    (message,) = notices(tmp_path)
    assert message.startswith("torch.compile failed, the run goes on without it")
    assert "no C compiler found" in message
    assert_close(load_snapshot(RunFolder(tmp_path).last).tensors, uncompiled)


def test_on_a_cpu_it_is_not_used(job_of, compiling, tmp_path):
    train(job_of(tmp_path, compiling), Limits(max_steps=1))
    (message,) = notices(tmp_path)
    assert "not used on cpu" in message
