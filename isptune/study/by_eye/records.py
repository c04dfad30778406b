"""A search by eye as a run: the files of a run's folder, so that whatever reads runs reads it, too."""

from collections.abc import Sequence
from pathlib import Path

from isptune.runs.answer import Answer, write_answer
from isptune.runs.description import describe_params, describe_scenes
from isptune.runs.facts import BenchRecord, ObjectiveRecord, write_bench
from isptune.runs.files import CONFIG, IMAGES, PROVENANCE, RECOMMENDED, TABLE, image_path, write_record
from isptune.runs.log import Generation, Trial, write_csv, write_log
from isptune.runs.provenance import Provenance
from isptune.runs.settings import VOTES as BY_VOTES
from isptune.runs.settings import RunSettings
from isptune.scenes.images import write_image
from isptune.space import Candidate, Space
from isptune.study.by_eye.settings import EyeSettings
from isptune.study.votes.votes import Answer as Vote
from isptune.system.disk import folder_in
from isptune.tuning.evaluate import Evaluator
from isptune.version import __version__

VOTES = ObjectiveRecord(
    name=BY_VOTES,
    direction="maximize",
    unit="JOD",
    source="Thurstone 1927, A law of comparative judgment: votes of one person on pairs of a generation",
    relative=True,
)
"""What leads such a run; there is no plug-in of this name. Candidates of two generations never met."""


def generation_of(
    number: int, seed: int, candidates: Sequence[Candidate], scores: Sequence[float]
) -> Generation:
    """A generation that was voted on: each candidate with its score among the others."""
    trials = [
        Trial(0, dict(values), {VOTES.name: float(score)})
        for values, score in zip(candidates, scores, strict=True)
    ]
    return Generation(number, seed, tuple(trials))


def write_beginning(
    folder: Path, settings: EyeSettings, evaluator: Evaluator, population: int, pairs: int
) -> None:
    """Write config.json, bench.json and provenance.json. Raises DiskError."""
    run = RunSettings(
        pipeline=settings.pipeline,
        pipeline_options=settings.pipeline_options,
        objectives=(VOTES.name,),
        optimizer="cma",
        scenes=(settings.scene,),
        crop=settings.crop,
        resize=settings.resize,
        population=population,
        generations=max(1, settings.votes // pairs),
        seed=settings.seed,
        tune=settings.tune or ("*",),
        confirm=1,
        second_opinions=("none",),
        device=settings.device,
    )
    write_record(folder, CONFIG, run.as_dict())
    bench = BenchRecord(
        describe_params(evaluator.pipeline.space), None, "cma", (VOTES,), describe_scenes(evaluator.scenes)
    )
    write_bench(folder, bench)
    scenes = {scene.name: scene.sha256 for scene in evaluator.scenes}
    write_record(folder, PROVENANCE, Provenance(isptune=__version__, scenes=scenes))


def write_so_far(folder: Path, generations: Sequence[Generation]) -> None:
    """Write trials.jsonl and trials.csv; what was recommended before holds no more. Raises DiskError."""
    (folder / RECOMMENDED).unlink(missing_ok=True)
    write_log(folder, generations)
    write_csv(folder / TABLE, generations, ())


def what_votes_tell(answers: Sequence[Vote]) -> str:
    """A line on what may be said of the result from these votes alone, and how to learn the rest.

    Nothing is claimed of how much better it is than the start: only candidates of one generation met each other.
    """
    undecided = sum(answer == "none" for answer in answers)
    return (
        f"{len(answers)} votes led this search, {undecided} of which saw no difference. None compared the recommended "
        "set with the start, so that they do not say how much better it is: look at both, or let people vote on them "
        "(isptune study new NEW --images images/ --schedule complete, with the folder images/ of this run)."
    )


def write_end(
    folder: Path,
    evaluator: Evaluator,
    space: Space,
    recommended: Candidate,
    seed: int,
    reason: str,
    answers: Sequence[Vote],
) -> None:
    """Write recommended.json, what `answers` tell of it, and the pictures of the start and of the recommended set.

    Raises:
        DiskError: they cannot be written.
        RenderError: one of them cannot be rendered.
    """
    start, chosen = space.complete(space.default), space.complete(recommended)
    folder_in(folder, IMAGES)
    for scene in evaluator.scenes:
        for label, candidate in (("default", start), ("recommended", chosen)):
            write_image(
                image_path(folder, scene.name, label), evaluator.render_one(candidate, scene, seed).cpu()
            )
        if scene.reference is not None:
            write_image(image_path(folder, scene.name, "reference"), scene.reference.cpu())
    answer = Answer(
        params=chosen,
        default=start,
        over="",
        stop_reason=reason,
        seeds=(seed,),
        objectives={},
        distance=space.distance(space.default, recommended),
        warnings=(what_votes_tell(answers),),
    )
    write_answer(folder, answer)
