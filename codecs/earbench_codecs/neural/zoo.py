"""All architectures by name, and named sizes of each.

A coder of one's own is a Python file in `$EARBENCH_HOME/coders`, or in the data folder of the platform
without it, that calls `add_architecture`; all such files run when this module is imported.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from earbench_codecs.errors import PluginError, SettingError
from earbench_codecs.neural.framing import Framing
from earbench_codecs.neural.kankanahalli import Kankanahalli, KankanahalliConfig
from earbench_codecs.neural.koishekenov import Koishekenov, KoishekenovConfig
from earbench_codecs.neural.mdct_hyper import MdctHyper
from earbench_codecs.neural.mdct_hyper_config import MdctHyperConfig
from earbench_codecs.neural.pam_nac import PamNac, PamNacConfig
from earbench_codecs.neural.resglu import ResGlu, ResGluConfig
from earbench_codecs.neural.spectral import SpectralConfig
from earbench_codecs.neural.spectral_coders import KankanahalliMdct, KoishekenovMdct, PamNacMdct, ResGluMdct
from earbench_codecs.neural.vred import Vred, VredConfig
from earbench_codecs.neural.vred_adaptive import VredAdaptive, VredAdaptiveConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from earbench_codecs.neural.coder import Coder, CoderConfig

HOME_VARIABLE = "EARBENCH_HOME"
_architectures: dict[str, type[Coder]] = {}
_sizes: dict[str, tuple[str, CoderConfig]] = {}
_broken: dict[Path, str] = {}

ARCHITECTURES: Mapping[str, type[Coder]] = MappingProxyType(_architectures)
"""Name in a checkpoint → class."""
SIZES: Mapping[str, tuple[str, CoderConfig]] = MappingProxyType(_sizes)
"""Name in a recipe → architecture and configuration."""


def add_architecture(coder: type[Coder], sizes: Mapping[str, CoderConfig]) -> None:
    """Make an architecture and its named sizes known; a coder of one's own calls this once.

    Raises
    ------
    PluginError
        The architecture or a size is known already.
    """
    for name in (coder.architecture, *sizes):
        if name in (_architectures if name == coder.architecture else _sizes):
            raise PluginError(f"a neural coder named {name!r} exists already; give this one another name")
    _architectures[coder.architecture] = coder
    _sizes.update({name: (coder.architecture, config) for name, config in sizes.items()})


def build(size: str) -> Coder:
    """Return a coder of a named size, with random parameters.

    Raises
    ------
    SettingError
        There is none of that name.
    """
    if size not in SIZES:
        raise SettingError(f"no neural coder of the size {size!r}; there are: {', '.join(SIZES)}")
    architecture, config = SIZES[size]
    return ARCHITECTURES[architecture](config)


def config_to_json(config: CoderConfig) -> dict[str, object]:
    """Return a configuration as JSON; `build_from_json` reads it back."""
    json: dict[str, object] = TypeAdapter(type(config)).dump_python(config, mode="json")
    return json


def build_from_json(architecture: str, config: Mapping[str, object]) -> Coder:
    """Return a coder of a stored configuration, with random parameters.

    Raises
    ------
    SettingError
        The architecture is not known, or the configuration is not one of its.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        broken = "".join(f"; {path} failed: {reason}" for path, reason in _broken.items())
        raise SettingError(f"no neural architecture {architecture!r}; there are: {known}{broken}")
    coder = ARCHITECTURES[architecture]
    try:
        return coder(TypeAdapter(coder.config_type).validate_python(dict(config)))
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingError(f"{architecture} has no such configuration: {where}{reason}") from error


_SPEECH = SpectralConfig(sample_rate_hz=16_000, framing=Framing(2048, 32), level="peak")
_MUSIC = SpectralConfig(
    sample_rate_hz=32_000, framing=Framing(4096, 64), level="std", transform=512, step=0.25
)
_FULL_BAND = SpectralConfig(
    sample_rate_hz=48_000, framing=Framing(8192, 128), level="peak", transform=1024, step=0.06, unit=1.0
)
_COMPANDED = replace(_MUSIC, middle=0.03)  # what the companding quantiser makes of its zeroth level

add_architecture(Kankanahalli, {"kankanahalli": KankanahalliConfig()})
add_architecture(KankanahalliMdct, {"kankanahalli-small": _SPEECH})
add_architecture(Koishekenov, {"koishekenov": KoishekenovConfig()})
add_architecture(KoishekenovMdct, {"koishekenov-small": _FULL_BAND})
add_architecture(
    PamNac,
    {
        "pam-nac-32k": PamNacConfig(),
        "pam-nac-32k-2": PamNacConfig(n_modules=2),
        "pam-nac-44k": PamNacConfig(sample_rate_hz=44_100, crest=13.79),
        "pam-nac-44k-2": PamNacConfig(sample_rate_hz=44_100, crest=13.79, n_modules=2),
    },
)
add_architecture(PamNacMdct, {"pam-nac-small": _MUSIC})
add_architecture(ResGlu, {"resglu": ResGluConfig()})
add_architecture(ResGluMdct, {"resglu-small": _COMPANDED})
add_architecture(
    Vred,
    {
        "vred": VredConfig(),
        "vred-paper-chunks": VredConfig(framing=Framing(44 * 20, 44, "none")),
    },
)
add_architecture(VredAdaptive, {"vred-small": VredAdaptiveConfig()})


def _music(sample_rate_hz: int) -> MdctHyperConfig:
    """Return a coder for music, to be trained with the masking threshold."""
    return MdctHyperConfig(
        sample_rate_hz=sample_rate_hz,
        framing=Framing(48 * 1024, 128, "half-sine", "both"),
        level="std",
        crest=0.2,
        transform=1024,
        nodes=56,
        terms=("masked", "holes"),
        coarsest=15,
        lowest_gain=0.2,
        highest_gain=300.0,
        fill=0.3,
        fill_from_hz=4000.0,
        full_from_hz=10_000.0,
        hole_levels=True,
        parts=4,
    )


add_architecture(
    MdctHyper,
    {
        "mdct-hyper-16k": MdctHyperConfig(
            sample_rate_hz=16_000, framing=Framing(96 * 256, 64, "half-sine", "both"), level="std"
        ),
        "mdct-hyper-16k-low-delay": MdctHyperConfig(
            sample_rate_hz=16_000,
            framing=Framing(192 * 128, 64, "half-sine", "both"),
            level="std",
            transform=128,
            look_ahead=False,
        ),
        "mdct-hyper-44k": _music(44_100),
        "mdct-hyper-48k": _music(48_000),
    },
)


def coders_folder() -> Path:
    """Return the folder of the user's own coders."""
    from platformdirs import user_data_path

    home = os.environ.get(HOME_VARIABLE)
    return (Path(home) if home else user_data_path("earbench", appauthor=False)) / "coders"


def _add_own_coders() -> None:
    """Run the user's files; what one of them throws is told where its coder is asked for."""
    for path in sorted(coders_folder().glob("*.py")):
        try:
            _run(path)
        except PluginError as error:
            _broken[path] = str(error)


def _run(path: Path) -> None:
    name = f"earbench_own_coders.{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("it is no Python file")
    sys.modules[name] = module = module_from_spec(spec)  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PluginError(f"{type(error).__name__}: {error}") from error


_add_own_coders()
