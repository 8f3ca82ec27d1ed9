"""The wheel and the sdist build, and what they install runs without the source tree."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)])
    return out


def _run(argv: list[str], **kwargs: object) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(argv, capture_output=True, text=True, env=clean, cwd="/", **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _bare_venv(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    return folder / ("Scripts" if os.name == "nt" else "bin")


def test_the_wheel_holds_four_packages_and_their_data(dist: Path) -> None:
    names = zipfile.ZipFile(next(dist.glob("*.whl"))).namelist()
    for wanted in (
        "earbench_app/__main__.py",
        "earbench_codecs/base.py",
        "earbench_mushra/design.py",
        "earbench_assets/clips/castanets.flac",
        "earbench_assets/clips/ATTRIBUTION.md",
    ):
        assert wanted in names
    assert not [name for name in names if name.startswith("tests/")]


def test_the_sdist_holds_the_sources_and_the_tests(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    tails = {name.partition("/")[2] for name in names}
    assert {"pyproject.toml", "LICENSE", "Makefile", "codecs/earbench_codecs/base.py"} <= tails
    assert not [tail for tail in tails if ".venv" in tail]


@pytest.mark.slow
def test_the_wheel_runs_in_an_environment_without_the_source_tree(dist: Path, tmp_path: Path) -> None:
    """Third-party packages come from this environment; earbench itself only from the wheel."""
    bin_dir = _bare_venv(tmp_path / "venv")
    _run([str(bin_dir / "python"), "-m", "pip", "install", "-q", "--no-deps", str(next(dist.glob("*.whl")))])
    shared = next(path for path in site.getsitepackages() if path.endswith("site-packages"))
    own = _run([str(bin_dir / "python"), "-c", "import site; print(site.getsitepackages()[0])"]).strip()
    Path(own, "shared.pth").write_text(shared + "\n")
    _check_installed(bin_dir)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_installs_with_its_own_dependencies(dist: Path, tmp_path: Path) -> None:
    bin_dir = _bare_venv(tmp_path / "venv")
    _run([str(bin_dir / "python"), "-m", "pip", "install", "-q", str(next(dist.glob("*.whl")))])
    _check_installed(bin_dir)


def _check_installed(bin_dir: Path) -> None:
    where = _run([str(bin_dir / "python"), "-c", "import earbench_app; print(earbench_app.__file__)"])
    assert str(ROOT / "app") not in where
    listed = json.loads(_run([str(bin_dir / "earbench"), "codecs", "--json"]))
    names = {codec["name"] for codec in listed}
    assert {"mp3", "opus", "aac", "vorbis", "amr-wb", "anchor35", "anchor70"} <= names
