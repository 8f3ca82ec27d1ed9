"""A clip and its versions as the presenter of its pictures sees them, without encoders or sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from psygnal import Signal

from earbench_app.audition.workspace import Version, Workspace
from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.analysis_scene import Scene
from earbench_app.presenters.audition_playback import AuditionPlayback
from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from earbench_app.playback.player import Player

RATE_HZ = 16_000


class Rates:
    """No bitrate is ever changed."""

    revised, measured = Signal(int), Signal(int)

    def part(self, version_id: int) -> None:
        """All of a version is at its bitrate."""


class Audition:
    """What `Scene` looks at."""

    versions_shown = Signal()

    def __init__(self, player: Player | None = None) -> None:
        self.workspace = Workspace()
        self.playback = AuditionPlayback(player or FakePlayer())
        self.rates = Rates()

    def scene(self) -> Scene:
        return Scene(cast("Any", self))

    def load(self, original: AudioClip) -> None:
        self.playback.load(original)

    def add(self, version_id: int, title: str, audio: AudioClip) -> None:
        version = Version(version_id, "mp3", title, Setting.of(64), len(self.workspace.versions))
        self.workspace.versions.append(version)
        self.playback.join(version_id, audio)


class Later:
    """Looks like LatestOnly; computes when the test says so."""

    def __init__(self) -> None:
        self.requests: dict[str, tuple[Any, Any]] = {}

    def request(self, key: str, function: Any, done: Any) -> None:
        self.requests[key] = (function, done)

    def drop(self, key: str) -> None:
        self.requests.pop(key, None)

    def run(self, key: str) -> None:
        function, done = self.requests.pop(key)
        done(function())


def sine(frequency_hz: float, seconds: float = 4.0, level: float = 1.0) -> AudioClip:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return AudioClip.mono(level * np.sin(2 * np.pi * frequency_hz * t), RATE_HZ)


def noise(seconds: float = 4.0, level: float = 0.1, n_channels: int = 2) -> AudioClip:
    rng = np.random.default_rng(0)
    return AudioClip(
        (level * rng.standard_normal((n_channels, round(seconds * RATE_HZ)))).astype(np.float32), RATE_HZ
    )


def frame_db(clip: AudioClip, centre: int, window: ArrayLike) -> np.ndarray:
    """Return the plain spectrum of one window about a sample, dB relative to a full-scale sine."""
    window = np.asarray(window, np.float64)
    padded = np.pad(clip.samples.astype(np.float64), ((0, 0), (len(window), len(window))))
    start = centre - len(window) // 2 + len(window)
    spectrum = np.fft.rfft(padded[:, start : start + len(window)] * window) * 2 / window.sum()
    return np.asarray(10 * np.log10(np.mean(np.abs(spectrum) ** 2, axis=0) + 1e-30))
