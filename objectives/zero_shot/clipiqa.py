"""CLIP-IQA: which of two opposite descriptions fits an image better.

| spec | score |
|---|---|
| clipiqa:bundled | "Good photo." against "Bad photo.", by the bundled encoder; it stands in for plain clipiqa |
| clipiqa:encoder=openai:RN50 | the published metric |
| clipiqa:sharpness | another pair of the paper; `attribute=` may stand in front |
| clipiqa:prompts=pairs.txt | own pairs, one a line as `Good image | bad image`; the mean of their probabilities |
| clipiqa:prompts=iter_80000.pth,encoder=openai:RN50 | CLIP-IQA+: learned contexts around the pair |

Higher is better in every attribute of quality. The published code's pair for noise is ("Noisy photo.", "Clean
photo."), high where there is noise; ours is the other way round, so that a clean image scores high. The pairs
about what a picture shows keep the published order: the first word scores high, be it better or not.

Images are seen at their own size by a residual network, without positions, as published; see
`objectives.encoders.clip.encoder` for other ways. For the large pictures of SPAQ the authors resized the shorter side
to 512; nothing is resized here.

Source: Wang, Chan and Loy 2023, Exploring CLIP for assessing the look and feel of images, arXiv:2207.12396.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from isptune.arrays import Images, Scores
from isptune.errors import ConfigError, UnknownName, one_line
from isptune.facts import ObjectiveFacts
from isptune.scenes.scene import Scene
from objectives.checkpoints.reading import read_checkpoint, sha256_of
from objectives.encoders.build import build_encoder
from objectives.encoders.interface import Embeddings, ImageTextEncoder, Prompts
from objectives.no_reference.objective import score_finite
from objectives.options import bundled_stand_in, with_encoder_word

FACTS = ObjectiveFacts(
    direction="maximize",
    range=(0.0, 1.0),
    unit="probability of the better description",
    source="Wang, Chan and Loy 2023, Exploring CLIP for assessing the look and feel of images, arXiv:2207.12396",
)

ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "quality": ("Good photo.", "Bad photo."),
    "brightness": ("Bright photo.", "Dark photo."),
    "sharpness": ("Sharp photo.", "Blurry photo."),
    "noisiness": ("Clean photo.", "Noisy photo."),
    "colorfulness": ("Colorful photo.", "Dull photo."),
    "contrast": ("High contrast photo.", "Low contrast photo."),
    "aesthetic": ("Aesthetic photo.", "Not aesthetic photo."),
    "happy": ("Happy photo.", "Sad photo."),
    "natural": ("Natural photo.", "Synthetic photo."),
    "new": ("New photo.", "Old photo."),
    "scary": ("Scary photo.", "Peaceful photo."),
    "complex": ("Complex photo.", "Simple photo."),
}
"""The paper's pairs, the description that scores high first."""

_LEARNED = (".pth", ".pt", ".ckpt", ".safetensors")


@final
@dataclass(frozen=True, eq=False)
class ClipIqa:
    """The probability of the first description of each pair, averaged over the pairs.

    Attributes:
        encoder: frozen.
        descriptions: embeddings of the prompts, the two of a pair one after the other.
        facts: with the weights of the encoder and, if learned, of the prompts.
    """

    encoder: ImageTextEncoder
    descriptions: Float[Tensor, "prompts embedding"]
    facts: ObjectiveFacts = FACTS

    @torch.no_grad()
    def score(self, images: Images, scene: Scene) -> Scores:
        """One probability an image; NaN for an image that holds one.

        Raises:
            ScoreError: the images are too small for the encoder.
        """
        return score_finite(self._probabilities, images)

    def _probabilities(self, images: Images) -> Scores:
        descriptions = self.descriptions.to(images.device)
        cosines = self.encoder.encode_images(images) @ descriptions.mT  # (1) of the paper
        pairs = (self.encoder.temperature * cosines).unflatten(1, (-1, 2))
        return pairs.softmax(2)[:, :, 0].mean(1)  # (2)


OPTIONS = {"encoder": "", "attribute": "", "prompts": ""}


@final
class Build:
    """CLIP-IQA from a spec: `encoder=SPEC,attribute=NAME,prompts=FILE`; `clipiqa:bundled` is `encoder=bundled`."""

    def stand_in(self, argument: str | None) -> tuple[str, str] | None:
        """The bundled encoder, where none is named. Raises ConfigError."""
        return bundled_stand_in("clipiqa", argument, OPTIONS, "attribute")

    def __call__(self, argument: str | None = None) -> ClipIqa:
        """Build the objective.

        Raises:
            ConfigError: an unknown option, a file of prompts that is empty or in another layout.
            UnknownName: no such attribute or encoder.
            MissingExtra: the encoder's weights are not here.
        """
        return _built(with_encoder_word("clipiqa", argument, OPTIONS, "attribute"))


clipiqa = Build()


def _built(options: Mapping[str, str]) -> ClipIqa:
    attribute, file = options["attribute"], options["prompts"]
    if attribute and file:
        raise ConfigError(f"clipiqa takes attribute={attribute} or prompts={file}, not both")
    if attribute and attribute not in ATTRIBUTES:
        raise UnknownName("attribute of clipiqa", attribute, list(ATTRIBUTES))
    path = Path(file).expanduser()
    pairs = (
        read_pairs(path)
        if file and path.suffix.lower() not in _LEARNED
        else [ATTRIBUTES[attribute or "quality"]]
    )
    encoder = build_encoder(options["encoder"] or None)
    if file and path.suffix.lower() in _LEARNED:
        prompts = with_learned_context(encoder, pairs[0], read_learned_context(path), path)
    else:
        prompts = encoder.embed_prompts([prompt for pair in pairs for prompt in pair])
    files = {path.name: sha256_of(path)} if file else {}
    facts = replace(FACTS, weights={**encoder.weights, **files})
    return ClipIqa(encoder, encode_frozen(encoder, prompts), facts)


def encode_frozen(encoder: ImageTextEncoder, prompts: Prompts) -> Embeddings:
    """Embeddings of prompts that will not change."""
    with torch.no_grad():
        return encoder.encode_prompts(prompts)


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Pairs of prompts, one a line as `better | worse`; empty lines and those that begin with # do not count.

    Raises:
        ConfigError: the file cannot be read, has a line of another form, or no pair.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{one_line(str(path))}: cannot be read as prompts: {error}") from error
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 2 or not all(parts):
            raise ConfigError(
                f"{one_line(str(path))}, line {number}: {one_line(line[:60])!r} is not `better | worse`"
            )
        pairs.append((parts[0], parts[1]))
    if not pairs:
        raise ConfigError(f"{one_line(str(path))}: holds no prompts; a line is `better | worse`")
    return pairs


def read_learned_context(path: Path) -> Float[Tensor, "pair context width"]:
    """The context that CLIP-IQA+ learned: the same for both prompts of the pair, or one for each.

    Known files: a bare tensor [16, width] (CLIP-IQA+ on RN50, as pyiqa distributes it), one of
    [2, 16, width] or a state with `prompt_learner.ctx` (pyiqa's CLIPIQA+ networks), and the authors' training state,
    where the name has a longer prefix. The embedded words that lie beside it are ignored, as the authors do.

    Raises:
        ConfigError: the file cannot be read, or holds no such context.
    """
    state = read_checkpoint(path)
    names = [name for name in state if name in ("", "ctx") or name.endswith("prompt_learner.ctx")]
    if len(names) != 1:
        held = ", ".join(one_line(name[:60]) or "a bare tensor" for name in list(state)[:3])
        raise ConfigError(
            f"{one_line(str(path))}: has {len(names)} learned contexts (prompt_learner.ctx), not 1; its first names "
            f"are {held}"
        )
    context = state[names[0]].float()
    if context.ndim == 2:
        context = context.expand(2, -1, -1)
    if context.ndim != 3 or len(context) != 2 or 0 in context.shape or not bool(context.isfinite().all()):
        raise ConfigError(
            f"{one_line(str(path))}: a context of shape {list(context.shape)}; known are [tokens, width] and "
            "[2, tokens, width], finite"
        )
    return context


def with_learned_context(
    encoder: ImageTextEncoder,
    pair: Sequence[str],
    context: Float[Tensor, "pair context width"],
    path: Path,
) -> Prompts:
    """Half of the context before the words, half behind them, as CLIP-IQA+ was trained.

    There the words were tokenized with one more full stop at the end, and as many of their tokens were taken for
    the words as there are without it; the rest, if any, stands behind the context with the end.

    Args:
        encoder: whose first token marks the start, as CLIP's does.
        pair: the words.
        context: learned, before positions are added.
        path: of the context, for messages.

    Raises:
        ConfigError: the encoder's tokens have another width, or too few fit.
    """
    plain = encoder.embed_prompts(list(pair))
    dotted = encoder.embed_prompts([f"{words}." for words in pair])
    count, width = context.shape[1:]
    tokens = dotted.embeddings.shape[1]
    if width != dotted.embeddings.shape[2]:
        raise ConfigError(
            f"{one_line(str(path))}: a context of width {width}; the tokens of {encoder.name} have "
            f"{dotted.embeddings.shape[2]}"
        )
    if int(dotted.ends.max()) + count >= tokens:
        raise ConfigError(
            f"{one_line(str(path))}: {count} tokens of context; {encoder.name} takes {tokens} in all"
        )
    rows = []
    for row, learned, end in zip(dotted.embeddings, context.to(dotted.embeddings), plain.ends, strict=True):
        words = int(end) - 1
        parts = (row[: 1 + words], learned[count // 2 :], row[1 + words : tokens - count])
        rows.append(torch.cat([parts[0][:1], learned[: count // 2], parts[0][1:], *parts[1:]]))
    return Prompts(torch.stack(rows), dotted.ends + count)
