"""Ten rated pictures for objectives that take a prompt: what a user would rate, by the truth of the synthetic ISP.

They are made of a photograph that no search leads on, by the same chain and map, and rated by their distance from
pristine, so that a prompted objective knows something that no other one does.
"""

from pathlib import Path

from experiments.promptiqa.two_tastes import Taste, rate, synthetic_bench
from experiments.targets.protocol import CHAINS, PROMPTED, Budget
from isptune.scenes.scene import load_scenes
from isptune.system.disk import make_folder, slug
from pipelines.synthetic import synthetic

PHOTOGRAPH = "bundled:astronaut"
SEED = 0


def spec_of(objective: str, chain: str, family: str, budget: Budget, runs: Path) -> str:
    """What an objective is built from: its name, with the prompt of the chain and map where it takes one."""
    if objective != PROMPTED:
        return objective
    folder = runs / "prompts" / slug(f"{chain}_{family}_{budget.resize}")
    return f"{PROMPTED}:prompt={_rated(chain, family, budget, folder)}"


def _rated(chain: str, family: str, budget: Budget, folder: Path) -> Path:
    """The CSV of ten rated pictures, made in `folder` unless it is there."""
    rated = folder / "rated.csv"
    if rated.exists():
        return rated
    make_folder(folder)
    bench = synthetic_bench(synthetic.build(family, chain=CHAINS[chain]))
    stages = len(bench.space.names)
    (scene,) = load_scenes([PHOTOGRAPH], budget.crop, budget.resize)
    perfect = Taste(liked=(0.0,) * stages, weights=(1.0,) * stages)
    return rate(bench, scene, perfect, folder, SEED)
