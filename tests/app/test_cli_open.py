"""`earbench PATH…`: what is said before there is a window."""

from pathlib import Path

import pytest

from earbench_app.cli.main import run
from earbench_assets import clip_paths


def test_what_is_neither_a_command_nor_there_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["frob"]) == 2
    assert "frob is neither a file, nor a folder, nor a command" in capsys.readouterr().err


@pytest.mark.skipif("sys.platform != 'linux'")
@pytest.mark.parametrize("command", [[], ["demo"], ["listen", "study"]])
def test_without_a_screen_the_error_says_so(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    clip = str(next(iter(clip_paths())))
    assert run(["study", "new", "study", "--item", clip, "--codec", "opus@32"]) == 0
    capsys.readouterr()
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert run(command) == 1
    error = capsys.readouterr().err
    assert "no screen" in error
    assert error.count("\n") == 1
