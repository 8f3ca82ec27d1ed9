"""A signal as segments of bytes, each of which decodes by itself, and back.

A segment is about a second of frames: what `units` says of it, then the codes; so it is never empty. Rows
of codes that begin beyond the end of the signal are left out. Frames overlap those of the next segment, so a
lost one costs its own time and a fade. The codes of a few segments are coded side by side, however long the
signal is. The network sees each alone and on one thread, so that what it makes of one depends neither on the
others nor on how many processors there are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import chain, groupby, islice, repeat
from typing import TYPE_CHECKING, NamedTuple, TypeVar, cast

import numpy as np
import torch

from earbench_codecs.errors import BitstreamError, SettingError
from earbench_codecs.neural.coder import TransformCoder
from earbench_codecs.neural.context_model import TOGETHER
from earbench_codecs.neural.entropy_coding import code_bits, decode_segments, encode_segments, row_bits
from earbench_codecs.neural.joint_model import JointModel
from earbench_codecs.neural.levels import LARGEST_LEVEL, level_number, level_numbered, level_of
from earbench_codecs.neural.side_by_side import on_one_thread_each
from earbench_codecs.neural.steering import Steering
from earbench_codecs.neural.units import (
    Plan,
    Syntax,
    parsed,
    unit_ends,
    unit_of_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from earbench_codecs.neural.coder import Coder
    from earbench_codecs.neural.entropy_coding import Coded, Decoded, EntropyModel, Integers

    Samples = NDArray[np.float32]
    Bits = NDArray[np.float64]
    Work = tuple["Place", Plan]

T = TypeVar("T")

_PLAIN = Syntax()
_WORD = 32
"""Bits of what the range coder writes at once."""


class Place(NamedTuple):
    """Where a segment is: its first frame, its frames, and how many rows their codes have."""

    first: int
    n_frames: int
    n_rows: int


class Segment(NamedTuple):
    """Codes of a place, [F, S, P], or [2, F, S, P] of two channels unless their sum alone is coded.

    And their tables, where a coder's own model told.
    """

    place: Place
    plan: Plan
    codes: Integers
    tables: Integers | None = None


class SegmentCoder:
    """Codes signals with a coder and a model of its codes.

    Parameters
    ----------
    coder : Coder
        In evaluation mode, on any device.
    model : EntropyModel
        Of one channel's codes.
    syntax : Syntax
        Two channels, and gains by unit, take a `TransformCoder`.
    """

    def __init__(self, coder: Coder, model: EntropyModel, syntax: Syntax = _PLAIN) -> None:
        self._coder = coder
        self._steered = coder if isinstance(coder, TransformCoder) else None
        self._lowest: tuple[Samples, int] | None = None  # of a signal, so as not to measure it each time
        if self._steered is None and syntax != _PLAIN:
            raise SettingError(f"{coder.architecture} codes one channel, at one level a file")
        self._model = model
        self._model_of_two = JointModel(model)
        self._framing = coder.config.framing
        self._device = next(coder.parameters()).device
        self.syntax = syntax
        self.n_frames = segment_frames(coder)

    @property
    def sample_rate_hz(self) -> int:
        """Of signals."""
        return self._coder.config.sample_rate_hz

    def level_number(self, signal: Samples, gain: float = 1.0) -> int:
        """Return the number of the level at which a signal is amplified by a gain."""
        return level_number(level_of(signal, self._coder.config) / gain)

    def plans(self, signal: Samples, gain: float = 1.0) -> list[Plan]:
        """Return how to code the segments of a signal [T] or [2, T] with the same gain throughout."""
        level = self.level_number(signal, gain)
        places = self.places(signal.shape[-1])
        return [Plan.plain(level, self._n_units(place)) for place in places]

    def encode(
        self, signal: Samples, gain: float = 1.0, plans: Sequence[Plan] | None = None
    ) -> Iterator[Coded]:
        """Yield the segments of a signal [T] or [2, T], with their estimates in bits.

        The coder sees the signal amplified by `gain`; more bits are spent on a louder one. Plans take the
        place of one gain.
        """
        plans = self.plans(signal, gain) if plans is None else plans
        return self.written(signal, zip(self.places(signal.shape[-1]), plans, strict=True))

    def written(self, signal: Samples, work: Iterable[Work]) -> Iterator[Coded]:
        """Yield some segments of a signal."""
        for some in _together(self._coded(signal, work), _shape):
            codes = np.stack([segment.codes for segment in some])
            written = encode_segments(codes, self._coder.alphabet, self._model_of(some[0].plan))
            for segment, coded in zip(some, written, strict=True):
                head, tail = segment.plan.head(self.syntax), segment.plan.tail()
                bits = coded.bits + 8 * (len(head) + len(tail))
                yield coded._replace(data=head + coded.data + tail, bits=bits)

    def bits(
        self, signals: Sequence[Samples], gain: float = 1.0, plans: Sequence[Sequence[Plan]] | None = None
    ) -> float:
        """Return the sum of the estimates in bits of the segments of signals, without writing them."""
        plans = [self.plans(signal, gain) for signal in signals] if plans is None else plans
        return self._bits(chain.from_iterable(map(self._all_coded, signals, plans)))

    def bits_of(self, signal: Samples, work: Iterable[Work]) -> float:
        """Return the sum of the estimates in bits of some segments of a signal."""
        return self._bits(self._coded(signal, work))

    def _bits(self, coded: Iterator[Segment]) -> float:
        bits = 0.0
        for some in _together(coded, _shape):
            codes = np.stack([segment.codes for segment in some])
            bits += code_bits(codes, self._coder.alphabet, self._model_of(some[0].plan))
            bits += 8 * sum(len(segment.plan.head(self.syntax)) for segment in some)
        return bits

    def unit_bits(self, signal: Samples, work: Iterable[Work]) -> Iterator[Bits]:
        """Yield what each unit of some segments takes of their bytes, [U], stuffing left out.

        That is the cost of its codes by the model; the head is the first unit's, and what the range coder
        adds to fill its last word is the last one's.
        """
        for some in _together(self._coded(signal, work), _shape):
            alone = np.concatenate([one.codes.reshape(-1, *_shape(one)[-3:]) for one in some])
            rows = row_bits(alone, self._coder.alphabet, self._model)
            rows = rows.reshape(len(some), -1, rows.shape[-1]).sum(1)
            for segment, own in zip(some, rows, strict=True):
                bits = self.by_unit(own)
                bits[-1] += -own.sum() % _WORD
                bits[0] += 8 * len(replace(segment.plan, stuffing=(0,) * len(bits)).head(self.syntax))
                yield bits

    def noise(self, signal: Samples, work: Iterable[Work]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield squared errors of what segments quantise, without noise in holes, and steps: [2, rows, M]."""
        coder = self._steered

        @torch.inference_mode()
        def noise_of(item: Work) -> tuple[Tensor, Tensor]:
            assert coder is not None
            place, plan = item
            plan = self._written_as(signal, plan)
            frames = self._frames(signal, place).to(self._device) / level_numbered(plan.level)
            coefficients, split = coder.transformed(frames)
            steering = self._steering(plan, place)
            coefficients = steering.done(coefficients)
            values, steps = coder.stepped(
                coder.quantised(coefficients, split, steering.coarser, steering.sent)
            )
            shape = (2, -1, values.shape[-1])
            noise = (values - coefficients).square().view(shape)
            return noise[:, : place.n_rows], steps.view(shape)[:, : place.n_rows]

        with on_one_thread_each(self._device) as side_by_side:
            for items in _together(iter(work)):
                yield from side_by_side(noise_of, items)

    def approximated(self, signal: Samples, plans: Sequence[Plan]) -> Samples:
        """Return what decoding will give of a signal coded by plans, of its shape."""
        return self._joined(self._all_coded(signal, plans), signal.shape[-1])

    def decode(self, segments: Sequence[bytes], n_samples: int) -> Samples:
        """Return the signal, [n_samples] or [2, n_samples], read-only; a segment without bytes is silent.

        Raises
        ------
        BitstreamError
            Segments are missing or left over, or one is damaged.
        """
        return self._joined(self._read(segments, n_samples), n_samples)

    def codes(self, segments: Sequence[bytes], n_samples: int) -> Iterator[Integers]:
        """Yield the codes [F, S, P], or [2, F, S, P], of the segments that are not lost.

        Raises
        ------
        BitstreamError
            As for `decode`.
        """
        for segment in self._read(segments, n_samples):
            yield segment.codes

    def places(self, n_samples: int) -> Iterator[Place]:
        """Yield where the segments of a signal are."""
        rows, framing = self._coder.code_rows, self._framing
        total = framing.n_frames(n_samples)
        in_last = n_samples + framing.overlap - (total - 1) * framing.hop
        beyond = 0 if self.syntax.before_3 else rows - self._coder.rows_for(in_last)
        for first in range(0, total, self.n_frames):
            end = min(first + self.n_frames, total)
            yield Place(first, end - first, (end - first) * rows - (beyond if end == total else 0))

    def unit_ends_s(self, n_samples: int) -> Iterator[Bits]:
        """Yield when the units of each segment end, in seconds; not after the signal does."""
        for place in self.places(n_samples):
            ends = unit_ends(self._units(place.n_rows), self._framing, place.first, self._coder.code_rows)
            yield np.minimum(list(ends), n_samples) / self._coder.config.sample_rate_hz

    def by_unit(self, rows: Bits) -> Bits:
        """Return the sums over the units of a segment of something its rows have."""
        return np.bincount(self._units(len(rows)), rows).astype(np.float64)

    def _n_units(self, place: Place) -> int:
        return int(self._units(place.n_rows)[-1]) + 1

    def _units(self, n_rows: int) -> Integers:
        row_s = self._framing.length / self._coder.code_rows / self._coder.config.sample_rate_hz
        return unit_of_rows(n_rows, row_s)

    def _all_coded(self, signal: Samples, plans: Sequence[Plan]) -> Iterator[Segment]:
        return self._coded(signal, zip(self.places(signal.shape[-1]), plans, strict=True))

    def _coded(self, signal: Samples, work: Iterable[Work]) -> Iterator[Segment]:
        """Yield the places, the plans and the codes of segments of a signal."""

        @torch.inference_mode()
        def coded(item: Work) -> Segment:
            place, plan = item
            plan = self._written_as(signal, plan)
            frames = self._frames(np.atleast_2d(signal), place) / level_numbered(plan.level)
            codes = self._quantised(frames.to(self._device), plan, place)
            return Segment(place, plan, codes[..., : place.n_rows, :, :].cpu().numpy())

        with on_one_thread_each(self._device) as side_by_side:
            for items in _together(iter(work)):
                yield from side_by_side(coded, items)

    def _written_as(self, signal: Samples, plan: Plan) -> Plan:
        """Return a plan as a segment can say it, for which networks see no gain below those they know."""
        coder = self._steered
        if coder is not None and coder.coarsest:
            if self._lowest is None or self._lowest[0] is not signal:
                self._lowest = signal, self.level_number(signal, coder.lowest_gain)
            plan = plan.coarsened(self._lowest[1], coder.coarsest)
        return replace(plan, level=min(plan.level, LARGEST_LEVEL))

    def _quantised(self, frames: Tensor, plan: Plan, place: Place) -> Tensor:
        """Return the codes [F, S, P], or [2, F, S, P], of all rows of frames [C, n, L]."""
        if self._steered is None:
            return self._coder.encode(frames[0].unsqueeze(1))
        steering = self._steering(plan, place)
        coefficients, split = self._steered.transformed(frames)
        steered = steering.done(coefficients)
        codes = self._steered.quantised(steered, split[: len(steered)], steering.coarser, steering.sent)
        n_coded = self._n_coded(plan)
        return codes.view(n_coded, -1, *codes.shape[1:]) if n_coded > 1 else codes

    def _joined(self, coded: Iterator[Segment], n_samples: int) -> Samples:
        """Return the signal of segments; where there is none it is silent."""
        overlap, hop = self._framing.overlap, self._framing.hop
        length = self._framing.n_frames(n_samples) * hop + overlap
        signal = np.zeros((self.syntax.n_channels, length), np.float32)
        with on_one_thread_each(self._device) as side_by_side:
            for some in _together(coded):
                for segment, samples in zip(some, side_by_side(self._decoded, some), strict=True):
                    start = segment.place.first * hop
                    signal[:, start : start + samples.shape[-1]] += samples
        signal.flags.writeable = False  # so that a clip made of it takes it as it is
        found = signal[:, overlap : overlap + n_samples]
        return found if self.syntax.n_channels > 1 else found[0]

    @torch.inference_mode()
    def _decoded(self, segment: Segment) -> Samples:
        """Return the samples [C, T] of a segment's frames, overlapped and added."""
        codes = self._rows(segment.codes, segment.place)
        if self._steered is None:
            frames = self._coder.decode(codes)
        else:
            # The model knows the frames before within a segment, the coder alone starts anew in each.
            tables = segment.tables if segment.place.n_frames == 1 else None
            told = None if tables is None else self._rows(tables, segment.place)
            coefficients = self._steered.dequantised(codes, told)
            steering = self._steering(segment.plan, segment.place)
            coefficients = steering.undone(coefficients)
            of_each = codes.repeat(len(coefficients) * self._coder.code_rows // len(codes), 1, 1)
            frames = self._steered.restored(coefficients, of_each)
        frames = frames.view(self.syntax.n_channels, -1, self._framing.length)
        samples: Samples = (
            (self._framing.overlap_add(frames) * level_numbered(segment.plan.level)).cpu().numpy()
        )
        return samples

    def _rows(self, codes: Integers, place: Place) -> Tensor:
        """Return rows [R, S, P] of codes, or of their tables, of all channels, 0 where none were sent."""
        sent = torch.from_numpy(codes).to(self._device)
        rows = torch.nn.functional.pad(sent, (0, 0, 0, 0, 0, self._n_left_out(place)))
        return rows.view(-1, *self._coder.code_shape)

    def _steering(self, plan: Plan, place: Place) -> Steering:
        units = np.pad(self._units(place.n_rows), (0, self._n_left_out(place)), "edge")
        rows = torch.from_numpy(units).to(self._device).view(place.n_frames, -1)
        return Steering(plan, rows, self.syntax.n_channels, place.n_rows)

    def _n_left_out(self, place: Place) -> int:
        """Return how many rows of a place are not sent."""
        return place.n_frames * self._coder.code_rows - place.n_rows

    def seen(self, signal: Samples, place: Place) -> Samples:
        """Return the samples [C, n] of a signal [C, T] that the segment of a place is made of."""
        start, end = self._reach(place)
        return signal[:, max(0, start) : end]

    def _reach(self, place: Place) -> tuple[int, int]:
        hop = self._framing.hop
        return place.first * hop - self._framing.overlap, (place.first + place.n_frames) * hop

    def _frames(self, signal: Samples, place: Place) -> Tensor:
        """Return frames [C, n, L] of a place, of those that `Framing.split` makes of a signal [C, T]."""
        start, end = self._reach(place)
        samples, inside = np.zeros((len(signal), end - start), np.float32), self.seen(signal, place)
        samples[:, max(0, -start) : max(0, -start) + inside.shape[-1]] = inside
        return self._framing.cut(torch.from_numpy(samples))

    def _read(self, segments: Sequence[bytes], n_samples: int) -> Iterator[Segment]:
        """Yield the place, the plan and the codes of each segment that is not lost."""
        places = self._places_of(segments, n_samples)
        there = [(place, one) for place, one in zip(places, segments, strict=True) if one]
        parts = ((place, *parsed(one, self.syntax, self._n_units(place))) for place, one in there)
        for some in _together(parts, lambda part: (part[0].n_rows, part[1].summed)):
            alike, plans, coded = zip(*some, strict=True)
            decoded = self._codes_read(coded, plans[0], alike[0].n_rows)
            tables = decoded.tables if self._model.is_own else repeat(None)
            yield from map(Segment, alike, plans, decoded.codes, tables)

    def _codes_read(self, coded: Sequence[bytes], plan: Plan, n_rows: int) -> Decoded:
        """Read segments in one go: to share them out, threads would wait for each other's Python."""
        shape = (n_rows, *self._coder.code_shape)
        whole = (self._n_coded(plan), *shape) if self._n_coded(plan) > 1 else shape
        alphabet, model = self._coder.alphabet, self._model_of(plan)
        with on_one_thread_each(self._device) as side_by_side:
            (decoded,) = side_by_side(
                partial(decode_segments, shape=whole, alphabet=alphabet, model=model), [coded]
            )
            return cast("Decoded", decoded)

    def _n_coded(self, plan: Plan) -> int:
        """Return of how many channels a segment has codes."""
        return 1 if plan.summed else self.syntax.n_channels

    def _model_of(self, plan: Plan) -> EntropyModel:
        return self._model_of_two if self._n_coded(plan) > 1 else self._model

    def _places_of(self, segments: Sequence[bytes], n_samples: int) -> list[Place]:
        places = list(self.places(n_samples))
        if len(segments) != len(places):
            raise BitstreamError(f"{len(segments)} segments where {n_samples} samples take {len(places)}")
        return places


def _together(items: Iterator[T], key: Callable[[T], object] | None = None) -> Iterator[list[T]]:
    """Yield lists of up to `TOGETHER` items that follow each other and have the same key."""
    for _, alike in groupby(items, key or (lambda _: None)):
        while some := list(islice(alike, TOGETHER)):
            yield some


def _shape(segment: Segment) -> tuple[int, ...]:
    return segment.codes.shape


def segment_frames(coder: Coder) -> int:
    """Return how many frames a segment has: about a second's."""
    return max(1, round(coder.config.sample_rate_hz / coder.config.framing.hop))
