"""What can be asked of a codec, and what a codec says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from earbench_codecs.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable

Scalar = str | int | float | bool
Kind = Literal["reference", "neural", "anchor", "plugin"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a researcher asks of a codec.

    Parameters
    ----------
    kbps : float, optional
        Bitrate of one stream, all its channels together; None for a codec without one, or where an
        option such as a VBR quality takes its place. A clip with more channels than the codec's
        `max_channels` makes several streams, each at this rate.
    options : tuple of (name, value), sorted by name
        The codec's own knobs, such as ``("mode", "vbr")``. Build with `Setting.of`.
    """

    kbps: float | None = None
    options: tuple[tuple[str, Scalar], ...] = ()

    @classmethod
    def of(cls, kbps: float | None = None, **options: Scalar) -> Setting:
        """Build a setting from keywords."""
        return cls(None if kbps is None else float(kbps), tuple(sorted(options.items())))

    def get(self, name: str, default: Scalar) -> Scalar:
        """Return the option's value, or the default where it was not set."""
        return dict(self.options).get(name, default)

    def to_json(self) -> dict[str, Scalar | None]:
        """Return a flat JSON object; `from_json` reads it back."""
        return {"kbps": self.kbps, **dict(self.options)}

    @classmethod
    def from_json(cls, data: dict[str, Scalar | None]) -> Setting:
        """Read what `to_json` wrote.

        Raises
        ------
        SettingError
            The bitrate is not a number.
        """
        kbps = data.get("kbps")
        if isinstance(kbps, str):
            raise SettingError(f"kbps must be a number, not {kbps!r}")
        options = {k: v for k, v in data.items() if k != "kbps" and v is not None}
        return cls.of(kbps, **options)

    @property
    def label(self) -> str:
        """Short text for a table, such as ``64`` or ``vbr 2``."""
        rate = [] if self.kbps is None else [f"{self.kbps:g}"]
        return " ".join(rate + [str(value) for _, value in self.options])


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One knob beside the bitrate.

    Parameters
    ----------
    name : str
    values : tuple of Scalar
        What it takes; the first is the default.
    help : str
    replaces_bitrate : bool
        Any value but the default takes the place of `Setting.kbps`, as a VBR quality does.
    shown : str
        How a label has its value, which takes the place of the braces.
    """

    name: str
    values: tuple[Scalar, ...]
    help: str
    replaces_bitrate: bool = False
    shown: str = "{}"


@dataclass(frozen=True, slots=True)
class CodecInfo:
    """What a codec says of itself, without loading anything heavy.

    Parameters
    ----------
    name : str
        Stable identifier, as in ``--codec mp3``.
    title : str
        For people.
    kind : {"reference", "neural", "anchor", "plugin"}
    version : str
        Version of the encoder behind it; part of the cache key and of each bitstream.
    sample_rates_hz : tuple of int
        Rates it codes natively; empty means any. Others are resampled both ways, and said so.
    max_channels : int
        More channels are coded one by one, and said so.
    bitrates_kbps : tuple of float
        The rates to offer; with `continuous`, any rate between the first and the last is accepted.
        Empty for a codec without a rate.
    continuous : bool
    default : Setting
    options : tuple of OptionInfo
    constant_rate : bool
        Whether the measured rate is meant to equal the rate asked.
    available : bool
    reason : str
        Why it is not available, and the command that installs what is missing.
    parameters : int, optional
        Number of trained parameters of a neural codec.
    sha256 : str, optional
        Hash of its checkpoint.
    description : str
    """

    name: str
    title: str
    kind: Kind
    version: str
    sample_rates_hz: tuple[int, ...] = ()
    max_channels: int = 2
    bitrates_kbps: tuple[float, ...] = ()
    continuous: bool = False
    default: Setting = field(default_factory=Setting)
    options: tuple[OptionInfo, ...] = ()
    constant_rate: bool = True
    available: bool = True
    reason: str = ""
    parameters: int | None = None
    sha256: str | None = None
    description: str = ""

    def label(self, setting: Setting) -> str:
        """Short text for a table: the setting without options at their defaults."""
        known = {option.name: option for option in self.options}
        shown = {
            name: known[name].shown.format(value) if name in known else value
            for name, value in setting.options
            if name not in known or known[name].values[0] != value
        }
        return Setting.of(setting.kbps, **shown).label


def options_written(info: CodecInfo, pairs: Iterable[tuple[str, str]]) -> dict[str, Scalar]:
    """Return options by name: the codec's own value that is written so, the text where there is none.

    Raises
    ------
    SettingError
        An option is given twice.
    """
    options: dict[str, Scalar] = {}
    for name, text in pairs:
        if name in options:
            raise SettingError(f"{name} is given twice: {options[name]} and {text}; leave one out")
        known = {str(v): v for option in info.options if option.name == name for v in option.values}
        options[name] = known.get(text, text)
    return options


def checked(info: CodecInfo, setting: Setting) -> Setting:
    """Fill in defaults and refuse what the codec does not have; checking twice changes nothing.

    Raises
    ------
    SettingError
        Names the value and what is allowed.
    """
    options = _checked_options(info, setting)
    kbps = setting.kbps
    replacing = [
        f"{option.name}={options[option.name]}"
        for option in info.options
        if option.replaces_bitrate and options[option.name] != option.values[0]
    ]
    if replacing and kbps is not None:
        raise SettingError(f"{info.name} takes a bitrate or {replacing[0]}, not both; leave one out")
    if kbps is None and not replacing:
        kbps = info.default.kbps
    if kbps is not None:
        _check_bitrate(info, kbps)
    return Setting.of(kbps, **options)


def _checked_options(info: CodecInfo, setting: Setting) -> dict[str, Scalar]:
    """Return all options of the codec, those not given at their defaults."""
    known = {option.name: option for option in info.options}
    options = {option.name: option.values[0] for option in info.options}
    for name, value in setting.options:
        if name not in known:
            raise SettingError(f"{info.name} has no option {name!r}; it has: {', '.join(known) or 'none'}")
        values = known[name].values
        if value not in values:
            allowed = ", ".join(map(str, values))
            raise SettingError(f"{info.name} {name}={value!r} is not one of: {allowed}{_instead(info, name)}")
        options[name] = values[values.index(value)]
    return options


def _instead(info: CodecInfo, name: str) -> str:
    """Return what could be meant: the codec's other options that take the place of a bitrate."""
    others = [
        f"{option.name}={option.values[1]} to {option.values[-1]}"
        for option in info.options
        if option.replaces_bitrate and option.name != name
    ]
    return f"; in place of a bitrate it takes {' or '.join(others)}" if others else ""


def _check_bitrate(info: CodecInfo, kbps: float) -> None:
    rates = info.bitrates_kbps
    if not rates:
        raise SettingError(f"{info.name} has no bitrate to set; leave kbps out")
    if info.continuous and not min(rates) <= kbps <= max(rates):
        raise SettingError(f"{info.name} takes {min(rates):g} to {max(rates):g} kbps, not {kbps:g}")
    if not info.continuous and kbps not in rates:
        allowed = ", ".join(f"{rate:g}" for rate in rates)
        raise SettingError(f"{info.name} has no mode at {kbps:g} kbps; it has: {allowed}")
