"""Make a study: write its pictures into a new folder; from a folder of pictures, or from pictures in memory."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isptune.arrays import Images
from isptune.errors import ConfigError, StudyError
from isptune.scenes.images import SUFFIXES, read_fitting, write_image
from isptune.space import Value
from isptune.study.plan.folder import (
    REFERENCES,
    Plan,
    Stimulus,
    Study,
    check_stimuli,
    checked_name,
    new_folder,
    stimulus_file,
    write_study,
)
from isptune.study.plan.schedule import plan_for, schedule_of
from isptune.system.disk import make_folder, slug

REFERENCE = "reference"


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of a study before it is written.

    Attributes:
        scene: pictures of one scene have one size.
        condition: its name within the scene.
        image: [1, 3, H, W].
        params: the values it was rendered with, as far as they are known.
        score: what is known of its quality, higher is better; NaN where nothing is.
    """

    scene: str
    condition: str
    image: Images
    params: Mapping[str, Value] = field(default_factory=dict)
    score: float = float("nan")


def make_study(
    folder: Path, plan: Plan, pictures: Iterable[Picture], references: Mapping[str, Images] | None = None
) -> Study:
    """Write the pictures one after another, then the study around them.

    Without known scores there are no anchors, whatever the plan says. If anything fails, the folder is removed again.

    Args:
        folder: new or empty.
        plan: how people vote.
        pictures: in the order of stimuli.csv; they may be rendered as they are asked for.
        references: by scene, shown when an observer asks for it.

    Raises:
        ConfigError: the folder is not empty, sizes differ within a scene, or a name cannot be used or repeats.
    """
    new_folder(folder)
    try:
        return _write(folder, plan, pictures, references or {})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def pictures_of(source: Path) -> tuple[list[Path], list[Path]]:
    """The stimuli and the references of a folder: scene/condition.png; of one without subfolders, one scene.

    A picture called `reference` is the scene's reference. Files that are no pictures are left aside.

    Raises:
        ConfigError: no such folder, or no pictures in it.
    """
    if not source.is_dir():
        raise ConfigError(f"{source}: is no folder of pictures (scene/condition.png)")
    nested = sorted(path for path in source.glob("*/*") if _is_picture(path))
    found = nested or sorted(path for path in source.glob("*") if _is_picture(path))
    if not found:
        raise ConfigError(f"{source}: has no pictures (scene/condition.png)")
    stimuli = [path for path in found if path.stem.lower() != REFERENCE]
    return stimuli, [path for path in found if path.stem.lower() == REFERENCE]


def study_of_folder(
    folder: Path, plan: Plan, source: Path, tell: Callable[[str], None] = lambda line: None
) -> Study:
    """Make a study of the pictures in a folder; see `pictures_of`.

    Args:
        folder: new or empty.
        plan: how people vote.
        source: where the pictures are; of one that is too large the middle is taken.
        tell: gets lines on what was done to pictures.

    Raises:
        ConfigError: see `make_study`.
        SceneError: a picture cannot be read.
    """

    def read(path: Path) -> Images:
        found = read_fitting(path)
        for line in found.told:
            tell(line)
        return found.image

    stimuli, references = pictures_of(source)
    pictures = (Picture(slug(p.parent.name), slug(p.stem), read(p)) for p in stimuli)
    return make_study(folder, plan, pictures, {slug(path.parent.name): read(path) for path in references})


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _write(folder: Path, plan: Plan, pictures: Iterable[Picture], references: Mapping[str, Images]) -> Study:
    stimuli: list[Stimulus] = []
    sizes: dict[str, tuple[int, ...]] = {}
    for picture in pictures:
        scene = checked_name(picture.scene, "scene")
        file = stimulus_file(scene, checked_name(picture.condition, "condition"))
        size = tuple(picture.image.shape[-2:])
        if sizes.setdefault(scene, size) != size:
            (height, width), (rows, columns) = sizes[scene], size
            raise ConfigError(
                f"{scene}/{picture.condition}: is {columns}x{rows}, others of its scene are {width}x{height}"
            )
        _write_new(folder / file, picture.image)
        stimuli.append(Stimulus(scene, picture.condition, file, picture.params, picture.score))
    for scene, image in references.items():
        if scene in sizes:
            _write_new(folder / REFERENCES / f"{scene}.png", image)
    plan = plan_for(plan, any(stimulus.score == stimulus.score for stimulus in stimuli))
    check_stimuli(stimuli)
    schedule_of(Study(folder, plan, tuple(stimuli)))  # finds what is wrong before people do
    return write_study(folder, plan, stimuli)


def _write_new(path: Path, image: Images) -> None:
    if path.exists():
        raise ConfigError(f"the condition {path.stem!r} of scene {path.parent.name!r} is there twice")
    try:
        make_folder(path.parent)
    except OSError as error:
        raise StudyError(f"{path.parent}: cannot be made: {error.strerror or error}") from error
    write_image(path, image)
