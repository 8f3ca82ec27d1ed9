"""The model card: what a checkpoint is, what it was trained on, what it is worth, how to make it again."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import ValidationError

from earbench_codecs.errors import CheckpointError
from earbench_codecs.metrics.registry import METRICS
from earbench_codecs.neural.checkpoint_info import CheckpointInfo
from earbench_codecs.neural.zoo import ARCHITECTURES
from earbench_codecs.training.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from earbench_codecs.neural.checkpoint_info import ComparedCodec, Comparison, Figure

EQUAL_RATE = 0.05
"""Rates that differ by more than this share are not called equal."""
_SAME_RATE = 0.01
"""By which one that is asked for is met."""
_DEFINITIONS = {
    "sdr_db": "SDR is 10 log10(|s|² / |s′ − s|²), the mean of the excerpts' decibels; codecs that "
    "do not keep the waveform, such as AMR-WB, sound better than it says.",
    "nmr_db": "NMR is the noise-to-mask ratio by ISO 11172-3 model 1: lower is better.",
}


def with_card(info: CheckpointInfo, **changes: Any) -> CheckpointInfo:
    """Return a checkpoint's facts with changes, and with the card they make.

    Raises
    ------
    pydantic.ValidationError
        A change is not valid, such as a name with spaces.
    """
    changed = CheckpointInfo.model_validate(info.model_dump() | changes)
    return changed.model_copy(update={"card": card_text(changed)})


def offered_kbps(measured: dict[str, float | None], otherwise: float) -> float:
    """Return the rate that a codec is listed with: as measured of its bitstreams, to 0.1 kbps."""
    return round(measured.get("kbps") or otherwise, 1)


def measured_means(comparison: Comparison) -> dict[str, float | None]:
    """Return the checkpoint's own means."""
    figures = comparison.codecs[0].figures
    return {name: figure.mean if figure else None for name, figure in figures.items()}


def card_text(info: CheckpointInfo) -> str:
    """Return the card, Markdown, from what the checkpoint says of itself."""
    recipe = stored_recipe(info)
    sections = [
        f"# {info.title}",
        f"`{info.name}`: {_rates(info)} kbps, {info.sample_rate_hz / 1000:g} kHz.",
        recipe.note.strip(),
        "\n".join(_facts(info, recipe)),
    ]
    if info.comparison is not None:
        first = [] if _is_among(info.comparison, info.comparisons) else _measured(info, info.comparison)
        sections += ["## Measured", *first]
    elif known := {
        name: value for name, value in info.measured.items() if name in METRICS and value is not None
    }:
        sections += ["## Measured", _validated(known)]
    for comparison in info.comparisons:
        verdicts = [*(_verdict(comparison, metric) for metric in comparison.metrics), *_unequal(comparison)]
        sections += [
            f"### At {comparison.codecs[0].setting} kbps",
            *_measured(info, comparison),
            "\n".join(f"- {verdict}" for verdict in verdicts if verdict),
        ]
    if info.tried:
        sections += ["## Tried on the way", "\n".join(f"- {line}" for line in info.tried)]
    sections += [
        "## Good for, and not",
        "\n".join(_limits(info)),
        "## Make it again",
        *_commands(info, recipe),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _rates(info: CheckpointInfo) -> str:
    if not info.knob:
        return f"{info.kbps:g}"
    return f"any rate from {info.rates_kbps[0]:g} to {info.rates_kbps[-1]:g}"


def stored_recipe(info: CheckpointInfo) -> Recipe:
    """Return the recipe a checkpoint was trained by.

    Raises
    ------
    CheckpointError
        It has none, or one that this version does not read.
    """
    try:
        return Recipe.model_validate(info.recipe)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the recipe"
        raise CheckpointError(
            Path(info.name),
            f"its recipe cannot be read, at {where}: {first['msg']}; train it with this version",
        ) from error


def recipe_toml(info: CheckpointInfo) -> str:
    """Return the recipe as a TOML file that `earbench train` takes.

    Raises
    ------
    CheckpointError
        As `stored_recipe`.
    """
    return tomli_w.dumps(stored_recipe(info).model_dump(mode="json", exclude_none=True))


def machine_line(n_threads: int, gpus: Sequence[str] = ()) -> str:
    """Return a machine in words: processor, cores, threads used, GPUs by name."""
    cores = f"{_count(os.cpu_count() or 1, 'core')}, {_count(n_threads, 'thread')} used"
    return "; ".join([f"{_processor()}, {cores}", ", ".join(gpus) or "no GPU"])


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def _facts(info: CheckpointInfo, recipe: Recipe) -> list[str]:
    corpus: dict[str, Any] = info.corpus
    framing: Any = info.config["framing"]
    heard_s = info.step * recipe.optimiser.batch * framing["length"] / info.sample_rate_hz
    lines = {
        "Network": f"{info.architecture}, {info.n_parameters:,} parameters, frames of {framing['length']} "
        f"samples that overlap by {framing['overlap']}",
        "Trained on": _amount(corpus, "training"),
        "Held out": f"{_amount(corpus, 'validation')}; split by {recipe.data.split_by}, "
        f"seed {recipe.data.seed}",
        "Corpus": f"SHA-256 {corpus['sha256']}" if "sha256" in corpus else "",
        "Sources": corpus.get("sources", "not named"),
        "Training": f"step {info.step:,} of {recipe.n_steps:,}, {recipe.optimiser.batch} windows each: "
        f"{_duration(heard_s)} of sound heard"
        + (f", in {_duration(info.trained_s)}" if info.trained_s else ", in a time not recorded"),
        "Machine": info.machine or "not recorded",
        "Versions": ", ".join(f"{name} {version}" for name, version in info.versions.items()),
    }
    return [f"- **{name}**: {text}" for name, text in lines.items() if text]


def _amount(corpus: dict[str, Any], part: str) -> str:
    n_files = corpus.get(f"{part}_files")
    files = f" in {_count(n_files, 'file')}" if n_files is not None else ""
    return f"{corpus.get(f'{part}_s', 0.0) / 60:.1f} minutes{files}"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.1f} minutes" if seconds < 3600 else f"{seconds / 3600:.1f} hours"


def _validated(known: dict[str, float]) -> str:
    """Return figures that a run had of a step, before anything was measured of files."""
    figures = ", ".join(f"{_heading(name)} {value:.2f}" for name, value in known.items())
    return (
        f"By the run's validation, on a few of the recordings held out, with codes that no file was made of: "
        f"{figures}. What it is worth beside others is measured by the last command below."
    )


def _measured(info: CheckpointInfo, comparison: Comparison) -> list[str]:
    scope = "all that was held out" if comparison.complete else "a part of what was held out"
    own, *others = comparison.codecs
    definitions = [text for name, text in _DEFINITIONS.items() if name in comparison.metrics]
    entropy = own.figures.get("entropy_kbps")
    sections = [
        f"{_count(comparison.n_excerpts, 'excerpt')} of {_count(comparison.n_recordings, 'recording')}, "
        f"{comparison.seconds / 60:.1f} minutes, {scope}. Mean over excerpts ± 95 % confidence (t). "
        + "Rates are of real bytes: kbps of the bitstream, and of the whole `.ebc` file. "
        + " ".join(definitions),
        _table(
            ["codec", "setting", *map(_heading, ("kbps", "file_kbps", *comparison.metrics))],
            [_row(codec, comparison, info.name) for codec in comparison.codecs],
        ),
        f"The entropy model's own estimate is {_text(entropy)} kbps." if entropy else "",
    ]
    if others:
        sections += [
            "The others run in their default mode, at the setting whose measured rate is nearest. "
            f"Differences, excerpt by excerpt, {info.name} less the other:",
            _table(
                ["codec", *map(_heading, comparison.metrics)],
                [[c.title, *(_text(c.advantage.get(m), "+") for m in comparison.metrics)] for c in others],
            ),
        ]
    return [*sections, "\n".join(f"- {note}" for note in comparison.notes)]


def _is_among(comparison: Comparison, others: Sequence[Comparison]) -> bool:
    """Return whether one of the others is of the same rate."""
    own, *rates = (one.codecs[0].figures.get("kbps") for one in (comparison, *others))
    return own is not None and any(rate and abs(rate.mean / own.mean - 1) < _SAME_RATE for rate in rates)


def _row(codec: ComparedCodec, comparison: Comparison, name: str) -> list[str]:
    own = codec is comparison.codecs[0]
    figures = [codec.figures.get(figure) for figure in ("kbps", "file_kbps", *comparison.metrics)]
    texts = [
        _text(figure) + (f" (n = {figure.n})" if figure and figure.n != comparison.n_excerpts else "")
        for figure in figures
    ]
    return [f"**{name}**" if own else codec.title, codec.setting, *texts]


def _heading(name: str) -> str:
    if name not in METRICS:
        return {"kbps": "kbps", "file_kbps": "kbps, `.ebc`"}[name]
    metric = METRICS[name]
    return f"{metric.title} ({metric.unit})" if metric.unit else metric.title


def _text(figure: Figure | None, sign: str = "") -> str:
    if figure is None:
        return "–"
    spread = f" ± {figure.ci95:.2f}" if figure.ci95 is not None else ""
    return f"{figure.mean:{sign}.2f}{spread}"


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _limits(info: CheckpointInfo) -> list[str]:
    """Return what the figures bear out, and what nobody has measured."""
    sources = info.corpus.get("sources")
    named = f" ({sources})" if sources else ""
    channels = "two channels are coded together" if info.knob else "each channel is coded by itself"
    lines = [
        f"For sound like its training data{named}, at {info.sample_rate_hz / 1000:g} kHz; other rates are "
        f"resampled, and {channels}. Other material was not measured.",
        "No listening test is behind these figures.",
    ]
    comparison = info.comparison
    if comparison is not None and _is_among(comparison, info.comparisons):
        lines.insert(0, "What it is better than, and worse, stands with the figures of each rate.")
    elif comparison is not None:
        verdicts = [_verdict(comparison, metric) for metric in comparison.metrics]
        lines = [*verdicts, *_unequal(comparison), *lines]
    return [f"- {line}" for line in lines if line]


def _verdict(comparison: Comparison, metric: str) -> str:
    """Return whom the checkpoint beats, by differences whose confidence interval is off zero."""
    sign = 1 if METRICS[metric].higher_is_better else -1

    def titles(holds: Callable[[float, float], bool]) -> str:
        known = [(c.title, c.advantage.get(metric)) for c in comparison.codecs[1:]]
        return ", ".join(
            title for title, f in known if f and f.ci95 is not None and holds(sign * f.mean, f.ci95)
        )

    groups = {
        "better than": titles(lambda mean, ci: mean > ci),
        "worse than": titles(lambda mean, ci: mean < -ci),
        "no difference shown from": titles(lambda mean, ci: abs(mean) <= ci),
    }
    said = "; ".join(f"{words} {names}" for words, names in groups.items() if names)
    return f"{METRICS[metric].title}: {said}." if said else ""


def _unequal(comparison: Comparison) -> list[str]:
    own, *others = ((c.title, c.figures.get("kbps")) for c in comparison.codecs)
    if own[1] is None:
        return []
    shares = [(title, rate.mean, rate.mean / own[1].mean - 1) for title, rate in others if rate]
    return [
        f"Not at equal rates: {title} has nothing nearer than {kbps:.2f} kbps, "
        f"{100 * abs(share):.0f} % {'more' if share > 0 else 'less'}."
        for title, kbps, share in shares
        if abs(share) > EQUAL_RATE
    ]


def _commands(info: CheckpointInfo, recipe: Recipe) -> list[str]:
    name = info.recipe_name or info.name
    stop = f" --max-steps {info.step}" if info.step < recipe.n_steps else ""  # what comes later is another
    lines = [
        f"earbench card {info.name} --recipe {name}.toml",
        f"earbench train {name}.toml --data DATA --run runs/{name}{stop}",
        f"earbench card runs/{name}/checkpoint.safetensors --data DATA --save --name {info.name}",
    ]
    coder = ARCHITECTURES.get(info.architecture)
    is_own = coder is None or not coder.__module__.startswith("earbench_codecs.")
    own = f" Its network, `{info.architecture}`, is a file in `$EARBENCH_HOME/coders`."
    return [
        "```\n" + "\n".join(lines) + "\n```",
        "`DATA` is the folder of the corpus above; the hash tells whether it is. A checkpoint that `earbench "
        "codecs` does not list is given by its path. A `.ebc` file is decoded by the checkpoint that made it "
        "alone: one that is made again has tables of its own." + own * is_own,
    ]
