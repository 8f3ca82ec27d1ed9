from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from audition_doubles import tone

from earbench_app.playback.fake import FakePlayer
from earbench_app.presenters.audition_playback import AuditionPlayback
from earbench_app.views.protocols import Heard

if TYPE_CHECKING:
    from earbench_codecs.clip import AudioClip

ORIGINAL, FIRST, SECOND = tone(3.0), tone(3.0, seed=1), tone(3.0, seed=2)
FADE = 200  # samples at 16 kHz that certainly hold both fades of a switch


@pytest.fixture
def player() -> FakePlayer:
    return FakePlayer()


@pytest.fixture
def playback(player: FakePlayer) -> AuditionPlayback:
    playback = AuditionPlayback(player)
    playback.load(ORIGINAL)
    return playback


def assert_sounds(player: FakePlayer, clip: AudioClip) -> None:
    """Whatever was asked sounds, from the playhead on, once the fades are over."""
    player.advance(FADE / 16_000)
    start = round(player.status().position_s * 16_000)
    heard = player.advance(0.05)
    np.testing.assert_allclose(heard[:, 0], clip.samples[0, start : start + 800], atol=1e-6)


def test_the_original_sounds_first(player: FakePlayer, playback: AuditionPlayback) -> None:
    playback.toggle_play()
    assert_sounds(player, ORIGINAL)


def test_a_version_that_joins_while_playing_moves_nothing(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.join(7, FIRST)
    playback.choose(Heard(7))
    playback.toggle_play()
    player.advance(0.5)
    before = player.status()
    playback.join(8, SECOND)
    after = player.status()
    assert (after.playing, after.position_s, after.stimulus) == (True, before.position_s, before.stimulus)
    assert_sounds(player, FIRST)
    playback.choose(Heard(8))
    assert_sounds(player, SECOND)


def test_a_version_chosen_too_early_sounds_when_it_is_there(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.toggle_play()
    playback.choose(Heard(7))
    assert (playback.heard, playback.wanted) == (Heard(), Heard(7))
    assert_sounds(player, ORIGINAL)
    playback.join(7, FIRST)
    assert (playback.heard, playback.wanted) == (Heard(7), None)
    assert_sounds(player, FIRST)


def test_choosing_something_else_ends_the_waiting(player: FakePlayer, playback: AuditionPlayback) -> None:
    playback.join(8, SECOND)
    playback.choose(Heard(7))
    playback.choose(Heard(8))
    playback.join(7, FIRST)
    assert playback.heard == Heard(8)


def test_the_difference_is_heard_with_its_gain(player: FakePlayer, playback: AuditionPlayback) -> None:
    near = ORIGINAL.with_samples(ORIGINAL.samples + np.float32(0.001) * FIRST.samples)
    playback.join(7, near)
    playback.choose(Heard(7, difference=True))
    playback.toggle_play()
    expected = (near.samples - ORIGINAL.samples) * np.float32(10)  # 20 dB
    assert_sounds(player, ORIGINAL.with_samples(expected))


def test_a_new_gain_does_not_change_the_stimulus_that_sounds(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.join(7, ORIGINAL.with_samples(ORIGINAL.samples * np.float32(1.01)))
    playback.choose(Heard(7, difference=True))
    playback.toggle_play()
    player.advance(0.1)
    sounding = player.stimuli[player.status().stimulus]
    old_index = player.status().stimulus
    playback.set_makeup_db(30.0)
    assert player.stimuli[old_index] is sounding, "the sound jumps without a fade"
    assert player.status().stimulus != old_index
    assert playback.difference is not None
    assert playback.difference.applied_db == 30.0


def test_removing_what_sounds_goes_back_to_the_original(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.join(7, FIRST)
    playback.join(8, SECOND)
    playback.choose(Heard(7))
    playback.toggle_play()
    playback.leave(7)
    assert playback.heard == Heard()
    assert_sounds(player, ORIGINAL)
    playback.choose(Heard(8))
    assert_sounds(player, SECOND)


def test_a_place_that_became_free_is_used_again(player: FakePlayer, playback: AuditionPlayback) -> None:
    for round_ in range(5):
        playback.join(round_, FIRST)
        playback.leave(round_)
    assert len(player.stimuli) == 4  # original, two differences, one place


def test_another_clip_keeps_playing_and_the_choice(player: FakePlayer, playback: AuditionPlayback) -> None:
    playback.join(7, FIRST)
    playback.choose(Heard(7))
    playback.toggle_play()
    player.advance(1.0)
    playback.load(tone(2.0, seed=5))
    assert player.status().playing
    assert (playback.heard, playback.wanted) == (Heard(), Heard(7))
    playback.join(7, tone(2.0, seed=6))
    assert playback.heard == Heard(7)


def test_a_region_loops_and_toggles(player: FakePlayer, playback: AuditionPlayback) -> None:
    playback.select_region((1.0, 2.0))
    assert (playback.looping, player.status().loop_s) == (True, (1.0, 2.0))
    playback.toggle_loop()
    assert (playback.looping, player.status().loop_s, playback.region_s) == (False, None, (1.0, 2.0))
    playback.toggle_loop()
    assert player.status().loop_s == (1.0, 2.0)
    playback.select_region(None)
    assert (playback.looping, player.status().loop_s, playback.region_s) == (False, None, None)


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ((1.0, 1.1), (1.0, 1.5)),
        ((2.9, 2.95), (2.5, 3.0)),
        ((-1.0, 0.2), (0.0, 0.5)),
        ((0.0, 9.0), (0.0, 3.0)),
    ],
)
def test_a_region_too_short_is_widened_within_the_clip(
    playback: AuditionPlayback, asked: tuple[float, float], made: tuple[float, float]
) -> None:
    playback.select_region(asked)
    assert playback.region_s == pytest.approx(made)


def test_loop_without_a_region_takes_the_whole_clip(player: FakePlayer, playback: AuditionPlayback) -> None:
    playback.toggle_loop()
    assert player.status().loop_s == (0.0, 3.0)


def test_a_clip_too_short_to_loop_does_not(player: FakePlayer, playback: AuditionPlayback) -> None:
    playback.load(tone(0.3))
    playback.toggle_loop()
    assert (playback.looping, player.status().loop_s) == (False, None)


def test_the_edges_of_a_region_are_set_at_the_playhead(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.seek(1.0)
    playback.set_region_edge("start")
    assert playback.region_s == pytest.approx((1.0, 3.0))
    playback.seek(2.0)
    playback.set_region_edge("end")
    assert playback.region_s == pytest.approx((1.0, 2.0))


def test_seeking_out_of_a_loop_leaves_it_and_steps_stay_inside(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.select_region((1.0, 2.0))
    playback.seek(1.5)
    playback.seek_by(-1.0)
    assert player.status().position_s == pytest.approx(1.0)
    assert playback.looping
    playback.seek(2.5)
    assert not playback.looping
    assert player.status().position_s == pytest.approx(2.5)


def test_nothing_happens_without_a_clip(player: FakePlayer) -> None:
    playback = AuditionPlayback(player)
    for action in (playback.toggle_play, playback.stop, playback.toggle_loop):
        action()
    playback.seek_by(1.0)
    playback.choose(Heard(3))
    assert not player.status().playing
    assert playback.sounding is None


def louder(clip: AudioClip, peak: float) -> AudioClip:
    return clip.with_samples(clip.samples * np.float32(peak / np.abs(clip.samples).max()))


def test_a_version_far_over_full_scale_is_played_at_full_scale_and_said_to_be(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    loud = louder(FIRST, 7.4)
    playback.join(7, loud)
    playback.join(8, SECOND)
    playback.toggle_play()
    playback.choose(Heard(7))
    assert_sounds(player, louder(FIRST, 1.0))
    assert playback.level_note(7) == "played 17.4 dB lower: peak 17.4 dB over full scale"
    assert playback.audio_of(7) is loud  # what is measured and drawn
    playback.choose(Heard(8))
    assert_sounds(player, SECOND)
    assert playback.level_note(8) == ""
    playback.revise(7, louder(FIRST, 3.0))
    playback.choose(Heard(7))
    assert_sounds(player, louder(FIRST, 1.0))
    assert playback.level_note(7) == "played 9.5 dB lower: peak 9.5 dB over full scale"


def test_what_an_ordinary_codec_overshoots_is_played_as_it_is(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    loud = louder(FIRST, 1.1)
    playback.join(7, loud)
    playback.toggle_play()
    playback.choose(Heard(7))
    assert_sounds(player, loud)
    assert playback.level_note(7) == "peak 0.8 dB over full scale"


def test_versions_of_a_loud_original_keep_their_levels_beside_it(
    player: FakePlayer, playback: AuditionPlayback
) -> None:
    playback.load(louder(ORIGINAL, 4.0))
    playback.join(7, louder(FIRST, 4.4))
    playback.join(8, louder(SECOND, 0.5))
    playback.toggle_play()
    assert_sounds(player, louder(ORIGINAL, 1.0))
    playback.choose(Heard(7))
    assert_sounds(player, louder(FIRST, 1.1))
    playback.choose(Heard(8))
    assert_sounds(player, louder(SECOND, 0.125))
    assert playback.level_note(None) == "played 12.0 dB lower: peak 12.0 dB over full scale"
    assert playback.level_note(8) == "played 12.0 dB lower: so is the original"
