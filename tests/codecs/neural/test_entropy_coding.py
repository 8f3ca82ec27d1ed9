"""Codes come back bit-exactly, elsewhere too; bytes are what the tables say; adaptation pays."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from earbench_codecs.errors import BitstreamError
from earbench_codecs.neural.coder import Alphabet
from earbench_codecs.neural.context_model import N_CONTEXTS, ContextModel, ContextTables, context_tables
from earbench_codecs.neural.entropy_coding import (
    StaticModel,
    code_bits,
    decode_codes,
    decode_segments,
    encode_codes,
    encode_segments,
    frequencies,
)

LEVELS = Alphabet(-16, 15)
ESCAPING = Alphabet(-8, 8, escape=True)


def laplace_codes(shape, spread=3.0, seed=0, *, bursts=False):
    """Codes of a constant or, with bursts, a changing spread, as loud and quiet frames make."""
    rng = np.random.default_rng(seed)
    if bursts:
        spread = spread * np.exp(rng.normal(0, 1.2, (shape[0], 1, 1)))
    return np.clip(rng.laplace(0, spread, shape).round(), -16, 15).astype(np.int64)


def written(codes, alphabet, model):
    return encode_codes(codes, alphabet, model).data


def table_of(codes, alphabet=LEVELS):
    """Frequencies of each stream of codes, counted independently of the package."""
    wanted = [*range(alphabet.low, alphabet.high + 1)]
    counts = [[int((codes[:, s] == value).sum()) for value in wanted] for s in range(codes.shape[1])]
    if alphabet.escape:
        counts = [
            [*one, int((codes[:, s] < alphabet.low).sum() + (codes[:, s] > alphabet.high).sum())]
            for s, one in enumerate(counts)
        ]
    return frequencies(np.array(counts))


def models(codes, alphabet=LEVELS):
    table = table_of(codes, alphabet)
    symbols = np.clip(codes - alphabet.low, 0, alphabet.n_symbols - 1)
    return {
        "static": StaticModel(table),
        "adaptive": ContextModel(table, context_tables(table, [symbols])),
    }


counts_arrays = npst.arrays(
    np.int64, st.tuples(st.integers(1, 3), st.integers(2, 200)), elements=st.integers(0, 2**40)
)


@given(counts_arrays, st.sampled_from([10, 13, 16]))
def test_frequencies_sum_to_a_power_of_two_and_spare_nobody(counts, bits):
    found = frequencies(counts, bits)
    assert (found.sum(-1) == 2**bits).all()
    assert (found >= 1).all()


def test_frequencies_are_in_proportion():
    counts = np.array([[0, 10, 30, 60]])
    assert frequencies(counts)[0].tolist() == [1, 6554, 19660, 65536 - 1 - 6554 - 19660]
    with pytest.raises(ValueError, match="40000 symbols"):
        frequencies(np.ones((1, 40_000), np.int64))


@pytest.mark.parametrize("kind", ["static", "adaptive"])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 5), (2, 3, 7), (1, 128, 100), (33, 2, 256)])
def test_codes_come_back(kind, shape):
    codes = laplace_codes(shape)
    model = models(codes)[kind]
    assert np.array_equal(decode_codes(written(codes, LEVELS, model), shape, LEVELS, model), codes)


@settings(max_examples=25)
@given(npst.arrays(np.int64, (2, 2, 9), elements=st.integers(-(2**20) + 1, 2**20 - 1)))
def test_any_integer_comes_back_where_there_is_an_escape(codes):
    for model in models(codes, ESCAPING).values():
        data = written(codes, ESCAPING, model)
        assert np.array_equal(decode_codes(data, codes.shape, ESCAPING, model), codes)


@pytest.mark.parametrize("kind", ["static", "adaptive"])
@pytest.mark.parametrize("alphabet", [LEVELS, ESCAPING])
def test_bytes_are_what_the_model_says(kind, alphabet):
    codes = laplace_codes((33, 1, 256), bursts=True)
    model = models(codes, alphabet)[kind]
    coded = encode_codes(codes, alphabet, model)
    assert 0 <= 8 * len(coded.data) - coded.bits < 64


def test_the_models_estimate_is_the_entropy_of_the_symbols():
    codes = laplace_codes((40, 2, 256))
    plug_in = 0.0
    for stream in range(2):
        shares = np.unique(codes[:, stream], return_counts=True)[1] / codes[:, stream].size
        plug_in += codes[:, stream].size * -(shares * np.log2(shares)).sum()
    assert encode_codes(codes, LEVELS, models(codes)["static"]).bits == pytest.approx(plug_in, rel=1e-3)


def read_with_integers_alone(data, n, table):
    """A range decoder in Python integers: 64 bits of state, words of 32, probabilities of 24."""
    left = [int(c) * (2**24 - len(table)) // 2**16 + k for k, c in enumerate(np.cumsum(table) - table)] + [
        2**24
    ]
    words = [*np.frombuffer(data, "<u4"), 0, 0, 0]
    lower, span, at = 0, 2**64 - 1, 2
    point = int(words[0]) << 32 | int(words[1])
    symbols = []
    for _ in range(n):
        scale = span >> 24
        quantile = ((point - lower) % 2**64) // scale
        symbol = max(k for k in range(len(table)) if left[k] <= quantile)
        lower = (lower + scale * left[symbol]) % 2**64
        span = scale * (left[symbol + 1] - left[symbol])
        if span < 2**32:
            lower, span = (lower << 32) % 2**64, span << 32
            point = (point << 32) % 2**64 | int(words[min(at, len(words) - 1)])
            at += 1
        symbols.append(symbol)
    return symbols


def test_a_decoder_of_integers_alone_reads_the_bytes():
    """No float decides anything: Python's integers give the same symbols as the library."""
    codes = laplace_codes((4, 1, 256), seed=3)
    table = table_of(codes)
    data = written(codes, LEVELS, StaticModel(table))
    assert read_with_integers_alone(data, codes.size, table[0]) == (codes.ravel() + 16).tolist()


ELSEWHERE = """
import sys, hashlib
import numpy as np
from earbench_codecs.neural.coder import Alphabet
from earbench_codecs.neural.context_model import ContextModel, ContextTables
from earbench_codecs.neural.entropy_coding import decode_segments
folder = sys.argv[1]
contexts = ContextTables(**np.load(folder + "/contexts.npz"))
model = ContextModel(np.load(folder + "/table.npy"), contexts)
data = [open(f"{folder}/{i}", "rb").read() for i in map(int, sys.argv[2:])]
codes = decode_segments(data, (20, 2, 256), Alphabet(-8, 8, escape=True), model).codes
print(hashlib.sha256(codes.astype("<i8").tobytes()).hexdigest())
"""


def test_another_process_reads_the_same_codes(tmp_path):
    """In another order and company than they were written in."""
    codes = np.stack([laplace_codes((20, 2, 256), seed=seed, bursts=True) for seed in range(3)])
    table = table_of(np.concatenate(codes), ESCAPING)
    contexts = context_tables(table, np.clip(codes + 8, 0, 17))
    np.save(tmp_path / "table.npy", table)
    np.savez(tmp_path / "contexts.npz", **asdict(contexts))
    for number, coded in enumerate(encode_segments(codes, ESCAPING, ContextModel(table, contexts))):
        (tmp_path / str(number)).write_bytes(coded.data)
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path), "2", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(codes[[2, 0]].astype("<i8").tobytes()).hexdigest()


@pytest.mark.parametrize("kind", ["static", "adaptive"])
@pytest.mark.parametrize("shape", [(3, 1, 5), (5, 3, 32), (2, 16, 20)])
def test_segments_side_by_side_are_what_they_are_alone(kind, shape):
    codes = np.stack([laplace_codes(shape, seed=seed, spread=seed + 1) for seed in range(5)])
    model = models(np.concatenate(codes), ESCAPING)[kind]
    together = encode_segments(codes, ESCAPING, model)
    alone = [encode_codes(one, ESCAPING, model) for one in codes]
    assert [one.data for one in together] == [one.data for one in alone]
    assert [one.bits for one in together] == pytest.approx([one.bits for one in alone], rel=1e-12)
    assert code_bits(codes, ESCAPING, model) == pytest.approx(sum(one.bits for one in alone), rel=1e-12)
    for some in ([0, 1, 2, 3, 4], [3], [4, 1]):
        data = [together[i].data for i in some]
        assert np.array_equal(decode_segments(data, shape, ESCAPING, model).codes, codes[some])


def test_bytes_stay_what_they_were():
    """Files written by earlier versions must stay readable: these bytes are from the first one."""
    codes = (np.arange(2 * 2 * 24).reshape(2, 2, 24) * 7 % 32) - 16
    table = frequencies(np.stack([np.arange(1, 33), np.arange(1, 33)[::-1] ** 2]))
    shapes = ContextTables.shapes(2, 32)
    steps = {name: np.arange(np.prod(shape)).reshape(shape) for name, shape in shapes.items()}
    contexts = ContextTables(
        frequencies(1 + steps["frequencies"] * 37 % 101),
        (steps["weights"] * 19 % 131).astype(np.int32),
        np.minimum(steps["parts"] % 256 // 3, 47).astype(np.uint8),
    )
    models = {"static": StaticModel(table), "adaptive": ContextModel(table, contexts)}
    found = {kind: written(codes, LEVELS, model).hex() for kind, model in models.items()}
    assert found == GOLDEN


GOLDEN = {
    "static": "a209070056c752ca930fae8fdd31ff004865972a6a47d31fda35e8db28ca413f"
    "019921b2a04b9e69ca5db1e1765f01d2fb8c86d23dd4704994207e86e227ead8629cbbe0225afaf6",
    "adaptive": "657c850b844d9de492c160b62c198871ffe1bf21ac2a5dbdec99b9d164f9a8d0"
    "2003f487c0445004086c9fe2df6fbb1831802b912856f1d52b04f5bde93c2a528527d675",
}


def test_adaptation_beats_the_static_table_on_codes_that_change():
    """Trained on some clips, tested on another; to know the spread of each frame would save 9 %."""
    training = [laplace_codes((33, 1, 256), seed=seed, bursts=True) for seed in range(1, 41)]
    table = table_of(np.concatenate(training))
    trained = ContextModel(table, context_tables(table, [codes + 16 for codes in training]))
    held_out = laplace_codes((33, 1, 256), seed=99, bursts=True)
    static, adaptive = (len(written(held_out, LEVELS, model)) for model in (StaticModel(table), trained))
    assert adaptive < 0.965 * static


def test_adaptation_costs_little_where_nothing_changes():
    training = [laplace_codes((33, 1, 256), seed=seed) for seed in range(1, 41)]
    table = table_of(np.concatenate(training))
    trained = ContextModel(table, context_tables(table, [codes + 16 for codes in training]))
    held_out = laplace_codes((33, 1, 256), seed=99)
    assert len(written(held_out, LEVELS, trained)) < 1.01 * len(written(held_out, LEVELS, StaticModel(table)))


def test_every_symbol_is_coded_once_in_four_passes_over_a_frame():
    codes = laplace_codes((9, 2, 256), bursts=True)
    table = table_of(codes)
    visited = np.zeros(codes.shape, int)
    widths = []
    for place, contexts in ContextModel(table, context_tables(table, [codes + 16])).contexts(codes + 16):
        assert contexts.min() >= 0
        assert contexts.max() < N_CONTEXTS
        assert contexts.shape == visited[place].shape
        visited[place] += 1
        widths.append(contexts.shape[1])
    assert (visited == 1).all()
    assert widths == 9 * [32, 32, 64, 128]


@pytest.mark.parametrize("shape", [(4, 3, 32), (3, 1, 13), (2, 2, 1)])
def test_contexts_look_only_at_what_is_coded_already(shape):
    """Two clips alike up to a place have the same contexts up to there, whatever follows."""
    symbols = laplace_codes(shape, bursts=True) + 16
    table = table_of(symbols - 16)
    model = ContextModel(table, context_tables(table, [symbols]))
    places = [(place, contexts.copy()) for place, contexts in model.contexts(symbols)]
    for n in range(len(places)):
        other = np.random.default_rng(n).integers(0, 32, shape)
        for place, _ in places[:n]:
            other[place] = symbols[place]
        found = [contexts for _, (_, contexts) in zip(range(n + 1), model.contexts(other), strict=False)]
        assert all(np.array_equal(a, b) for a, (_, b) in zip(found, places, strict=False))


def context_by_hand(symbols, contexts, table, where):
    """The number of one symbol's context, in Python's integers, as the module's text has it."""
    frame, stream, position = where
    streams, positions = symbols.shape[1:]

    def number(kind, s, symbol):
        share = int(table[s, symbol])
        if kind == "rank":
            return (2 * int(table[s, :symbol].sum()) + share) * 128 // 65536
        power = share.bit_length() - 1
        return min(192, (16 - power) * 16 - (share - 2**power) * 16 // 2**power)

    def frame_of(kind, f):
        if f >= 0:
            return [[number(kind, s, symbols[f, s, p]) for p in range(positions)] for s in range(streams)]
        symbols_of = range(table.shape[1])
        means = [sum(number(kind, s, k) * int(table[s, k]) for k in symbols_of) >> 16 for s in range(streams)]
        return [[mean] * positions for mean in means]

    def clamped(rows, s, p):
        row = rows[min(max(s, 0), len(rows) - 1)]
        return row[min(max(p, 0), len(row) - 1)]

    spacing = position & -position if position % 8 else 8
    turn = {8: 0, 4: 1, 2: 2, 1: 3}[spacing]
    total = 0
    for k, kind in enumerate(("bits", "rank")):
        before = frame_of(kind, frame - 1)
        near = [(0, 0), (0, -1), (0, 1), (0, -2), (0, 2), (-1, 0), (1, 0)]
        predictors = [clamped(before, stream + s, position + p) for s, p in near]
        mean_before = sum(before[stream]) // positions
        if turn:
            coded = [row[:: 2 * spacing] for row in frame_of(kind, frame)]
            left = position // (2 * spacing)
            near = [(0, 0), (0, 1), (0, -1), (0, 2), (-1, 0), (-1, 1), (1, 0), (1, 1)]
            predictors += [clamped(coded, stream + s, left + p) for s, p in near]
            predictors += [mean_before, sum(coded[stream]) // len(coded[stream]), 256]
        else:
            predictors += [256] * 8 + [mean_before, 256, 256]
        weights = contexts.weights[turn, k, stream].tolist()
        value = sum(w * x for w, x in zip(weights, predictors, strict=True)) >> 10
        total += int(contexts.parts[k, stream, min(max(value, 0), 255)])
    return total


def test_contexts_are_those_reckoned_by_hand():
    symbols = laplace_codes((3, 3, 21), bursts=True) + 16
    table = table_of(symbols - 16)
    tables = context_tables(table, [symbols, laplace_codes((3, 3, 21), seed=7) + 16])
    found = np.zeros(symbols.shape, int)
    for place, contexts in ContextModel(table, tables).contexts(symbols):
        found[place] = contexts
    expected = [context_by_hand(symbols, tables, table, where) for where in np.ndindex(symbols.shape)]
    assert found.ravel().tolist() == expected
    assert len(set(expected)) > 20


def test_sums_of_the_predictors_do_not_overflow():
    """Weights as heavy as a checkpoint may have, on the largest values there are."""
    table = frequencies(np.array([[1, 10**6]]))
    shapes = ContextTables.shapes(1, 2)
    heavy = np.full(shapes["weights"], 1 << 13, np.int32)
    parts = np.zeros(shapes["parts"], np.uint8)
    parts[0, 0, 255] = 95
    even = np.full(shapes["frequencies"], 1 << 15)
    model = ContextModel(table, ContextTables(even, heavy, parts))
    assert all((contexts == 95).all() for _, contexts in model.contexts(np.zeros((2, 1, 16), np.int64)))


def test_damage_is_noticed_or_changes_codes_but_never_crashes():
    codes = laplace_codes((4, 1, 256))
    for model in models(codes).values():
        data = written(codes, LEVELS, model)
        with pytest.raises(BitstreamError, match="cut"):
            decode_codes(data[:-1], codes.shape, LEVELS, model)
        with pytest.raises(BitstreamError, match="left over"):
            decode_codes(data + bytes(8), codes.shape, LEVELS, model)
        rng = np.random.default_rng(4)
        for _ in range(20):
            noise = rng.bytes(len(data))
            try:
                found = decode_codes(noise, codes.shape, LEVELS, model)
            except BitstreamError:
                continue
            assert not np.array_equal(found, codes)


def test_codes_the_alphabet_lacks_are_refused():
    with pytest.raises(ValueError, match="outside -16 to 15"):
        written(np.full((1, 1, 1), 16), LEVELS, StaticModel(frequencies(np.ones((1, 32), np.int64))))
