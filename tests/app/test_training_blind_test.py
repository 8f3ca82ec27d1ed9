"""Blind tests of two checkpoints of a run, without Qt and without files."""

from __future__ import annotations

from pathlib import Path

import pytest
from listen_bench import Bench, job, seen

from earbench_app.audition.run_checkpoints import Kept
from earbench_app.notifications import Level
from earbench_app.presenters.training_blind_test import CANCEL


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def pair(bench: Bench) -> tuple[str, str]:
    bench.open_clips("a", "b")
    bench.audition.choose_clip(bench.audition.workspace.clips[1].id)
    bench.load()
    bench.presenter.show_runs(((job(), (seen("speech", 100), seen("speech", 200))),))
    bench.hold()
    return "/jobs/speech/100", "/jobs/speech/200"


def test_a_blind_test_says_what_it_is_and_takes_the_clip_that_is_heard(
    bench: Bench, pair: tuple[str, str]
) -> None:
    bench.view.test_requested.emit(pair)
    notice = bench.view.notice
    assert notice is not None
    assert "speech step 100 and speech step 200, with the clip b" in notice.text
    assert notice.action == CANCEL
    bench.keep()
    bench.list_codecs("100", "200")
    (asked,) = bench.asked
    assert asked.name == "speech step 100 against speech step 200"
    assert [item.title for item in asked.items] == ["b"]
    assert [codec for codec, _ in asked.versions] == ["codec-100", "codec-200"]
    assert bench.view.notice is None


@pytest.mark.parametrize("made", [True, False])
def test_what_was_copied_for_a_test_stays_only_if_the_test_is_made(
    bench: Bench, pair: tuple[str, str], made: bool
) -> None:
    bench.view.test_requested.emit(pair)
    bench.keep()
    bench.list_codecs("100", "200")
    bench.presenter.tests.wizard_closed(bench.asked[0], made)
    assert bench.removed() == ([] if made else [Path("/own/100"), Path("/own/200")])
    assert bench.presenter.tests.close() == []


def test_what_was_among_the_users_own_before_is_never_removed(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    bench.keep(new=False)
    bench.list_codecs("100", "200")
    bench.presenter.tests.wizard_closed(bench.asked[0], made=False)
    assert bench.removed() == []


def test_a_test_is_cancelled_while_it_is_prepared(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    first, _ = bench.quick.waiting("keep_codec")
    bench.quick.finish(first, Kept("100", Path("/own/100"), True))
    bench.view.test_cancelled.emit()
    assert bench.view.notice is None
    assert bench.removed() == [Path("/own/100")]
    bench.keep()  # the other was being copied
    assert bench.removed() == [Path("/own/100"), Path("/own/200")]
    assert bench.asked == []


def test_a_copy_that_another_open_test_needs_stays(bench: Bench, pair: tuple[str, str]) -> None:
    for new in (True, False):
        bench.view.test_requested.emit(pair)
        bench.keep(new=new)
        bench.list_codecs("100", "200")
    bench.presenter.tests.wizard_closed(bench.asked[0], made=False)
    assert bench.removed() == []
    bench.presenter.tests.wizard_closed(bench.asked[1], made=False)
    assert len(bench.removed()) == 2


def test_a_test_whose_checkpoint_cannot_be_loaded_says_so(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    first, second = bench.quick.waiting("keep_codec")
    bench.quick.finish(first, Kept("100", Path("/own/100"), True))
    bench.quick.fail(second, "/jobs/speech/200: it is damaged")
    assert bench.view.notice is not None
    assert bench.view.notice.level is Level.ERROR
    assert "/jobs/speech/200: it is damaged" in bench.view.notice.text
    assert bench.removed() == [Path("/own/100")]


def test_the_window_takes_away_what_is_left(bench: Bench, pair: tuple[str, str]) -> None:
    bench.view.test_requested.emit(pair)
    bench.keep()
    bench.list_codecs("100", "200")
    assert bench.presenter.tests.close() == [Path("/own/100"), Path("/own/200")]
