"""Make a study folder from a plan: encode, cut, match loudness, write under opaque names."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from earbench_app.study_plan import Use, unique_ids
from earbench_codecs.clip_files import read_clip, write_wav
from earbench_mushra.checks import check_design
from earbench_mushra.design import Item, Role, Stimulus, Study
from earbench_mushra.study_files import STIMULI_FOLDER, file_sha256, opaque_name, save_study

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from earbench_app.study_plan import PlannedItem, StudyPlan
    from earbench_codecs.base import EncodedAudio, Setting
    from earbench_codecs.clip import AudioClip
    from earbench_mushra.design import Condition

TARGET_LUFS = -23.0
PEAK_CEILING_DB = -1.0  # leaves room for peaks between samples
EDGE_FADE_S = 0.010
# Encoded on either side of the excerpt, so that a VBR encoder is in its stride (BS.1534-3, 5.2).
CONTEXT_S = 10.0


class Coder(Protocol):
    """What is needed of a codec, here or in another process."""

    def encode(self, clip: AudioClip, setting: Setting | None = None) -> EncodedAudio:
        """Encode a clip."""

    def decode(self, encoded: EncodedAudio) -> AudioClip:
        """Decode it."""


class StudyBuildError(Exception):
    """A study that cannot be made; the message says why and what to change."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build is; `text` names the file and codec at work, for the researcher."""

    done: int
    total: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class _Cell:
    condition: Condition
    clip: AudioClip
    bitrate_kbps: float | None


def build_study(
    plan: StudyPlan,
    folder: Path,
    *,
    find_codec: Callable[[str], Coder] | None = None,
    seed: int | None = None,
) -> Generator[BuildProgress, None, Study]:
    """Make a study folder step by step.

    Each `yield` is a progress and a cancel point; closing the generator leaves nothing behind. The folder
    appears under its name only when it is whole.

    Parameters
    ----------
    plan : StudyPlan
    folder : Path
        Must not exist, or be empty.
    find_codec : callable, optional
        Looks up a codec by name; by default in the registry, to work here.
    seed : int, optional
        Of the study; a random one by default.

    Returns
    -------
    Study
        As saved.

    Raises
    ------
    StudyBuildError
        The plan has a blocking problem, or the folder is in use.
    CodecError
        A file cannot be read, or a codec failed on it.
    """
    _refuse_unusable(plan, folder)
    find_codec = find_codec or _registry_codec()
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        study = yield from _build_in(
            scratch, plan, find_codec, secrets.randbits(31) if seed is None else seed
        )
        scratch.chmod(0o755)  # mkdtemp's is private
        os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return study


def finish(build: Generator[BuildProgress, None, Study]) -> Study:
    """Run a build to its end without looking at its progress."""
    while True:
        try:
            next(build)
        except StopIteration as done:
            study: Study = done.value
            return study


def loudness_lufs(clip: AudioClip) -> float:
    """Return the integrated loudness (BS.1770-4), a mono clip counted at both ears, where it is played.

    Raises
    ------
    StudyBuildError
        The clip is shorter than 0.4 s or silent.
    """
    import pyloudnorm

    samples = np.broadcast_to(clip.samples, (2, clip.n_samples)) if clip.n_channels == 1 else clip.samples
    if clip.duration_s < 0.4 or not np.any(samples):
        raise StudyBuildError("the excerpt is silent or shorter than 0.4 s; choose another part")
    loudness = float(pyloudnorm.Meter(clip.sample_rate_hz).integrated_loudness(samples.T.astype(float)))
    if not np.isfinite(loudness):
        raise StudyBuildError("the excerpt is too quiet to measure its loudness (below −70 LUFS)")
    return loudness


def _refuse_unusable(plan: StudyPlan, folder: Path) -> None:
    blocking = [problem.message for problem in plan.problems() if problem.blocking]
    if blocking:
        raise StudyBuildError(" ".join(blocking))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StudyBuildError(f"{folder} is there already and is not empty; choose another folder")


def _registry_codec() -> Callable[[str], Coder]:
    from earbench_codecs import registry

    return registry.codec


def _build_in(
    scratch: Path, plan: StudyPlan, find_codec: Callable[[str], Coder], seed: int
) -> Generator[BuildProgress, None, Study]:
    conditions = plan.design_conditions()
    total = len(plan.items) * len(conditions)
    rows: list[list[_Cell]] = []
    for planned in plan.items:
        row: list[_Cell] = []
        whole = read_clip(planned.path)
        for condition in conditions:
            done = len(rows) * len(conditions) + len(row)
            yield BuildProgress(done, total, f"{planned.title} · {condition.title}")
            codec = find_codec(condition.codec) if condition.codec else None
            row.append(_cell(whole, planned.excerpt_s, condition, codec, _setting(plan, condition)))
        rows.append(row)
    yield BuildProgress(total, total, "Writing the stimuli")
    gains = _gains(list(zip(plan.items, rows, strict=True)), plan.match_loudness)
    items = _design_items(plan.items)
    stimuli = _write_stimuli(scratch / STIMULI_FOLDER, items, rows, gains)
    study = _study(plan, items, stimuli, seed)
    check_design(study)
    save_study(study, scratch)
    return study


def _setting(plan: StudyPlan, condition: Condition) -> Setting | None:
    return next((planned.setting for planned in plan.conditions if planned.id == condition.id), None)


def _cell(
    whole: AudioClip,
    excerpt_s: tuple[float, float],
    condition: Condition,
    codec: Coder | None,
    setting: Setting | None,
) -> _Cell:
    """Encode a longer piece than is heard, and cut the excerpt from the decoded signal."""
    rate_hz, context = whole.sample_rate_hz, round(CONTEXT_S * whole.sample_rate_hz)
    start = max(0, round(excerpt_s[0] * rate_hz))
    end = min(whole.n_samples, round(excerpt_s[1] * rate_hz))
    if codec is None:
        return _Cell(condition, whole.with_samples(whole.samples[:, start:end]), None)
    offset = max(0, start - context)
    encoded = codec.encode(whole.with_samples(whole.samples[:, offset : end + context]), setting)
    decoded = codec.decode(encoded)
    excerpt = decoded.with_samples(decoded.samples[:, start - offset : end - offset])
    return _Cell(condition, excerpt, encoded.bitrate_kbps if condition.role is Role.SYSTEM else None)


def _gains(rows: list[tuple[PlannedItem, list[_Cell]]], match_loudness: bool) -> list[float]:
    """Return one linear gain an item, such that none of its conditions clips.

    With loudness matched, the common target is lowered for all items until the one with the least
    headroom fits, so that they stay equally loud.
    """
    ceiling = 10 ** (PEAK_CEILING_DB / 20)
    peaks = [max(float(np.abs(cell.clip.samples).max()) for cell in cells) for _, cells in rows]
    if not match_loudness:
        return [min(1.0, ceiling / peak) if peak > ceiling else 1.0 for peak in peaks]
    loudness = [_item_loudness(planned, cells) for planned, cells in rows]
    headroom_db = [20 * np.log10(ceiling / peak) for peak in peaks]
    target = min(TARGET_LUFS, *(level + room for level, room in zip(loudness, headroom_db, strict=True)))
    return [float(10 ** ((target - level) / 20)) for level in loudness]


def _item_loudness(planned: PlannedItem, cells: list[_Cell]) -> float:
    reference = next(cell.clip for cell in cells if cell.condition.role is Role.REFERENCE)
    try:
        return loudness_lufs(reference)
    except StudyBuildError as error:
        raise StudyBuildError(f"{planned.path}: {error}") from error


def _design_items(items: Sequence[PlannedItem]) -> list[tuple[int, Item]]:
    """Return the rows of the design, each with the index of its planned item: one may serve both uses."""
    ids = unique_ids(planned.title for planned in items)
    rows = []
    for index, (item_id, planned) in enumerate(zip(ids, items, strict=True)):
        if planned.use is not Use.TEST:
            rows.append((index, Item(f"{item_id}--training", planned.title, training=True)))
        if planned.use is not Use.TRAINING:
            rows.append((index, Item(item_id, planned.title)))
    return rows


def _write_stimuli(
    folder: Path, items: list[tuple[int, Item]], rows: list[list[_Cell]], gains: list[float]
) -> list[Stimulus]:
    """Write every cell; nothing of a file but its sound tells what it is."""
    folder.mkdir()
    cells = [(gains[index], item, cell) for index, item in items for cell in rows[index]]
    secrets.SystemRandom().shuffle(cells)  # so that neither directory order nor inode numbers tell
    stimuli = [_write_stimulus(folder, *cell) for cell in cells]
    _level_times(folder)
    return sorted(stimuli, key=lambda stimulus: (stimulus.item, stimulus.condition))


def _write_stimulus(folder: Path, gain: float, item: Item, cell: _Cell) -> Stimulus:
    samples = faded(cell.clip.samples * np.float32(gain), cell.clip.sample_rate_hz)
    path = folder / opaque_name()
    write_wav(path, cell.clip.with_samples(samples), "24")
    return Stimulus(item.id, cell.condition.id, path.name, file_sha256(path), cell.bitrate_kbps)


def faded(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.float32]:
    """Fade the first and the last 10 ms of [C, T] with raised cosines."""
    n = min(round(EDGE_FADE_S * sample_rate_hz), samples.shape[1] // 2)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n)).astype(np.float32)
    out = samples.copy()
    out[:, :n] *= ramp
    out[:, samples.shape[1] - n :] *= ramp[::-1]
    return out


def _level_times(folder: Path) -> None:
    now = int(folder.stat().st_mtime)
    for path in folder.iterdir():
        os.utime(path, (now, now))


def _study(plan: StudyPlan, items: list[tuple[int, Item]], stimuli: list[Stimulus], seed: int) -> Study:
    return Study(
        name=plan.name,
        title=plan.title or "Listening test",
        test_type=plan.test_type,
        items=tuple(item for _, item in items),
        conditions=plan.design_conditions(),
        stimuli=tuple(stimuli),
        pairs=plan.design_pairs(),
        show_reference=plan.show_reference,
        allow_tie=plan.allow_tie,
        instructions=plan.instructions,
        comments=plan.comments,
        seed=seed,
        notes=plan.design_notes(),
        repetitions=plan.repetitions,
    )
