"""What the device's callback plays, sample by sample: one playhead, one envelope, no device.

Everything that could click (a switch, a seek, a pause, the seam of a loop, the end) happens at gain 0. The
envelope walks down a raised cosine to get there, the change is made, and it walks up again. It therefore
never jumps, whatever arrives while it walks: a later change only turns it round, or alters what waits for 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from earbench_app.playback.player import FADE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

N_CHANNELS = 2
GAIN_RAMP_S = 0.02


class Renderer:
    """Renders stimuli block by block; the same samples come out whatever the block sizes.

    A stimulus may be announced before its samples are there (`None`); the playhead waits for it.

    Parameters
    ----------
    sample_rate_hz : int
        Of the device. Positions in the interface are seconds, inside they are samples at this rate.
    gain : float
        Linear, to begin with.

    Attributes
    ----------
    index : int
        The stimulus chosen: heard, or being faded to.
    playing : bool
        False from the moment a pause is asked for or the end is reached.
    """

    def __init__(self, sample_rate_hz: int, gain: float = 1.0) -> None:
        self.sample_rate_hz = sample_rate_hz
        self.index = 0
        self.playing = False
        self._stimuli: list[Frames | None] = []
        self._n_frames = 0
        self._source: Frames | None = None  # what sounds now; kept through a change until it has faded
        self._source_index = 0
        self._playhead = 0
        self._jump: int | None = None  # where the playhead goes at gain 0
        self._loop: tuple[int, int] | None = None
        self._step = 0  # of the envelope, 0 (silent) to n_fade
        self._gain = _GainRamp(round(GAIN_RAMP_S * sample_rate_hz), gain)
        self._set_envelope()

    def _set_envelope(self) -> None:
        self._n_fade = round(FADE_S * self.sample_rate_hz)
        steps = np.arange(self._n_fade + 1)
        self._envelope = ((1 - np.cos(np.pi * steps / self._n_fade)) / 2).astype(np.float32)

    @property
    def position(self) -> int:
        """The playhead in samples, or where it is about to jump."""
        return self._playhead if self._jump is None else self._jump

    @property
    def advancing(self) -> bool:
        """Whether the playhead is moving: it goes on through a fade-out, and waits for a missing stimulus."""
        return self._step > 0 or (self.playing and self._wanted() is not None)

    def load(self, n_stimuli: int, n_frames: int) -> None:
        """Announce new stimuli: stop, clear the loop, go to the start."""
        self._stimuli = [None] * n_stimuli
        self._n_frames = n_frames
        self.index, self.playing, self._loop, self._jump = 0, False, None, 0

    def attach(self, stimuli: Sequence[Frames | None]) -> None:
        """Set the stimuli, [T, 2] each, as far as they are there; playing goes on.

        Where the chosen stimulus is another array than before, it is faded to.
        """
        self._stimuli = list(stimuli)
        self._n_frames = next((len(frames) for frames in stimuli if frames is not None), self._n_frames)

    def retune(self, sample_rate_hz: int) -> None:
        """Go over to another device rate; the position is kept, the samples must be attached anew."""
        scale = sample_rate_hz / self.sample_rate_hz
        self.sample_rate_hz = sample_rate_hz
        self._playhead, self._jump = round(self.position * scale), None
        self._n_frames = round(self._n_frames * scale)
        if self._loop is not None:
            self._loop = (round(self._loop[0] * scale), round(self._loop[1] * scale))
        self._stimuli = [None] * len(self._stimuli)
        self._source, self._step = None, 0
        self._gain = _GainRamp(round(GAIN_RAMP_S * sample_rate_hz), self._gain.target)
        self._set_envelope()

    def play(self) -> None:
        """Start at the playhead; from the start, or the loop's, if it stands at the end."""
        if not self.playing and self.position >= self._n_frames:
            self._jump = self._start
        self.playing = bool(self._stimuli)

    def pause(self) -> None:
        """Fade out and hold."""
        self.playing = False

    def stop(self) -> None:
        """Fade out and go to the loop's start, or to 0."""
        self.playing, self._jump = False, self._start

    def select(self, index: int) -> None:
        """Choose a stimulus."""
        self.index = index

    def seek(self, position_s: float) -> None:
        """Move the playhead, clamped to the stimuli."""
        self._jump = min(max(round(position_s * self.sample_rate_hz), 0), self._n_frames)

    def set_loop(self, region_s: tuple[float, float] | None) -> None:
        """Loop a region, or none; a playhead outside it goes to its start."""
        if region_s is None:
            self._loop = None
            return
        start, end = (round(second * self.sample_rate_hz) for second in region_s)
        self._loop = (start, min(end, self._n_frames))
        fades_by = self.position + (self._step if self._jump is None else 0)
        if not start <= self.position or not fades_by < self._loop[1]:
            self._jump = start

    def set_gain(self, gain: float) -> None:
        """Set the linear output gain, reached by a linear ramp of 20 ms."""
        self._gain.go_to(gain)

    def rewind(self, n_frames: int) -> None:
        """Be silent at once, and take back the last frames, which a lost device never played."""
        begin = self._start if self._playhead >= self._start else 0
        if self._jump is None:
            self._playhead = max(self._playhead - n_frames, begin)
        self._source, self._step = None, 0

    def render(self, out: Frames) -> None:
        """Fill `out`, [n, 2], with the next n frames."""
        done = 0
        while done < len(out):
            if self._step == 0 and not self._settle():
                out[done:] = 0
                break
            done += self._run(out[done:])
        self._gain.apply(out)

    @property
    def _start(self) -> int:
        return 0 if self._loop is None else self._loop[0]

    def _wanted(self) -> Frames | None:
        return self._stimuli[self.index] if self.index < len(self._stimuli) else None

    def _settle(self) -> bool:
        """At gain 0, make the changes that waited for it; return whether there is something to play."""
        self._source, self._source_index = self._wanted(), self.index
        if self._jump is not None:
            self._playhead, self._jump = self._jump, None
        if self._source is None or not self.playing:
            return False
        if self._playhead >= self._seam():
            self.playing = self._loop is not None
            self._playhead = self._start if self.playing else self._n_frames
        return self.playing

    def _seam(self) -> int:
        """Where the playhead cannot go on: the loop's end, or the end."""
        if self._loop is not None and self._playhead <= self._loop[1]:
            return self._loop[1]
        return 0 if self._source is None else len(self._source)

    @property
    def _must_fade(self) -> bool:
        """Whether something waits for gain 0.

        A switch does even between equal samples: its fade must not give the hidden reference away.
        """
        switched = self._wanted() is not self._source or self.index != self._source_index
        return not self.playing or self._jump is not None or switched

    def _run(self, out: Frames) -> int:
        """Render as far as the envelope goes on in one direction; return the number of frames."""
        if self._source is None:
            raise RuntimeError("nothing to render")
        n, direction = self._next_run()
        n = min(n, len(out))
        samples = self._source[self._playhead : self._playhead + n]
        if direction == 0 and self._step == self._n_fade:
            out[:n] = samples
        else:
            steps = self._step + direction * np.arange(1, n + 1)
            np.multiply(samples, self._envelope[steps, np.newaxis], out=out[:n])
        self._step += direction * n
        self._playhead += n
        return n

    def _next_run(self) -> tuple[int, int]:
        """Return for how many samples the envelope goes down (-1), stays (0) or up (1).

        Never above the number of samples left to the seam, so that the gain is 0 when it gets there.
        """
        left = self._seam() - self._playhead
        if self._step > 0 and (self._must_fade or left <= self._step):
            return self._step, -1
        if self._step == self._n_fade:
            return left - self._n_fade, 0
        n_up = min(self._n_fade - self._step, (left - self._step) // 2)
        return (n_up, 1) if n_up > 0 else (1, 0)


class _GainRamp:
    """A linear ramp from where the gain is to where it was last asked to go."""

    def __init__(self, n_ramp: int, gain: float) -> None:
        self.target = gain
        self._n_ramp = n_ramp
        self._from = gain
        self._done = n_ramp

    def go_to(self, gain: float) -> None:
        self._from = self._at(self._done)
        self.target, self._done = gain, 0

    def _at(self, step: int) -> float:
        return self._from + (self.target - self._from) * (step / self._n_ramp)

    def apply(self, out: Frames) -> None:
        n = min(self._n_ramp - self._done, len(out))
        if n > 0:
            steps = np.arange(self._done + 1, self._done + n + 1) / self._n_ramp
            out[:n] *= (self._from + (self.target - self._from) * steps).astype(np.float32)[:, np.newaxis]
            self._done += n
        if self.target != 1.0:
            out[n:] *= np.float32(self.target)
