"""The fields of a form that are no part of a recipe: name, data, where it runs, how long, and sweeps."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_app.jobs.job import SlurmOptions, TrainRequest
from earbench_app.presenters.training_facts import title_at
from earbench_app.presenters.training_fields import FormField, Kind
from earbench_app.presenters.training_values import TextError, check, field_at, parsed, recipe_toml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from earbench_app.presenters.training_values import Values

TARGET = "rate.target_kbps"
THIS_MACHINE, CLUSTER = "this machine", "Slurm cluster"
N_AXES = 2

RUN_FIELDS = (
    FormField(
        "run.name",
        "Name",
        Kind.TEXT,
        help="Of the run; its checkpoint is called after it. Letters, digits, dots and dashes.",
        required=True,
    ),
    FormField(
        "run.data",
        "Data",
        Kind.TEXT,
        help="A folder of audio, searched with all below it. Drop one here.",
        required=True,
    ),
    FormField(
        "run.executor",
        "Runs on",
        Kind.CHOICE,
        help="This machine's processor or GPUs, or a cluster that Slurm manages.",
        default=THIS_MACHINE,
        choices=(THIS_MACHINE, CLUSTER),
    ),
    FormField(
        "run.device",
        "Device",
        Kind.CHOICE,
        help="auto: a GPU that is free where there is one, else the processor.",
        default="auto",
        choices=("auto", "cpu"),
    ),
    FormField(
        "run.n_processes",
        "Processes",
        Kind.INTEGER,
        help="With several, each has a GPU of its own and a share of each batch.",
        default="1",
    ),
    FormField(
        "run.max_minutes",
        "Time box",
        Kind.NUMBER,
        unit="min",
        help="The run ends in good order so long after the corpus has been read, and can be gone on with for"
        " as long again; one that was paused goes on for what is left. Empty for no limit. Starting, reading"
        " and decoding the corpus, a validation that is under way when time is up, and measuring the codec at"
        " the end come on top.",
    ),
)
SLURM_FIELDS = (
    FormField(
        "slurm.partition",
        "Partition",
        Kind.TEXT,
        help="Empty for the cluster's default.",
        empty="the cluster's default",
    ),
    FormField("slurm.gpus", "GPUs", Kind.INTEGER, help="GPUs that the job asks for.", default="0"),
    FormField(
        "slurm.time_min",
        "Time",
        Kind.INTEGER,
        unit="min",
        help="After so long the cluster stops the job; it is queued again and goes on.",
        default="60",
    ),
    FormField(
        "slurm.account", "Account", Kind.TEXT, help="Empty for the default one.", empty="the default one"
    ),
)
SWEEP_FIELDS = tuple(
    field
    for number in range(N_AXES)
    for field in (
        FormField(
            f"sweep.{number}.path",
            "Sweep over" if number == 0 else "and over",
            Kind.CHOICE,
            help="One run for each value; with two lists, for each pair.",
        ),
        FormField(
            f"sweep.{number}.values", "Values", Kind.TEXT, help="Numbers, separated by commas: 16, 24, 32"
        ),
    )
)
_FIELDS = {field.path: field for field in (*RUN_FIELDS, *SLURM_FIELDS, *SWEEP_FIELDS)}
_BAD_IN_NAMES = frozenset('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class Plan:
    """What a form asks for: the requests, or what is wrong with which field."""

    requests: tuple[TrainRequest, ...]
    problems: dict[str, str]


def plan(values: Values, taken: Collection[str] = ()) -> Plan:
    """Return the runs that a form's texts ask for, one for each value of a sweep; none has a name taken."""
    problems = dict(_run_problems(values))
    checked = check(recipe_part(values))
    problems |= checked.problems
    axes, wrong = _axes(values)
    problems |= wrong
    if problems or checked.recipe is None:
        return Plan((), problems)
    requests = []
    for point in itertools.product(*axes.values()):
        settings = dict(zip(axes, point, strict=True))
        one = check(with_true_title({**recipe_part(values), **settings}))
        if one.recipe is None:
            return Plan((), dict([_point_problem(values, settings, one.problems)]))
        requests.append(_request(values, recipe_toml(one.recipe), settings))
    if same := next((one.name for one in requests if one.name in taken), None):
        return Plan((), {"run.name": f"There is a run named {same} already; choose another name"})
    return Plan(tuple(requests), {})


def run_values(request: TrainRequest) -> dict[str, str]:
    """Return the texts of a form for what was once asked for, without its recipe's."""
    slurm = request.slurm or SlurmOptions()
    on_cluster = request.executor == "slurm"
    values: dict[str, object] = {
        "run.name": request.name,
        "run.data": request.data,
        "run.executor": CLUSTER if on_cluster else THIS_MACHINE,
        "run.device": request.device,
        "run.n_processes": request.n_processes,
        "run.max_minutes": "" if request.max_minutes is None else f"{request.max_minutes:g}",
    }
    if on_cluster:
        values |= {f"slurm.{name}": getattr(slurm, name) for name in SlurmOptions.__dataclass_fields__}
    return {path: str(value) for path, value in values.items()}


def with_true_title(values: Values) -> dict[str, str]:
    """Return the texts with the rate that the title names, if it does, as the target is."""
    try:
        target = parsed(Kind.NUMBER, values.get(TARGET, ""))
    except TextError:  # it is being typed
        return dict(values)
    return {**values, "title": title_at(values.get("title", ""), f"{target:g}")}


def recipe_part(values: Values) -> dict[str, str]:
    """Return the texts that belong to the recipe."""
    return {path: text for path, text in values.items() if path.partition(".")[0] not in _OWN}


def sweepable(values: Values) -> list[str]:
    """Return the fields of a recipe that can be swept: rates, weights, learning rates."""
    found = (path for path in recipe_part(values) if field_at(path) is not None)
    ends = ("target_kbps", "weight", "learning_rate", "tau_initial", "exponent")
    return [path for path in found if path.rpartition(".")[2] in ends]


_OWN = ("run", "slurm", "sweep")


def _text(values: Values, path: str) -> str:
    return values.get(path, "").strip() or _FIELDS[path].default


def _run_problems(values: Values) -> Iterator[tuple[str, str]]:
    name, data = _text(values, "run.name"), _text(values, "run.data")
    if not name:
        yield "run.name", "Fill this in"
    elif _BAD_IN_NAMES & set(name) or name.startswith("."):
        yield "run.name", 'A name has no / \\ : * ? " < > | and begins with no dot'
    if not data:
        yield "run.data", "Choose a folder"
    elif not Path(data).expanduser().is_dir():
        yield "run.data", "There is no such folder"
    numbers = ["run.n_processes", "run.max_minutes"]
    if _text(values, "run.executor") == CLUSTER:
        numbers += ["slurm.gpus", "slurm.time_min"]
    for path in numbers:
        if message := _number_problem(_FIELDS[path], _text(values, path)):
            yield path, message


def _number_problem(field: FormField, text: str) -> str:
    if not text:
        return ""
    try:
        value = parsed(field.kind, text)
    except TextError as error:
        return f"This must be {error}"
    least = 0 if field.path == "slurm.gpus" else 1 if field.kind is Kind.INTEGER else 0
    if value < least or (value == 0 and field.path == "run.max_minutes"):
        return "This must be above 0" if field.kind is Kind.NUMBER else f"This must be {least} or more"
    return ""


def _axes(values: Values) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the texts that each swept field takes, and what is wrong with them."""
    axes: dict[str, list[str]] = {}
    problems: dict[str, str] = {}
    for number in range(N_AXES):
        path = _text(values, f"sweep.{number}.path")
        if not path:
            continue
        where = f"sweep.{number}.values"
        texts = [part.strip() for part in _text(values, where).split(",") if part.strip()]
        if path in axes:
            problems[f"sweep.{number}.path"] = "This is swept already"
        elif len(texts) < 2:
            problems[where] = "Two values or more, separated by commas"
        elif len(set(texts)) < len(texts):
            problems[where] = "A value is there twice"
        elif wrong := next((text for text in texts if not _is_value(path, text)), ""):
            problems[where] = f"{wrong} is not a number"
        axes[path] = texts
    return axes, problems


def _is_value(path: str, text: str) -> bool:
    found = field_at(path)
    try:
        return found is None or parsed(found.kind, text) is not None
    except TextError:
        return False


def _point_problem(
    values: Values, settings: Mapping[str, str], problems: Mapping[str, str]
) -> tuple[str, str]:
    """Return the field of a sweep that a value is wrong in, and what is wrong with which."""
    for number in range(N_AXES):
        path = _text(values, f"sweep.{number}.path")
        if path in settings and path in problems:
            return f"sweep.{number}.values", f"{settings[path]}: {problems[path]}"
    return "sweep.0.values", f"{' and '.join(settings.values())}: {next(iter(problems.values()))}"


def _request(values: Values, toml: str, settings: Mapping[str, str]) -> TrainRequest:
    on_cluster = _text(values, "run.executor") == CLUSTER
    minutes = _text(values, "run.max_minutes")
    request = TrainRequest(
        _name(values, settings),
        toml,
        Path(_text(values, "run.data")).expanduser().absolute(),
        device=_text(values, "run.device"),
        n_processes=int(_text(values, "run.n_processes")),
        max_minutes=float(minutes) if minutes else None,
    )
    return replace(request, executor="slurm", slurm=_slurm(values)) if on_cluster else request


def _name(values: Values, settings: Mapping[str, str]) -> str:
    """Return a run's name: a swept rate takes the place of the rate that the name tells, if it does."""
    name, kbps = _text(values, "run.name"), values.get(TARGET, "").strip()
    told = re.search(rf"-{re.escape(kbps)}((-\d+)?)$", name) if kbps and TARGET in settings else None
    if told is not None:
        name = f"{name[: told.start()]}-{settings[TARGET]}{told[1]}"
        settings = {path: text for path, text in settings.items() if path != TARGET}
    return "-".join([name, *(_short(path, text) for path, text in settings.items())])


def _slurm(values: Values) -> SlurmOptions:
    return SlurmOptions(
        partition=_text(values, "slurm.partition"),
        gpus=int(_text(values, "slurm.gpus")),
        time_min=int(_text(values, "slurm.time_min")),
        account=_text(values, "slurm.account"),
    )


def _short(path: str, text: str) -> str:
    """Return what a value adds to a run's name, such as ``kbps16`` or ``mel0.5``."""
    *_, table, name = path.split(".")
    word = "kbps" if name == "target_kbps" else table if name == "weight" else name.replace("_", "")
    return f"{word}{text}"
