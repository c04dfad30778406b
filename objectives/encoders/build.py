"""Which image-text encoder a spec names.

| spec | encoder |
|---|---|
| lite | our own on a pretrained network (EfficientNet-Lite0); knows words about image quality and what cameras make |
| bundled | our older compact one; knows words about image quality, no objects |
| openai:RN50, openai:ViT-B/32, openai:ViT-L/14 | OpenAI's CLIP in its own file, from the cache or a path |
| open_clip:PATH | a checkpoint of open_clip |
| hf:PATH | a folder with a CLIP in the layout of Hugging Face transformers |

Words behind a `+` say how published networks see images: see `objectives.encoders.clip.encoder`.
"""

from collections.abc import Callable

from isptune.errors import UnknownName
from objectives.encoders.interface import ImageTextEncoder


def build_encoder(spec: str | None = None) -> ImageTextEncoder:
    """The encoder that a spec names; None stands for the bundled one.

    Raises:
        UnknownName: there is no such kind of encoder.
        ConfigError: a file that cannot be used.
        MissingExtra: weights or a package that are not here; says how to get them.
    """
    kind, colon, argument = (spec or "bundled").partition(":")
    if kind not in _KINDS:
        raise UnknownName("image-text encoder", kind, list(_KINDS))
    return _KINDS[kind](argument if colon else None)


def _bundled(argument: str | None) -> ImageTextEncoder:
    from objectives.encoders.bundled_encoder import build

    return build(argument)


def _lite(argument: str | None) -> ImageTextEncoder:
    from objectives.encoders.lite_encoder import build

    return build(argument)


def _openai(argument: str | None) -> ImageTextEncoder:
    from objectives.encoders.clip.encoder import openai

    return openai(argument)


def _open_clip(argument: str | None) -> ImageTextEncoder:
    from objectives.encoders.clip.encoder import open_clip

    return open_clip(argument)


def _hugging_face(argument: str | None) -> ImageTextEncoder:
    from objectives.encoders.clip.encoder import hugging_face

    return hugging_face(argument)


_KINDS: dict[str, Callable[[str | None], ImageTextEncoder]] = {
    "lite": _lite,
    "bundled": _bundled,
    "openai": _openai,
    "open_clip": _open_clip,
    "hf": _hugging_face,
}
