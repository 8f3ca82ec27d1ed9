"""What the presenter of the training page's listening area needs of its view: signals and setters, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from psygnal import SignalInstance

    from earbench_app.notifications import Notice


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A codec of a run.

    Parameters
    ----------
    id : str
        Its path, or what else tells it apart.
    title : str
        Its step, and whether it is what the run exported, or finished with.
    run : str
        The run's name.
    figures : str
        What validation measured.
    file_kbps : str
        Measured of the clip's own bitstream; empty until it is made.
    best : bool
        Whether it is the step that its run keeps as its best.
    within : bool
        Whether its rate in validation is one at which a step may be best: until one is, the run keeps the
        step of the lowest rate.
    color : int, optional
        Of its version on the audition page, while it is there.
    state : str
        How far that version is; the reason where it failed.
    level : str
        How much softer it is played, where its peak is far over full scale.
    key : str
    note : str
        What else there is to know of its figures.
    codec_name : str
        Proposed where it is to be published.
    """

    id: str
    title: str
    run: str = ""
    figures: str = ""
    file_kbps: str = ""
    best: bool = False
    within: bool = True
    color: int | None = None
    state: str = ""
    level: str = ""
    key: str = ""
    note: str = ""
    codec_name: str = ""


@dataclass(frozen=True, slots=True)
class ListenState:
    """All that the area shows, but for the playhead.

    Parameters
    ----------
    clips : tuple of (id, title)
    clip : int, optional
        The id of the one that is heard.
    rows : tuple of CheckpointRow
        Each keeps its line while it is there.
    heard : str, optional
        Id of the checkpoint that sounds, or would on play; None for the original, empty for something else.
    waiting : str
        Id of the one that was chosen and is not there yet; what is heard goes on until it is.
    follows : bool
        Whether new checkpoints of these runs are added by themselves.
    note : str
        What there is to know while there is nothing to hear.
    kept : str
        Which steps have a codec: a run deletes the others.
    level : str
        Why what is heard is played softer than it is.
    unlisted : str
        What sounds, or would on play, where that is neither the original nor one of `rows`.
    """

    clips: tuple[tuple[int, str], ...] = ()
    clip: int | None = None
    rows: tuple[CheckpointRow, ...] = ()
    heard: str | None = None
    waiting: str = ""
    follows: bool = False
    note: str = ""
    kept: str = ""
    level: str = ""
    unlisted: str = ""


class ListenView(Protocol):
    """The area below the curves."""

    clip_chosen: SignalInstance  # (clip id)
    demo_requested: SignalInstance
    paths_given: SignalInstance  # (paths): of audio files
    follow_switched: SignalInstance  # (on)
    checkpoint_chosen: SignalInstance  # (id): hear it
    original_chosen: SignalInstance
    switch_requested: SignalInstance  # from the checkpoint to the original, and back
    play_toggled: SignalInstance
    shown_requested: SignalInstance  # on the audition page
    test_requested: SignalInstance  # (two ids)
    test_cancelled: SignalInstance  # while it is prepared
    publish_requested: SignalInstance  # (id, name)
    ticked: SignalInstance  # while it is seen

    def show_state(self, state: ListenState) -> None:
        """Show clips, checkpoints and what is heard."""

    def show_playing(self, playing: bool, position_s: float) -> None:
        """Show the playhead."""

    def show_published(self, problem: str) -> None:
        """Say why a name was refused; empty where it was taken: the form closes."""

    def show_notice(self, notice: Notice | None) -> None:
        """Show a message over the page."""

    def chosen_ids(self) -> tuple[str, ...]:
        """Return the checkpoints that are selected, from top to bottom."""

    def may_move(self) -> bool:
        """Return whether lines may leave and others move up: not under the pointer."""
