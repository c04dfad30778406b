"""What `isptune verify` works with: two sets, scenes that took no part, and who judges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.deeds import Named
from isptune.errors import ConfigError
from isptune.facts import Direction
from isptune.interfaces import Pipeline
from isptune.parameter_set import ParameterSet, build_pipeline
from isptune.registry import build
from isptune.runs.files import IMAGES, image_path
from isptune.runs.provenance import read_provenance
from isptune.runs.settings import read_settings, refuse_votes
from isptune.scenes.images import write_image
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Candidate
from isptune.system.device import choose_device
from isptune.system.disk import folder_in
from isptune.trust import Trust, refuse_unknown_pictures, require_trust
from isptune.trust import objectives as judging
from isptune.tuning.config import parse_assignments
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.halves import with_halves
from isptune.tuning.holdout import parted
from isptune.tuning.noise_seeds import NoiseSeeds
from isptune.tuning.parts import OnPart
from isptune.tuning.references import refuse_without_reference, with_references
from isptune.tuning.regions import in_words, looked_at
from isptune.tuning.set_files import read_for
from isptune.tuning.together import check_scenes
from isptune.tuning.verification import Verified, compare_on


@dataclass(frozen=True)
class Verifier:
    """A comparison that is ready to be made.

    Attributes:
        evaluator: of the pipeline, who judges, and the scenes.
        old_name, new_name: what the sets are called.
        old, new: complete candidates.
        seeds: of the noise.
        max_loss: see `Verified`.
    """

    evaluator: Evaluator
    old_name: str
    new_name: str
    old: Candidate
    new: Candidate
    seeds: Sequence[int]
    max_loss: float | None

    @property
    def regions(self) -> str | None:
        """One line on the large scenes that are looked at through regions; None where there are none."""
        evaluator = self.evaluator
        return in_words(evaluator.scenes, evaluator.pipeline, list(evaluator.objectives.values()))

    def run(self, on_part: OnPart = lambda done, total: None) -> Verified:
        """Evaluate both. Raises AllFailed if one cannot be."""
        measured = compare_on(self.evaluator, self.old, self.new, self.seeds, on_part)
        directions: dict[str, Direction] = {
            name: o.facts.direction for name, o in self.evaluator.objectives.items()
        }
        return Verified(self.old_name, self.new_name, measured, directions, self.max_loss)

    def write_pictures(self, folder: Path) -> None:
        """Both on every scene, as a run keeps its pictures: the old set is called `default`. Raises DiskError."""
        folder_in(folder, IMAGES)
        for scene in self.evaluator.scenes:
            for kind, candidate in (("default", self.old), ("recommended", self.new)):
                image = self.evaluator.render_one(candidate, scene, self.seeds[0])
                write_image(image_path(folder, scene.name, kind), image.cpu())
            if scene.reference is not None:
                write_image(image_path(folder, scene.name, "reference"), scene.reference.cpu())


def verifier(
    new: Path,
    *,
    against: str | None,
    scenes: Sequence[str],
    objectives: Sequence[str],
    pipeline: str | None,
    pipeline_options: Sequence[str],
    crop: str | None,
    resize: str | None,
    full_frame: bool,
    confirm: int,
    seed: int,
    max_loss: float | None,
    device: str,
    trust: bool = False,
) -> Verifier:
    """Read the sets and the scenes, and build the rest.

    Args:
        new: a run's folder, a set's file, or a file that the named pipeline reads.
        against: the same of what it is to replace; None for what `new` started from, else the defaults.
        scenes: specs; of a run none for those that it held out.
        objectives: specs; of a run none for its own.
        pipeline, pipeline_options: where the sets do not say.
        crop, resize: see `load_scenes`.
        full_frame: whether all of large scenes counts; so it does where it did in the run.
        confirm, seed: how many noise seeds, and which.
        max_loss: see `Verified`.
        device: where to compute.
        trust: whether to start and send what the set or the run names.

    Raises:
        ConfigError: something is missing or does not fit, a scene took part in the search, or the set would act and is
            not trusted.
    """
    options = parse_assignments(pipeline_options, "--pipeline-option")
    chosen, _ = read_for(new, None, pipeline, options)
    names = objectives or (read_settings(new).objectives if new.is_dir() else ())
    refuse_votes(new, names)
    said = Trust(
        (*([] if pipeline is None else [Named("pipeline", pipeline, options)]), *judging(objectives)), trust
    )
    brings = pipeline is None and chosen.pipeline is not None and chosen.file_format is None
    own = [Named("pipeline", chosen.pipeline or "", chosen.pipeline_options)] if brings else []
    require_trust(new, [*own, *judging(names)], said)
    built = build("pipeline", pipeline, **options) if pipeline is not None else build_pipeline(chosen)
    found = _scenes(new, scenes, crop, resize, said)
    other = None if against is None else read_for(Path(against), None, pipeline, options)[0]
    old_name, old = _old(built, chosen, other)
    if not names:
        raise ConfigError(f"{new}: does not say who judges; give --objective, such as ssim or niqe")
    judges = {name: build("objective", name) for name in names}
    seeds = NoiseSeeds(seed, confirm, built.facts.uses_seed).to_confirm()
    where = choose_device(device)
    # Of a run of a series, references are those of the series.
    at = read_settings(new).reference_at if new.is_dir() else None
    making = (built, built.space.starting_at(old if at is None else at), seeds[0], where)
    found = with_references(with_halves(found, judges, *making), *making)
    all_of_it = full_frame or (new.is_dir() and read_settings(new).full_frame)
    found = looked_at(found, built, judges.values(), all_of_it)
    evaluator = Evaluator(built, judges, found, where)
    refuse_without_reference(judges, found)
    check_scenes(judges, found)
    candidate = built.space.complete(built.space.check(chosen.values, partial=True))
    return Verifier(evaluator, old_name, chosen.name, old, candidate, seeds, max_loss)


def _old(pipeline: Pipeline, chosen: ParameterSet, other: ParameterSet | None) -> tuple[str, Candidate]:
    if other is not None:
        return other.name, pipeline.space.complete(pipeline.space.check(other.values, partial=True))
    if chosen.start:
        return "the start", pipeline.space.complete(pipeline.space.check(chosen.start, partial=True))
    return "the defaults", pipeline.space.complete({})


def _scenes(
    new: Path, specs: Sequence[str], crop: str | None, resize: str | None, trust: Trust
) -> list[Scene]:
    """The scenes to verify on; of a run, none that its search has seen."""
    if not specs:
        held_out = _held_out(new) if new.is_dir() else []
        if held_out and not trust.all:
            refuse_unknown_pictures(new, held_out)
        if not held_out:
            raise ConfigError(
                f"{new}: held no scene out; give scenes that took no part in the search, as --scene other.png"
            )
        return held_out
    found = load_scenes(specs, crop, resize)
    if new.is_dir():
        seen = _seen(new)
        for scene in found:
            if scene.sha256 in seen:
                raise ConfigError(
                    f"{scene.name}: is a scene of the search in {new}, which says nothing of other scenes; give others"
                )
    return found


def _held_out(run: Path) -> list[Scene]:
    """The scenes that a run kept from its search; nothing else of it is built."""
    settings = read_settings(run)
    if not settings.holdout:
        return []
    return parted(load_scenes(settings.scenes, settings.crop, settings.resize), settings, {})[1]


def _seen(run: Path) -> set[str]:
    """Hashes of the scenes of a run's search."""
    return set(read_provenance(run).scenes.values()) - {scene.sha256 for scene in _held_out(run)}
