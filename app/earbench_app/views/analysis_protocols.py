"""What the presenters of the analysis need of their views: out-signals (psygnal) and plain setters, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psygnal import SignalInstance

    from earbench_app.analysis.audible_map import MapPicture
    from earbench_app.analysis.levels import Meter, Spectrum
    from earbench_app.analysis.noise_plot import NoisePlot
    from earbench_codecs.codes import CodeHistogram
    from earbench_codecs.metrics.measurement import Measurement


class Extent(StrEnum):
    """What the noise-versus-mask plot is taken over."""

    PLAYHEAD = "at playhead"
    SELECTION = "over selection"
    CLIP = "over clip"


@dataclass(frozen=True, slots=True)
class Styled:
    """A version as every view shows it: one title, one colour."""

    id: int
    title: str
    color: int


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A column of figures; the tooltip says the unit and where the figure comes from."""

    name: str
    title: str
    tooltip: str
    decimals: int


class NoiseView(Protocol):
    """The noise-versus-mask plot."""

    @property
    def asked(self) -> SignalInstance:
        """(): what is seen, or over what, has changed."""

    @property
    def extent(self) -> Extent:
        """Over what it is taken."""

    @property
    def hidden_ids(self) -> set[int]:
        """Versions the user has taken out of the plot."""

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""

    def show_versions(self, versions: Sequence[Styled]) -> None:
        """List the versions there are."""

    def show_heard(self, version_id: int | None) -> None:
        """Bring out the curve of what sounds."""

    def show_plot(self, plot: NoisePlot | None) -> None:
        """Draw the curves."""

    def show_state(self, text: str) -> None:
        """Say what is awaited, or why there is nothing; empty for neither."""


class MapView(Protocol):
    """The map of audible noise."""

    @property
    def picture_requested(self) -> SignalInstance:
        """(start in s, end in s, columns)."""

    @property
    def spot_chosen(self) -> SignalInstance:
        """(version id, seconds)."""

    @property
    def worst_requested(self) -> SignalInstance:
        """()."""

    @property
    def audible_requested(self) -> SignalInstance:
        """()."""

    def show_versions(self, versions: Sequence[Styled]) -> None:
        """Make a lane for each version."""

    def show_pictures(self, pictures: Mapping[int, MapPicture]) -> None:
        """Draw the lanes that are known."""

    def refresh(self) -> None:
        """Ask for pictures anew."""

    def show_state(self, text: str) -> None:
        """Say what was found, or why there is nothing."""

    def show_audible(self, on: bool) -> None:
        """Mark whether the audible part of the noise sounds."""


class LevelsView(Protocol):
    """Meters and loudness."""

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""

    def show_meter(self, meter: Meter | None) -> None:
        """Show the levels at the playhead."""

    def show_loudness(self, rows: Sequence[tuple[Styled | None, float | None]]) -> None:
        """Show LUFS of the original (None) and the versions; None where it is not defined."""


class SpectrumView(Protocol):
    """Long-term spectra."""

    @property
    def asked(self) -> SignalInstance:
        """(): it has come into view."""

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""

    def show_spectra(self, spectra: Sequence[tuple[Styled | None, Spectrum]], over: str) -> None:
        """Draw the spectra of the original (None) and the versions; `over` says of which part."""


class CodesView(Protocol):
    """Histograms of code values."""

    @property
    def asked(self) -> SignalInstance:
        """(): it has come into view."""

    @property
    def wanted(self) -> bool:
        """Whether it can be seen."""

    def show_histograms(self, histograms: Sequence[tuple[Styled, CodeHistogram]]) -> None:
        """Draw those of the versions that have code values; none of them may have."""

    def show_state(self, text: str) -> None:
        """Say what is awaited, or why there is nothing; empty for neither."""


class FiguresView(Protocol):
    """The columns of the version table that are measured."""

    @property
    def measure_requested(self) -> SignalInstance:
        """(list of metric names)."""

    def show_columns(self, columns: Sequence[MetricColumn]) -> None:
        """Set the columns."""

    def show_figures(self, figures: Mapping[int | None, Mapping[str, Measurement | str]]) -> None:
        """Fill them, by version (None: the original) and column; a text: it is being made."""
