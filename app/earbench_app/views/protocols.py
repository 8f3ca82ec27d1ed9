"""What presenters need of views: out-signals (psygnal) and plain setters, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from psygnal import SignalInstance

    from earbench_app.audition.cache import Figures
    from earbench_app.audition.workspace import State
    from earbench_app.background.progress import WorkProgress
    from earbench_app.notifications import Notice
    from earbench_app.playback.player import OutputDevice
    from earbench_codecs.base import CodecInfo, Setting


@dataclass(frozen=True, slots=True)
class ClipRow:
    """A line of the clip list."""

    id: int
    title: str
    detail: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class RateRange:
    """Where the bitrate of a version is, between what its codec takes, in kbps; `usual` ones are marked."""

    kbps: float
    lowest_kbps: float
    highest_kbps: float
    usual_kbps: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A line of the version table; `key` is the number that chooses it, or empty.

    With a `rate` it can be changed there; `part` says of which part alone the figures are, and the sound;
    `level` how far its peak is over full scale, and how much softer it is played for that.
    """

    id: int
    key: str
    color: int
    title: str
    state: State
    message: str = ""
    figures: Figures | None = None
    rate: RateRange | None = None
    part: str = ""
    level: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What sounds: the original (`version_id` None), a version, or its difference from the original.

    `audible` is the part of the difference that exceeds the masking threshold.
    """

    version_id: int | None = None
    difference: bool = False
    audible: bool = False


class AuditionView(Protocol):
    """The audition page."""

    @property
    def paths_given(self) -> SignalInstance:
        """(list of Path): files or folders dropped or opened."""

    @property
    def clip_chosen(self) -> SignalInstance:
        """(clip id)."""

    @property
    def clips_removed(self) -> SignalInstance:
        """(list of clip ids)."""

    @property
    def versions_asked(self) -> SignalInstance:
        """(list of (codec name, Setting))."""

    @property
    def versions_removed(self) -> SignalInstance:
        """(list of version ids)."""

    @property
    def retry_requested(self) -> SignalInstance:
        """(version id): encode again what failed or was cancelled."""

    @property
    def rate_dragged(self) -> SignalInstance:
        """(version id, kbps): a bitrate slider is passing by."""

    @property
    def rate_chosen(self) -> SignalInstance:
        """(version id, kbps): a bitrate slider was let go, or stepped, or its number typed."""

    @property
    def undo_requested(self) -> SignalInstance:
        """()."""

    @property
    def number_pressed(self) -> SignalInstance:
        """(row, 0 for the first version)."""

    @property
    def version_chosen(self) -> SignalInstance:
        """(version id, or None for the original)."""

    @property
    def difference_requested(self) -> SignalInstance:
        """()."""

    @property
    def makeup_changed(self) -> SignalInstance:
        """(dB)."""

    @property
    def play_toggled(self) -> SignalInstance:
        """()."""

    @property
    def stop_requested(self) -> SignalInstance:
        """()."""

    @property
    def seek_requested(self) -> SignalInstance:
        """(seconds)."""

    @property
    def seek_by_requested(self) -> SignalInstance:
        """(seconds, signed)."""

    @property
    def region_selected(self) -> SignalInstance:
        """((start, end) in seconds, or None)."""

    @property
    def region_edge_requested(self) -> SignalInstance:
        """("start" or "end"): put that edge at the playhead."""

    @property
    def loop_toggled(self) -> SignalInstance:
        """()."""

    @property
    def volume_changed(self) -> SignalInstance:
        """(dB)."""

    @property
    def export_requested(self) -> SignalInstance:
        """(list of version ids)."""

    @property
    def export_chosen(self) -> SignalInstance:
        """(list of version ids, path): a file for one version, a folder for several."""

    @property
    def test_requested(self) -> SignalInstance:
        """(list of clip ids, list of version ids); empty lists mean all."""

    @property
    def ticked(self) -> SignalInstance:
        """(): time to ask the player where it is."""

    @property
    def view_s(self) -> tuple[float, float]:
        """Start and end of what is seen of the clip."""

    def show_clips(self, rows: Sequence[ClipRow], current: int | None) -> None:
        """List the clips."""

    def show_versions(self, rows: Sequence[VersionRow], original: str) -> None:
        """Fill the table; `original` describes the first row."""

    def show_version(self, row: VersionRow) -> None:
        """Change one row in place."""

    def show_heard(self, heard: Heard, waiting_for: int | None) -> None:
        """Mark what sounds, and a version that will as soon as it is there."""

    def show_playing(self, playing: bool) -> None:
        """Turn the button, and poll faster while sound runs."""

    def show_position(self, position_s: float) -> None:
        """Move the playhead."""

    def show_region(self, region_s: tuple[float, float] | None, looping: bool) -> None:
        """Draw the selection, and whether it loops."""

    def show_makeup(self, asked_db: float, text: str) -> None:
        """Show the make-up gain asked for, and what was applied."""

    def show_volume(self, volume_db: float) -> None:
        """Set the volume slider."""

    def show_duration(self, duration_s: float) -> None:
        """Set the time axis for a new clip, zoomed out; 0 for none."""

    def show_codecs(self, codecs: Sequence[CodecInfo]) -> None:
        """Fill the picker."""

    def show_picked(self, picked: Sequence[tuple[str, Setting]]) -> None:
        """Mark in the picker what the table has already."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message in place."""

    def ask_export(self, version_ids: Sequence[int], suggestion: Path) -> None:
        """Let the user choose a file, or a folder for several versions; then emit `export_chosen`."""


class WindowView(Protocol):
    """The frame around the pages."""

    @property
    def closed(self) -> SignalInstance:
        """()."""

    @property
    def device_chosen(self) -> SignalInstance:
        """(key, or None for the system's default)."""

    @property
    def devices_opening(self) -> SignalInstance:
        """(): the list is about to be seen."""

    @property
    def cancel_requested(self) -> SignalInstance:
        """(): of the background work."""

    @property
    def ticked(self) -> SignalInstance:
        """(): time to look at the device."""

    def show_devices(self, devices: Sequence[OutputDevice], chosen: str | None) -> None:
        """List the outputs."""

    def show_work(self, progress: WorkProgress | None) -> None:
        """Show background work."""

    def show_device_state(self, text: str, warning: bool) -> None:
        """Say how the device does."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message over all pages."""
