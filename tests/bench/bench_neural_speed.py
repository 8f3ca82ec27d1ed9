# ruff: noqa: T201
"""Real-time factors of neural coders with real bytes, context model on: seconds of work a second of audio.

Of each checkpoint there is; without any, of the small sizes as they are built, with tables of real clips.
"""

from __future__ import annotations

from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from earbench_codecs.clip import AudioClip
from earbench_codecs.clip_files import read_clip
from earbench_codecs.neural import segments
from earbench_codecs.neural.checkpoint import Checkpoint, entropy_tables
from earbench_codecs.neural.checkpoint_info import CheckpointInfo, checkpoint_files
from earbench_codecs.neural.codec import NeuralCodec
from earbench_codecs.neural.entropy_coding import decode_segments, encode_segments
from earbench_codecs.neural.zoo import SIZES, build, config_to_json
from earbench_codecs.resampling import resampled

if TYPE_CHECKING:
    from collections.abc import Callable

DURATION_S = 20
ROUNDS = 3
CLIPS = ("speech_en_austen", "rock_feelings", "speech_en_sonnet", "harpsichord_bach")

pytestmark = pytest.mark.bench


def excerpts(rate_hz: int) -> AudioClip:
    """Speech and music in turn, mono."""
    parts = []
    for name in CLIPS:
        clip = read_clip(str(files("earbench_assets") / "clips" / f"{name}.flac"))
        mono = clip.with_samples(clip.samples.mean(0, keepdims=True))
        parts.append(resampled(mono, rate_hz).samples[0, : rate_hz * DURATION_S // len(CLIPS)])
    return AudioClip.mono(np.resize(np.concatenate(parts), DURATION_S * rate_hz), rate_hz)


def untrained(size: str) -> NeuralCodec:
    """Return a codec of random parameters, whose bytes are as many as they happen to be."""
    torch.manual_seed(1)
    coder = build(size).eval().requires_grad_(False)
    config = coder.config
    signal = torch.from_numpy(excerpts(config.sample_rate_hz).samples[0].copy())
    frames = config.framing.split(signal / signal.abs().max()).unsqueeze(1)
    tables = entropy_tables(coder, frames.split(segments.segment_frames(coder)))
    info = CheckpointInfo(
        name=size,
        title=size,
        architecture=coder.architecture,
        config=config_to_json(config),
        sample_rate_hz=config.sample_rate_hz,
        n_parameters=sum(p.numel() for p in coder.parameters()),
        kbps=1,
        context_model=not coder.sends_raw_codes,
    )
    return NeuralCodec(info, "", lambda: Checkpoint(info, coder, tables, ""))


def codecs() -> list[NeuralCodec]:
    found = [NeuralCodec.from_file(path) for path in checkpoint_files()]
    return found or [untrained(size) for size in SIZES if size.endswith("-small")]


class Stopwatch:
    """Adds up what calls of a function take."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.seconds = function, 0.0

    def __call__(self, *arguments: Any) -> Any:
        start = perf_counter()
        try:
            return self._function(*arguments)
        finally:
            self.seconds += perf_counter() - start


def timed(run: Callable[[], Any], entropy: Stopwatch) -> tuple[float, float, Any]:
    """Return seconds, those of them in the entropy coder, and the result: of the quickest round."""
    rounds = []
    for _ in range(ROUNDS):
        entropy.seconds, start = 0.0, perf_counter()
        result = run()
        rounds.append((perf_counter() - start, entropy.seconds, result))
    return min(rounds, key=lambda one: one[0])


def test_realtime_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = Stopwatch(encode_segments), Stopwatch(decode_segments)
    monkeypatch.setattr(segments, "encode_segments", writer)
    monkeypatch.setattr(segments, "decode_segments", reader)
    print(f"\n{DURATION_S} s mono, {torch.get_num_threads()} threads; seconds a second of audio")
    print(f"{'coder':<32}{'kbps':>8}{'encode':>9}{'decode':>9}{'sum':>9}{'entropy coder':>15}")
    for codec in codecs():
        clip = excerpts(codec.info.sample_rates_hz[0])
        encoding_s, writing_s, encoded = timed(lambda codec=codec, clip=clip: codec.encode(clip), writer)
        decoding_s, reading_s, decoded = timed(lambda codec=codec, e=encoded: codec.decode(e), reader)
        assert decoded.samples.shape == clip.samples.shape
        total_s = encoding_s + decoding_s
        figures = "".join(f"{s / DURATION_S:9.3f}" for s in (encoding_s, decoding_s, total_s))
        share = (writing_s + reading_s) / total_s
        print(f"{codec.info.name:<32}{encoded.bitrate_kbps:8.2f}{figures}{share:15.0%}")
