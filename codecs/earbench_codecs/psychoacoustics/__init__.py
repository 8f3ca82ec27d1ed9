"""Psychoacoustic model: masking thresholds, noise-to-mask ratio, perceptual entropy.

It imports torch, so nothing at the start of the app imports it.

For recordings, numpy in and out, in bounded memory: `masking`, `stream_masking`, `noise_to_mask`,
`peaq_nmr`, `audible_noise`; `noise_versus_mask` for frames of them. For frames, torch in and out, on any
device and differentiable but for the threshold: `Model1`, `noise_to_mask_db`, `band_noise_to_mask`,
`priority_weight`, `perceptual_entropy`.

Levels are dB SPL. What reaches the ear depends on the volume knob, so it is a setting:
`Model1Settings.full_scale_db_spl`, by default 96 dB SPL for the spectral line of a full-scale sine.
"""

from earbench_codecs.psychoacoustics.bark import line_frequencies_hz
from earbench_codecs.psychoacoustics.entropy import perceptual_entropy, perceptual_entropy_bits
from earbench_codecs.psychoacoustics.model1 import (
    FULL_SCALE_DB_SPL,
    Model1,
    Model1Settings,
    SignalAndMask,
    minimum_per_subband_db_spl,
    signal_to_mask_db,
)
from earbench_codecs.psychoacoustics.nmr import (
    NoiseToMask,
    band_noise_to_mask,
    noise_to_mask,
    noise_to_mask_db,
    priority_weight,
)
from earbench_codecs.psychoacoustics.pam_nac import pam_nac_masking
from earbench_codecs.psychoacoustics.peaq import PeaqNmr, peaq_nmr
from earbench_codecs.psychoacoustics.recording import (
    DEFAULT_HOP,
    Masking,
    cached_model,
    masking,
    stream_masking,
)
from earbench_codecs.psychoacoustics.spectra import (
    NoiseSpectrum,
    NoiseVersusMask,
    audible_noise,
    noise_versus_mask,
)
from earbench_codecs.psychoacoustics.threshold import threshold_in_quiet_db_spl

__all__ = [
    "DEFAULT_HOP",
    "FULL_SCALE_DB_SPL",
    "Masking",
    "Model1",
    "Model1Settings",
    "NoiseSpectrum",
    "NoiseToMask",
    "NoiseVersusMask",
    "PeaqNmr",
    "SignalAndMask",
    "audible_noise",
    "band_noise_to_mask",
    "cached_model",
    "line_frequencies_hz",
    "masking",
    "minimum_per_subband_db_spl",
    "noise_to_mask",
    "noise_to_mask_db",
    "noise_versus_mask",
    "pam_nac_masking",
    "peaq_nmr",
    "perceptual_entropy",
    "perceptual_entropy_bits",
    "priority_weight",
    "signal_to_mask_db",
    "stream_masking",
    "threshold_in_quiet_db_spl",
]
