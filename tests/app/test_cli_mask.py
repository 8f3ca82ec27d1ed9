"""`earbench mask`, through the command line's own entry."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from earbench_app.cli.main import run
from earbench_codecs.psychoacoustics import Model1Settings, masking, threshold_in_quiet_db_spl

RATE = 16_000


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path / "stereo.wav"
    sf.write(path, rng.standard_normal((4000, 2)) * [0.1, 0.01], RATE, subtype="FLOAT")
    return path


def mask_json(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    assert run(["mask", *argv, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_json_holds_the_model_s_thresholds(stereo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = mask_json(capsys, str(stereo), "--channel", "2", "--n-fft", "1024", "--hop", "300")
    samples = sf.read(stereo, dtype="float32")[0][:, 1]
    expected = masking(samples, Model1Settings(RATE, 1024), hop=300)
    assert found["sample_rate_hz"] == RATE
    assert (found["n_fft"], found["hop"]) == (1024, 300)
    assert found["frequencies_hz"] == expected.frequencies_hz.tolist()
    assert found["times_s"] == pytest.approx(expected.times_s.tolist())
    assert np.array(found["threshold_db_spl"]) == pytest.approx(expected.threshold_db_spl, abs=1e-3)


def test_all_channels_are_averaged(stereo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = mask_json(capsys, str(stereo))
    mean = sf.read(stereo, dtype="float32")[0].mean(axis=1)
    expected = masking(mean, Model1Settings(RATE)).threshold_db_spl
    assert np.array(found["threshold_db_spl"]) == pytest.approx(expected, abs=2e-3)
    assert (found["channel"], found["channels"], found["n_fft"], found["hop"]) == (None, 2, 512, 256)


def test_silence_has_the_threshold_in_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sf.write(tmp_path / "silence.wav", np.zeros(44_100), 44_100)
    found = mask_json(capsys, str(tmp_path / "silence.wav"))
    rows = np.array(found["threshold_db_spl"])
    assert rows.shape == (172, 257)  # 1 + (44100 - 512) / 256, rounded up
    quiet = threshold_in_quiet_db_spl(np.array(found["frequencies_hz"]))
    assert rows == pytest.approx(np.tile(quiet, (172, 1)), abs=2e-3)


def test_csv_has_a_row_a_frame(stereo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mask.csv"
    found = mask_json(capsys, str(stereo), "--csv", str(target))
    with target.open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header[0] == "time_s"
    assert [float(f) for f in header[1:]] == found["frequencies_hz"]
    assert [float(row[0]) for row in rows] == found["times_s"]
    assert [[float(x) for x in row[1:]] for row in rows] == found["threshold_db_spl"]


def test_the_playback_level_is_an_option(stereo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loud, soft = (mask_json(capsys, str(stereo), "--full-scale-db", level) for level in ("96", "60"))
    at_3_khz = np.array(loud["threshold_db_spl"])[:, 96] - np.array(soft["threshold_db_spl"])[:, 96]
    assert np.median(at_3_khz) == pytest.approx(36, abs=6)
    assert soft["full_scale_db_spl"] == 60


def test_pam_nac_takes_its_rates_only(
    stereo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mask", str(stereo), "--model", "pam-nac"]) == 1
    assert "44100" in capsys.readouterr().err
    sf.write(tmp_path / "32k.wav", np.random.default_rng(0).uniform(-0.1, 0.1, 2000), 32_000)
    found = mask_json(capsys, str(tmp_path / "32k.wav"), "--model", "pam-nac")
    assert found["model"] == "pam-nac"
    assert np.max(found["threshold_db_spl"]) > 50  # each frame is lifted to 96 dB
    assert run(["mask", str(tmp_path / "32k.wav"), "--model", "pam-nac", "--n-fft", "1024"]) == 2


def test_without_json_it_says_what_it_found(stereo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mask", str(stereo)]) == 0
    assert "15 frames of 257 lines" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["no-such.wav"], 1, "no-such.wav"),
        (["{stereo}", "--channel", "3"], 2, "1 to 2"),
        (["{stereo}", "--model", "model9"], 2, "model9"),
        (["{stereo}", "--hop", "0"], 2, "hop"),
        (["{stereo}", "--csv", "no/such/folder.csv"], 1, "no/such"),
    ],
)
def test_failures_are_explained(
    argv: list[str], code: int, says: str, stereo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["mask", *(arg.format(stereo=stereo) for arg in argv)]) == code
    assert says in capsys.readouterr().err


def test_a_rate_beyond_the_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sf.write(tmp_path / "low.wav", np.zeros(100), 4000)
    assert run(["mask", str(tmp_path / "low.wav")]) == 1
    assert "8000 to 192000" in capsys.readouterr().err
