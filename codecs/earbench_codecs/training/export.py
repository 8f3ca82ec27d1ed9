"""From a run to a checkpoint that codes files: tables of the entropy coder, measured figures, a card."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from earbench_codecs.neural.checkpoint import (
    Checkpoint,
    EntropyTables,
    entropy_tables,
    program_versions,
    save_checkpoint,
)
from earbench_codecs.neural.checkpoint_info import CheckpointInfo
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.segments import SegmentCoder
from earbench_codecs.neural.zoo import config_to_json
from earbench_codecs.training.card import machine_line, measured_means, offered_kbps, with_card
from earbench_codecs.training.coded_rate import table_segments
from earbench_codecs.training.comparison import compare, held_out_of
from earbench_codecs.training.run_folder import load_snapshot
from earbench_codecs.training.validation import chosen_metrics, chosen_recordings, excerpts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from earbench_codecs.neural.checkpoint_info import Comparison
    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.training.run_folder import Snapshot
    from earbench_codecs.training.setup import Setup


KNOB_OCTAVES = range(-24, 8)
"""Gains tried, as powers of two."""
_LEAST_KNOB = 1.01
"""A gain that makes a rate less than so much higher than the one before is left out."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A checkpoint that was written."""

    path: Path
    info: CheckpointInfo


def export(setup: Setup, name: str) -> Exported | None:
    """Write the best coder of a run as a checkpoint; None while it has none, before the last stage.

    Parameters are rounded to 16 bits first, so that tables and figures are those of the file.

    Raises
    ------
    CheckpointError
        The disk is full.
    StopAskedError
        The run is asked to stop; nothing is written.
    """
    if not setup.folder.best.is_file():
        return None
    best = load_snapshot(setup.folder.best)
    coder = setup.coder
    coder.load_state_dict(best.part("coder"))
    round_to_half(coder)
    coder.enter_stage(coder.stages[-1])
    coder.eval().requires_grad_(False)
    segments = table_segments(coder, setup.corpus, setup.training, setup.recipe.data.seed)
    tables = entropy_tables(coder, segments)
    knob = usual_gains(setup, coder, tables, KNOB_OCTAVES, setup.check)
    facts = describe(setup, name)
    usual = next((kbps for kbps, gain in knob if gain == 1), facts.kbps)
    facts = facts.model_copy(update={"knob": knob, "kbps": usual})
    comparison = measure_files(setup, tables, facts)
    measured = measured_means(comparison)
    info = with_card(
        facts,
        kbps=offered_kbps(measured, facts.kbps),
        step=int(best.facts["step"]),
        trained_s=_trained_s(setup, best),
        measured=measured,
        comparison=comparison,
    )
    save_checkpoint(setup.folder.checkpoint, info, coder, tables, half=True)
    return Exported(setup.folder.checkpoint, info)


def measure_files(setup: Setup, tables: EntropyTables, info: CheckpointInfo) -> Comparison:
    """Code held-out excerpts to real bytes and back, as many as validation takes."""
    corpus, validation = setup.corpus, setup.recipe.validation
    codec = NeuralCodec(info, "", lambda: Checkpoint(info, setup.coder, tables, ""))
    held_out = held_out_of(corpus, setup.validation, validation.seconds, validation.excerpts)
    metrics = chosen_metrics(validation, corpus.sample_rate_hz)
    return compare(codec, held_out, metrics, setup.worker, tell=lambda *_: setup.check())


def usual_gains(
    setup: Setup,
    coder: Coder,
    tables: EntropyTables,
    octaves: Iterable[int],
    check: Callable[[], None] = lambda: None,
) -> list[tuple[float, float]]:
    """Return the rates that gains usually bring, and the gains, both ascending, of a coder for any rate.

    Parameters
    ----------
    setup : Setup
        Of its run.
    coder : Coder
        In evaluation mode and its last stage.
    tables : EntropyTables
    octaves : iterable of int
        Gains that are tried, as powers of two, ascending.
    check : callable
        Called before each; what it raises ends the search.
    """
    if not coder.takes_any_rate:
        return []
    table, corpus = setup.recipe.validation, setup.corpus
    held_out = setup.validation or setup.training
    signals = list(excerpts(corpus, chosen_recordings(held_out, table), table))
    seconds = sum(map(len, signals)) / corpus.sample_rate_hz
    files = SegmentCoder(coder, tables.model(tables.kinds[0]))
    knob: list[tuple[float, float]] = []
    for octave in octaves:
        check()
        kbps = files.bits(signals, 2.0**octave) / seconds / 1000
        if kbps > _LEAST_KNOB * (knob[-1][0] if knob else 0):
            knob.append((round(kbps, 2), 2.0**octave))
    return knob


@torch.no_grad()
def round_to_half(coder: Coder) -> None:
    """Let a coder be what a file keeps of it; what no file keeps, such as windows, stays as it is."""
    for tensor in coder.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def describe(setup: Setup, name: str) -> CheckpointInfo:
    """Return what is known of a run's coder before it is measured."""
    recipe, coder = setup.recipe, setup.coder
    return CheckpointInfo(
        name=_codec_name(name),
        title=recipe.title,
        architecture=coder.architecture,
        config=config_to_json(coder.config),  # type: ignore[arg-type]
        sample_rate_hz=coder.config.sample_rate_hz,
        n_parameters=sum(parameter.numel() for parameter in coder.parameters()),
        kbps=recipe.rate.target_kbps if recipe.rate is not None else 1.0,
        context_model=not coder.sends_raw_codes and coder.entropy_model() is None,
        machine=_machine(setup),
        recipe=recipe.model_dump(mode="json"),
        recipe_name=name,
        corpus=setup.corpus_facts(),
        versions=program_versions(),
    )


def _machine(setup: Setup) -> str:
    on_gpu = setup.device.type == "cuda"
    gpus = [torch.cuda.get_device_name(setup.device)] * setup.processes.count if on_gpu else []
    return machine_line(torch.get_num_threads(), gpus)


def _trained_s(setup: Setup, best: Snapshot) -> float:
    counted = float(best.facts.get("trained_s", math.nan))
    if math.isfinite(counted):
        return counted
    events = [json.loads(line) for line in setup.folder.events.read_text(encoding="utf-8").splitlines()]
    return seconds_by_events(events, best.facts["step"])


def seconds_by_events(events: Sequence[dict[str, Any]], step: int) -> float:
    """Return the seconds a run took to a step by what it told, for runs that did not count them.

    What was trained after the checkpoint that a session was taken up from is left out.
    """
    starts = [i for i, event in enumerate(events) if event["event"] == "started"]
    total = 0.0
    for start, end in pairwise([*starts, len(events)]):
        goes_on_at = events[end]["step"] if end < len(events) else step
        times = [e["time"] for e in events[start:end] if e.get("step", math.inf) <= min(step, goes_on_at)]
        total += max(times, default=events[start]["time"]) - events[start]["time"]
    return total


def _codec_name(name: str) -> str:
    return re.sub(r"[^a-z0-9._+-]+", "-", name.lower()).strip("-._+") or "coder"
