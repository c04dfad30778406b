"""Your camera, photographing a picture whose truth is known: scenes `twin:PHOTO?like=SHOT`.

The reference is the photograph where the pipeline is neutral, as `raw` is; a pipeline with a tone of its own is
compared with its own picture of the twin without noise.

A photograph is reduced, so that it is sharp to the last pixel, blurred by the point spread of a lens, taken back into
the colours of the camera (`unprocessing.py`), and exposed on its sensor with its noise (`sensor_noise.py`).
"""

import math
import zlib
from dataclasses import dataclass, replace
from typing import Any

from isptune.arrays import Images
from isptune.errors import SceneError
from isptune.scenes.camera_profile import NoiseAtISO
from isptune.scenes.color import linear_to_srgb, srgb_to_linear
from isptune.scenes.raw_capture import MIN_SIDE, Optics, RawCapture, centre_of_about, on_grid
from isptune.scenes.scene import (
    RAW_PIXELS,
    RenderedReference,
    Scene,
    crop_scene,
    load_scenes,
    map_regions,
    photograph,
    raw_scene,
)
from isptune.spec import refuse_unknown, split_options
from pipelines.raw.optics import blurred, reduced
from pipelines.raw.sensor_noise import exposed
from pipelines.raw.twin_camera import TwinCamera, twin_camera
from pipelines.raw.unprocessing import mosaic_of, number, sensor_light

DEFAULT_PSF = 0.5
"""Pixels, where nobody measured it: with the pixel's own aperture the response falls to one half at 0.32 cycles a
pixel, as behind a good lens."""

OPTIONS = {
    "like": "SHOT, a raw file of the camera",
    "noise": "off or SCALE,OFFSET",
    "profile": "FILE of isptune calibrate noise",
    "camera": "NAME in darktable's noise profiles",
    "noiseprofiles": "FILE, a noiseprofiles.json other than the installed one",
    "iso": "N",
    "scale": "what the variance is multiplied by",
    "row": "auto, off or a standard deviation in shares of the range",
    "column": "as row",
    "hot": "auto, off or the share of samples",
    "greens": "auto, off or by which share those beside blue are brighter",
    "quantise": "on or off",
    "below": "auto, kept or cut: noise below black",
    "psf": "off or a standard deviation in pixels",
    "reduce": "by which the photograph is reduced, 2",
    "resize": "N or WxH in place of reduce",
    "crop": "WxH, WxH+X+Y or full, of the reduced photograph",
    "reference": "photograph, or isp: what the pipeline makes of the twin without noise",
    "target": "sharp or lens: the reference without or with the blur of the lens",
    "seed": "of the noise, 0 or more",
}
"""The keys of the source `twin`, and what they take."""


@dataclass(frozen=True)
class PointSpread:
    """A standard deviation in pixels, and where it comes from."""

    sigma_px: float
    source: str


def build(argument: str | None) -> list[Scene]:
    """`twin:PHOTO?like=SHOT[&profile=FILE&iso=3200&psf=0.6&...]`: a photograph as this camera would record it.

    Raises:
        SceneError: no photograph, a shot that is no raw file, a camera whose noise nobody knows, or an option that is
            out of range.
        ConfigError: an option that is unknown.
    """
    path, options = split_options(argument)
    if not path:
        raise SceneError("'twin' needs a photograph: twin:PHOTO?like=SHOT.dng")
    refuse_unknown("twin", options, OPTIONS)
    seed = int(number(options.get("seed", "0"), "seed", 0, 2**31))
    kind, target = (
        _one_of(options, "reference", "photograph", "isp"),
        _one_of(options, "target", "sharp", "lens"),
    )
    camera = twin_camera(options)
    photo = _small(path, options, camera)
    spread = _point_spread(options, camera)
    sharp = srgb_to_linear(photo.image.double())
    if camera.mono:
        sharp = sharp.mean(1, keepdim=True).expand(-1, 3, -1, -1).contiguous()
    through_lens = blurred(sharp, spread.sigma_px)
    noise_seed = zlib.crc32(f"{seed} {photo.name}".encode())  # torch's generator takes 32 bits
    capture = take(through_lens, camera, noise_seed)
    picture = linear_to_srgb(through_lens if target == "lens" else sharp).clamp(0, 1).float()
    scene = raw_scene(_name(photo, camera), capture, picture, **_facts(photo, camera, spread))
    if kind == "photograph":
        return [scene]
    clean = _clean(scene, sharp if target == "sharp" else through_lens, camera)
    # Files have the camera's order of filters where what they become is compared with what such files become.
    own = replace(
        scene, metadata={**scene.metadata, "cfa": camera.cfa}, reference=None if kind == "isp" else picture
    )
    return [replace(own, rendered=RenderedReference(clean, unless_neutral=kind is None))]


def _one_of(options: dict[str, str], key: str, first: str, second: str) -> str | None:
    """One of two words, or None where it is not said."""
    said = options.get(key)
    if said not in (None, first, second):
        raise SceneError(f"{key} = {said!r} is neither {first} nor {second}")
    return said


def _clean(scene: Scene, light: Images, camera: TwinCamera) -> Scene:
    """The same shot by a sensor without noise."""
    silent = NoiseAtISO(camera.noise.iso, 0.0, 0.0)
    return raw_scene(f"{scene.name}_clean", take(light, replace(camera, noise=silent), 0), cfa=camera.cfa)


def take(light: Images, camera: TwinCamera, seed: int) -> RawCapture:
    """What the camera records of linear light, [1, 3, H, W], even sides; no noise of a camera without any."""
    colours, readout = camera.colours, camera.readout
    clean = light[:, :1] / colours.gain if camera.mono else mosaic_of(sensor_light(light, colours))
    numbers = exposed(clean, camera.noise, readout, seed)
    height, width = numbers.shape[-2:]
    return RawCapture(
        numbers,
        readout.black,
        readout.white,
        colours.white_balance,
        colours.matrix,
        math.log2(colours.gain),
        camera.noise.model if max(camera.noise.model) > 0 else None,
        Optics(width / 2, height / 2, math.hypot(width, height) / 2),
        camera.mono,
    )


def _small(path: str, options: dict[str, str], camera: TwinCamera) -> Scene:
    """The photograph, reduced and cut to the camera's frame or, without a crop, to a megapixel of it."""
    photo = load_scenes([path])[0]
    if photo.raw is not None:
        raise SceneError(
            f"{path}: is a raw file already; twins are made of photographs, and of raw files by like="
        )
    if "resize" in options:
        if "reduce" in options:
            raise SceneError("twin: reduce and resize both say the size; give one of them")
        photo = load_scenes([photo], None, options["resize"])[0]
    else:
        photo = _reduced(photo, number(options.get("reduce", "2"), "reduce", 1, 64))
    crop, size = options.get("crop"), (photo.image.shape[-1], photo.image.shape[-2])
    if crop is None or crop == "full":
        frame = camera.size or size
        width, height = on_grid(min(size[0], frame[0]), min(size[1], frame[1]))
        if crop is None:
            width, height = centre_of_about((width, height), RAW_PIXELS)[2:]
        crop = f"{width}x{height}"
        if min(width, height) < MIN_SIDE:
            raise SceneError(f"{path}: {size[0]}x{size[1]} after it was reduced is too small; give reduce=1")
    photo = crop_scene(photo, crop)
    width, height = on_grid(photo.image.shape[-1], photo.image.shape[-2])
    return crop_scene(photo, f"{width}x{height}+0+0")


def _reduced(photo: Scene, factor: float) -> Scene:
    """The photograph on larger pixels, in linear light, with what is known of its parts."""
    if factor == 1:
        return photo
    height, width = (max(1, round(n / factor)) for n in photo.image.shape[-2:])
    small = linear_to_srgb(reduced(srgb_to_linear(photo.image.double()), height, width)).clamp(0, 1).float()
    across, down = width / photo.image.shape[-1], height / photo.image.shape[-2]
    scene = photograph(photo.name, small, **photo.metadata)
    return map_regions(scene, lambda corner: (corner[0] * across, corner[1] * down))


def _point_spread(options: dict[str, str], camera: TwinCamera) -> PointSpread:
    said = options.get("psf")
    if said == "off":
        return PointSpread(0.0, "off")
    if said is not None:
        return PointSpread(number(said, "psf", 0, 20), "given")
    if camera.profile is not None and camera.profile.psf is not None:
        return PointSpread(camera.profile.psf, "measured")
    return PointSpread(DEFAULT_PSF, "default")


def _name(photo: Scene, camera: TwinCamera) -> str:
    return f"{photo.name}_iso{camera.noise.iso:g}" if camera.noise.iso else f"{photo.name}_twin"


def _facts(photo: Scene, camera: TwinCamera, spread: PointSpread) -> dict[str, Any]:
    """What is known of a twin besides its samples."""
    told = (*photo.metadata.get("warnings", ()), *camera.warnings)
    if spread.source == "default":
        told += (
            f"twin: the point spread is a default, psf={DEFAULT_PSF:g}; isptune calibrate optics measures one",
        )
    facts = {key: photo.metadata[key] for key in ("regions",) if key in photo.metadata}
    if camera.noise.iso:
        facts["iso"] = camera.noise.iso
    return {
        **facts,
        "file": photo.name,
        "camera": camera.name,
        "psf": spread.sigma_px,
        "psf_from": spread.source,
        "noise": tuple(
            getattr(camera.noise, key) for key in ("shot", "read", "row", "column", "hot", "greens")
        ),
        "warnings": told,
    }
