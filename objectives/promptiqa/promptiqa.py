"""PromptIQA: scores pictures in the taste of some that were rated, without any training.

`promptiqa:prompt=FILE[,weights=PATH,direction=higher,scores=stretched]`

| option | values |
|---|---|
| prompt | a CSV with the columns image,score, one rated picture a line (paths start at its folder), or `study:DIR` |
| weights | `bundled` (default): our compact network; `published`: the authors', from a cache; or a path of either |
| direction | `higher` (the default): a higher score in the CSV is better; `lower`: a lower one is |
| scores | `stretched` (the default): the worst of the prompt is 0, the best 1; `given`: as they are, from 0 to 1 |

Scores of the prompt may have any scale. They are stretched to 0 for the worst and 1 for the best picture (min-max),
as the paper says: a CSV does not tell its scale, and to a tuner only differences within the prompt count. Ten good
pictures then say that one of them is worthless, so that scores are relative to the prompt. The published code and the
authors' demo divide by a constant of the data set instead: divide by it and give `scores=given` for their numbers, on
one scale for all prompts. With `direction=lower` scores are turned around first, so that they are maximised in either
case. The CSV cannot tell which it is. What else a prompt may be, and how many pictures of it are taken, stands in
`objectives.promptiqa.rated_prompt`.

The published weights (best_model.pth.tar, MIT licence, 1.3 GB; looked for in the folder of weights, torch's cache and
the hub's) score from 0 to 1. The compact network is ours (`objectives.promptiqa.compact`), takes pictures of any size,
and may leave 0 to 1 by less than 1 on either side: a picture can be better than the best of the prompt, and a tuner
still finds a slope there.

Source: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA: Boosting the performance and generalization for
no-reference image quality assessment via prompts, arXiv:2403.04993.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from isptune.spec import escaped, has_options
from objectives.checkpoints.reading import sha256_of
from objectives.no_reference.objective import score_finite
from objectives.options import parse_options
from objectives.promptiqa.checkpoint import read_network, weights_file
from objectives.promptiqa.compact import WEIGHTS_FILE, read_compact
from objectives.promptiqa.rated_images import RatedImage, read_rated
from objectives.promptiqa.rated_prompt import RatedPrompt, read_prompt

FACTS = ObjectiveFacts(
    direction="maximize",
    range=(0.0, 1.0),
    unit="predicted score, 0 for the worst to 1 for the best of the prompt",
    source="Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA: Boosting the performance and generalization for "
    "no-reference image quality assessment via prompts, arXiv:2403.04993",
)

AS_GIVEN = "predicted score, 0 (bad) to 1 (excellent) on the scale of the prompt"

SLOW_TO_READ = 1 << 28
"""Bytes of weights from which it is said that they are read: the published ones take a minute until the first score."""

_GPU_BUDGET = 2**32  # bytes for the pictures that are encoded at once


@runtime_checkable
class PromptedNetwork(Protocol):
    """Scores pictures beside rated ones. It works where it was moved to."""

    @property
    def bytes_per_image(self) -> int:
        """About what one picture takes while it is encoded."""
        ...

    def to(self, device: torch.device) -> Any:
        """Move to a device."""
        ...

    def prepare(self, images: Images) -> Float[Tensor, "batch 3 height width"]:
        """Pictures of any size as the network takes them."""
        ...

    def encode(self, pixels: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """The features of prepared pictures, each for itself."""
        ...

    def prompts(
        self, features: Float[Tensor, "prompts features"], scores: Float[Tensor, " prompts"]
    ) -> Float[Tensor, "prompts token"]:
        """The tokens of pictures with scores from 0 to 1."""
        ...

    def score(
        self, features: Float[Tensor, "batch features"], tokens: Float[Tensor, "prompts token"]
    ) -> Scores:
        """Scores from 0 to 1 of pictures beside a prompt, each for itself."""
        ...


@dataclass(frozen=True, eq=False)
class Prompt:
    """Rated pictures as a network takes them.

    Attributes:
        pixels: of each picture, prepared.
        scores: 0 for the worst to 1 for the best.
    """

    pixels: tuple[Float[Tensor, "1 3 _ _"], ...]
    scores: Float[Tensor, " prompts"]


@final
@dataclass(frozen=True, eq=False)
class PromptIqa:
    """The score that the giver of a prompt would give an image, as a network predicts it.

    Attributes:
        network: frozen; it moves to where the images are.
        prompt: the rated pictures.
        facts: with the files of weights, of the prompt and of its pictures.
        rated: what the prompt was read from, if it was.
    """

    network: PromptedNetwork
    prompt: Prompt
    facts: ObjectiveFacts = FACTS
    rated: RatedPrompt | None = None
    _tokens: list[Float[Tensor, "prompts token"]] = field(default_factory=list, init=False, repr=False)

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One score an image, 0 to 1; NaN in an image gives NaN. The prompt is encoded at the first call only."""
        device = images.device
        self.network.to(device)
        score = partial(self._scores, tokens=self.tokens(device))
        # On a CPU one at a time, so no image can touch another one's result.
        at_once = 1 if device.type == "cpu" else max(1, _GPU_BUDGET // self.network.bytes_per_image)
        return torch.cat([score_finite(score, portion) for portion in images.split(at_once)])

    @torch.no_grad()
    def tokens(self, device: torch.device) -> Float[Tensor, "prompts token"]:
        """The prompt as the network sees it: worked out at the first call, on its device, and kept."""
        if not self._tokens:
            self.network.to(device)
            features = [self.network.encode(pixels.to(device)) for pixels in self.prompt.pixels]
            self._tokens.append(self.network.prompts(torch.cat(features), self.prompt.scores.to(device)))
        return self._tokens[0].to(device)

    def warnings(self, images: Sequence[Images]) -> list[str]:
        """What is odd about the prompt, and whether it is unlike these pictures, each [1, 3, H, W]."""
        if self.rated is None:
            return []
        return [*self.rated.warnings, *(self.rated.likeness.warnings(images) if images else ())]

    def _scores(self, images: Images, tokens: Float[Tensor, "prompts token"]) -> Scores:
        return self.network.score(self.network.encode(self.network.prepare(images)), tokens)


@final
class Build:
    """PromptIQA on the bundled or the published weights; the module's docstring lists the options."""

    def with_prompt(self, argument: str | None, prompt: str) -> str:
        """The options with `prompt=FILE` behind them, for `--prompt FILE`. Raises ConfigError for one with a comma."""
        if has_options(argument):
            return f"{argument}&prompt={escaped(prompt)}"
        if "," in prompt:
            raise ConfigError(f"--prompt {prompt}: a comma parts options; give the file another name")
        return f"{argument},prompt={prompt}" if argument else f"prompt={prompt}"

    def __call__(self, argument: str | None = None) -> PromptIqa:
        """Build the objective.

        Raises:
            ConfigError: an option, the CSV or one of its pictures, or a file of weights of another layout.
            MissingExtra: weights that are not here; says how to get them.
        """
        defaults = {"prompt": "", "weights": "", "direction": "higher", "scores": "stretched"}
        options = parse_options("promptiqa", argument, defaults, first="prompt")
        if not options["prompt"]:
            raise ConfigError("promptiqa: prompt=FILE names a CSV with the columns image,score")
        if options["direction"] not in ("higher", "lower"):
            raise ConfigError(f"promptiqa: direction is higher or lower; got {options['direction']!r}")
        if options["scores"] not in ("stretched", "given"):
            raise ConfigError(f"promptiqa: scores is stretched or given; got {options['scores']!r}")
        stretched = options["scores"] == "stretched"
        rated = read_prompt(options["prompt"], options["direction"] == "lower", stretched)
        network, files, range = _network(options["weights"])
        pictures = [read_rated(rating) for rating in rated.ratings]
        told = [line for picture in pictures for line in picture.told]
        return PromptIqa(
            network=network,
            prompt=Prompt(tuple(network.prepare(picture.image) for picture in pictures), rated.scores),
            facts=replace(
                FACTS,
                range=range,
                unit=FACTS.unit if stretched else AS_GIVEN,
                weights={**files, **hashes(rated.file, rated.ratings)},
            ),
            rated=replace(rated, warnings=(*rated.warnings, *told)),
        )


def _network(weights: str) -> tuple[PromptedNetwork, dict[str, str], tuple[float, float]]:
    """The network that the option names, the hashes of its files, and where its scores lie."""
    if weights in ("", "bundled") or weights.endswith(".safetensors"):
        path = Path(weights).expanduser() if weights.endswith(".safetensors") else WEIGHTS_FILE
        compact = read_compact(path)
        return compact, {path.name: sha256_of(path), **compact.weights}, compact.range
    path = weights_file("" if weights == "published" else weights)
    if path.stat().st_size >= SLOW_TO_READ:
        logging.getLogger(__name__).warning(
            "promptiqa: %s is read (%.1f GB) and the prompt encoded; on a CPU that takes about a minute",
            one_line(str(path)),
            path.stat().st_size / 1e9,
        )
    return read_network(path), {path.name: sha256_of(path)}, (0.0, 1.0)


build = Build()


def hashes(file: Path, ratings: list[RatedImage]) -> dict[str, str]:
    """What a prompt is: the CSV and the pictures in it."""
    pictures = {rating.name: sha256_of(rating.path) for rating in ratings}
    return {file.name: sha256_of(file), **pictures}
