"""What is heard in a trial: one player over its signals, and a session that is told what became audible."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from earbench_app.playback.player import MIN_LOOP_S, DeviceState
from earbench_codecs.clip_files import read_clip
from earbench_mushra.blinding import REFERENCE_LABEL
from earbench_mushra.rules import VOLUME_RANGE_DB

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from earbench_app.playback.player import Player
    from earbench_codecs.clip import AudioClip
    from earbench_mushra.session import Session

N_PEAKS = 2000


@dataclass(frozen=True, slots=True)
class Heard:
    """What the device does now.

    Parameters
    ----------
    label : str, optional
        The signal audible now; None while nothing is.
    chosen : str
        The signal that plays, or would.
    playing : bool
        Whether playing was asked for; with no `label`, the device is away.
    position_s : float
    banner : str
        What is wrong with the device; empty if nothing.
    """

    label: str | None
    chosen: str
    playing: bool
    position_s: float
    banner: str


class TrialPlayback:
    """Plays the signals of the trial on the screen and reports to the session what is audible.

    Parameters
    ----------
    session : Session
    player : Player
        Its gain is the listener's volume below the level that keeps the loudest setting from clipping.
    """

    def __init__(self, session: Session, player: Player) -> None:
        self._session, self._player = session, player
        self._labels: tuple[str, ...] = ()
        self._device: tuple[str, str] | None = None
        self.duration_s = 0.0
        self.region_s = (0.0, 0.0)
        self.loop_on = True

    def load(self) -> NDArray[np.float32] | None:
        """Load the trial's signals, looped as the listener left them.

        Returns
        -------
        ndarray, shape [2, N_PEAKS], optional
            Lowest and highest sample of the reference in each of equal parts; None without a reference.
            No other signal is ever drawn.
        """
        reference = (REFERENCE_LABEL,) if self._session.has_reference else ()
        self._labels = (*reference, *self._session.labels)
        clips = [read_clip(self._session.audio(label)) for label in self._labels]
        self._player.load(clips)
        self._player.set_gain_db(self._session.volume_db - VOLUME_RANGE_DB)
        self.duration_s = clips[0].duration_s
        self.region_s, self.loop_on = self._session.loop_s or (0.0, self.duration_s), True
        self._apply_loop()
        return envelope(clips[0]) if reference else None

    def play(self, label: str) -> None:
        """Switch to a signal, and start if nothing plays."""
        self._player.select(self._labels.index(label))
        self._player.play()

    def toggle(self) -> None:
        """Play or pause."""
        if self._player.status().playing:
            self._player.pause()
        else:
            self._player.play()

    def stop(self) -> None:
        """Pause, and say so to the session at once."""
        self._player.pause()
        self._session.paused(self._player.status().position_s)

    def seek(self, position_s: float) -> None:
        """Move the playhead."""
        self._player.seek(position_s)
        if label := self._session.playing_label:
            self._session.playing(label, position_s)

    def set_loop(self, region_s: tuple[float, float], on: bool) -> None:
        """Loop a region, widened to the shortest loop allowed; or none."""
        start_s = max(0.0, min(region_s[0], self.duration_s - MIN_LOOP_S))
        end_s = min(self.duration_s, max(region_s[1], start_s + MIN_LOOP_S))
        self.region_s, self.loop_on = (start_s, end_s), on
        self._apply_loop()
        self._session.looped(self.region_s if on else None)

    def set_volume_db(self, volume_db: float) -> None:
        """Set the listener's level. Raises VolumeLockedError within an item of the test."""
        self._session.set_volume(volume_db)
        self._player.set_gain_db(volume_db - VOLUME_RANGE_DB)

    def tick(self) -> Heard:
        """Look at the player, and report what has changed since to the session."""
        status = self._player.status()
        chosen = self._labels[status.stimulus] if status.stimulus < len(self._labels) else ""
        audible = chosen if status.playing and status.device is DeviceState.READY else None
        self._report_device(status.device_name, status.device)
        if audible != self._session.playing_label:
            if audible:
                self._session.playing(audible, status.position_s)
            else:
                self._session.paused(status.position_s)
        away = status.device in (DeviceState.LOST, DeviceState.MISSING)
        return Heard(audible, chosen, status.playing, status.position_s, status.message if away else "")

    def _apply_loop(self) -> None:
        fits = self.duration_s >= MIN_LOOP_S
        self._player.set_loop(self.region_s if self.loop_on and fits else None)

    def _report_device(self, name: str, state: DeviceState) -> None:
        if state is not DeviceState.OPENING and self._device != (name, state):
            self._session.device(name, str(state))
            self._device = (name, state)


def envelope(clip: AudioClip) -> NDArray[np.float32]:
    """Return the lowest and the highest sample of all channels in each of N_PEAKS equal parts, [2, N]."""
    starts = np.linspace(0, clip.n_samples, min(N_PEAKS, clip.n_samples), endpoint=False).astype(int)
    low = np.minimum.reduceat(clip.samples.min(axis=0), starts)
    high = np.maximum.reduceat(clip.samples.max(axis=0), starts)
    return np.stack([low, high])
