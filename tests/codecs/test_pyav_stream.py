"""Segments of packets: nothing lost, nothing added, nothing damaged taken for whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earbench_codecs.errors import BitstreamError
from earbench_codecs.reference.pyav_stream import (
    encoded_near_rate,
    library_version,
    pack_segments,
    unpack_segments,
    why_missing,
)

packets = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=40)


@given(packets, st.integers(1, 12))
def test_what_is_packed_is_unpacked(sent, per_segment):
    segments = pack_segments(sent, per_segment)
    assert len(segments) == -(-len(sent) // per_segment)
    assert unpack_segments(segments, len(sent)) == sent


@given(packets, st.data())
def test_a_cut_is_never_taken_for_whole(sent, data):
    (segment,) = pack_segments(sent, len(sent))
    end = data.draw(st.integers(0, len(segment) - 1))
    with pytest.raises(BitstreamError):
        unpack_segments([segment[:end]], len(sent))


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_is_refused_or_read_whole(segments):
    try:
        found = unpack_segments(segments)
    except BitstreamError:
        return
    assert sum(map(len, found)) <= sum(map(len, segments))


def test_a_table_of_constant_packets_costs_four_bytes():
    (segment,) = pack_segments([bytes(160)] * 50, 50)
    assert len(segment) <= 50 * 160 + 4


def test_an_absurd_count_is_refused_at_once():
    with pytest.raises(BitstreamError):
        unpack_segments([b"\xff\xff\xff\x7f\x01" + bytes(9)])


def test_the_search_for_a_rate_ends_within_two_per_cent():
    asked_of = []

    def encode(knob):
        asked_of.append(knob)
        return [bytes(round(1000 * knob**2))]

    (found,) = encoded_near_rate(encode, bits=8 * 250, knob=0.9, ends=(0, 1))
    assert len(found) == pytest.approx(250, rel=0.02)
    assert len(asked_of) <= 8


def test_the_search_ends_at_once_where_the_knob_moves_nothing():
    asked_of = []
    encoded_near_rate(lambda knob: asked_of.append(knob) or [b"12345"], bits=8000, knob=0.5, ends=(0, 1))
    assert len(asked_of) == 2


def test_a_missing_encoder_is_explained():
    assert "pip install" in why_missing("libnosuch")
    assert why_missing("libopus") == ""


def test_a_library_elsewhere_is_named_without_its_number():
    assert library_version("libnosuch", "nosuch_version").startswith("libnosuch, PyAV ")
