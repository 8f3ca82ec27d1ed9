"""From a run to a checkpoint that codes files: tables of the entropy coder, measured figures, a card."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from earbench_codecs.clip import AudioClip
from earbench_codecs.metrics.measure import measure
from earbench_codecs.neural.checkpoint import (
    Checkpoint,
    EntropyTables,
    entropy_tables,
    program_versions,
    save_checkpoint,
)
from earbench_codecs.neural.checkpoint_info import CheckpointInfo
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.segments import segment_frames
from earbench_codecs.neural.zoo import config_to_json
from earbench_codecs.training.dataset import WindowSampler
from earbench_codecs.training.run_folder import load_snapshot
from earbench_codecs.training.validation import chosen_metrics, chosen_recordings, divisor, middle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.training.loop import Setup

_MOST_SEGMENTS = 128
"""Segments of training audio, about a second each, that tables are made from."""
_TABLES = 2**42
"""Stands for a step where those are drawn."""


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
    """
    if not setup.folder.best.is_file():
        return None
    best = load_snapshot(setup.folder.best)
    coder = setup.coder
    coder.load_state_dict(best.part("coder"))
    _round_to_half(coder)
    coder.enter_stage(coder.stages[-1])
    coder.eval().requires_grad_(False)
    tables = entropy_tables(coder, _segments(setup))
    measured = measure_files(setup, tables)
    info = _info(setup, name, int(best.facts["step"]), measured)
    save_checkpoint(setup.folder.checkpoint, info, coder, tables, half=True)
    return Exported(setup.folder.checkpoint, info)


def measure_files(setup: Setup, tables: EntropyTables) -> dict[str, float | None]:
    """Code held-out excerpts to real bytes and back; return means of rates and metrics."""
    corpus, validation = setup.corpus, setup.recipe.validation
    names = chosen_metrics(validation, corpus.sample_rate_hz)
    info = _info(setup, "measured", 0, {})
    codec = NeuralCodec(info, "", lambda: Checkpoint(info, setup.coder, tables, ""))
    figures: dict[str, list[float]] = {name: [] for name in ("kbps", "entropy_kbps", *names)}
    for recording in chosen_recordings(setup.validation, validation):
        signal = middle(corpus.signal(recording), round(validation.seconds * corpus.sample_rate_hz))
        clip = AudioClip.mono(signal, corpus.sample_rate_hz)
        encoded = codec.encode(clip)
        found = {"kbps": encoded.bitrate_kbps, "entropy_kbps": encoded.entropy_kbps}
        measured = measure(clip, codec.decode(encoded), names, worker=setup.worker)
        found |= {name: figure.value for name, figure in measured.items()}
        for name, value in found.items():
            if value is not None:
                figures[name].append(value)
    return {name: sum(values) / len(values) if values else None for name, values in figures.items()}


def _segments(setup: Setup) -> Iterator[Tensor]:
    """Yield the frames [n, 1, L] of segments, drawn at random, always the same."""
    config = setup.coder.config
    framing = config.framing
    longest = max(recording.n_samples for recording in setup.training)
    n = min(segment_frames(setup.coder), (longest - framing.overlap) // framing.hop)
    length = n * framing.hop + framing.overlap
    sampler = WindowSampler(
        setup.corpus, setup.training, length, setup.recipe.data.seed, lambda r: divisor(config, r)
    )
    total_s = sum(recording.n_samples for recording in setup.training) / config.sample_rate_hz
    for window in sampler.batch(_TABLES, min(_MOST_SEGMENTS, 8 + int(total_s))):
        yield framing.cut(torch.from_numpy(window)).unsqueeze(1).to(setup.device)


@torch.no_grad()
def _round_to_half(coder: Coder) -> None:
    for tensor in (*coder.parameters(), *coder.buffers()):
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def _info(setup: Setup, name: str, step: int, measured: dict[str, float | None]) -> CheckpointInfo:
    recipe, coder = setup.recipe, setup.coder
    target = recipe.rate.target_kbps if recipe.rate is not None else 1.0
    return CheckpointInfo(
        name=_codec_name(name),
        title=recipe.title,
        architecture=coder.architecture,
        config=config_to_json(coder.config),  # type: ignore[arg-type]
        sample_rate_hz=coder.config.sample_rate_hz,
        n_parameters=sum(parameter.numel() for parameter in coder.parameters()),
        kbps=round(measured.get("kbps") or target, 1),
        context_model=not coder.sends_raw_codes,
        step=step,
        recipe=recipe.model_dump(mode="json"),
        corpus=setup.corpus_facts(),
        measured=measured,
        versions=program_versions(),
        card=_card(setup, step, measured),
    )


def _codec_name(name: str) -> str:
    return re.sub(r"[^a-z0-9._+-]+", "-", name.lower()).strip("-._+") or "coder"


def _card(setup: Setup, step: int, measured: dict[str, float | None]) -> str:
    recipe, facts = setup.recipe, setup.corpus_facts()
    config = setup.coder.config
    heard_h = step * recipe.optimiser.batch * config.framing.length / config.sample_rate_hz / 3600
    figures = "\n".join(
        f"| {name} | {'–' if value is None else f'{value:.4g}'} |" for name, value in measured.items()
    )
    return (
        f"# {recipe.title}\n\n{recipe.note.strip()}\n\n"
        f"Trained for {step} steps of {recipe.optimiser.batch} windows, {heard_h:.2f} hours of sound, on "
        f"{facts['training_s'] / 60:.1f} minutes of audio (SHA-256 {facts['sha256']}), on {setup.device}.\n\n"
        f"Means over held-out excerpts, real bytes, parameters as in the file:\n\n"
        f"| figure | mean |\n|---|---|\n{figures}\n"
    )
