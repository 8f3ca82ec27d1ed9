"""What the presenter of waveform and spectrogram needs of their view: signals and plain setters, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psygnal import SignalInstance

    from earbench_app.analysis.peaks import PeakPyramid
    from earbench_app.analysis.spectrogram import Picture
    from earbench_app.settings import SpectrogramSettings
    from earbench_app.views.analysis_protocols import Styled


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the time axis in pixels."""

    start_s: float
    end_s: float
    n_columns: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Side:
    """What is drawn on one side of the wipe; `color` is a place in the palette, None for the original."""

    title: str
    color: int | None


class PicturesView(Protocol):
    """Waveform and spectrogram of what sounds; left of the wipe, if it is on, those of another version."""

    @property
    def peaks_requested(self) -> SignalInstance:
        """(): the waveform is in view, of a sound it may not have yet."""

    @property
    def part_requested(self) -> SignalInstance:
        """(Part): this part of the spectrogram is in view."""

    @property
    def settings_changed(self) -> SignalInstance:
        """(SpectrogramSettings)."""

    @property
    def wipe_toggled(self) -> SignalInstance:
        """(whether it is on)."""

    @property
    def left_chosen(self) -> SignalInstance:
        """(version id, or None for the original): what is left of the wipe."""

    def show_settings(self, settings: SpectrogramSettings) -> None:
        """Set the controls; pictures made from now on are like this."""

    def show_choices(self, versions: Sequence[Styled]) -> None:
        """List what can stand left of the wipe, beside the original."""

    def show_sides(self, heard: Side | None, left: Side | None) -> None:
        """Name what sounds, and what is left of the wipe; without the latter there is no wipe."""

    def show_peaks(self, heard: PeakPyramid | None, left: PeakPyramid | None, sample_rate_hz: int) -> None:
        """Draw the waveforms."""

    def show_pictures(self, heard: Picture | None, left: Picture | None) -> None:
        """Draw the spectrograms."""

    def refresh(self) -> None:
        """Ask anew for what is in view: what sounds, or how it is drawn, has changed."""
