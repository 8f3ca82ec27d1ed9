"""`earbench study new`: a study from audio files and codecs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earbench_app.cli.study import studies

if TYPE_CHECKING:
    from collections.abc import Generator

    from earbench_app.study_builder import BuildProgress
    from earbench_app.study_plan import PlannedItem, StudyPlan
    from earbench_mushra.design import Study


def register() -> None:
    """Add the command to `earbench study`."""
    studies.command("new")(new)


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The study's folder, to be made.")],
    item: Annotated[list[Path], typer.Option(metavar="FILE", help="An audio file to be tested; repeat.")],
    codec: Annotated[
        list[str],
        typer.Option(metavar="NAME[@KBPS]", help="A system, as mp3@64, mp3@32,64 or mp3@vbr=2; repeat."),
    ],
    test_type: Annotated[
        Literal["mushra", "ab", "abx"], typer.Option("--type", help="The method.")
    ] = "mushra",
    region: Annotated[
        list[str] | None,
        typer.Option(metavar="S:E", help="Excerpt in seconds: one for all items, or one an item."),
    ] = None,
    training_item: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A file for the training alone; repeat.")
    ] = None,
    training: Annotated[
        bool | None,
        typer.Option(help="Train on the tested items too; so by default in MUSHRA without training items."),
    ] = None,
    anchors: Annotated[bool, typer.Option(help="Add the 3.5 and 7 kHz anchors (MUSHRA).")] = True,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="ID:ID", help="Conditions to compare (A/B, ABX); all pairs without; repeat."),
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Trials for each item and pair (A/B, ABX).")] = 1,
    reference: Annotated[bool, typer.Option(help="Offer the original (A/B).")] = True,
    tie: Annotated[bool, typer.Option(help="Offer no preference (A/B).")] = True,
    match_loudness: Annotated[bool, typer.Option(help="Bring all items to one loudness (BS.1770).")] = True,
    comments: Annotated[bool, typer.Option(help="Let listeners comment on each trial.")] = True,
    name: Annotated[str, typer.Option(help="Column `study` of the results; the folder's name without.")] = "",
    title: Annotated[str, typer.Option(help="What listeners see above the instructions.")] = "",
    instructions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text shown to listeners.", exists=True, dir_okay=False),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all random orders; drawn without.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a study: encode, cut, match loudness, and write the stimuli under opaque names."""
    from earbench_app import study_plan
    from earbench_app.study_builder import build_study
    from earbench_app.study_request import conditions_named
    from earbench_mushra.design import TestType

    mushra = test_type == "mushra"
    trains = training if training is not None else mushra and not training_item
    plan = study_plan.StudyPlan(
        name=name or folder.name,
        items=tuple(_items(item, training_item or [], region or [], trains)),
        conditions=tuple(planned for text in codec for planned in conditions_named(text)),
        title=title,
        test_type=TestType(test_type),
        anchors=study_plan.ANCHORS if anchors else (),
        pairs=tuple(_pair(text) for text in pair or []),
        instructions=_instructions(instructions, test_type),
        match_loudness=match_loudness,
        show_reference=reference,
        allow_tie=tie,
        comments=comments,
        repetitions=repetitions,
    )
    _warn(plan)
    study = _with_progress(build_study(plan, folder, seed=seed))
    _report(study, folder, as_json)


def _items(
    tested: list[Path], for_training: list[Path], regions: list[str], trains: bool
) -> list[PlannedItem]:
    from earbench_app.study_plan import Use
    from earbench_app.study_request import planned_item, region_named

    paths = [*tested, *for_training]
    if len(regions) not in (0, 1, len(paths)):
        told = f"{len(regions)} regions for {len(paths)} files: give one for all, or one a file"
        raise typer.BadParameter(told, param_hint="--region")
    try:
        cuts = [region_named(text) for text in regions]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--region") from error
    uses = [Use.BOTH if trains else Use.TEST] * len(tested) + [Use.TRAINING] * len(for_training)
    every: list[tuple[float, float] | None] = [*cuts] or [None]
    every = every * len(paths) if len(every) == 1 else every
    return [planned_item(path, cut, use) for path, cut, use in zip(paths, every, uses, strict=True)]


def _pair(text: str) -> tuple[str, str]:
    first, colon, second = text.partition(":")
    if not colon:
        raise typer.BadParameter(f"{text!r} is not ID:ID, such as mp3@64:opus@32", param_hint="--pair")
    return first, second


def _instructions(file: Path | None, test_type: str) -> str:
    from earbench_app import study_plan

    if file is None:
        return {
            "mushra": study_plan.MUSHRA_INSTRUCTIONS,
            "ab": study_plan.AB_INSTRUCTIONS,
            "abx": study_plan.ABX_INSTRUCTIONS,
        }[test_type]
    return file.read_text(encoding="utf-8").strip()


def _warn(plan: StudyPlan) -> None:
    for problem in plan.problems():
        if not problem.blocking:
            typer.echo(f"warning: {problem.message}", err=True)


def _with_progress(build: Generator[BuildProgress, None, Study]) -> Study:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("encoding")
        while True:
            try:
                progress = next(build)
            except StopIteration as done:
                study: Study = done.value
                return study
            bar.update(task, completed=progress.done, total=progress.total, description=progress.text)


def _report(study: Study, folder: Path, as_json: bool) -> None:
    from earbench_app.counting import counted, study_size

    if as_json:
        n_items = sum(not item.training for item in study.items)
        document = {
            "folder": str(folder),
            "study": study.name,
            "test_type": study.test_type.value,
            "items": n_items,
            "training_items": len(study.items) - n_items,
            "conditions": [condition.id for condition in study.conditions],
            "stimuli": len(study.stimuli),
            "seed": study.seed,
        }
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{folder}: {study_size(study)}, {counted(len(study.stimuli), 'file')}")
    typer.echo(f"run it: earbench listen {folder}")
