"""Where published CLIPs lie on disk, and what their configurations say.

| spec | looked for |
|---|---|
| openai:NAME | $ISPTUNE_WEIGHTS (~/.cache/isptune), ~/.cache/clip, torch hub's clip and checkpoints |
| open_clip:PATH, hf:PATH | a file or folder; else an id, as openai/clip-vit-base-patch32, in the Hugging Face cache |

OpenAI's files are not downloaded; a repository of the hub is if that was allowed (see
`objectives.checkpoints.hub_cache`). What is missing is named, with its sha256 and its place.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from isptune.errors import ConfigError, MissingExtra, one_line
from objectives.checkpoints.hub_cache import model_folder
from objectives.checkpoints.reading import sha256_of, weights_folder
from objectives.encoders.clip.layouts import CHANNELS_A_HEAD, ShapeHints
from objectives.encoders.clip.preprocessing import DEVIATION, MEAN, Preprocessing
from objectives.encoders.clip.tokenizer import read_json

OPENAI_ORIGIN = "https://openaipublic.azureedge.net/clip/models"

OPENAI_SHA256 = {
    "RN50": "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
    "RN101": "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599",
    "RN50x4": "7e526bd135e493cef0776de27d5f42653e6b4c8bf9e0f653bb11773263205fdd",
    "RN50x16": "52378b407f34354e150460fe41077663dd5b39c54cd0bfd2b27167a4a06ec9aa",
    "RN50x64": "be1cfb55d75a9666199fb2206c106743da0f6468c9d327f3e0d0a543a9919d9c",
    "ViT-B/32": "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af",
    "ViT-B/16": "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f",
    "ViT-L/14": "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836",
    "ViT-L/14@336px": "3035c92b350959924f9f00213499208652fc7ea050643e8b385c2dac08641f02",
}
"""OpenAI's networks; the hash is part of the address that each is published at."""

TENSOR_FILES = (
    "model.safetensors",
    "pytorch_model.bin",
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.bin",
)


def cache_folders() -> list[Path]:
    """Where OpenAI's files are looked for, in this order."""
    hub = Path(torch.hub.get_dir())
    return [weights_folder(), Path("~/.cache/clip").expanduser(), hub / "clip", hub / "checkpoints"]


def find_openai(name: str) -> tuple[Path, str]:
    """The file of a network of OpenAI by its name, and its verified sha256.

    Raises:
        ConfigError: a file of that name with another content.
        MissingExtra: it is in none of the caches.
    """
    expected = OPENAI_SHA256[name]
    file_name = f"{name.replace('/', '-').replace('@', '-')}.pt"
    folders = cache_folders()
    for folder in folders:
        path = folder / file_name
        if path.is_file():
            actual = sha256_of(path)
            if actual != expected:
                raise ConfigError(f"{path}: its sha256 is {actual}, that of OpenAI's {name} {expected}")
            return path, actual
    raise MissingExtra(
        f"openai:{name} needs the file {file_name} (sha256 {expected}), which is not here: get it from "
        f"{OPENAI_ORIGIN}/{expected}/{file_name} and put it into {folders[1]} or {folders[0]}"
    )


def find_model(kind: str, given: str) -> tuple[Path, Path]:
    """The folder and the file of tensors that a path, or an id in the Hugging Face cache, stands for.

    Raises:
        ConfigError: neither path nor id, or a folder without tensors.
        MissingExtra: an id that is not in the cache; says how to get it.
    """
    path = Path(given).expanduser()
    if path.is_file():
        return path.parent, path
    path = model_folder(given, lambda folder: any((folder / name).is_file() for name in TENSOR_FILES))
    for name in TENSOR_FILES:
        if (path / name).is_file():
            return path, path / name
    held = ", ".join(sorted(entry.name for entry in path.iterdir())[:5]) or "nothing"
    raise ConfigError(f"{one_line(str(path))}: holds {held}; {kind} reads {', '.join(TENSOR_FILES)}")


def read_open_clip_config(folder: Path) -> tuple[ShapeHints, Preprocessing | None]:
    """What `open_clip_config.json` beside a checkpoint says, else what open_clip takes for granted.

    That is the exact GELU and heads of 64 channels; no preprocessing of its own.

    Raises:
        ConfigError: it asks for a network that is none of OpenAI's kinds.
    """
    path = folder / "open_clip_config.json"
    if not path.is_file():
        return ShapeHints(quick_gelu=False), None
    content = read_json(path)
    model = _object(content, "model_cfg", path)
    vision, text = _object(model, "vision_cfg", path), _object(model, "text_cfg", path)
    for part, key, usual in (
        (vision, "pool_type", "tok"),
        (vision, "norm_kwargs", None),
        (vision, "act_kwargs", None),
        (vision, "timm_model_name", None),
        (text, "pool_type", "argmax"),
        (text, "no_causal_mask", False),
        (text, "norm_kwargs", None),
        (text, "act_kwargs", None),
        (text, "hf_model_name", None),
        (text, "hf_tokenizer_name", None),
    ):
        if part.get(key, usual) != usual:
            raise ConfigError(f"{path}: {key} = {part[key]!r}, which OpenAI's networks have not")
    head, width = vision.get("head_width", CHANNELS_A_HEAD), vision.get("width")
    heads = None
    if isinstance(width, int) and isinstance(head, int) and head > 0:
        heads = (32 * width if isinstance(vision.get("layers"), list) else width) // head
    hints = ShapeHints(bool(model.get("quick_gelu", False)), heads, text.get("heads"))
    return hints, _open_clip_preprocessing(_object(content, "preprocess_cfg", path), vision, path)


def _open_clip_preprocessing(
    asked: dict[str, Any], vision: dict[str, Any], path: Path
) -> Preprocessing | None:
    for key, usual in (("interpolation", "bicubic"), ("resize_mode", "shortest")):
        if asked.get(key, usual) != usual:
            raise ConfigError(f"{path}: {key} = {asked[key]!r}; only {usual} is known here")
    side = asked.get("size", vision.get("image_size"))
    side = side[0] if isinstance(side, list) and side and len(set(side)) == 1 else side
    if side is None:
        return None
    if not isinstance(side, int) or side < 1:
        raise ConfigError(f"{path}: the size of pictures is {side!r}, no square")
    mean, deviation = _triple(asked, "mean", MEAN, path), _triple(asked, "std", DEVIATION, path)
    return Preprocessing(side, mean=mean, deviation=deviation)


def read_transformers_config(folder: Path) -> tuple[ShapeHints, Preprocessing]:
    """What `config.json` and, where there is one, `preprocessor_config.json` of a folder say.

    Raises:
        ConfigError: no CLIP, or a preprocessing that is not that of a CLIP.
    """
    path = folder / "config.json"
    content = read_json(path)
    if content.get("model_type") != "clip":
        raise ConfigError(f"{path}: is of the type {content.get('model_type')!r}, not 'clip'")
    vision, text = _object(content, "vision_config", path), _object(content, "text_config", path)
    activations = {part.get("hidden_act", "quick_gelu") for part in (vision, text)}
    epsilons = {part.get("layer_norm_eps", 1e-5) for part in (vision, text)}
    if len(activations) > 1 or not activations <= {"quick_gelu", "gelu"} or len(epsilons) > 1:
        raise ConfigError(f"{path}: hidden_act {activations} and layer_norm_eps {epsilons} are no CLIP's")
    hints = ShapeHints(
        quick_gelu=activations == {"quick_gelu"},
        vision_heads=vision.get("num_attention_heads", 12),
        text_heads=text.get("num_attention_heads", 8),
        epsilon=float(epsilons.pop()),
    )
    return hints, _transformers_preprocessing(folder, int(vision.get("image_size", 224)))


def _transformers_preprocessing(folder: Path, side: int) -> Preprocessing:
    path = folder / "preprocessor_config.json"
    asked = read_json(path) if path.is_file() else {}
    for key, usual in (
        ("do_resize", True),
        ("do_center_crop", True),
        ("do_normalize", True),
        ("resample", 3),
    ):
        if asked.get(key, usual) != usual:
            raise ConfigError(f"{path}: {key} = {asked[key]!r}; only {usual!r} is known here")
    short = asked.get("size", side)
    short = short.get("shortest_edge") if isinstance(short, dict) else short
    crop = asked.get("crop_size", side)
    if isinstance(crop, dict):
        crop = crop.get("height") if crop.get("height") == crop.get("width") else None
    if type(short) is not int or type(crop) is not int or not 1 <= crop <= short:
        raise ConfigError(f"{path}: resizing to {asked.get('size')} and cropping to {asked.get('crop_size')}")
    mean, deviation = _triple(asked, "image_mean", MEAN, path), _triple(asked, "image_std", DEVIATION, path)
    return Preprocessing(crop, short, mean, deviation, floor=True)


def _object(content: Mapping[str, Any], key: str, path: Path) -> dict[str, Any]:
    part = content.get(key) or {}
    if not isinstance(part, dict):
        raise ConfigError(f"{path}: {key} is {type(part).__name__}, no object")
    return part


def _triple(
    content: Mapping[str, Any], key: str, usual: tuple[float, float, float], path: Path
) -> tuple[float, float, float]:
    value = content.get(key, usual)
    try:
        red, green, blue = (float(part) for part in value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {key} = {value!r}, not three numbers") from error
    return red, green, blue
