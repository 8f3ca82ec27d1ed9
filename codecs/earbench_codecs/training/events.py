"""What a run says while it goes: one JSON object a line, on a stream and in the run's folder.

Every event has `event`, `time` (seconds since 1970) and what its kind adds:

- `reading`, then `decoding`: files `done` of `total`, a few times a second; files that are known already are
  read no more, a corpus that was decoded before is not decoded again;
- `started`: `title`, `size`, `n_parameters`, `device`, `n_processes`, `step`, `n_steps`, and the `corpus`
  with its hash, durations in seconds and the files skipped, each with a reason;
- `progress`: `step`, `n_steps`, `epoch`, `stage`, `loss`, `terms` by name (unweighted means since the last
  such event), `learning_rate`, `tau`, `kbps` (estimate of the training batches), `target_kbps`,
  `examples_per_s`, `eta_s`;
- `validation`: `step`, `epoch`, `kbps` of hard codes and how it was measured, `rate_measure` (`static`:
  entropy over random training windows; `context`: held-out excerpts by the context model; null where
  nothing is quantised), `target_kbps`, `tau` (of the epoch that ends), `metrics` by name;
- `notice`: a `message` on something the recipe asks for that cannot be had, and what is done instead;
- `checkpoint`: `step`, `kind` (last or best), `path`;
- `listenable`: `path` of a codec of the coder as it is at `step`, there while the run goes on, its `name`,
  `kbps` as validation measured it, whether it is the `best` so far, `metrics` by name, and the steps whose
  codecs are `kept`: the best and the latest few;
- `exporting`: training is over, the codec of the best step is written and measured;
- `exported`: `path` of the checkpoint that codes files, its codec's `name` and `kbps`, and what was
  `measured` of real bitstreams; when the run ends, but not at a signal;
- `finished` or `stopped`, with `step` and the `reason`; `failed`, with a `message` and a `kind`: corpus,
  disk, diverged, memory, recipe, run (its folder), or other.
"""

from __future__ import annotations

import json
import math
import time
from typing import IO, TYPE_CHECKING, Any, Protocol

from earbench_codecs.training.errors import RunFolderError

if TYPE_CHECKING:
    from pathlib import Path


class Emit(Protocol):
    """Takes an event."""

    def __call__(self, event: str, **data: object) -> None:
        """Take an event of a kind, with what the kind adds."""


def no_events(event: str, **data: object) -> None:
    """Take an event and say nothing, as all processes but the first do."""


class EventLog:
    """Writes events to a file, and to a stream as well.

    Parameters
    ----------
    path : Path
        Lines are added to it; a run that goes on continues its file.
    stream : text file, optional
        Such as standard output.
    """

    def __init__(self, path: Path, stream: IO[str] | None = None) -> None:
        self.path = path
        self._stream = stream

    def __call__(self, event: str, **data: object) -> None:
        """Write one event; numbers that JSON does not have become null.

        Raises
        ------
        RunFolderError
            The disk is full or the folder read-only.
        """
        line = json.dumps(_finite({"event": event, "time": round(time.time(), 3), **data}))
        self._to_stream(line)  # first: on a full disk, it alone can take that the run failed
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise RunFolderError(
                f"{self.path}: cannot be written: {error.strerror}; make room and go on with --resume",
                error.errno,
            ) from error

    def _to_stream(self, line: str) -> None:
        try:
            if self._stream is not None:
                self._stream.write(line + "\n")
                self._stream.flush()
        except BrokenPipeError:  # whoever read it has gone; the run goes on, and the file has it all
            self._stream = None


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
