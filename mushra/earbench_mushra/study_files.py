"""A study on disk: a folder that can be copied to another booth.

`study.toml` holds the design, `stimuli/` the audio under opaque names, `study.sqlite` what listeners did.
Every key of `study.toml` is a field of `earbench_mushra.design.Study` or of what it is made of; a key that is
not is refused, so that a typing error cannot change a test silently.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tomllib
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import TypeAdapter, ValidationError

from earbench_mushra.design import Study
from earbench_mushra.errors import StimulusError, StudyFileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STUDY_FILE = "study.toml"
STIMULI_FOLDER = "stimuli"
DATABASE_FILE = "study.sqlite"

_STUDY: TypeAdapter[Study] = TypeAdapter(Study)


def load_study(folder: Path) -> Study:
    """Read the design of the study in a folder.

    Raises
    ------
    StudyFileError
        If there is none, it is not TOML, or a key is unknown, missing or of the wrong type; each is named.
    """
    path = folder / STUDY_FILE
    try:
        table = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        reason = f"not there; {folder} is no study (make one with `earbench study new`)"
        raise StudyFileError(path, reason) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyFileError(path, f"not valid TOML: {error}") from error
    except OSError as error:
        raise StudyFileError(path, f"cannot be read: {error.strerror}") from error
    try:
        return _STUDY.validate_python(table)
    except ValidationError as error:
        raise StudyFileError(path, _faults(error)) from error


def save_study(study: Study, folder: Path) -> None:
    """Write `study.toml`, and the folder for the stimuli if it lacks; all or nothing.

    Raises
    ------
    StudyFileError
        If the folder cannot be written.
    """
    path = folder / STUDY_FILE
    try:
        (folder / STIMULI_FOLDER).mkdir(parents=True, exist_ok=True)
        write_whole(path, _toml(_without_none(_as_table(study))).encode())
    except OSError as error:
        raise StudyFileError(path, f"cannot be written: {error.strerror}") from error


def design_json(study: Study) -> str:
    """Return the whole design as canonical JSON: equal for equal designs."""
    return json.dumps(_as_table(study), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def design_from_json(text: str) -> Study:
    """Return the design that `design_json` wrote."""
    return _STUDY.validate_python(json.loads(text))


def opaque_name(suffix: str = ".wav") -> str:
    """Return a new random file name that says nothing about its content."""
    return secrets.token_hex(8) + suffix


def file_sha256(path: Path) -> str:
    """Hash a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stimulus_path(folder: Path, file: str) -> Path:
    """Return where a stimulus of that name lies."""
    return folder / STIMULI_FOLDER / file


def verify_stimuli(study: Study, folder: Path) -> None:
    """Check that every stimulus is there and is the very file of the design.

    Raises
    ------
    StimulusError
        Naming the files that are missing or changed, and their item; never their condition, as a listener
        may be the one who reads it.
    """
    faults = []
    for cell in study.stimuli:
        path = stimulus_path(folder, cell.file)
        if not path.is_file():
            faults.append(f"{cell.file} (item {cell.item}) is missing")
        elif file_sha256(path) != cell.sha256:
            faults.append(
                f"{cell.file} (item {cell.item}) is not the file of the design: its SHA-256 differs"
            )
    if faults:
        reason = f"{_some(faults)}; copy the study again from where it was made"
        raise StimulusError(folder / STIMULI_FOLDER, reason)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file's content so that a crash leaves either the old or the new one."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _as_table(study: Study) -> dict[str, Any]:
    table: dict[str, Any] = _STUDY.dump_python(study, mode="json")
    return table


def _toml(table: dict[str, Any]) -> str:
    """Return a table as TOML, with lines of text as lines; but a carriage return is kept only on one line."""
    return tomli_w.dumps(table, multiline_strings="\\r" not in json.dumps(table))


def _without_none(value: Any) -> Any:
    """TOML has no null: leave such keys out."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value


def _faults(error: ValidationError) -> str:
    return _some([f"{_key(fault['loc'])}: {_told(fault)}" for fault in error.errors()])


def _told(fault: Any) -> str:
    known = {
        "unexpected_keyword_argument": "there is no such key; check its spelling",
        "missing": "is missing",
    }
    return known.get(fault["type"]) or f"{fault['msg'][0].lower()}{fault['msg'][1:]}, not {fault['input']!r}"


def _key(place: Iterable[int | str]) -> str:
    """Write a place in the file as `items[0].title`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return text.removeprefix(".")


def _some(faults: list[str], limit: int = 4) -> str:
    rest = f"; and {len(faults) - limit} more" if len(faults) > limit else ""
    return "; ".join(faults[:limit]) + rest
