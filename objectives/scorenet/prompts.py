"""Prompts that depend on the picture: ScoreNet's, CoCoOp's, and the plain ones, in front of a frozen text encoder.

All three are modules with one interface: embeddings of images and their standardised lightweight metrics go in, a
matrix of token embeddings for each image and each prompt of a head comes out.

Sources: ScoreNet (Rashidi et al. 2026, ScoreNet: netting lightweight quality scores for better visual assessment
with large multi-modality models, WACV), supplement, section 1; CoCoOp (Zhou, Yang, Loy and Liu 2022, Conditional
prompt learning for vision-language models, arXiv:2203.05557). What the supplement of ScoreNet leaves open is chosen
here: which tokens are changed (all words, by the same matrix in every prompt of a head; marks of start and end, where
an encoder has them, are kept), how the two contexts are merged (side by side, then one linear layer), and the unit of
the change (the spread of the embedded words).
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from isptune.arrays import Scores
from isptune.errors import ConfigError
from isptune.system.records import Share, Size
from objectives.encoders.interface import Embeddings, ImageTextEncoder, Prompts
from objectives.language_models.level_words import ANSWER, LEVELS
from objectives.no_reference.lightweight_metrics import OUTLIER

MetricValues = Float[Tensor, "batch metrics"]
"""Standardised: about -4 to 4, 0 for a metric that an image is too small for."""

WordPlaces = Bool[Tensor, "prompts tokens"]
LevelTokens = Float[Tensor, "batch levels tokens width"]
LevelEmbeddings = Float[Tensor, "batch levels embedding"]

EXPANSIONS = ("sum", "product")

MOST_LAYERS = 8
"""Hidden ones of a generator."""


@final
@dataclass(frozen=True)
class Head:
    """A scale made of prompts.

    Attributes:
        name: as in the files of learned prompts.
        prompts: one for each level.
        values: the score, 0 to 1, that each level stands for.
    """

    name: str
    prompts: tuple[str, ...]
    values: tuple[float, ...]

    def score(self, images: Embeddings, levels: LevelEmbeddings, temperature: float) -> Scores:
        """The mean of the values, weighted by the softmax over how well each level fits: 0 to 1, more is better."""
        logits = temperature * (levels @ images.unsqueeze(2)).squeeze(2)
        return logits.softmax(1) @ torch.tensor(self.values, device=logits.device, dtype=logits.dtype)


HEADS = {
    "align": Head(
        "align",
        tuple(f"{ANSWER.format(task='quality')} {level}" for level in LEVELS),
        (1.0, 0.75, 0.5, 0.25, 0.0),
    ),
    "clip": Head("clip", ("Good photo.", "Bad photo."), (1.0, 0.0)),
}
"""Q-Align's five levels (Wu et al. 2024) and CLIP-IQA's pair of opposites (Wang, Chan and Loy 2023)."""


@runtime_checkable
class ConditionalPrompts(Protocol):
    """Makes the prompts of a head for each image."""

    ends: Tensor  # [levels]: which token's output stands for the prompt

    def __call__(self, images: Tensor, metrics: Tensor) -> Tensor:
        """Embeddings [batch, embedding] and metrics [batch, metrics] to [batch, levels, tokens, width]."""
        ...


def level_embeddings(
    encoder: ImageTextEncoder, prompts: ConditionalPrompts, images: Embeddings, metrics: MetricValues
) -> LevelEmbeddings:
    """The embedding of each level for each image; all prompts of a batch are encoded at once.

    Differentiable with respect to the prompts. What stands behind the last end is padding and is left out.
    """
    tokens = prompts(images, metrics)
    batch, levels = tokens.shape[:2]
    tokens = tokens[:, :, : int(prompts.ends.max()) + 1]
    flat = Prompts(tokens.flatten(0, 1), prompts.ends.repeat(batch))
    return encoder.encode_prompts(flat).unflatten(0, (batch, levels))


@dataclass(frozen=True)
class Design:
    """How a `PromptLearner` is built; stands in the files of learned prompts.

    Attributes:
        expansion: "sum" makes the matrix u_i + v_j, "product" (1 + u_i) v_j.
        use_metrics, use_image: whether there is a context from the metrics, from the image.
        metric_widths, image_widths: of the hidden layers of the two generators.
        dropout: share of the hidden values left out in training.
    """

    expansion: str = "sum"
    use_metrics: bool = True
    use_image: bool = True
    metric_widths: tuple[Size, ...] = (32,)
    image_widths: tuple[Size, ...] = (32,)
    dropout: Share = 0.1

    def __post_init__(self) -> None:
        if self.expansion not in EXPANSIONS:
            raise ConfigError(f"expansion = {self.expansion!r}; it is {' or '.join(EXPANSIONS)}")
        if not (self.use_metrics or self.use_image):
            raise ConfigError("prompts that depend on neither metrics nor image are the plain ones")
        widths = (*self.metric_widths, *self.image_widths)
        counts = len(self.metric_widths), len(self.image_widths)
        if not all(0 < count <= MOST_LAYERS for count in counts) or not all(
            0 < width <= 4096 for width in widths
        ):
            raise ConfigError(f"widths of generators {widths}; one to {MOST_LAYERS} each, from 1 to 4096")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout = {self.dropout}; it is at least 0 and below 1")


@final
class PromptLearner(nn.Module):
    """ScoreNet: a matrix of k x l from k + l numbers an image, added to the embedded words of the default prompts.

    k is the number of words in the longest prompt, in tokens, l the width of a token. The Metric
    Context Generator sees the metrics, the Image Context Generator the image's embedding, which is standardised as
    `standardise` says. The last layer begins at zero, so that an untrained learner gives the default prompts exactly.
    """

    ends: Tensor
    base: Tensor
    words: Tensor
    spread: Tensor
    image_mean: Tensor
    image_deviation: Tensor

    def __init__(self, base: Prompts, words: WordPlaces, embedding: int, metrics: int, design: Design):
        """An untrained learner.

        Args:
            base: the default prompts.
            words: which of their tokens are words.
            embedding: width of the embeddings of images.
            metrics: their number.
            design: the rest.
        """
        super().__init__()
        columns = words.any(0).nonzero()[:, 0].tolist()
        if not columns:
            raise ConfigError("the default prompts have no word that could be changed")
        first, count, length = columns[0], columns[-1] - columns[0] + 1, int(base.ends.max()) + 1
        width = base.embeddings.shape[2]
        if design.use_metrics and not metrics:
            raise ConfigError("a context from metrics needs one metric or more")
        self.design, self.count = design, count
        self.around = (first, length - first - count)
        self.metric_context = (
            _generator(metrics, design.metric_widths, design.dropout) if design.use_metrics else None
        )
        self.image_context = (
            _generator(embedding, design.image_widths, design.dropout) if design.use_image else None
        )
        hidden = design.metric_widths[-1] * design.use_metrics + design.image_widths[-1] * design.use_image
        self.merge = nn.Linear(hidden, count + width)
        nn.init.zeros_(self.merge.weight)
        nn.init.zeros_(self.merge.bias)
        self.register_buffer("image_mean", torch.zeros(embedding))
        self.register_buffer("image_deviation", torch.full((embedding,), embedding**-0.5))
        # The rest comes from the encoder, and so does not stand in the files of learned prompts.
        tokens, words = (
            base.embeddings[:, :length].detach().clone(),
            words[:, :length].to(base.embeddings.device),
        )
        self.register_buffer("base", tokens, persistent=False)
        self.register_buffer("ends", base.ends.clone(), persistent=False)
        self.register_buffer("words", words.unsqueeze(2).float(), persistent=False)
        self.register_buffer("spread", tokens[words].square().mean().sqrt(), persistent=False)

    def forward(self, images: Embeddings, metrics: MetricValues) -> LevelTokens:
        contexts = []
        if self.metric_context is not None:
            contexts.append(self.metric_context(metrics))
        if self.image_context is not None:
            standard = (images - self.image_mean) / self.image_deviation
            contexts.append(self.image_context(standard.clamp(-OUTLIER, OUTLIER)))
        down, across = self.merge(torch.cat(contexts, 1)).split([self.count, self.base.shape[2]], dim=1)
        matrix = self.spread * expand(down, across, self.design.expansion)
        change = F.pad(matrix, (0, 0, *self.around)).unsqueeze(1)
        return self.base + change * self.words

    @torch.no_grad()
    def standardise(self, images: Float[Tensor, "pictures embedding"]) -> None:
        """Take mean and deviation of the embeddings of the training pictures."""
        self.image_mean.copy_(images.mean(0))
        self.image_deviation.copy_(images.std(0, correction=0).clamp_min(1e-4))


def expand(
    down: Float[Tensor, "batch rows"], across: Float[Tensor, "batch columns"], expansion: str
) -> Float[Tensor, "batch rows columns"]:
    """k + l numbers to k x l: u_i + v_j, or (1 + u_i) v_j, which is zero and has a slope where both are zero."""
    if expansion == "sum":
        return down.unsqueeze(2) + across.unsqueeze(1)
    return (1 + down).unsqueeze(2) * across.unsqueeze(1)


def _generator(inputs: int, widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((inputs, *widths), widths, strict=False):
        layers += [nn.Linear(before, after), nn.GELU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


@final
class CoCoOpLearner(nn.Module):
    """CoCoOp: a learned context, the same for all, and one vector an image that is added to each of its rows.

    The context takes the place of `count` tokens from `start` on. The names and shapes of the state are the
    published ones: `ctx`, `token_prefix`, `token_suffix`, `meta_net.linear1`, `meta_net.linear2`.
    """

    ends: Tensor
    token_prefix: Tensor
    token_suffix: Tensor

    def __init__(self, base: Prompts, start: int, count: int, embedding: int, hidden: int | None = None):
        """Begin with the context that the first of the prompts has, and with a meta-net that adds zero.

        Args:
            base: prompts that have the same tokens where the context is.
            start: first token of the context.
            count: tokens of the context.
            embedding: width of the embeddings of images.
            hidden: width of the meta-net; a sixteenth of the embedding unless given, as published.
        """
        super().__init__()
        hidden = max(1, embedding // 16) if hidden is None else hidden
        tokens = base.embeddings.detach().clone()
        self.ctx = nn.Parameter(tokens[0, start : start + count].clone())
        linear1, linear2 = nn.Linear(embedding, hidden), nn.Linear(hidden, tokens.shape[2])
        nn.init.zeros_(linear2.weight)
        nn.init.zeros_(linear2.bias)
        self.meta_net = nn.Sequential(OrderedDict(linear1=linear1, relu=nn.ReLU(), linear2=linear2))
        self.register_buffer("token_prefix", tokens[:, :start])
        self.register_buffer("token_suffix", tokens[:, start + count :])
        self.register_buffer("ends", base.ends.clone(), persistent=False)

    def forward(self, images: Embeddings, metrics: MetricValues) -> LevelTokens:
        context = self.ctx + self.meta_net(images).unsqueeze(1)
        prefix, suffix = self.token_prefix, self.token_suffix
        parts = [part.expand(len(images), *part.shape) for part in (prefix, suffix)]
        context = context.unsqueeze(1).expand(-1, len(prefix), -1, -1)
        return torch.cat([parts[0], context, parts[1]], dim=2)


def word_places(encoder: ImageTextEncoder, prompts: Prompts) -> WordPlaces:
    """Which tokens are words: not padding, nor a mark of start or end, which some encoders have and others have not.

    A mark is told from a word by being the same in two prompts of one word each.
    """
    probe = encoder.embed_prompts(["good", "bad"])
    one, two = (row[end] for row, end in zip(probe.embeddings, probe.ends, strict=True))
    start_mark, end_mark = (
        bool((probe.embeddings[0, 0] == probe.embeddings[1, 0]).all()),
        bool((one == two).all()),
    )
    places, ends = torch.arange(prompts.embeddings.shape[1]), prompts.ends.cpu()[:, None]
    return (places >= int(start_mark)) & (places <= ends - int(end_mark))


def shared_words(base: Prompts, words: WordPlaces) -> tuple[int, int]:
    """Where the longest run of words begins that all prompts share, and how many tokens it has.

    "The quality of the image is" in the prompts of `align`, "photo." in those of `clip`.

    Raises:
        ConfigError: they share none.
    """
    same = ((base.embeddings == base.embeddings[:1]).all(2).cpu() & words).all(0).tolist()
    best, start = (0, 0), 0
    for place, shared in enumerate([*same, False]):
        if not shared:
            best = max(best, (place - start, -start))
            start = place + 1
    count, start = best
    if count == 0:
        raise ConfigError("the prompts share no word that a context could take the place of")
    return -start, count


@final
class PlainPrompts(nn.Module):
    """The default prompts, whatever the image; nothing is learned."""

    ends: Tensor
    base: Tensor

    def __init__(self, base: Prompts):
        super().__init__()
        self.register_buffer("base", base.embeddings.detach().clone(), persistent=False)
        self.register_buffer("ends", base.ends.clone(), persistent=False)

    def forward(self, images: Embeddings, metrics: MetricValues) -> LevelTokens:
        return self.base.expand(len(images), *self.base.shape)


def embedding_width(encoder: ImageTextEncoder, base: Prompts) -> int:
    """Of the embeddings that an encoder gives."""
    with torch.no_grad():
        one = Prompts(base.embeddings[:1], base.ends[:1])
        return encoder.encode_prompts(one).shape[1]


def scorenet_learner(encoder: ImageTextEncoder, head: Head, metrics: int, design: Design) -> PromptLearner:
    """An untrained `PromptLearner` for the prompts of a head."""
    base = encoder.embed_prompts(head.prompts)
    words = word_places(encoder, base)
    return PromptLearner(base, words, embedding_width(encoder, base), metrics, design)


def cocoop_learner(encoder: ImageTextEncoder, head: Head) -> CoCoOpLearner:
    """An untrained `CoCoOpLearner` whose context takes the place of the words that the prompts of a head share."""
    base = encoder.embed_prompts(head.prompts)
    start, count = shared_words(base, word_places(encoder, base))
    return CoCoOpLearner(base, start, count, embedding_width(encoder, base))


def plain_prompts(encoder: ImageTextEncoder, head: Head) -> PlainPrompts:
    """The prompts of a head as they are."""
    return PlainPrompts(encoder.embed_prompts(head.prompts))
