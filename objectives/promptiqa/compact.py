"""The compact network of PromptIQA: ours, trained here, bundled, and made to be told a taste by a few pictures.

Its parts are those of the published network: a visual encoder (the bundled image-text encoder's, frozen, so that its
weights are not there twice), a prompt encoder over a picture and its score, a fusion over the prompt, a fusion of the
picture with the prompt, and a regression. Two things differ. A picture looks at the prompt and the prompt does not look
back, so that the prompt's side is worked out once a run. And beside attention there is a closed form: a regression of
the scores on learned features of the rated pictures (a Gaussian process), whose predictions the last layers correct.
Attention alone must learn to regress from examples; to solve is exact, and takes tastes it has never met.

How it was trained, on what, and how well it does stands in `weights/promptiqa.md`; the script is
`objectives.training.promptiqa.training`.

Sources: Chen, Qin, Wang, Yuan, Li, Hu and Wang 2024, PromptIQA, arXiv:2403.04993; Bertinetto, Henriques, Torr and
Vedaldi 2019, Meta-learning with differentiable closed-form solvers, arXiv:1805.08136; Rasmussen and Williams 2006,
Gaussian processes for machine learning, equation 2.25.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, one_line
from isptune.system.records import Few, Positive, Share, Size
from objectives.checkpoints.own_files import BUNDLED, built, entry_in, read_own, write_own
from objectives.encoders.bundled_encoder import BundledEncoder
from objectives.encoders.bundled_encoder import build as build_encoder
from objectives.promptiqa.attention import Mlp, TransformerBlock

WEIGHTS_FILE = BUNDLED / "promptiqa.safetensors"
FORMAT = "isptune promptiqa 1"

OUTLIER = 4.0
"""Features are cut off at this many deviations: a tuner shall not drive the network where it has no data."""

MARGIN = 1.0
"""Scores may leave 0 to 1, the prompt's worst and best picture, by less than this much on either side."""

_EPSILON = 1e-5


@dataclass(frozen=True)
class CompactSize:
    """Sizes of the network; they stand in the metadata of its weights.

    Attributes:
        description: numbers that the encoder gives for a picture.
        components: of these that are kept, the directions in which training pictures differ most.
        hidden: inside the layers that make a token of them.
        token: width of tokens, a multiple of `heads`.
        heads: of attention.
        rating_depth, prompt_depth, scoring_depth: blocks over a picture and its score, over the prompt, and of a
            picture over the prompt.
        kernels: regressions, half of them linear and half with a Gaussian kernel.
        kernel_width: features of each.
        prompted: False for the same network without prompts, to compare with.
        fixed_share, fixed_noise: share of a ridge regression on the components themselves, where nothing is learned,
            and its noise. It costs a little on tastes like those of the training and gains on others.
    """

    description: Size = 1033
    components: Size = 192
    hidden: Size = 256
    token: Size = 128
    heads: Few = 4
    rating_depth: Few = 1
    prompt_depth: Few = 2
    scoring_depth: Few = 2
    kernels: Few = 8
    kernel_width: Size = 32
    prompted: bool = True
    fixed_share: Share = 0.0
    fixed_noise: Positive = 300.0

    def __post_init__(self) -> None:
        if self.token % self.heads:
            raise ConfigError(f"token = {self.token} is no multiple of heads = {self.heads}")


@final
class Looking(nn.Module):
    """A token looks at itself and at the prompt; the prompt does not look back."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.norm_prompt = nn.LayerNorm(width, eps=_EPSILON)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = Mlp(width)

    def forward(
        self, images: Float[Tensor, "rows images width"], prompt: Float[Tensor, "rows prompts width"] | None
    ) -> Float[Tensor, "rows images width"]:
        """Each image token for itself; without a prompt only the two layers at the end."""
        if prompt is not None:
            images = images + self._looked(self.norm1(images), self.norm_prompt(prompt))
        return images + self.mlp(self.norm2(images))

    def _looked(self, images: Tensor, prompt: Tensor) -> Tensor:
        query = self._split(self.query(images))
        own_key, own_value = (self._split(x) for x in self.key_value(images).chunk(2, -1))
        key, value = (self._split(x) for x in self.key_value(prompt).chunk(2, -1))
        scale = query.shape[-1] ** -0.5
        others = query @ key.mT * scale
        own = (query * own_key).sum(-1, keepdim=True) * scale
        weights = torch.cat([own, others], -1).softmax(-1)
        mixed = weights[..., :1] * own_value + weights[..., 1:] @ value
        return self.proj(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@final
class Regressions(nn.Module):
    """Gaussian-process regressions of scores on learned features of the rated pictures."""

    def __init__(self, size: CompactSize):
        super().__init__()
        self.kernels, self.width = size.kernels, size.kernel_width
        self.features = nn.Linear(size.token, size.kernels * size.kernel_width)
        self.log_noise = nn.Parameter(torch.zeros(size.kernels))

    @property
    def state(self) -> int:
        """Numbers a rated picture that the predictions hang on."""
        return self.kernels * (self.width + 1) + 1

    def fit(
        self, tokens: Float[Tensor, "rows prompts token"], scores: Float[Tensor, "rows prompts"]
    ) -> Float[Tensor, "rows prompts state"]:
        """Of each rated picture its features, its weight in each regression, and the mean score."""
        features = self._features(tokens)
        covariance = self._covariance(features, features)
        noise = F.softplus(self.log_noise) + 1e-2
        system = covariance + noise[:, None, None] * torch.eye(scores.shape[-1], device=scores.device)
        mean = scores.mean(-1, keepdim=True)
        residual = (scores - mean)[:, None, :, None].expand(-1, self.kernels, -1, -1)
        weights = torch.linalg.solve(system, residual).squeeze(-1).transpose(1, 2)
        flat = features.transpose(1, 2).flatten(2)
        return torch.cat([flat, weights, mean.unsqueeze(-1).expand(-1, scores.shape[-1], -1)], -1)

    def predict(
        self, tokens: Float[Tensor, "rows images token"], state: Float[Tensor, "rows prompts state"]
    ) -> Float[Tensor, "rows images kernels_twice"]:
        """Of each regression the prediction, and how near the picture is to what was rated."""
        flat, weights, mean = state.split([self.kernels * self.width, self.kernels, 1], -1)
        rated = flat.unflatten(-1, (self.kernels, self.width)).transpose(1, 2)
        features = self._features(tokens)
        covariance = self._covariance(features, rated)
        predicted = (covariance @ weights.transpose(1, 2).unsqueeze(-1)).squeeze(-1).transpose(1, 2)
        nearest = covariance.amax(-1).transpose(1, 2)
        return torch.cat([predicted + mean[:, :1], nearest], -1)

    def _features(self, tokens: Tensor) -> Float[Tensor, "rows kernels items width"]:
        split = self.features(tokens).unflatten(-1, (self.kernels, self.width)).transpose(1, 2)
        return split / self.width**0.5

    def _covariance(self, a: Tensor, b: Tensor) -> Float[Tensor, "rows kernels items others"]:
        products = a @ b.mT
        half = self.kernels // 2
        squares = a.square().sum(-1)[..., :, None] + b.square().sum(-1)[..., None, :] - 2 * products
        return torch.cat([products[:, :half], (-squares[:, half:].clamp_min(0) / 2).exp()], 1)


@final
class CompactNetwork(nn.Module):
    """All that is trained: from descriptions of pictures to scores. Rows are independent requirements."""

    mean: Tensor
    deviation: Tensor
    basis: Tensor

    def __init__(self, size: CompactSize, dropout: float = 0.0):
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(size.description))
        self.register_buffer("deviation", torch.ones(size.description))
        self.register_buffer("basis", torch.zeros(size.components, size.description))
        self.embed = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(size.components, size.hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(size.hidden, size.token),
        )
        self.norm = nn.LayerNorm(size.token, eps=_EPSILON)
        self.looking = nn.ModuleList(Looking(size.token, size.heads) for _ in range(size.scoring_depth))
        self.last_norm = nn.LayerNorm(size.token, eps=_EPSILON)
        guesses = 2 * size.kernels if size.prompted else 0
        self.head = nn.Sequential(
            nn.Linear(size.token + guesses, size.token), nn.GELU(), nn.Linear(size.token, 1 + guesses // 2)
        )
        if not size.prompted:
            return
        self.regressions = Regressions(size)
        self.score_token = nn.Linear(2, size.token)
        self.rating = _blocks(size.rating_depth, size)
        self.rated_mlp = nn.Sequential(
            nn.Linear(size.token, size.token), nn.GELU(), nn.Linear(size.token, size.token)
        )
        self.among_prompts = _blocks(size.prompt_depth, size)
        self.guesses_token = nn.Linear(guesses, size.token)

    def components(self, description: Float[Tensor, "... description"]) -> Float[Tensor, "... components"]:
        """Standardised, cut off, and turned to the directions that are kept."""
        seen = ((description - self.mean) / self.deviation).clamp(-OUTLIER, OUTLIER)
        return seen @ self.basis.mT

    def prompt(
        self, components: Float[Tensor, "rows prompts components"], scores: Float[Tensor, "rows prompts"]
    ) -> Float[Tensor, "rows prompts state"]:
        """What a prompt comes to: a token a rated picture, then what the regressions hold of it."""
        tokens = self.norm(self.embed(components))
        felt = self.score_token(torch.stack([scores, scores - scores.mean(-1, keepdim=True)], -1))
        pairs = torch.stack([tokens, felt], 2).flatten(0, 1)
        rated = self.rated_mlp(self.rating(pairs).mean(1)).unflatten(0, scores.shape)
        fixed = ridge_weights(components, scores, self.size.fixed_noise).unsqueeze(-1)
        return torch.cat(
            [self.among_prompts(rated), self.regressions.fit(tokens, scores), fixed, components], -1
        )

    def forward(
        self,
        components: Float[Tensor, "rows images components"],
        prompt: Float[Tensor, "rows prompts state"] | None,
    ) -> Float[Tensor, "rows images"]:
        """Scores of pictures beside a prompt, each for itself, in the prompt's units and without a limit."""
        tokens = self.norm(self.embed(components))
        if prompt is None:
            for layer in self.looking:
                tokens = layer(tokens, None)
            return self.head(self.last_norm(tokens)).squeeze(-1)
        sizes = [self.size.token, self.regressions.state, 1, self.size.components]
        beside, state, weights, rated = prompt.split(sizes, -1)
        guesses = self.regressions.predict(tokens, state)
        tokens = tokens + self.guesses_token(guesses)
        for layer in self.looking:
            tokens = layer(tokens, beside)
        out = self.head(torch.cat([self.last_norm(tokens), guesses], -1))
        # A weighted mean of what the regressions say, and a correction.
        share = out[..., 1:].softmax(-1)
        learned = out[..., 0] + (share * guesses[..., : self.size.kernels]).sum(-1)
        fixed = (components @ rated.mT @ weights).squeeze(-1) + state[:, :1, -1]
        return learned + self.size.fixed_share * (fixed - learned)


def _blocks(count: int, size: CompactSize) -> nn.Sequential:
    return nn.Sequential(
        *(TransformerBlock(size.token, size.heads, qkv_bias=True, epsilon=_EPSILON) for _ in range(count))
    )


def ridge_weights(
    components: Float[Tensor, "rows prompts components"], scores: Float[Tensor, "rows prompts"], noise: float
) -> Float[Tensor, "rows prompts"]:
    """The weight of each rated picture in a ridge regression of scores, less their mean, on components."""
    system = components @ components.mT + noise * torch.eye(scores.shape[-1], device=scores.device)
    residual = scores - scores.mean(-1, keepdim=True)
    return torch.linalg.solve(system, residual.unsqueeze(-1)).squeeze(-1)


def limited(scores: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Scores that hardly change between 0 and 1 and never leave them by `MARGIN`; their order stays."""
    reach = 0.5 + MARGIN
    return 0.5 + reach * torch.tanh((scores - 0.5) / reach)


@final
class CompactPromptIqa:
    """The bundled encoder and the compact network as a `PromptedNetwork`.

    Images may have any size, prompts any length from 2 on; it was trained with 3 to 20 rated pictures.

    Attributes:
        weights: the encoder's file, with its hash.
        range: of scores.
    """

    bytes_per_image = 2**27
    range = (-MARGIN, 1 + MARGIN)

    def __init__(self, encoder: BundledEncoder, network: CompactNetwork, weights: Mapping[str, str]):
        self.encoder = encoder
        self.network = network.eval().requires_grad_(False)
        self.weights = weights

    def to(self, device: torch.device) -> "CompactPromptIqa":
        """Move the network; the encoder follows the images."""
        self.network.to(device)
        return self

    def prepare(self, images: Images) -> Images:
        """As they are: the encoder takes pictures of any size."""
        return images

    def encode(self, pixels: Images) -> Float[Tensor, "batch features"]:
        """What the network takes of the encoder's description."""
        if not len(pixels):
            return pixels.new_zeros(0, self.network.size.components)
        return self.network.components(self.encoder.describe_images(pixels))

    def prompts(
        self, features: Float[Tensor, "prompts features"], scores: Float[Tensor, " prompts"]
    ) -> Float[Tensor, "prompts token"]:
        """The tokens of pictures with scores from 0 to 1, in any order."""
        return self.network.prompt(features.unsqueeze(0), scores.unsqueeze(0)).squeeze(0)

    def score(
        self, features: Float[Tensor, "batch features"], tokens: Float[Tensor, "prompts token"]
    ) -> Scores:
        """Scores of pictures beside a prompt: 0 and 1 are its worst and best, -1 and 2 the limits."""
        return limited(self.network(features.unsqueeze(0), tokens.unsqueeze(0)).squeeze(0))


def read_compact(path: Path = WEIGHTS_FILE) -> CompactPromptIqa:
    """The compact network in a file, on the bundled encoder.

    Raises:
        ConfigError: the file cannot be read, is of another kind, or was trained on another encoder than the bundled.
    """
    network, encoder_hash = read_layers(path)
    shown = one_line(str(path))
    if not network.size.prompted:
        raise ConfigError(f"{shown}: is the network without prompts, which is there to compare with")
    encoder = build_encoder()
    if encoder_hash not in encoder.weights.values():
        raise ConfigError(
            f"{shown}: was trained on another encoder than the bundled one "
            f"(sha256 {encoder_hash[:12]}, not {next(iter(encoder.weights.values()))[:12]})"
        )
    return CompactPromptIqa(encoder, network, encoder.weights)


def read_layers(path: Path) -> tuple[CompactNetwork, str]:
    """What was trained, also without prompts, and the hash of the encoder it was trained on. Raises ConfigError."""
    (size, encoder), state = read_own(
        path,
        "compact PromptIQA",
        FORMAT,
        lambda told: (entry_in(told, "size", CompactSize), told.get("encoder", "")),
    )
    return built(lambda: CompactNetwork(size), state, path), encoder


def pack(network: CompactNetwork, encoder: str, path: Path, **metadata: str) -> None:
    """Write a trained network as fp16 safetensors; `encoder` is the hash of the encoder's file."""
    halves = {key: value.half() for key, value in network.state_dict().items()}
    told = {"format": FORMAT, "size": json.dumps(asdict(network.size)), "encoder": encoder, **metadata}
    write_own(path, halves, told)
