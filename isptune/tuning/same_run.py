"""Whether a folder holds the run that is to go on in it: the same settings, pictures, weights, programs and machine."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from isptune.errors import RunFolderError, one_line
from isptune.facts import gathered_weights
from isptune.runs.facts import BenchRecord, SceneRecord, read_bench, write_bench
from isptune.runs.files import CONFIG, PROVENANCE, RECOMMENDED
from isptune.runs.provenance import Provenance, provenance_of, read_provenance, write_provenance
from isptune.runs.settings import RunSettings, keys, read_settings, write_settings
from isptune.system.claim import LOCK
from isptune.system.device import device_name
from isptune.system.disk import is_unfinished, remove
from isptune.tuning.bench import Bench

BUDGET = ("generations", "budget_time")
"""What a run may go on with more of."""


def begin_or_check(folder: Path, bench: Bench, extend: bool = False) -> bool:
    """A new folder gets what the run is made of; an old one must hold the same, with `extend` but for its budget.

    Returns:
        Whether the run goes on with another budget; its settings are those of before until `take_budget`.

    Raises:
        RunFolderError: the folder holds another run, or is no run folder and not empty; or it holds none that could be
            extended, or would get a smaller budget.
    """
    if extend and not (folder / CONFIG).exists():
        raise RunFolderError(f"{folder}: holds no run that could go on with --extend")
    extended = _check_settings(folder, bench.settings, extend)
    write_bench(folder, _with_regions_of_before(folder, bench.description(), extended))
    if (folder / PROVENANCE).exists():
        _check_provenance(folder, bench, extended)
    else:
        write_provenance(folder, provenance(bench))
    return extended


def _with_regions_of_before(folder: Path, now: BenchRecord, extended: bool) -> BenchRecord:
    """What bench.json is to hold; a finished run keeps the regions of its scenes.

    Raises:
        RunFolderError: the run would go on with other regions than it began with.
    """
    try:
        then = {scene.name: scene.regions for scene in read_bench(folder).scenes}
    except RunFolderError:  # there is none yet, or a damaged one, which is written anew
        return now
    other = [scene for scene in now.scenes if then.get(scene.name, scene.regions) != scene.regions]
    if other and (extended or not (folder / RECOMMENDED).exists()):
        raise RunFolderError(f"{folder}: {_other_regions(other[0], bool(then[other[0].name]))}")
    kept = tuple(replace(scene, regions=then.get(scene.name, scene.regions)) for scene in now.scenes)
    return replace(now, scenes=kept)


def _other_regions(scene: SceneRecord, had_regions: bool) -> str:
    before = "other regions" if had_regions else "all"
    return (
        f"this run began when {before} of the scene {scene.name!r} counted, and another version of isptune looks at "
        "regions that it chooses; go on with the version that provenance.json names, or choose another --out"
    )


def take_budget(folder: Path, settings: RunSettings) -> None:
    """From here on the run has another budget: it is not finished any more.

    In this order: a run that is stopped between the two is finished again with the budget that it had.
    """
    remove(folder / RECOMMENDED)
    write_settings(folder, settings)


def provenance(bench: Bench) -> Provenance:
    """What a run of this bench is made with, here and now."""
    plugins = {**bench.evaluator.objectives, **bench.second_opinions, **bench.diagnosing}
    return provenance_of(
        device_name(bench.device),
        torch.get_num_threads(),
        {scene.name: scene.sha256 for scene in [*bench.scenes, *bench.held_out]},
        bench.pipeline.facts.versions,
        gathered_weights({spec: plugin.facts for spec, plugin in plugins.items()}),
        bench.evaluator.cuts,
    )


def warnings_of(folder: Path, bench: Bench) -> list[str]:
    """What the user should know before a run goes on: that it began elsewhere. Raises RunFolderError."""
    if not (folder / PROVENANCE).is_file() or (folder / RECOMMENDED).exists():
        return []
    changed = read_provenance(folder).elsewhere(provenance(bench))
    return (
        [f"{folder}: began with {'; '.join(changed)}: it may end with other last digits"] if changed else []
    )


def _check_settings(folder: Path, new: RunSettings, extend: bool) -> bool:
    """A new folder gets the settings; an old one must hold the same. Returns whether budgets differ."""
    if not (folder / CONFIG).exists():
        strangers = sorted(
            path.name for path in folder.iterdir() if path.name != LOCK and not is_unfinished(path)
        )
        if strangers:
            raise RunFolderError(
                f"{folder}: is not empty ({strangers[0]}) and holds no run; choose another --out"
            )
        write_settings(folder, new)
        return False
    before = read_settings(folder)
    there, now = before.as_dict(), new.as_dict()
    differing = [key for key in sorted(keys()) if there.get(key) != now.get(key)]
    if extend and set(differing) <= set(BUDGET):
        if new.generations < before.generations:
            raise RunFolderError(
                f"{folder}: has {before.generations} generations; --extend takes more, not {new.generations}"
            )
        return bool(differing)
    if differing:
        hint = ", or go on with --extend" if set(differing) <= set(BUDGET) else ""
        shown = ", ".join(f"{key} = {there.get(key)!r} there, {now.get(key)!r} now" for key in differing)
        raise RunFolderError(f"{folder}: holds another run ({shown}); choose another --out{hint}")
    return False


def _check_provenance(folder: Path, bench: Bench, extended: bool) -> None:
    """The settings name files and leave device and threads to the machine: any may be another one now.

    Half of the trials would then be of another picture or metric, or differ in their last digits.
    """
    then = read_provenance(folder)
    other = then.another_picture({scene.name: scene.sha256 for scene in bench.scenes})
    if other is not None:
        raise RunFolderError(
            f"{folder}: the scene {other!r} is not the picture that this run began with; choose another --out"
        )
    weights = then.weights or {}
    own = gathered_weights({spec: one.facts for spec, one in bench.objectives.items()})
    _check_weights(folder, {name: weights.get(name, digest) for name, digest in own.items()}, own)
    if (folder / RECOMMENDED).exists() and not extended:
        return  # nothing more is rendered, nor asked of second opinions
    now = provenance(bench)
    for key in ("device", "threads"):
        before, after = getattr(then, key), getattr(now, key)
        if before is not None and before != after:
            raise RunFolderError(
                f"{folder}: this run began with {key} {before}, now it is {after}, which would not give "
                f"the same bytes; go on with --{key} as before, or choose another --out"
            )
    if then.weights is not None:
        _check_weights(folder, then.weights, now.weights or {})
    changed = [] if then.versions is None else _differing(then.versions, now.versions or {})
    if changed:
        raise RunFolderError(
            f"{folder}: {', '.join(changed)} changed since this run began, which would not give the same bytes; "
            "go on with what it began with, or choose another --out"
        )


def _differing(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*then, *now} if then.get(name) != now.get(name))


def _check_weights(folder: Path, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """The files that objectives were built from: weights, and what else they learned from."""
    changed = _differing(then, now)
    if changed:
        more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
        shown = ", ".join(
            f"{one_line(name)} was {(then.get(name) or 'not there')[:12]}, is {(now.get(name) or 'not there')[:12]}"
            for name in changed[:3]
        )
        raise RunFolderError(
            f"{folder}: this run began with other files: by sha256 {shown}{more}; go on with the old ones, "
            "or choose another --out"
        )
