"""`earbench codecs`, `encode`, `decode` as a shell sees them: documents, exit codes, one-line failures."""

import io
import json
import os
import re
import sys

import numpy as np
import pytest
import soundfile

from earbench_app.cli.main import run

FIELDS = ["name", "title", "kind", "sample_rates_hz", "bitrates_kbps"]
FIELDS += ["available", "reason", "parameters", "sha256"]


@pytest.fixture
def clip_wav(tmp_path):
    white = 0.2 * np.random.default_rng(9).standard_normal((48_004, 2))
    samples = (white[3:] + white[2:-1] + white[1:-2] + white[:-3]) / 2  # low enough that MP3 keeps its shape
    soundfile.write(tmp_path / "clip.wav", samples, 48_000, subtype="FLOAT")
    return tmp_path / "clip.wav"


def shell(capsys, *argv):
    code = run([str(argument) for argument in argv])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_codecs_json_has_exactly_the_fields_of_the_contract(capsys):
    code, out, err = shell(capsys, "codecs", "--json")
    infos = json.loads(out)
    assert (code, err) == (0, "")
    assert all(list(info) == FIELDS for info in infos)
    by_name = {info["name"]: info for info in infos}
    assert {"mp3", "opus", "aac", "vorbis", "amr-wb", "anchor35", "anchor70"} <= set(by_name)
    assert by_name["anchor35"]["bitrates_kbps"] == []
    assert by_name["amr-wb"]["sample_rates_hz"] == [16_000]


def test_codecs_for_people_names_each(capsys):
    code, out, _ = shell(capsys, "codecs")
    assert code == 0
    for name in ("mp3", "opus", "amr-wb", "anchor70"):
        assert f"\n{name} " in f"\n{out}"


def test_a_file_goes_there_and_back(capsys, clip_wav, tmp_path):
    asked = ("--codec", "mp3", "--kbps", "128", "--json")
    code, out, err = shell(capsys, "encode", clip_wav, tmp_path / "x.ebc", *asked)
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert (report["codec"], report["duration_s"]) == ("mp3", 48_001 / 48_000)
    assert report["bitrate_kbps"] == pytest.approx(8 * report["bytes"] / report["duration_s"] / 1000)
    assert report["bitrate_kbps"] == pytest.approx(128, rel=0.1)
    assert report["realtime_factor"] > 0
    assert report["file_bytes"] == os.path.getsize(tmp_path / "x.ebc") > report["bytes"]
    code, out, _ = shell(capsys, "decode", tmp_path / "x.ebc", tmp_path / "y.wav", "--json")
    assert (code, json.loads(out)["n_samples"]) == (0, 48_001)
    decoded, rate_hz = soundfile.read(tmp_path / "y.wav")
    original, _ = soundfile.read(clip_wav)
    assert (decoded.shape, rate_hz) == (original.shape, 48_000)
    assert np.corrcoef(decoded[:, 1], original[:, 1])[0, 1] > 0.8


def test_a_person_who_waits_is_told_what_is_under_way(clip_wav, tmp_path, monkeypatch):
    """With the time it has taken; a log is spared, as the tests before see."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", terminal)
    target = tmp_path / "clip.ebc"
    assert run(["encode", str(clip_wav), str(target), "--codec", "mp3", "--kbps", "64"]) == 0
    assert run(["decode", str(target), str(tmp_path / "back.wav")]) == 0
    shown = re.sub(r"\x1b\[[\d;?]*\w", "", terminal.getvalue())
    assert shown.index("0:00:00 encoding") < shown.index("0:00:00 decoding")


def test_an_option_of_the_codec_is_given_by_name(capsys, clip_wav, tmp_path):
    asked = ("--codec", "mp3", "--option", "vbr=4", "--json")
    code, out, _ = shell(capsys, "encode", clip_wav, tmp_path / "x.ebc", *asked)
    assert code == 0
    setting = json.loads(out)["setting"]
    assert (setting["kbps"], setting["vbr"]) == (None, 4)


def test_what_was_done_on_the_way_is_said(capsys, clip_wav, tmp_path):
    code, out, _ = shell(capsys, "encode", clip_wav, tmp_path / "x.ebc", "--codec", "amr-wb")
    assert code == 0
    assert "kbps measured" in out
    assert "note: resampled from 48000 to 16000 Hz" in out


@pytest.mark.parametrize("bits", ["16", "24"])
def test_integer_output_is_on_request(capsys, clip_wav, tmp_path, bits):
    shell(capsys, "encode", clip_wav, tmp_path / "x.ebc", "--codec", "anchor35")
    code, _, _ = shell(capsys, "decode", tmp_path / "x.ebc", tmp_path / "y.wav", "--format", bits)
    assert code == 0
    assert soundfile.info(tmp_path / "y.wav").subtype == f"PCM_{bits}"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("encode", "gone.wav", "x.ebc", "--codec", "mp3"), "gone.wav: there is no such file"),
        (
            ("encode", "clip.wav", "x.ebc", "--codec", "mp4"),
            "no codec named 'mp4'; did you mean mp3? There are: mp3",
        ),
        (("encode", "clip.wav", "x.ebc", "--codec", "amr-wb", "--kbps", "7"), "no mode at 7 kbps"),
        (("encode", "clip.wav", "x.ebc", "--codec", "mp3", "--option", "vbr=12"), "vbr='12' is not one of"),
        (
            ("encode", "clip.wav", "x.ebc", "--codec", "mp3", "--option", "vbr=4", "--option", "vbr=2"),
            "vbr is given twice: 4 and 2",
        ),
        (
            ("encode", "clip.wav", "x.ebc", "--codec", "anchor35", "--checkpoint", "clip.wav"),
            "no trained param",
        ),
        (("encode", "clip.wav", "no/x.ebc", "--codec", "anchor35"), "no/x.ebc: it cannot be written"),
        (("decode", "clip.wav", "x.wav"), "clip.wav: not an .ebc file"),
        (("decode", "cut.ebc", "x.wav"), "cut.ebc: segment 1 of 1 is damaged or cut off"),
    ],
)
def test_a_failure_is_one_line_exit_code_1_and_no_file(capsys, clip_wav, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    assert run(["encode", "clip.wav", "cut.ebc", "--codec", "anchor35"]) == 0
    whole = (tmp_path / "cut.ebc").read_bytes()
    (tmp_path / "cut.ebc").write_bytes(whole[:-100])
    capsys.readouterr()
    code, out, err = shell(capsys, *argv)
    assert (code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["clip.wav", "cut.ebc"]


@pytest.mark.parametrize(
    "argv",
    [
        ("encode", "clip.wav"),
        ("encode", "clip.wav", "x.ebc"),
        ("encode", "clip.wav", "x.ebc", "--codec", "mp3", "--kbps", "much"),
        ("encode", "clip.wav", "x.ebc", "--codec", "mp3", "--option", "vbr"),
        ("decode", "x.ebc", "x.flac"),
        ("decode", "x.ebc", "x.wav", "--format", "8"),
    ],
)
def test_wrong_usage_is_exit_code_2(capsys, argv):
    code, _, err = shell(capsys, *argv)
    assert code == 2
    assert "Usage:" in err


def test_a_failed_decode_leaves_the_older_file(capsys, clip_wav, tmp_path):
    shell(capsys, "encode", clip_wav, tmp_path / "x.ebc", "--codec", "anchor35")
    data = bytearray((tmp_path / "x.ebc").read_bytes())
    data[-1] ^= 1
    (tmp_path / "x.ebc").write_bytes(data)
    before = clip_wav.read_bytes()
    assert shell(capsys, "decode", tmp_path / "x.ebc", clip_wav)[0] == 1
    assert clip_wav.read_bytes() == before


@pytest.mark.parametrize("command", ["codecs", "encode", "decode"])
def test_each_command_has_help(capsys, command):
    code, out, _ = shell(capsys, command, "--help")
    assert code == 0
    assert f"{command} [OPTIONS]" in out
