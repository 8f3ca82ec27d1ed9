"""Recipes: all that decides what a training run does, in one TOML file that travels with its checkpoint."""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from importlib.resources import files
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from earbench_codecs.errors import did_you_mean
from earbench_codecs.training.errors import RecipeError
from earbench_codecs.training.recipe_tables import (
    Count,
    NotNegative,
    OptimiserTable,
    RateTable,
    StageTable,
    Table,
    ValidationTable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

_NEAR = 1.1
"""By what factor the rate of a step may be above the one that a coder for any rate is measured at."""


class ModelTable(Table):
    """`[model]`: which coder, and its size.

    Parameters
    ----------
    size : str
        A named size, as `earbench_codecs.neural.zoo` lists them.
    options : dict
        Settings of the coder's configuration that differ from that size; the coder checks them.
    """

    size: Annotated[str, Field(min_length=1)]
    options: dict[str, JsonValue] = Field(default={})


class DataTable(Table):
    """`[data]`: what is drawn from the corpus. Sample rate, frame and level are the model's.

    Parameters
    ----------
    split_by : {"file", "speaker"}
        What stays together in either training or validation; windows of one file never part.
    speaker_pattern : str, optional
        Regular expression searched in a file's path below the corpus; its first group, or all it
        matches, is the speaker. A file it does not match is a speaker of its own.
    include, exclude : str, optional
        Regular expressions: files that are used, and files that are not, by that path.
    validation_share : float
        Of the corpus' duration, 0 to 0.9; at 0 nothing is held out.
    seed : int
        Of the split and of the windows drawn.
    """

    split_by: Literal["file", "speaker"] = "file"
    speaker_pattern: str | None = None
    include: str | None = None
    exclude: str | None = None
    validation_share: Annotated[float, Field(ge=0, le=0.9)] = 0.05
    seed: int = 0

    @field_validator("speaker_pattern", "include", "exclude")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @model_validator(mode="after")
    def _speakers_are_found(self) -> DataTable:
        if self.split_by == "speaker" and self.speaker_pattern is None:
            raise ValueError("split_by = 'speaker' needs speaker_pattern, which finds one in a file's path")
        return self


class Term(Table):
    """A term of the objective that has no options but its weight.

    Parameters
    ----------
    weight : float
        Factor of the term in the sum.
    """

    weight: NotNegative


class MelTerm(Term):
    """`[objective.mel]`: distance of log mel spectra.

    Parameters
    ----------
    banks : list of int
        Bands of each filter bank; the term is the mean over the banks.
    scale : {"floor", "triangle"}
        "floor": edges at whole lines, as Kankanahalli's code: low filters of the 128 bank are empty and
        contribute nothing to the distance. "triangle": edges between lines, as TensorFlow's matrix in
        PAM-NAC's code.
    skip_bands : int
        Lowest bands of each bank left out; 3 in PAM-NAC's code.
    least : float
        Added to energies before the logarithm: 1e-7 in both codes. Of a larger one, what is quieter does
        not count.
    """

    banks: Annotated[list[Count], Field(min_length=1)] = Field(default=[8, 16, 32, 128])
    scale: Literal["floor", "triangle"] = "floor"
    skip_bands: Annotated[int, Field(ge=0)] = 0
    least: Annotated[float, Field(gt=0)] = 1e-7


class ShapedTerm(Term):
    """`[objective.shaped]`: square error whose spectrum may follow the signal's; see `losses.ShapedError`.

    Parameters
    ----------
    exponent : float
        γ: 0 for white noise, 1 for noise at a constant distance below the signal.
    """

    exponent: Annotated[float, Field(ge=0, le=1)] = 0.5


class TwoStageTerm(Term):
    """`[objective.two_stage]`: the perceptual loss of Shin et al. 2022, weighted by perceptual entropy.

    Parameters
    ----------
    reading : {"emphasise", "detached", "literal"}
        How eqs. 3 to 6 are read; see `losses.TwoStage`. "literal" collapses to one number for all bins.
    banks : list of int
        Bands of each mel filter bank.
    exponent : float
        γ of eq. 7.
    """

    reading: Literal["emphasise", "detached", "literal"] = "emphasise"
    banks: Annotated[list[Count], Field(min_length=1)] = Field(default=[16, 32, 64, 256])
    exponent: NotNegative = 2.4


class ObjectiveTable(Table):
    """`[objective]`: the terms that are summed, each with its weight.

    Parameters
    ----------
    mse, rmse : Term
        Mean square error; and its root, taken for each window (Kankanahalli, PAM-NAC).
    mel : MelTerm
    shaped : ShapedTerm
        In none of the papers.
    priority, noise_modulation : Term
        PAM-NAC's two psychoacoustic terms (loss sets C and D).
    two_stage : TwoStageTerm
    entropy : Term
        The coder's estimate in bits a symbol; its weight is multiplied by τ where there is a `[rate]`.
    coder : mapping of name to weight
        Terms that the coder itself works out, such as ``quantization``, which pushes soft assignments
        towards one-hot ones. Those not named here do not count.
    """

    mse: Term | None = None
    rmse: Term | None = None
    mel: MelTerm | None = None
    shaped: ShapedTerm | None = None
    priority: Term | None = None
    noise_modulation: Term | None = None
    two_stage: TwoStageTerm | None = None
    entropy: Term | None = None
    coder: dict[str, NotNegative] = Field(default={})

    @model_validator(mode="after")
    def _has_distortion(self) -> ObjectiveTable:
        if not set(self.terms) - {"entropy"} and not self.coder:
            raise ValueError("no term measures distortion; add one, such as mse = { weight = 1 }")
        return self

    @property
    def terms(self) -> dict[str, Term]:
        """The terms there are but the coder's own, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: term for name, term in named.items() if isinstance(term, Term)}


class Recipe(Table):
    """A whole recipe.

    Parameters
    ----------
    title : str
        One line that says what is trained.
    note : str
        Source, and where it differs from the paper.
    """

    title: Annotated[str, Field(min_length=1)]
    note: str = ""
    model: ModelTable
    data: DataTable
    objective: ObjectiveTable
    optimiser: OptimiserTable
    rate: RateTable | None = None
    validation: ValidationTable = ValidationTable()
    stages: Annotated[list[StageTable], Field(min_length=1)]

    @property
    def n_steps(self) -> int:
        """Steps of the whole run."""
        return self.optimiser.steps_per_epoch * sum(stage.epochs for stage in self.stages)

    @property
    def highest_kbps(self) -> float:
        """Rate of validation above which no step counts as best; infinite where no rate is asked for."""
        if self.rate is not None:
            return (self.stages[-1].target_kbps or self.rate.target_kbps) + self.rate.tolerance_kbps
        return _NEAR * self.validation.kbps if self.validation.kbps is not None else math.inf

    def stage_steps(self) -> list[range]:
        """Return the steps of each stage."""
        ends = accumulate((stage.epochs for stage in self.stages), initial=0)
        per_epoch = self.optimiser.steps_per_epoch
        return [range(per_epoch * first, per_epoch * end) for first, end in pairwise(ends)]

    def stage_at(self, step: int) -> StageTable:
        """Return the stage a step belongs to."""
        return next(s for s, steps in zip(self.stages, self.stage_steps(), strict=True) if step in steps)

    @model_validator(mode="wrap")
    @classmethod
    def _tables_fit(cls, given: Any, check: Callable[[Any], Recipe]) -> Recipe:
        """Check what one table says of another also where one of them is at fault: all is said at once."""
        faults = [
            InitErrorDetails(
                type=PydanticCustomError("fit", "{message}", {"message": text}), loc=loc, input={}
            )
            for loc, text in _misfits(given)
        ]
        recipe = None
        try:
            recipe = check(given)
        except ValidationError as error:
            faults = [_again(detail) for detail in error.errors()] + faults
        if recipe is None or faults:
            raise ValidationError.from_exception_data(cls.__name__, faults)
        return recipe


def _misfits(recipe: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield what one table of a recipe, as it was given, asks of another that lacks it, and where."""
    objective, rate = _tables(recipe, "objective"), _tables(recipe).get("rate")
    terms = {name for name, term in objective.items() if name != "coder" and isinstance(term, dict)}
    if rate is not None and "entropy" not in terms:
        yield ("rate",), "moves the entropy term, which [objective] lacks; add it or drop [rate]"
    stages = _tables(recipe).get("stages")
    for i, stage in enumerate(stages if isinstance(stages, list) else ()):
        asked = _tables(stage).get("terms")
        unknown = (
            set(map(str, asked if isinstance(asked, list) else ())) - terms - set(_tables(objective, "coder"))
        )
        if unknown:
            yield ("stages", i, "terms"), f"{', '.join(sorted(unknown))} not in [objective]"
        if rate is None and _tables(stage).get("target_kbps") is not None:
            yield ("stages", i, "target_kbps"), "there is no [rate] that would hold it; add one"


def _tables(data: Any, *names: str) -> dict[str, Any]:
    """Return a table, or one within it; an empty one where there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _again(detail: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(
        type=detail["type"], loc=detail["loc"], input=detail["input"], ctx=detail.get("ctx", {})
    )


def read_recipe(name_or_file: str | Path) -> Recipe:
    """Return a bundled recipe by its name, or read one from a TOML file.

    Raises
    ------
    RecipeError
        No such recipe, no TOML, or a key that is missing, unknown or out of its range; names it.
    """
    is_bundled = str(name_or_file) in _bundled()
    return parse_recipe(recipe_text(name_or_file), f"{name_or_file}.toml" if is_bundled else name_or_file)


def recipe_text(name_or_file: str | Path) -> str:
    """Return the TOML text of a bundled recipe, or of a file; nothing of it is checked.

    Raises
    ------
    RecipeError
        No such recipe, or the file cannot be read.
    """
    bundled = _bundled().get(str(name_or_file))
    if bundled is not None:
        return bundled
    path = Path(name_or_file)
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        question = did_you_mean(str(name_or_file), recipe_names())
        raise RecipeError(
            path,
            f"there is no such file, and no bundled recipe of that name{question and '; ' + question} "
            f"({', '.join(recipe_names())})",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(path, f"it cannot be read: {error}") from error


def parse_recipe(text: str, source: str | Path) -> Recipe:
    """Return the recipe a TOML text holds.

    Raises
    ------
    RecipeError
        Names the source and the key.
    """
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(source, f"it is not valid TOML: {error}") from error
    except ValidationError as error:
        raise RecipeError(source, _complaints(error.errors())) from error


def is_recipe(stored: JsonValue, recipe: Recipe) -> bool:
    """Return whether a recipe once stored as JSON is this one; keys it had not yet are at their defaults."""
    try:
        return Recipe.model_validate(stored) == recipe
    except ValidationError:
        return False


def recipe_name(name_or_file: str | Path) -> str:
    """Return what checkpoints of a recipe are called: its name, or its file's without `.toml`."""
    return Path(name_or_file).name.removesuffix(".toml")


def recipe_names() -> list[str]:
    """Names of the bundled recipes, in alphabetical order."""
    return sorted(_bundled())


@cache
def _bundled() -> Mapping[str, str]:
    folder = files("earbench_codecs.training") / "recipes"
    entries = folder.iterdir() if folder.is_dir() else ()
    return {
        entry.name.removesuffix(".toml"): entry.read_text(encoding="utf-8")
        for entry in entries
        if entry.name.endswith(".toml")
    }


def _complaints(errors: Sequence[ErrorDetails]) -> str:
    found = [_complaint(error) for error in errors]
    return found[0] if len(found) == 1 else " ".join(f"({i}) {text}" for i, text in enumerate(found, 1))


def _complaint(error: ErrorDetails) -> str:
    key = ".".join(map(str, error["loc"])) or "the recipe"
    if error["type"] == "extra_forbidden":
        return f"{key}: there is no such key; check its spelling"
    if error["type"] == "missing":
        return f"{key}: is missing; add it"
    message = error["msg"].removeprefix("Value error, ")
    got = "" if isinstance(error["input"], dict) else f", not {error['input']!r}"
    return f"{key}: {message}{got}"
