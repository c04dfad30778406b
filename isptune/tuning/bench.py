"""The bench of a run: pipeline, objectives, scenes and optimizers, built once from the settings."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
import torch

from isptune.arrays import Images, Losses
from isptune.interfaces import (
    CarriesWeights,
    Composed,
    Diagnoses,
    Direction,
    IgnoresSeed,
    KnownLevels,
    Objective,
    Optimizer,
    Pipeline,
    ScoresAmong,
    UsesReference,
    Versioned,
    Warns,
)
from isptune.registry import build, installed
from isptune.runs.description import describe_objective, describe_params, describe_scenes
from isptune.runs.facts import BenchRecord, LevelsRecord
from isptune.runs.provenance import Provenance, provenance_of
from isptune.runs.settings import RunSettings
from isptune.scenes.scene import Scene, load_scenes
from isptune.space import Space, Value
from isptune.system.device import choose_device, device_name
from isptune.tuning.evaluate import Evaluator

SELECTION_SEEDS = 4
"""Noise fields under which contenders for the recommendation are compared."""


class Bench:
    """What a run works with. Building it finds every mistake in the settings before any work is done.

    Raises:
        ConfigError: a setting names something that does not exist or does not fit.
        MissingExtra: something that is named needs a package or weights that are not there.
    """

    def __init__(self, settings: RunSettings):
        self.settings = settings
        self.device = choose_device(settings.device)
        self.pipeline: Pipeline = build("pipeline", settings.pipeline, **settings.pipeline_options)
        self.space: Space = self.pipeline.space.starting_at(settings.start).select(settings.tune)
        self.objectives: dict[str, Objective] = {
            spec: build("objective", spec) for spec in settings.objectives
        }
        self.scenes: list[Scene] = load_scenes(settings.scenes, settings.crop, settings.resize)
        self.evaluator = Evaluator(
            self.pipeline, self.objectives, self.scenes, self.device, settings.aggregate
        )
        self.optimizer(0)  # refuses an unknown name, several objectives, choices ...

    def optimizer(self, repeat: int) -> Optimizer:
        """A fresh optimizer for one of the lockstep repeats."""
        return build(
            "optimizer",
            self.optimizer_spec,
            self.space,
            population=self.settings.population,
            seed=self.settings.seed + repeat,
            budget=self.settings.budget,
            objectives=len(self.objectives),
        )

    @property
    def optimizer_spec(self) -> str:
        """The optimizer that was asked for, or the one that fits the space and the number of objectives."""
        from isptune.optimizers import default_for

        chosen = self.settings.optimizer
        return default_for(self.space, len(self.objectives)) if chosen == "auto" else chosen

    @property
    def first_objective(self) -> tuple[str, Direction]:
        name = self.settings.objectives[0]
        return name, self.objectives[name].direction

    @property
    def relative(self) -> bool:
        """Whether scores of one generation do not compare with those of another."""
        return any(isinstance(objective, ScoresAmong) for objective in self.objectives.values())

    @property
    def level_names(self) -> Sequence[str]:
        return self.pipeline.level_names if isinstance(self.pipeline, KnownLevels) else ()

    def losses(self, scores: Sequence[Mapping[str, float]]) -> Losses:
        """Scores as losses, one row a candidate; a candidate without scores has failed: a row of NaN."""
        signs = {name: 1.0 if o.direction == "minimize" else -1.0 for name, o in self.objectives.items()}
        rows = [[signs[name] * row.get(name, np.nan) for name in self.objectives] for row in scores]
        return np.array(rows, dtype=np.float64).reshape(len(scores), len(self.objectives))

    def cost(self, candidate: Mapping[str, Value]) -> float:
        """What the candidate's distance from the start costs it: 0 unless `stay_near` is set."""
        if not self.settings.stay_near:
            return 0.0
        return self.settings.stay_near * self.space.distance(self.space.default, candidate)

    def noise_seed(self, index: int) -> int:
        """The seed of a generation's noise field; those from 2^31 on are for confirmation."""
        return int(np.random.SeedSequence([self.settings.seed, index]).generate_state(1, np.uint64)[0] >> 1)

    def confirmation_seeds(self) -> list[int]:
        """Noise that no generation sees; one of it for a pipeline that has none."""
        return self._seeds_from(2**31, self.settings.confirm)

    def selection_seeds(self) -> list[int]:
        """Noise to choose by what is then confirmed on other noise; one of it for a pipeline that has none."""
        return self._seeds_from(2**31 + 2**30, SELECTION_SEEDS)

    def _seeds_from(self, index: int, count: int) -> list[int]:
        wanted = 1 if isinstance(self.pipeline, IgnoresSeed) else count
        return [self.noise_seed(index + i) for i in range(wanted)]

    @property
    def versions(self) -> dict[str, str]:
        """Of programs and files outside of isptune that the pipeline depends on."""
        return dict(self.pipeline.versions) if isinstance(self.pipeline, Versioned) else {}

    @cached_property
    def second_opinions(self) -> dict[str, Objective]:
        """Objectives that took no part and can score these scenes."""
        asked = [name for name in self.settings.second_opinions if name != "none"]
        names = [n for name in asked for n in (installed("second_opinion") if name == "auto" else (name,))]
        took_part = set(self.objectives)
        for objective in self.objectives.values():
            took_part |= set(objective.components) if isinstance(objective, Composed) else set()
        built = {name: build("objective", name) for name in names if name not in took_part}
        referenced = all(scene.reference is not None for scene in self.scenes)
        return {name: o for name, o in built.items() if referenced or not isinstance(o, UsesReference)}

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
        """What objectives find odd in what they were given, and in the pictures that the run starts from."""
        warning = [objective for objective in self.objectives.values() if isinstance(objective, Warns)]
        images = self._start_images() if warning else []
        return [text for objective in warning for text in objective.warnings(images)]

    def _start_images(self) -> list[Images]:
        """The start as the objectives will see it, a picture a scene; what cannot be rendered the run itself tells."""
        images = []
        for scene in self.evaluator.scenes:
            with suppress(Exception):  # a plug-in may raise anything
                images.append(
                    self.evaluator.render_one(self.space.complete({}), scene, self.confirmation_seeds()[0])
                )
        return images

    def description(self) -> BenchRecord:
        """What bench.json holds: all that a report needs to know without building the bench again."""
        pipeline = self.pipeline
        levels = None
        if isinstance(pipeline, KnownLevels):
            levels = LevelsRecord(
                tuple(pipeline.level_names), tuple(pipeline.level_ranges), tuple(pipeline.level_units)
            )
        return BenchRecord(
            space=describe_params(self.pipeline.space.starting_at(self.settings.start)),
            levels=levels,
            optimizer=self.optimizer_spec,
            objectives=tuple(describe_objective(name, o) for name, o in self.objectives.items()),
            scenes=describe_scenes(self.scenes),
        )

    def weights(self, objectives: Mapping[str, object]) -> dict[str, str]:
        """The hashes of the files that objectives and judges were built from, by file name."""
        weights: dict[str, str] = {}
        for spec, objective in objectives.items():
            for file, digest in objective.weights.items() if isinstance(objective, CarriesWeights) else ():
                other = weights.get(file, digest) != digest  # another file of the same name
                weights[f"{file} of {spec}" if other else file] = digest
        return weights

    def provenance(self) -> Provenance:
        """Versions, machine, and hashes of what went in."""
        return provenance_of(
            device_name(self.device),
            torch.get_num_threads(),
            {scene.name: scene.sha256 for scene in self.scenes},
            self.versions,
            self.weights({**self.objectives, **self.second_opinions, **self.diagnosing}),
        )
