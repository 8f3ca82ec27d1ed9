from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pyloudnorm
import pytest
import soundfile as sf

from earbench_app.study_builder import StudyBuildError, build_study, finish
from earbench_app.study_plan import PlannedCondition, PlannedItem, StudyPlan, Use, file_slug, unique_ids
from earbench_codecs.base import Codec, CodecInfo, Setting
from earbench_mushra.checks import check_design
from earbench_mushra.design import Role, TestType
from earbench_mushra.study_files import load_study, verify_stimuli

RATE_HZ = 48_000


class Coarse(Codec):
    """Rounds to a step; its bytes are the samples. Remembers how much it was given."""

    lengths: list[int] = []  # noqa: RUF012

    def __init__(self, name, gain=1.0):
        self._name, self._gain = name, gain

    @property
    def info(self):
        return CodecInfo(
            self._name,
            self._name.title(),
            "plugin",
            "1",
            bitrates_kbps=(8.0, 64.0),
            continuous=True,
            default=Setting.of(64),
        )

    def _encode(self, clip, setting):
        self.lengths.append(clip.n_samples)
        return [np.round(clip.samples * setting.kbps * 100).astype("<i4").tobytes()]

    def _decode(self, segments, setting, sample_rate_hz, shape):
        from earbench_codecs.clip import AudioClip

        steps = np.frombuffer(segments[0], "<i4").reshape(shape)
        return AudioClip((steps / (setting.kbps * 100) * self._gain).astype(np.float32), sample_rate_hz)


def find_codec(name):
    return Coarse(name, gain=1.6 if name == "loud" else 1.0)


@pytest.fixture
def clips(tmp_path):
    """Three files of 4 s: quiet mono, loud stereo with a peak near full scale, a steady tone."""
    rng = np.random.default_rng(1)
    t = np.arange(4 * RATE_HZ) / RATE_HZ
    sounds = {
        "quiet noise": 0.02 * rng.standard_normal((1, t.size)),
        "loud pair": np.clip(0.3 * rng.standard_normal((2, t.size)), -0.98, 0.98),
        "steady tone": 0.25 * np.sin(2 * np.pi * 440 * t)[np.newaxis],
    }
    paths = []
    for name, samples in sounds.items():
        sf.write(tmp_path / f"{name}.wav", samples.T, RATE_HZ, subtype="FLOAT")
        paths.append(tmp_path / f"{name}.wav")
    return paths


def make_plan(paths, **changes):
    items = tuple(PlannedItem(path, path.stem, 4.0, (1.0, 3.0)) for path in paths)
    conditions = tuple(
        PlannedCondition(name, Setting.of(kbps), f"{name.title()} {kbps}")
        for name, kbps in [("coarse", 8), ("coarse", 64), ("loud", 64)]
    )
    return replace(StudyPlan("pilot", items, conditions), **changes)


def read(folder, study, item, condition):
    samples, _ = sf.read(folder / "stimuli" / study.stimulus(item, condition).file, always_2d=True)
    return samples


def loudness(samples):
    both_ears = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples
    return pyloudnorm.Meter(RATE_HZ).integrated_loudness(both_ears)


def build(plan, folder, **options):
    return finish(build_study(plan, folder, find_codec=find_codec, **options))


def test_the_folder_holds_a_runnable_study_as_planned(clips, tmp_path):
    folder = tmp_path / "study"
    study = build(make_plan(clips), folder)
    assert load_study(folder) == study
    verify_stimuli(study, folder)
    check_design(study)
    assert [(c.id, c.role) for c in study.conditions] == [
        ("reference", Role.REFERENCE),
        ("coarse@8", Role.SYSTEM),
        ("coarse@64", Role.SYSTEM),
        ("loud@64", Role.SYSTEM),
        ("anchor35", Role.ANCHOR35),
        ("anchor70", Role.ANCHOR70),
    ]
    assert Counter(item.training for item in study.items) == {True: 3, False: 3}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_nothing_of_a_file_but_its_sound_tells_what_it_is(clips, tmp_path):
    plan = make_plan(clips)
    first, second = build(plan, tmp_path / "a", seed=7), build(plan, tmp_path / "b", seed=7)
    names = [stimulus.file for stimulus in first.stimuli]
    assert all(re.fullmatch(r"[0-9a-f]{16}\.wav", name) for name in names)
    assert len(set(names)) == len(names)
    assert not set(names) & {stimulus.file for stimulus in second.stimuli}
    stats = [(tmp_path / "a" / "stimuli" / name).stat() for name in names]
    assert len({stat.st_mtime_ns for stat in stats}) == 1
    for item in first.items:
        files = [tmp_path / "a" / "stimuli" / s.file for s in first.stimuli if s.item == item.id]
        assert len({path.stat().st_size for path in files}) == 1
        assert len({path.read_bytes()[:44] for path in files}) == 1


def test_alphabetical_order_of_files_says_nothing_of_the_condition(clips, tmp_path):
    study = build(make_plan(clips), tmp_path / "study")
    by_name = [s.condition for s in sorted(study.stimuli, key=lambda s: s.file)]
    assert by_name != [s.condition for s in study.stimuli]


def test_items_are_equally_loud_and_conditions_share_their_gain(clips, tmp_path):
    folder = tmp_path / "study"
    study = build(make_plan(clips), folder)
    references = [read(folder, study, file_slug(path.stem), "reference") for path in clips]
    levels = [loudness(samples) for samples in references]
    assert np.ptp(levels) < 0.1
    for path, reference in zip(clips, references, strict=True):
        original, _ = sf.read(path, always_2d=True)
        cut = original[RATE_HZ : 3 * RATE_HZ]
        gain = np.median(reference[5000:-5000] / cut[5000:-5000])
        coded = np.round(cut.astype(np.float32) * 8.0 * 100) / 800 * gain  # float32, so that ties round alike
        heard = read(folder, study, file_slug(path.stem), "coarse@8")
        assert np.abs(heard - coded)[5000:-5000].max() < 1e-6


def test_no_condition_clips_and_the_loudness_still_matches(clips, tmp_path):
    folder = tmp_path / "study"
    study = build(make_plan(clips), folder)
    peaks = {s.file: np.abs(sf.read(folder / "stimuli" / s.file)[0]).max() for s in study.stimuli}
    assert max(peaks.values()) <= 10 ** (-1 / 20) + 1e-6
    assert max(peaks.values()) > 0.2


def test_the_target_falls_for_all_when_one_item_lacks_headroom(tmp_path):
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    clicks = np.where(np.arange(t.size) % 4800 == 0, 0.9, 0.0) + 1e-3 * np.sin(t * 2000)
    sf.write(tmp_path / "clicks.wav", clicks, RATE_HZ, subtype="FLOAT")
    sf.write(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 500 * t), RATE_HZ, subtype="FLOAT")
    items = tuple(PlannedItem(tmp_path / f"{name}.wav", name, 2.0) for name in ("clicks", "tone"))
    condition = PlannedCondition("coarse", Setting.of(64), "Coarse 64")
    folder = tmp_path / "study"
    study = build(StudyPlan("p", items, (condition,)), folder)
    levels = [loudness(read(folder, study, name, "reference")) for name in ("clicks", "tone")]
    assert levels[0] == pytest.approx(levels[1], abs=0.1)
    assert levels[0] < -24


def test_without_matching_the_level_stays_unless_it_would_clip(clips, tmp_path):
    folder = tmp_path / "study"
    study = build(make_plan(clips, match_loudness=False), folder)
    original, _ = sf.read(clips[0], always_2d=True)
    quiet = read(folder, study, "quiet-noise", "reference")
    assert np.abs(quiet - original[RATE_HZ : 3 * RATE_HZ])[500:-500].max() < 1e-6
    assert np.abs(read(folder, study, "loud-pair", "loud@64")).max() <= 0.892


def test_a_longer_piece_is_encoded_than_is_heard(clips, tmp_path):
    Coarse.lengths.clear()
    study = build(make_plan(clips[:1]), tmp_path / "study")
    assert set(Coarse.lengths) == {4 * RATE_HZ}
    assert read(tmp_path / "study", study, "quiet-noise", "coarse@8").shape[0] == 2 * RATE_HZ


def test_edges_are_faded_alike(clips, tmp_path):
    folder = tmp_path / "study"
    study = build(make_plan([clips[2]]), folder)
    for condition in study.conditions:
        samples = read(folder, study, "steady-tone", condition.id)
        assert abs(samples[0, 0]) < 1e-4
        assert abs(samples[-1, 0]) < 1e-4
        middle, edge = np.abs(samples[2000:4000]).max(), np.abs(samples[:120]).max()
        assert edge < 0.3 * middle


def test_measured_bitrates_are_recorded(clips, tmp_path):
    study = build(make_plan(clips), tmp_path / "study")
    rates = {s.condition: s.bitrate_kbps for s in study.stimuli if s.item == "loud-pair"}
    assert rates["coarse@8"] == pytest.approx(2 * 32 * RATE_HZ / 1000)
    assert rates["reference"] is None


@pytest.mark.parametrize("steps", [1, 4, 17])
def test_a_cancelled_build_leaves_nothing(clips, tmp_path, steps):
    before = sorted(tmp_path.iterdir())
    build_steps = build_study(make_plan(clips), tmp_path / "study", find_codec=find_codec)
    for _ in range(steps):
        next(build_steps)
    build_steps.close()
    assert sorted(tmp_path.iterdir()) == before


def test_a_failing_codec_leaves_nothing(clips, tmp_path):
    before = sorted(tmp_path.iterdir())

    def fail(name):
        raise StudyBuildError(f"no {name}")

    with pytest.raises(StudyBuildError, match="no coarse"):
        finish(build_study(make_plan(clips), tmp_path / "study", find_codec=fail))
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_in_use_is_left_alone(clips, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(StudyBuildError, match=r"study is there already"):
        build(make_plan(clips), folder)
    assert (folder / "thesis.txt").read_text() == "mine"


def test_silence_is_refused_by_name(tmp_path):
    sf.write(tmp_path / "nothing.wav", np.zeros(RATE_HZ), RATE_HZ)
    item = PlannedItem(tmp_path / "nothing.wav", "nothing", 1.0)
    plan = StudyPlan("p", (item,), (PlannedCondition("coarse", Setting.of(64), "C"),))
    with pytest.raises(StudyBuildError, match=r"nothing\.wav: .*silent"):
        build(plan, tmp_path / "study")


def test_separate_training_items_are_not_tested(clips, tmp_path):
    plan = make_plan(clips)
    uses = (Use.TEST, Use.TEST, Use.TRAINING)
    plan = replace(plan, items=tuple(replace(i, use=u) for i, u in zip(plan.items, uses, strict=True)))
    study = build(plan, tmp_path / "study")
    assert [(i.title, i.training) for i in study.items] == [
        ("quiet noise", False),
        ("loud pair", False),
        ("steady tone", True),
    ]


def test_an_ab_study_compares_all_pairs_of_systems(clips, tmp_path):
    plan = make_plan(clips, test_type=TestType.AB, repetitions=2)
    study = build(plan, tmp_path / "study")
    assert set(study.pairs) == {("coarse@8", "coarse@64"), ("coarse@8", "loud@64"), ("coarse@64", "loud@64")}
    assert [c.id for c in study.conditions] == ["reference", "coarse@8", "coarse@64", "loud@64"]
    assert study.repetitions == 2


@pytest.mark.parametrize("test_type", list(TestType))
def test_the_reference_is_called_hidden_where_it_is_graded_alone(clips, test_type):
    columns = make_plan(clips, test_type=test_type).design_conditions()
    titles = [column.title for column in columns if column.role is Role.REFERENCE]
    assert titles == ["Hidden reference" if test_type is TestType.MUSHRA else "Reference"]


def problems(plan):
    return [(p.where, p.blocking) for p in plan.problems()]


def test_twelve_signals_count_the_reference_and_the_anchors(clips):
    def plan_of(n):
        conditions = tuple(PlannedCondition("coarse", Setting.of(8 + i), f"C{i}") for i in range(n))
        return make_plan(clips, conditions=conditions)

    assert ("conditions", True) not in problems(plan_of(9))
    assert ("conditions", True) in problems(plan_of(10))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": " "}, ("name", True)),
        ({"items": ()}, ("items", True)),
        ({"conditions": ()}, ("conditions", True)),
        ({"anchors": (Role.ANCHOR35,)}, ("anchors", False)),
        ({"pairs": (("coarse@8", "lost@1"),), "test_type": TestType.AB}, ("pairs", True)),
    ],
)
def test_problems_are_found_where_they_are(clips, changes, expected):
    assert expected in problems(make_plan(clips, **changes))


@pytest.mark.parametrize(
    ("region", "blocking"), [((0.0, 0.3), True), ((3.8, 9.0), True), ((0.0, 13.0), False)]
)
def test_excerpts_too_short_block_and_too_long_warn(clips, region, blocking):
    item = PlannedItem(clips[0], "x", 4.0 if blocking else 20.0, region)
    assert ("items", blocking) in problems(make_plan(clips, items=(item,)))


def test_an_anchor_is_no_system(clips):
    anchor = PlannedCondition("anchor35", Setting(), "3.5 kHz")
    assert ("conditions", True) in problems(make_plan(clips, conditions=(anchor,)))


def test_identifiers_differ():
    assert unique_ids(["Café 1", "café 1", "", "x"]) == ["caf-1", "caf-1-2", "item", "x"]
