"""All metrics: name, unit, range, direction, rates, source. The order is that of tables and columns."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from earbench_codecs.metrics import nmr, pesq, sdr, spectral, stoi, visqol
from earbench_codecs.metrics.measurement import Measurement, MetricError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from earbench_codecs.clip import AudioClip

    ClipFunction = Callable[[AudioClip, AudioClip], float]
    SignalFunction = Callable[[NDArray[np.float32], NDArray[np.float32], int], Measurement]

Channels = Literal["pooled", "mean", "downmix"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric says of itself.

    Parameters
    ----------
    name : str
        Stable identifier with its unit: a JSON key and a CSV column.
    title, unit : str
        For people; the unit is empty for a pure number.
    low, high : float or None
        Range of values; None where there is no bound.
    higher_is_better : bool
    citation : str
    of_clips : function, optional
        Of two clips of any rate; runs in the caller's process. Infinity is reported as a note.
    of_signals : function, optional
        Of two signals [T] and their rate; runs in a worker process. Exactly one of the two is given.
    packages : tuple of str
        Distributions that must be installed; the first computes the figure.
    channels : {"pooled", "mean", "downmix"}
        Several channels: energies pooled, the mean of the channels' figures, or the figure of their mean.
    rate_hz : int, optional
        Rate it is defined at; clips at a higher rate are resampled to it, and said so.
    min_rate_hz, max_rate_hz : float
        It does not apply to clips at other rates; those below lack what it judges.
    min_s, max_s : float
        Clip lengths it applies to.
    max_part_s : float
        Longer clips are scored in equal parts, and the mean is given.
    """

    name: str
    title: str
    unit: str
    low: float | None
    high: float | None
    higher_is_better: bool
    citation: str
    of_clips: ClipFunction | None = None
    of_signals: SignalFunction | None = None
    packages: tuple[str, ...] = ()
    channels: Channels = "pooled"
    rate_hz: int | None = None
    min_rate_hz: int = 0
    max_rate_hz: float = float("inf")
    min_s: float = 0.0
    max_s: float = float("inf")
    max_part_s: float = float("inf")

    @property
    def missing_package(self) -> str:
        """The first distribution that is not installed, or an empty string."""
        return next((name for name in self.packages if not _version(name)), "")

    @property
    def software(self) -> str:
        """What computes it, with its version."""
        name = self.packages[0] if self.packages else "earbench"
        return f"{name} {_version(name) or 'not installed'}"


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "sdr_db", "SDR", "dB", None, None, True,
            "Rim et al. 2021, arXiv 2105.11681, eq. 11 (plain signal-to-noise ratio)",
            of_clips=sdr.sdr_db,
        ),
        Metric(
            "si_sdr_db", "SI-SDR", "dB", None, None, True,
            "Le Roux et al., ICASSP 2019",
            of_clips=sdr.si_sdr_db,
        ),
        Metric(
            "segsnr_db", "Segmental SNR", "dB", *sdr.SEGMENT_LIMITS_DB, True,
            "Hansen and Pellom, ICSLP 1998",
            of_clips=sdr.segsnr_db,
        ),
        Metric(
            "lsd_db", "Log-spectral distance", "dB", 0, None, False,
            "Gray and Markel, IEEE Trans. ASSP 24(5), 1976",
            of_clips=spectral.lsd_db, channels="mean",
        ),
        Metric(
            "nmr_db", "NMR", "dB", None, None, False,
            "ISO/IEC 11172-3 Annex D model 1; ratio and mean as in ITU-R BS.1387, on the waveform difference",
            of_signals=nmr.total_db, channels="mean", min_rate_hz=8_000, max_rate_hz=192_000,
        ),
        Metric(
            "nmr_disturbed_share", "Frames disturbed", "", 0, 1, False,
            "ISO/IEC 11172-3 Annex D model 1; limit of 1.5 dB as in ITU-R BS.1387",
            of_signals=nmr.disturbed_share, channels="mean", min_rate_hz=8_000, max_rate_hz=192_000,
        ),
        Metric(
            "pesq_wb", "PESQ-WB", "MOS-LQO", 1.04, 4.64, True,
            "ITU-T P.862.2 (2007)",
            of_signals=pesq.wide_band, packages=("pesq",), channels="mean",
            rate_hz=16_000, min_rate_hz=16_000, min_s=0.25, max_part_s=pesq.MAX_PART_S,
        ),
        Metric(
            "pesq_nb", "PESQ-NB", "MOS-LQO", 1.02, 4.55, True,
            "ITU-T P.862 (2001) with the mapping of P.862.1 (2003)",
            of_signals=pesq.narrow_band, packages=("pesq",), channels="mean",
            rate_hz=8_000, min_rate_hz=8_000, min_s=0.25, max_part_s=pesq.MAX_PART_S,
        ),
        Metric(
            "stoi", "STOI", "", -1, 1, True,
            "Taal et al., IEEE Trans. ASLP 19(7), 2011",
            of_signals=stoi.plain, packages=("pystoi",), channels="mean",
            min_rate_hz=10_000, min_s=0.42, max_s=1800,
        ),
        Metric(
            "estoi", "ESTOI", "", -1, 1, True,
            "Jensen and Taal, IEEE/ACM Trans. ASLP 24(11), 2016",
            of_signals=stoi.extended, packages=("pystoi",), channels="mean",
            min_rate_hz=10_000, min_s=0.42, max_s=1800,
        ),
        Metric(
            "visqol_speech", "ViSQOL speech", "MOS-LQO", 1, 5, True,
            "Chinen et al., QoMEX 2020 (ViSQOL v3)",
            of_signals=visqol.speech, packages=("visqol-python", "ai-edge-litert"), channels="downmix",
            rate_hz=16_000, min_rate_hz=16_000, min_s=1, max_s=300,
        ),
        Metric(
            "visqol_audio", "ViSQOL audio", "MOS-LQO", 1, 5, True,
            "Chinen et al., QoMEX 2020 (ViSQOL v3)",
            of_signals=visqol.audio, packages=("visqol-python",), channels="downmix",
            rate_hz=48_000, min_rate_hz=32_000, min_s=1, max_s=300,
        ),
    )
}  # fmt: skip
"""By name, in order."""


def metrics_named(names: Sequence[str] | None) -> list[Metric]:
    """Return the metrics of these names in the registry's order; all of them for None or no names.

    Raises
    ------
    MetricError
        Names what is unknown and lists what there is.
    """
    unknown = [name for name in names or () if name not in METRICS]
    if unknown:
        raise MetricError(f"no metric named {', '.join(unknown)}; there are: {', '.join(METRICS)}")
    return [metric for metric in METRICS.values() if not names or metric.name in names]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
