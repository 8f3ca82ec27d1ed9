"""Takes pictures of the running program: `python tools/screenshots.py [NAME…] [--out FOLDER]`.

Without names, those that the README shows. The real windows open on the bundled demo, without a sound device
and with settings of their own. Start it on a screen, or under `tools/with_screen.sh`; with QT_SCALE_FACTOR=2
for a dense one.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from studio import ListenerStudio, WorkbenchStudio, made_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from earbench_app.study_plan import StudyPlan
    from earbench_app.views.qt.training_page import TrainingPage

README = Path(__file__).parents[1] / "README.md"
PICTURES = "docs/images"
N_VIRTUAL_LISTENERS = 12
TRAINED_S = 1800.0  # two runs of three minutes, one after another, on a machine that has others to serve


def audition(scheme: str, path: Path) -> None:
    """Play a version in a loop."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo()
    studio.hear(0, at_s=3.2, region_s=(2.0, 5.0))
    studio.shoot(studio.bench.window)
    studio.close()


def noise_vs_mask(scheme: str, path: Path) -> None:
    """Plot the noise of MP3 at 64 kbps and of Opus at 32 kbps against the masking threshold."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo(measured=False)
    analysis = studio.page.analysis
    studio.keep_two()
    analysis.setSizes([300, 750])
    studio.hear(0, at_s=3.2)
    studio.shoot(analysis.noise)
    studio.close()


def audible_noise(scheme: str, path: Path) -> None:
    """Show the map of audible noise under waveform and spectrogram, at a worst spot."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo("castanets")
    studio.keep_two()
    studio.page.halves.setSizes([650, 110])
    studio.page.analysis.setSizes([1050, 0])
    studio.hear(1, at_s=2.0)
    studio.page.analysis.map_panel.worst_requested.emit()
    studio.rest()
    studio.shoot(studio.page.analysis)
    studio.close()


def spectrum(scheme: str, path: Path) -> None:
    """Plot long-term spectra of the original and its versions."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo(measured=False)
    analysis = studio.page.analysis
    analysis.tabs.setCurrentWidget(analysis.spectrum)
    analysis.setSizes([300, 750])
    studio.wait(lambda: len(analysis.spectrum._spectra) == 1 + len(studio.version_ids()))
    studio.shoot(analysis.spectrum)
    studio.close()


def levels(scheme: str, path: Path) -> None:
    """Meter a version at the playhead, beside the loudness of all."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo(measured=False)
    analysis = studio.page.analysis
    analysis.tabs.setCurrentWidget(analysis.levels)
    analysis.setSizes([300, 750])
    studio.hear(0, at_s=3.2)
    studio.rest(2.0)
    studio.shoot(analysis.levels)
    studio.close()


def wipe(scheme: str, path: Path) -> None:
    """Hold two versions' spectrograms against each other, left and right of a line."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo(measured=False)
    studio.page.halves.setSizes([650, 110])
    studio.page.analysis.setSizes([1050, 0])
    studio.hear(1, at_s=2.0)
    studio.hear(0, at_s=2.0)
    pictures = studio.page.analysis.pictures
    pictures.toggle_wipe()
    studio.rest(2.0)
    studio.shoot(pictures)
    studio.close()


def difference(scheme: str, path: Path) -> None:
    """Play the difference signal of a version, zoomed in, with more gain than full scale allows."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo()
    studio.hear(1, at_s=2.0)
    studio.page.difference_requested.emit()
    studio.page.makeup_changed.emit(60.0)
    studio.page.axis.zoom(6, 2.0)
    studio.rest()
    studio.shoot(studio.bench.window)
    studio.close()


def mushra(scheme: str, path: Path) -> None:
    """Score half of a MUSHRA trial."""
    studio = ListenerStudio(scheme, path, _mushra_plan())
    session = studio.presenter._session
    assert session is not None
    for label, score in zip(session.labels, (100, 60, 60, 60, 60, 60, 60), strict=True):
        studio.score(label, score)
    studio.click("next")
    studio.click("instructions_accept")
    for label, score in zip(session.labels[:4], (41, 97, 22, 72), strict=True):
        studio.score(label, score)
    studio.click(f"play_{session.labels[4]}")
    studio.shoot(studio.window)
    studio.close()


def ab(scheme: str, path: Path) -> None:
    """Listen to a pair, before choosing."""
    studio = ListenerStudio(scheme, path, _ab_plan())
    for name in ("play_A", "play_B"):
        studio.click(name)
    studio.shoot(studio.window)
    studio.close()


def results(scheme: str, path: Path) -> None:
    """Open the results of virtual listeners."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QPushButton

    from earbench_mushra.simulation import simulate

    studio = WorkbenchStudio(scheme, path)
    folder = made_study(_mushra_plan(f"Demo, {N_VIRTUAL_LISTENERS} simulated listeners"))
    simulate(folder, N_VIRTUAL_LISTENERS, seed=1)
    studio.bench.tests.open_study(folder)
    studio.bench.window.show_page("Results")
    studio.rest()
    seal = studio.bench.window.findChild(QPushButton, "open_results")
    assert isinstance(seal, QPushButton)
    QTest.mouseClick(seal, Qt.MouseButton.LeftButton)
    studio.shoot(studio.bench.window)
    studio.close()


def crowded(scheme: str, path: Path) -> None:
    """Long names, twenty clips and one that is broken, twelve versions, one of which failed."""
    from earbench_app.audition.demo import demo_paths
    from earbench_app.audition.workspace import State
    from earbench_codecs.base import Setting
    from earbench_codecs.clip_files import read_clip, write_wav

    studio = WorkbenchStudio(scheme, path)
    folder = Path(tempfile.mkdtemp(dir=os.environ["EARBENCH_HOME"]))
    for i, demo_path in enumerate(demo_paths() * 2):
        name = f"{i:02d} {demo_path.stem} excerpt with a name as long as people really make them.wav"
        write_wav(folder / name, read_clip(demo_path).excerpt(0, 2))
    (folder / "99 broken.wav").write_bytes(b"RIFF not really")
    studio.bench.open([folder])
    rates = [("mp3", 32), ("mp3", 64), ("mp3", 128), ("opus", 12), ("opus", 24), ("opus", 64), ("aac", 48)]
    rates += [("aac", 96), ("vorbis", 64), ("vorbis", 128), ("amr-wb", 12.65), ("amr-wb", 23.85)]
    presenter = studio.bench.audition
    presenter.add_versions([(codec, Setting.of(kbps)) for codec, kbps in rates])
    results = presenter.workspace.results
    studio.wait(lambda: sum(result.state is State.READY for result in results.values()) >= 16)
    failed = presenter.workspace.versions[3]
    result = results[presenter.workspace.clips[0].id, failed.id]
    result.state, result.message = State.ERROR, "libopus refused the frame (error −4): try another bitrate"
    presenter.maker.changed.emit(failed)
    studio.page.number_pressed.emit(5)
    studio.rest()
    studio.shoot(studio.bench.window)
    studio.close()


def empty(scheme: str, path: Path) -> None:
    """Nothing opened yet."""
    studio = WorkbenchStudio(scheme, path)
    studio.shoot(studio.bench.window)
    studio.close()


def picker(scheme: str, path: Path) -> None:
    """Open the list of codecs and rates."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo(measured=False)
    studio.page.open_picker()
    studio.shoot(studio.page.picker)
    studio.page.picker.close()
    studio.close()


def codecs(scheme: str, path: Path) -> None:
    """Show the page of codecs."""
    studio = WorkbenchStudio(scheme, path)
    studio.bench.window.show_page("Codecs")
    studio.wait(lambda: bool(studio.bench.audition.codecs.known))
    studio.shoot(studio.bench.window)
    studio.close()


def codec_card(scheme: str, path: Path) -> None:
    """Read the card of a checkpoint that comes with the program, else of one of the user's."""
    from earbench_app.audition.listing import ListedCheckpoint

    studio = WorkbenchStudio(scheme, path)
    page = studio.bench.codecs_page
    studio.bench.window.show_page("Codecs")
    studio.wait(lambda: studio.bench.audition.codecs.known)
    cards = [i for i in page.codecs if isinstance(i, ListedCheckpoint) and i.available]
    if not cards:
        sys.exit("codec-card: there is no checkpoint to show; train one, or put one in EARBENCH_HOME")
    page.choose(min(cards, key=lambda info: info.own).name)
    studio.shoot(studio.bench.window)
    studio.close()


def shortcuts(scheme: str, path: Path) -> None:
    """Show the overlay of keys."""
    studio = WorkbenchStudio(scheme, path)
    studio.open_demo(measured=False)
    studio.bench.window.show_shortcuts()
    studio.shoot(studio.bench.window)
    studio.close()


def _mushra_plan(name: str = "demo") -> StudyPlan:
    from dataclasses import replace

    from earbench_app.demo_study import demo_plan

    return replace(demo_plan(), name=name)


def _ab_plan() -> StudyPlan:
    from dataclasses import replace

    from earbench_app.study_plan import AB_INSTRUCTIONS, Use
    from earbench_mushra.design import TestType

    plan = _mushra_plan()
    tested = tuple(item for item in plan.items if item.use is Use.TEST)
    return replace(
        plan,
        test_type=TestType.AB,
        items=tested,
        conditions=plan.conditions[1:3],
        anchors=(),
        instructions=AB_INSTRUCTIONS,
    )


def training(scheme: str, path: Path) -> None:
    """Compare the curves of two runs, while a third trains; a fourth failed.

    Those of $EARBENCH_JOBS if it has two that are done, else two of three minutes each on the bundled clips.
    """
    from earbench_assets import clip_paths

    studio = WorkbenchStudio(scheme, path)
    studio.bench.open(clip_paths()[:1])
    studio.bench.window.show_page("Training")
    place = studio.bench.training
    studio.wait(lambda: place.presenter is not None and place.watch is not None)
    page, watch = _not_none(place.page), place.watch
    studio.wait(lambda: watch is not None and watch.last is not None)
    studio.rest()
    if len(_ids(page, "done", "stopped")) < 2:
        _begin_runs(page)
        studio.wait(lambda: len(_ids(page, "stopped")) == 2, TRAINED_S)
    chosen = _ids(page, "done", "stopped")[-2:]
    for name, data, state in _others():
        n_runs = len(page.jobs.model.rows)
        _fill_form(page, name, data)
        page.form.start.click()
        studio.wait(lambda n_runs=n_runs: len(page.jobs.model.rows) > n_runs, TRAINED_S)
        if state == "failed":
            shutil.rmtree(data)  # a folder without audio is not begun with
        studio.wait(lambda state=state: page.jobs.model.rows[-1].state == state, TRAINED_S)
    running = page.jobs.model.rows[-1].id
    studio.wait(lambda: page.jobs.model.rows[-1].step > 0, TRAINED_S)
    page.choose(chosen)
    page.run.curves.smoothing.setValue(4)
    names = [row.name for row in page.jobs.model.rows if row.id in chosen]
    studio.wait(lambda: page.run._title.text().startswith(tuple(names)))
    studio.rest(2.0)
    studio.shoot(studio.bench.window)
    page.cancel_requested.emit((running,))
    studio.wait(lambda: page.jobs.model.rows[-1].state in ("cancelled", "done"), TRAINED_S)
    studio.close()


def training_form(scheme: str, path: Path) -> None:
    """Fill in the form of a sweep, and read the folder of the bundled clips."""
    studio = WorkbenchStudio(scheme, path)
    studio.bench.window.show_page("Training")
    place = studio.bench.training
    studio.wait(lambda: place.presenter is not None)
    page = _not_none(place.page)
    _fill_form(page, sweep=True)
    studio.wait(lambda: "kHz" in page.form._scan.text() and "Reading" not in page.form._scan.text())
    studio.shoot(studio.bench.window)
    studio.close()


def _begin_runs(page: TrainingPage) -> None:
    _fill_form(page, sweep=True)
    page.form.start.click()


def _others() -> list[tuple[str, str, str]]:
    """Return what is begun beside the runs that are drawn: name, data, and the state to wait for."""
    lost = tempfile.mkdtemp(prefix="lost-", dir=os.environ["EARBENCH_HOME"])
    for path in Path(_clips()).expanduser().glob("speech*"):
        shutil.copy(path, lost)
    return [("first-try", lost, "failed"), ("clips-16", _clips(), "running")]


def _clips() -> str:
    """Return the folder of the bundled clips as a user would name it: no picture is of this machine."""
    from earbench_assets import clip_paths

    home = os.environ["HOME"] = os.environ["EARBENCH_HOME"]
    link = Path(home) / "clips"
    if not link.is_symlink():
        link.symlink_to(clip_paths()[0].parent)
    return "~/clips"


def _ids(page: TrainingPage, *states: str) -> list[str]:
    """Return the runs that are said to be in one of these states."""
    return [row.id for row in page.jobs.model.rows if row.state_text in states]


def _fill_form(page: TrainingPage, name: str = "", data: str = "", *, sweep: bool = False) -> None:
    page.new_requested.emit()
    page.form.recipe_chosen.emit("kankanahalli-small-24")
    given = {
        "run.name": name or "clips",
        "run.data": data or _clips(),
        "data.validation_share": "0.2",
        "rate.target_kbps": "16",
        "run.max_minutes": "3" if sweep else "",
        "sweep.0.path": "rate.target_kbps" if sweep else "",
        "sweep.0.values": "16, 24" if sweep else "",
    }
    for path, text in given.items():
        page.form.value_changed.emit(path, text)
    page.form.value_settled.emit("run.data")


def _not_none(page: TrainingPage | None) -> TrainingPage:
    assert page is not None
    return page


_SCENES = (audition, noise_vs_mask, audible_noise, spectrum, levels, wipe, difference, mushra, ab, results)
_SCENES += (crowded, empty, picker, codecs, codec_card, shortcuts, training, training_form)
SCENES: dict[str, Callable[[str, Path], None]] = {
    scene.__name__.replace("_", "-"): scene for scene in _SCENES
}


def pictures_of_the_readme() -> list[str]:
    """Return the names of the pictures that the README shows."""
    return re.findall(rf"\({PICTURES}/([\w-]+)\.png\)", README.read_text())


def main() -> None:
    """Photograph the scenes asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = ", ".join(SCENES)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {known}; the README's by default")
    parser.add_argument("--out", type=Path, default=README.parent / PICTURES)
    parser.add_argument("--scheme", choices=("light", "dark", "both"), default="light")
    asked = parser.parse_args()
    names = asked.names or pictures_of_the_readme()
    if unknown := set(names) - set(SCENES):
        parser.error(f"no scene {', '.join(sorted(unknown))}; there are {known}")
    with tempfile.TemporaryDirectory(prefix="earbench-screenshots-") as home:
        os.environ.setdefault("EARBENCH_HOME", home)
        Path(os.environ["EARBENCH_HOME"]).mkdir(parents=True, exist_ok=True)
        for name in names:
            for scheme in ("light", "dark") if asked.scheme == "both" else (asked.scheme,):
                suffix = "-dark" if scheme == "dark" else ""
                SCENES[name](scheme, asked.out / f"{name}{suffix}.png")


if __name__ == "__main__":
    main()
