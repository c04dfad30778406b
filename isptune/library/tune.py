"""Tuning and comparing from Python."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from isptune.errors import ConfigError
from isptune.functions.objective import FunctionObjective
from isptune.functions.pipeline import FunctionPipeline
from isptune.functions.said import name_of
from isptune.functions.stand_ins import own_name
from isptune.interfaces import Objective, Pipeline
from isptune.library.pictures import as_scenes
from isptune.library.result import Comparison, Result
from isptune.library.running import run_with_progress
from isptune.library.short_tracebacks import short_traceback
from isptune.registry import FUNCTION
from isptune.runs.settings import RunSettings, from_mapping
from isptune.space import Param
from isptune.system.disk import slug
from isptune.system.temporary import new_folder
from isptune.tuning.bench import AtHand
from isptune.tuning.own_parts import with_own_names
from isptune.tuning.workers import opened_bench

# Checked here, in words, and not by their annotations: people give anything.
AnyPipeline = Any
AnyObjective = Any


@short_traceback
def tune(
    pipeline: AnyPipeline,
    params: Iterable[Param] | None = None,
    *,
    objective: AnyObjective = "scorenet",
    scenes: Any = "bundled:astronaut",
    out: str | Path | None = None,
    workers: int | str | None = None,
    progress: bool = True,
    batched: bool = False,
    **settings: Any,
) -> Result:
    """Find the parameter values with which a pipeline makes the pictures that an objective likes best.

    Args:
        pipeline: a function of (scene, params) or (scene, params, seed) that gives a picture, see
            `isptune.functions.pipeline.FunctionPipeline`; or a spec, as the command line takes it: "raw",
            "command:isp.toml", "my_isp.py:isp".
        params: what can be tuned, for a function.
        objective: a function of a picture, see `isptune.functions.objective.FunctionObjective` (more is better, unless
            `isptune.objective(direction="minimize")` stands above it); or a spec: "scorenet", "ssim",
            "weighted:0.7*ssim+0.3*niqe", "my_metric.py:sharp". Several in a list give a Pareto front.
        scenes: one or several photographs or raw files: paths, bundled names, arrays [H, W, 3], `isptune.Scene`.
        out: the run's folder; given again, a run that was cut off goes on there. A temporary one by default, which
            lasts as long as the result.
        workers: processes to render and score in, for what is named by a spec.
        progress: whether to show it.
        batched: whether the function renders a whole population at once.
        settings: any other setting of a run: population, generations, repeats, seed, optimizer, tune, start, stay_near,
            aggregate, crop, resize, full_frame, budget_time, confirm, second_opinions, device, pipeline_options.

    Raises:
        ConfigError: something given does not fit; unknown settings are refused, the known ones listed.
        AllFailed: every candidate of a generation failed; the message has what the first one said.
        RunFolderError: `out` holds another run.
    """
    if isinstance(objective, Sequence) and not isinstance(objective, str):
        objectives = list(objective)
    else:
        objectives = [objective]
    checked, at_hand = _given(pipeline, params, objectives, scenes, batched, settings)
    folder = _folder(out)
    _run(checked, at_hand, folder, workers, progress)
    return Result(folder, temporary=out is None)


@short_traceback
def compare(
    pipeline: AnyPipeline = "synthetic",
    params: Iterable[Param] | None = None,
    *,
    objectives: Sequence[AnyObjective],
    scenes: Any = "bundled:astronaut",
    out: str | Path | None = None,
    workers: int | str | None = None,
    progress: bool = True,
    batched: bool = False,
    **settings: Any,
) -> Comparison:
    """Find out which objective leads an optimiser to the best pictures: one run for each, of equal budget.

    Args: as `tune`, with several objectives of which each leads a run of its own.

    Raises:
        ConfigError: fewer than two objectives, or as `tune`.
    """
    if len(objectives) < 2:
        raise ConfigError(f"compare needs two objectives or more; got {len(objectives)}")
    given = [_given(pipeline, params, [one], scenes, batched, settings) for one in objectives]
    folder = _folder(out)
    folders = [folder / slug(checked.objectives[0]) for checked, _ in given]
    for (checked, at_hand), own in zip(given, folders, strict=True):
        _run(checked, at_hand, own, workers, progress)
    return Comparison(folder, folders, temporary=out is None)


def _folder(out: str | Path | None) -> Path:
    return new_folder("run") if out is None else Path(out)


def _run(
    settings: RunSettings, at_hand: AtHand | None, folder: Path, workers: int | str | None, progress: bool
) -> None:
    spec = None if workers is None else str(workers)
    with opened_bench(settings, spec, own_files=True, at_hand=at_hand) as bench:
        run_with_progress(bench, folder, Console(markup=False, quiet=not progress), spec)


def _given(
    pipeline: AnyPipeline,
    params: Iterable[Param] | None,
    objectives: Sequence[AnyObjective],
    scenes: Any,
    batched: bool,
    settings: Mapping[str, Any],
) -> tuple[RunSettings, AtHand | None]:
    """The settings of a run, and of what was given those parts that no spec names; None where all are named."""
    for name in ("pipeline", "objectives", "scenes"):
        if name in settings:
            raise ConfigError(f"{name} is given by itself, not among the settings")
    pipeline_name, own_pipeline = _pipeline(pipeline, params, batched)
    named = _objectives(objectives)
    pictures = as_scenes(scenes)
    values = {key: _as_setting(key, value) for key, value in settings.items()}
    values |= {"pipeline": pipeline_name, "objectives": list(named), "scenes": list(pictures)}
    checked = with_own_names(from_mapping(values, "tune"))
    at_hand = AtHand(
        own_pipeline,
        {name: one for name, one in named.items() if one is not None},
        {name: scene for name, scene in pictures.items() if scene is not None},
    )
    return checked, at_hand if at_hand != AtHand() else None


def _pipeline(
    pipeline: AnyPipeline, params: Iterable[Param] | None, batched: bool
) -> tuple[str, Pipeline | None]:
    if isinstance(pipeline, (str, Path, Pipeline)):
        if params is not None:
            raise ConfigError(
                "params are for a function; of a pipeline's own some are chosen by tune='denoise.*'"
            )
        named = isinstance(pipeline, str | Path)
        return (str(pipeline), None) if named else (_name(pipeline), pipeline)
    if not callable(pipeline):
        raise ConfigError(f"pipeline = {pipeline!r} is no function, no pipeline and no spec")
    if params is None:
        raise ConfigError(
            f"params are missing: what can be tuned of {name_of(pipeline)}, as [isptune.Real('gain', 0.5, 2.0, 1.0)]"
        )
    return _name(pipeline), FunctionPipeline(pipeline, params, batched)


def _objectives(objectives: Sequence[AnyObjective]) -> dict[str, Objective | None]:
    """By their names in the settings; None for those that a spec names."""
    found: dict[str, Objective | None] = {}
    for number, given in enumerate(objectives, 1):
        if isinstance(given, str):
            found[own_name(given)] = None
            continue
        if not isinstance(given, Objective) and not callable(given):
            raise ConfigError(f"objective = {given!r} is no function, no objective and no spec")
        name = _name(given)
        objective = given if isinstance(given, Objective) else FunctionObjective(given)
        found[name if name not in found else f"{name}_{number}"] = objective
    return found


def _name(given: object) -> str:
    function = given.function if isinstance(given, FunctionPipeline | FunctionObjective) else given
    return f"{FUNCTION}:{name_of(function)}" if callable(function) else f"{FUNCTION}:{type(given).__name__}"


def _as_setting(key: str, value: Any) -> Any:
    """What Python has other types for than a TOML file: sizes, and a single one of what may be several."""
    if key in ("crop", "resize") and value is not None and not isinstance(value, str):
        return str(value) if isinstance(value, int) else "x".join(map(str, value))
    return value
