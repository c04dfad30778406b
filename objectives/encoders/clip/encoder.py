"""Published CLIPs as image-text encoders: `openai:`, `open_clip:` and `hf:`.

Behind the name or path, words after `+` say how images are seen:

| word | images |
|---|---|
| crop | OpenAI's preprocessing: Pillow's bicubic to the trained size, the square in the middle; with positions |
| native | whole, at their own size, without positions: what CLIP-IQA does with its residual network |
| positions | whole, at their own size, with the table of positions stretched as CLIP-IQA publishes it |
| bf16 | computed in bfloat16 where torch's autocast does; else float32 |
| quickgelu | open_clip only: OpenAI's activation where no configuration says so |

Residual networks see images `native` unless told otherwise, vision transformers see a `crop`. A crop is made of
the picture as it is saved with 8 bits; it shows neither the margins nor detail below the trained size, which is
why CLIP-IQA leaves it out. Examples: `openai:RN50`, `openai:ViT-B/32`, `openai:RN50+crop`, `hf:PATH+bf16`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float

from isptune.arrays import Images
from isptune.errors import ConfigError, ScoreError
from objectives.checkpoints.reading import read_checkpoint, sha256_of
from objectives.encoders.clip.files import (
    OPENAI_SHA256,
    cache_folders,
    find_model,
    find_openai,
    read_open_clip_config,
    read_transformers_config,
)
from objectives.encoders.clip.layouts import ShapeHints, from_transformers, load_clip
from objectives.encoders.clip.networks import Clip, ModifiedResNet
from objectives.encoders.clip.preprocessing import Preprocessing
from objectives.encoders.clip.tokenizer import Tokenizer, find_tokenizer
from objectives.encoders.interface import Embeddings, Prompts

SOURCE = (
    "Radford et al. 2021, CLIP: Learning transferable visual models from natural language supervision, "
    "arXiv:2103.00020"
)

VIEWS = ("crop", "native", "positions")

_PIXELS_AT_ONCE = {"cpu": 1_000_000, "cuda": 8_000_000}
"""A residual network keeps about 300 bytes a pixel. Fixed, so that rounding does not depend on free memory."""


@final
@dataclass(eq=False)
class ClipEncoder:
    """A frozen CLIP. It moves to where the tensors are that it is given.

    Attributes:
        name: the spec that it was asked for with.
        network: both towers.
        tokenizer: words to numbers.
        preprocessing: what the network was trained with.
        view: one of `VIEWS`.
        bf16: whether images and prompts are computed in bfloat16.
        weights: file name -> sha256.
        temperature: exp(logit_scale), 100 in all of OpenAI's.
    """

    name: str
    network: Clip
    tokenizer: Tokenizer
    preprocessing: Preprocessing
    view: str
    bf16: bool
    weights: Mapping[str, str]
    source: str = SOURCE
    temperature: float = field(init=False)

    def __post_init__(self) -> None:
        self.temperature = float(self.network.logit_scale.exp())

    @torch.no_grad()
    def encode_images(self, images: Images) -> Embeddings:
        """One embedding an image, seen as `view` says; portion by portion, as much as memory takes.

        Raises:
            ScoreError: an image at its own size is smaller than one patch, or than 32 pixels in a residual network.
        """
        height, width = images.shape[-2:]
        smallest = self.network.visual.smallest_side
        if self.view != "crop" and min(height, width) < smallest:
            raise ScoreError(
                f"{self.name} needs {smallest} pixels a side at an image's own size; images are {width}x{height}"
            )
        self._move(images.device)
        pixels = (
            max(self.preprocessing.side**2, height * width // 4) if self.view == "crop" else height * width
        )
        at_once = _PIXELS_AT_ONCE.get(images.device.type, _PIXELS_AT_ONCE["cpu"])
        encoded = [self._encode(portion) for portion in images.split(max(1, at_once // max(pixels, 1)))]
        return torch.cat(encoded) if encoded else images.new_zeros(0, self.network.text_projection.shape[1])

    def _encode(self, images: Images) -> Embeddings:
        cropped = self.view == "crop"
        pixels = self.preprocessing.crop(images) if cropped else self.preprocessing.normalise(images)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self.bf16):
            embeddings = self.network.visual(pixels, positions=self.view != "native")
        return F.normalize(embeddings.float(), dim=1)

    def embed_prompts(self, prompts: Sequence[str]) -> Prompts:
        """Words to token embeddings, on the CPU, between the marks of start and end, padded to the context.

        Raises:
            ConfigError: an empty prompt, or one that is too long.
        """
        if not prompts:
            raise ConfigError(f"{self.name} was given no prompts")
        tokens, ends = self.tokenizer.batch(prompts, len(self.network.positional_embedding))
        return Prompts(F.embedding(tokens, self.network.token_embedding.weight.cpu()), ends)

    def encode_prompts(self, prompts: Prompts) -> Float[torch.Tensor, "batch embedding"]:
        """One embedding a prompt; differentiable with respect to the token embeddings."""
        device = prompts.embeddings.device
        self._move(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.bf16):
            embeddings = self.network(prompts.embeddings, prompts.ends.to(device))
        return F.normalize(embeddings.float(), dim=1)

    def _move(self, device: torch.device) -> None:
        if self.network.logit_scale.device != device:
            self.network.to(device)


def openai(argument: str | None) -> ClipEncoder:
    """A network of OpenAI by its name, from a cache, or in a file: `RN50`, `ViT-B/32`, `models/mine.pt`.

    Raises:
        ConfigError: no name or path, or a file in another layout.
        MissingExtra: the weights or the tokenizer's table are not here; says how to get them.
    """
    given, words = _split("openai", argument, (*VIEWS, "bf16"))
    if given in OPENAI_SHA256:
        path, digest = find_openai(given)
        tokenizer = find_tokenizer(None, cache_folders())
    else:
        path = Path(given).expanduser()
        if not path.is_file():
            raise ConfigError(
                f"openai:{given}: no such file, and no network of OpenAI; these are {', '.join(OPENAI_SHA256)}"
            )
        digest = sha256_of(path)
        tokenizer = find_tokenizer(path.parent, cache_folders())
    network = load_clip(read_checkpoint(path), path)
    return _encoder(f"openai:{argument}", network, tokenizer, None, words, {path.name: digest})


def open_clip(argument: str | None) -> ClipEncoder:
    """A checkpoint of open_clip in OpenAI's layout, with `open_clip_config.json` beside it or without.

    Without it the activation is the exact GELU, as open_clip has it; `+quickgelu` says otherwise.

    Raises:
        ConfigError, MissingExtra: as for `openai`.
    """
    given, words = _split("open_clip", argument, (*VIEWS, "bf16", "quickgelu"))
    folder, path = find_model("open_clip", given)
    hints, preprocessing = read_open_clip_config(folder)
    if "quickgelu" in words:
        hints = ShapeHints(True, hints.vision_heads, hints.text_heads, hints.epsilon)
    network = load_clip(read_checkpoint(path), path, hints)
    tokenizer = find_tokenizer(folder, cache_folders())
    return _encoder(
        f"open_clip:{argument}", network, tokenizer, preprocessing, words, {path.name: sha256_of(path)}
    )


def hugging_face(argument: str | None) -> ClipEncoder:
    """A folder with a `CLIPModel` of Hugging Face transformers, or such a repository in its cache.

    Raises:
        ConfigError, MissingExtra: as for `openai`.
    """
    given, words = _split("hf", argument, (*VIEWS, "bf16"))
    folder, path = find_model("hf", given)
    hints, preprocessing = read_transformers_config(folder)
    network = load_clip(from_transformers(read_checkpoint(path)), path, hints)
    tokenizer = find_tokenizer(folder, cache_folders())
    return _encoder(f"hf:{argument}", network, tokenizer, preprocessing, words, {path.name: sha256_of(path)})


def _split(kind: str, argument: str | None, known: tuple[str, ...]) -> tuple[str, list[str]]:
    """A name or path and the words behind it. Raises ConfigError."""
    given, *words = (argument or "").split("+")
    while words and words[0] not in known and (words[0].strip() == "" or "/" in words[0] or "." in words[0]):
        given = f"{given}+{words.pop(0)}"  # a plus in a path
    unknown = [word for word in words if word not in known]
    if unknown:
        raise ConfigError(f"{kind}:{argument}: unknown word {unknown[0]!r}; known: {', '.join(known)}")
    if not given:
        raise ConfigError(f"{kind} needs a name or a path: {kind}:PATH")
    if sum(word in VIEWS for word in words) > 1:
        raise ConfigError(f"{kind}:{argument}: images are seen in one way: {', '.join(VIEWS)}")
    return given, words


def _encoder(
    name: str,
    network: Clip,
    tokenizer: Tokenizer,
    preprocessing: Preprocessing | None,
    words: list[str],
    weights: dict[str, str],
) -> ClipEncoder:
    rows = network.token_embedding.num_embeddings
    if tokenizer.size > rows:
        raise ConfigError(
            f"{name}: its tokenizer ({', '.join(tokenizer.files)}) has {tokenizer.size} tokens, "
            f"the network embeds {rows}"
        )
    views = [word for word in words if word in VIEWS]
    usual = "native" if isinstance(network.visual, ModifiedResNet) else "crop"
    return ClipEncoder(
        name=name,
        network=network,
        tokenizer=tokenizer,
        preprocessing=preprocessing or Preprocessing(network.visual.side),
        view=views[0] if views else usual,
        bf16="bf16" in words,
        weights={**weights, **tokenizer.files},
    )
