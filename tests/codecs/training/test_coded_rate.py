"""The rate a run is steered by is that of files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from earbench_codecs.clip import AudioClip
from earbench_codecs.neural.checkpoint import Checkpoint, entropy_tables
from earbench_codecs.neural.checkpoint_info import CheckpointInfo
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.entropy_coding import code_bits, encode_codes
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig
from earbench_codecs.neural.zoo import config_to_json
from earbench_codecs.training.coded_rate import coding_at_rate, context_kbps, table_segments
from earbench_codecs.training.corpus import open_corpus
from earbench_codecs.training.recipe_tables import ValidationTable
from earbench_codecs.training.run import build_coder, train
from earbench_codecs.training.run_folder import RunFolder
from earbench_codecs.training.setup import Limits


@pytest.fixture(scope="module")
def coder_and_corpus(job_of, tmp_path_factory):
    """A coder whose bins are placed but whose network is as drawn, and its corpus."""
    job = job_of(tmp_path_factory.mktemp("run"))
    coder = build_coder(job.recipe)
    corpus = open_corpus(job.data, job.recipe.data, 8000, job.cache)
    frames = torch.cat(list(table_segments(coder, corpus, corpus.recordings, 0, 8)))
    coder.prepare_stage("quantized", frames)
    coder.enter_stage("quantized")
    coder.eval().requires_grad_(False)
    return coder, corpus


def test_the_rate_is_that_of_real_bytes(coder_and_corpus):
    """Each excerpt coded as a file; the last is shorter than the rest."""
    coder, corpus = coder_and_corpus
    recordings = corpus.recordings[:5]
    table = ValidationTable(excerpts=5, seconds=0.9)
    found = context_kbps(coder, corpus, recordings, table, table_segments(coder, corpus, recordings, 0, 9))
    tables = entropy_tables(coder, table_segments(coder, corpus, recordings, 0, 9))
    info = CheckpointInfo(
        name="test",
        title="A test",
        architecture=coder.architecture,
        config=config_to_json(coder.config),
        sample_rate_hz=8000,
        n_parameters=1,
        kbps=6,
        context_model=True,
    )
    codec = NeuralCodec(info, "", lambda: Checkpoint(info, coder, tables, ""))
    n_bytes = 0
    for recording in recordings:
        excerpt = corpus.signal(recording)[400:7600]
        n_bytes += codec.encode(AudioClip.mono(excerpt, 8000)).n_bytes
    assert found == pytest.approx(8 * n_bytes / (5 * 0.9) / 1000, rel=0.02)


@pytest.fixture(scope="module")
def for_any_rate(coder_and_corpus):
    """A small coder for any rate, with parameters as drawn."""
    torch.manual_seed(1)
    config = MdctHyperConfig(
        sample_rate_hz=8000,
        framing=Framing(4096, 64, "half-sine", "both"),
        level="std",
        transform=64,
        nodes=8,
        features=2,
        width=8,
        hyper_width=8,
        coarsest=15,
        lowest_gain=0.5,
    )
    return MdctHyper(config).eval().requires_grad_(False), coder_and_corpus[1]


@pytest.mark.parametrize("kbps", [8.0, 40.0])
def test_a_coder_for_any_rate_is_measured_at_the_one_asked_for(for_any_rate, kbps):
    coder, corpus = for_any_rate
    recordings, table = corpus.recordings[:3], ValidationTable(excerpts=3, seconds=0.9)
    segments = list(table_segments(coder, corpus, recordings, 0, 9))
    found, code = coding_at_rate(coder, corpus, recordings, table, iter(segments), kbps)
    assert found == pytest.approx(kbps, rel=0.02)
    _, finer = coding_at_rate(coder, corpus, recordings, table, iter(segments), 3 * kbps)
    signal = corpus.signal(recordings[0])
    noise, less = (np.square(one(signal) - signal).sum() for one in (code, finer))
    assert less < noise


def test_a_rate_that_no_gain_reaches_gives_way_to_the_nearest(for_any_rate):
    coder, corpus = for_any_rate
    recordings, table = corpus.recordings[:2], ValidationTable(excerpts=2, seconds=0.9)
    segments = list(table_segments(coder, corpus, recordings, 0, 9))
    low, high = (
        coding_at_rate(coder, corpus, recordings, table, iter(segments), kbps)[0] for kbps in (0.01, 1e5)
    )
    assert 0.01 < low < high < 1e5


def test_segments_counted_together_cost_what_each_costs_alone(coder_and_corpus):
    coder, corpus = coder_and_corpus
    segments = list(table_segments(coder, corpus, corpus.recordings, 0, 20))
    for kind in ("static", "context"):
        model = entropy_tables(coder, segments[:4]).model(kind)
        codes = [coder.encode(frames).numpy() for frames in segments]
        alone = [encode_codes(one, coder.alphabet, model).bits for one in codes]
        assert code_bits(np.stack(codes), coder.alphabet, model) == pytest.approx(sum(alone), rel=1e-12)


def test_a_run_steered_by_the_context_model_says_so(job_of, tiny_toml, tmp_path):
    """In the last stage; the one before does not quantise. Its τ and its best checkpoint go by that rate."""
    toml = tiny_toml.replace("windows = 200", 'windows = 200\nmeasure = "context"\ntolerance_kbps = 0.01')
    train(job_of(tmp_path, toml), Limits())
    events = [json.loads(line) for line in RunFolder(tmp_path).events.read_text().splitlines()]
    found = [event for event in events if event["event"] == "validation"]
    assert [event["rate_measure"] for event in found] == [None, None, "context", "context"]
    steps = np.sign([event["kbps"] - 6 for event in found[2:]])
    assert found[3]["tau"] == pytest.approx(found[2]["tau"] + 0.025 * steps[0])
    measured = next(event for event in events if event["event"] == "exported")["measured"]
    best = min(found[2:], key=lambda event: abs(event["kbps"] - measured["entropy_kbps"]))
    assert best["kbps"] == pytest.approx(measured["entropy_kbps"], rel=0.02)
