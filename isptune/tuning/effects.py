"""What each change of a parameter set buys: the scores when one knob alone goes back."""

from collections.abc import Mapping
from pathlib import Path

from isptune.errors import RunFolderError
from isptune.runs.answer import Interval
from isptune.runs.provenance import read_provenance
from isptune.runs.settings import read_settings, refuse_votes
from isptune.space import Candidate, Value
from isptune.trust import NOTHING_NAMED, Trust, require_known_pictures, require_trust, whole_bench
from isptune.tuning.bench import Bench
from isptune.tuning.crops import with_crops
from isptune.tuning.own_parts import own_parts
from isptune.tuning.recommend import reevaluate

Effects = Mapping[str, Mapping[str, Interval]]
"""By knob and objective: the score when that knob alone goes back, minus the score of the set."""


def bench_of(folder: Path, trust: Trust = NOTHING_NAMED) -> Bench:
    """The bench of a run, built again from its folder.

    Raises:
        RunFolderError: it is no run folder, was led by votes, or a scene is not the picture that it was.
        ConfigError: something that the run used is not there any more, or would act and is not trusted.
    """
    settings = read_settings(folder)
    refuse_votes(folder, settings.objectives)
    require_trust(folder, whole_bench(settings), trust)
    require_known_pictures(folder, settings, trust)
    bench = Bench(settings, at_hand=own_parts(settings) if trust.all else None)
    other = read_provenance(folder).another_picture({scene.name: scene.sha256 for scene in bench.scenes})
    if other is not None:
        raise RunFolderError(f"{folder}: the scene {other!r} is not the picture that this run was made on")
    return bench


def effects(
    bench: Bench, chosen: Candidate, old: Mapping[str, Value], seeds: int
) -> tuple[Effects, dict[str, str]]:
    """Set every changed knob back by itself, and score.

    Args:
        bench: pipeline, objectives and scenes.
        chosen: a complete candidate.
        old: the values that knobs go back to; those that are equal in both are left out.
        seeds: noise seeds, the same for all candidates; one is enough where the pipeline draws no noise.

    Returns:
        The effects, paired over the seeds or over crops, and by knob why it could not be rendered or scored.

    Raises:
        RunFolderError: the set itself cannot be rendered or scored.
    """
    names = [name for name, value in old.items() if chosen[name] != value]
    candidates = [chosen, *({**chosen, name: old[name]} for name in names)]
    noise = bench.seeds.to_confirm()[:seeds]
    evaluated = reevaluate(bench.evaluator, candidates, noise)
    if evaluated[0].error is not None:
        raise RunFolderError(f"the set cannot be scored: {evaluated[0].error}")
    new, *back = with_crops(bench.evaluator, evaluated, noise[0])
    found: dict[str, dict[str, Interval]] = {}
    failed: dict[str, str] = {}
    for name, entry in zip(names, back, strict=True):
        if entry.error is not None:
            failed[name] = entry.error
            continue
        found[name] = {objective: entry.gain(new, objective) for objective in bench.objectives}
    return found, failed
