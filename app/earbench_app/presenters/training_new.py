"""The form of a new run: filled from a recipe or an old run, checked at each keystroke, turned into jobs."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from earbench_app.counting import counted
from earbench_app.notifications import Level, Notice
from earbench_app.presenters.training_facts import true_title
from earbench_app.presenters.training_fields import FormSection, recipe_sections
from earbench_app.presenters.training_rates import rate_fault, rate_note
from earbench_app.presenters.training_run_fields import (
    TARGET,
    Plan,
    plan,
    recipe_part,
    run_values,
    sweepable,
    with_true_title,
)
from earbench_app.presenters.training_trials import folder_fault, resampling_note
from earbench_app.presenters.training_values import check, recipe_toml, recipe_values, renumbered
from earbench_app.views.training_form_protocols import FormState, RecipeChoice
from earbench_codecs.errors import CodecError
from earbench_codecs.files import write_atomically
from earbench_codecs.training.recipe import parse_recipe, read_recipe, recipe_name, recipe_names

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from earbench_app.jobs.job import TrainRequest
    from earbench_app.jobs.scan import Scan
    from earbench_app.presenters.training_trials import Trials
    from earbench_app.views.training_form_protocols import TrainingFormView
    from earbench_codecs.training.recipe import DataTable, Recipe

ScanKey = tuple[Path | None, str | None, str | None, str | None]
_ORDER = ("objective", "rate", "optimiser", "model", "data", "validation", "", "stages")
_READING = "Reading the folder; then it starts"
_OF_SCAN = frozenset({"run.data", "data.include", "data.exclude", "data.speaker_pattern"})


class TrainingFormPresenter:
    """Keeps the texts of the form, and says what they come to.

    Parameters
    ----------
    view : TrainingFormView
    trials : Trials
        Scans folders and tries recipes.
    """

    submitted = Signal(tuple)  # of TrainRequest
    left = Signal()

    def __init__(self, view: TrainingFormView, trials: Trials) -> None:
        self._view, self._trials = view, trials
        self._values: dict[str, str] = {}
        self._plan: Plan | None = None
        self._recipes: dict[str, Recipe] = {}
        self._taken: frozenset[str] = frozenset()  # names of runs
        self._asked: ScanKey | None = None  # of the scan that was begun last
        self._found: Scan | str | None = None  # by it, so far
        self._named_kbps = ""  # the target that the name tells, if it does
        self._starting = False  # as soon as the folder is read
        view.recipe_chosen.connect(self._choose_recipe)
        view.recipe_file_given.connect(self.open_file)
        view.loss_chosen.connect(self._choose_loss)
        view.value_changed.connect(self._change)
        view.value_settled.connect(self._settle)
        view.table_switched.connect(self._switch)
        view.estimate_requested.connect(self._estimate)
        view.save_requested.connect(self._save)
        view.start_requested.connect(self._start)
        view.left.connect(self.leave)
        trials.scanned.connect(view.show_scan)
        trials.read.connect(self._take_scan)
        trials.estimated.connect(view.show_estimate)

    def open(self) -> None:
        """Show the form; the first time, with the first recipe that trains in minutes."""
        self._prepare()
        if self._values.get("run.data"):
            self._scan()  # leaving the form ended it, and the folder may be another by now

    def open_file(self, path: Path) -> None:
        """Fill the form with a recipe's file."""
        self._prepare()
        try:
            recipe = read_recipe(path)
        except CodecError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self._fill(recipe_name(path), recipe)

    def duplicate(self, request: TrainRequest, name: str) -> None:
        """Fill the form with what was once asked for, under another name."""
        self._prepare()
        self._trials.forget()
        try:
            recipe = parse_recipe(request.recipe_toml, request.name)
        except CodecError as error:
            self._view.show_notice(Notice(str(error), Level.ERROR))
            return
        self._values = with_true_title(recipe_values(recipe) | run_values(replace(request, name=name)))
        self._named_kbps = self._values.get(TARGET, "")
        same = (name for name, bundled in self._recipes.items() if bundled == recipe)
        self._view.show_recipe(next(same, request.name), true_title(recipe), recipe.note)
        self._refresh()
        self._scan()

    def ask_data(self) -> None:
        """Lead to the data folder, to be changed."""
        self._view.point_at("run.data")

    def take_names(self, names: Collection[str]) -> None:
        """Ask for no run that is called as one that is there."""
        self._taken = frozenset(names)

    def offer_devices(self, devices: Sequence[str]) -> None:
        """Offer these beside "auto"."""
        self._view.show_choices("run.device", ("auto", *devices))
        has_gpu = any(device != "cpu" for device in devices)
        self._view.show_note("run.device", "" if has_gpu else "No GPU found: runs use the CPU")

    def take_dropped(self, paths: Sequence[Path]) -> bool:
        """Fill the form with a recipe's file or a folder of audio; return whether one of them is that."""
        taken = takes(paths)
        if not taken:
            return False
        if taken[0].is_dir():
            self._prepare()
            self._change("run.data", str(taken[0]))
            self._scan()
        else:
            self.open_file(taken[0])
        return True

    def leave(self) -> None:
        """Put the form away; its texts are kept."""
        self._end_scan()
        self._starting = False
        self.left.emit()

    def _prepare(self) -> None:
        if not self._recipes:
            self._recipes = {name: read_recipe(name) for name in recipe_names()}
            self._offer()
        if not self._values:
            small = [name for name in self._recipes if "small" in name]
            self._choose_recipe((small or list(self._recipes))[0])
        self._change("run.name", self._free(self._values["run.name"]))
        self._view.show_notice(None)

    def _offer(self) -> None:
        choices = [RecipeChoice(name, recipe.title, recipe.note) for name, recipe in self._recipes.items()]
        self._view.show_recipes(choices, _losses(self._recipes))
        self._view.show_choices("model.size", sorted({r.model.size for r in self._recipes.values()}))

    def _choose_recipe(self, name: str) -> None:
        self._fill(name, self._recipes[name])

    def _fill(self, name: str, recipe: Recipe) -> None:
        kept = {path: text for path, text in self._values.items() if path.startswith(("run.", "slurm."))}
        self._values = {**kept, "run.name": self._free(name), **recipe_values(recipe)}
        self._named_kbps = self._values.get(TARGET, "")
        self._view.show_recipe(name, recipe.title, recipe.note)
        self._view.show_notice(None)
        self._refresh()
        if "run.data" in kept:
            self._scan()

    def _choose_loss(self, name: str) -> None:
        """Take the terms of another recipe's objective; stages that name terms name all of these."""
        others = {path: text for path, text in self._values.items() if path.partition(".")[0] != "objective"}
        terms = {
            path: text
            for path, text in recipe_values(self._recipes[name]).items()
            if path.partition(".")[0] == "objective"
        }
        for path in others:
            if re.fullmatch(r"stages\.\d+\.terms", path):
                others[path] = ""
        self._values = others | terms
        self._refresh()

    def _change(self, path: str, text: str) -> None:
        self._starting = False
        self._values[path] = text
        if path == TARGET:
            self._follow_rate(text.strip())
        self._refresh()

    def _follow_rate(self, kbps: str) -> None:
        """Put the rate right that title and name tell; what is being typed, as an empty text, is none yet."""
        self._values = with_true_title(self._values)
        if not re.fullmatch(r"\d+(\.\d+)?", kbps):
            return
        name, told = self._values.get("run.name", ""), rf"-{re.escape(self._named_kbps)}(-\d+)?$"
        if self._named_kbps and re.search(told, name):
            self._values["run.name"] = self._free(re.sub(told, f"-{kbps}", name))
            self._named_kbps = kbps

    def _settle(self, path: str) -> None:
        if path in _OF_SCAN:
            self._scan()

    def _switch(self, path: str, there: bool) -> None:
        below = f"{path}."
        self._values = {
            key: text for key, text in self._values.items() if key != path and not key.startswith(below)
        }
        if there:
            self._values[path] = ""
            if path.startswith("objective."):
                self._values[f"{path}.weight"] = "1"
        else:
            self._values = renumbered(self._values)
        self._refresh()

    def _refresh(self) -> None:
        self._plan = self._planned()
        n_jobs = len(self._plan.requests)
        self._trials.renew(self._plan.requests)
        self._say_resampling()
        self._view.show_note(TARGET, *rate_note(self._values, self._recipes.values()))
        self._view.show_choices("sweep.0.path", ("", *sweepable(self._values)))
        self._view.show_choices("sweep.1.path", ("", *sweepable(self._values)))
        self._view.show_state(
            FormState(
                self._values,
                self._plan.problems,
                _sections(self._values),
                _READING if self._starting else _summary(self._recipe(), n_jobs, self._minutes()),
                n_jobs,
            )
        )

    def _planned(self) -> Plan:
        """Return what is asked for; nothing where it cannot be with this folder, as far as that is known."""
        found = plan(self._values, self._taken)
        fault = self._folder_fault()
        problems = {"run.data": fault} if fault else {}
        if TARGET in self._values and fault is not None:
            problems |= rate_fault(self._values, self._found)
        return Plan((), problems | found.problems) if problems else found

    def _folder_fault(self) -> str | None:
        recipe = self._recipe()
        found = self._known(recipe)
        return None if recipe is None or found is None else folder_fault(found, recipe.data)

    def _known(self, recipe: Recipe | None) -> Scan | str | None:
        """Return what is known of the folder that is named now."""
        return self._found if recipe is not None and self._scan_key(recipe.data) == self._asked else None

    def _say_resampling(self) -> None:
        recipe = self._recipe()
        self._view.show_note("run.data", *resampling_note(recipe, self._known(recipe)))

    def _recipe(self) -> Recipe | None:
        return check(recipe_part(self._values)).recipe

    def _free(self, name: str) -> str:
        """Return a name, with a number behind where it, or that of a run of the sweep, is taken."""
        return _counted_on(name, self._is_taken) if self._is_taken(name) else name

    def _is_taken(self, name: str) -> bool:
        requests = plan(self._values | {"run.name": name}).requests
        return not self._taken.isdisjoint([name, *(one.name for one in requests)])

    def _minutes(self) -> float | None:
        requests = self._plan.requests if self._plan is not None else ()
        return requests[0].max_minutes if requests else None

    def _scan(self) -> None:
        recipe = self._recipe()
        data = recipe.data if recipe else None
        self._asked, self._found = self._scan_key(data), None
        self._trials.scan(self._asked[0], data)

    def _scan_key(self, data: DataTable | None) -> ScanKey:
        """Return all that a scan depends on."""
        text = self._values.get("run.data", "").strip()
        folder = Path(text).expanduser() if text else None
        return folder, *((data.include, data.exclude, data.speaker_pattern) if data else (None, None, None))

    def _take_scan(self, found: Scan | str) -> None:
        """Know what is in the folder, and start what waits for that."""
        before, self._found = self._folder_fault(), found
        self._say_resampling()
        fault = self._folder_fault()
        if fault == before:
            return
        starting, self._starting = self._starting, False
        self._refresh()
        if starting:
            self._start()

    def _end_scan(self) -> None:
        self._trials.cancel()
        self._asked = self._found = None

    def _estimate(self) -> None:
        if self._plan is not None and self._plan.requests:
            self._trials.estimate(self._plan.requests)

    def _save(self, path: Path) -> None:
        recipe = self._recipe()
        if recipe is None:
            self._view.show_notice(
                Notice("The recipe is not complete yet: see the messages below", Level.WARNING)
            )
            return
        try:
            write_atomically(path, [recipe_toml(recipe).encode()])
        except OSError as error:
            text = f"{path} could not be written ({error.strerror}); choose another folder"
            self._view.show_notice(Notice(text, Level.ERROR))
        else:
            self._view.show_notice(Notice(f"Saved {path}"))

    def _start(self) -> None:
        """Start, or wait until it is known that the folder can be trained on."""
        recipe = self._recipe()
        if recipe is not None and self._scan_key(recipe.data) != self._asked:
            self._scan()
        self._starting = self._planned().requests != () and self._folder_fault() is None
        self._refresh()  # a run may have got the name since it was typed
        if not self._starting and self._plan is not None and self._plan.requests:
            self._end_scan()
            self.submitted.emit(self._plan.requests)


def free_name(name: str, taken: Collection[str]) -> str:
    """Return a name that no run has yet: the same with a number behind."""
    return _counted_on(name, lambda one: one in taken)


def _counted_on(name: str, is_taken: Callable[[str], bool]) -> str:
    numbered = re.fullmatch(r"(.+)-\d+", name)
    stem = numbered[1] if numbered and is_taken(numbered[1]) else name
    return next(one for n in count(2) if not is_taken(one := f"{stem}-{n}"))


def takes(paths: Sequence[Path]) -> list[Path]:
    """Return those that the form can be filled with: recipes' files, and folders that hold no study."""
    folders = [path for path in paths if path.is_dir() and not (path / "study.toml").is_file()]
    return [path for path in paths if path.suffix == ".toml" and path.is_file()] or folders


def _summary(recipe: Recipe | None, n_jobs: int, minutes: float | None) -> str:
    if recipe is None:
        return ""
    epochs = sum(stage.epochs for stage in recipe.stages)
    text = f"{counted(recipe.n_steps, 'step')} in {counted(epochs, 'epoch')}"
    if minutes is not None:
        text += f", or {minutes:g} min, the start and what is measured at the end left out"
    return f"{n_jobs} runs, each of {text}" if n_jobs > 1 else text


def _losses(recipes: Mapping[str, Recipe]) -> list[tuple[str, str]]:
    """Return one recipe for each set of terms, with their names."""
    found: dict[str, str] = {}
    for name, recipe in recipes.items():
        terms = ", ".join([*recipe.objective.terms, *recipe.objective.coder]).replace("_", " ")
        found.setdefault(terms, name)
    return [(name, terms) for terms, name in found.items()]


def _sections(values: Mapping[str, str]) -> tuple[FormSection, ...]:
    """Return the recipe's tables, those that are repeated as often as there are values for."""
    sections: list[FormSection] = []
    for section in recipe_sections():
        if section.repeated:
            sections += [section.numbered(number) for number in range(_n_tables(values, section))]
        else:
            sections.append(section)
    return tuple(sorted(sections, key=lambda section: _ORDER.index(section.path.partition(".")[0])))


def _n_tables(values: Mapping[str, str], section: FormSection) -> int:
    name = section.path.partition(".")[0]
    numbers = [int(path.split(".")[1]) for path in values if path.startswith(f"{name}.")]
    return max(numbers, default=0) + 1
