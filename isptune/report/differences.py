"""Two parameter sets side by side: what `isptune diff` shows."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isptune.deeds import Named
from isptune.errors import ConfigError
from isptune.facts import Direction
from isptune.parameter_set import ParameterSet, build_pipeline
from isptune.registry import build
from isptune.report.changes import Change, between
from isptune.report.digits import limits_of, mean_of, number, percent
from isptune.runs.answer import Interval
from isptune.runs.record import read_run
from isptune.space import Choice, Param
from isptune.system.records import plain
from isptune.trust import Trust
from isptune.tuning.bench import Bench
from isptune.tuning.effects import Effects, bench_of, effects
from isptune.tuning.set_files import read_for

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Difference:
    """One set against another.

    Attributes:
        old, new: their names.
        changes: of the knobs that differ, the largest first.
        equal: how many knobs are the same in both.
        missing: knobs that only one of them holds, with the name of the other one.
        effects: what each change buys; empty where it was not measured.
        failed: why a knob's effect could not be measured.
        objectives: those of the effects, with their direction.
        notes: what one should know of the sets.
    """

    old: str
    new: str
    changes: list[Change]
    equal: int
    missing: Mapping[str, str]
    effects: Effects
    failed: Mapping[str, str]
    objectives: Mapping[str, Direction]
    notes: tuple[str, ...] = ()


def compare_sets(
    old_path: Path,
    new_path: Path | None,
    run: Path | None,
    seeds: int,
    pipeline: str | None = None,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> Difference:
    """Compare two sets, or a run with what it started from.

    Args:
        old_path, new_path: files or run folders; without the second the first must be a run.
        run: whose pipeline, scenes and objectives the effects are measured on; None for no effects.
        seeds: noise seeds for the effects.
        pipeline: spec of the one that the sets are for, where they do not say or only it can read them.
        options: of that pipeline.
        trust: whether the run may start and send what it names beyond that pipeline.

    Raises:
        ConfigError, RunFolderError: a set or the run cannot be read, or they are for different pipelines, or the run
            would act and is not trusted.
    """
    options = options or {}
    first = read_for(old_path, None, pipeline, options)[0]
    second = first if new_path is None else read_for(new_path, None, pipeline, options)[0]
    if new_path is None:
        if not first.start:
            raise ConfigError(
                f"{old_path}: does not say what it started from; name a second set to compare with"
            )
        first = ParameterSet(f"{first.name}, start", first.start, first.pipeline, first.pipeline_options)
    said = Trust(() if pipeline is None else (Named("pipeline", pipeline, options),), trust)
    bench = None if run is None else bench_of(run, said)
    if bench is None and pipeline is not None:
        params = build("pipeline", pipeline, **options).space.params
    else:
        params = _params(bench, [(new_path or old_path, second), (old_path, first)])
    _check_names(params, first, second)
    both = [p for p in params if p.name in first.values and p.name in second.values]
    differing = [c for c in between(both, first.values, second.values) if c.default != c.recommended]
    found, failed = ({}, {}) if bench is None else _effects(bench, second, differing, seeds)
    return Difference(
        old=first.name,
        new=second.name,
        changes=differing,
        equal=len(both) - len(differing),
        missing=_missing(first, second),
        effects=found,
        failed=failed,
        objectives={} if bench is None else {name: o.facts.direction for name, o in bench.objectives.items()},
        notes=tuple(f"{one.name}: {one.note}" for one in (first, second) if one.note),
    )


def to_dict(difference: Difference) -> dict[str, Any]:
    """As `isptune diff --json` prints it; changes in per cent of the range."""
    return {
        "old": difference.old,
        "new": difference.new,
        "equal": difference.equal,
        "missing": dict(difference.missing),
        "notes": list(difference.notes),
        "objectives": dict(difference.objectives),
        "changes": [
            {
                "knob": change.param.name,
                "stage": stage(change.param),
                "unit": change.param.unit,
                "old": change.default,
                "new": change.recommended,
                "change_percent": None if isinstance(change.param, Choice) else 100 * change.share,
                "if_it_goes_back": {
                    name: plain(interval)
                    for name, interval in difference.effects.get(change.param.name, {}).items()
                },
                "error": difference.failed.get(change.param.name),
            }
            for change in difference.changes
        ],
    }


def print_difference(difference: Difference, console: "Console") -> None:
    """The same as a table."""
    from isptune.report.tables import print_table

    console.print(f"{difference.old} -> {difference.new}", highlight=False, soft_wrap=True)
    if not difference.changes:
        console.print(
            f"the sets are equal in all {difference.equal} knobs that both hold",
            highlight=False,
            soft_wrap=True,
        )
    heads = [f"{name} if it goes back" for name in difference.objectives]
    rows = []
    for change in difference.changes:
        name = change.param.name
        measured = difference.effects.get(name, {})
        cells = [_effect(measured[o], way) for o, way in difference.objectives.items() if o in measured]
        cells = cells or [difference.failed.get(name, "")] + [""] * (len(heads) - 1)
        share = "" if isinstance(change.param, Choice) else percent(change.share)
        values = [number(change.default), number(change.recommended)]
        rows.append([name, stage(change.param), *values, share, change.param.unit, *cells[: len(heads)]])
    if rows:
        head = ["knob", "stage", "old", "new", "change of range", "unit", *heads]
        print_table(console, "what changed", head, rows)
        if difference.equal:
            console.print(f"{difference.equal} more are equal", highlight=False, soft_wrap=True)
    for text in difference.notes:
        console.print(f"note: {text}", highlight=False, soft_wrap=True)
    for name, lacking in difference.missing.items():
        console.print(f"{name}: not in {lacking}", highlight=False, soft_wrap=True)
    if difference.changes and not difference.objectives:
        console.print("what each change buys is measured on a run: --on RUN", highlight=False, soft_wrap=True)


def stage(param: Param) -> str:
    """The first part of `stage.knob`; empty for a name without a dot."""
    first, dot, _ = param.name.partition(".")
    return first if dot else ""


def _effect(interval: Interval, direction: Direction) -> str:
    said = interval.as_gain(direction)
    says = "no clear change" if said == "same" else said
    spread = f" ({limits_of(interval)})" if interval.n > 1 and interval.high > interval.low else ""
    return f"{mean_of(interval)}{spread} {says}"


def _params(bench: Bench | None, sets: list[tuple[Path, ParameterSet]]) -> tuple[Param, ...]:
    """Ranges and units: of the bench, of the first run, or of the pipeline that a file names."""
    if bench is not None:
        return bench.pipeline.space.params
    values = {name for _, chosen in sets for name in chosen.values}
    for path, _ in sets:
        space = read_run(path).space if path.is_dir() else ()
        if values <= {param.name for param in space}:
            return space
    named = [chosen for _, chosen in sets if chosen.pipeline is not None]
    return build_pipeline(named[0] if named else sets[0][1]).space.params


def _check_names(params: tuple[Param, ...], *sets: ParameterSet) -> None:
    known = {param.name for param in params}
    for chosen in sets:
        stray = sorted(set(chosen.values) - known)
        if stray:
            raise ConfigError(
                f"{chosen.name}: has {stray[0]!r}, which the pipeline of the other one has not; sets can be "
                "compared where they are for one pipeline"
            )


def _missing(first: ParameterSet, second: ParameterSet) -> dict[str, str]:
    """Knobs that only one set holds, with the name of the set that lacks them."""
    lacking = {name: second.name for name in first.values if name not in second.values}
    return lacking | {name: first.name for name in second.values if name not in first.values}


def _effects(
    bench: Bench, chosen: ParameterSet, differing: list[Change], seeds: int
) -> tuple[Effects, dict[str, str]]:
    complete = bench.pipeline.space.complete(chosen.values)
    return effects(bench, complete, {change.param.name: change.default for change in differing}, seeds)
