"""What sounds on the training page: what was chosen last; where none of its lines does, that is said."""

from __future__ import annotations

import pytest
from listen_bench import Bench, show

from earbench_app.views.protocols import Heard
from earbench_codecs.base import Setting


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.open_clips("a")
    return bench


def hear(bench: Bench, run: str, step: int) -> None:
    bench.view.checkpoint_chosen.emit(f"/jobs/{run}/{step}")
    bench.describe()
    bench.decode(step)


def test_the_codec_of_a_run_that_is_no_longer_selected_is_named(bench: Bench) -> None:
    """Both runs have a step 15, and Space plays the one that is heard."""
    show(bench, kbps24=(15,))
    hear(bench, "kbps24", 15)
    state = bench.view.state
    assert (state.heard, state.unlisted) == ("/jobs/kbps24/15", "")
    show(bench, kbps12=(15,))
    state = bench.view.state
    assert (state.heard, state.unlisted) == ("", "▶ kbps24 step 15, which is not in this list")
    bench.view.original_chosen.emit()
    state = bench.view.state
    assert (state.heard, state.unlisted) == (None, "")


def test_a_codec_that_is_no_checkpoint_is_named(bench: Bench) -> None:
    show(bench, speech=(15,))
    bench.audition.codecs.refresh()
    bench.list_codecs("x")
    bench.audition.add_versions([("codec-x", Setting())])
    (version,) = bench.audition.workspace.versions
    bench.audition.choose_version(version.id)
    bench.decode_sha("x")
    assert bench.view.state.unlisted == f"▶ {version.title}, which is not in this list"


def test_a_difference_is_not_marked_as_its_checkpoint(bench: Bench) -> None:
    show(bench, speech=(15,))
    hear(bench, "speech", 15)
    (version,) = bench.audition.workspace.versions
    bench.audition.playback.choose(Heard(version.id, difference=True))
    state = bench.view.state
    assert (state.heard, state.unlisted) == ("", "▶ the difference of speech step 15 from the original")


def test_what_was_chosen_before_does_not_sound_after_another_was(bench: Bench) -> None:
    show(bench, speech=(15, 30))
    bench.view.checkpoint_chosen.emit("/jobs/speech/30")
    bench.describe()  # and it is decoded now
    bench.view.checkpoint_chosen.emit("/jobs/speech/15")  # which is read first
    bench.decode(30)
    assert (bench.view.state.heard, bench.view.state.waiting) == (None, "/jobs/speech/15")
    bench.describe()
    bench.decode(15)
    assert bench.view.state.heard == "/jobs/speech/15"


def test_one_that_is_read_and_then_decoded_is_waited_for_all_the_time(bench: Bench) -> None:
    """Else its line would be selected twice, and once too late."""
    show(bench, speech=(15, 30))
    bench.view.checkpoint_chosen.emit("/jobs/speech/30")
    bench.view.show_state.reset_mock()
    bench.describe()
    shown = [call.args[0].waiting for call in bench.view.show_state.call_args_list]
    assert set(shown) == {"/jobs/speech/30"}


def test_one_that_its_run_deletes_as_it_is_chosen_is_said_to_be_gone(bench: Bench) -> None:
    show(bench, speech=(15,))
    bench.view.checkpoint_chosen.emit("/jobs/speech/15")
    (task,) = bench.quick.waiting("hold_codec")
    bench.quick.finish(task, None)
    assert not bench.quick.waiting("describe_codec")
    assert bench.view.notice is not None
    assert bench.view.notice.text == "speech step 15: the run keeps it no longer. Choose another step."
    assert (bench.view.state.waiting, bench.view.state.rows[0].state) == ("", "the run keeps it no longer")


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_what_its_run_has_deleted_is_not_published(bench: Bench, when: str) -> None:
    show(bench, speech=(15,))
    (task,) = bench.quick.waiting("hold_codec")
    if when == "meanwhile":
        bench.view.publish_requested.emit("/jobs/speech/15", "good")
    bench.quick.finish(task, None)
    if when == "before":
        bench.view.publish_requested.emit("/jobs/speech/15", "good")
        for again in bench.quick.waiting("hold_codec"):
            bench.quick.finish(again, None)
    assert not bench.quick.waiting("publish_codec")
    (said,) = bench.view.show_published.call_args.args
    assert said == "speech step 15: the run keeps it no longer. Choose another step."


def test_what_is_published_is_the_file_that_is_held(bench: Bench) -> None:
    show(bench, speech=(15,))
    bench.view.publish_requested.emit("/jobs/speech/15", " good ")
    assert not bench.quick.waiting("publish_codec")  # its run may delete it before it is copied
    bench.hold()
    (task,) = bench.quick.waiting("publish_codec")
    assert task.arguments[0].is_relative_to("/heard")
    assert task.arguments[1] == "good"
