"""Pictures of a run beside default and recommended: of what was rejected, members of the front, and single trials."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from isptune.parameter_set import trial_params
from isptune.registry import build
from isptune.runs.answer import FrontMember, Rejected, read_answer
from isptune.runs.files import IMAGES, image_path
from isptune.runs.settings import read_settings
from isptune.scenes.images import is_whole_png, write_image
from isptune.scenes.scene import load_scenes
from isptune.space import Candidate
from isptune.system.device import choose_device
from isptune.system.disk import folder_in
from isptune.trust import Trust, pipeline, require_known_pictures, require_trust
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.holdout import parted

FRONT_SHOWN = 5
"""Members, evenly along the front with both of its ends: each costs a picture of each scene."""

SCENES_SHOWN = 4


def further(rejected: Rejected | None, front: Sequence[FrontMember]) -> dict[str, Candidate]:
    """What to show beside default and recommended, by the label of its pictures. Members count from 1."""
    found: dict[str, Candidate] = {}
    if rejected is not None:
        found["found"] = rejected.params
    places = np.linspace(0, len(front) - 1, min(FRONT_SHOWN, len(front))).round().astype(int)
    return found | {f"front-{place + 1}": front[place].params for place in map(int, places)}


def show_further(evaluator: Evaluator, folder: Path, candidates: Mapping[str, Candidate], seed: int) -> None:
    """Render those pictures that are not there yet, or are no whole PNG."""
    for scene in evaluator.scenes[:SCENES_SHOWN]:
        for label, candidate in candidates.items():
            path = image_path(folder, scene.name, label)
            if not is_whole_png(path):
                with suppress(Exception):  # a plug-in may raise anything; it costs one picture of several
                    write_image(path, evaluator.render_one(candidate, scene, seed).cpu())


def show_trials(folder: Path, numbers: Sequence[int], trust: bool = False) -> None:
    """Render trials of a finished run, so that its report can show them; they are numbered as in trials.csv.

    Args:
        folder: of the run.
        numbers: of the trials.
        trust: whether to start and send what the folder names.

    Raises:
        RunFolderError: the folder is no finished run, has no such trial, or its scenes are other pictures now.
        ConfigError: it would start or send something, and is not trusted.
        RenderError: a trial cannot be rendered.
    """
    settings, answer, said = read_settings(folder), read_answer(folder), Trust(all=trust)
    chosen = {f"trial-{number}": trial_params(folder, number) for number in numbers}
    require_trust(folder, [pipeline(settings.pipeline, settings.pipeline_options)], said)
    require_known_pictures(folder, settings, said)
    built = build("pipeline", settings.pipeline, **settings.pipeline_options)
    scenes, _ = parted(load_scenes(settings.scenes, settings.crop, settings.resize), settings, {})
    evaluator = Evaluator(built, {}, scenes, choose_device(settings.device))
    space = built.space.starting_at(settings.start)
    folder_in(folder, IMAGES)
    for scene in evaluator.scenes:
        for label, values in chosen.items():
            image = evaluator.render_one(space.complete(values), scene, answer.seeds[0])
            write_image(image_path(folder, scene.name, label), image.cpu())
