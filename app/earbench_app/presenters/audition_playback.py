"""What sounds on the audition page: original, versions, difference signals; loop and position."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.audition.difference import Difference, amplified, difference
from earbench_app.audition.listening_level import Playable, playable
from earbench_app.playback.player import MIN_LOOP_S
from earbench_app.views.protocols import Heard

if TYPE_CHECKING:
    from earbench_app.playback.player import Player, PlayerStatus
    from earbench_codecs.clip import AudioClip

_ORIGINAL = 0
_DIFFERENCES = (1, 2)  # two, so that a new difference is made ready while the old one sounds
_FIRST_VERSION = 3
DEFAULT_MAKEUP_DB = 20.0


class AuditionPlayback:
    """Keeps the player's list of stimuli in step with the current clip's versions.

    A version keeps its place in the list for as long as the clip is loaded, so one that joins never
    moves what sounds.
    """

    heard_changed = Signal()
    region_changed = Signal()
    difference_changed = Signal()
    audio_changed = Signal()  # another clip, or a version came or went

    def __init__(self, player: Player) -> None:
        self._player = player
        self._stimuli: list[AudioClip] = []
        self._playables: list[Playable] = []  # the same, as the player has them
        self._places: dict[int, int] = {}  # version id → index in the list
        self._free: list[int] = []
        self._difference_slot = _DIFFERENCES[0]
        self.difference: Difference | None = None
        self.audible_noise: dict[int, AudioClip] = {}  # version id → what of its noise exceeds the mask
        self.makeup_db = DEFAULT_MAKEUP_DB
        self.heard = Heard()
        self.wanted: Heard | None = None  # chosen, but its audio is not there yet
        self.region_s: tuple[float, float] | None = None
        self.looping = False

    @property
    def loaded(self) -> bool:
        """Whether there is a clip to play."""
        return bool(self._stimuli)

    @property
    def sounding(self) -> AudioClip | None:
        """The audio that is heard, or would be on play."""
        if not self._stimuli:
            return None
        return self._stimuli[self._index(self.heard)]

    def load(self, original: AudioClip | None) -> None:
        """Begin a new clip, at its start, with the original; what was chosen before is wanted again."""
        was_playing = self._player.status().playing
        if self.heard != Heard():
            self.wanted = self.wanted or self.heard
        self._stimuli = [] if original is None else [original] * _FIRST_VERSION
        self._playables = [] if original is None else [playable(original)] * _FIRST_VERSION
        self._places.clear()
        self._free.clear()
        self.audible_noise.clear()
        self.heard, self.difference = Heard(), None
        self.region_s, self.looping = None, False
        self._player.load(self._playlist())
        if was_playing and original is not None:
            self._player.play()
        self.region_changed.emit()
        self.heard_changed.emit()
        self.audio_changed.emit()

    def audio_of(self, version_id: int | None) -> AudioClip | None:
        """Return the audio of a version, or of the original (None), if it is loaded."""
        place = _ORIGINAL if version_id is None else self._places.get(version_id)
        return self._stimuli[place] if self._stimuli and place is not None else None

    def level(self, version_id: int | None) -> Playable | None:
        """Return how loud a version, or the original (None), goes to the player, if it is loaded."""
        place = _ORIGINAL if version_id is None else self._places.get(version_id)
        return self._playables[place] if self._playables and place is not None else None

    def level_note(self, version_id: int | None) -> str:
        """Return how far it is over full scale, and whether it is played softer for that."""
        level = self.level(version_id)
        return level.note if level else ""

    def has(self, version_id: int) -> bool:
        """Whether a version's audio is loaded."""
        return version_id in self._places

    def join(self, version_id: int, audio: AudioClip) -> None:
        """Take in a version's audio while playing goes on; sound it if it was waited for."""
        place = self._free.pop() if self._free else len(self._stimuli)
        self._places[version_id] = place
        self._put(place, audio)
        self._player.update(self._playlist())
        if self.wanted is not None and self.wanted.version_id == version_id:
            self.choose(self.wanted)
        self.audio_changed.emit()

    def revise(self, version_id: int, audio: AudioClip) -> None:
        """Put other audio in the place of a version's while it may sound; its difference follows."""
        place = self._places[version_id]
        self._put(place, audio)
        self._player.replace(place, self._playables[place].clip)
        self.audible_noise.pop(version_id, None)
        if self.heard.version_id == version_id and self.heard.difference:
            self._revise_difference()
        self.audio_changed.emit()

    def leave(self, version_id: int) -> None:
        """Let go of a version that left the table; the original sounds if it was this one."""
        for heard in (self.heard, self.wanted):
            if heard is not None and heard.version_id == version_id:
                self.choose(Heard())
        if (place := self._places.pop(version_id, None)) is not None:
            self._free.append(place)
            self._put(place, self._stimuli[_ORIGINAL])
            self._player.update(self._playlist())
            self.audible_noise.pop(version_id, None)
            self.audio_changed.emit()

    def choose(self, heard: Heard) -> None:
        """Sound this as soon as its audio is there; until then what sounds goes on."""
        if heard.audible and heard.version_id not in self.audible_noise:
            heard = replace(heard, audible=False)
        missing = heard.version_id is not None and heard.version_id not in self._places
        self.wanted = heard if missing or not self._stimuli else None
        if self.wanted is None:
            if heard.difference:
                self._prepare_difference(heard)
            self.heard = heard
            self._player.select(self._index(heard))
        self.heard_changed.emit()

    def wait_no_more(self) -> None:
        """Let what sounds go on, whatever was chosen and is not there yet."""
        self.wanted = None
        self.heard_changed.emit()

    def set_makeup_db(self, gain_db: float) -> None:
        """Amplify the difference signal by this; less where full scale would be passed."""
        self.makeup_db = gain_db
        if self.heard.difference:
            self.choose(self.heard)
        self.difference_changed.emit()

    def toggle_play(self) -> None:
        """Play, or pause."""
        if self._player.status().playing:
            self._player.pause()
        elif self._stimuli:
            self._player.play()

    def stop(self) -> None:
        """Stop, and go to the start."""
        self._player.stop()

    def seek(self, position_s: float) -> None:
        """Move the playhead; a loop that does not hold the place is left."""
        if self.looping and self.region_s and not self.region_s[0] <= position_s < self.region_s[1]:
            self._set_loop(False)
        self._player.seek(position_s)

    def seek_by(self, seconds: float) -> None:
        """Move the playhead, within the loop if there is one."""
        status = self._player.status()
        low_s, high_s = self.region_s if self.looping and self.region_s else (0.0, status.duration_s)
        self._player.seek(min(max(low_s, status.position_s + seconds), high_s))

    def select_region(self, region_s: tuple[float, float] | None) -> None:
        """Loop a region, widened to the shortest loop there may be; None clears it."""
        self.region_s = self._widened(region_s)
        self._set_loop(self.region_s is not None)

    def set_region_edge(self, edge: str) -> None:
        """Put the start or the end of the region at the playhead."""
        status = self.status()
        start_s, end_s = self.region_s or (0.0, status.duration_s)
        if edge == "start":
            start_s, end_s = status.position_s, max(end_s, status.position_s + MIN_LOOP_S)
        else:
            start_s, end_s = min(start_s, status.position_s - MIN_LOOP_S), status.position_s
        self.select_region((start_s, end_s))

    def toggle_loop(self) -> None:
        """Loop the region, or the whole clip where none is selected; or no longer."""
        if self.region_s is None:
            self.region_s = self._widened((0.0, self.status().duration_s))
        self._set_loop(not self.looping and self.region_s is not None)

    def status(self) -> PlayerStatus:
        """Return the player's snapshot."""
        return self._player.status()

    def _set_loop(self, on: bool) -> None:
        self.looping = on
        self._player.set_loop(self.region_s if on else None)
        self.region_changed.emit()

    def _widened(self, region_s: tuple[float, float] | None) -> tuple[float, float] | None:
        duration_s = self._stimuli[_ORIGINAL].duration_s if self._stimuli else 0.0
        if region_s is None or duration_s < MIN_LOOP_S:
            return None
        start_s = min(max(0.0, region_s[0]), duration_s - MIN_LOOP_S)
        return start_s, min(duration_s, max(region_s[1], start_s + MIN_LOOP_S))

    def _prepare_difference(self, heard: Heard) -> None:
        assert heard.version_id is not None
        if self.heard.difference:  # the one that sounds must not change under the playhead
            self._difference_slot = _DIFFERENCES[1 - _DIFFERENCES.index(self._difference_slot)]
        if heard.audible:
            self.difference = amplified(self.audible_noise[heard.version_id], self.makeup_db)
        else:
            self.difference = self._difference_of(heard.version_id)
        self._put(self._difference_slot, self.difference.clip)
        self._player.update(self._playlist())
        self.difference_changed.emit()

    def _revise_difference(self) -> None:
        """Let the difference that sounds follow its version; of its audible part, all until that is made."""
        assert self.heard.version_id is not None
        self.difference = self._difference_of(self.heard.version_id)
        self._put(self._difference_slot, self.difference.clip)
        self._player.replace(self._difference_slot, self._playables[self._difference_slot].clip)
        self.heard = replace(self.heard, audible=False)
        self.difference_changed.emit()
        self.heard_changed.emit()

    def _difference_of(self, version_id: int) -> Difference:
        version = self._stimuli[self._places[version_id]]
        return difference(self._stimuli[_ORIGINAL], version, self.makeup_db)

    def _put(self, place: int, audio: AudioClip) -> None:
        self._stimuli[place : place + 1] = [audio]
        if place == self._difference_slot:  # it has a level of its own, within full scale
            self._playables[place] = Playable(audio)
            return
        original = self._playables[_ORIGINAL]
        same = audio is self._stimuli[_ORIGINAL]
        self._playables[place : place + 1] = [original if same else playable(audio, original.lowered_db)]

    def _playlist(self) -> list[AudioClip]:
        return [one.clip for one in self._playables]

    def _index(self, heard: Heard) -> int:
        if heard.version_id is None:
            return _ORIGINAL
        return self._difference_slot if heard.difference else self._places[heard.version_id]
