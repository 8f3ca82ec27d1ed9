"""All of the analysis: its presenters, and the processes and the thread they compute in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.background.latest import LatestOnly
from earbench_app.background.pool import ProcessPool
from earbench_app.background.progress import Batch
from earbench_app.presenters.analysis_audible import AudiblePresenter
from earbench_app.presenters.analysis_codes import CodesPresenter
from earbench_app.presenters.analysis_figures import FiguresPresenter
from earbench_app.presenters.analysis_levels import LevelsPresenter, SpectrumPresenter
from earbench_app.presenters.analysis_map import MapPresenter
from earbench_app.presenters.analysis_noise import NoisePresenter
from earbench_app.presenters.analysis_scene import Scene

if TYPE_CHECKING:
    from psygnal import SignalInstance

    from earbench_app.background.pool import Post
    from earbench_app.presenters.audition import AuditionPresenter
    from earbench_app.views.analysis_protocols import (
        CodesView,
        FiguresView,
        LevelsView,
        MapView,
        NoiseView,
        SpectrumView,
    )


class Analysis:
    """Looks at what the audition page has loaded.

    The plot that follows the playhead has a process of its own; maps and metrics queue for another. Both
    import torch, which the interface's process never does.

    Parameters
    ----------
    audition : AuditionPresenter
    post : callable
        Runs what it is given on the interface's thread.
    ticked : SignalInstance
        Emitted at each repaint of the playhead.
    """

    def __init__(
        self,
        audition: AuditionPresenter,
        post: Post,
        ticked: SignalInstance,
        *,
        noise: NoiseView,
        maps: MapView,
        spectrum: SpectrumView,
        levels: LevelsView,
        codes: CodesView,
        figures: FiguresView,
    ) -> None:
        self.batch, self.separating = Batch("measuring"), Batch("separating")
        self._follower = ProcessPool(1, post, niceness=5)
        self._workers = ProcessPool(1, post)
        self._thread = LatestOnly(post, needs=("scipy.signal",))
        self.scene = scene = Scene(audition)
        self._playback = audition.playback
        self.noise = NoisePresenter(noise, scene, self._follower)
        self.maps = MapPresenter(maps, scene, self._workers, self._thread, self.batch)
        self.audible = AudiblePresenter(maps, scene, self._workers, self.separating)
        self.spectrum = SpectrumPresenter(spectrum, scene, self._thread)
        self.levels = LevelsPresenter(levels, scene, self._thread)
        self.codes = CodesPresenter(codes, scene, audition.maker, self._workers, self.batch)
        self.figures = FiguresPresenter(
            figures, scene, audition.maker, self.maps, self.levels, self._workers, self.batch
        )
        ticked.connect(self.tick)

    def tick(self) -> None:
        """Follow the playhead."""
        position_s = self._playback.status().position_s
        self.noise.follow(position_s)
        self.levels.follow(position_s)

    def cancel(self) -> None:
        """Stop measuring."""
        self.maps.cancel()
        self.codes.cancel()
        self.figures.cancel()

    def close(self) -> None:
        """End the processes and the thread."""
        for part in (self._follower, self._workers, self._thread):
            part.close()
