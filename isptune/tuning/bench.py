"""The bench of a run: pipeline, objectives, scenes and optimizers, built once from the settings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from isptune.arrays import Images
from isptune.facts import Direction
from isptune.interfaces import Diagnoses, Objective, Optimizer, Pipeline, Warns
from isptune.optimizers.keeping_rules import keeping_rules
from isptune.registry import build, installed
from isptune.runs.constraints import parse_constraint
from isptune.runs.description import describe_objective, describe_params, describe_scenes
from isptune.runs.facts import BenchRecord, LevelsRecord
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import Scene, load_scenes, scene_warnings
from isptune.space import Space
from isptune.system.device import choose_device
from isptune.tuning.evaluate import Evaluator
from isptune.tuning.halves import with_halves
from isptune.tuning.holdout import parted
from isptune.tuning.losses import LossRule
from isptune.tuning.noise_seeds import NoiseSeeds
from isptune.tuning.parts import RunParts
from isptune.tuning.references import refuse_without_reference, with_references
from isptune.tuning.regions import looked_at
from isptune.tuning.together import check_scenes, require_fit


@dataclass(frozen=True)
class AtHand:
    """Parts of a bench that are built already, in place of what the settings would name.

    Attributes:
        pipeline: in place of the settings' one.
        objectives: in place of those of the settings that have these specs.
        scenes: by the name that the settings have for them.
    """

    pipeline: Pipeline | None = None
    objectives: Mapping[str, Objective] = field(default_factory=dict)
    scenes: Mapping[str, Scene] = field(default_factory=dict)


@final
class Bench:
    """What a run works with. Building it finds every mistake in the settings before any work is done.

    Args:
        settings: of the run.
        run_parts: evaluates elsewhere, see `isptune.tuning.workers`.
        at_hand: what is built already.

    Attributes:
        pipeline, objectives, scenes, evaluator: what the settings name, built.
        constraints: limits; the evaluator scores what they limit, too.
        held_out: scenes that the search never sees; may be none.
        space: what is tuned of the pipeline's space, starting where the settings say.
        rule: from scores to losses.
        seeds: all noise of the run.

    Raises:
        ConfigError: a setting names something that does not exist or does not fit.
        MissingExtra: something that is named needs a package or weights that are not there.
    """

    def __init__(
        self, settings: RunSettings, run_parts: RunParts | None = None, at_hand: AtHand | None = None
    ):
        self.settings = settings
        self.at_hand = at_hand = at_hand or AtHand()
        self.device = choose_device(settings.device)
        self.pipeline: Pipeline = at_hand.pipeline or build(
            "pipeline", settings.pipeline, **settings.pipeline_options
        )
        marks = self.pipeline.facts.without_any_place(self.pipeline.space.names)
        self.space: Space = self.pipeline.space.starting_at(settings.start).select(settings.tune, marks)
        self.objectives: dict[str, Objective] = {spec: self._objective(spec) for spec in settings.objectives}
        self.constraints = tuple(map(parse_constraint, settings.constraints))
        limited = {
            one.objective: self._objective(one.objective)
            for one in self.constraints
            if one.objective not in self.objectives
        }
        scenes = [at_hand.scenes.get(spec, spec) for spec in settings.scenes]
        both = parted(load_scenes(scenes, settings.crop, settings.resize), settings, at_hand.scenes)
        self.seeds = NoiseSeeds(settings.seed, settings.confirm, self.pipeline.facts.uses_seed)
        at = settings.start if settings.reference_at is None else settings.reference_at
        rendered_at = self.pipeline.space.starting_at(at)
        making = (self.pipeline, rendered_at, self.seeds.to_confirm()[0], self.device)
        asked = {**self.objectives, **limited}
        whole = [with_references(with_halves(part, asked, *making), *making) for part in both]
        self.scenes, self.held_out = (
            looked_at(part, self.pipeline, asked.values(), settings.full_frame) for part in whole
        )
        refuse_without_reference(asked, [*self.scenes, *self.held_out])
        self.evaluator = Evaluator(
            self.pipeline,
            asked,
            self.scenes,
            self.device,
            settings.aggregate,
            run_parts,
        )
        for part in (self.scenes, self.held_out):
            require_fit(asked, part, settings.aggregate)
            check_scenes(asked, part)
        directions: dict[str, Direction] = {
            name: objective.facts.direction for name, objective in self.objectives.items()
        }
        self.rule = LossRule(directions, self.space, settings.stay_near, self.constraints)
        self.optimizer(0)  # refuses an unknown name, several objectives, choices ...

    def _objective(self, spec: str) -> Objective:
        return self.at_hand.objectives.get(spec) or build("objective", spec)

    def optimizer(self, repeat: int) -> Optimizer:
        """A fresh optimizer for one of the lockstep repeats."""
        built = build(
            "optimizer",
            self.optimizer_spec,
            self.space,
            population=self.settings.population,
            seed=self.settings.seed + repeat,
            budget=self.settings.budget,
            objectives=len(self.objectives),
        )
        return keeping_rules(built, self.space)

    @property
    def optimizer_spec(self) -> str:
        """The optimizer that was asked for, or the one that fits the space and the number of objectives."""
        from isptune.optimizers import default_for

        chosen = self.settings.optimizer
        return default_for(self.space, len(self.objectives)) if chosen == "auto" else chosen

    @property
    def first_objective(self) -> tuple[str, Direction]:
        name = self.settings.objectives[0]
        return name, self.objectives[name].facts.direction

    @property
    def relative(self) -> bool:
        """Whether scores of one generation do not compare with those of another."""
        return any(objective.facts.rivals for objective in self.objectives.values())

    @property
    def level_names(self) -> Sequence[str]:
        return [level.name for level in self.pipeline.facts.levels]

    @cached_property
    def second_opinions(self) -> dict[str, Objective]:
        """Objectives that took no part and can score these scenes."""
        asked = [name for name in self.settings.second_opinions if name != "none"]
        names = [n for name in asked for n in (installed("second_opinion") if name == "auto" else (name,))]
        took_part = set(self.evaluator.objectives)
        for objective in self.evaluator.objectives.values():
            took_part |= set(objective.facts.components)
        built = {name: self._objective(name) for name in names if name not in took_part}
        referenced = all(scene.reference is not None for scene in self.scenes)
        return {name: o for name, o in built.items() if referenced or not o.facts.uses_reference}

    @cached_property
    def diagnosing(self) -> dict[str, Diagnoses]:
        """Judges that say what is wrong with the result; none where no second opinion is wanted either."""
        if all(name == "none" for name in self.settings.second_opinions):
            return {}
        return {
            name: build("diagnosing_judge", name, reference=False) for name in installed("diagnosing_judge")
        }

    @cached_property
    def warnings(self) -> list[str]:
        """What is odd in the scenes' files, and what objectives find odd in what they and the run start from."""
        warning = [objective for objective in self.objectives.values() if isinstance(objective, Warns)]
        images = self._start_images() if warning else []
        told = [text for objective in warning for text in objective.warnings(images)]
        return [*scene_warnings([*self.scenes, *self.held_out]), *told]

    def _start_images(self) -> list[Images]:
        """The start as the objectives will see it, a picture a scene; what cannot be rendered the run itself tells."""
        images = []
        for scene in self.evaluator.scenes:
            with suppress(Exception):  # a plug-in may raise anything
                images.append(
                    self.evaluator.render_one(self.space.complete({}), scene, self.seeds.to_confirm()[0])
                )
        return images

    def description(self) -> BenchRecord:
        """What bench.json holds: all that a report needs to know without building the bench again."""
        known = self.pipeline.facts.levels
        names, limits, units = ([getattr(one, key) for one in known] for key in ("name", "limit", "unit"))
        return BenchRecord(
            space=describe_params(self.pipeline.space.starting_at(self.settings.start)),
            levels=LevelsRecord(tuple(names), tuple(limits), tuple(units)) if known else None,
            optimizer=self.optimizer_spec,
            objectives=tuple(describe_objective(name, o) for name, o in self.objectives.items()),
            scenes=describe_scenes(self.scenes),
        )
