"""Pictures as features, made once and kept: the network of the encoder `lite` trains on nothing else.

Parts are files of a folder; one that is there is not made again, and what it holds depends on the seed and its number
alone, so that several processes may make parts at a time.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int64
from torch import Tensor

from isptune.arrays import Images
from isptune.scenes.images import read_image, to_images
from isptune.system.disk import replacing
from objectives.encoders.efficientnet_lite import EfficientNetLite
from objectives.encoders.picture_features import picture_features
from objectives.full_reference.objective import OneImage
from objectives.no_reference.lightweight_metrics import DEFAULT, LightweightMetrics
from objectives.training.pictures.camera_pictures import Captures, costs
from objectives.training.pictures.captions import AXES
from objectives.training.pictures.photographs import Photograph
from objectives.training.pictures.spoilings import (
    SIDE,
    Spoiling,
    draw_axis_group,
    draw_chain_group,
    draw_cut,
    draw_mixed_group,
    draw_preset_group,
    render,
)

GROUPS_A_PART = 100

DRAWS: Sequence[Callable[[np.random.Generator], tuple[Spoiling, ...]]] = (
    draw_chain_group, draw_preset_group, draw_chain_group, draw_mixed_group, draw_axis_group,
)  # fmt: skip

CROPS = 2
"""Parts of a rated picture, beside the whole of it."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Versions of photographs whose order of quality is known.

    Attributes:
        features: of each version.
        metrics: ScoreNet's lightweight ones, as they are measured.
        costs: how much worse than the photograph it is.
        amounts: signed, by axis of `captions.AXES`; NaN where they are not known.
        photographs: the number of each group's photograph.
    """

    features: Float16[np.ndarray, "groups versions features"]
    metrics: Float32[np.ndarray, "groups versions metrics"]
    costs: Float32[np.ndarray, "groups versions"]
    amounts: Float32[np.ndarray, "groups versions axes"]
    photographs: Int64[np.ndarray, " groups"]

    def __len__(self) -> int:
        return len(self.photographs)


@dataclass(frozen=True, eq=False)
class Rated:
    """Pictures that people rated: the whole of each, then parts of it. Opinions are 0 to 1."""

    features: Float16[np.ndarray, "pictures parts features"]
    metrics: Float32[np.ndarray, "pictures parts metrics"]
    opinions: Float32[np.ndarray, " pictures"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Real pairs of a camera: the mean of many shots, then one shot; and the file names of the latter."""

    features: Float16[np.ndarray, "pairs 2 features"]
    metrics: Float32[np.ndarray, "pairs 2 metrics"]
    names: np.ndarray


@dataclass(frozen=True)
class Maker:
    """Makes features.

    Attributes:
        network: the pretrained one.
        photographs: to train on.
        seed: of all that is drawn.
    """

    network: EfficientNetLite
    photographs: Sequence[Photograph]
    seed: int
    measures: LightweightMetrics = field(default_factory=lambda: LightweightMetrics(DEFAULT))

    def features(self, images: Images) -> Float16[np.ndarray, "batch features"]:
        """Of pictures of one size, four at a time: what fits the caches of a processor is faster."""
        with torch.inference_mode():
            return torch.cat([picture_features(x, self.network) for x in images.split(4)]).half().numpy()

    def described(
        self, images: Images
    ) -> tuple[Float16[np.ndarray, "batch features"], Float32[np.ndarray, "batch metrics"]]:
        """Features and lightweight metrics of pictures of one size."""
        with torch.inference_mode():
            return self.features(images), self.measures.measure(images).numpy()

    def group(self, images: Images, spoilings: Sequence[Spoiling], photograph: int) -> Groups:
        """A group of one photograph, spoilt in known ways."""
        amounts = [[one.amounts.get(axis, np.nan) for axis in AXES] for one in spoilings]
        cost = np.array([one.cost for one in spoilings], np.float32)
        return _group(*self.described(images), cost, np.array(amounts, np.float32), photograph)

    def rendered(self, images: Images, reference: OneImage, photograph: int) -> Groups:
        """A group of what a camera made of one photograph, with the photograph itself first if it is among them."""
        count = len(images)
        amounts = np.full((count, len(AXES)), np.nan, np.float32)
        return _group(*self.described(images), costs(images, reference), amounts, photograph)

    def synthetic(self, part: int) -> Groups:
        """Spoilt photographs."""
        pristine = [i for i, one in enumerate(self.photographs) if one.pristine]
        made = []
        for number in range(GROUPS_A_PART):
            random = np.random.default_rng([self.seed, part, number])
            index = int(random.choice(pristine))
            picture = draw_cut(index, self.photographs[index], random).pixels(self.photographs)[None]
            variants = DRAWS[number % len(DRAWS)](random)
            spoilt = render(picture.expand(len(variants), -1, -1, -1), variants, int(random.integers(2**40)))
            made.append(self.group(spoilt, variants, index))
        return joined(made)

    def camera(self, part: int) -> Groups:
        """Raw captures of photographs, as the raw ISP renders them; the photograph itself comes first."""
        captures = Captures(self.photographs)
        made = []
        for number in range(GROUPS_A_PART):
            random = np.random.default_rng([self.seed, part, number, 1])
            index, scene = captures.draw(random)
            assert scene.reference is not None
            pictures = captures.render(scene, captures.settings(random))
            made.append(self.rendered(torch.cat([scene.reference, pictures]), scene.reference, index))
        return joined(made)

    def rated(self, photographs: Iterable[Photograph]) -> Rated:
        """Rated pictures, whole and in part, on the grid of the blocks of their own compression."""
        features, metrics, opinions = [], [], []
        for number, one in enumerate(photographs):
            random = np.random.default_rng([self.seed, number, 2])
            whole = to_images(one.pixels, one.name)
            parts = [self.described(whole)]
            for _ in range(CROPS):
                top, left = (int(random.integers(0, (side - SIDE) // 8 + 1)) * 8 for side in whole.shape[-2:])
                parts.append(self.described(whole[..., top : top + SIDE, left : left + SIDE]))
            for column, own in zip((features, metrics), zip(*parts, strict=True), strict=True):
                column.append(np.concatenate(own))
            opinions.append(float(one.opinion or 0.0))
        return Rated(np.stack(features), np.stack(metrics), np.array(opinions, np.float32))

    def pairs(self, folder: Path) -> Pairs:
        """Pairs of files, NAME_mean.EXT and NAME_real.EXT."""
        shots = sorted(folder.rglob("*_real.*"))
        clean = [shot.with_name(shot.name.replace("_real.", "_mean.")) for shot in shots]
        features, metrics = [], []
        for both in zip(clean, shots, strict=True):
            own = [self.described(read_image(file)) for file in both]
            features.append(np.concatenate([one for one, _ in own]))
            metrics.append(np.concatenate([one for _, one in own]))
        return Pairs(np.stack(features), np.stack(metrics), np.array([shot.name for shot in shots]))


def _group(
    features: np.ndarray, metrics: np.ndarray, cost: np.ndarray, amounts: np.ndarray, photograph: int
) -> Groups:
    number = np.array([photograph], np.int64)
    return Groups(features[None], metrics[None], cost[None], amounts[None], number)


def joined(groups: Sequence[Groups]) -> Groups:
    """All of them, in their order."""
    columns = (np.concatenate([getattr(one, column.name) for one in groups]) for column in fields(Groups))
    return Groups(*columns)


Kind = TypeVar("Kind", Groups, Rated, Pairs)


def kept(path: Path, kind: type[Kind], make: Callable[[], Kind]) -> Kind:
    """What a file holds; made and written if it is not there."""
    if not path.exists():
        made = make()
        with replacing(path) as partial, open(partial, "wb") as file:
            np.savez(file, **{column.name: getattr(made, column.name) for column in fields(made)})
        print(f"{path.name} made", flush=True)
    return read(path, kind)


def read(path: Path, kind: type[Kind]) -> Kind:
    """What a file holds."""
    with np.load(path, allow_pickle=False) as archive:
        return kind(*(archive[column.name] for column in fields(kind)))


def as_tensor(features: np.ndarray) -> Tensor:
    """Features as a network takes them, [rows, features]."""
    return torch.from_numpy(features.reshape(-1, features.shape[-1]).astype(np.float32))
