"""The MUSHRA study of the demo: bundled clips through MP3 and Opus, made once in the user's data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.settings import data_dir
from earbench_app.study_builder import BuildProgress, build_study
from earbench_app.study_plan import StudyPlan, Use
from earbench_app.study_request import planned_condition, planned_item
from earbench_assets import clip_paths
from earbench_codecs import registry
from earbench_codecs.base import Setting

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from earbench_mushra.design import Study

_TESTED = ("castanets", "harpsichord_bach", "rock_feelings", "speech_en_sonnet")
_TRAINING = "glockenspiel"
_REGION_S = (1.0, 7.0)
_SYSTEMS = (("mp3", 32.0), ("mp3", 64.0), ("opus", 24.0), ("opus", 64.0))


def demo_folder() -> Path:
    """Return where the demo study is, or will be."""
    return data_dir() / "demo-study"


def build_demo_study() -> Generator[BuildProgress, None, Study]:
    """Make it step by step; see `study_builder.build_study`."""
    yield BuildProgress(0, 1, "Reading the clips")
    return (yield from build_study(demo_plan(), demo_folder()))


def demo_plan() -> StudyPlan:
    """Return the plan: four items and one for training, codecs that are available, both anchors."""
    paths = {path.stem: path for path in clip_paths()}
    tested = [planned_item(paths[stem], _REGION_S, Use.TEST) for stem in _TESTED]
    systems = [
        planned_condition(registry.codec(name).info, Setting.of(kbps))
        for name, kbps in _SYSTEMS
        if registry.codec(name).info.available
    ]
    return StudyPlan(
        name="demo",
        items=(*tested, planned_item(paths[_TRAINING], _REGION_S, Use.TRAINING)),
        conditions=tuple(systems),
    )
