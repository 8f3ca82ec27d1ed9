"""Codecs of a coder while it trains: what a run writes so that it can be listened to before it ends."""

from __future__ import annotations

import math
import time
from copy import deepcopy
from typing import TYPE_CHECKING

from earbench_codecs.neural.checkpoint import checkpoint_bytes, entropy_tables
from earbench_codecs.neural.checkpoint_info import read_info
from earbench_codecs.training.card import with_card
from earbench_codecs.training.coded_rate import table_segments
from earbench_codecs.training.export import KNOB_OCTAVES, describe, round_to_half, usual_gains
from earbench_codecs.training.run_folder import load_snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.neural.checkpoint_info import CheckpointInfo
    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.training.run_folder import RunFolder
    from earbench_codecs.training.setup import Setup
    from earbench_codecs.training.validation import Validated

SHARE = 0.05
"""Of a run's time, at most, for codecs of what is neither its best nor its last: these get one anyway."""
N_SEGMENTS = 16
"""Segments of training audio, of about a second, behind the tables; the codec of a run's end has more."""
_KNOB_STEP = 3
"""Octaves between the gains whose rates are measured, of a coder for any; again, that codec has more."""


class ListenableCodecs:
    """Writes a codec after a validation of the last stage; of older ones, the best and the latest stay.

    The last validation before a run ends gets one in any case. Nothing of training is touched: the codec is
    of a copy, and no random numbers are drawn.

    Parameters
    ----------
    name : str
        Of the recipe; codecs are called after it and their step.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._best_step: int | None = None
        self._ended_s, self._took_s = -math.inf, 0.0
        self._unwritten: tuple[Validated, Coder] | None = None  # of the last validation, and its coder

    def __call__(self, setup: Setup, validated: Validated) -> None:
        """Write the coder as it is, in its validation mode, if it is the best or the last was long ago.

        Raises
        ------
        RunFolderError
            The disk is full or the folder read-only.
        """
        if not setup.recipe.validation.listenable:
            return
        self._unwritten = validated, _copy(setup.coder)
        if validated.is_best or self._is_due():
            self.finish(setup)

    def finish(self, setup: Setup, within_s: float = math.inf) -> None:
        """Write the coder of the last validation, if that was not done: what curves end with can be heard.

        Parameters
        ----------
        setup : Setup
        within_s : float
            Where the codec before took longer than that, none is written.

        Raises
        ------
        RunFolderError
            As a call does.
        """
        if self._unwritten is None or self._took_s > within_s:
            return
        (validated, coder), self._unwritten = self._unwritten, None
        began_s = time.monotonic()
        if validated.is_best:
            self._best_step = validated.step
        path = setup.folder.codec_at(validated.step)
        info = _write(setup, coder, self._name, validated, path)
        self._thin(setup.folder, setup.recipe.validation.listenable)
        setup.emit(
            "listenable",
            step=validated.step,
            path=str(path),
            name=info.name,
            kbps=validated.kbps,  # as `validation` told it, where its header has it rounded
            best=validated.is_best,
            kept=[read_info(kept).step for kept in setup.folder.codecs()],
            metrics=validated.metrics,
        )
        self._ended_s = time.monotonic()
        self._took_s = self._ended_s - began_s

    def _is_due(self) -> bool:
        return time.monotonic() - self._ended_s >= self._took_s / SHARE

    def _thin(self, folder: RunFolder, n_kept: int) -> None:
        if self._best_step is None and folder.best.is_file():  # of before the run was taken up again
            self._best_step = load_snapshot(folder.best).facts["step"]
        best = folder.codec_at(self._best_step) if self._best_step is not None else None
        others = [path for path in folder.codecs() if path != best]
        n_others = n_kept - (best is not None and best.is_file())
        for path in others[: max(0, len(others) - n_others)]:
            path.unlink(missing_ok=True)


def _copy(coder: Coder) -> Coder:
    copy = deepcopy(coder).eval().requires_grad_(False)
    round_to_half(copy)
    return copy


def _write(setup: Setup, coder: Coder, name: str, validated: Validated, path: Path) -> CheckpointInfo:
    segments = table_segments(coder, setup.corpus, setup.training, setup.recipe.data.seed, N_SEGMENTS)
    tables = entropy_tables(coder, segments)
    facts = describe(setup, name)
    kbps = validated.kbps if math.isfinite(validated.kbps) and validated.kbps > 0 else facts.kbps
    info = with_card(
        facts,
        name=f"{facts.name}-step-{validated.step}",
        kbps=max(0.1, round(kbps, 1)),
        step=validated.step,
        trained_s=validated.trained_s,
        measured=validated.metrics,
        knob=usual_gains(setup, coder, tables, KNOB_OCTAVES[::_KNOB_STEP]),
    )
    setup.folder.write(path, checkpoint_bytes(info, coder, tables, half=True))
    return info
