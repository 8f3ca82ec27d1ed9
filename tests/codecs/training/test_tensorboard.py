"""TensorBoard's files, read back with its own reader."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from earbench_codecs.training.corpus import open_corpus
from earbench_codecs.training.dataset import split
from earbench_codecs.training.errors import RunFolderError
from earbench_codecs.training.run import train
from earbench_codecs.training.run_folder import RunFolder
from earbench_codecs.training.setup import Limits
from earbench_codecs.training.tensorboard import TensorBoard
from earbench_codecs.training.validation import chosen_recordings, excerpts


def read(run):
    keep_all = {"scalars": 0, "audio": 0, "images": 0, "tensors": 0}
    return EventAccumulator(str(RunFolder(run).tensorboard), size_guidance=keep_all).Reload()


def scalars(log, tag):
    return [(event.step, event.value) for event in log.Scalars(tag)]


def events_of(run, kind):
    lines = RunFolder(run).events.read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == kind]


@pytest.fixture(scope="module")
def whole(job_of, tmp_path_factory):
    """The folder of a run from beginning to end."""
    folder = tmp_path_factory.mktemp("whole")
    train(job_of(folder), Limits())
    return folder


def test_figures_are_those_of_the_events(whole):
    log = read(whole)
    progress, validation = events_of(whole, "progress"), events_of(whole, "validation")
    for tag, key in [
        ("loss/total", "loss"),
        ("rate/tau", "tau"),
        ("optimiser/learning_rate", "learning_rate"),
    ]:
        assert scalars(log, tag) == [(e["step"], pytest.approx(e[key])) for e in progress]
    assert scalars(log, "loss/mse") == [(e["step"], pytest.approx(e["terms"]["mse"])) for e in progress]
    assert scalars(log, "speed/examples_per_s")[0][1] > 0
    found = [(e["step"], pytest.approx(e["metrics"]["sdr_db"])) for e in validation]
    assert scalars(log, "validation/sdr_db") == found
    assert scalars(log, "rate/target_kbps") == [(step, 6) for step in (10, 20, 30, 40)]
    assert [step for step, _ in scalars(log, "rate/kbps")] == [30, 40]  # nothing is quantised before


def test_excerpts_are_heard_and_seen(whole, job_of):
    log = read(whole)
    job = job_of(whole)
    corpus = open_corpus(job.data, job.recipe.data, 8000, job.cache)
    chosen = chosen_recordings(split(corpus.recordings, job.recipe.data)[1], job.recipe.validation)
    originals = list(excerpts(corpus, chosen, job.recipe.validation))
    assert len(originals) == 2
    sdr_db = []
    for number, original in enumerate(originals, 1):
        (shown,) = log.Audio(f"excerpt{number}/original")
        samples, rate_hz = soundfile.read(io.BytesIO(shown.encoded_audio_string))
        assert (shown.step, rate_hz) == (0, 8000)
        assert np.abs(samples - original).max() < 2 / 32768
        decoded = log.Audio(f"excerpt{number}/decoded")
        assert [event.step for event in decoded] == [10, 20, 30, 40]
        samples, _ = soundfile.read(io.BytesIO(decoded[-1].encoded_audio_string))
        sdr_db.append(10 * np.log10(np.sum(original**2) / np.sum((samples - original) ** 2)))
        assert [event.step for event in log.Images(f"excerpt{number}/decoded")] == [10, 20, 30, 40]
    said = events_of(whole, "validation")[-1]["metrics"]["sdr_db"]
    assert np.mean(sdr_db) == pytest.approx(said, abs=0.01)


def test_a_run_that_was_killed_and_goes_on_has_no_step_twice(whole, job_of, tmp_path):
    """The files of a later step than the checkpoint are there, as after SIGKILL."""
    job = job_of(tmp_path)
    train(job, Limits(max_steps=15))
    before = RunFolder(tmp_path).last.read_bytes()
    train(job_of(tmp_path, resume=True), Limits(max_steps=33))
    RunFolder(tmp_path).last.write_bytes(before)
    train(job_of(tmp_path, resume=True), Limits())
    log, uninterrupted = read(tmp_path), read(whole)
    steps = [step for step, _ in scalars(log, "loss/total")]
    assert steps == sorted(set(steps))
    assert 33 not in steps  # of the life that was left out
    for tag in ("validation/sdr_db", "rate/kbps"):
        assert scalars(log, tag) == scalars(uninterrupted, tag)
    assert [event.step for event in log.Audio("excerpt1/original")] == [0]
    assert [event.step for event in log.Audio("excerpt1/decoded")] == [10, 20, 30, 40]
    assert [event.step for event in log.Images("excerpt2/decoded")] == [10, 20, 30, 40]


def test_it_can_be_left_out(job_of, tmp_path):
    train(job_of(tmp_path, tensorboard=False), Limits(max_steps=1))
    assert not RunFolder(tmp_path).tensorboard.exists()


def test_the_spectrogram_is_bright_where_the_tone_is(tmp_path):
    rate_hz = 8000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(rate_hz) / rate_hz)).astype(np.float32)
    board = TensorBoard(tmp_path / "tensorboard")
    board.open(0, range(10, 60, 10), [tone, tone, tone, tone], rate_hz)
    board.example(10, 0, np.float32(10 ** (-45 / 20)) * tone)
    board.example(10, 3, tone)
    board.example(11, 0, tone)
    board.close()
    log = read(tmp_path)
    assert set(log.Tags()["images"]) == {*(f"excerpt{n}/original" for n in (1, 2, 3)), "excerpt1/decoded"}
    (original,), (quiet,) = (log.Images(f"excerpt1/{kind}") for kind in ("original", "decoded"))
    pixels, quieter = (
        np.asarray(Image.open(io.BytesIO(event.encoded_image_string))).astype(int)
        for event in (original, quiet)
    )
    assert pixels.shape[0] == 257
    row = 256 - 64  # 1000 Hz of 4000, low frequencies below
    middle = pixels.shape[1] // 2
    assert pixels.sum(-1)[:, middle].argmax() == row
    assert pixels[row, middle].tolist() == pytest.approx([252, 255, 164], abs=6)
    assert pixels[10, middle].tolist() == [0, 0, 4]
    assert quieter[row, middle].tolist() == pytest.approx([188, 55, 84], abs=3)  # half of 90 dB below


def test_a_long_run_shows_fifty_times_at_most(tmp_path):
    board = TensorBoard(tmp_path / "tensorboard")
    signal = np.ones(1000, np.float32)
    board.open(0, range(2500, 0, -10), [signal], 8000)
    for step in range(10, 2501, 10):
        board.example(step, 0, signal)
    board.close()
    steps = [event.step for event in read(tmp_path).Audio("excerpt1/decoded")]
    assert len(steps) == 50
    assert steps[-1] == 2500


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "tensorboard").write_text("a file is in its place")
    with pytest.raises(RunFolderError, match=r"tensorboard.*--no-tensorboard"):
        TensorBoard(tmp_path / "tensorboard").open(0, range(10, 20, 10), [], 8000)
