"""What the analysis looks at: the clip that is loaded, its versions, what is selected and heard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.views.analysis_protocols import Styled

if TYPE_CHECKING:
    from earbench_app.presenters.audition import AuditionPresenter
    from earbench_app.presenters.audition_playback import AuditionPlayback
    from earbench_app.presenters.audition_rates import Part
    from earbench_codecs.clip import AudioClip


class Scene:
    """The audition page's state, read only; the audio is that which the player plays."""

    changed = Signal()  # the clip, or which versions there are
    region_changed = Signal()
    heard_changed = Signal()
    revised = Signal(int)  # version id: its audio has changed, what was made of it holds no more

    def __init__(self, audition: AuditionPresenter) -> None:
        self.workspace = audition.workspace
        self.playback: AuditionPlayback = audition.playback
        self._rates = audition.rates
        audition.rates.revised.connect(self.revised.emit)
        audition.rates.measured.connect(lambda _: self.changed.emit())
        audition.versions_shown.connect(self.changed.emit)
        self.playback.audio_changed.connect(self.changed.emit)
        self.playback.region_changed.connect(self.region_changed.emit)
        self.playback.heard_changed.connect(self.heard_changed.emit)

    @property
    def clip_id(self) -> int | None:
        """Id of the clip that is loaded."""
        clip = self.workspace.current_clip
        return clip.id if clip and self.original else None

    @property
    def original(self) -> AudioClip | None:
        """The original's audio."""
        return self.playback.audio_of(None)

    @property
    def region_s(self) -> tuple[float, float] | None:
        """The selection."""
        return self.playback.region_s

    def versions(self) -> list[Styled]:
        """Return the versions whose audio is there, in the order of the table."""
        there = [v for v in self.workspace.versions if self.playback.has(v.id)]
        return [Styled(version.id, version.title, version.color) for version in there]

    def audio(self) -> dict[int, AudioClip]:
        """Return the audio of those versions."""
        found = {version.id: self.playback.audio_of(version.id) for version in self.versions()}
        return {key: clip for key, clip in found.items() if clip is not None}

    def part(self, version_id: int) -> Part | None:
        """Return the part of a version that alone is at its bitrate as yet; None if all of it is."""
        return self._rates.part(version_id)

    def chosen(self) -> int | None:
        """Return the version that is heard, or the first one where the original is."""
        heard = self.playback.heard.version_id
        versions = self.versions()
        return heard if heard is not None else versions[0].id if versions else None
