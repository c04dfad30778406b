"""The network of the compact DepictQA: from what is seen of pictures to what is wrong with them, and which is better.

It has four parts, of two kinds with and without a reference. A `Naming` gives each set of distortions a probability:
none, one of 12 categories, or one of the 43 pairs of them that occur together (DepictQA-Wild, Table S1); and the
severity of each. A `Rating` gives each picture a quality, and each ordered pair of pictures a correction, both of which
enter as differences: turned around, a pair has the opposite number, whatever the weights are. All look at hand-made
statistics alone: with what the bundled image-text encoder learned, they do worse on photographs that are new to them.

Source: You, Gu, Cai, Li, Zhu, Dong and Xue 2024, Enhancing Descriptive Image Quality Assessment with a Large-scale
Multi-modal Dataset (DepictQA-Wild), whose tasks these are; its network, a language model, is another.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from isptune.diagnosis.finding import CATEGORIES, SEVERITIES
from isptune.distortions.recipes import DEPICTQA_SECOND
from isptune.errors import ConfigError, one_line
from isptune.system.records import Few, Size
from objectives.checkpoints.own_files import built, entry_in, read_own, write_own
from objectives.depictqa.differences import DIFFERENCES
from objectives.depictqa.traces import SEEN, SIZES
from objectives.encoders.bundled_network import TONE_FEATURES

FORMAT = "isptune depictqa 1"

OUTLIER = 4.0
"""Standardised numbers are cut off here: a tuner shall not drive the network where it has no data, deviations."""

SIZE_STEEPNESS = 4.0
SAME_PICTURE, GATE_STEEPNESS = 0.3, 40.0
"""Tones of copies of one picture in two sizes differ by up to 0.23 deviations, those of two photographs by 0.36 and
more (in the training tables)."""


def _sets() -> tuple[tuple[str, ...], ...]:
    pairs = {tuple(sorted((first, second))) for first, more in DEPICTQA_SECOND.items() for second in more}
    return ((), *((category,) for category in CATEGORIES), *sorted(pairs))


SETS = _sets()
"""What can be wrong with a picture: nothing, one category, or two in any order."""


def members_of_sets() -> Float[Tensor, "sets categories"]:
    """1 where a set has a category, else 0."""
    return torch.tensor([[float(category in one) for category in CATEGORIES] for one in SETS])


@dataclass(frozen=True)
class Sizes:
    """Sizes of the network; they stand in the metadata of its weights.

    Attributes:
        seen: numbers that are seen of a picture, of which the last `SIZES` tell its size.
        differences: numbers that are seen of a picture beside its reference.
        members: networks that each part is the mean of.
        naming, rating: hidden units, of each member.
        pair: numbers a picture by which it is compared with the other one.
    """

    seen: Size = SEEN
    differences: Size = DIFFERENCES
    members: Few = 4
    naming: Size = 256
    rating: Size = 128
    pair: Size = 16


@final
class NamingMember(nn.Module):
    """One of the networks of a `Naming`: a logit for each of `SETS`, and for each severity of each category."""

    def __init__(self, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.categories = nn.Linear(hidden, len(CATEGORIES))
        self.sets = nn.Linear(hidden, len(SETS))
        self.severities = nn.Linear(hidden, len(CATEGORIES) * len(SEVERITIES))

    def forward(
        self, inputs: Float[Tensor, "batch inputs"]
    ) -> tuple[Float[Tensor, "batch sets"], Float[Tensor, "batch categories severities"]]:
        features = self.body(inputs)
        # A set has what its categories have, and something of its own.
        sets = self.categories(features) @ members_of_sets().to(features).mT + self.sets(features)
        return sets, self.severities(features).unflatten(1, (len(CATEGORIES), len(SEVERITIES)))


@final
class Naming(nn.Module):
    """What is wrong: the mean over some networks of log-probabilities of sets, and of severities."""

    def __init__(self, count: int, inputs: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.members = nn.ModuleList(NamingMember(inputs, hidden, dropout) for _ in range(count))

    def forward(
        self, inputs: Float[Tensor, "batch inputs"]
    ) -> tuple[Float[Tensor, "batch sets"], Float[Tensor, "batch categories severities"]]:
        answers = [member(inputs) for member in self.members]
        sets = torch.stack([one.log_softmax(1) for one, _ in answers]).mean(0)
        severities = torch.stack([one.log_softmax(2) for _, one in answers]).mean(0)
        return sets.log_softmax(1), severities.log_softmax(2)


@final
class RatingMember(nn.Module):
    """One of the networks of a `Rating`: the quality of a picture, then what it is compared by."""

    def __init__(self, inputs: int, hidden: int, pair: int, dropout: float = 0.0):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Dropout(dropout))
        self.quality = nn.Linear(hidden, 1)
        self.summary = nn.Linear(hidden, pair)

    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch features"]:
        hidden = self.body(inputs)
        return torch.cat([self.quality(hidden), self.summary(hidden)], 1)


@final
class Rating(nn.Module):
    """Which of two pictures is better, as a logit that changes its sign when they are turned around."""

    def __init__(self, count: int, inputs: int, hidden: int, pair: int, dropout: float = 0.0):
        super().__init__()
        self.members = nn.ModuleList(RatingMember(inputs, hidden, pair, dropout) for _ in range(count))
        self.both = nn.Sequential(nn.Linear(2 * pair + SIZES, 2 * pair), nn.GELU(), nn.Linear(2 * pair, 1))

    def features(
        self, inputs: Float[Tensor, "batch inputs"], sizes: Float[Tensor, "batch sizes"]
    ) -> Float[Tensor, "batch features"]:
        """The quality of each picture, then what it is compared by, and its size."""
        return torch.cat([torch.stack([member(inputs) for member in self.members]).mean(0), sizes], 1)

    def forward(
        self,
        first: Float[Tensor, "batch features"],
        second: Float[Tensor, "batch features"],
        alike: Float[Tensor, "batch 1"],
    ) -> Float[Tensor, " batch"]:
        """The logit that the first is better; `alike` is how different their tones are, in either order."""
        # Which one is larger tells something of copies of one picture alone.
        steps = torch.tanh(SIZE_STEEPNESS * (first[:, -SIZES:] - second[:, -SIZES:]))
        larger = steps * torch.sigmoid(GATE_STEEPNESS * (SAME_PICTURE - alike))
        one, other = first[:, 1:-SIZES], second[:, 1:-SIZES]
        # The same shapes in both orders, so that the two come out alike to the last bit.
        forth = self.both(torch.cat([one, other, larger], 1))
        back = self.both(torch.cat([other, one, -larger], 1))
        return ((first[:, :1] - second[:, :1]) + (forth - back)).squeeze(1)


@final
class DepictQaNetwork(nn.Module):
    """All that is trained."""

    mean: Tensor
    deviation: Tensor
    beside_mean: Tensor
    beside_deviation: Tensor

    def __init__(self, sizes: Sizes, dropout: float = 0.0):
        super().__init__()
        self.sizes = sizes
        self.register_buffer("mean", torch.zeros(sizes.seen))
        self.register_buffer("deviation", torch.ones(sizes.seen))
        self.register_buffer("beside_mean", torch.zeros(sizes.differences))
        self.register_buffer("beside_deviation", torch.ones(sizes.differences))
        told = sizes.seen - SIZES
        both = 2 * told + sizes.differences
        self.naming = Naming(sizes.members, told, sizes.naming, dropout)
        self.naming_beside = Naming(sizes.members, both, sizes.naming, dropout)
        self.rating = Rating(sizes.members, told, sizes.rating, sizes.pair, dropout)
        self.rating_beside = Rating(sizes.members, both, sizes.rating, sizes.pair, dropout)

    def standardised(self, seen: Float[Tensor, "batch seen"]) -> Float[Tensor, "batch seen"]:
        """Cut off at `OUTLIER`; NaN stays."""
        return ((seen - self.mean) / self.deviation).clamp(-OUTLIER, OUTLIER)

    def told(self, standard: Float[Tensor, "batch seen"]) -> Float[Tensor, "batch told"]:
        """What the parts look at: all but the size."""
        return standard[:, :-SIZES]

    def beside(
        self,
        told: Float[Tensor, "batch told"],
        reference: Float[Tensor, "batch told"],
        differences: Float[Tensor, "batch differences"],
    ) -> Float[Tensor, "batch both"]:
        """What the parts with a reference look at; both pictures as `told` gives them."""
        standing = ((differences - self.beside_mean) / self.beside_deviation).clamp(-OUTLIER, OUTLIER)
        return torch.cat([told, told - reference, standing], 1)

    def sizes_of(self, standard: Float[Tensor, "batch seen"]) -> Float[Tensor, "batch sizes"]:
        """What pictures tell of their size."""
        return standard[:, -SIZES:]

    def alike(
        self, first: Float[Tensor, "batch seen"], second: Float[Tensor, "batch seen"]
    ) -> Float[Tensor, "batch 1"]:
        """How different the tones of two pictures are, in deviations."""
        return (first - second)[:, :TONE_FEATURES].abs().mean(1, keepdim=True)


def read_network(path: Path) -> DepictQaNetwork:
    """The trained network in a file.

    Raises:
        ConfigError: no such file, a damaged one, or one of another kind or other sizes; says which keys.
    """
    sizes, state = read_own(path, "compact DepictQA", FORMAT, lambda told: entry_in(told, "sizes", Sizes))
    if (sizes.seen, sizes.differences) != (SEEN, DIFFERENCES):
        raise ConfigError(
            f"{one_line(str(path))}: looks at {sizes.seen} and {sizes.differences} numbers, and pictures give "
            f"{SEEN} and {DIFFERENCES}"
        )
    return built(lambda: DepictQaNetwork(sizes), state, path)


def pack(network: DepictQaNetwork, path: Path) -> None:
    """Write a trained network as safetensors, matrices as fp16."""
    halves = {key: value.half() if value.ndim > 1 else value for key, value in network.state_dict().items()}
    told = {"format": FORMAT, "sizes": json.dumps(asdict(network.sizes))}
    write_own(path, halves, told)
