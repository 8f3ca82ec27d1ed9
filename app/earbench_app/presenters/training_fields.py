"""The fields of a form, made from a recipe's schema: kinds, defaults, units, and help from its docstrings."""

from __future__ import annotations

import inspect
import json
import types
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from earbench_codecs.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo


class Kind(StrEnum):
    """What a field takes."""

    TEXT = "text"
    PARAGRAPH = "paragraph"
    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"
    SWITCH = "switch"
    NUMBERS = "numbers"  # separated by commas
    WORDS = "words"  # separated by commas
    SETTINGS = "settings"  # name = value, separated by commas
    NUMBER_OR_WORD = "number or word"


@dataclass(frozen=True, slots=True)
class FormField:
    """One line of a form.

    Parameters
    ----------
    path : str
        Keys down to it, such as ``optimiser.learning_rate``; what stands in a list has its number.
    label, unit, help : str
    kind : Kind
    default : str
        As text; empty where nothing stands for itself.
    required : bool
    choices : tuple of str
        Of `Kind.CHOICE`.
    empty : str
        What an empty text stands for where there is no default.
    """

    path: str
    label: str
    kind: Kind
    unit: str = ""
    help: str = ""
    default: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    empty: str = "none"


@dataclass(frozen=True, slots=True)
class FormSection:
    """A table of the recipe.

    Parameters
    ----------
    path, title, help : str
    fields : tuple of FormField
    sections : tuple of FormSection
        Tables within it.
    optional : bool
        The table may be left out.
    repeated : bool
        There may be several; paths then have ``#`` for the number.
    """

    path: str
    title: str
    help: str
    fields: tuple[FormField, ...]
    sections: tuple[FormSection, ...] = ()
    optional: bool = False
    repeated: bool = False

    def numbered(self, number: int) -> FormSection:
        """Return the section for one of several tables."""
        fields = tuple(replace(field, path=field.path.replace("#", str(number))) for field in self.fields)
        title = f"{self.title.removesuffix('s')} {number + 1}"
        return replace(
            self, path=self.path.replace("#", str(number)), title=title, fields=fields, repeated=False
        )


@cache
def recipe_sections() -> tuple[FormSection, ...]:
    """Return the tables of a recipe; the first one holds what is at the top of the file."""
    whole = _section("", Recipe, "About")
    about = FormSection("", whole.title, "Title and note travel with the checkpoint.", whole.fields)
    return (about, *whole.sections)


def all_sections(sections: tuple[FormSection, ...]) -> Iterator[FormSection]:
    """Yield sections and those within them."""
    for section in sections:
        yield section
        yield from all_sections(section.sections)


def described(model: type[BaseModel]) -> dict[str, str]:
    """Return what a docstring's Parameters say of each field, each as one paragraph."""
    texts: dict[str, list[str]] = {}
    names: list[str] = []
    body = inspect.cleandoc(model.__doc__ or "").partition("Parameters\n----------\n")[2]
    for line in body.splitlines():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        elif line.strip():
            for name in names:
                texts.setdefault(name, []).append(line.strip())
    return {name: " ".join(lines).replace("``", "").replace("`", "") for name, lines in texts.items()}


def _section(path: str, model: type[BaseModel], title: str) -> FormSection:
    fields, sections = [], []
    texts = _inherited_help(model)
    for name, info in model.model_fields.items():
        below = f"{path}.{name}".removeprefix(".")
        inner, is_list, may_miss = _table_of(info.annotation)
        if inner is None:
            fields.append(_field(below, name, info, texts.get(name, "")))
        elif is_list:
            sections.append(replace(_section(f"{below}.#", inner, _label(name)), repeated=True))
        else:
            section = _section(below, inner, _label(name))
            said = f"{section.help} {texts.get(name, '')}".strip()
            sections.append(replace(section, help=said, optional=may_miss))
    return FormSection(path, title, _said_of_table(model), tuple(fields), tuple(sections))


def _inherited_help(model: type[BaseModel]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base.__doc__:
            texts |= described(base)
    return texts


def _said_of_table(model: type[BaseModel]) -> str:
    """Return what the first line of a table's docstring says, if it names one table."""
    first = inspect.cleandoc(model.__doc__ or "").partition("\n")[0]
    named, _, said = first.partition("]`: ")
    return said.replace("`", "") if named.startswith("`[") else ""


def _table_of(annotation: Any) -> tuple[type[BaseModel] | None, bool, bool]:
    """Return the table a field holds if it does, whether it is a list of them, whether it may miss."""
    parts = [_bare(part) for part in _alternatives(annotation)]
    may_miss = type(None) in parts
    for part in parts:
        if inspect.isclass(part) and issubclass(part, BaseModel):
            return part, False, may_miss
        if get_origin(part) is list:
            inner = _bare(get_args(part)[0])
            if inspect.isclass(inner) and issubclass(inner, BaseModel):
                return inner, True, False
    return None, False, may_miss


def _field(path: str, name: str, info: FieldInfo, help_text: str) -> FormField:
    kind, choices = _kind(info.annotation)
    if name == "note":
        kind = Kind.PARAGRAPH
    default = "" if info.is_required() else as_text(info.get_default(call_default_factory=True))
    return FormField(
        path, _label(name), kind, _unit(name), help_text, default, info.is_required(), choices,
        _EMPTY.get(path, "none"),
    )  # fmt: skip


def _kind(annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    parts = [part for part in map(_bare, _alternatives(annotation)) if part is not type(None)]
    first = parts[0]
    if len(parts) > 1:
        return Kind.NUMBER_OR_WORD, ()
    if get_origin(first) is Literal:
        return Kind.CHOICE, tuple(map(str, get_args(first)))
    if get_origin(first) is list:
        return (Kind.NUMBERS if _bare(get_args(first)[0]) is int else Kind.WORDS), ()
    if get_origin(first) is dict:
        return Kind.SETTINGS, ()
    return {bool: Kind.SWITCH, int: Kind.INTEGER, float: Kind.NUMBER}.get(first, Kind.TEXT), ()


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    bare = _bare(annotation)
    return get_args(bare) if get_origin(bare) in (Union, types.UnionType) else (bare,)


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


_EMPTY = {
    "data.include": "all",
    "optimiser.final_learning_rate": "the rate stays",
    "validation.metrics": "sdr_db, then pesq_wb at 16 kHz, nmr_db at other rates",
    "validation.kbps": "as it comes",
    "stages.#.terms": "all",
    "stages.#.learning_rate": "the optimiser's",
    "stages.#.target_kbps": "the run's",
}
"""What an empty text stands for, where that is not nothing."""
_UNITS = {"kbps": "kbps", "hz": "Hz", "db": "dB", "s": "s", "seconds": "s", "minutes": "min"}
_WORDS = {"mse": "MSE", "rmse": "RMSE", "ema": "EMA", "tau": "τ", "kbps": "", "minutes": ""}


def _unit(name: str) -> str:
    return _UNITS.get(name.rpartition("_")[2], "")


def _label(name: str) -> str:
    words = [_WORDS.get(word, word) for word in name.split("_")]
    text = " ".join(word for word in words if word) or "rate"  # where all of it is the unit
    return text if text[0] == "τ" else text[:1].upper() + text[1:]


def as_text(value: Any) -> str:
    """Return a value as a field shows it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict):
        return ", ".join(f"{key} = {_toml_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _toml_text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_text, value))}]"
    if isinstance(value, dict):
        return f"{{ {as_text(value)} }}"
    return json.dumps(value, ensure_ascii=False)
