"""What the demo opens: the bundled clips and a few versions that are soon made, two by neural coders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_assets import clip_paths
from earbench_codecs.setting import Setting

if TYPE_CHECKING:
    from pathlib import Path

DEMO_VERSIONS = (
    ("mp3", Setting.of(64)),
    ("opus", Setting.of(32)),
    ("aac", Setting.of(64)),
    ("amr-wb", Setting.of(12.65)),
    ("kankanahalli-small-24", Setting()),
    ("resglu-small", Setting()),
)


def demo_paths() -> list[Path]:
    """Return the bundled clips, one of music with sharp attacks first."""
    return sorted(clip_paths(), key=lambda path: (path.stem != "rock_feelings", path.name))
