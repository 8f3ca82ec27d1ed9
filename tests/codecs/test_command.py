"""Command-line codecs: real programs, no shell, a time limit, their words in the error."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from earbench_codecs.base import Setting
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import CodecUnavailableError, CommandFailedError, PluginError
from earbench_codecs.reference.command import load_command_codec

PROGRAM = '''
"""A codec of 8 bits a sample with 40 samples of delay that codes whole frames of 160 samples."""
import sys, wave
what, source, target, kbps, rate = sys.argv[1:]
if what == "encode":
    with wave.open(source) as wav:
        assert wav.getframerate() == int(rate) and float(kbps) in (64, 128)
        pcm = wav.readframes(wav.getnframes() // 160 * 160)
    open(target, "wb").write(pcm[1::2])
else:
    high = open(source, "rb").read()
    with wave.open(target, "wb") as wav:
        wav.setparams((1, 2, int(rate), 0, "NONE", ""))
        wav.writeframes(bytes(80) + b"".join(bytes((0, byte)) for byte in high[:-40]))
'''
TOML = """
name = "eight"
title = "Eight bits"
version = "1.0"
sample_rates_hz = [8000, 16000]
max_channels = 1
bitrates_kbps = [64, 128]
delay_samples = 40
frame_samples = 160
encode = [PYTHON, "{folder}/eight.py", "encode", "{input}", "{output}", "{kbps}", "{sample_rate_hz}"]
decode = [PYTHON, "{folder}/eight.py", "decode", "{input}", "{output}", "{kbps}", "{sample_rate_hz}"]
""".replace("PYTHON", f'"{sys.executable}"')


@pytest.fixture
def load(tmp_path):
    """Write a TOML file with changed or added lines, and load it."""

    def write(text=TOML, **changes):
        kept = [line for line in text.strip().splitlines() if line.split(" ")[0] not in changes]
        added = [f"{key} = {value}" for key, value in changes.items() if value]
        (tmp_path / "eight.py").write_text(PROGRAM)
        (tmp_path / "eight.toml").write_text("\n".join(kept + added))
        return load_command_codec(tmp_path / "eight.toml")

    return write


def python(code):
    """Argument list, in TOML, of a program of one line that gets input and output."""
    return f"""['{sys.executable}', '-c', '''{code}''', '{{input}}', '{{output}}']"""


def speechlike(n=4_001, rate=16_000):
    return AudioClip.mono(0.4 * np.sin(np.arange(n) * 0.05) * np.hanning(n), rate)


def test_a_real_program_codes_aligned_to_the_sample(load):
    clip, codec = speechlike(), load()
    encoded = codec.encode(clip, Setting(128))
    decoded = codec.decode(encoded)
    assert encoded.n_bytes == 26 * 160  # 4,001 samples and the delay, in whole frames
    assert decoded.samples.shape == clip.samples.shape
    steps = np.rint(clip.samples.astype(float) * 2**15)  # of the 16-bit file between
    np.testing.assert_array_equal(decoded.samples, np.floor(steps / 256) / 128)


def test_what_the_file_says_is_what_the_codec_says(load):
    info = load().info
    assert (info.name, info.title, info.kind, info.max_channels) == ("eight", "Eight bits", "plugin", 1)
    assert (info.sample_rates_hz, info.bitrates_kbps) == ((8000, 16000), (64, 128))
    assert info.version.startswith("1.0+")
    assert info.available


def test_an_edited_file_is_another_version(load):
    assert load().info.version != load(timeout_s="7").info.version


def test_stereo_and_another_rate_go_through(load):
    clip = AudioClip(np.stack([speechlike(rate=11_025).samples[0]] * 2), 11_025)
    codec = load()
    decoded = codec.decode(codec.encode(clip))
    assert decoded.samples.shape == clip.samples.shape
    assert np.corrcoef(decoded.samples[1], clip.samples[1])[0, 1] > 0.99


def test_no_shell_reads_the_arguments(load, tmp_path):
    codec = load(
        encode=f'["{sys.executable}", "-c", "import sys; open(sys.argv[2], \'w\').write(sys.argv[3])", '
        '"{input}", "{output}", "$(touch hacked); `id` > {kbps}"]'
    )
    assert codec.encode(speechlike(), Setting(64)).payload == b"$(touch hacked); `id` > 64"


def test_a_failing_program_is_quoted(load):
    codec = load(encode=python('import sys; print("bad frame 7", file=sys.stderr); sys.exit(3)'))
    with pytest.raises(CommandFailedError, match=r"exit code 3\nbad frame 7") as caught:
        codec.encode(speechlike())
    assert caught.value.stderr == "bad frame 7\n"
    assert caught.value.argv[0] == sys.executable


@pytest.mark.parametrize("code", ["pass", "import sys; open(sys.argv[2], 'w').close()"])
def test_no_output_is_an_error(load, code):
    with pytest.raises(CommandFailedError, match="wrote no output"):
        load(encode=python(code)).encode(speechlike())


def test_the_time_limit_kills_the_program_and_its_children(load, tmp_path):
    mark = tmp_path / "still-alive"
    child = f"import time; time.sleep(3); open('{mark}', 'w')"
    code = (
        f'import subprocess, sys, time; subprocess.Popen([sys.executable, "-c", "{child}"]); time.sleep(60)'
    )
    codec = load(encode=python(code), timeout_s="1.0")
    with pytest.raises(CommandFailedError, match=r"stopped after 1 s"):
        codec.encode(speechlike())
    time.sleep(3)
    assert not mark.exists()


def test_too_short_an_output_is_an_error_not_silence(load):
    codec = load(frame_samples="")  # the program drops the last, cut frame
    with pytest.raises(CommandFailedError, match=r"needed are at least 4041 samples.*frame_samples"):
        codec.decode(codec.encode(speechlike()))


def test_no_temporary_file_is_left(load, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    codec = load()
    codec.decode(codec.encode(speechlike()))
    with pytest.raises(CommandFailedError):
        load(encode=python("raise SystemExit(1)")).encode(speechlike())
    assert list(scratch.iterdir()) == []


def test_a_missing_program_makes_it_unavailable(load):
    codec = load(encode='["no-such-program", "{input}", "{output}"]')
    assert codec.info.reason == "install no-such-program, or put it on PATH"
    with pytest.raises(CodecUnavailableError, match="no-such-program"):
        codec.encode(speechlike())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"colour": '"blue"'}, "colour Extra inputs"),
        ({"title": ""}, "title Field required"),
        ({"name": '"a b"'}, "name"),
        ({"timeout_s": "-1"}, "timeout_s"),
        ({"encode": '["x", "{input}"]'}, r"\{output\} is missing"),
        ({"decode": '["x", "{input}", "{output}", "{rate}"]'}, r"\{rate\} in .* is unknown"),
        ({"bitrates_kbps": ""}, "bitrates_kbps is empty"),
        ({"encode": "[]"}, "encode"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(load, changes, message):
    with pytest.raises(PluginError, match=rf"eight\.toml: .*{message}"):
        load(**changes)


def test_no_toml_is_refused(tmp_path):
    (tmp_path / "x.toml").write_text("name =")
    with pytest.raises(PluginError, match=r"x\.toml"):
        load_command_codec(tmp_path / "x.toml")
    with pytest.raises(PluginError, match=r"gone\.toml"):
        load_command_codec(tmp_path / "gone.toml")


@pytest.mark.skipif(shutil.which("flac") is None, reason="needs the program flac")
def test_flac_as_a_command_codec_is_lossless(load):
    text = 'name = "flac"\ntitle = "FLAC"\nversion = "1"\nwav = "24"\nsuffix = ".flac"\n'
    text += 'encode = ["flac", "-s", "-o", "{output}", "{input}"]\n'
    text += 'decode = ["flac", "-s", "-d", "-o", "{output}", "{input}"]\n'
    steps = np.random.default_rng(6).integers(-(2**23), 2**23, (2, 5_003))
    clip = AudioClip(steps / 2**23, 44_100)
    codec = load(text)
    np.testing.assert_array_equal(codec.decode(codec.encode(clip)).samples, clip.samples)
    assert subprocess.run(["flac", "--version"], capture_output=True, check=True).stdout
