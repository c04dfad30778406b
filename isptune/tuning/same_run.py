"""Whether a folder holds the run that is to go on in it: the same settings, pictures, weights, programs and machine."""

import json
from collections.abc import Mapping

from isptune.errors import RunFolderError, one_line
from isptune.runs.log import CONFIG, PROVENANCE, RECOMMENDED, RunLog
from isptune.system.claim import LOCK
from isptune.system.disk import is_unfinished
from isptune.tuning.bench import Bench
from isptune.tuning.provenance import provenance, weights
from isptune.tuning.settings import RunSettings


def begin_or_check(log: RunLog, bench: Bench) -> None:
    """A new folder gets what the run is made of; an old one must hold the same.

    Raises:
        RunFolderError: the folder holds another run, or is no run folder and not empty.
    """
    check_settings(log, bench.settings)
    log.write_json("bench.json", bench.description())
    if (log.folder / PROVENANCE).exists():
        check_provenance(log, bench)
    else:
        log.write_json(PROVENANCE, provenance(bench))


def check_settings(log: RunLog, settings: RunSettings) -> None:
    """A new folder gets the settings; an old one must hold the same, and gets nothing."""
    new = json.loads(json.dumps(settings.as_dict()))
    if not (log.folder / CONFIG).exists():
        strangers = sorted(
            path.name for path in log.folder.iterdir() if path.name != LOCK and not is_unfinished(path)
        )
        if strangers:
            raise RunFolderError(
                f"{log.folder}: is not empty ({strangers[0]}) and holds no run; choose another --out"
            )
        log.write_json(CONFIG, new)
        return
    old = log.read_json(CONFIG)
    # A run that an earlier version began lacks the settings that came later: they stood at their defaults.
    old = {**json.loads(json.dumps(RunSettings().as_dict())), **old}
    differing = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    if differing:
        shown = ", ".join(f"{key} = {old.get(key)!r} there, {new.get(key)!r} now" for key in differing)
        raise RunFolderError(f"{log.folder}: holds another run ({shown}); choose another --out")


def check_provenance(log: RunLog, bench: Bench) -> None:
    """The settings name files and leave device and threads to the machine: any may be another one now.

    Half of the trials would then be of another picture or metric, or differ in their last digits.
    """
    then = log.read_json(PROVENANCE)
    for scene in bench.scenes:
        if then.get("scenes", {}).get(scene.name, scene.sha256) != scene.sha256:
            raise RunFolderError(
                f"{log.folder}: the scene {scene.name!r} is not the picture that this run began with; "
                "choose another --out"
            )
    known = then.get("weights", {})
    own = weights(bench.objectives)
    _check_weights(log, {name: known.get(name, digest) for name, digest in own.items()}, own)
    if (log.folder / RECOMMENDED).exists():
        return  # nothing more is rendered, nor asked of second opinions
    now = provenance(bench)
    for key, way_out in (("device", "--device"), ("threads", "--threads")):
        if then.get(key, now[key]) != now[key]:
            raise RunFolderError(
                f"{log.folder}: this run began with {key} {then[key]}, now it is {now[key]}, which would not give "
                f"the same bytes; go on with {way_out} as before, or choose another --out"
            )
    _check_weights(log, then.get("weights", now["weights"]), now["weights"])
    before = then.get("versions", now["versions"])
    changed = sorted(
        name for name in {*before, *now["versions"]} if before.get(name) != now["versions"].get(name)
    )
    if changed:
        raise RunFolderError(
            f"{log.folder}: {', '.join(changed)} changed since this run began, which would not give the same bytes; "
            "go on with what it began with, or choose another --out"
        )


def _check_weights(log: RunLog, then: Mapping[str, str], now: Mapping[str, str]) -> None:
    """The files that objectives were built from: weights, and what else they learned from."""
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if changed:
        more = f" (and {len(changed) - 3} more)" if len(changed) > 3 else ""
        shown = ", ".join(
            f"{one_line(name)} was {(then.get(name) or 'not there')[:12]}, is {(now.get(name) or 'not there')[:12]}"
            for name in changed[:3]
        )
        raise RunFolderError(
            f"{log.folder}: this run began with other files: by sha256 {shown}{more}; go on with the old ones, "
            "or choose another --out"
        )
