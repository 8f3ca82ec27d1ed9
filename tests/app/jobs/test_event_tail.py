"""Events read as they come."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from earbench_app.jobs import event_tail
from earbench_app.jobs.event_tail import EventTail, last_events


def line(event, time=0.0, **data):
    return json.dumps({"event": event, "time": time, **data}) + "\n"


def test_only_what_is_new_is_read_and_half_a_line_waits(tmp_path):
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    assert tail.read() == []  # not there yet
    path.write_text(line("a") + line("b")[:9])
    assert [event["event"] for event in tail.read()] == ["a"]
    assert tail.read() == []
    with path.open("a") as file:
        file.write(line("b")[9:] + line("c"))
    assert [event["event"] for event in tail.read()] == ["b", "c"]


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(0, 2**32))
def test_however_a_file_grows_each_event_comes_once_and_in_order(tmp_path_factory, sizes, seed):
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    rng = np.random.default_rng(seed)
    content = "".join(line("a", step=i, text="ü" * int(rng.integers(5))) for i in range(20)).encode()
    tail, found, place = EventTail(path), [], 0
    for size in [*sizes, len(content)]:
        with path.open("ab") as file:
            file.write(content[place : place + size])
        place += size
        found += tail.read()
    assert [event["step"] for event in found] == list(range(20))


def test_lines_that_are_no_events_are_left_out(tmp_path):
    path = tmp_path / "events.jsonl"
    rubbish = b'\xff\xfe\n[1]\n{"event": 3}\n\n{"event": "cut", "ti\nnull\n'
    path.write_bytes(line("a").encode() + rubbish + line("b").encode())
    assert [event["event"] for event in EventTail(path).read()] == ["a", "b"]


def test_a_file_that_is_cut_or_replaced_is_read_again(tmp_path):
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    path.write_text(line("a") * 3)
    tail.read()
    path.write_text(line("b"))
    assert [event["event"] for event in tail.read()] == ["b"]
    assert tail.n_restarts == 1
    other = tmp_path / "other"
    other.write_text(line("c") * 9)
    other.replace(path)
    assert len(tail.read()) == 9
    assert tail.n_restarts == 2


def test_a_line_without_end_does_not_stop_the_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(event_tail, "_AT_ONCE", 3000)
    monkeypatch.setattr(event_tail, "_LONGEST_LINE", 2000)
    path = tmp_path / "events.jsonl"
    path.write_text("x" * 5000 + "\n" + line("a"))
    tail = EventTail(path)
    assert [event["event"] for _ in range(5) for event in tail.read()] == ["a"]


def test_sparse_reading_leaves_out_progress_but_the_last(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(line("progress", step=i) for i in range(9)) + line("validation", step=9))
    events = EventTail(path, sparse=True).read()
    assert [(event["event"], event["step"]) for event in events] == [("progress", 8), ("validation", 9)]


def test_sparse_reading_keeps_what_was_last_told_before_anything_else(tmp_path):
    """Else nobody knew how long a run had run before it was killed and begun again."""
    path = tmp_path / "events.jsonl"
    start = line("started", step=0) + line("progress", step=1) + line("progress", step=2)
    path.write_text(start + line("started", step=1) + line("progress", step=2) + line("progress", step=3))
    kinds = [(event["event"], event["step"]) for event in EventTail(path, sparse=True).read()]
    assert kinds == [("started", 0), ("progress", 2), ("started", 1), ("progress", 3)]


def test_the_end_of_a_file_is_read_without_its_beginning(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("".join(line("a", step=i) for i in range(1000)))
    steps = [event["step"] for event in last_events(path, 2000)]
    assert steps == list(range(steps[0], 1000))
    assert 20 < len(steps) < 100
    assert last_events(tmp_path / "missing") == []
