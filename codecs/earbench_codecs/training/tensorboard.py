"""A run as TensorBoard shows it: its figures over steps, and what held-out excerpts sound and look like.

A run that goes on continues its log: steps after the checkpoint it goes on from, which it will take again,
are marked to be left out.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from earbench_codecs.training.errors import RunFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch.utils.tensorboard import SummaryWriter

    Samples = NDArray[np.float32]

N_EXCERPTS = 3
"""Excerpts to hear and see."""
_MOST_TIMES = 50
"""So often at most in a run: a second of 44.1 kHz takes some 150 kB."""
_N_FFT = 512
_RANGE_DB = 90.0
_COLOURS = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)])
"""From silence to the loudest, at equal distances."""


class TensorBoard:
    """Writes a run's events, and its examples, to a folder that TensorBoard reads.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None
        self._rate_hz = 0
        self._loudest_db: list[float] = []
        self._shown: range = range(0)

    def open(self, step: int, epochs: range, originals: Sequence[Samples], sample_rate_hz: int) -> None:
        """Begin, or go on after a step.

        Parameters
        ----------
        step : int
            What the folder holds of later ones is left out when it is read.
        epochs : range
            The last step of each, in any order; examples are shown at the first and then every so many.
        originals : sequence of ndarray
            Excerpts [T]; of the first few, examples are shown.
        sample_rate_hz : int

        Raises
        ------
        RunFolderError
            The folder cannot be written, as for all methods here.
        """
        from torch.utils.tensorboard import SummaryWriter

        is_new = not any(self._folder.glob("events.*"))
        self._rate_hz = sample_rate_hz
        self._shown = epochs[:: math.ceil(len(epochs) / _MOST_TIMES)]
        with self._errors_named():
            writer: SummaryWriter = SummaryWriter(self._folder, purge_step=step + 1)
            self._writer = writer
            if is_new:
                _lay_out(writer)
            for number, original in enumerate(originals[:N_EXCERPTS]):
                decibels = _decibels(original)
                self._loudest_db.append(float(decibels.max()))
                if is_new:
                    self._show(f"excerpt{number + 1}/original", original, decibels, number, 0)

    def __call__(self, event: str, **data: Any) -> None:
        """Take an event; those that have no figures, and all before it is open, are passed over."""
        if self._writer is None or event not in ("progress", "validation"):
            return
        figures = _progress(data) if event == "progress" else _validation(data)
        with self._errors_named():
            for tag, value in figures.items():
                if value is not None and np.isfinite(value):
                    self._writer.add_scalar(tag, value, data["step"])
            self._writer.flush()

    def example(self, step: int, number: int, decoded: Samples) -> None:
        """Take an excerpt [T] as it is decoded at a step; passed over where it is one too many."""
        if step in self._shown and number < len(self._loudest_db):
            with self._errors_named():
                self._show(f"excerpt{number + 1}/decoded", decoded, _decibels(decoded), number, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            with self._errors_named():
                self._writer.close()
            self._writer = None

    def _show(self, tag: str, signal: Samples, decibels: NDArray[np.float64], number: int, step: int) -> None:
        if self._writer is None:
            return
        sound = torch.from_numpy(np.clip(signal, -1, 1))
        image = _picture(decibels, self._loudest_db[number])
        self._writer.add_audio(tag, sound, step, self._rate_hz)
        self._writer.add_image(tag, image, step, dataformats="HWC")

    @contextmanager
    def _errors_named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunFolderError(
                f"{self._folder}: cannot be written: {error.strerror or error}; make room and go on with "
                "--resume, or without TensorBoard's files with --no-tensorboard"
            ) from error


def _progress(data: dict[str, Any]) -> dict[str, float | None]:
    names = {"rate/training_kbps": "kbps", "rate/tau": "tau", "optimiser/learning_rate": "learning_rate"}
    losses = {"loss/total": data["loss"]} | {f"loss/{name}": value for name, value in data["terms"].items()}
    rest = {"speed/examples_per_s": "examples_per_s", "speed/eta_s": "eta_s"}
    return losses | {tag: data[key] for tag, key in (names | rest).items()}


def _validation(data: dict[str, Any]) -> dict[str, float | None]:
    rates = {"rate/kbps": data["kbps"], "rate/target_kbps": data["target_kbps"]}
    return rates | {f"validation/{name}": value for name, value in data["metrics"].items()}


def _lay_out(writer: SummaryWriter) -> None:
    """Draw the rate and its target in one plot of the tab "custom scalars"."""
    rates = ["Multiline", ["rate/kbps", "rate/target_kbps"]]
    writer.add_custom_scalars({"rate": {"kbps against target": rates}})


def _decibels(signal: Samples) -> NDArray[np.float64]:
    """Return the power spectrogram [K, frames] in dB, of any constant offset."""
    window = torch.hann_window(_N_FFT)
    spectrum = torch.stft(
        torch.tensor(signal), _N_FFT, _N_FFT // 2, window=window, return_complex=True, pad_mode="constant"
    )
    decibels: NDArray[np.float64] = 10 * np.log10(spectrum.abs().double().square().numpy() + 1e-12)
    return decibels


def _picture(decibels: NDArray[np.float64], loudest_db: float) -> NDArray[np.uint8]:
    """Return a picture [K, frames, 3], low frequencies below; both of a pair have the original's range."""
    level = np.clip(1 + (decibels[::-1] - loudest_db) / _RANGE_DB, 0, 1) * (len(_COLOURS) - 1)
    places = np.arange(len(_COLOURS))
    return np.stack([np.interp(level, places, channel) for channel in _COLOURS.T], -1).astype(np.uint8)
