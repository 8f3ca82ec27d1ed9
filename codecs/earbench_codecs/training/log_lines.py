"""What a run says of itself for people: a line at its start, after each epoch and at its end."""

from __future__ import annotations

from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

from earbench_codecs.metrics.registry import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_SKIPPED = 20


class LogLines:
    """Takes the events of a run; once nobody reads the stream any more, it says nothing.

    Parameters
    ----------
    stream : text file
        Such as standard error.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream: IO[str] | None = stream
        self._loss: float | None = None

    def __call__(self, event: str, **data: Any) -> None:
        """Take one event."""
        if event == "progress":
            self._loss = data["loss"]
        for line in self._lines(event, data):
            self._write(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {line}\n")

    def _lines(self, event: str, data: dict[str, Any]) -> Iterator[str]:
        if event == "started":
            step = f"step {data['step']:,} of {data['n_steps']:,}"
            yield f"started {data['size']} on {data['device']} at {step}"
            yield from _corpus(data["corpus"])
        elif event == "validation":
            yield f"epoch {data['epoch']}, step {data['step']:,}: {', '.join(self._figures(data))}"
        elif event == "exported":
            yield f"codec {data['name']}: {data['path']}"
        elif event in ("finished", "stopped"):
            why = "" if data["reason"] == event else f": {data['reason']}"
            yield f"{event} at step {data['step']:,}{why}"

    def _figures(self, data: dict[str, Any]) -> Iterator[str]:
        if self._loss is not None:
            yield f"loss {self._loss:.4g}"
        if data["kbps"] and data["kbps"] == data["kbps"]:  # else it is NaN: nothing is quantised
            target = f" of {data['target_kbps']:g}" if data["target_kbps"] else ""
            yield f"{data['kbps']:.1f}{target} kbps"
        for name, value in data["metrics"].items():
            if value is not None:
                yield f"{METRICS[name].title} {value:.2f}"

    def _write(self, text: str) -> None:
        try:
            if self._stream is not None:
                self._stream.write(text)
                self._stream.flush()
        except OSError:
            self._stream = None


def _corpus(corpus: dict[str, Any]) -> Iterator[str]:
    for doing, part in (("trains on", "training"), ("holds out", "validation")):
        count = corpus[f"{part}_files"]
        files = "file" if count == 1 else "files"
        yield f"{doing} {corpus[f'{part}_s'] / 60:.1f} min in {count:,} {files}"
    skipped = corpus["skipped"]
    for path, reason in skipped[:_MOST_SKIPPED]:
        yield f"leaves out {path}: {reason}"
    if len(skipped) > _MOST_SKIPPED:
        yield f"leaves out {len(skipped) - _MOST_SKIPPED} more"
