"""The stages of the raw ISP in their order, with their params: what each is, its unit, range and default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from torch.nn.functional import pixel_shuffle

from isptune.scenes.raw_capture import NoiseModel, Optics, RawCapture
from isptune.space import Choice, Integer, Param, Real
from pipelines.raw.stages import color, demosaic, finish, local_contrast, raw_denoise, sensor, tone
from pipelines.raw.stages.planes import where_active

Knobs = Mapping[str, Tensor | str]
"""The values of one stage, by the name after the dot: [batch], or one choice for all."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A capture with its noise."""

    capture: RawCapture
    noise: NoiseModel

    @property
    def optics(self) -> Optics:
        """Where the lens points: the middle where it is not known."""
        width, height = self.capture.size
        return self.capture.optics or Optics(width / 2, height / 2, (width**2 + height**2) ** 0.5 / 2)


@dataclass(frozen=True)
class Stage:
    """One step of the chain.

    Attributes:
        name: as in the names of its params.
        run: from what the stage before gave to what the next one takes; treats images independently.
        params: its knobs.
    """

    name: str
    run: Callable[[Tensor, Any, Shot], Tensor]
    params: tuple[Param, ...] = field(default=())


def _black(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return sensor.black_level(x, shot.capture.black, shot.capture.white, k["offset"])


def _defects(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return where_active(sensor.defective_pixels, x, k["threshold"] < 1, k["threshold"])


def _shading(x: Tensor, k: Any, shot: Shot) -> Tensor:
    def run(x: Tensor, gain: Tensor, power: Tensor) -> Tensor:
        return sensor.lens_shading(x, shot.optics, gain, power)

    return where_active(run, x, k["gain"] > 0, k["gain"], k["power"])


def _raw_denoise(x: Tensor, k: Any, shot: Shot) -> Tensor:
    def run(x: Tensor, luma: Tensor, chroma: Tensor) -> Tensor:
        return raw_denoise.raw_denoise(x, shot.noise, luma, chroma)

    return where_active(run, x, (k["luma"] > 0) | (k["chroma"] > 0), k["luma"], k["chroma"])


def _white_balance(x: Tensor, k: Any, shot: Shot) -> Tensor:
    if shot.capture.mono:
        return x  # four samples of one grey
    return sensor.white_balance(x, shot.capture.white_balance, k["red"], k["blue"])


def _demosaic(x: Tensor, k: Any, shot: Shot) -> Tensor:
    if shot.capture.mono:
        return pixel_shuffle(x, 2).expand(-1, 3, -1, -1)
    return demosaic.suppress_false_colour(demosaic.demosaic(x, k["method"], held=True), k["median_passes"])


def _highlights(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return color.highlights(x, shot.capture.white_balance, k["method"], k["threshold"])


def _matrix(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return color.colour_matrix(x, shot.capture.matrix, k["strength"])


def _exposure(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return color.exposure(x, shot.capture.baseline_ev, k["bias"])


def _tone(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return tone.tone_curve(x, **k)


def _local(x: Tensor, k: Any, shot: Shot) -> Tensor:
    active = (k["compression"] > 0) | (k["detail"] != 0)
    return where_active(local_contrast.local_contrast, x, active, k["compression"], k["detail"], k["radius"])


def _denoise(x: Tensor, k: Any, shot: Shot) -> Tensor:
    luma, chroma = k["luma"], k["chroma"]
    x = where_active(finish.denoise_luma, x, luma > 0, luma, k["luma_scales"], k["detail"])
    return where_active(finish.denoise_chroma, x, chroma > 0, chroma, k["chroma_scales"])


def _sharpen(x: Tensor, k: Any, shot: Shot) -> Tensor:
    return where_active(
        finish.sharpen, x, k["amount"] > 0, k["amount"], k["radius"], k["threshold"], k["halo"]
    )


def _colour(x: Tensor, k: Any, shot: Shot) -> Tensor:
    active = (k["saturation"] != 1) | (k["vibrance"] != 0) | (k["hue"] != 0)
    return where_active(finish.colour, x, active, k["saturation"], k["vibrance"], k["hue"])


STAGES: tuple[Stage, ...] = (
    Stage("black", _black, (
        Real("black.offset", -0.01, 0.02, 0.0, unit="share of range", help="added to the sensor's black level"),
    )),
    Stage("defects", _defects, (
        Real("defects.threshold", 0.05, 1.0, 0.3, unit="share of range, square root",
             help="how far a pixel must stand out from its neighbours to be corrected; 1 is never"),
    )),
    Stage("shading", _shading, (
        Real("shading.gain", 0.0, 1.5, 0.0, unit="share", help="how much corners are brightened"),
        Real("shading.power", 1.5, 6.0, 2.0, help="how late towards the corners that sets in"),
    )),
    Stage("raw_denoise", _raw_denoise, (
        Real("raw_denoise.luma", 0.0, 3.0, 0.6, unit="sigma of the sensor's noise",
             help="denoising of brightness in the mosaic"),
        Real("raw_denoise.chroma", 0.0, 5.0, 1.2, unit="sigma of the sensor's noise",
             help="denoising of colour differences in the mosaic"),
    )),
    Stage("white_balance", _white_balance, (
        Real("white_balance.red", 0.5, 2.0, 1.0, log=True, unit="factor", help="red over the camera's balance"),
        Real("white_balance.blue", 0.5, 2.0, 1.0, log=True, unit="factor", help="blue over the camera's balance"),
    )),
    Stage("demosaic", _demosaic, (
        Choice("demosaic.method", demosaic.METHODS, "menon2007", help="how missing colours are interpolated"),
        Integer("demosaic.median_passes", 0, 3, 0, help="median filters against false colours at edges"),
    )),
    Stage("highlights", _highlights, (
        Choice("highlights.method", color.HIGHLIGHT_METHODS, "clip",
               help="clipped pixels: cut to white, or fade to grey and keep brightness above white"),
        Real("highlights.threshold", 0.6, 0.99, 0.9, unit="share of clipping", help="where fading to grey begins"),
    )),
    Stage("matrix", _matrix, (
        Real("matrix.strength", 0.0, 1.5, 1.0, help="the colour matrix: 0 is camera colours, 1 as calibrated"),
    )),
    Stage("exposure", _exposure, (
        Real("exposure.bias", -2.0, 2.0, 0.0, unit="EV", help="brightness over the capture's own"),
    )),
    Stage("tone", _tone, (
        Real("tone.white", 1.0, 4.0, 1.0, log=True, unit="times white",
             help="the light that becomes white; above 1, highlights roll off"),
        Real("tone.black", -0.05, 0.1, 0.0, unit="share of white", help="the encoded value that becomes black"),
        Real("tone.gamma", 0.5, 2.0, 1.0, log=True, help="above 1 brightens midtones"),
        Real("tone.shadows", -1.0, 1.0, 0.0, help="lifts the darker half"),
        Real("tone.highlights", -1.0, 1.0, 0.0, help="lifts the brighter half"),
        Real("tone.contrast", -1.0, 1.0, 0.0, help="S curve about the middle"),
    )),
    Stage("luma_chroma", lambda x, k, shot: finish.to_luma_chroma(x)),
    Stage("local", _local, (
        Real("local.compression", 0.0, 0.9, 0.0, help="how much regions approach the mean brightness"),
        Real("local.detail", -0.5, 1.5, 0.0, help="contrast of what is finer than regions"),
        Real("local.radius", 8.0, 128.0, 32.0, log=True, unit="px", help="the size of a region"),
    )),
    Stage("denoise", _denoise, (
        Real("denoise.luma", 0.0, 0.1, 0.0, unit="share of white", help="noise taken out of brightness"),
        Integer("denoise.luma_scales", 1, 5, 3, help="how coarse that noise is at most: 1 is single pixels"),
        Real("denoise.detail", 0.0, 0.8, 0.1, unit="share", help="fine structure that stays at least"),
        Real("denoise.chroma", 0.0, 0.1, 0.005, unit="share of white", help="noise taken out of colour"),
        Integer("denoise.chroma_scales", 1, 5, 4, help="how coarse that noise is at most"),
    )),
    Stage("sharpen", _sharpen, (
        Real("sharpen.amount", 0.0, 3.0, 0.5, help="how much of the difference from a blurred copy is added"),
        Real("sharpen.radius", 0.4, 3.0, 0.8, log=True, unit="px", help="sigma of that blur"),
        Real("sharpen.threshold", 0.0, 0.05, 0.005, unit="share of white", help="differences up to this are noise"),
        Real("sharpen.halo", 0.0, 1.0, 0.3, unit="share", help="overshoot beyond the neighbours that stays"),
    )),
    Stage("colour", _colour, (
        Real("colour.saturation", 0.0, 2.0, 1.0, unit="factor", help="strength of all colours"),
        Real("colour.vibrance", -1.0, 1.0, 0.0, help="strength of pale colours"),
        Real("colour.hue", -30.0, 30.0, 0.0, unit="degrees", help="a turn of all hues"),
    )),
    Stage("encode", lambda x, k, shot: finish.to_rgb(x)),
    Stage("jpeg", lambda x, k, shot: where_active(finish.compress, x, k["quality"] < 100, k["quality"]), (
        Integer("jpeg.quality", 30, 100, 100, help="libjpeg's scale; 100 is no compression"),
    )),
)  # fmt: skip
"""In the textbook's order: sensor, colour, tone, luma and chroma, file."""
