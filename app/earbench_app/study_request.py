"""Files and codecs as a user names them, turned into parts of a study plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from earbench_app.study_plan import PlannedCondition, PlannedItem, Use
from earbench_codecs.setting import checked

if TYPE_CHECKING:
    from pathlib import Path

    from earbench_codecs.base import CodecInfo, Setting


def planned_item(
    path: Path, region_s: tuple[float, float] | None = None, use: Use = Use.BOTH, title: str = ""
) -> PlannedItem:
    """Look at an audio file and plan an item of it.

    Raises
    ------
    AudioFileError
        It cannot be read.
    """
    from earbench_codecs.clip_files import read_clip

    clip = read_clip(path)
    return PlannedItem(path, title or path.stem, clip.duration_s, region_s, use, clip.n_channels)


def planned_condition(info: CodecInfo, setting: Setting) -> PlannedCondition:
    """Plan a condition; the setting is checked, defaults filled in.

    Raises
    ------
    SettingError
    """
    setting = checked(info, setting)
    label = short_label(info, setting)
    rate, _, options = label.partition(" ") if setting.kbps is not None else ("", "", label)
    named = (info.name, options) if info.kind == "neural" else (info.title, rate and f"{rate} kbps", options)
    return PlannedCondition(info.name, setting, " ".join(filter(None, named)), label, info.sha256)


def short_label(info: CodecInfo, setting: Setting) -> str:
    """Return a setting without what is the codec's default, such as ``64``, ``vbr=2`` or ``24 mode=vbr``."""
    defaults = {option.name: option.values[0] for option in info.options}
    rate = [] if setting.kbps is None else [f"{setting.kbps:g}"]
    return " ".join(
        rate + [f"{name}={value}" for name, value in setting.options if value != defaults.get(name)]
    )


def conditions_named(text: str) -> list[PlannedCondition]:
    """Read what `settings_named` does: ``NAME``, ``NAME@KBPS,KBPS``, ``NAME@all``, ``NAME@option=value``.

    Raises
    ------
    CodecError
        An unknown or unavailable codec, or a setting it does not have; with what there is.
    """
    from earbench_codecs.metrics.evaluation import settings_named
    from earbench_codecs.registry import codec

    return [planned_condition(codec(name).info, setting) for name, setting in settings_named(text)]


def region_named(text: str) -> tuple[float, float]:
    """Read ``START:END`` in seconds.

    Raises
    ------
    ValueError
    """
    start, _, end = text.partition(":")
    try:
        region = float(start), float(end)
    except ValueError:
        raise ValueError(f"{text!r} is not START:END in seconds, such as 1.5:9") from None
    if not 0 <= region[0] < region[1]:
        raise ValueError(f"{text!r}: the start must be 0 or more, and before the end")
    return region
