"""Scenes of two captures: `pair:NOISY?clean=CLEAN[&set=FILE&crop=WxH]`.

The reference is what the pipeline itself makes of the clean capture, so that tone and colour are its own, and noise,
detail and artefacts alone are compared.
"""

import hashlib
from dataclasses import replace

import numpy as np
import torch

from isptune.errors import SceneError
from isptune.scenes.images import refuse_too_large
from isptune.scenes.pairs.cells import mosaic
from isptune.scenes.pairs.overlay import Overlay, Window, overlay
from isptune.scenes.pairs.shots import Shot, clean_specs, read_shot, refuse_strangers, zero_tags
from isptune.scenes.raw_capture import (
    NoiseModel,
    RawCapture,
    centre_of_about,
    on_grid,
    with_measured_brightness,
)
from isptune.scenes.scene import RAW_PIXELS, RenderedReference, Scene, raw_scene, window_of
from isptune.spec import refuse_unknown, split_options

_OPTIONS = {
    "clean": "a raw file of the same scene, a pattern for several, or a folder",
    "set": "a file of values at which the clean shot is rendered; the starting set without it",
    "crop": "WxH, WxH+X+Y or full",
}

BORDER = 2
"""Pixels at the edge that have no reference where the clean shot is moved by a part of a pixel."""


def pair(argument: str | None) -> list[Scene]:
    """The scene of `pair:NOISY?clean=CLEAN`: see the page "Tune your camera".

    Raises:
        SceneError: a shot is missing or cannot be read, they are of two cameras, sizes or focal lengths, more than half
            of the picture is not in both, or the clean one is the noisier.
        ConfigError: an option that is unknown.
    """
    name, options = split_options(argument)
    refuse_unknown("pair", options, _OPTIONS)
    if not name or not options.get("clean"):
        raise SceneError(
            "'pair' needs two shots of one scene: pair:NOISY.dng?clean=CLEAN.dng, or clean='shots/*.dng'"
        )
    noisy = read_shot(name)
    specs = clean_specs(options["clean"], name)
    window = _window(options.get("crop"), noisy)
    cleans = []
    for spec in specs:
        clean = read_shot(spec)
        refuse_strangers(noisy, clean)
        cleans.append(clean)
    found = overlay(noisy, cleans, window)
    return [_scene(noisy, cleans, found, options.get("set"))]


def _window(crop: str | None, noisy: Shot) -> Window:
    """The middle of a file, or the crop that was asked for; of a scene all that it holds."""
    size = noisy.capture.size
    if crop == "full" or (crop is None and not noisy.measure):
        window = (0, 0, *size)
    elif crop is None:
        window = centre_of_about(size, RAW_PIXELS)
    else:
        left, top, width, height = on_grid(*window_of(crop, size, noisy.name))
        window = left, top, width, height
    refuse_too_large(noisy.name, window[2], window[3])
    return window


def _scene(noisy: Shot, cleans: list[Shot], found: Overlay, set_file: str | None) -> Scene:
    own = noisy.capture.cropped(*found.window)
    clean = _clean_capture(own, cleans[0].capture.noise, found)
    if noisy.measure:  # once for both, on the one without noise
        clean = with_measured_brightness(clean)
        own = replace(own, baseline_ev=clean.baseline_ev)
    x, y, *size = found.window
    facts = {key: noisy.facts[key] for key in ("file", "path", "white_balance", "iso") if key in noisy.facts}
    facts["window"] = (x + noisy.origin[0], y + noisy.origin[1], *size)
    facts["note"] = _in_words(cleans, found)
    facts["offset_px"] = (found.offset.x, found.offset.y)
    facts["masked_share"] = float(found.masked.mean())
    told = [*zero_tags([noisy, *cleans]), *found.warnings]
    for shot in (noisy, *cleans):
        told = [*shot.facts.get("warnings", ()), *told]
    facts["warnings"] = tuple(dict.fromkeys(told))
    rendered = RenderedReference(
        raw_scene(f"{noisy.name}_clean", clean), found.residual, set_file, _digest(set_file)
    )
    scene = raw_scene(noisy.name, own, None, **facts)
    return replace(scene, rendered=rendered, masked=_mask(found))


def _clean_capture(own: RawCapture, noise: NoiseModel | None, found: Overlay) -> RawCapture:
    """The clean mean with the levels, the colours and the lens of the noisy capture."""
    samples = mosaic(np.clip(found.clean, None, 1.0))
    black = own.black_levels
    numbers = (black + samples * (own.white - black)).float()
    model = None
    if noise is not None and found.frames > 0:
        gain = found.ratio
        model = NoiseModel(noise.shot * gain / found.frames, noise.read * gain**2 / found.frames)
    return replace(own, mosaic=numbers.contiguous(), noise=model)


def _mask(found: Overlay) -> torch.Tensor | None:
    """By pixels, [1, 1, H, W]; None where everything can be compared."""
    masked = found.masked.repeat(2, 0).repeat(2, 1)
    if max(map(abs, found.residual)) > 0:
        masked[:BORDER], masked[-BORDER:] = True, True
        masked[:, :BORDER], masked[:, -BORDER:] = True, True
    return torch.from_numpy(masked)[None, None] if masked.any() else None


def _in_words(cleans: list[Shot], found: Overlay) -> str:
    """What was found out about the shots, in one line."""
    x, y = found.offset[:2]
    many = f"the mean of {found.used} clean shots" if found.used > 1 else cleans[0].name
    return (
        f"compared with the pipeline's picture of {many}; it lies {x:+z.2f}, {y:+z.2f} px beside the noisy shot, "
        f"of which {found.residual[0]:+z.2f}, {found.residual[1]:+z.2f} px are left after a shift by whole "
        f"filter periods and taken out of the picture; samples x{found.ratio:.4g} ({found.how}); "
        f"noise {100 * found.noise[1]:.2g} % of the range against {100 * found.noise[0]:.2g} %; "
        f"{100 * float(found.masked.mean()):.3g} % masked"
    )


def _digest(set_file: str | None) -> str:
    if set_file is None:
        return ""
    try:
        with open(set_file, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SceneError(
            f"set={set_file}: cannot be read: {error.strerror}; give a file of values"
        ) from error
