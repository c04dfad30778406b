"""DepictQA: a judge that says what is wrong with a picture and which of two is better, here as a compact network.

| spec | is |
|---|---|
| depictqa | the bundled network, `objectives.depictqa.network` |
| depictqa:FILE | another one of its kind, as `objectives.training.depictqa.training` writes it |

Pictures are seen at their own resolution, whatever their size: tones of the whole; texture of all pixels up to 576x576,
and above that of nine crops of 192x192; traces of distortions in the middle of 576x576. How it was trained, on what,
and how well it does stands in `weights/depictqa.md`.

Source: You, Gu, Cai, Li, Zhu, Dong and Xue 2024, Enhancing Descriptive Image Quality Assessment with a Large-scale
Multi-modal Dataset (DepictQA-Wild), arXiv:2405.18842.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, OtherImages, Scores, SecondImages
from isptune.diagnosis.finding import CATEGORIES, LOCAL, SEVERITIES, Diagnosis, Finding
from isptune.errors import ScoreError
from isptune.facts import JudgeFacts
from isptune.scenes.scene import Scene
from objectives.asking.pairs import reference_of
from objectives.checkpoints.own_files import BUNDLED
from objectives.checkpoints.reading import sha256_of
from objectives.depictqa.differences import differences_of
from objectives.depictqa.network import SETS, DepictQaNetwork, members_of_sets, read_network
from objectives.depictqa.traces import displayed, seen_of
from objectives.full_reference.objective import OneImage

WEIGHTS_FILE = BUNDLED / "depictqa.safetensors"

SOURCE = (
    "isptune's own compact network; after You et al. 2024, Enhancing descriptive image quality assessment with a "
    "large-scale multi-modal dataset (DepictQA-Wild), arXiv:2405.18842"
)

TILE, MOST_TILES = 128, 12
"""Side of the parts of a heat map, pixels, and how many there are at most from the top down or across."""

REMEMBERED = 512
"""Pictures whose features are kept: who is compared with many is looked at once."""


@final
@dataclass(frozen=True, eq=False)
class Judged:
    """What is known of one picture.

    Attributes:
        standard: what was seen of it.
        rated: what it is compared with others by.
        sets: the probability of each of `SETS`.
        severities: of each category, the probability of each severity if it is there.
    """

    standard: Float[Tensor, "1 seen"]
    rated: Float[Tensor, "1 features"]
    sets: Float[Tensor, " sets"]
    severities: Float[Tensor, "categories severities"]


@final
class DepictQa:
    """The compact network as a judge that diagnoses.

    Args:
        network: trained.
        weights: the file that it came from, with its hash.
        reference: whether it compares with the scene's reference.
    """

    def __init__(self, network: DepictQaNetwork, weights: Mapping[str, str], reference: bool):
        self.network = network.eval().requires_grad_(False)
        self.facts = JudgeFacts(SOURCE, reference, weights)
        self._remembered: dict[bytes, Judged] = {}
        self._last_reference: tuple[bytes, Tensor] | None = None

    @torch.no_grad()
    def prefer(self, first: Images, second: SecondImages, scene: Scene) -> Scores:
        """The probability that the first of each pair is the better one, of pictures of any sizes.

        Turned around, a pair has exactly one minus the probability: its logit is a difference of differences, which
        changes its sign exactly. A NaN in either picture gives NaN.

        Raises:
            ScoreError: there is no reference where one was asked for, or it has another size.
        """
        if len(first) != len(second):
            raise ScoreError(f"depictqa: {len(first)} pictures are compared with {len(second)}, one by one")
        if not len(first):
            return first.new_zeros(0)
        return self._probabilities(self.look(first, scene), self.look(second, scene))

    @torch.no_grad()
    def prefer_each(self, images: Images, others: OtherImages, scene: Scene) -> Float[Tensor, "batch other"]:
        """The probability that each of the images is better than each of the others; as `prefer`."""
        if not len(images) or not len(others):
            return images.new_zeros(len(images), len(others))
        first, second = self.look(images, scene), self.look(others, scene)
        pairs = [(one, other) for one in first for other in second]
        found = self._probabilities(*(list(side) for side in zip(*pairs, strict=True)))
        return found.unflatten(0, (len(first), len(second)))

    @torch.no_grad()
    def describe(self, images: Images, scene: Scene) -> list[Diagnosis]:
        """What is wrong with each picture, the most probable first; nothing, one thing or two.

        Raises:
            ScoreError: as `prefer`; or a picture has a NaN.
        """
        if not images.isfinite().all():
            raise ScoreError("depictqa: a picture with pixels that are NaN or infinite cannot be described")
        judged = self.look(images, scene)
        return [
            self._diagnosis(one, image, scene) for one, image in zip(judged, images.split(1), strict=True)
        ]

    @torch.no_grad()
    def look(self, images: Images, scene: Scene) -> list[Judged]:
        """All that there is to know of pictures, each for itself, whatever else is in the batch."""
        reference = self._reference(images, scene)
        beside = b"" if reference is None else _digest(reference)
        self.network.to(images.device)
        found = []
        for image in images.split(1):
            key = _digest(image) + beside
            one = self._remembered.pop(key, None) or self._look_at(displayed(image), reference)
            self._remembered[key] = one  # at the end: the first is the one unused for longest
            while len(self._remembered) > REMEMBERED:
                self._remembered.pop(next(iter(self._remembered)))
            found.append(one)
        return found

    def _look_at(self, image: Images, reference: Images | None) -> Judged:
        network = self.network
        standard = network.standardised(seen_of(image))
        told, true = network.told(standard), None
        if reference is not None:
            true = self._told_of_reference(reference)
        sets, severities, inputs = self._name(told, image, reference, true)
        rating = network.rating if reference is None else network.rating_beside
        rated = rating.features(inputs, network.sizes_of(standard))
        return Judged(standard, rated, sets, severities)

    def _name(
        self, told: Tensor, image: Images, reference: Images | None, true: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Probabilities of sets and severities, and what they come from."""
        naming, inputs = self.network.naming, told
        if reference is not None and true is not None:
            inputs = self.network.beside(told, true, differences_of(image, reference))
            naming = self.network.naming_beside
        sets, severities = naming(inputs)
        return sets[0].exp(), severities[0].exp(), inputs

    def _told_of(self, image: Images) -> Float[Tensor, "1 told"]:
        return self.network.told(self.network.standardised(seen_of(image)))

    def _told_of_reference(self, reference: Images) -> Float[Tensor, "1 told"]:
        key = _digest(reference)
        if self._last_reference is None or self._last_reference[0] != key:
            self._last_reference = (key, self._told_of(reference))
        return self._last_reference[1]

    def _probabilities(self, first: Sequence[Judged], second: Sequence[Judged]) -> Scores:
        rating = self.network.rating_beside if self.facts.uses_reference else self.network.rating
        sides = [
            (torch.cat([one.standard for one in side]), torch.cat([one.rated for one in side]))
            for side in (first, second)
        ]
        logit = rating(sides[0][1], sides[1][1], self.network.alike(sides[0][0], sides[1][0]))
        # 1 - p is exact for p from a half to 1.
        larger = logit.abs().sigmoid()
        return torch.where(logit < 0, 1 - larger, larger)

    def _diagnosis(self, judged: Judged, image: Images, scene: Scene) -> Diagnosis:
        best = int(judged.sets.argmax())
        marginals = marginals_of(judged.sets.unsqueeze(0))[0]
        severities = expected_severities(judged.severities.unsqueeze(0))[0]
        findings = []
        for category in SETS[best]:
            number = CATEGORIES.index(category)
            severity = min(max(SEVERITIES), max(min(SEVERITIES), round(float(severities[number]))))
            findings.append(Finding(category, severity, _probability(marginals[number])))
        findings.sort(key=lambda finding: -finding.confidence)
        heat_map = self.heat_map(image, scene, SETS[best])
        return Diagnosis(tuple(findings), _probability(judged.sets[best]), self.facts.source, heat_map)

    @torch.no_grad()
    def heat_map(
        self, image: Images, scene: Scene, categories: Sequence[str] = ()
    ) -> Float[np.ndarray, "rows columns"]:
        """How bad each part of one picture is, from 0 to 1, by what its parts tell for themselves.

        A part counts as bad as the worst of its distortions: how probable it is, times its expected severity, of
        which 1 is the largest. These are the local ones and the `categories` that were found in the whole.
        """
        reference = self._reference(image, scene)
        counted = [number for number, one in enumerate(CATEGORIES) if one in LOCAL or one in categories]
        tops, lefts = (_places(length) for length in image.shape[-2:])
        rows = [[self._badness(image, reference, top, left)[counted] for left in lefts] for top in tops]
        return np.array([[_probability(one.max()) for one in row] for row in rows])

    def _badness(
        self, image: Images, reference: Images | None, top: int, left: int
    ) -> Float[Tensor, " categories"]:
        part = (..., slice(top, top + TILE), slice(left, left + TILE))
        seen = displayed(image[part])
        true = None if reference is None else reference[part]
        told, told_true = (None if one is None else self._told_of(one) for one in (seen, true))
        assert told is not None
        sets, severities, _ = self._name(told, seen, true, told_true)
        present = marginals_of(sets.unsqueeze(0))[0]
        return present * expected_severities(severities.unsqueeze(0))[0] / max(SEVERITIES)

    def _reference(self, images: Images, scene: Scene) -> OneImage | None:
        if not self.facts.uses_reference:
            return None
        reference = reference_of(scene, "depictqa")
        if reference.shape[-2:] != images.shape[-2:]:
            sizes = [f"{one.shape[-1]}x{one.shape[-2]}" for one in (images, reference)]
            raise ScoreError(
                f"depictqa: a picture of {sizes[0]} is beside a reference of {sizes[1]} pixels; "
                "they must be of one size"
            )
        return displayed(reference)


def marginals_of(sets: Float[Tensor, "batch sets"]) -> Float[Tensor, "batch categories"]:
    """The probability of each category, alone or with another one."""
    return sets @ members_of_sets().to(sets)


def expected_severities(
    severities: Float[Tensor, "batch categories severities"],
) -> Float[Tensor, "batch categories"]:
    """The mean severity of each category if it is there."""
    return severities @ torch.tensor(SEVERITIES, dtype=severities.dtype, device=severities.device)


def build(argument: str | None = None, *, reference: bool = False) -> DepictQa:
    """The bundled network, or one from a file (`depictqa:FILE`).

    Raises:
        ConfigError: the file cannot be read, or is of another kind.
    """
    path = WEIGHTS_FILE if argument is None else Path(argument).expanduser()
    return DepictQa(read_network(path), {path.name: sha256_of(path)}, reference)


def _places(length: int) -> list[int]:
    """Where parts begin: side by side, or evenly spread where there would be too many of them."""
    count = min(MOST_TILES, max(1, round(length / TILE)))
    room = max(0, length - TILE)
    return [round(room * i / max(1, count - 1)) for i in range(count)] if count > 1 else [room // 2]


def _probability(value: Tensor) -> float:
    return min(1.0, max(0.0, float(value)))


def _digest(image: Images) -> bytes:
    data = image.detach().cpu().contiguous().numpy()
    return hashlib.blake2b(data.tobytes(), digest_size=16).digest() + str(image.shape).encode()
