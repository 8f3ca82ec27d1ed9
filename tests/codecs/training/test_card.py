"""The card says what the figures bear out, and how to make the checkpoint again."""

from __future__ import annotations

import time

import pytest
from pydantic import ValidationError

from earbench_codecs.errors import CheckpointError
from earbench_codecs.neural.checkpoint_info import CheckpointInfo, ComparedCodec, Comparison, Figure
from earbench_codecs.training.card import card_text, machine_line, recipe_toml, with_card
from earbench_codecs.training.export import seconds_by_events
from earbench_codecs.training.recipe import parse_recipe, read_recipe, recipe_names
from earbench_codecs.training.run import train
from earbench_codecs.training.run_folder import RunFolder, load_snapshot
from earbench_codecs.training.setup import Limits


def info_of(recipe, **changes):
    given = {
        "name": "a-coder",
        "title": recipe.title,
        "architecture": "kankanahalli",
        "config": {"framing": {"length": 512, "overlap": 32}},
        "sample_rate_hz": 16_000,
        "n_parameters": 12_345,
        "kbps": 9.1,
        "step": 5_000,
        "recipe": recipe.model_dump(mode="json"),
        "recipe_name": "kankanahalli-9",
        "corpus": {"sha256": "ab12", "training_s": 600.0, "validation_s": 60.0, "training_files": 1234},
    }
    return CheckpointInfo(**(given | changes))


@pytest.fixture
def recipe():
    return read_recipe("kankanahalli-9")


def figure(mean, ci95=0.1, n=20):
    return Figure(mean=mean, ci95=ci95, n=n)


def other(title, kbps, **advantage):
    figures = {"kbps": figure(kbps), "file_kbps": figure(kbps + 0.3), **dict.fromkeys(advantage, figure(3))}
    return ComparedCodec(
        codec=title.lower(), title=title, version="1", setting="8", figures=figures, advantage=advantage
    )


def comparison_of(*others, metric="pesq_wb", n=20):
    own = {"kbps": figure(9.08), "file_kbps": figure(9.4), "entropy_kbps": figure(9.05), metric: figure(2.9)}
    return Comparison(
        n_excerpts=20,
        n_recordings=19,
        seconds=300,
        complete=True,
        metrics=[metric],
        codecs=[ComparedCodec(codec="a", title="A", version="1", setting="", figures=own), *others],
        notes=["a note"],
    )


@pytest.mark.parametrize("name", recipe_names())
def test_the_recipe_in_a_checkpoint_comes_out_as_it_went_in(name):
    recipe = read_recipe(name)
    assert parse_recipe(recipe_toml(info_of(recipe)), "again.toml") == recipe


def test_the_card_holds_the_facts(recipe):
    text = card_text(
        info_of(
            recipe,
            trained_s=5400.0,
            machine="a fast one",
            corpus={"sha256": "ab12", "training_s": 600.0, "training_files": 1234, "sources": "Books (CC0)"},
        )
    )
    assert text.startswith(f"# {recipe.title}\n")
    heard = 5_000 * recipe.optimiser.batch * 512 / 16_000 / 3600
    for said in (
        recipe.note.strip(),
        "12,345 parameters",
        "10.0 minutes in 1,234 files",
        "SHA-256 ab12",
        "Books (CC0)",
        f"step 5,000 of {recipe.n_steps:,}",
        f"{heard:.1f} hours of sound heard, in 1.5 hours",
        "a fast one",
        "earbench card a-coder --recipe kankanahalli-9.toml",
        "earbench train kankanahalli-9.toml --data DATA --run runs/kankanahalli-9 --max-steps 5000\n",
    ):
        assert said in text
    assert "EARBENCH_HOME" not in text
    assert "--max-steps" not in card_text(info_of(recipe, step=recipe.n_steps))
    assert "EARBENCH_HOME" in card_text(info_of(recipe, architecture="of-ones-own"))


def test_what_was_not_recorded_is_not_made_up(recipe):
    text = card_text(info_of(recipe))
    assert "in a time not recorded" in text
    assert "**Machine**: not recorded" in text
    assert "**Sources**: not named" in text
    assert "## Measured" not in text


def test_a_step_has_the_figures_of_its_validation(recipe):
    text = card_text(info_of(recipe, step=20, measured={"sdr_db": 9.123, "pesq_wb": None}))
    assert "By the run's validation" in text
    assert "SDR (dB) 9.12." in text
    assert "PESQ" not in text
    assert f"{20 * recipe.optimiser.batch * 512 / 16_000:.0f} seconds of sound heard" in text


def test_whom_it_beats_follows_from_the_differences(recipe):
    """Off zero by more than their confidence, one way or the other."""
    others = [
        other("Opus", 9.1, pesq_wb=figure(-0.5, 0.2)),
        other("AMR", 9.2, pesq_wb=figure(0.3, 0.2)),
        other("MP3", 8.9, pesq_wb=figure(0.1, 0.2)),
        other("AAC", 16.0, pesq_wb=figure(0.4, None, 1)),
    ]
    text = card_text(info_of(recipe, comparison=comparison_of(*others)))
    assert "PESQ-WB: better than AMR; worse than Opus; no difference shown from MP3." in text
    assert "Not at equal rates: AAC has nothing nearer than 16.00 kbps, 76 % more." in text
    assert text.count("Not at equal rates") == 1
    assert "| **a-coder** |  | 9.08 ± 0.10 | 9.40 ± 0.10 | 2.90 ± 0.10 |" in text
    assert "| Opus | 8 | 9.10 ± 0.10 | 9.40 ± 0.10 | 3.00 ± 0.10 |" in text
    assert "| Opus | -0.50 ± 0.20 |" in text
    assert "estimate is 9.05 ± 0.10 kbps" in text
    assert "- a note" in text


@pytest.mark.parametrize(("kbps", "n_times"), [(9.1, 1), (12.0, 2)])
def test_the_usual_rate_stands_once(recipe, kbps, n_times):
    """Where it was asked for besides, its figures are there; elsewhere they come first."""
    usual = comparison_of(other("Opus", 9.1, pesq_wb=figure(-0.5, 0.2)))
    own = usual.codecs[0].model_copy(
        update={"setting": "9", "figures": usual.codecs[0].figures | {"kbps": figure(kbps)}}
    )
    asked = usual.model_copy(update={"codecs": [own, *usual.codecs[1:]]})
    text = card_text(info_of(recipe, comparison=usual, comparisons=[asked]))
    assert text.count("| **a-coder** |") == n_times
    assert text.count("PESQ-WB: worse than Opus.") == n_times


def test_less_noise_is_better(recipe):
    found = comparison_of(other("Opus", 9.1, nmr_db=figure(-2.0, 0.2)), metric="nmr_db")
    assert "NMR: better than Opus." in card_text(info_of(recipe, comparison=found))


def test_figures_of_fewer_excerpts_say_so(recipe):
    few = other("Opus", 9.1, pesq_wb=figure(0.5))
    few = few.model_copy(update={"figures": few.figures | {"pesq_wb": figure(3.5, 0.1, 18)}})
    assert "3.50 ± 0.10 (n = 18)" in card_text(info_of(recipe, comparison=comparison_of(few)))


def test_a_change_makes_the_card_anew(recipe):
    before = with_card(info_of(recipe))
    after = with_card(before, name="kankanahalli-9")
    assert "`kankanahalli-9`" in after.card
    assert after.model_dump(exclude={"name", "card"}) == before.model_dump(exclude={"name", "card"})
    with pytest.raises(ValidationError):
        with_card(before, name="No Such Name")


def test_a_recipe_that_is_missing_or_too_old_is_named(recipe):
    with pytest.raises(CheckpointError, match=r"a-coder: its recipe cannot be read, at title"):
        card_text(info_of(recipe).model_copy(update={"recipe": {}}))


def test_the_machine_is_named():
    assert machine_line(2, ["H100", "H100"]).endswith("2 threads used; H100, H100")
    assert machine_line(1).endswith("1 thread used; no GPU")
    assert machine_line(1).split(",")[0]


def test_an_older_runs_time_is_that_of_its_events():
    """Stopped at step 9, taken up at 6: 3 s to step 6, then 5 s to step 8; what came after is not in it."""
    told = [
        ("decoding", 100, None),
        ("started", 200, 0),
        ("progress", 201, 3),
        ("checkpoint", 203, 6),
        ("progress", 207, 9),
        ("started", 1000, 6),
        ("progress", 1005, 8),
        ("progress", 1009, 12),
    ]
    events = [
        {"event": kind, "time": at} | ({"step": step} if step is not None else {}) for kind, at, step in told
    ]
    assert seconds_by_events(events, 8) == 8
    assert seconds_by_events(events, 12) == 12
    assert seconds_by_events(events, 5) == 1


def test_the_time_of_training_adds_up_over_a_resume(job_of, tmp_path):
    train(job_of(tmp_path), Limits(max_steps=21))
    first = load_snapshot(RunFolder(tmp_path).last).facts["trained_s"]
    began_s = time.monotonic()
    train(job_of(tmp_path, resume=True), Limits())
    second = time.monotonic() - began_s
    both = load_snapshot(RunFolder(tmp_path).last).facts["trained_s"]
    best = load_snapshot(RunFolder(tmp_path).best).facts["trained_s"]
    assert 0 < first < best <= both <= first + second
