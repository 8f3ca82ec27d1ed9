"""A form's texts and a recipe: there and back, and what is wrong with them, by field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import ValidationError

from earbench_app.presenters.training_fields import FormField, Kind, all_sections, as_text, recipe_sections
from earbench_codecs.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

Values = Mapping[str, str]
"""Texts by the path of their field; a table that is there has its own path with an empty text."""


class TextError(ValueError):
    """A text that is not what its field takes; the message says what that is."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a form's texts come to.

    Parameters
    ----------
    recipe : Recipe, optional
        None if anything is wrong.
    problems : dict of path to message
    """

    recipe: Recipe | None
    problems: dict[str, str] = field(default_factory=dict)


def recipe_toml(recipe: Recipe) -> str:
    """Return a recipe as the text of a TOML file, in the order of the schema."""
    stated = recipe.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    return tomli_w.dumps(stated, multiline_strings=True)


def values_of(data: Mapping[str, Any], path: str = "") -> dict[str, str]:
    """Return the texts for what a TOML file holds."""
    values: dict[str, str] = {}
    for key, part in data.items():
        below = f"{path}.{key}".removeprefix(".")
        if isinstance(part, Mapping) and not _is_settings(below):
            values[below] = ""
            values |= values_of(part, below)
        elif isinstance(part, list) and part and isinstance(part[0], Mapping):
            for number, table in enumerate(part):
                values |= values_of({str(number): table}, below)
        elif part is not None:
            values[below] = as_text(part)
    return values


def recipe_values(recipe: Recipe) -> dict[str, str]:
    """Return the texts for a recipe; what is at its default stays empty."""
    return values_of(recipe.model_dump(mode="json", exclude_defaults=True))


def check(values: Values) -> Checked:
    """Return the recipe that the texts make, or what is wrong with which."""
    problems: dict[str, str] = {}
    data: dict[str, Any] = {}
    for path in sorted(values, key=_in_order):
        _put(data, path, values[path], problems)
    data = _lists(data)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        for path, message in _complaints(error, values):
            problems.setdefault(path, message)
        return Checked(None, problems)
    return Checked(None if problems else recipe, problems)


def renumbered(values: Values) -> dict[str, str]:
    """Return the texts without the gap that a removed stage leaves."""
    numbers = sorted({int(path.split(".")[1]) for path in values if path.startswith("stages.")})
    new = {str(number): str(place) for place, number in enumerate(numbers)}
    return {
        re.sub(r"^stages\.(\d+)", lambda found: f"stages.{new[found[1]]}", path): text
        for path, text in values.items()
    }


def field_at(path: str) -> FormField | None:
    """Return the field of a recipe with this path, whatever its number in a list."""
    return _fields().get(_general(path))


def parsed(kind: Kind, text: str) -> Any:
    """Return the value that a text stands for.

    Raises
    ------
    TextError
        It stands for none.
    """
    text = text.strip()
    if kind is Kind.SWITCH:
        return text == "true"
    if kind is Kind.INTEGER:
        return _number(text, "a whole number", int)
    if kind is Kind.NUMBER:
        return _number(text, "a number")
    if kind is Kind.NUMBERS:
        return [_number(part, "whole numbers, separated by commas", int) for part in _parts(text)]
    if kind is Kind.WORDS:
        return _parts(text)
    if kind is Kind.SETTINGS:
        return _settings(text)
    return _number_or_word(text) if kind is Kind.NUMBER_OR_WORD else text


def _number_or_word(text: str) -> Any:
    try:
        return _number(text, "a number")
    except TextError:
        return text


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _number(text: str, what: str, number: type[int] | type[float] = float) -> Any:
    try:
        return int(text)
    except ValueError:
        if number is int:
            raise TextError(f"{what}, not {text!r}") from None
    try:
        return float(text)
    except ValueError:
        raise TextError(f"{what}, not {text!r}") from None


def _settings(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = tomllib.loads(f"x = {{ {text} }}")["x"]
    except tomllib.TOMLDecodeError:
        raise TextError("such as: name = 1, other = 0.5") from None
    return found


def _put(data: dict[str, Any], path: str, text: str, problems: dict[str, str]) -> None:
    """Put one text's value where its path says; numbers in paths are keys as yet."""
    found = field_at(path)
    keys = path.split(".")
    if found is None:
        _table(data, keys)
        return
    if not text.strip():
        return
    try:
        _table(data, keys[:-1])[keys[-1]] = parsed(found.kind, text)
    except TextError as error:
        problems[path] = f"This must be {error}"


def _table(data: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    for key in keys:
        data = data.setdefault(key, {})
    return data


def _lists(data: dict[str, Any]) -> dict[str, Any]:
    """Make lists of what was numbered."""
    for section in recipe_sections():
        name = section.path.partition(".")[0]
        if section.repeated and name in data:
            data[name] = list(data[name].values())
    return data


def _in_order(path: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(key), "") if key.isdigit() else (-1, key) for key in path.split("."))


def _fields() -> dict[str, FormField]:
    return {field.path: field for section in all_sections(recipe_sections()) for field in section.fields}


def _is_settings(path: str) -> bool:
    found = field_at(path)
    return found is not None and found.kind is Kind.SETTINGS


def _general(path: str) -> str:
    return ".".join("#" if key.isdigit() else key for key in path.split("."))


def _complaints(error: ValidationError, values: Values) -> Iterator[tuple[str, str]]:
    for detail in error.errors():
        path = _nearest([str(key) for key in detail["loc"]])
        yield path, _message(detail, path in values)


def _nearest(keys: list[str]) -> str:
    """Return the path of the field or table that an error is of."""
    known = {*_fields(), *(section.path for section in all_sections(recipe_sections()))}
    for n_keys in range(len(keys), 0, -1):
        path = ".".join(keys[:n_keys])
        if _general(path) in known:
            return path
    return ""


def _message(detail: ErrorDetails, given: bool) -> str:
    if detail["type"] == "missing":
        return "Fill this in" if given or detail["loc"] else "Something is missing"
    if detail["type"] == "extra_forbidden":
        return f"There is no {detail['loc'][-1]} in recipes; check its spelling"
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return text if "_" in text.partition(" ")[0] else text[:1].upper() + text[1:]
