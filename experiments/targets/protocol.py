"""What is compared: objectives by group, chains and hidden maps of the synthetic ISP, photographs, budgets.

Every objective leads the same optimizer from the same start, with the same seeds and the same noise, on the same
photographs. Photographs are those of `objectives.training.pictures.photographs.KEPT_OUT`: nothing that is bundled was
trained on them. What was trained against the tuner (`objectives/weights`) was trained on the default chain alone, so
that the two others say how far that carries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isptune.runs.settings import RunSettings
from isptune.system.disk import slug
from objectives.training.pictures.photographs import KEPT_OUT
from pipelines.synthetic.hidden_map import FAMILIES
from pipelines.synthetic.knobs import DEFAULT_CHAIN

GROUPS: Mapping[str, Sequence[str]] = {
    "full reference": ("psnr", "ssim", "ms_ssim", "fsim", "gmsd", "vif"),
    "statistics": (
        "niqe", "brisque-refit", "tv", "sharpness", "noise", "colourfulness", "entropy", "blockiness", "jpeg_trace",
    ),
    "learned": ("scorenet", "scorenet-clip", "people", "clipiqa", "qalign:bundled", "zsclip", "depictqa"),
    "prompted": ("promptiqa",),
    "task": ("task_guided:network=lite0",),
    "judge": ("judge:depictqa",),
}  # fmt: skip
"""What comes with the package. Others, `iqa_pytorch:musiq` or one of your own, are named with --only. `task:` needs
labels, boxes or codes, which these photographs have not."""

CHAINS: Mapping[str, str] = {
    "default": DEFAULT_CHAIN,
    "functions": "lens_blur:5,speckle_noise:0.15,tone_contrast:0.6,saturation_hsv:0.8,jpeg:96",
    "kinds": "gamma:0.6,oversharpen:4,color_shift:4,pixelate:0.45,vignette:1.5",
}
"""Five stages each: the default chain; other functions of its kinds (blur, noise, contrast, saturation; compression is
the same, since JPEG 2000 takes ten times as long as all else together); and other kinds (brightness, sharpness, a shift
of one colour, lost detail, dark corners)."""

MAPS: Sequence[str] = FAMILIES
PHOTOGRAPHS = tuple(f"{folder}/{name}.png" for folder, names in KEPT_OUT.items() for name in names)
MARKS = (50, 100, 200, 300, 450, 600, 900, 1200, 1500)
"""Evaluations at which the curve is read."""

PROMPTED = "promptiqa"
"""Is given ten rated pictures, see `experiments.targets.prompt`."""


def group_of(objective: str) -> str:
    """The group of an objective; `other` for one that is not ours."""
    return next((group for group, names in GROUPS.items() if objective in names), "other")


def in_turn(photographs: Sequence[str]) -> list[str]:
    """The same in an order of which every beginning is a fair part: one folder, then the next, and so on round."""
    folders: dict[str, list[str]] = {}
    for one in photographs:
        folders.setdefault(str(Path(one).parent), []).append(one)
    longest = max(map(len, folders.values()), default=0)
    return [own[i] for i in range(longest) for own in folders.values() if i < len(own)]


@dataclass(frozen=True)
class Budget:
    """What is equal for all.

    Attributes:
        population, generations: of each search; their product are its evaluations.
        first_seed, seeds: searches in lockstep, in one run.
        crop, resize: of the photographs, see `isptune.scenes.scene.load_scenes`.
        confirm: noise fields, which no search has seen, on which the ends are scored again.
    """

    population: int = 10
    generations: int = 150
    first_seed: int = 0
    seeds: int = 3
    crop: str | None = "512x512"
    resize: str | None = "192"
    confirm: int = 5


@dataclass(frozen=True)
class Case:
    """One run: an objective, where it leads, and on what.

    Attributes:
        objective: as tables name it.
        chain, family: keys of `CHAINS`, and one of `MAPS`.
        photographs: as `PHOTOGRAPHS`; several are tuned together, as one tunes a camera.
    """

    objective: str
    chain: str
    family: str
    photographs: tuple[str, ...]

    @property
    def scene(self) -> str:
        """What tables call the photographs."""
        first = self.photographs[0].removeprefix("bundled:").rpartition(".")
        return (first[0] or first[2]) if len(self.photographs) == 1 else "together"

    def folder(self, runs: Path, budget: Budget) -> Path:
        """Of its run: seeds that are added later have another one."""
        seeds = f"seeds{budget.first_seed}-{budget.first_seed + budget.seeds - 1}"
        return runs / slug(self.objective) / slug(f"{self.chain}_{self.family}_{self.scene}_{seeds}")

    def settings(self, spec: str, data: Path | None, budget: Budget) -> RunSettings:
        """Of its run; `spec` is what the objective is built from, `data` the folder with `photos/`."""
        return RunSettings(
            pipeline=f"synthetic:{self.family}",
            pipeline_options={"chain": CHAINS[self.chain]},
            objectives=(spec,),
            scenes=tuple(path_of(one, data) for one in self.photographs),
            crop=budget.crop,
            resize=budget.resize,
            population=budget.population,
            generations=budget.generations,
            seed=budget.first_seed,
            repeats=budget.seeds,
            second_opinions=("none",),
            confirm=budget.confirm,
            device="cpu",
        )


def path_of(photograph: str, data: Path | None) -> str:
    """What a scene is loaded from: one of `PHOTOGRAPHS` lies below `data`, all else is a spec already."""
    return str(data / "photos" / photograph) if data is not None and photograph in PHOTOGRAPHS else photograph
