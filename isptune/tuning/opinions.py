"""What others say of a result: objectives that took no part, and judges that look at its pictures."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from isptune.arrays import Images
from isptune.diagnosis.in_words import as_dict
from isptune.errors import IsptuneError, in_words
from isptune.facts import Direction
from isptune.interfaces import Diagnoses, Objective
from isptune.runs.answer import Answer, Diagnosed, SecondOpinion, Told, read_answer
from isptune.runs.files import IMAGES, image_path
from isptune.scenes.images import is_whole_png, write_image
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.system.disk import folder_in
from isptune.system.records import convert
from isptune.tuning.bench import Bench
from isptune.tuning.crops import with_crops
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.further_pictures import further, show_further
from isptune.tuning.halves import with_halves
from isptune.tuning.parts import OnPart
from isptune.tuning.recommend import Reevaluated, reevaluate, verdict
from isptune.tuning.together import check_scenes

OPINION_SEEDS = 3
"""Second opinions are asked on this many of the confirmation seeds: they only have to see a trend."""


def second_opinions(
    bench: Bench, start: Candidate, recommended: Candidate, seeds: Sequence[int], on_part: OnPart
) -> tuple[SecondOpinion, ...]:
    """What objectives that took no part say of both; one that cannot score is listed with its reason.

    Args:
        bench: of the run.
        start, recommended: complete candidates.
        seeds: under which both were evaluated already: their pictures are remembered.
        on_part: told of the progress.
    """
    pair = [start, recommended]
    asked = bench.second_opinions
    plain = {name: one for name, one in asked.items() if not one.facts.splits_noise}
    both = _asked(bench, plain, pair, seeds, on_part)
    answers = dict.fromkeys(plain, both)
    # One that cannot score, or that needs scenes of its own, costs the others nothing.
    apart = asked if any(entry.error for entry in both) else set(asked) - set(plain)
    for name in apart:
        answers[name] = _asked(bench, {name: asked[name]}, pair, seeds, on_part)
    return tuple(_opinion(name, one.facts.direction, *answers[name]) for name, one in asked.items())


def _opinion(name: str, direction: Direction, before: Reevaluated, after: Reevaluated) -> SecondOpinion:
    error = before.error or after.error
    if error:
        return SecondOpinion(name, direction, None, None, None, error)
    means = before.interval(name).mean, after.interval(name).mean
    return SecondOpinion(name, direction, *means, verdict(before, after, name, direction))


def _asked(
    bench: Bench,
    objectives: Mapping[str, Objective],
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    on_part: OnPart,
) -> list[Reevaluated]:
    if not objectives:
        return []
    try:
        scenes = with_halves(bench.scenes, objectives, bench.pipeline, bench.space, seeds[0], bench.device)
        memory = bench.evaluator.memory if scenes == bench.scenes else None
        evaluator = Evaluator(
            bench.pipeline, objectives, scenes, bench.device, bench.settings.aggregate, memory=memory
        )
        check_scenes(objectives, scenes)
    except IsptuneError as error:
        return [Reevaluated(one, {}, (), None, None, str(error)) for one in candidates]
    return with_crops(evaluator, reevaluate(evaluator, candidates, seeds, on_part), seeds[0])


def look_at(
    bench: Bench, folder: Path, start: Candidate, recommended: Candidate
) -> tuple[tuple[Diagnosed, ...], list[str]]:
    """Write the pictures of both, under the first confirmation seed.

    Returns:
        What judges find wrong with them, a row a judge and scene; one that cannot say is listed with its reason. And
        which pictures are missing, and why.
    """
    folder_in(folder, IMAGES)
    seed = bench.seeds.to_confirm()[0]
    scenes = bench.evaluator.scenes
    told: dict[tuple[str, str], dict[str, Told]] = {
        (name, scene.name): {} for name in bench.diagnosing for scene in scenes
    }
    missing = []
    for scene in scenes:
        for label, candidate in (("default", start), ("recommended", recommended)):
            try:
                image = bench.evaluator.render_one(candidate, scene, seed)
            except Exception as error:  # a plug-in may raise anything, and it costs one picture
                missing.append(f"there is no picture of {label} on {scene.name}: {in_words(error)}")
                found = {name: Told(error=in_words(error)) for name in bench.diagnosing}
            else:
                write_image(image_path(folder, scene.name, label), image.cpu())
                found = {name: _told(judge, image, scene) for name, judge in bench.diagnosing.items()}
            for name, words in found.items():
                told[name, scene.name][label] = words
        if scene.reference is not None:
            write_image(image_path(folder, scene.name, "reference"), scene.reference.cpu())
    return tuple(Diagnosed(judge, scene, **both) for (judge, scene), both in told.items()), missing


def mend_pictures(bench: Bench, folder: Path) -> None:
    """Render those pictures of a finished run again that are not there any more, or are no whole PNG."""
    answer = read_answer(folder)
    seed = bench.seeds.to_confirm()[0]
    folder_in(folder, IMAGES)
    for scene in bench.evaluator.scenes:
        for label, candidate in (("default", answer.default), ("recommended", answer.params)):
            path = image_path(folder, scene.name, label)
            if not is_whole_png(path) and not _could_not_be_rendered(answer, label, scene.name):
                with suppress(Exception):  # a plug-in may raise anything; it costs one picture
                    write_image(path, bench.evaluator.render_one(candidate, scene, seed).cpu())
        path = image_path(folder, scene.name, "reference")
        if scene.reference is not None and not is_whole_png(path):
            write_image(path, scene.reference.cpu())
    show_further(bench.evaluator, folder, further(answer.rejected, answer.front), seed)


def _could_not_be_rendered(answer: Answer, label: str, scene: str) -> bool:
    return any(text.startswith(f"there is no picture of {label} on {scene}:") for text in answer.warnings)


def _told(judge: Diagnoses, image: Images, scene: Scene) -> Told:
    try:
        return convert(as_dict(judge.describe(image, scene)[0]), Told, "diagnosis")
    except Exception as error:  # a plug-in may raise anything, and it costs one diagnosis
        return Told(error=in_words(error))
