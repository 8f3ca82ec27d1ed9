"""The codecs as the window lists them: those of a kind together, checkpoints under their network."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_codecs.setting import CodecInfo, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from earbench_codecs.registry import Registry

_KINDS = {"reference": "Reference codecs", "plugin": "Plug-ins", "anchor": "Anchors of BS.1534"}
STEPS = "Single steps of runs, such as those kept for blind tests"
UNREADABLE = "Files that are no checkpoints"


@dataclass(frozen=True, slots=True)
class ListedCheckpoint(CodecInfo):
    """A codec that is a checkpoint.

    Parameters
    ----------
    architecture, network : str
        Its network's name and title; both empty where the file cannot be read.
    path : Path
    own : bool
        Whether it lies in the user's folder, and so can be removed.
    is_step : bool
        Whether it is what a run kept of one of its steps, under the name that the run gave it.
    """

    architecture: str = ""
    network: str = ""
    path: Path = field(default_factory=Path)
    own: bool = False
    is_step: bool = False


@dataclass(frozen=True, slots=True)
class CodecSection:
    """Codecs under one heading; `neural` for a network, trained or not."""

    title: str
    codecs: tuple[CodecInfo, ...]
    neural: bool = False


def list_codecs() -> list[CodecInfo]:
    """Return all codecs, with the folders of checkpoints looked at anew; slow, hence for a worker process.

    A network is listed by itself only while there is no checkpoint of it; how to come by one is told as
    the window's user does it.
    """
    from earbench_codecs.registry import default_registry

    registry = default_registry()
    registry.refresh_checkpoints()
    checkpoints = {name: _listed(registry, name) for name in registry.checkpoints}
    trained = {one.architecture for one in checkpoints.values()}
    return [
        checkpoints.get(info.name) or (_untrained(info) if is_untrained(info) else info)
        for info in registry.codecs()
        if info.name in checkpoints or not (info.kind == "neural" and info.name in trained)
    ]


def sections(codecs: Iterable[CodecInfo]) -> list[CodecSection]:
    """Group codecs: references, each network's checkpoints, networks without one, the rest.

    Within a group those that can be used come first.
    """
    there = sorted(codecs, key=lambda info: not info.available)
    networks = dict.fromkeys(network_of(info) for info in there if info.kind == "neural")
    neural = [
        CodecSection(title, tuple(i for i in there if i.kind == "neural" and network_of(i) == title), True)
        for title in sorted(networks, key=lambda title: (title == UNREADABLE, title == STEPS))
    ]
    reference, *others = (
        CodecSection(title, tuple(info for info in there if info.kind == kind))
        for kind, title in _KINDS.items()
    )
    return [section for section in (reference, *neural, *others) if section.codecs]


def network_of(info: CodecInfo) -> str:
    """Return the title of a neural codec's network; single steps of runs are apart."""
    if isinstance(info, ListedCheckpoint) and info.is_step:
        return STEPS
    return (info.network or UNREADABLE) if isinstance(info, ListedCheckpoint) else info.title


def version_title(info: CodecInfo, setting: Setting) -> str:
    """Return a version's title; of a checkpoint its name, which tells apart two with the same title.

    Its rate is part of the checkpoint, so that only what was chosen beside it is added; save where it takes
    any rate.
    """
    if info.kind != "neural":
        return f"{info.title} {info.label(setting)}".strip()
    chosen = setting if info.continuous else Setting(None, setting.options)
    return f"{info.name} {info.label(chosen)}".strip()


def is_untrained(info: CodecInfo) -> bool:
    """Whether it is a network that lacks but a checkpoint: nothing is wrong with it."""
    return info.kind == "neural" and not info.available and not isinstance(info, ListedCheckpoint)


def origin(info: CodecInfo) -> str:
    """Return where a codec comes from."""
    if isinstance(info, ListedCheckpoint):
        if not info.available:
            return "cannot be read"
        return "a run's step" if info.is_step else "yours" if info.own else "bundled"
    if is_untrained(info):
        return "no checkpoint"
    if not info.available:
        return "not available"
    return "plug-in" if info.kind == "plugin" else "built in"


def short_facts(info: CodecInfo) -> str:
    """Return what a line says of a neural codec, such as ``16 kHz · mono · 0.45 M parameters · yours``."""
    parts = [f"{rate / 1000:g} kHz" for rate in info.sample_rates_hz]
    parts += ["mono" if info.max_channels == 1 else "stereo"] if info.available else []
    parts += [f"{info.parameters / 1e6:.2f} M parameters"] if info.parameters else []
    return " · ".join([*parts, origin(info)])


def all_facts(info: CodecInfo) -> list[tuple[str, str]]:
    """Return names and values for the head of a codec's card."""
    kbps = [f"{kbps:g}" for kbps in info.bitrates_kbps]
    rates_hz = [f"{rate / 1000:g} kHz" for rate in info.sample_rates_hz]
    facts = [
        ("Name", info.name),
        ("Rate", _span(kbps, " kbps")),
        ("Sample rate", _span(rates_hz, "") or ("any" if info.available else "")),
        ("Parameters", f"{info.parameters:,}".replace(",", "\u202f") if info.parameters else ""),
        ("Version", info.version),
        ("From", origin(info)),
        ("File", str(info.path) if isinstance(info, ListedCheckpoint) else ""),
        ("SHA-256", info.sha256 or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _span(values: Sequence[str], unit: str) -> str:
    if not values:
        return ""
    return f"{values[0]}{unit}" if len(values) == 1 else f"{values[0]} to {values[-1]}{unit}"


def _untrained(info: CodecInfo) -> CodecInfo:
    from earbench_codecs.neural.codec import RECIPES

    reason = (
        "there is no checkpoint of it at the paper's size; train one on the page Training "
        f"by the recipe {RECIPES[info.name]}, or add one you have with “Add a checkpoint…”"
    )
    return replace(info, reason=reason)


def _listed(registry: Registry, name: str) -> ListedCheckpoint:
    from earbench_codecs.neural.checkpoint_info import own_folder
    from earbench_codecs.neural.codec import NeuralCodec, network_title

    info, path = registry.info(name), registry.checkpoints[name]
    codec = registry.codec(name) if info.available else None
    description = codec.description if isinstance(codec, NeuralCodec) else None
    architecture = description.architecture if description else ""
    facts = {one.name: getattr(info, one.name) for one in fields(info)}
    return ListedCheckpoint(
        **facts,
        architecture=architecture,
        network=network_title(architecture),
        path=path,
        own=path.parent == own_folder(),
        is_step=description is not None and description.name.endswith(f"-step-{description.step}"),
    )
