"""Codes come back bit-exactly, elsewhere too; bytes are what the tables say; adaptation pays."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from earbench_codecs.errors import BitstreamError
from earbench_codecs.neural.coder import Alphabet
from earbench_codecs.neural.context_model import N_CONTEXTS, ContextModel, context_table
from earbench_codecs.neural.entropy_coding import (
    StaticModel,
    decode_codes,
    encode_codes,
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
        "adaptive": ContextModel(table, context_table(table, [symbols])),
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
from earbench_codecs.neural.context_model import ContextModel
from earbench_codecs.neural.entropy_coding import decode_codes
folder = sys.argv[1]
model = ContextModel(np.load(folder + "/table.npy"), np.load(folder + "/contexts.npy"))
data = open(folder + "/data", "rb").read()
codes = decode_codes(data, (20, 2, 256), Alphabet(-8, 8, escape=True), model)
print(hashlib.sha256(codes.astype("<i8").tobytes()).hexdigest())
"""


def test_another_process_reads_the_same_codes(tmp_path):
    codes = laplace_codes((20, 2, 256), bursts=True)
    table = table_of(codes, ESCAPING)
    contexts = context_table(table, [np.clip(codes + 8, 0, 17)])
    np.save(tmp_path / "table.npy", table)
    np.save(tmp_path / "contexts.npy", contexts)
    (tmp_path / "data").write_bytes(written(codes, ESCAPING, ContextModel(table, contexts)))
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(codes.astype("<i8").tobytes()).hexdigest()


def test_bytes_stay_what_they_were():
    """Files written by earlier versions must stay readable: these bytes are from the first one."""
    codes = (np.arange(2 * 1 * 24).reshape(2, 1, 24) * 7 % 32) - 16
    table = frequencies(np.arange(1, 33)[np.newaxis])
    found = {
        kind: written(codes, LEVELS, model).hex()
        for kind, model in (
            ("static", StaticModel(table)),
            ("adaptive", ContextModel(table, context_table(table, [codes + 16]))),
        )
    }
    assert found == GOLDEN


GOLDEN = {
    "static": "a209070056c752ca930fae8fdd31ff002cb753236221ec347b162711939d9ffd6bc81172",
    "adaptive": "fdaea402838097fc506bdd1553cdff7bd0c32faf5ab3ffc25b7c4cbd",
}


def test_adaptation_beats_the_static_table_on_codes_that_change():
    """Trained on some clips, tested on another; to know the spread of each frame would save 9 %."""
    training = [laplace_codes((33, 1, 256), seed=seed, bursts=True) for seed in range(1, 41)]
    table = table_of(np.concatenate(training))
    trained = ContextModel(table, context_table(table, [codes + 16 for codes in training]))
    held_out = laplace_codes((33, 1, 256), seed=99, bursts=True)
    static, adaptive = (len(written(held_out, LEVELS, model)) for model in (StaticModel(table), trained))
    assert adaptive < 0.965 * static


def test_adaptation_costs_little_where_nothing_changes():
    training = [laplace_codes((33, 1, 256), seed=seed) for seed in range(1, 41)]
    table = table_of(np.concatenate(training))
    trained = ContextModel(table, context_table(table, [codes + 16 for codes in training]))
    held_out = laplace_codes((33, 1, 256), seed=99)
    assert len(written(held_out, LEVELS, trained)) < 1.01 * len(written(held_out, LEVELS, StaticModel(table)))


def test_contexts_are_within_the_tables_and_all_passes_have_theirs():
    codes = laplace_codes((9, 2, 256), bursts=True)
    table = table_of(codes)
    model = ContextModel(table, context_table(table, []))
    seen = np.zeros((4, 2), int)
    visited = np.zeros(codes.shape, int)
    for frame in range(9):
        for place, contexts in model.contexts(codes + 16, frame):
            visited[place] += 1
            number = contexts // (N_CONTEXTS // 4)
            assert (number == number[0, 0]).all()
            assert 0 <= number[0, 0] < 4
            seen[number[0, 0]] += contexts.shape[1]
    assert (visited == 1).all()
    assert seen.tolist() == [[9 * n] * 2 for n in (32, 32, 64, 128)]


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
