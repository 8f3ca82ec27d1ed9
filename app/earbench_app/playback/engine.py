"""The player that is heard: a thin side in the interface, and a process of its own that plays.

Nothing here waits for the audio process. Commands and what is heard go through shared memory (`control.py`);
one thread feeds it samples, another starts it, listens to its news, and starts it again should it die.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from earbench_app.playback.control import Control, Op
from earbench_app.playback.host import Host
from earbench_app.playback.player import DeviceState, OutputDevice, PlayerStatus
from earbench_app.playback.stimuli import check_alike, check_fits, checked_index, checked_loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from earbench_app.playback.control import Block
    from earbench_codecs.clip import AudioClip

_LONGEST_BLOCK_S = 0.1  # the position holds when no more blocks come
_NO_OUTPUT = "No audio output was found. Connect one: playback starts by itself."
_NOT_THERE = "The chosen audio output is not connected. Connect it, or choose another one."
_PORTAUDIO_MISSING = "PortAudio library not found"  # says sounddevice
_INSTALL_PORTAUDIO = (
    "Nothing can be played: the PortAudio library is not installed. Install it "
    "(sudo apt-get install libportaudio2): playback starts by itself."
)
_WENT_AWAY = "{name} went away. Playback goes on from here when it is back, or on another output."


class EnginePlayer:
    """Implements `Player` on an audio device.

    Every method returns at once, from any thread. What was asked shows in `status()` at once too, even while
    the audio process is still starting; positions are those of the sound at the device.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._control = Control()
        self._stimuli: list[AudioClip] = []
        self._replacing: frozenset[AudioClip] = frozenset()  # of the stimuli, those given by `replace`
        self._generation = 0
        self._index = 0
        self._playing = False
        self._loop_s: tuple[float, float] | None = None
        self._gain_db = 0.0
        self._asked_playing = 0  # the number of the last command that changed whether it plays
        self._asked_position = 0  # and where
        self._position_s = 0.0  # that was asked for
        self._host = Host(self._control, self._restate)
        self._host.start()

    def load(self, stimuli: Sequence[AudioClip]) -> None:
        """See `Player.load`."""
        check_alike(stimuli)
        with self._lock:
            self._stimuli = list(stimuli)
            self._generation += 1
            self._index, self._loop_s = 0, None
            self._send_load()
            self._feed()

    def update(self, stimuli: Sequence[AudioClip]) -> None:
        """See `Player.update`."""
        check_fits(stimuli, self._stimuli)
        if not self._stimuli:
            self.load(stimuli)
            return
        with self._lock:
            self._stimuli = list(stimuli)
            self._feed()
            if self._index >= len(stimuli):
                self.select(len(stimuli) - 1)

    def replace(self, index: int, clip: AudioClip) -> None:
        """See `Player.replace`."""
        with self._lock:
            place = checked_index(index, len(self._stimuli))
            check_fits([clip], self._stimuli)
            self._stimuli[place] = clip
            self._replacing |= {clip}
            self._feed()

    def play(self) -> None:
        """See `Player.play`."""
        self._ask_playing(Op.PLAY, bool(self._stimuli))

    def pause(self) -> None:
        """See `Player.pause`."""
        self._ask_playing(Op.PAUSE, False)

    def stop(self) -> None:
        """See `Player.stop`."""
        with self._lock:
            self._ask_playing(Op.STOP, False)
            self._expect_position(0.0 if self._loop_s is None else self._loop_s[0])

    def select(self, index: int) -> None:
        """See `Player.select`. Raises IndexError where there is no such stimulus."""
        with self._lock:
            self._index = checked_index(index, len(self._stimuli))
            self._send(Op.SELECT, index)

    def seek(self, position_s: float) -> None:
        """See `Player.seek`."""
        with self._lock:
            self._send(Op.SEEK, position_s)
            self._expect_position(min(max(position_s, 0.0), self._duration_s))

    def set_loop(self, region_s: tuple[float, float] | None) -> None:
        """See `Player.set_loop`."""
        with self._lock:
            self._loop_s = checked_loop(region_s, self._duration_s)
            if self._loop_s is None:
                self._send(Op.CLEAR_LOOP)
                return
            position_s = self.status().position_s
            self._send(Op.SET_LOOP, *self._loop_s)
            if not self._loop_s[0] <= position_s < self._loop_s[1]:
                self._expect_position(self._loop_s[0])

    def set_gain_db(self, gain_db: float) -> None:
        """See `Player.set_gain_db`."""
        with self._lock:
            self._gain_db = gain_db
            self._send(Op.SET_GAIN, 10 ** (gain_db / 20))

    def devices(self) -> list[OutputDevice]:
        """List the outputs as last seen, and look again in the background: ask twice to be up to date."""
        self._host.look_for_outputs()
        return self._host.outputs

    def set_device(self, key: str | None) -> None:
        """See `Player.set_device`."""
        self._host.set_device(key)

    def status(self) -> PlayerStatus:
        """See `Player.status`."""
        news = self._host.news
        now_s = time.perf_counter()
        heard = self._control.heard(now_s)
        return PlayerStatus(
            playing=self._is_playing(heard),
            position_s=self._heard_position_s(heard, now_s),
            duration_s=self._duration_s,
            stimulus=self._index,
            loop_s=self._loop_s,
            gain_db=self._gain_db,
            device=news.state,
            device_name=news.name,
            device_rate_hz=news.rate_hz,
            latency_s=news.latency_s,
            n_underruns=self._control.n_underruns,
            message=self._message(),
        )

    def close(self) -> None:
        """See `Player.close`."""
        self._host.close()

    @property
    def _duration_s(self) -> float:
        return self._stimuli[0].duration_s if self._stimuli else 0.0

    def _send(self, op: Op, *arguments: float) -> int:
        number = self._control.send(op, *arguments)
        if number is None:  # nothing was read for thousands of commands; a new process is told where we are
            self._host.restart()
            return self._control.n_sent
        return number

    def _feed(self) -> None:
        self._replacing &= frozenset(self._stimuli)
        self._host.feed(self._generation, self._stimuli, self._replacing)

    def _ask_playing(self, op: Op, playing: bool) -> None:
        with self._lock:
            self._playing = playing
            self._asked_playing = self._send(op)

    def _expect_position(self, position_s: float) -> None:
        self._position_s, self._asked_position = position_s, self._control.n_sent

    def _send_load(self) -> None:
        with self._lock:
            self._playing = False
            arguments = (self._generation, len(self._stimuli), self._duration_s)
            self._asked_playing = self._send(Op.LOAD, *arguments)
            self._expect_position(0.0)

    def _restate(self) -> None:
        """Tell a new audio process all there is to know; the samples follow."""
        with self._lock:
            was = self.status()
            self._control.forget_commands()
            self._send_load()
            self._send(Op.SELECT, self._index)
            self.set_gain_db(self._gain_db)
            if self._loop_s is not None:
                self._send(Op.SET_LOOP, *self._loop_s)
            self.seek(was.position_s)
            if was.playing:
                self.play()

    def _is_playing(self, heard: Block | None) -> bool:
        if heard is None or heard.n_handled < self._asked_playing:
            return self._playing
        return heard.playing

    def _heard_position_s(self, heard: Block | None, now_s: float) -> float:
        if heard is None or heard.n_handled < self._asked_position:
            return self._position_s
        elapsed_s = min(max(now_s - heard.heard_at_s, 0.0), _LONGEST_BLOCK_S) if heard.advancing else 0.0
        return min(heard.position_s + elapsed_s, self._duration_s)

    def _message(self) -> str:
        news = self._host.news
        if _PORTAUDIO_MISSING in news.reason:
            return _INSTALL_PORTAUDIO
        if news.state is DeviceState.MISSING:
            return f"{_NO_OUTPUT if news.key is None else _NOT_THERE} {news.reason}".strip()
        if news.state is DeviceState.LOST:
            return f"{_WENT_AWAY.format(name=news.name or 'The audio output')} {news.reason}".strip()
        return ""
