"""The rate that files will have: held-out audio coded with tables from training audio, as an export does.

The entropy of a histogram of codes, which the papers steer by, is what a static table costs; the adaptive
context model costs less, so a coder steered by the one is below its target by the other.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from scipy.optimize import brentq

from earbench_codecs.neural.checkpoint import entropy_tables
from earbench_codecs.neural.segments import SegmentCoder, segment_frames
from earbench_codecs.training.dataset import WindowSampler
from earbench_codecs.training.validation import chosen_recordings, divisor, excerpts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.training.corpus import Corpus, Recording
    from earbench_codecs.training.recipe_tables import ValidationTable

_GAIN_OCTAVES = -16.0, 10.0
_CLOSE_OCTAVES = 0.02
"""Of gain; a per cent or less of the rate."""
N_SEGMENTS = 128
"""Segments of training audio, about a second each, that tables are made from."""
_TABLES = 2**42
"""Stands for a step where segments are drawn, so that they are always the same."""


def table_segments(
    coder: Coder, corpus: Corpus, recordings: Sequence[Recording], seed: int, count: int = N_SEGMENTS
) -> Iterator[Tensor]:
    """Yield the frames [n, 1, L] of segments of about a second, drawn at random, always the same.

    Parameters
    ----------
    coder : Coder
        On the device they are to be on.
    corpus : Corpus
    recordings : sequence of Recording
        Of that corpus; where all are shorter than a segment, segments are as long as the longest.
    seed : int
    count : int
        At most so many; fewer of a corpus of less than two minutes.
    """
    config, device = coder.config, next(coder.parameters()).device
    framing = config.framing
    longest = max(recording.n_samples for recording in recordings)
    n = max(1, min(segment_frames(coder), (longest - framing.overlap) // framing.hop))
    length = n * framing.hop + framing.overlap
    sampler = WindowSampler(corpus, recordings, length, seed, lambda r: divisor(config, r))
    total_s = sum(recording.n_samples for recording in recordings) / config.sample_rate_hz
    for window in sampler.batch(_TABLES, min(count, 8 + int(total_s))):
        yield framing.cut(torch.from_numpy(window)).unsqueeze(1).to(device)


def context_kbps(
    coder: Coder,
    corpus: Corpus,
    recordings: Sequence[Recording],
    table: ValidationTable,
    tables: Iterator[Tensor],
) -> float:
    """Return the rate of excerpts, those that validation measures, coded as files are.

    Side information is in it; what the range coder's last word leaves unused, some 20 bits a second, is not.

    Parameters
    ----------
    coder : Coder
        In evaluation mode and its last stage.
    corpus, recordings, table
        As for `validation.validate`.
    tables : iterator of Tensor
        Segments of training audio, [n, 1, L], for the model's tables.
    """
    fitted = entropy_tables(coder, tables)
    model = fitted.model(fitted.kinds[0])
    signals = list(excerpts(corpus, chosen_recordings(recordings, table), table))
    bits = SegmentCoder(coder, model).bits(signals)
    return bits * corpus.sample_rate_hz / sum(map(len, signals)) / 1000


def coding_at_rate(
    coder: Coder,
    corpus: Corpus,
    recordings: Sequence[Recording],
    table: ValidationTable,
    tables: Iterator[Tensor],
    kbps: float,
    check: Callable[[], None] = lambda: None,
) -> tuple[float, Callable[[NDArray[np.float32]], NDArray[np.float32]]]:
    """Return the rate, by one gain for all excerpts, nearest to `kbps`, and what codes a signal at it.

    Parameters
    ----------
    coder : Coder
        For any rate; in evaluation mode and its last stage.
    corpus, recordings, table, tables
        As for `context_kbps`.
    kbps : float
    check : callable
        Called before each gain that is tried; what it raises ends the search.
    """
    fitted = entropy_tables(coder, tables)
    files = SegmentCoder(coder, fitted.model(fitted.kinds[0]))
    signals = list(excerpts(corpus, chosen_recordings(recordings, table), table))
    seconds = sum(map(len, signals)) / corpus.sample_rate_hz

    @cache
    def excess(octaves: float) -> float:
        check()
        return math.log2(max(files.bits(signals, 2**octaves), 1) / seconds / 1000 / kbps)

    ends = sorted(_GAIN_OCTAVES, key=lambda end: abs(excess(end)))
    between = excess(ends[0]) * excess(ends[1]) < 0
    octaves = brentq(excess, *_GAIN_OCTAVES, xtol=_CLOSE_OCTAVES) if between else ends[0]
    return kbps * 2 ** excess(octaves), lambda signal: files.approximated(
        signal, files.plans(signal, 2**octaves)
    )
